"""What keeps binding within bounds: of warnings, of steps, of nodes walked, and of the elements that are read."""

from __future__ import annotations

import numpy as np
import pytest
from model_kit import codes, model, node, stored, weights

from npusim.bind import bind
from npusim.counts import macs
from npusim.errors import InputError
from npusim.ir import DType
from npusim.model import Constant, Model, Node, Value


def test_warnings_of_one_kind_are_told_ten_times_and_then_counted() -> None:
    """25 slices whose ends come from data: each may be as long as its axis."""
    ends = [node("ArgMax", "x", "k", axis=0, keepdims=1)]
    slices = [node("Slice", "x from k", f"s{index}") for index in range(25)]
    joined = node("Concat", " ".join(f"s{index}" for index in range(25)), "y", axis=0)
    graph = bind(model([*ends, *slices, joined], [stored("from", [0])], x=(4,)))
    assert codes(graph) == ["data-dependent-shape"] * 11
    assert "'s0'" in graph.warnings[0].message
    assert graph.warnings[-1].message == "15 more warning(s) of this kind"


def test_elements_behind_too_many_steps_are_one_error() -> None:
    nodes = [node("Neg", f"c{index}", f"c{index + 1}") for index in range(5_000)]
    w = Constant("c0", (8, 16), DType.FLOAT32, lambda: np.ones((8, 16), np.float32))
    graph = bind(model([*nodes, node("MatMul", "x c5000", "y")], [w], x=(2, 8)))
    assert macs(graph) == 2 * 8 * 16
    with pytest.raises(InputError, match=r"^c5000: .*\[bad-weights\]$"):
        graph.weights["c5000"].sum()


def _growing(depth: int) -> Model:
    """Loops in loops, two turns each, whose state doubles in the innermost: each turn differs from the one before."""
    inner = [node("Concat", "h h", "h2", axis=0)]
    for _ in range(depth):
        inputs = (Value("i", (), DType.INT64), Value("go", (), DType.BOOL), Value("h", None))
        body = Model("body", inputs, ("go", "h2"), tuple(inner))
        inner = [node("Loop", "n - h", "h2", body=body)]
    return model([Node("loop", "Loop", ("n", "", "h"), ("y",), inner[0].attrs)], [stored("n", 2)], h=(1,))


def test_loops_whose_turns_differ_are_unrolled() -> None:
    """Two levels of two turns double the state four times: 2, 4, 8, 16."""
    graph = bind(_growing(2))
    assert graph.tensors["y"].shape == (16,)
    assert [layer.op for layer in graph.layers].count("Concat") == 4


def test_no_more_is_unrolled_than_can_be_walked() -> None:
    """At twenty levels a million turns would be needed; the outer loops are then left uncounted, and that is said."""
    graph = bind(_growing(20))
    assert [layer.op for layer in graph.layers].count("Loop") >= 1
    assert set(codes(graph)) == {"control-flow"}
    assert any("is not counted" in notice.message for notice in graph.warnings)


def test_scales_of_many_channels_are_known_and_weights_as_small_are_not() -> None:
    """What a scale is may decide a layer's work; what weights are never does."""
    nodes = [
        Node("q", "DequantizeLinear", ("w8", "scale", "zero"), ("w",), {"axis": 0}),
        node("Conv", "x w b", "c"),
        Node("q2", "QuantizeLinear", ("c", "scale", "zero"), ("y",), {"axis": 1}),
    ]
    scale = stored("scale", np.full(96, 0.5), "float32")
    zero = Constant("zero", (96,), DType.INT8, lambda: np.zeros(96, np.int8))
    w8 = Constant("w8", (96, 4, 1, 1), DType.INT8, lambda: pytest.fail("weights were read"))
    b = Constant("b", (96,), DType.FLOAT32, lambda: pytest.fail("biases were read"))
    graph = bind(model(nodes, [scale, zero, w8, b], x=(1, 4, 8, 8)))
    assert graph.constants.keys() == {"scale", "zero"}
    assert graph.constants["scale"].tolist() == [0.5] * 96
    assert graph.tensors["w"].stored == ("w8",)


def test_a_parameter_without_elements_needs_none() -> None:
    graph = bind(model([node("Gemm", "x w b", "y")], [weights("w", 3, 5), weights("b", 5)], x=(2, 3)))
    assert (graph.constants, dict(graph.weights)) == ({}, {})
    assert macs(graph) == 30
