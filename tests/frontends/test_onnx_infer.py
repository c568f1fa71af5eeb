"""Standard operators that npusim has no rule for: shapes come from onnx itself, and nothing it raises gets out."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto
from onnx_kit import model, node, value

import npusim
from npusim.errors import EstimateError
from npusim.frontends.onnx.infer import Fallback, is_standard
from npusim.ir import DType
from npusim.model import Model, Node

ASK = Fallback({"": 17, "com.acme": 1}, 8)
F32 = DType.FLOAT32


@pytest.mark.parametrize("op", ["Conv", "Upsample", "Scatter", "If", "StringSplit"])
def test_operators_of_any_version_are_standard(op: str) -> None:
    assert is_standard(op)


@pytest.mark.parametrize("op", ["", "conv", "NotAnOp", "FusedConv"])
def test_others_are_not(op: str) -> None:
    assert not is_standard(op)


def test_shapes_and_types() -> None:
    attrs = {"kernel_shape": (3, 3), "strides": (2, 2)}
    conv = Node("n", "Conv", ("x", "w"), ("y",), attrs)
    assert ASK(conv, [((1, 4, 9, 9), F32), ((6, 4, 3, 3), F32)], [None, None]) == [((1, 6, 4, 4), F32)]


def test_values_and_types_in_attributes_are_handed_on() -> None:
    shape = Node("n", "Reshape", ("x", "to"), ("y",), {"opset": 17})
    assert ASK(shape, [((2, 6), F32), ((2,), DType.INT64)], [None, np.array([3, -1])]) == [((3, 4), F32)]
    cast = Node("n", "Cast", ("x",), ("y",), {"to": DType.INT8})
    assert ASK(cast, [((2, 6), F32)], [None]) == [((2, 6), DType.INT8)]
    fill = Node(
        "n", "ConstantOfShape", ("s",), ("y",), {"value": np.array([1], np.int32), "body": Model("", (), (), ())}
    )
    assert ASK(fill, [((1,), DType.INT64)], [np.array([5])]) == [((5,), DType.INT32)]


def test_a_left_out_input() -> None:
    clip = Node("n", "Clip", ("x", "", "high"), ("y",))
    assert ASK(clip, [((2, 6), F32), None, ((), F32)], [None, None, None]) == [((2, 6), F32)]


@pytest.mark.parametrize(
    "given",
    [
        Node("n", "Reshape", ("x", "to"), ("y",)),  # the shape is not known
        Node("n", "NotAnOp", ("x", "to"), ("y",)),
        Node("n", "com.acme::Foo", ("x", "to"), ("y",)),
        Node("n", "org.other::Foo", ("x", "to"), ("y",)),
        Node("n", "Conv", ("x", "to"), ("y",), {"kernel_shape": "abc"}),
        Node("n", "MatMul", ("x", "to"), ("y",)),  # types that do not fit
    ],
)
def test_where_onnx_cannot_tell(given: Node) -> None:
    assert ASK(given, [((2, 6), F32), ((2,), DType.INT64)], [None, None]) is None


def test_an_operator_without_a_rule_is_listed_and_strict_fails() -> None:
    """TfIdfVectorizer: its output length is the largest place it writes to, plus 1: 5 here (ONNX TfIdfVectorizer)."""
    nodes = [
        node(
            "TfIdfVectorizer", "x", "t", max_gram_length=1, max_skip_count=0, min_gram_length=1, mode="TF",
            ngram_counts=[0], ngram_indexes=[0, 4], pool_int64s=[7, 8],
        ),
        node("Relu", "t", "y"),
    ]  # fmt: skip
    proto = model(nodes, x=(3, 12))
    proto.graph.input[0].CopyFrom(value("x", TensorProto.INT64, [3, 12]))
    graph = npusim.load(proto)
    assert graph.tensors["y"].shape == (3, 5)
    result = npusim.estimate(graph, level="roofline")
    assert [each.op for each in result.unsupported] == ["TfIdfVectorizer"]
    assert [notice.code for notice in result.warnings if notice.code == "unknown-op"] == ["unknown-op"]
    with pytest.raises(EstimateError, match=r"1 TfIdfVectorizer \[unknown-op\]"):
        npusim.estimate(graph, level="roofline", strict=True)
