"""Worked examples of docs/ethos-n78/MODEL.md, sections 8 and 9, each to the cycle."""

from __future__ import annotations

import numpy as np
import pytest
from ethos_kit import EQUAL, NOT_PLANNABLE, chain, fsrcnn, hardware, parts, passes, planned, sesr_m5
from hand import Row, network

from npusim.estimate import estimate
from npusim.options import Options
from npusim.profiles.load import load
from npusim.targets.ethos_n import plan
from npusim.targets.ethos_n.passes import Rules, mce_cycles
from npusim.targets.ethos_n.standalone import connected_plans

NOADD = {"long_add": False}
HALF = Options(equal_scales=True, activation_compression=0.5)
FRAME = 1080 * 1920


def close(cycles: float) -> object:
    """Equal but for the last bits of a sum."""
    return pytest.approx(cycles, rel=1e-12)


# --- section 8 --------------------------------------------------------------------------------------------------------


def test_e1_a_first_convolution_is_limited_by_the_mac_engine() -> None:
    found = passes(sesr_m5(1080, 1920, **NOADD), EQUAL)["c0"]
    # Winograd: 540 x 960 tiles of 2x2 outputs, 16 products each; 5x5 counts as 6x6, four sub-kernels; 1 channel counts
    # as 16; 16 IFM channels x 8 products at once in each group of 16 OFM channels.
    mac = 540 * 960 * 16 * 4 * 16 / (16 * 8)
    assert mac == 4_147_200
    # 1088 rows, since blocks are 16 high; 68 x 240 blocks, each a call of its own; 100 for each of 240 stripes.
    vector = 1088 // 4 * 1920 // 4 * 6 + 68 * 240 * (10 + 100) + 100 * 240
    read = 2500 * 240  # more than 2,073,600 B / 16 + 100 x 240
    written = 33_177_600 / 16 + 100 * 240
    serial_read = read * (2 * 1080 * 8) / FRAME  # two of 240 stripes
    serial_written = written / 240
    assert (serial_read, serial_written) == (5000, 8740)
    assert found.cost.bounds == {
        "mac": close(mac + 100 * 240), "vector": close(vector), "dma_read": close(read - serial_read),
        "dma_read_serial": close(serial_read + 2500), "dma_write": close(written - serial_written),
        "dma_write_serial": close(serial_written),
    }  # fmt: skip
    assert found.cost.cycles == close(4_187_440)
    assert found.cost.bound_by == "mac"
    # The weights: one stripe of 16 streams of 48 B; the reading of one stripe takes 2500 cycles at least.
    assert found.weight_stream_bytes == 16 * 48
    assert found.cost.traffic == {("dram", "ifm"): FRAME, ("dram", "weights"): 768, ("dram", "ofm"): FRAME * 16}
    assert found.layers == ("c0", "r0")


def test_e2_a_middle_convolution_is_limited_by_reading() -> None:
    found = passes(sesr_m5(1080, 1920, **NOADD), EQUAL)["c1"]
    read_bytes = (1080 + 16 * 4) * 1920 * 16  # 8 rows above and 8 below each of the four boundaries of 256 rows
    assert found.cost.traffic[("dram", "ifm")] == read_bytes == 35_143_680
    assert found.mapping["ifm_stripe"] == "256x32x16"
    bounds = found.cost.bounds
    assert bounds["mac"] == close(540 * 960 * 16 * 16 / 128 + 100 * 300)  # 5 x 60 stripes
    # 135 x 240 blocks of 8x8, four at a call
    assert bounds["vector"] == close(270 * 480 * 6 + 135 * 240 * 10 + 135 * 240 / 4 * 100 + 100 * 300)
    assert bounds["dma_read"] + bounds["dma_read_serial"] == close(read_bytes / 16 + 100 * 300 + 2500)
    # 2226480 + 2500 + 2103600 x 131072 / 33177600
    assert found.cost.cycles == close(2_226_480 + 2500 + 2_103_600 * 131_072 / 33_177_600)
    assert found.cost.cycles == pytest.approx(2_237_290.52, abs=0.005)
    assert found.cost.bound_by == "dma_read"


