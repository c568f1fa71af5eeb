"""Weights that an estimate is asked to encode: as the file holds them, quantised where they are real."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from ethos_kit import hardware
from hand import Row
from hypothesis import given, settings
from hypothesis import strategies as st

from npusim.bind import bind
from npusim.cli import main
from npusim.counts import layer_works
from npusim.errors import InputError
from npusim.estimate import estimate
from npusim.ir import DType, Graph, Shape
from npusim.model import Constant, Model, Node, Value
from npusim.options import Options
from npusim.result import read_result
from npusim.targets.ethos_n.elements import Elements
from npusim.targets.ethos_n.lower import lower

MAP = (1, 4, 8, 8)


def network(
    rows: Sequence[Row], arrays: Mapping[str, Any], ifm: Shape = MAP, kind: DType = DType.FLOAT32, read: bool = True
) -> Graph:  # fmt: skip
    """``x`` to ``y`` with constants that have elements, or, without ``read``, a shape alone."""
    nodes = [Node(made, op, tuple(reads.split()), (made,), attrs) for op, reads, made, attrs in rows]
    constants = {
        name: Constant(name, array.shape, DType.parse(str(array.dtype)), (lambda kept=array: kept) if read else None)
        for name, array in arrays.items()
    }
    return bind(Model("given", (Value("x", ifm, kind),), ("y",), tuple(nodes), constants))


def only(graph: Graph) -> Elements | None:
    """What the last part with weights, the layer's own, holds."""
    found = lower(graph, layer_works(graph), hardware(), Options(encode_weights=True)).line.parts
    return [each.part.weights.given for each in found if each.part.weights is not None][-1]


def rows(graph: Graph) -> list[list[int]]:
    found = only(graph)
    assert found is not None
    return found.rows.tolist()


def test_real_weights_are_quantised_channel_by_channel() -> None:
    """The largest of each output channel is 127: 1 of 0.5 is 254, of -2 it is 63.5, which is rounded to even."""
    w = np.array([[0.5, -0.25, 0.125, 0], [-2, 1, 0, 2]], np.float32).reshape(2, 4, 1, 1)
    found = only(network([("Conv", "x w", "y", {})], {"w": w}))
    assert found is not None
    assert found.rows.tolist() == [[127, -64, 32, 0], [-127, 64, 0, 127]]
    assert found.own_scales


def test_a_channel_of_zeros_stays_zero() -> None:
    assert rows(network([("Conv", "x w", "y", {})], {"w": np.zeros((2, 4, 1, 1), np.float32)})) == [[0] * 4] * 2


def test_positions_come_before_input_channels() -> None:
    """A kernel of 1x2: both positions of the first row, each with all input channels."""
    w = np.arange(8, dtype=np.int8).reshape(1, 4, 1, 2)
    graph = network([("ConvInteger", "x w", "y", {"pads": (0, 1, 0, 0)})], {"w": w}, kind=DType.INT8)
    assert rows(graph) == [[0, 2, 4, 6, 1, 3, 5, 7]]


def test_depthwise_weights_are_rows_of_their_own() -> None:
    w = np.arange(36, dtype=np.int8).reshape(4, 1, 3, 3)
    graph = network([("ConvInteger", "x w", "y", {"group": 4, "pads": (1, 1, 1, 1)})], {"w": w}, kind=DType.INT8)
    assert rows(graph) == w.reshape(4, 9).tolist()


def test_a_transposed_kernel_is_turned() -> None:
    """Input channel 0 of output channel 1: 1 to 9, as a convolution of the stuffed input 9 to 1."""
    w = np.zeros((4, 2, 3, 3), np.float32)
    w[0, 1] = np.arange(1, 10).reshape(3, 3)
    w[1, 1, 0, 0] = 127  # so that a step is 1
    found = only(network([("ConvTranspose", "x w", "y", {"strides": (2, 2), "pads": (1, 1, 0, 0)})], {"w": w}))
    assert found is not None
    assert found.rows[1].reshape(9, 4)[:, 0].tolist() == [9, 8, 7, 6, 5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    ("op", "attrs", "turned"), [("Gemm", {}, True), ("Gemm", {"transB": 1}, False), ("MatMul", {}, True)]
)
def test_products_have_a_row_an_output(op: str, attrs: dict[str, Any], turned: bool) -> None:
    w = np.array([[127, 1, 2], [4, -127, 5]], np.float32)
    graph = network([(op, "x w", "y", attrs)], {"w": w.T if turned else w}, ifm=(1, 3))
    assert rows(graph) == [[127, 1, 2], [4, -127, 5]]


