"""Damaged files: whatever bytes are changed, the outcome is an estimate or one clear error, never anything else."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import GraphProto, TensorProto, helper, numpy_helper

import npusim
from npusim import counts
from npusim.errors import NpusimError

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
value = helper.make_tensor_value_info
node = helper.make_node


def _ints(name: str, *values: int) -> TensorProto:
    return numpy_helper.from_array(np.array(values, np.int64), name)


def _weights(name: str, *shape: int) -> TensorProto:
    return numpy_helper.from_array(np.ones(shape, np.float32), name)


def _model(nodes: list[onnx.NodeProto], stored: list[TensorProto], shape: tuple[int, ...], opset: int = 17) -> bytes:
    graph = helper.make_graph(nodes, "g", [value("x", FLOAT, shape)], [value("y", FLOAT, None)], stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    return bytes(model.SerializeToString())


def _image() -> bytes:
    return _model(
        [
            node("Conv", ["x", "w", "b"], ["c"], strides=[2, 2], pads=[1, 1, 1, 1], kernel_shape=[3, 3]),
            node("BatchNormalization", ["c", "b", "b", "b", "b"], ["n"]),
            node("MaxPool", ["n"], ["p"], kernel_shape=[2, 2], strides=[1, 1], dilations=[1, 1]),
            node("ConvTranspose", ["p", "t"], ["u"], strides=[2, 2], group=2, output_padding=[1, 1]),
            node("Resize", ["u", "", "scales"], ["r"], mode="nearest"),
            node("DepthToSpace", ["r"], ["y"], blocksize=2),
        ],
        [_weights("w", 4, 3, 3, 3), _weights("b", 4), _weights("t", 4, 2, 3, 3),
         numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "scales")],
        (1, 3, 9, 11),
    )  # fmt: skip


_RANGE = {"start": 0, "limit": 3, "step": 1}


def _shapes() -> bytes:
    fill = numpy_helper.from_array(np.array([2.0], np.float32))
    return _model(
        [
            node("Shape", ["x"], ["s"]),
            node("Gather", ["s", "zero"], ["n"], axis=0),
            node("Concat", ["n", "rest"], ["target"], axis=0),
            node("Reshape", ["x", "target"], ["flat"]),
            node("ConstantOfShape", ["rest2"], ["made"], value=fill),
            node("MatMul", ["flat", "made"], ["m"]),
            node("Range", ["start", "limit", "step"], ["range"]),
            node("Cast", ["range"], ["ranged"], to=FLOAT),
            node("Tile", ["ranged", "twice"], ["tiled"]),
            node("Add", ["m", "tiled"], ["a"]),
            node("Expand", ["a", "wide"], ["e"]),
            node("Slice", ["e", "begin", "end", "axes"], ["sl"]),
            node("Pad", ["sl", "pads"], ["y"]),
        ],
        [_ints("zero", 0), _ints("rest", -1), _ints("rest2", 12, 6), _ints("twice", 2), _ints("wide", 3, 2, 6),
         *(numpy_helper.from_array(np.array(number, np.int64), name) for name, number in _RANGE.items()),
         _ints("begin", 0), _ints("end", 2), _ints("axes", 1),
         _ints("pads", 0, 0, 1, 0, 0, 1)],
        (2, 3, 4),
    )  # fmt: skip


def _sequence_products() -> bytes:
    return _model(
        [
            node("Gemm", ["x", "w", "b"], ["g"], transB=1),
            node("Einsum", ["g", "v"], ["e"], equation="ij,jk->ik"),
            node("Reshape", ["e", "shape"], ["q"]),
            node("LSTM", ["q", "lw", "lr"], ["l"], hidden_size=5, direction="forward"),
            node("Squeeze", ["l", "one"], ["sq"]),
            node("LayerNormalization", ["sq", "scale"], ["ln"], axis=-1),
            node("ReduceMean", ["ln"], ["rm"], axes=[0], keepdims=1),
            node("Softmax", ["rm"], ["sm"], axis=-1),
            node("SplitToSequence", ["sm", "ones"], ["seq"], axis=2),
            node("SequenceAt", ["seq", "at"], ["y"]),
        ],
        [_weights("w", 6, 8), _weights("b", 6), _weights("v", 6, 7), _ints("shape", 4, 1, 7), _weights("lw", 1, 20, 7),
         _weights("lr", 1, 20, 5), _ints("one", 1), _weights("scale", 5), _ints("ones", 2, 3), _ints("at", 0)],
        (4, 8),
    )  # fmt: skip


def _control() -> bytes:
    then = helper.make_graph([node("MatMul", ["x", "w"], ["t"])], "then", [], [value("t", FLOAT, None)])
    other = helper.make_graph([node("Relu", ["x"], ["o"])], "else", [], [value("o", FLOAT, None)])
    body = helper.make_graph(
        [node("MatMul", ["state", "w"], ["next"]), node("Identity", ["go"], ["going"]), node("Neg", ["next"], ["row"])],
        "body", [value("i", INT64, []), value("go", BOOL, []), value("state", FLOAT, None)],
        [value("going", BOOL, []), value("next", FLOAT, None), value("row", FLOAT, None)],
    )  # fmt: skip
    step = helper.make_graph(
        [node("Add", ["sum", "each"], ["total"]), node("Relu", ["total"], ["out"])], "step",
        [value("sum", FLOAT, None), value("each", FLOAT, None)],
        [value("total", FLOAT, None), value("out", FLOAT, None)],
    )  # fmt: skip
    return _model(
        [
            node("ReduceSum", ["x"], ["total0"], keepdims=0),
            node("Cast", ["total0"], ["positive"], to=BOOL),
            node("If", ["positive"], ["a"], then_branch=then, else_branch=other),
            node("Loop", ["trips", "", "a"], ["last", "rows"], body=body),
            node("ReduceMax", ["rows"], ["start"], axes=[0, 1], keepdims=0),
            node("Scan", ["start", "last"], ["final", "y"], body=step, num_scan_inputs=1),
        ],
        [_weights("w", 4, 4), numpy_helper.from_array(np.array(3, np.int64), "trips")],
        (4, 4),
    )  # fmt: skip


def _quantised() -> bytes:
    scale = numpy_helper.from_array(np.array(0.1, np.float32), "scale")
    zero = numpy_helper.from_array(np.array(0, np.int8), "zero")
    sparse = helper.make_sparse_tensor(_weights("sparse", 2), _ints("where", 1, 5), [4, 3])
    graph = helper.make_graph(
        [
            node("QuantizeLinear", ["x", "scale", "zero"], ["q"]),
            node("DequantizeLinear", ["q", "scale", "zero"], ["d"]),
            node("DequantizeLinear", ["w8", "scale", "zero"], ["w"]),
            node("Conv", ["d", "w"], ["c"], auto_pad="SAME_UPPER"),
            node("Transpose", ["c"], ["t"], perm=[0, 2, 3, 1]),
            node("MatMul", ["t", "sparse"], ["y"]),
        ],
        "g", [value("x", FLOAT, [1, 2, 5, 5])], [value("y", FLOAT, None)],
        [scale, zero, numpy_helper.from_array(np.ones((4, 2, 3, 3), np.int8), "w8")], sparse_initializer=[sparse],
    )  # fmt: skip
    return bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    )


SEEDS = {
    "image": _image(),
    "shapes": _shapes(),
    "products": _sequence_products(),
    "control": _control(),
    "qdq": _quantised(),
}


def _outcome(data: bytes) -> str:
    """``estimated``, or the line of the error; every other exception passes through and fails the test."""
    try:
        graph = npusim.load(data)
        result = npusim.estimate(graph, level="roofline")
        npusim.estimate(graph)
    except NpusimError as fault:
        return str(fault)
    assert result.totals.macs == counts.macs(graph) >= 0
    return "estimated"


@st.composite
def _damaged(draw: st.DrawFn) -> bytes:
    """One of the seeds with a bit flipped, a byte replaced, a part cut out, doubled, moved, or something put in."""
    data = bytearray(draw(st.sampled_from(list(SEEDS.values()))))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data) - 1))
        length = draw(st.integers(1, 24))
        kind = draw(st.sampled_from(["flip", "byte", "cut", "double", "put", "swap", "end"]))
        if kind == "flip":
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "byte":
            data[at] = draw(st.sampled_from([0, 1, 127, 128, 255]))
        elif kind == "cut":
            del data[at : at + length]
        elif kind == "double":
            data[at:at] = data[at : at + length]
        elif kind == "put":
            data[at:at] = draw(st.binary(min_size=1, max_size=8))
        elif kind == "swap":
            other = draw(st.integers(0, len(data) - 1))
            data[at : at + length], data[other : other + length] = data[other : other + length], data[at : at + length]
        else:
            del data[max(at, 1) :]
        if not data:
            return b"\0"
    return bytes(data)


@pytest.mark.parametrize("name", SEEDS)
def test_the_undamaged_files_are_estimated(name: str) -> None:
    assert _outcome(SEEDS[name]) == "estimated"


@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(_damaged())
def test_any_damage_is_an_estimate_or_one_error(data: bytes) -> None:
    outcome = _outcome(data)
    assert outcome == "estimated" or (outcome.endswith("]") and "\n" not in outcome)


OPERATORS = sorted({each.op_type for seed in SEEDS.values() for each in onnx.ModelProto.FromString(seed).graph.node})
_NUMBERS = [0, -1, 1, 2, 7, 2**31, 2**40, -(2**40), 2**63 - 1, -(2**63)]


def _graphs(graph: GraphProto) -> Iterator[GraphProto]:
    yield graph
    for inner in graph.node:
        for attr in inner.attribute:
            if attr.HasField("g"):
                yield from _graphs(attr.g)


def _places(graph: GraphProto) -> list[Callable[[int], None]]:
    """Every number of a graph as a way to set it: attributes, sizes, and the elements of stored integers."""
    places: list[Callable[[int], None]] = []
    for attr in (attr for each in graph.node for attr in each.attribute):
        if attr.type == attr.INT:
            places.append(lambda number, attr=attr: setattr(attr, "i", number))  # type: ignore[misc]
        places += [partial(attr.ints.__setitem__, at) for at in range(len(attr.ints))]
    for dim in (dim for taken in graph.input for dim in taken.type.tensor_type.shape.dim):
        places.append(lambda number, dim=dim: setattr(dim, "dim_value", number))  # type: ignore[misc]
    for tensor in graph.initializer:
        places += [partial(tensor.dims.__setitem__, at) for at in range(len(tensor.dims))]
        if tensor.data_type == INT64:
            places += [partial(_set_element, tensor, at) for at in range(len(tensor.raw_data) // 8)]
    return places


def _set_element(tensor: TensorProto, at: int, number: int) -> None:
    elements = np.frombuffer(tensor.raw_data, np.int64).copy()
    elements[at] = number
    tensor.raw_data = elements.tobytes()


@st.composite
def _renumbered(draw: st.DrawFn) -> bytes:
    """One of the seeds with other numbers, or other names in the places of inputs and operators."""
    proto = onnx.ModelProto.FromString(draw(st.sampled_from(list(SEEDS.values()))))
    for _ in range(draw(st.integers(1, 2))):
        graph = draw(st.sampled_from(list(_graphs(proto.graph))))
        taken = draw(st.sampled_from(graph.node))
        kind = draw(st.sampled_from(["number", "number", "number", "input", "operator", "output", "attribute"]))
        places = _places(graph)
        if kind == "number" and places:
            draw(st.sampled_from(places))(draw(st.sampled_from(_NUMBERS)))
        elif kind == "input" and taken.input:
            names = ["", *(name for each in graph.node for name in (*each.input, *each.output))]
            taken.input[draw(st.integers(0, len(taken.input) - 1))] = draw(st.sampled_from(names))
        elif kind == "operator":
            taken.op_type = draw(st.sampled_from(OPERATORS))
        elif kind == "output":
            taken.output.append("another")
        elif kind == "attribute" and taken.attribute:
            del taken.attribute[draw(st.integers(0, len(taken.attribute) - 1))]
    return bytes(proto.SerializeToString())


@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(_renumbered())
def test_any_number_is_an_estimate_or_one_error_and_needs_no_memory(data: bytes) -> None:
    """A size of 2**40 is counted, or refused, and never allocated: what Python holds at once stays below 64 MiB."""
    tracemalloc.start()
    try:
        outcome = _outcome(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert outcome == "estimated" or (outcome.endswith("]") and "\n" not in outcome)
    assert peak < 64 << 20