def test_e3_an_addition_is_limited_by_reading_two_maps() -> None:
    found = passes(sesr_m5(1080, 1920, long_add=True), EQUAL)["s"]
    assert found.cost.bounds["vector"] == close(270 * 480 * 15 + 1500 * 240)
    # two maps in 2 x 240 stripes; one of 240 of the reading and of the writing is serial
    assert found.cost.cycles == close((2 * FRAME * 16 / 16 + 100 * 480) + (FRAME * 16 / 16 + 100 * 240) / 240)
    assert found.cost.cycles == close(4_203_940)
    assert found.cost.bound_by == "dma_read"


def test_e3_an_addition_that_rescales_is_limited_by_the_vector_unit() -> None:
    found = passes(sesr_m5(1080, 1920, long_add=True), Options(equal_scales=False))["s"]
    assert found.cost.bounds["vector"] == close(270 * 480 * 35 + 1500 * 240) == close(4_896_000)
    assert found.cost.bound_by == "vector"


def test_e4_depth_to_space_is_a_convolution_that_passes_through() -> None:
    found = passes(sesr_m5(1080, 1920, **NOADD), EQUAL)["y"]
    bounds = found.cost.bounds
    assert bounds["mac"] == close(2 * 2 * 2160 * 3840 * 16 * 16 / 2048 + 100 * 510)
    # 135 x 240 blocks of 16x16, each a call; 34 x 15 stripes of 32x128 before, 64x256 after
    assert bounds["vector"] == close(540 * 960 * 6 + 32_400 * 10 + 32_400 * 100 + 100 * 510) == close(6_725_400)
    assert found.cost.traffic[("dram", "ifm")] == (1080 + 16 * 33) * 1920 * 4 == 12_349_440
    assert found.cost.traffic[("dram", "ofm")] == 2160 * 3840
    serial_read = 2500 * 510 * (2 * 32 * 128 * 4) / 12_349_440  # two stripes
    serial_written = 2500 * 510 * (64 * 256) / 8_294_400
    assert serial_read == pytest.approx(3383.1, abs=0.05)
    assert serial_written == pytest.approx(2518.5, abs=0.05)
    assert found.cost.cycles == close(serial_read + serial_written + 2500 + 6_725_400)
    assert found.cost.cycles == pytest.approx(6_733_801.6, abs=0.05)


