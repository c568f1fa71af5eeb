"""How bounds make a latency, and the roofline: a lower bound whose layers sum to it."""

from __future__ import annotations

import numpy as np
import pytest
from hand import BEST, HAND, PLAIN, WINOGRAD, conv, hand, network

from npusim.cost import LayerCost, Pass, Plan, Roofline, combined, least_mac_cycles, roofline, roofline_plan, saved
from npusim.ir import Graph
from npusim.loopnest import LoopNest
from npusim.options import Options
from npusim.targets.generic import plan

# --- bounds ---------------------------------------------------------------------------------------------------------


def test_what_overlaps_is_a_maximum_and_what_does_not_is_added() -> None:
    cost = LayerCost({"mac": 100.0, "vector": 40.0, "dma_read": 120.0, "dma_read_serial": 7.0, "dma_write_serial": 3.0})
    assert cost.cycles == 120.0 + 10.0
    assert cost.bound_by == "dma_read"


def test_the_first_of_equal_bounds_is_the_reason() -> None:
    assert LayerCost({"mac": 5.0, "vector": 5.0}).bound_by == "mac"
    assert LayerCost({"mac": 0.0}).bound_by == "none"
    assert LayerCost({}).bound_by == "none"
    assert LayerCost({}).cycles == 0.0
    assert LayerCost({"dma_read_serial": 4.0, "mac": 1.0}).bound_by == "dma_read_serial"


def test_arrays_of_bounds_combine_as_each_of_them_does() -> None:
    bounds = {
        "mac": [5.0, 1.0, 0.0],
        "dma_read": [2.0, 4.0, 0.0],
        "dma_read_serial": [1.0, 0.5, 0.0],
        "vector": [5.0, 9.0, 0.0],
    }
    alone = [LayerCost({name: column[row] for name, column in bounds.items()}).cycles for row in range(3)]
    assert alone == [6.0, 9.5, 0.0]
    assert combined({name: np.array(column) for name, column in bounds.items()}).tolist() == alone
    assert combined({"dma_read_serial": np.array([2.0, 3.0])}).tolist() == [2.0, 3.0]


def test_a_plan_is_the_sum_of_its_passes() -> None:
    passes = tuple(Pass(name, (name,), 0, LayerCost({"mac": cycles})) for name, cycles in (("a", 2.0), ("b", 0.5)))
    assert Plan(passes).cycles == 2.5
    assert Plan(()).cycles == 0.0


# --- roofline -------------------------------------------------------------------------------------------------------


def bound(graph: Graph, options: Options = PLAIN, **tables: object) -> Roofline:
    return roofline(graph, hand(**tables), options)  # type: ignore[arg-type]


def layer() -> Graph:
    """3x3, 4 -> 8 channels on 8x8: 18,432 MAC; 256 B in, 288 B of weights, 512 B out."""
    return conv((1, 4, 8, 8), (8, 4, 3, 3), relu=True)


def test_compute_and_compulsory_traffic() -> None:
    found = bound(layer())
    assert (found.mac_cycles, found.read_cycles, found.write_cycles) == (288, 68, 64)
    assert (found.read_bytes, found.write_bytes) == (544, 512)
    assert (found.cycles, found.bound_by) == (288, "mac")


def test_reads_and_writes_overlap_or_share() -> None:
    slow = {"read_bytes_per_cycle": 1, "write_bytes_per_cycle": 0.5}
    apart, shared = bound(layer(), dram=slow), bound(layer(), dram={**slow, "duplex": False})
    assert (apart.cycles, apart.bound_by) == (1024, "dma_write")
    assert (shared.cycles, shared.bound_by) == (544 + 512, "dma")


def test_half_the_bandwidth_doubles_a_memory_bound_latency() -> None:
    rates = [hand(dram={"read_bytes_per_cycle": rate, "write_bytes_per_cycle": rate}) for rate in (0.5, 0.25)]
    fast, slow = (roofline(layer(), profile, PLAIN).cycles for profile in rates)
    assert slow == 2 * fast == 2 * 1088


def test_bytes_a_second_do_not_follow_the_clock() -> None:
    # 544 B at 1e9 B/s and at most 512 B the other way are 544 ns whatever the clock; the array's 288 cycles are not.
    fixed = {
        "read_bytes_per_cycle": None,
        "write_bytes_per_cycle": None,
        "read_bytes_per_s": 1e9,
        "write_bytes_per_s": 1e9,
    }
    for clock_hz in (1e9, 5e8):
        profile = type(HAND)(**{**{f: getattr(HAND, f) for f in HAND.__struct_fields__}, "clock_hz": clock_hz,
                                "dram": hand(dram=fixed).dram})  # fmt: skip
        found = roofline(layer(), profile, PLAIN)
        assert found.read_cycles / clock_hz == pytest.approx(544e-9)
        assert found.mac_cycles == 288


def test_compression_saves_its_share_of_inputs_and_outputs() -> None:
    half = Options(activation_compression=0.5)
    found = bound(layer(), half)
    assert (found.read_bytes, found.write_bytes) == (128 + 288, 256)
    assert bound(layer(), half, compression={"available": False}).read_bytes == 544
    assert saved(101, 0.5) == 50