def test_quantised_weights_are_taken_less_their_zero_point() -> None:
    w = np.array([[128, 255, 0, 130]], np.uint8).reshape(1, 4, 1, 1)
    arrays = {
        "w": w, "s": np.float32(0.1), "z": np.uint8(0), "ws": np.float32(0.5), "wz": np.uint8(128),
    }  # fmt: skip
    graph = network(
        [("QLinearConv", "x s z w ws wz s z", "y", {})], {k: np.asarray(v) for k, v in arrays.items()}, kind=DType.UINT8
    )
    found = only(graph)
    assert found is not None
    assert (found.rows.tolist(), found.own_scales) == ([[0, 127, -128, 2]], False)


@pytest.mark.parametrize("scale", [np.float32(0.25), np.array([0.25, 0.5], np.float32)])
def test_dequantised_weights_are_what_was_stored(scale: Any) -> None:
    """Neither has 127 in it, so that a new quantisation would show."""
    w = np.array([[3, -7, 1, 0], [9, 2, -5, 4]], np.int8).reshape(2, 4, 1, 1)
    nodes: list[Row] = [("DequantizeLinear", "w s", "real", {"axis": 0}), ("Conv", "x real", "y", {})]
    found = only(network(nodes, {"w": w, "s": np.asarray(scale)}))
    assert found is not None
    assert (found.rows.tolist(), found.own_scales) == (w.reshape(2, 4).tolist(), np.size(scale) > 1)


def test_dequantised_weights_that_are_turned_afterwards() -> None:
    w = np.array([[3, -7, 1, 0], [9, 2, -5, 4]], np.int8)
    nodes: list[Row] = [
        ("DequantizeLinear", "w s", "real", {}), ("Transpose", "real", "turned", {"perm": (1, 0)}),
        ("MatMul", "x turned", "y", {}),
    ]  # fmt: skip
    assert rows(network(nodes, {"w": w, "s": np.asarray(np.float32(0.25))}, ifm=(1, 4))) == w.tolist()


def test_integers_wider_than_the_hardware_s_are_quantised() -> None:
    """-508 to 254 by 4 is -127 to 64 (63.5 is rounded to even): they would not fit the 16 bits of a row for long."""
    w = np.array([[254], [-508], [0], [1 << 20]], np.int64) * np.array([[1, 1]])
    w[3] = 0
    assert rows(network([("MatMul", "x w", "y", {})], {"w": w}, ifm=(1, 4), kind=DType.INT64)) == [[64, -127, 0, 0]] * 2
    w[3] = 1 << 20
    assert rows(network([("MatMul", "x w", "y", {})], {"w": w}, ifm=(1, 4), kind=DType.INT64)) == [[0, 0, 0, 127]] * 2


@pytest.mark.parametrize("dtype", [np.int16, np.int32])
def test_wide_integers_that_are_dequantised_are_quantised_anew(dtype: type) -> None:
    w: Any = np.array([[1000, -500]], dtype).T
    nodes: list[Row] = [("DequantizeLinear", "w s", "real", {}), ("MatMul", "x real", "y", {})]
    assert rows(network(nodes, {"w": w, "s": np.asarray(np.float32(0.5))}, ifm=(1, 2))) == [[127, -64]]


def test_small_floats_that_are_dequantised_are_quantised_anew() -> None:
    """As they stand, 0.25 and 0.5 would be no more than zeros."""
    w = np.array([[0.25, 0.5]], np.float32).T
    constants = {
        "w": Constant("w", (2, 1), DType.FLOAT8, lambda: w),
        "s": Constant("s", (), DType.FLOAT32, lambda: np.asarray(np.float32(2))),
    }
    nodes = (Node("real", "DequantizeLinear", ("w", "s"), ("real",)), Node("y", "MatMul", ("x", "real"), ("y",)))
    assert rows(bind(Model("given", (Value("x", (1, 2)),), ("y",), nodes, constants))) == [[64, 127]]


def test_a_scale_of_zero_makes_zeros() -> None:
    w = np.array([[3, -7, 1, 0], [9, 2, -5, 4]], np.int8).reshape(2, 4, 1, 1)
    nodes: list[Row] = [("DequantizeLinear", "w s", "real", {"axis": 0}), ("Conv", "x real", "y", {})]
    assert rows(network(nodes, {"w": w, "s": np.zeros(2, np.float32)})) == [[0] * 4] * 2


def test_numbers_of_any_size_are_quantised() -> None:
    """127 over the smallest of float64 is more than it holds."""
    for largest in (5e-324, 1e-320, 1.7e308):
        w = np.array([[largest, -largest]]).T
        assert rows(network([("MatMul", "x w", "y", {})], {"w": w}, ifm=(1, 2), kind=DType.FLOAT64)) == [[127, -127]]


