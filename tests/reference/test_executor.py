"""The executor: graphs by hand, every network of the zoo against onnxruntime, memory, and what it refuses."""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any

import msgspec
import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import npusim
from npusim.bind import bind
from npusim.errors import EstimateError, InputError
from npusim.frontends.onnx.write import to_proto
from npusim.ir import DType, Graph
from npusim.model import Constant, Model
from npusim.ops import OPS
from npusim.ops.base import Array
from npusim.reference import execute, seeded_weights
from npusim.zoo import build
from npusim.zoo.index import BY_NAME


def _loaded(
    nodes: list[Any], inputs: dict[str, Any], outputs: list[str], stored: dict[str, Any] | None = None
) -> Graph:
    """A graph of float32 inputs with these shapes."""
    ins = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()]
    outs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    constants = [numpy_helper.from_array(np.asarray(array), name) for name, array in (stored or {}).items()]
    graph = helper.make_graph(nodes, "made", ins, outs, constants)
    return npusim.load(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString())


def _node(op: str, inputs: list[str], outputs: list[str], **attrs: Any) -> Any:
    return helper.make_node(op, inputs, outputs, name=f"{op}_{outputs[0]}", **attrs)


def _chain() -> Graph:
    """y = relu(2 x + b); z = y + x."""
    nodes = [
        _node("Mul", ["x", "two"], ["twice"]),
        _node("Add", ["twice", "b"], ["sum"]),
        _node("Relu", ["sum"], ["y"]),
        _node("Add", ["y", "x"], ["z"]),
    ]
    return _loaded(nodes, {"x": [3]}, ["y", "z"], {"two": np.float32(2), "b": np.array([1, -9, 0.5], np.float32)})


X = np.array([1, 2, -3], np.float32)


def test_a_graph_by_hand() -> None:
    """2 x + b = 3, -5, -5.5; rectified 3, 0, 0; plus x."""
    made = execute(_chain(), {"x": X})
    assert {name: array.tolist() for name, array in made.items()} == {"y": [3, 0, 0], "z": [4, 2, -3]}


def test_any_tensor_may_be_asked_for() -> None:
    made = execute(_chain(), {"x": X}, wanted=["sum", "b", "x"])
    assert made["sum"].tolist() == [3, -5, -5.5]
    assert made["b"].tolist() == [1, -9, 0.5]
    assert made["x"].tolist() == [1, 2, -3]


def test_given_weights_go_before_stored_ones() -> None:
    """2 x + 0 rectified: 2, 4, 0."""
    assert execute(_chain(), {"x": X}, {"b": np.zeros(3)})["y"].tolist() == [2, 4, 0]


def test_precision_is_that_of_every_real_tensor() -> None:
    """1e-9 added to 1 is lost in float32."""
    nodes = [_node("Add", ["x", "b"], ["y"]), _node("Cast", ["y"], ["z"], to=TensorProto.FLOAT)]
    graph = _loaded(nodes, {"x": [1]}, ["z"], {"b": np.array([1e-9], np.float32)})
    one = {"x": np.ones(1)}
    assert execute(graph, one)["z"].tolist() == [1.0]
    wide = execute(graph, one, precision=DType.FLOAT64)["z"]
    assert wide.dtype == np.float64
    assert wide[0] - 1 == pytest.approx(1e-9, rel=1e-5)


def test_shapes_that_depend_on_data_are_followed() -> None:
    """The places of what is not zero: at most 4 of them, here 2."""
    nodes = [_node("NonZero", ["x"], ["at"]), _node("Cast", ["at"], ["y"], to=TensorProto.FLOAT)]
    made = execute(_loaded(nodes, {"x": [4]}, ["y"]), {"x": np.array([0, 5, 0, 7], np.float32)})
    assert made["y"].tolist() == [[1, 3]]


def test_an_output_that_is_left_out_is_no_trouble() -> None:
    """Only the last hidden state of a recurrent layer without weights: tanh(0)."""
    nodes = [_node("RNN", ["x", "w", "r"], ["", "h"], hidden_size=2)]
    stored = {"w": np.zeros((1, 2, 3), np.float32), "r": np.zeros((1, 2, 2), np.float32)}
    nodes[0].name = "rnn"
    made = execute(_loaded(nodes, {"x": [4, 1, 3]}, ["h"], stored), {"x": np.ones((4, 1, 3))})
    assert made["h"].tolist() == [[[0, 0]]]


# --- the zoo --------------------------------------------------------------------------------------------------------


def with_weights(model: Model, weights: dict[str, Array]) -> Model:
    """The model with these elements stored."""
    constants = {
        name: Constant(name, c.shape, c.dtype, (lambda a=weights[name]: a) if name in weights else c.read)
        for name, c in model.constants.items()
    }
    return msgspec.structs.replace(model, constants=constants)


