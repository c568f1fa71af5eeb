"""Validation: right networks pass, planted faults are found and named, and what cannot be compared is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

import npusim
from npusim import resources
from npusim.bind import bind
from npusim.errors import EstimateError, InputError
from npusim.frontends.onnx import write_onnx
from npusim.ir import Graph, Layer
from npusim.ops.base import Array
from npusim.reference import family, seeded_weights, session
from npusim.reference.inputs import seeded_inputs
from npusim.reference.validate import constants, read_weights, validate
from npusim.zoo import build

SIZE = (14, 11)


def _graph(name: str) -> Graph:
    return bind(build(name), size=SIZE)


def _changed(graph: Graph, index: int, **fields: Any) -> Graph:
    """The graph with a layer changed."""
    layers = list(graph.layers)
    layers[index] = msgspec.structs.replace(layers[index], **fields)
    return msgspec.structs.replace(graph, layers=tuple(layers))


def _find(graph: Graph, op: str, at: int = 0) -> int:
    return [index for index, layer in enumerate(graph.layers) if layer.op == op][at]


def _paper(graph: Graph, **options: Any) -> bool:
    """Whether the graph computes what the paper's SESR does."""
    (first, *_) = validate(graph, **options).comparisons
    assert first.against.startswith("SESR of the paper")
    return first.holds


# --- what is right --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sesr-m3-x2", "sesr-m5-x4-hw", "sesr-m3-x3-expanded"])
def test_the_zoo_passes(name: str) -> None:
    found = validate(_graph(name), layers=True)
    assert found.holds
    assert [each.against.split()[0] for each in found.comparisons] == ["SESR", "onnxruntime"]
    assert found.comparisons[1].layers == len(_graph(name).layers)
    assert "seeded (0)" in found.weights
    assert found.inputs == {"input": (1, 1, 11, 14)}


def test_seeds_differ_and_repeat() -> None:
    graph = _graph("sesr-m3-x2-hw")
    first, again, other = (constants(graph, None, seed)[0] for seed in (1, 1, 2))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["conv1.weight"], other["conv1.weight"])
    one, two = (seeded_inputs(graph, seed)["input"] for seed in (1, 2))
    assert not np.array_equal(one, two)
    assert 0 <= one.min() < one.max() <= 1


def test_a_copy_inside_is_no_other_family() -> None:
    graph = _graph("sesr-m3-x2")
    add = _find(graph, "Add")
    assert not _paper(_changed(graph, add, op="Identity", inputs=graph.layers[add].inputs[:1]))
    copy = Layer("copy", "Identity", ("input",), ("copied",))
    first = msgspec.structs.replace(graph.layers[0], inputs=("copied", graph.layers[0].inputs[1]))
    tensors = {**graph.tensors, "copied": msgspec.structs.replace(graph.tensors["sub1"], name="copied")}
    copied = msgspec.structs.replace(graph, tensors=tensors, layers=(copy, first, *graph.layers[1:]))
    assert _paper(copied)


def test_a_network_of_another_family_says_so() -> None:
    found = validate(_graph("fsrcnn-x2"))
    assert found.holds
    assert len(found.skipped) == 1
    assert found.skipped[0].startswith("SESR of the paper")


# --- planted faults -------------------------------------------------------------------------------------------------


def test_a_skip_left_out_is_found() -> None:
    graph = _graph("sesr-m3-x2")
    add = _find(graph, "Add")
    assert not _paper(_changed(graph, add, op="Add", inputs=(graph.layers[add].inputs[0],) * 2))
    last = _find(graph, "Add", 1)
    image = graph.layers[last].inputs.index("input")
    kept = graph.layers[last].inputs[1 - image]
    assert not _paper(_changed(graph, last, inputs=(kept, kept)))


def test_a_pad_off_by_one_is_found() -> None:
    graph = _graph("sesr-m3-x2-hw")
    conv = _find(graph, "Conv", 1)
    shifted = {**graph.layers[conv].attrs, "pads": (2, 1, 0, 1)}
    assert _paper(graph)
    assert not _paper(_changed(graph, conv, attrs=shifted))