def test_e5_a_convolution_of_many_channels_is_limited_by_its_weights() -> None:
    graph = chain((1, 512, 7, 7), [(512, 3)])
    convolution, conversion = planned(graph).passes
    # A stream holds 4 channels of 9 x 512 raw bytes, 110 bits and 67 for each further one: 18,471 B, in units of 16.
    stream = -(-(4 * 9 * 512 * 8 + 110 + 3 * 67) // 8)
    assert stream == 18_471
    assert convolution.weight_stream_bytes == 16 * 8 * 18_480 == 2_365_440
    # As long as the transform of the weights: 32 groups of 16 channels, one block, 512 channels, 2 cycles.
    mac = 512 * 16 * 16 / 128 * 32
    assert mac == 32 * 1 * 512 * 2
    weights = 2_365_440 / 16 + 100 * 8
    written = 2500 * 8
    assert convolution.cost.bounds == {
        "mac": close(mac + 100 * 8), "vector": pytest.approx(2500 * 8), "dma_read": close(weights * 7 / 8),
        "dma_read_serial": close(2500 + weights / 8), "dma_write": close(written * 7 / 8),
        "dma_write_serial": close(written / 8),
    }  # fmt: skip
    assert convolution.cost.cycles == close(153_640)
    # The output lies in cells, and the network's is in rows: one conversion reads it and writes it.
    assert conversion.cost.cycles == 2500 + 2500
    assert (conversion.layers, conversion.cost.bounds.get("mac", 0.0)) == ((), 0.0)


def test_e6_a_convolution_inside_a_section_moves_its_weights_alone() -> None:
    found = passes(sesr_m5(300, 400, long_add=True), EQUAL)["c2"]
    assert found.cost.traffic == {("dram", "ifm"): 0, ("dram", "weights"): 2560, ("dram", "ofm"): 0}
    # 76 x 100 patches; 38 x 25 blocks of 16x8, two at a call; 38 stripes
    vector = 7600 * 6 + 950 * 10 + 475 * 100 + 38 * 100
    assert found.cost.bounds["vector"] == close(vector) == 106_400
    assert found.cost.bounds["mac"] == 2500 * 38
    assert found.cost.cycles == close(2500 + 106_400)


# --- section 9, by number of the surprise ----------------------------------------------------------------------------


def test_1_a_plan_that_cannot_read_rows_has_a_conversion_before_it() -> None:
    found = {bool(each.layers): each.cost.cycles for each in planned(chain((1, 64, 64, 64), [(64, 3)])).passes}
    # 262,144 B each way in one stripe: 2 x (16,384 + 100)
    assert found == {False: close(2 * (64 * 64 * 64 / 16 + 100)), True: close(42_824)}
    assert found[False] == 32_968


def test_4_the_large_transposed_convolution_is_most_of_fsrcnn() -> None:
    found = planned(fsrcnn(1080, 1920))
    assert found.cycles == pytest.approx(217.788e6, abs=500)
    last = [each for each in found.passes if "y" in each.layers or each.name.startswith("y")]
    assert sum(each.cost.cycles for each in last) == pytest.approx(178.968e6, abs=500)
    # The tensor stuffed with zeros is written as a whole, 464 MB, and read with what stripes share, 695 MB.
    assert sum(each.cost.traffic[("dram", "ofm")] for each in last[:1]) == 2160 * 3840 * 56
    assert last[-1].cost.traffic[("dram", "ifm")] == pytest.approx(695e6, rel=1e-3)


@pytest.mark.parametrize(("before", "after"), [(1, 16), (16, 16), (16, 4)])
def test_6_channels_count_as_sixteen(before: int, after: int) -> None:
    (found,) = (each for each in planned(chain((1, before, 1080, 1920), [(after, 5)])).passes if each.layers)
    stripes = found.cost.bounds["mac"] - 4_147_200
    assert stripes > 0
    assert stripes % 100 == 0


def test_6_seven_counts_as_nine() -> None:
    seven, nine = (passes(chain((1, 64, 64, 64), [(64, side)]))["c0"].cost.bounds["mac"] for side in (7, 9))
    # 32 x 32 tiles, 16 products, 9 sub-kernels, 64 channels / 128, for 4 groups of output channels; 100 a stripe
    mac = 32 * 32 * 16 * 9 * 64 / 128 * 4
    assert mac == 294_912
    for found in (seven, nine):
        assert 0 < found - mac < 0.05 * mac
        assert (found - mac) % 100 == 0


@pytest.mark.parametrize(
    ("equal", "saving", "cycles"),
    [(True, 0.0, 30.505e6), (False, 0.0, 31.224e6), (True, 0.5, 26.370e6), (False, 0.5, 28.962e6)],
)
def test_7_the_long_addition(equal: bool, saving: float, cycles: float) -> None:
    options = Options(equal_scales=equal, activation_compression=saving)
    assert planned(sesr_m5(1080, 1920, long_add=True), options).cycles == pytest.approx(cycles, abs=500)


@pytest.mark.parametrize(("saving", "cycles"), [(0.0, 26.301e6), (0.5, 24.053e6)])
def test_7_without_the_long_addition(saving: float, cycles: float) -> None:
    options = Options(equal_scales=True, activation_compression=saving)
    assert planned(sesr_m5(1080, 1920, **NOADD), options).cycles == pytest.approx(cycles, abs=500)


def test_9_a_relu_after_an_addition_is_a_pass_of_its_own() -> None:
    rows: list[Row] = [("Add", "x z", "s", {}), ("Relu", "s", "y", {})]
    graph = network({"x": (1, 16, 32, 32), "z": (1, 16, 32, 32)}, rows, "y")
    assert [each.layers for each in planned(graph, EQUAL).passes if each.layers] == [("s",), ("y",)]


def test_11_sections_fit_a_tile_and_not_a_frame() -> None:
    frame = passes(sesr_m5(1080, 1920, long_add=True), EQUAL)
    assert len({each.section for each in frame.values()}) == len(frame)
    tile = passes(sesr_m5(300, 400, **NOADD), EQUAL)
    assert [each.mapping["ifm_from"] == ["SRAM"] for each in tile.values()].count(True) == 5
    assert len(tile) == 8
    moved = sum(sum(each.cost.traffic.values()) for each in tile.values())
    assert moved == pytest.approx(5.5e6, abs=0.05e6)


def test_12_tiles_pay() -> None:
    tile = planned(sesr_m5(300, 400, **NOADD), EQUAL).cycles
    assert tile == pytest.approx(1.478e6, abs=500)
    assert 17.28 * tile < planned(sesr_m5(1080, 1920, **NOADD), EQUAL).cycles


@pytest.mark.parametrize("variant", NOT_PLANNABLE)
def test_14_variants_without_programs_are_planned_at_their_best_and_said_so(variant: str) -> None:
    graph = chain((1, 16, 8, 8), [(16, 3)])
    found = estimate(graph, variant=variant)
    assert found.options.planner == "best"
    assert any(variant in notice.message for notice in found.warnings)


def test_15_nothing_is_compressed_below_sixteen_banks() -> None:
    graph = sesr_m5(1080, 1920, **NOADD)
    assert planned(graph, EQUAL, "1tops-4ple").cycles == pytest.approx(62.499e6, abs=500)
    assert planned(graph, HALF, "1tops-4ple").cycles == planned(graph, EQUAL, "1tops-4ple").cycles


@pytest.mark.parametrize(("variant", "cycles"), [("8tops-2ple", 25.688e6), ("4tops-2ple", 32.405e6)])
def test_16_more_macs_hardly_help(variant: str, cycles: float) -> None:
    assert planned(sesr_m5(1080, 1920, **NOADD), EQUAL, variant).cycles == pytest.approx(cycles, abs=500)


def test_18_a_fully_connected_layer_beats_the_array_for_the_vendor_alone() -> None:
    graph = network({"x": (1, 1024)}, [("Gemm", "x w", "y", {"transB": 1})], "y", {"w": (1000, 1024)})
    (part,) = parts(graph)
    plans = connected_plans(part, hardware())
    vendor, own = (mce_cycles(part, hardware(), plans, Rules(0.0, as_vendor)) for as_vendor in (True, False))
    # 1024 inputs are 8 x 8 x 16 bricks; the one output row and column count as 4 x 2: 1 x 1008 / 16 groups of outputs
    assert set(np.broadcast_to(vendor, len(plans))) == {63}
    # at the peak: 1024 inputs and 1008 outputs, rounded, at 2048 a cycle
    assert set(np.broadcast_to(own, len(plans))) == {1024 * 1008 / 2048}
    assert np.min(own) >= 1024 * 1000 / 2048


def test_19_the_smallest_convolution_takes_four_times_the_least() -> None:
    assert planned(chain((1, 16, 8, 8), [(16, 3)])).cycles == 10_000
    assert planned(chain((1, 16, 64, 64), [(16, 3)])).cycles == close(14_448)


def test_a_whole_estimate_has_the_same_cycles() -> None:
    graph = sesr_m5(1080, 1920, long_add=True)
    found = estimate(graph, equal_scales=True)
    assert found.totals.cycles == plan(graph, load("ethos-n78"), EQUAL).cycles