def by_onnxruntime(model: Model, image: Array) -> Array:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        to_proto(model).SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return np.asarray(session.run(None, {"input": image})[0])


WIDE = ("rfdn", "rlfn")  # their attention pools by 7 after a step of 2, and needs a larger frame


@pytest.mark.parametrize("name", BY_NAME)
def test_every_network_of_the_zoo_as_onnxruntime_computes_it(name: str) -> None:
    """The same seeded weights stored in the file. Sums differ in their order: 1e-4 of what the last layer reads."""
    model, size = build(name), (33, 32) if name.startswith(WIDE) else (11, 9)
    graph = bind(model, size=size)
    weights = seeded_weights(graph)
    image = np.random.default_rng(1).random(graph.tensors["input"].shape, np.float32)
    wanted = ["output", *(x for x in graph.layers[-1].inputs if x and not graph.tensors[x].is_constant)]
    held = execute(graph, {"input": image}, weights, wanted=wanted)
    mine, largest = held["output"], max(np.abs(array).max() for array in held.values())
    stored = with_weights(model, weights)
    theirs = by_onnxruntime(stored, image)
    assert mine.dtype == np.float32
    assert mine.shape == theirs.shape
    assert mine.std() > 0
    np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-4 * largest)
    read = bind(stored, size=size)  # the graph with its weights inside
    np.testing.assert_array_equal(execute(read, {"input": image})["output"], mine)


# --- memory ---------------------------------------------------------------------------------------------------------


def test_a_frame_through_sesr_m5_holds_few_tensors() -> None:
    """At 480 x 270 a tensor of 16 channels has 8 MiB. The widest layer, a PReLU behind the first skip's source, holds
    five of them and a mask; a 1080p frame, 16 times as large, so stays under 1 GiB.
    """
    graph = bind(build("sesr-m5-x2"), size=(480, 270))
    weights = seeded_weights(graph)
    image = np.zeros((1, 1, 270, 480), np.float32)
    execute(graph, {"input": image}, weights)  # modules are imported
    gc.collect()
    tracemalloc.start()
    try:
        execute(graph, {"input": image}, weights)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < (1 << 30) // 16


# --- seeded weights -------------------------------------------------------------------------------------------------


def test_seeded_weights_are_the_same_each_time_and_differ_by_seed() -> None:
    graph = bind(build("fsrcnn-x2"), size=(8, 8))
    first, again, other = seeded_weights(graph, 1), seeded_weights(graph, 1), seeded_weights(graph, 2)
    assert first.keys() == again.keys() == other.keys()
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not any(np.array_equal(first[name], other[name]) for name in first)


def test_seeded_weights_keep_the_size_of_a_signal() -> None:
    """He: variance 2 over the inputs of an output, 64 * 9; 64 * 64 * 9 elements know it to about 1 %."""
    graph = bind(build("vdsr-x2"), size=(8, 8))
    widest = [array for array in seeded_weights(graph).values() if array.shape == (64, 64, 3, 3)]
    assert len(widest) == 18
    assert all(array.var() == pytest.approx(2 / 576, rel=0.05) for array in widest)


def test_seeded_weights_of_each_kind() -> None:
    """A variance is positive, a scale near 1, a slope between 0 and 1, and a setting is left as it is."""
    nodes = [
        _node("BatchNormalization", ["x", "scale", "shift", "mean", "variance"], ["n"]),
        _node("PRelu", ["n", "slope"], ["p"]),
        _node("ConvTranspose", ["p", "w"], ["t"], strides=[2, 2]),
        _node("Clip", ["t", "low"], ["y"]),
    ]
    each = np.ones(400, np.float32)
    stored = dict.fromkeys(("scale", "shift", "mean", "variance"), each)
    stored |= {
        "slope": each.reshape(400, 1, 1), "low": np.float32(0), "w": np.ones((400, 2, 2, 2), np.float32),
    }  # fmt: skip
    made = seeded_weights(_loaded(nodes, {"x": [1, 400, 2, 2]}, ["y"], stored))
    assert made.keys() == {"scale", "shift", "mean", "variance", "slope", "w"}
    assert made["variance"].min() > 0
    assert made["scale"].mean() == pytest.approx(1, abs=0.05)
    assert abs(made["shift"].mean()) < 0.05
    assert 0 < made["slope"].min() < made["slope"].max() < 1
    assert made["w"].var() == pytest.approx(2 / 400, rel=0.1)  # each output sums 400 * 4 / 4 products


# --- refusals -------------------------------------------------------------------------------------------------------


def _refused(graph: Graph, inputs: dict[str, Array], **options: Any) -> InputError:
    with pytest.raises(InputError) as raised:
        execute(graph, inputs, **options)
    return raised.value