def test_channels_in_another_order_are_found() -> None:
    """At x2 both orders are one, as one channel is made; at x4 they are not."""
    for name, same in (("sesr-m3-x2-hw", True), ("sesr-m3-x4-hw", False)):
        graph = _graph(name)
        first = _find(graph, "DepthToSpace")
        turned = {**graph.layers[first].attrs, "mode": "CRD"}
        assert _paper(_changed(graph, first, attrs=turned)) is same


def _stored(path: Path, name: str, weights: dict[str, Array]) -> Path:
    write_onnx(build(name), path, weights)
    return path


def test_a_kernel_transposed_is_found_by_its_layer(tmp_path: Path) -> None:
    held = seeded_weights(_graph("sesr-m3-x2-hw"))
    third = [name for name in held if name.endswith("weight")][2]
    turned = {**held, third: np.ascontiguousarray(held[third].swapaxes(2, 3))}
    right = _stored(tmp_path / "right.onnx", "sesr-m3-x2-hw", held)
    wrong = _stored(tmp_path / "wrong.onnx", "sesr-m3-x2-hw", turned)
    good, bad = (npusim.load(path, size=SIZE) for path in (right, wrong))
    assert validate(good, against=good, layers=True).holds
    found = validate(bad, against=good, layers=True)
    assert not found.holds
    assert "of the graph's own" in found.weights
    (by_file,) = [each for each in found.comparisons if each.against == good.name]
    assert by_file.first_layer == third.removesuffix(".weight")
    assert by_file.first is not None
    assert by_file.first.max_rel is not None
    assert by_file.first.max_rel > 0.01
    assert [each.holds for each in found.comparisons if each is not by_file] == [True, True]


def test_graphs_of_other_inputs_cannot_be_compared() -> None:
    with pytest.raises(InputError, match="are not as those of") as raised:
        validate(_graph("sesr-m3-x2"), against=_graph("imdn-x2"))
    assert raised.value.code == "shape-mismatch"


def test_an_output_of_another_shape_differs() -> None:
    found = validate(_graph("sesr-m3-x2-hw"), against=_graph("sesr-m3-x3-hw"))
    (other,) = [each for each in found.comparisons if each.against == "sesr-m3-x3-hw"]
    assert not other.holds
    assert other.outputs[0].expected_shape == (1, 1, 33, 42)


# --- weights --------------------------------------------------------------------------------------------------------


def test_weights_may_be_given(tmp_path: Path) -> None:
    graph = _graph("sesr-m3-x2-hw")
    name = "conv1.weight"
    np.savez(tmp_path / "w.npz", **{name: np.ones((16, 1, 5, 5), np.float32)})
    given = read_weights(tmp_path / "w.npz")
    held, source = constants(graph, given, 0)
    assert held[name].min() == 1
    assert "1 from the file given" in source
    assert "4 seeded" in source
    assert validate(graph, weights=given).holds


def test_a_file_without_weights_is_seeded() -> None:
    """Zeros that ConstantOfShape makes are no weights."""
    path = resources.path("models", "sesr-m3-x2-hw.onnx")
    held, source = constants(npusim.load(path, size=SIZE), None, 0)
    assert "5 seeded" in source
    assert np.any(held["conv1.weight"])


def test_weights_of_no_constant_are_one_error() -> None:
    with pytest.raises(InputError, match="'nowhere'") as raised:
        validate(_graph("sesr-m3-x2"), weights={"nowhere": np.zeros(3)})
    assert raised.value.code == "unknown-weights"


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 cut"])
def test_a_file_that_is_no_npz_is_one_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "w.npz"
    path.write_bytes(content)
    with pytest.raises(InputError) as raised:
        read_weights(path)
    assert raised.value.code == "bad-weights"