@pytest.mark.parametrize(
    ("op", "reads", "attrs", "shape"),
    [
        ("MatMul", "w x", {}, (2, 3)), ("MatMul", "w x", {}, (1, 2, 3)), ("Gemm", "w x", {}, (2, 3)),
        ("Gemm", "w x", {"transA": 1}, (3, 2)),
    ],
)  # fmt: skip
def test_weights_on_the_left_have_a_row_an_output(
    op: str, reads: str, attrs: dict[str, Any], shape: Shape
) -> None:  # fmt: skip
    w = np.array([[127, 1, 2], [4, -127, 5]], np.float32)
    given = (w.T if attrs else w).reshape(shape)
    assert rows(network([(op, reads, "y", attrs)], {"w": given}, ifm=(3, 5))) == [[127, 1, 2], [4, -127, 5]]


def test_a_zero_point_for_each_row_on_the_left() -> None:
    w = np.array([[127, 1, 2], [4, -127, 5]], np.int8)
    graph = network(
        [("MatMulInteger", "w x z", "y", {})], {"w": w, "z": np.array([1, -2], np.int8)}, ifm=(3, 5), kind=DType.INT8
    )
    assert rows(graph) == [[126, 0, 1], [6, -125, 7]]


def test_a_matrix_for_each_of_a_batch_and_a_vector() -> None:
    w = np.array([[[127, 1, 2], [4, -127, 5]], [[127, 0, 0], [0, 127, 0]]], np.float32)
    assert rows(network([("MatMul", "x w", "y", {})], {"w": w.swapaxes(1, 2)}, ifm=(1, 3))) == w.reshape(4, 3).tolist()
    assert rows(network([("MatMul", "x w", "y", {})], {"w": w[0, 1]}, ifm=(1, 3))) == [[4, -127, 5]]


def test_a_zero_point_for_each_channel() -> None:
    w = np.array([[1, 2, 3, 4], [5, 6, 7, 8]], np.int8).reshape(2, 4, 1, 1)
    arrays = {
        "w": w,
        "s": np.float32(0.1),
        "z": np.int8(0),
        "ws": np.ones(2, np.float32),
        "wz": np.array([1, -5], np.int8),
    }
    graph = network(
        [("QLinearConv", "x s z w ws wz s z", "y", {})], {k: np.asarray(v) for k, v in arrays.items()}, kind=DType.INT8
    )
    assert rows(graph) == [[0, 1, 2, 3], [10, 11, 12, 13]]


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_weights_that_are_no_numbers_are_expected_and_said(odd: float) -> None:
    w = np.ones((16, 4, 1, 1), np.float32)
    w[3] = odd
    graph = network([("Conv", "x w", "y", {})], {"w": w})
    assert _said(graph) == "1 layer(s), y (not all are finite numbers)"
    assert estimate(graph, encode_weights=True).totals == estimate(graph).totals


def test_a_zero_point_that_is_not_known_is_said() -> None:
    w = Constant("w", (16, 4, 1, 1), DType.INT8, lambda: np.ones((16, 4, 1, 1), np.int8))
    node = Node("y", "ConvInteger", ("x", "w", "", "z"), ("y",))
    inputs = Value("x", MAP, DType.INT8), Value("z", (), DType.INT8)
    graph = bind(Model("given", inputs, ("y",), (node,), {"w": w}))
    assert _said(graph) == "1 layer(s), y (their zero point is not at hand)"


@pytest.mark.parametrize(("op", "shape"), [("ConvInteger", (16, 4, 1, 1)), ("MatMulInteger", (8, 16))])
def test_a_zero_point_of_another_size_is_said(op: str, shape: Shape) -> None:
    arrays = {"w": np.ones(shape, np.int8), "z": np.zeros(3, np.int8)}
    arrays |= {"zx": np.zeros((), np.int8)}
    graph = network([(op, "x w zx z", "y", {})], arrays, kind=DType.INT8)
    assert _said(graph) == "1 layer(s), y (their zero point does not fit them)"


@pytest.mark.parametrize("code", ["missing-external-data", "unsafe-external-path"])
def test_data_that_are_not_beside_the_file_are_expected_and_said(code: str) -> None:
    def read() -> Any:
        raise InputError("its data file is not there", code=code)

    w = Constant("w", (16, 4, 1, 1), DType.FLOAT32, read)
    nodes = (Node("half", "Mul", ("w", "w"), ("half",)), Node("y", "Conv", ("x", "half"), ("y",)))
    graph = bind(Model("given", (Value("x", MAP),), ("y",), nodes, {"w": w}))
    assert _said(graph) == "1 layer(s), y (not at hand)"