def test_all_operators_that_cannot_run_are_named_at_once() -> None:
    nodes = [
        _node("RandomNormalLike", ["x"], ["r"]),
        _node("Bernoulli", ["x"], ["b"]),
        _node("Add", ["r", "b"], ["y"]),
    ]
    fault = _refused(_loaded(nodes, {"x": [3]}, ["y"]), {"x": X})
    assert fault.code == "no-execute"
    assert "Bernoulli, RandomNormalLike" in fault.what


def _loop(trips: int) -> Graph:
    """The state rectified in each turn; the states of all turns are stacked."""
    body = helper.make_graph(
        [
            _node("Identity", ["go"], ["on"]),
            _node("Relu", ["state"], ["next"]),
            _node("Add", ["next", "one"], ["more"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("state", TensorProto.FLOAT, [3]),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, [3]),
            helper.make_tensor_value_info("more", TensorProto.FLOAT, [3]),
        ],
    )
    loop = _node("Loop", ["trips", "", "x"], ["y", "z"], body=body)
    return _loaded([loop], {"x": [3]}, ["y", "z"], {"trips": np.int64(trips), "one": np.float32(1)})


def test_a_loop_of_one_turn_runs() -> None:
    """1, 2, -3 rectified, and one more."""
    made = execute(_loop(1), {"x": X})
    assert made["y"].tolist() == [1, 2, 0]
    assert made["z"].tolist() == [[2, 3, 1]]


def test_a_loop_that_never_turns_gives_what_it_got() -> None:
    graph = _loop(0)
    assert execute(graph, {"x": X}, wanted=["y"])["y"].tolist() == X.tolist()


def test_a_counted_loop_is_refused() -> None:
    fault = _refused(_loop(5), {"x": X})
    assert fault.code == "no-execute"
    assert "5 turns of a loop" in fault.what


def _identity(name: str) -> Any:
    """A branch that gives x as it is, or its negative."""
    op = "Identity" if name == "then_branch" else "Neg"
    out = helper.make_tensor_value_info("b", TensorProto.FLOAT, [3])
    return helper.make_graph([helper.make_node(op, ["x"], ["b"], name=op)], name, [], [out])


def test_a_branch_that_data_choose_is_refused() -> None:
    """The graph has the dearer branch alone, and would be wrong for half of all inputs."""
    branches = {name: _identity(name) for name in ("then_branch", "else_branch")}
    nodes = [
        _node("ReduceSum", ["x"], ["sum"], keepdims=0),
        _node("Greater", ["sum", "zero"], ["up"]),
        _node("If", ["up"], ["y"], **branches),
    ]
    weighed = {"zero": np.float32(0)}
    fault = _refused(_loaded(nodes, {"x": [3]}, ["y"], weighed), {"x": X})
    assert fault.code == "no-execute"
    assert "If_y" in fault.what


def test_too_little_memory_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> list[Array]:
        raise MemoryError("no room")

    monkeypatch.setitem(OPS._entries, "Relu", msgspec.structs.replace(OPS["Relu"], execute=full))
    with pytest.raises(EstimateError, match="no room") as raised:
        execute(_chain(), {"x": X})
    assert raised.value.code == "too-large"


@pytest.mark.parametrize(
    ("inputs", "options", "code", "match"),
    [
        ({}, {}, "missing-input", "x"),
        ({"x": X, "q": X}, {}, "undefined-value", "its inputs are x"),
        ({"x": np.ones(4)}, {}, "shape-mismatch", r"\(4,\)"),
        ({"x": X}, {"weights": {"b": np.ones(2)}}, "shape-mismatch", r"\(2,\)"),
        ({"x": X}, {"wanted": ["nowhere"]}, "undefined-value", "nowhere"),
    ],
)
def test_arrays_that_do_not_fit_are_one_error(
    inputs: dict[str, Array], options: dict[str, Any], code: str, match: str
) -> None:
    with pytest.raises(InputError, match=match) as raised:
        execute(_chain(), inputs, **options)
    assert raised.value.code == code


def test_a_graph_without_weights_says_which_it_lacks() -> None:
    graph = bind(build("sesr-m5-x2"), size=(8, 8))
    fault = _refused(graph, {"input": np.zeros((1, 1, 8, 8))})
    assert fault.code == "no-weights"
    assert "conv2.weight" in fault.what
    assert "more" in fault.what


def test_what_an_operator_cannot_take_is_one_error() -> None:
    """Place 7 of an array of 3."""
    nodes = [_node("Cast", ["at"], ["where"], to=TensorProto.INT64), _node("Gather", ["x", "where"], ["y"])]
    fault = _refused(_loaded(nodes, {"x": [3], "at": [1]}, ["y"]), {"x": X, "at": np.array([7.0])})
    assert fault.code == "bad-node"
    assert "Gather" in fault.where
