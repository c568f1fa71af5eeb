"""LoopNest against the loops themselves: every product counted, every element touched remembered."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from npusim.ir import Shape
from npusim.loopnest import LoopNest, Operand, distinct, span

_FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _positions(shape: Shape) -> list[Shape]:
    return list(product(*(range(size) for size in shape)))


def _count(nest: LoopNest) -> dict[str, int]:
    """Products of a convolution, and the distinct elements of each operand, padding included."""
    macs, ifm, weights, ofm = 0, set(), set(), set()
    for n, g, k, c in _positions((nest.batch, nest.groups, nest.out_channels, nest.in_channels)):
        for at in _positions(nest.out):
            for tap in _positions(nest.kernel):
                macs += 1
                read = tuple(s * o + d * r for s, o, d, r in zip(nest.stride, at, nest.dilation, tap, strict=True))
                ifm.add((n, g, c, read))
                weights.add((g, k, c, tap))
                ofm.add((n, g, k, at))
    return {"macs": macs, "ifm": len(ifm), "weights": len(weights), "ofm": len(ofm)}


def _count_transposed(nest: LoopNest) -> int:
    """Products of a transposed convolution: each input position meets each tap once for each pair of channels."""
    macs = 0
    for _ in _positions((nest.batch, nest.groups, nest.out_channels, nest.in_channels)):
        for _ in _positions(nest.ifm):
            macs += len(_positions(nest.kernel))
    return macs


def _inputs_of(tile: range, kernel: int, stride: int, dilation: int) -> set[int]:
    """Inputs of one axis of a transposed convolution, endless on both sides, that reach the outputs in the tile."""
    reach = range((tile.start - span(kernel, dilation)) // stride - 1, tile.stop // stride + 2)
    return {i for i in reach for r in range(kernel) if i * stride + r * dilation in tile}


@st.composite
def nests(draw: st.DrawFn, *, transposed: bool = False) -> LoopNest:
    rank = draw(st.integers(1, 3))
    axes = lambda low, high: tuple(draw(st.integers(low, high)) for _ in range(rank))  # noqa: E731 - used five times
    size = st.integers(0, 3)
    return LoopNest(
        batch=draw(size), groups=draw(size), in_channels=draw(size), out_channels=draw(size), out=axes(0, 3),
        kernel=axes(1, 3), ifm=axes(0, 3), stride=axes(1, 3), dilation=axes(1, 3), transposed=transposed,
        bias=draw(st.booleans()),
    )  # fmt: skip


@_FEW
@given(nests())
def test_convolution_as_loops(nest: LoopNest) -> None:
    counted = _count(nest)
    assert nest.macs == nest.macs_dense == counted["macs"]
    if counted["macs"]:
        assert nest.footprint(Operand.IFM) == counted["ifm"]
        assert nest.footprint(Operand.WEIGHTS) == counted["weights"]
        assert nest.footprint(Operand.OFM) == counted["ofm"]


@_FEW
@given(nests(transposed=True))
def test_transposed_convolution_as_loops(nest: LoopNest) -> None:
    assert nest.macs == _count_transposed(nest)
    # the dense count is that of a convolution over the same outputs
    assert nest.macs_dense == _count(nest)["macs"]


@_FEW
@given(st.integers(1, 12), st.integers(1, 6), st.integers(1, 6), st.integers(1, 6))
def test_distinct_values_as_a_set(out: int, kernel: int, stride: int, dilation: int) -> None:
    assert distinct(out, kernel, stride, dilation) == len(
        {stride * o + dilation * r for o in range(out) for r in range(kernel)}
    )


@_FEW
@given(st.integers(1, 9), st.integers(1, 5), st.integers(1, 4), st.integers(1, 3))
def test_transposed_tile_reads_no_more_than_its_footprint(out: int, kernel: int, stride: int, dilation: int) -> None:
    nest = LoopNest(
        batch=1, groups=1, in_channels=1, out_channels=1, out=(99,), kernel=(kernel,), ifm=(99,), stride=(stride,),
        dilation=(dilation,), transposed=True,
    )  # fmt: skip
    most = max(len(_inputs_of(range(a, a + out), kernel, stride, dilation)) for a in range(stride))
    assert nest.touched(0, out) >= most
    if dilation == 1:
        assert nest.touched(0, out) == most


@_FEW
@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 6), st.integers(1, 5))
def test_halo_is_what_neighbours_share(left: int, right: int, kernel: int, stride: int) -> None:
    """Without dilation, tiles long enough share ``halo`` input positions at each edge between them."""
    nest = LoopNest(
        batch=1, groups=1, in_channels=1, out_channels=1, out=(12,), kernel=(kernel,), ifm=(99,), stride=(stride,)
    )
    read = [{stride * o + r for o in part for r in range(kernel)} for part in (range(left), range(left, left + right))]
    shared = len(read[0] & read[1])
    assert shared <= nest.halo[0]
    if (left - 1) * stride + kernel >= nest.halo[0] <= (right - 1) * stride + kernel:
        assert shared == nest.halo[0]


@_FEW
@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 4))
def test_halo_of_transposed_tiles(strides: int, kernel: int, stride: int) -> None:
    """Tiles of a transposed convolution that end on a multiple of the stride."""
    nest = LoopNest(
        batch=1, groups=1, in_channels=1, out_channels=1, out=(99,), kernel=(kernel,), ifm=(99,), stride=(stride,),
        transposed=True,
    )  # fmt: skip
    edge = 8 * stride
    before = _inputs_of(range(edge - strides * stride * 3, edge), kernel, stride, 1)
    after = _inputs_of(range(edge, edge + strides * stride * 3), kernel, stride, 1)
    assert len(before & after) == nest.halo[0]


@pytest.mark.parametrize(
    ("out", "expected"),
    [
        # P07: 1-D convolution, 3 taps: 16 outputs read 16 + 3 - 1 = 18 inputs, where 48 = 16 * 3 would be without reuse
        (16, 18),
        # a tile of 4 outputs reads 4 + 2; four such tiles read 24
        (4, 6),
        (0, 0),
    ],
)
def test_sliding_window_reads_each_input_once(out: int, expected: int) -> None:
    nest = LoopNest(batch=1, groups=1, in_channels=1, out_channels=1, out=(16,), kernel=(3,), ifm=(18,))
    assert nest.touched(0, out) == expected
    assert nest.footprint(Operand.IFM, (out,)) == expected


@pytest.mark.parametrize(
    ("kernel", "dilation", "expected"),
    [(3, 1, 3), (3, 2, 5), (1, 4, 1), (2, 5, 6)],  # (k - 1) * d + 1
)
def test_span(kernel: int, dilation: int, expected: int) -> None:
    assert span(kernel, dilation) == expected


def test_footprints_of_a_grouped_convolution() -> None:
    """2 x 3 groups of 4 -> 5 channels, 3 x 3 taps of stride 2 on 4 x 6 outputs."""
    nest = LoopNest(
        batch=2,
        groups=3,
        in_channels=4,
        out_channels=5,
        out=(4, 6),
        kernel=(3, 3),
        ifm=(9, 13),
        stride=(2, 2),
        bias=True,
    )
    assert nest.macs == 2 * 3 * 4 * 5 * 24 * 9
    assert nest.footprint(Operand.WEIGHTS) == 3 * 4 * 5 * 9
    assert nest.footprint(Operand.BIAS) == 15
    assert nest.footprint(Operand.OFM) == 2 * 15 * 24
    # 4 outputs of stride 2 read 3 * 2 + 3 = 9 rows, 6 read 5 * 2 + 3 = 13 columns
    assert nest.footprint(Operand.IFM) == 2 * 12 * 9 * 13
    # a tile of 2 x 3 outputs reads 5 x 7
    assert nest.footprint(Operand.IFM, (2, 3)) == 2 * 12 * 5 * 7
    assert nest.halo == (1, 1)
    assert not nest.is_depthwise
    assert nest.footprint(Operand.BIAS, (1, 1)) == 15


def test_no_bias_has_no_footprint_and_depthwise_is_told() -> None:
    nest = LoopNest(batch=1, groups=8, in_channels=1, out_channels=2, out=(4,), kernel=(3,), ifm=(6,))
    assert nest.footprint(Operand.BIAS) == 0
    assert nest.is_depthwise


def test_axes_must_agree_in_rank() -> None:
    with pytest.raises(ValueError, match="unequal rank"):
        LoopNest(batch=1, groups=1, in_channels=1, out_channels=1, out=(4, 4), kernel=(3,), ifm=(6, 6))