def test_the_fastest_algorithm_counts() -> None:
    # 16 products for 4 outputs of 9 taps: 288 / 2.25 = 128.
    assert bound(layer(), mac_array={"winograd": WINOGRAD}).mac_cycles == 128
    strided = conv((1, 4, 8, 8), (8, 4, 3, 3), strides=(2, 2))
    assert bound(strided, mac_array={"winograd": WINOGRAD}).mac_cycles == 72


def test_a_transposed_convolution_counts_its_nonzero_products() -> None:
    # 2x2 with stride 2, 4 -> 4 channels on 8x8: 64 positions * 4 taps * 16 = 4096 MAC, a quarter of the dense grid.
    graph = conv((1, 4, 8, 8), (4, 4, 2, 2), op="ConvTranspose", strides=(2, 2), pads=(0, 0, 0, 0))
    assert bound(graph).mac_cycles == 64


@pytest.mark.parametrize("crop", [0, 3])
def test_a_cropped_transposed_convolution_counts_the_smaller_grid(crop: int) -> None:
    # Stride 1, 4x4 taps on 8x8: 11x11 outputs, or 5x5 where three are cropped on each side.
    graph = conv((1, 4, 8, 8), (4, 4, 4, 4), op="ConvTranspose", pads=(crop,) * 4)
    assert bound(graph).mac_cycles == min(64, (11 - 2 * crop) ** 2) * 16 * 16 / 64


def test_no_lane_is_faster_than_the_rate_that_counts() -> None:
    nest = LoopNest(1, 8, 1, 1, (8, 8), (3, 3), (8, 8))
    assert least_mac_cycles(nest, HAND) == 8 * 64 * 9 / 64
    # Depthwise lanes, or a fallback, that outrun the array bound it from below.
    assert least_mac_cycles(nest, hand(mac_array={"depthwise_channels": 32})) == 8 * 64 * 9 / 128
    assert least_mac_cycles(nest, hand(fallback={"macs_per_cycle": 256})) == 8 * 64 * 9 / 256


def test_shared_weights_are_read_once() -> None:
    rows = [("Conv", "x w", "a", {"pads": (1, 1, 1, 1)}), ("Conv", "a w", "y", {"pads": (1, 1, 1, 1)})]
    graph = network({"x": (1, 4, 8, 8)}, rows, "y", {"w": (4, 4, 3, 3)})
    assert bound(graph).read_bytes == 256 + 144


def test_an_input_is_read_as_far_as_somebody_needs_it() -> None:
    # Two slices of 1 of 8 channels read 2 * 16 B of 128; one that nobody reads costs nothing.
    ends = [{"starts": (at,), "ends": (at + 1,), "axes": (1,)} for at in (0, 4)]
    rows = [("Slice", "x", "a", ends[0]), ("Slice", "x", "b", ends[1]), ("Add", "a b", "y", {})]
    graph = network({"x": (1, 8, 4, 4), "unused": (1, 8, 4, 4)}, rows, "y")
    assert bound(graph).read_bytes == 32


def test_views_alone_move_nothing() -> None:
    found = bound(network({"x": (1, 8, 4, 4)}, [("Identity", "x", "y", {})], "y"))
    assert (found.cycles, found.bound_by, found.read_bytes, found.write_bytes) == (0, "none", 0, 0)


def test_other_types_weigh_what_they_are() -> None:
    found = bound(layer(), Options(dtype="int4"))
    assert (found.read_bytes, found.write_bytes) == (128 + 144, 256)


# --- the roofline as a plan -----------------------------------------------------------------------------------------


def two_layers() -> Graph:
    rows = [("Conv", "x w", "a", {"pads": (1, 1, 1, 1)}), ("Conv", "a v", "b", {}), ("Flatten", "b", "y", {})]
    return network({"x": (1, 4, 8, 8)}, rows, "y", {"w": (8, 4, 3, 3), "v": (8, 8, 1, 1)})


@pytest.mark.parametrize(("rate", "binding", "shares"), [(8, "mac", [288, 64, 0]), (0.5, "dma_read", [1088, 128, 0])])
def test_layers_share_the_resource_that_binds_the_network(rate: float, binding: str, shares: list[float]) -> None:
    profile = hand(dram={"read_bytes_per_cycle": rate, "write_bytes_per_cycle": 8})
    found, total = roofline_plan(two_layers(), profile, PLAIN), roofline(two_layers(), profile, PLAIN)
    assert [dict(each.cost.bounds) for each in found.passes] == [{binding: share} for share in shares]
    assert found.cycles == total.cycles == sum(shares)
    assert total.bound_by == binding
    assert [each.layers for each in found.passes] == [("a",), ("b",), ("y",)]
    # Every pass still tells what it asks of each resource.
    assert found.passes[1].mapping == {"mac_cycles": 64, "dma_read_cycles": 64 / rate, "dma_write_cycles": 64}
    assert sum(each.cost.traffic["dram", "ifm"] for each in found.passes) == 256
    assert sum(each.weight_stream_bytes for each in found.passes) == 288 + 64


def test_the_roofline_is_below_every_plan_of_the_network() -> None:
    for options in (PLAIN, BEST):
        assert plan(two_layers(), HAND, options).cycles >= roofline(two_layers(), HAND, options).cycles