def test_data_that_are_broken_are_an_error() -> None:
    def read() -> Any:
        raise InputError("its data do not fit its shape", code="bad-weights")

    node = Node("y", "Conv", ("x", "w"), ("y",))
    w = Constant("w", (16, 4, 1, 1), DType.FLOAT32, read)
    with pytest.raises(InputError, match="do not fit"):
        estimate(bind(Model("given", (Value("x", MAP),), ("y",), (node,), {"w": w})), encode_weights=True)


def _said(graph: Graph) -> str:
    (notice,) = [each for each in estimate(graph, encode_weights=True).warnings if each.code == "expected-weights"]
    return notice.message.rpartition(": ")[2]


def test_weights_that_are_not_at_hand_are_expected_and_said() -> None:
    graph = network([("Conv", "x w", "y", {})], {"w": np.zeros((16, 4, 1, 1), np.float32)}, read=False)
    assert only(graph) is None
    found = estimate(graph, encode_weights=True)
    assert [notice.code for notice in found.warnings] == ["expected-weights"]
    assert "1 layer(s), y" in found.warnings[0].message
    assert found.totals == estimate(graph).totals


def test_the_generic_rules_say_that_they_do_not_encode() -> None:
    graph = network([("Conv", "x w", "y", {})], {"w": np.zeros((16, 4, 1, 1), np.float32)})
    found = estimate(graph, "ethos-u65", encode_weights=True)
    assert [notice.code for notice in found.warnings if "weights" in notice.code] == ["expected-weights"]


def test_an_estimate_reads_no_weights_unless_it_is_asked() -> None:
    def read() -> Any:
        raise AssertionError("read")

    w = Constant("w", (16, 4, 3, 3), DType.FLOAT32, read)
    node = Node("y", "Conv", ("x", "w"), ("y",), {"pads": (1, 1, 1, 1)})
    graph = bind(Model("given", (Value("x", MAP),), ("y",), (node,), {"w": w}))
    assert estimate(graph).totals.weight_stream_bytes > 0
    with pytest.raises(AssertionError, match="read"):
        estimate(graph, encode_weights=True)


def test_zeros_take_less_traffic_and_time() -> None:
    """A layer that waits for its weights: 512 x 512 x 9 of them for a map of 8 x 8."""
    draw = np.random.default_rng(1)
    full = draw.normal(0, 1, (512, 512, 3, 3)).astype(np.float32)
    sparse = full * (draw.random(full.shape) < 0.1)
    rows: list[Row] = [("Conv", "x w", "y", {"pads": (1, 1, 1, 1)})]
    dense, few = (
        estimate(network(rows, {"w": w.astype(np.float32)}, ifm=(1, 512, 8, 8)), encode_weights=True).totals
        for w in (full, sparse)
    )
    # A tenth of 8 bits and a run of some ten zeros each: about 0.17 of raw (MODEL.md, section 6, z = .9: .18 to .22).
    assert few.weight_stream_bytes < 0.25 * dense.weight_stream_bytes
    assert few.latency_s < 0.6 * dense.latency_s
    assert few.latency_s >= few.roofline_latency_s


@settings(max_examples=15, deadline=None)
@given(
    channels=st.sampled_from([4, 16, 40]), out=st.sampled_from([1, 16, 33]), side=st.sampled_from([1, 3, 5, 9]),
    stride=st.sampled_from([1, 2]), share=st.sampled_from([0.0, 0.5, 1.0]), planner=st.sampled_from(["vendor", "best"]),
)  # fmt: skip
def test_laws_hold_with_encoded_weights(
    channels: int, out: int, side: int, stride: int, share: float, planner: str
) -> None:
    stride = 1 if side > 7 else stride
    draw = np.random.default_rng(out)
    w = (draw.normal(0, 1, (out, channels, side, side)) * (draw.random((out, channels, side, side)) >= share)).astype(
        np.float32
    )
    pads = (side // 2,) * 4
    graph = network(
        [("Conv", "x w", "y", {"pads": pads, "strides": (stride, stride)})], {"w": w}, ifm=(1, channels, 20, 24)
    )
    found, vendor = estimate(graph, planner=planner, encode_weights=True), estimate(graph, encode_weights=True)
    assert not [notice for notice in found.warnings if notice.code == "expected-weights"]
    assert found.totals.latency_s >= found.totals.roofline_latency_s
    assert found.totals.latency_s <= vendor.totals.latency_s
    assert found.totals.macs == vendor.totals.macs


def test_the_option_of_the_command() -> None:
    args = ["estimate", "sesr-m3-x2-hw", "--size", "64x32", "--encode-weights"]
    done = CliRunner().invoke(main, [*args, "--format", "json"])
    assert done.exit_code == 0
    found = read_result(done.stdout)
    assert found.options.encode_weights
    assert "expected-weights" in [notice.code for notice in found.warnings]
    assert "weights encoded" in " ".join(CliRunner().invoke(main, args).stdout.split())
