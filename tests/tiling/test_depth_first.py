"""Depth-first execution by hand: which rows SRAM holds, what moves, what is computed again."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from net_kit import Chain

from npusim import zoo
from npusim.bind import bind
from npusim.estimate import estimate
from npusim.ir import Notice
from npusim.model import Model
from npusim.profile import HardwareProfile
from npusim.profiles.load import load
from npusim.receptive import Size, receptive_field
from npusim.result import Estimate
from npusim.tiling.depth_first import KEPT, RECOMPUTED, _Plan, depth_first
from npusim.tiling.study import Tiling


def hardware_of(sram_bytes: int = 2**20, target: str = "generic") -> HardwareProfile:
    """The Ethos-N78 by the rules of any NPU, with so much SRAM for data."""
    hardware = load("ethos-n78", None, {"target": target})
    sram = msgspec.structs.replace(hardware.sram, size_bytes=sram_bytes, reserved_bytes=0)
    return msgspec.structs.replace(hardware, sram=sram)


def deep(
    model: Model, size: Size, result: Estimate, hardware: HardwareProfile
) -> tuple[tuple[Tiling, ...], tuple[Notice, ...]]:
    def frames(each: Size) -> Any:
        return bind(model, size=each)

    return depth_first(frames(size), result, hardware, receptive_field(frames, size))


def run(
    model: Model, size: Size, hardware: HardwareProfile, **options: Any
) -> tuple[Estimate, tuple[Tiling, ...], tuple[Notice, ...]]:
    result = estimate(bind(model, size=size), hardware, **options)
    return result, *deep(model, size, result, hardware)


def _two_layers() -> Model:
    """Two 3x3 convolutions over 16 channels."""
    return Chain(16).conv(16, 3).conv(16, 3).model()


def test_a_frame_that_fits_runs_at_once() -> None:
    """64x32 pixels of 16 channels are 32,768 bytes; input and output are double buffered: 2 x 2 + 1 of them."""
    result, (kept, recomputed), notices = run(_two_layers(), (64, 32), hardware_of())
    assert notices == ()
    for row in (kept, recomputed):
        assert row.tile == (64, 32)
        assert row.recompute == 0
        assert row.macs == result.macs
        assert row.dram_bytes == 2 * 32_768 + result.totals.weight_stream_bytes
    assert kept.sram_bytes == 5 * 32_768 + result.totals.weight_stream_bytes
    # Recomputed: with the first layer, input (twice) and middle; with the second, middle and output (twice).
    assert recomputed.sram_bytes == 3 * 32_768 + result.totals.weight_stream_bytes


def test_rows_that_sram_keeps_by_hand() -> None:
    """Stripes of r rows of a frame of 1024 pixels by 16 channels, 16,384 bytes a row. Kept: the last layer reads r + 2
    rows of the middle, of which r are new; the first reads r + 2 of the input, and the next r come in meanwhile; r of
    the output are made and r go out: (r + 2) + (2r + 2) + 2r = 5r + 4 rows. Beside the weights, 9 rows of SRAM hold
    r = 1. Recomputed: r + 4 rows of the input and r coming in, r + 2 in the middle: 3r + 6 = 9 rows as well."""
    field = receptive_field(lambda size: bind(_two_layers(), size=size), (1024, 64))
    result, _, _ = run(_two_layers(), (1024, 64), hardware_of())
    weights = result.totals.weight_stream_bytes
    for room, kept_rows, recomputed_rows in ((9, 1, 1), (14, 2, 2), (24, 4, 6)):
        plan = {
            policy: _Plan(
                bind(_two_layers(), size=(1024, 64)), result, hardware_of(room * 16_384 + weights), field, policy
            )
            for policy in (KEPT, RECOMPUTED)
        }
        assert plan[KEPT]._most_rows(1024) == kept_rows
        assert plan[RECOMPUTED]._most_rows(1024) == recomputed_rows
        assert plan[KEPT]._sram(1024, kept_rows) == (5 * kept_rows + 4) * 16_384 + weights
        assert plan[RECOMPUTED]._sram(1024, recomputed_rows) == (3 * recomputed_rows + 6) * 16_384 + weights


def test_columns_compute_their_halo_again() -> None:
    """In n columns each seam adds 2 pixels to the first layer's output, and none to the last one's."""
    result, _, _ = run(_two_layers(), (1024, 64), hardware_of())
    rows, _ = deep(_two_layers(), (1024, 64), result, hardware_of(64 * 1024))
    kept = next(row for row in rows if row.policy == KEPT)
    columns = -(-1024 // kept.tile[0])
    assert columns > 1
    assert kept.recompute == pytest.approx((columns - 1) * 2 / 1024 / 2)
    assert kept.dram_bytes is not None
    # The input is read again at seams of 4 pixels.
    frame = 1024 * 64 * 16
    read = frame * (1 + (columns - 1) * 4 / 1024)
    assert kept.dram_bytes == pytest.approx(read + frame + result.totals.weight_stream_bytes, abs=1)


def test_weights_that_fill_the_sram_leave_no_stripe() -> None:
    model = Chain(64).conv(64, 3).conv(64, 3).model()
    result, _, _ = run(model, (64, 32), hardware_of())
    rows, notices = deep(model, (64, 32), result, hardware_of(64 * 1024))
    assert rows == ()
    assert [each.code for each in notices] == ["depth-first", "depth-first"]
    assert "no stripe of the whole network fits" in notices[0].message


@pytest.mark.parametrize("target", ["generic", "ethos_n"])
def test_sesr_moves_its_input_and_output_alone(target: str) -> None:
    """1920x1080 bytes in, four times as many out: 10.4 MB and the weights, for hundreds with the mapped plan."""
    model = zoo.build("sesr-m5-x2-hw")
    result, rows, _ = run(model, (1920, 1080), hardware_of(target=target), equal_scales=True)
    assert [row.policy for row in rows] == [KEPT, RECOMPUTED]
    kept, recomputed = rows
    assert kept.dram_bytes is not None
    assert recomputed.dram_bytes is not None
    least = 5 * 1920 * 1080 + result.totals.weight_stream_bytes
    assert least <= kept.dram_bytes <= recomputed.dram_bytes < 1.2 * least
    assert kept.recompute < recomputed.recompute
    assert result.totals.roofline_latency_s <= kept.latency_s
    for row in rows:
        assert row.sram_bytes is not None
        assert row.sram_bytes <= hardware_of(target=target).sram.size_bytes


def test_more_sram_is_never_slower() -> None:
    model = zoo.build("sesr-m3-x2-hw")
    result, _, _ = run(model, (640, 360), hardware_of())
    times = []
    for sram_bytes in (2**19, 2**20, 2**21):
        found, _ = deep(model, (640, 360), result, hardware_of(sram_bytes))
        times.append(min(row.latency_s for row in found))
    assert times == sorted(times, reverse=True)


def test_work_beside_the_npu_and_rooflines_have_no_row() -> None:
    """Adding a map of one channel to one of four does not run on an Ethos-N."""
    model = zoo.build("sesr-m3-x2")
    _, rows, notices = run(model, (64, 64), hardware_of(target="ethos_n"))
    assert rows == ()
    assert "does not run on the NPU" in notices[0].message
    assert run(model, (64, 64), hardware_of(), level="roofline")[1:] == ((), ())