def test_one_array_has_no_names(tmp_path: Path) -> None:
    np.save(tmp_path / "w.npy", np.zeros(3))
    with pytest.raises(InputError, match="no names"):
        read_weights(tmp_path / "w.npy")


# --- what there is to compare with ----------------------------------------------------------------------------------


def test_without_onnxruntime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "is_installed", lambda: False)
    found = validate(_graph("sesr-m3-x2-hw"))
    assert [each.against.split()[0] for each in found.comparisons] == ["SESR"]
    assert "npusim[validate]" in found.skipped[0]
    with pytest.raises(EstimateError, match=r"--against") as raised:
        validate(_graph("fsrcnn-x2"))
    assert "npusim[validate]" in raised.value.what
    assert raised.value.code == "nothing-to-compare"


def _onnx(nodes: list[Any], kind: int, shape: list[int], stored: dict[str, Array] | None = None) -> Graph:
    made = helper.make_graph(
        nodes, "made", [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", kind, None)],
        [numpy_helper.from_array(array, name) for name, array in (stored or {}).items()],
    )  # fmt: skip
    return npusim.load(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString())


def test_indices_are_fed_as_whole_numbers() -> None:
    """Rows 0 and 1 of a table of two."""
    node = helper.make_node("Gather", ["table", "x"], ["y"], name="look")
    graph = _onnx([node], TensorProto.INT64, [6], {"table": np.array([3, 5], np.int64)})
    assert set(seeded_inputs(graph, 0)["x"].tolist()) <= {0, 1}
    assert validate(graph).holds


def test_text_cannot_be_made() -> None:
    graph = _onnx([helper.make_node("Identity", ["x"], ["y"], name="same")], TensorProto.STRING, [2])
    with pytest.raises(InputError, match="text"):
        validate(graph)


def test_what_onnxruntime_refuses_is_said() -> None:
    """The mode of a DepthToSpace is no attribute of opset 7."""
    odd = msgspec.structs.replace(_graph("sesr-m3-x2-hw"), opsets={"": 7})
    found = validate(odd)
    assert [each.against.split()[0] for each in found.comparisons] == ["SESR"]
    assert found.skipped[0].startswith("onnxruntime: it cannot run the graph")


def test_a_mask_that_nothing_reads_is_not_compared() -> None:
    """A Dropout of old has a mask of its input's type; its result and that of the layer behind it are compared."""
    nodes = [
        helper.make_node("Dropout", ["x"], ["d", "mask"], name="drop"),
        helper.make_node("Relu", ["d"], ["y"], name="act"),
    ]
    graph = _onnx(nodes, TensorProto.FLOAT, [4])
    found = validate(msgspec.structs.replace(graph, opsets={"": 7}), layers=True)
    assert [each.layers for each in found.comparisons] == [2]


# --- the family -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["espcn-x2", "vdsr-x2", "sesr-m5-aimet-rgb-x2", "quicksrnet-small-x2", "ecbsr-m4c8-x2"]
)
def test_other_networks_are_no_sesr(name: str) -> None:
    graph = _graph(name)
    assert family.sesr_of(graph, constants(graph, None, 0)[0]) is None


def test_kernels_that_are_nearly_those_of_a_sesr() -> None:
    graph = _graph("sesr-m3-x2")
    held = constants(graph, None, 0)[0]
    assert family.sesr_of(graph, held) is not None
    conv = _find(graph, "Conv", 1)
    strided = {**graph.layers[conv].attrs, "strides": (2, 2)}
    assert family.sesr_of(_changed(graph, conv, attrs=strided), held) is None
    act = _find(graph, "PRelu")
    assert family.sesr_of(_changed(graph, act, op="Relu", inputs=graph.layers[act].inputs[:1]), held) is None
    small = {**held, graph.layers[conv].inputs[1]: np.zeros((16, 16, 1, 1), np.float32)}
    assert family.sesr_of(graph, small) is None
    other = {**held, graph.layers[conv].inputs[1]: np.zeros((16, 16, 5, 5), np.float32)}
    assert family.sesr_of(graph, other) is None
