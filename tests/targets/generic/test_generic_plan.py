"""Plans of a few layers worked out by hand to the cycle, residency, planners, and what each pass tells of itself."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest
from hand import BEST, PLAIN, Row, conv, hand, network

import npusim
from npusim.cost import Pass, Plan, roofline
from npusim.errors import EstimateError
from npusim.ir import Graph
from npusim.options import Options
from npusim.profile import HardwareProfile
from npusim.targets.base import TARGETS
from npusim.targets.generic import plan

# Every stripe of the engines costs 1000 cycles, so that nothing is cut that need not be.
UNCUT = {"mac_array": {"stripe_cycles": 1000}, "vector_unit": {"stripe_cycles": 1000}}


def three_layers() -> Graph:
    """conv3x3 + relu -> conv1x1 -> add of both."""
    return network(
        {"x": (1, 4, 8, 8)},
        [
            ("Conv", "x a", "c", {"pads": (1, 1, 1, 1)}),
            ("Relu", "c", "r", {}),
            ("Conv", "r b", "d", {}),
            ("Add", "d r", "y", {}),
        ],
        "y",
        {"a": (8, 4, 3, 3), "b": (8, 8, 1, 1)},
    )


def traffic(found: Plan, operand: str) -> int:
    return sum(each.cost.traffic.get(("dram", operand), 0) for each in found.passes)


def total(found: Plan) -> int:
    return sum(traffic(found, operand) for operand in ("ifm", "ofm", "weights"))


def test_the_target_is_registered() -> None:
    assert TARGETS["generic"] is plan


def test_three_layers_to_the_cycle() -> None:
    # All tensors between the layers stay in SRAM (512 B each), so one section:
    # 1. conv + relu: input 256 B / 8 = 32 and weights 288 / 8 = 36 cycles that nothing overlaps (a single stripe);
    #    9 * 64 * 4 * 8 / 64 = 288 + 1000 MAC cycles, vector 32 + 1000: 32 + 36 + 1288 = 1356.
    # 2. conv 1x1: weights 64 / 8 = 8; 64 * 8 * 8 / 64 = 64 + 1000: 8 + 1064 = 1072.
    # 3. add: 4 * 4 * 2 = 32 steps of 2 cycles + 1000; output 512 / 8 = 64: 1128.
    found = plan(three_layers(), hand(**UNCUT), BEST)
    assert [each.cost.cycles for each in found.passes] == [1356, 1072, 1128]
    assert found.cycles == 3556
    assert [each.section for each in found.passes] == [0, 0, 0]
    assert [each.layers for each in found.passes] == [("c", "r"), ("d",), ("y",)]
    assert found.passes[0].cost.traffic == {("dram", "ifm"): 256, ("dram", "ofm"): 0, ("dram", "weights"): 288}
    assert found.passes[2].cost.traffic == {("dram", "ifm"): 0, ("dram", "ofm"): 512, ("dram", "weights"): 0}
    # 1. 256 + 288 of buffers and 512 of output; 2. 64 of weights, 512 in and 512 out; 3. 512 of buffer, 512 + 512 in.
    assert [each.sram_bytes for each in found.passes] == [1056, 1088, 1536]


def test_without_room_the_tensors_go_through_dram() -> None:
    # r and d are 512 B each: 1023 B do not hold both, so each pass is on its own, cut in two where it has to be.
    # 1. Output channels in two halves: input 256 + weights 144 + two output slots of 256 = 912 B. Nothing overlaps the
    #    input (32), the weights in their single slot (36) and the last half of the output (32): 100 + 288 + 2 * 1000.
    # 2. The same, but two output slots are too many (1056 B), so that the weights have them: 512 + 64 + 256 = 832 B.
    #    Input 64, half of the weights 4, output 64: 132 + 64 + 2 * 1000.
    # 3. Both operands and the output in halves, one slot each: 768 B; 128 + 64 + 64 + 2 * 1000.
    found = plan(three_layers(), hand(**UNCUT, sram={"size_bytes": 1023}), BEST)
    assert [each.section for each in found.passes] == [0, 1, 2]
    assert [each.cost.cycles for each in found.passes] == [2388, 2196, 2256]
    assert [each.sram_bytes for each in found.passes] == [912, 832, 768]
    assert total(found) == (256 + 288 + 512) + (512 + 64 + 512) + (1024 + 512)


def test_a_section_cuts_its_last_pass_where_the_room_is_short() -> None:
    # With 1535 B both r and d stay, but beside them the addition has no room for all of its output: 2 * 256 B go one
    # after the other: 64 + 64 + 2 * 1000 = 2128 in place of 1128.
    found = plan(three_layers(), hand(**UNCUT, sram={"size_bytes": 1535}), BEST)
    assert [each.cost.cycles for each in found.passes] == [1356, 1072, 2128]


def test_the_vendor_rule_cuts_no_pass_smaller_to_keep_a_tensor() -> None:
    # 4 -> 8 -> 4 channels on 16x32; the tensor between is 4096 B. Alone, with two slots each, the first pass takes
    # 4 stripes: 2 * 512 + 32 + 2 * 1024 = 3104 B (2 stripes: 6176 B). With 4096 B kept of 5000 it would take 8.
    graph = network(
        {"x": (1, 4, 16, 32)}, [("Conv", "x a", "c", {}), ("Conv", "c b", "y", {})], "y",
        {"a": (8, 4, 1, 1), "b": (4, 8, 1, 1)},
    )  # fmt: skip
    short, ample = (plan(graph, hand(sram={"size_bytes": size}), PLAIN).passes for size in (5000, 1 << 20))
    assert [each.section for each in short] == [0, 1]
    assert short[0].mapping["stripes"] == 4
    assert [each.section for each in ample] == [0, 0]
    assert (short[0].mapping["resident"], ample[0].mapping["resident"]) == ([], ["output"])


def test_a_stripe_in_flight_while_another_is_computed() -> None:
    # conv3x3 4 -> 8 on 8x8, nothing extra for stripes. The cheapest cut is 2 x 2 positions and 4 output channels, the
    # weights first: MAC 288 cycles. Nothing overlaps the first IFM stripe (4 * 4 * 4 = 64 B, 8 cycles), the first half
    # of the weights (144 B, 18 cycles) and the last output stripe (2 * 2 * 4 = 16 B, 2 cycles): 316.
    found = plan(conv((1, 4, 8, 8), (8, 4, 3, 3), relu=True), hand(), BEST)
    assert found.cycles == pytest.approx(316)
    assert found.passes[0].mapping == {
        "algorithm": "direct",
        "stripe": {"height": 2, "width": 2, "groups": 1, "in_channels": 4, "out_channels": 4},
        "stripes": 32, "slots": {"ifm": 2, "weights": 2, "ofm": 2}, "loads": {"ifm": 2, "weights": 1},
        "stays": "weights", "fused": ["relu"], "resident": [],
    }  # fmt: skip
    # The IFM is read twice, each time with the rows' halo again: 2 * 14 * 8 * 4 B.
    assert traffic(found, "ifm") == 896


def test_the_vendor_rule_buffers_then_moves_least_then_cuts_least() -> None:
    # Two slots everywhere, each byte once, and the fewest stripes that allow it: half of the rows or columns.
    found = plan(conv((1, 4, 8, 8), (8, 4, 3, 3), relu=True), hand(), PLAIN)
    mapping = found.passes[0].mapping
    assert mapping["stripes"] == 2
    assert mapping["slots"] == {"ifm": 2, "weights": 1, "ofm": 2}
    assert total(found) == 256 + 288 + 512
    # Columns 4 of 8 with one of halo each side: 6 of 8 columns, 192 B = 24 cycles; weights 36; the last output stripe
    # 256 B = 32; in the middle 288.
    assert found.cycles == 24 + 36 + 32 + 288


def test_the_vendor_rule_double_buffers_before_it_saves_bytes() -> None:
    # 700 B. One slot and a quarter of the rows (4 rows of 32 B, 288 B of weights, 128 B out) read each byte once. Two
    # slots do not fit so (192 + 288 + 256 B), but they do where both axes are cut: 4 x 2 outputs at a time, 6 rows
    # * (2 * 2 + 2) columns, 144 B, + 288 + two outputs of 64 B; the outer halo is read again: 10 rows in place of 8.
    found = plan(conv((1, 4, 8, 8), (8, 4, 3, 3), relu=True), hand(sram={"size_bytes": 700}), PLAIN)
    mapping = found.passes[0].mapping
    assert mapping["slots"] == {"ifm": 2, "weights": 1, "ofm": 2}
    assert mapping["stripe"] == {"height": 4, "width": 2, "groups": 1, "in_channels": 4, "out_channels": 8}
    assert traffic(found, "ifm") == 10 * 8 * 4


def test_a_tensor_leaves_sram_when_its_last_reader_has_run() -> None:
    # Four pointwise convolutions: beside the 512 B that a pass reads it needs 64 of weights and 512 for its output, so
    # 1088 B hold the section only because nothing older is still there.
    names = ["x", "a", "b", "c", "d"]
    rows: list[Row] = [("Conv", f"{read} w", made, {}) for read, made in pairwise(names)]
    graph = network({"x": (1, 8, 8, 8)}, rows, "d", {"w": (8, 8, 1, 1)})
    found = plan(graph, hand(**UNCUT, sram={"size_bytes": 1088}), BEST)
    assert [each.section for each in found.passes] == [0, 0, 0, 0]
    assert [each.sram_bytes for each in found.passes] == [1088] * 4
    assert {each.mapping["resident_as"] for each in found.passes} == {"whole tensors"}


def test_what_runs_several_times_costs_so_often() -> None:
    graph = matrix_layer()
    again = tuple(msgspec.structs.replace(layer, repeat=3) for layer in graph.layers)
    often = msgspec.structs.replace(graph, layers=again)
    once, found = plan(graph, hand(), PLAIN).passes[0].cost, plan(often, hand(), PLAIN).passes[0].cost
    assert dict(found.bounds) == {name: 3 * cycles for name, cycles in once.bounds.items()}
    assert dict(found.traffic) == {name: 3 * count for name, count in once.traffic.items()}


# --- reports of users (properties.md) -------------------------------------------------------------------------------


def matrix_layer() -> Graph:
    """1x1, 16 -> 16 channels on 8x8: 1024 B in, 256 B of weights, 1024 B out."""
    return conv((1, 16, 8, 8), (16, 16, 1, 1))


def test_p01_with_unlimited_bandwidth_the_latency_is_the_compute() -> None:
    unlimited = hand(dram={"read_bytes_per_cycle": 1e30, "write_bytes_per_cycle": 1e30})
    for options in (BEST, PLAIN):
        # 64 positions * 256 / 64 = 256 cycles.
        assert plan(matrix_layer(), unlimited, options).cycles == pytest.approx(256, rel=1e-12)


def test_p03_more_sram_is_never_slower_and_reaches_the_floor() -> None:
    sizes = [112, 128, 256, 512, 1024, 2048, 2304, 4096, 1 << 20]
    found = [plan(matrix_layer(), hand(sram={"size_bytes": size}), BEST) for size in sizes]
    cycles = [each.cycles for each in found]
    assert cycles == sorted(cycles, reverse=True)
    assert cycles[0] > cycles[-1]
    # The rule that moves the fewest bytes reaches the input, the weights and the output, each once.
    assert total(plan(matrix_layer(), hand(), PLAIN)) == 1024 + 256 + 1024 == 2304


@pytest.mark.parametrize("macs_per_cycle", [1, 64, 1 << 20])
def test_p04_loading_counts_whatever_the_macs(macs_per_cycle: int) -> None:
    slow = {"duplex": False, "read_bytes_per_cycle": 1, "write_bytes_per_cycle": 1}
    profile = hand(dram=slow, mac_array={"macs_per_cycle": macs_per_cycle})
    for options in (BEST, PLAIN):
        found = plan(matrix_layer(), profile, options)
        assert found.cycles >= total(found) >= 2304
        assert found.cycles >= 64 * 256 / macs_per_cycle


def test_p05_no_count_is_negative_or_wraps() -> None:
    # 2**31 by 2**20 positions: 2**51 bytes, more MACs than 63 bits hold.
    graph = conv((1, 4, 1 << 20, 1 << 31), (4, 4, 3, 3))
    for each in plan(graph, hand(), BEST).passes:
        assert all(0 <= count < 1 << 63 for count in each.cost.traffic.values())
        assert all(cycles >= 0 for cycles in each.cost.bounds.values())


def test_p10_half_the_bandwidth_is_never_faster() -> None:
    half = hand(dram={"read_bytes_per_cycle": 4, "write_bytes_per_cycle": 4})
    assert plan(matrix_layer(), half, BEST).cycles > plan(matrix_layer(), hand(), BEST).cycles


def test_p12_gemm_matmul_and_pointwise_convolution_cost_the_same() -> None:
    shapes = {"w": (256, 64)}
    graphs = [
        network({"x": (1, 256)}, [("Gemm", "x w", "y", {})], "y", shapes),
        network({"x": (1, 256)}, [("MatMul", "x w", "y", {})], "y", shapes),
        conv((1, 256, 1, 1), (64, 256, 1, 1)),
    ]
    for options in (BEST, PLAIN):
        costs = [plan(graph, hand(), options).passes[0].cost for graph in graphs]
        assert costs[0] == costs[1] == costs[2]


def test_p15_depthwise_has_no_reuse_between_channels() -> None:
    # 3x3, 64 channels on 56x56: 1,806,336 MAC, 576 B of weights. On an array of 16 input x 16 output channels x 8
    # positions that runs 16 channels of a depthwise convolution at once, 1/16 of the peak: 14,112 cycles.
    array = {
        "macs_per_cycle": 2048, "unroll_in_channels": 16, "unroll_out_channels": 16, "unroll_height": 4,
        "unroll_width": 2, "depthwise_channels": 16,
    }  # fmt: skip
    found = plan(conv((1, 64, 56, 56), (64, 1, 3, 3), group=64), hand(mac_array=array), PLAIN)
    cost = found.passes[0].cost
    assert cost.bounds["mac"] == 1_806_336 / (2048 / 16) == 14_112
    assert cost.traffic["dram", "weights"] == 576


def test_p11_the_search_is_bounded_and_says_what_it_left_out() -> None:
    rows: list[Row] = [("Relu", f"t{i}" if i else "x", f"t{i + 1}", {}) for i in range(4000)]
    graph = network({"x": (1, 4, 4, 4)}, rows, "t4000")
    found = plan(graph, hand(), BEST)
    assert len(found.passes) == 4000
    assert [notice.code for notice in found.warnings] == ["search-cap"]
    assert "4000 passes, sections of more than 50" in found.warnings[0].message


def test_p09_latency_is_cycles_over_the_clock() -> None:
    # 1e6 cycles at 1e9 Hz are 1 ms: here 256 cycles of compute at 250 MHz, 1.024 us, with nothing else in the way.
    unlimited = hand(dram={"read_bytes_per_cycle": 1e30, "write_bytes_per_cycle": 1e30})
    slow = msgspec.structs.replace(unlimited, clock_hz=250e6)
    found = npusim.estimate(matrix_layer(), slow)
    assert found.latency_s == pytest.approx(1.024e-6)
    assert found.latency_s == found.totals.cycles / 250e6


@pytest.mark.parametrize("level", ["mapped", "roofline"])
def test_p20_rows_sum_to_the_totals(level: str) -> None:
    found = npusim.estimate(three_layers(), hand(), level=level)
    rows, totals = found.layers, found.totals
    assert sum(row.cycles for row in rows) == totals.cycles
    assert sum(row.macs for row in rows) == totals.macs == 64 * (4 * 8 * 9 + 8 * 8)
    assert sum(row.params for row in rows) == totals.params == 288 + 64
    assert sum(row.dram_bytes for row in rows) == totals.dram_bytes
    assert sum(row.ops for row in rows) == totals.ops


def test_p21_the_result_says_what_is_taken_for_granted() -> None:
    said = " ".join(npusim.estimate(matrix_layer(), hand()).profile.assumptions)
    assert all(word in said for word in ("double buffered", "halo", "partial sums are 32 bits"))
    assert "overlap over the whole network" in " ".join(
        npusim.estimate(matrix_layer(), hand(), level="roofline").profile.assumptions
    )


def test_a_vector_unit_without_a_price_for_passing_through_is_said_to_take_no_time() -> None:
    free = hand(vector_unit={"step_cycles": {"relu": 1}})
    found = plan(matrix_layer(), free, PLAIN)
    assert found.passes[0].cost.bounds["vector"] == 0
    assert "no price for it" in found.assumptions[-1]
    assert "no price for it" not in " ".join(plan(matrix_layer(), hand(), PLAIN).assumptions)


# --- what the user is told ------------------------------------------------------------------------------------------


def test_nothing_fits() -> None:
    with pytest.raises(EstimateError) as caught:
        plan(matrix_layer(), hand(sram={"size_bytes": 32}), BEST)
    # 2 x 2 positions, 4 input and 4 output channels: 16 B in, 16 of weights, 16 out, 64 of partial sums.
    assert caught.value.code == "no-plan"
    assert "fits 32 B of SRAM; the smallest takes 112 B" in str(caught.value)
    with pytest.raises(EstimateError):
        plan(matrix_layer(), hand(sram={"size_bytes": 32}), PLAIN)


def test_reserved_sram_is_not_used() -> None:
    reserved = hand(sram={"size_bytes": 1 << 20, "reserved_bytes": (1 << 20) - 512})
    assert plan(matrix_layer(), reserved, BEST) == plan(matrix_layer(), hand(sram={"size_bytes": 512}), BEST)


def test_sram_of_size_zero_does_not_limit() -> None:
    assert plan(matrix_layer(), hand(sram={"size_bytes": 0}), BEST) == plan(matrix_layer(), hand(), BEST)


def test_another_type_is_said_to_run_at_the_native_rate() -> None:
    found = plan(matrix_layer(), hand(), Options(dtype="int16"))
    assert [notice.code for notice in found.warnings] == ["rate-of-native-type"]
    assert total(found) == 2 * 2304
    assert plan(matrix_layer(), hand(), PLAIN).warnings == ()


def passes_of(graph: Graph, profile: HardwareProfile) -> dict[str, Pass]:
    return {each.name: each for each in plan(graph, profile, PLAIN).passes}


def test_what_the_hardware_cannot_run_goes_beside_it() -> None:
    # 3x3 of 4 -> 4 channels on 6x6 with stride 3: 2x2 outputs: 9 * 4 * 16 = 576 MAC at 2 a cycle = 288 cycles, longer
    # than its traffic: 144 + 144 B in, 16 B out.
    found = passes_of(conv((1, 4, 6, 6), (4, 4, 3, 3), strides=(3, 3), pads=(0, 0, 0, 0)), hand())["c"]
    assert found.off_npu == "stride 3 is above 2"
    assert found.cost.bounds["fallback"] == found.cost.cycles == 288
    assert found.cost.bound_by == "fallback"
    assert dict(found.cost.traffic) == {("dram", "ifm"): 144, ("dram", "weights"): 144, ("dram", "ofm"): 16}
    assert found.mapping == {}


def test_the_stuffed_input_of_a_large_kernel_goes_through_dram() -> None:
    # 5x5, stride 2, above the 4 taps that the engine upsamples: zeros are stored, 4 * 16 * 16 = 1024 B written and read
    # back, and a dense 5x5 runs: 25 * 256 positions * 16 / 64 = 1600 cycles.
    graph = conv(
        (1, 4, 8, 8), (4, 4, 5, 5), op="ConvTranspose", strides=(2, 2), pads=(2, 2, 2, 2), output_padding=(1, 1)
    )
    found = passes_of(graph, hand(sram={"size_bytes": 1500}))
    stuffing, main = found["c (zero stuffing)"], found["c"]
    assert (stuffing.layers, main.layers) == ((), ("c", "y"))
    assert stuffing.cost.traffic["dram", "ofm"] == main.cost.traffic["dram", "ifm"] == 1024
    assert main.cost.bounds["mac"] == 1600
    assert plan(graph, hand(), BEST).cycles >= roofline(graph, hand(), BEST).cycles
