"""Every bound of a stripe against arithmetic by hand, on the small NPU of ``hand``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hand import BEST, WINOGRAD, conv, hand, network

from npusim.counts import layer_works
from npusim.ir import Graph
from npusim.options import Options
from npusim.profile import HardwareProfile
from npusim.targets.generic.evaluate import Costs, Residency, analyse, compose, machine
from npusim.targets.generic.jobs import NestJob
from npusim.targets.generic.lower import lower

NESTED = {"height": 8, "width": 8, "groups": 1, "in_channels": 4, "out_channels": 8, "slots": 1, "weight_slots": 1}


def costs(graph: Graph, profile: HardwareProfile, options: Options = BEST, *, ins: int = 1) -> Costs:
    """All candidates of the first pass with a nest, from DRAM to DRAM."""
    parts = lower(graph, layer_works(graph), profile, options).parts
    job = next(part.job for part in parts if isinstance(part.job, NestJob))
    at = machine(profile, options)
    return compose(analyse(job, at), Residency((False,) * ins), at)


def row(found: Costs, **wanted: float) -> dict[str, Any]:
    """The one candidate with these choices: its bounds, traffic and SRAM."""
    keep = np.ones(len(found.sram), dtype=bool)
    for name, value in wanted.items():
        keep &= found.columns[name] == value
    (at,) = np.flatnonzero(keep)
    return {
        **{name: float(column[at]) for name, column in found.bounds.items()},
        **{f"{name}_bytes": int(column[at]) for name, column in found.traffic.items()},
        "sram": int(found.sram[at]), "loads": int(found.columns["ifm_loads"][at]),
        "weight_loads": int(found.columns["weight_loads"][at]), "winograd": bool(found.columns["winograd"][at]),
    }  # fmt: skip


# --- the MAC array --------------------------------------------------------------------------------------------------


def test_direct_convolution_fills_the_array() -> None:
    # 3x3, 4 -> 8 channels on 8x8: 9 * 64 positions * 4 * 8 / 64 = 288 cycles; outputs 4 * 4 * 2 steps = 32 cycles.
    found = row(costs(conv((1, 4, 8, 8), (8, 4, 3, 3)), hand()), **NESTED)
    assert found["mac"] == 288
    assert found["vector"] == 32


def test_channels_and_positions_are_rounded_to_the_array() -> None:
    # 3 -> 5 channels on 7x5, 1x1: 8 * 6 positions * 4 * 8 channels / 64 = 24 cycles (of 525 MAC / 64 = 8.2).
    graph = conv((1, 3, 7, 5), (5, 3, 1, 1))
    found = row(costs(graph, hand()), **{**NESTED, "height": 7, "width": 5, "in_channels": 3, "out_channels": 5})
    assert found["mac"] == 24


def test_each_ragged_stripe_is_rounded_for_itself() -> None:
    # Rows 10 in stripes of 4: 4 + 4 + 2; in stripes of 8: 8 + 2. Unrolled by 2 nothing is lost: 10 rows.
    # With an array of 8 rows (and 1 output channel a cycle): stripes of 4 cost 3 * 8 = 24 rows, stripes of 8 cost 16.
    tall = {"unroll_height": 8, "unroll_out_channels": 1}
    graph = conv((1, 4, 10, 8), (1, 4, 1, 1))
    by_8 = row(costs(graph, hand(mac_array=tall)), **{**NESTED, "height": 8, "out_channels": 1})
    whole = row(costs(graph, hand(mac_array=tall)), **{**NESTED, "height": 10, "out_channels": 1})
    assert by_8["mac"] == 16 * 8 * 4 / 64
    assert whole["mac"] == 16 * 8 * 4 / 64
    layout = {"sram_height": 4, "sram_width": 1, "sram_channels": 1}
    assert costs(graph, hand(layout=layout)).columns["height"].min() == 4  # no stripe below a cell of the layout


def test_winograd_divides_the_multiplications() -> None:
    # 4 x 4 tiles of 2x2 outputs, 16 products each, 4 * 8 channel pairs: 16 * 16 * 32 / 64 = 128 cycles (288 direct).
    found = row(costs(conv((1, 4, 8, 8), (8, 4, 3, 3)), hand(mac_array={"winograd": WINOGRAD})), **NESTED)
    assert found["winograd"]
    assert found["mac"] == 128


def test_winograd_along_one_axis() -> None:
    # 3x1 taps: tiles of 2 rows x 4 columns: 4 * 2 tiles * 16 * 32 / 64 = 64 cycles (direct: 3 * 64 * 32 / 64 = 96).
    found = row(costs(conv((1, 4, 8, 8), (8, 4, 3, 1)), hand(mac_array={"winograd": WINOGRAD})), **NESTED)
    assert found["mac"] == 64


def test_weights_are_transformed_once_a_stripe() -> None:
    # 100 cycles for each sub-kernel, input channel and step of 4 output channels: 4 * 2 * 100 = 800 a stripe, so that
    # the direct algorithm (288) is the faster one; with 20 cycles it is 160 in one stripe and 320 in two.
    slow, mild = (hand(mac_array={"winograd": with_cost(cycles)}) for cycles in (100, 20))
    graph = conv((1, 4, 8, 8), (8, 4, 3, 3))
    assert row(costs(graph, slow), **NESTED)["mac"] == 288
    assert row(costs(graph, mild), **NESTED)["mac"] == 160
    assert row(costs(graph, mild), **{**NESTED, "height": 4})["mac"] == 288


def test_every_sub_kernel_is_transformed() -> None:
    # 5x5 as four sub-kernels: 4 * 4 channels * 2 steps of outputs * 100 = 3200 cycles, above the 64 * 16 tiles * 32
    # / 64 = 512 of its products and the 25 * 64 * 32 / 64 = 800 of the direct algorithm; with 20 cycles, 640.
    graph = conv((1, 4, 8, 8), (8, 4, 5, 5))
    slow, mild = (hand(mac_array={"winograd": with_cost(cycles)}) for cycles in (100, 20))
    assert row(costs(graph, slow), **NESTED)["mac"] == 800
    assert row(costs(graph, mild), **NESTED)["mac"] == 640


def with_cost(cycles: float) -> Any:
    return type(WINOGRAD)(2, 4, 3, 16, cycles)


@pytest.mark.parametrize("attrs", [{"strides": (2, 2)}, {"dilations": (2, 2), "pads": (2, 2, 2, 2)}])
def test_winograd_needs_dense_steps(attrs: dict[str, Any]) -> None:
    found = costs(conv((1, 4, 8, 8), (8, 4, 3, 3), **attrs), hand(mac_array={"winograd": WINOGRAD}))
    assert not found.columns["winograd"].any()


def test_depthwise_runs_on_its_own_lanes() -> None:
    # 3x3 on 8 channels of 8x8: 9 * 64 * 8 / (4 channels * 4 positions) = 288 cycles.
    graph = conv((1, 8, 8, 8), (8, 1, 3, 3), group=8)
    found = row(costs(graph, hand()), height=8, width=8, groups=8, slots=1)
    assert found["mac"] == 288
    assert found["weights_bytes"] == 72


def test_groups_run_one_after_another() -> None:
    # Two groups of 2 -> 2 channels: each is rounded to 4 -> 4: 2 * 64 * 4 * 4 / 64 = 32 cycles for 1x1 on 8x8.
    graph = conv((1, 4, 8, 8), (4, 2, 1, 1), group=2)
    found = row(costs(graph, hand(mac_array={"grouped": True})), height=8, width=8, groups=2, slots=1, weight_slots=1)
    assert found["mac"] == 32


def test_upsampling_in_the_engine_costs_the_dense_grid() -> None:
    # 2x2, stride 2, 4 -> 4 channels, 8x8 -> 16x16: 4 taps * 256 positions * 16 / 64 = 256 cycles; the input is read
    # once, 4 * 64 = 256 B.
    graph = conv((1, 4, 8, 8), (4, 4, 2, 2), op="ConvTranspose", strides=(2, 2), pads=(0, 0, 0, 0))
    found = row(costs(graph, hand()), height=16, width=16, groups=1, out_channels=4, slots=1, weight_slots=1)
    assert found["mac"] == 256
    assert found["ifm_bytes"] == 256
    assert found["ofm_bytes"] == 1024


def test_three_axes() -> None:
    # 3x3x3, 4 -> 4 channels on 4x8x8: 27 * 256 positions * 16 / 64 = 1728 cycles.
    graph = conv((1, 4, 4, 8, 8), (4, 4, 3, 3, 3))
    found = row(costs(graph, hand()), depth=4, height=8, width=8, groups=1, out_channels=4, slots=1, weight_slots=1)
    assert found["mac"] == 1728


def test_stripes_cost_cycles_of_their_own() -> None:
    # Two stripes of 144 cycles each: + 2 * 10; at least 2 * 200.
    graph, stripes = conv((1, 4, 8, 8), (8, 4, 3, 3)), {**NESTED, "height": 4}
    assert row(costs(graph, hand(mac_array={"stripe_cycles": 10})), **stripes)["mac"] == 308
    assert row(costs(graph, hand(mac_array={"stripe_min_cycles": 200})), **stripes)["mac"] == 400


# --- the vector unit ------------------------------------------------------------------------------------------------


def test_fused_work_takes_the_place_of_passing_through() -> None:
    leaky = hand(vector_unit={"fused": ("relu", "leaky")})
    graph = network(
        {"x": (1, 4, 8, 8)}, [("Conv", "x w", "c", {"pads": (1, 1, 1, 1)}), ("LeakyRelu", "c", "y", {})], "y",
        {"w": (8, 4, 3, 3)},
    )  # fmt: skip
    assert row(costs(graph, leaky), **NESTED)["vector"] == 32 * 8
    assert row(costs(conv((1, 4, 8, 8), (8, 4, 3, 3), relu=True), leaky), **NESTED)["vector"] == 32


# --- traffic --------------------------------------------------------------------------------------------------------


def test_compulsory_bytes_and_their_time() -> None:
    # 256 B in, 288 B weights, 512 B out, all in one stripe, so that nothing overlaps: 32 + 36 and 64 cycles.
    found = row(costs(conv((1, 4, 8, 8), (8, 4, 3, 3)), hand()), **NESTED)
    assert (found["ifm_bytes"], found["weights_bytes"], found["ofm_bytes"]) == (256, 288, 512)
    assert (found["dma_read_serial"], found["dma_write_serial"]) == (68, 64)
    assert (found["dma_read"], found["dma_write"]) == (0, 0)
    assert found["sram"] == 256 + 288 + 512


def test_double_buffered_stripes_overlap_but_for_one() -> None:
    # Stripes of 2 rows: the first reads 4 rows with its halo, 128 of 256 B = 16 cycles; the rest overlaps. The last of
    # four output stripes is 128 B = 16 cycles. Two slots of 2 rows and 2 rows of halo stay: 6 * 8 * 4 = 192 B; weights
    # 288 B; two output stripes 256 B.
    found = row(costs(conv((1, 4, 8, 8), (8, 4, 3, 3)), hand()), **{**NESTED, "height": 2, "slots": 2})
    assert found["ifm_bytes"] == 256  # the halo stays in SRAM
    assert (found["dma_read_serial"], found["dma_read"]) == (16 + 36, 16)
    assert (found["dma_write_serial"], found["dma_write"]) == (16, 48)
    assert found["sram"] == 192 + 288 + 256


def test_a_cut_of_both_axes_reads_the_outer_halo_again() -> None:
    # Rows 8 in 4 stripes: three times 2 rows again: 14 * 8 * 4 = 448 B. The width's halo stays in SRAM.
    found = row(costs(conv((1, 4, 8, 8), (8, 4, 3, 3)), hand()), **{**NESTED, "height": 2, "width": 2})
    assert found["ifm_bytes"] == 448


def test_halo_of_one_axis_as_users_count_it() -> None:
    # 16 outputs of 3 taps read 18 inputs; four stripes of 4 read 4 * (4 + 2) = 24 where the halo is read again. The
    # width is cut as well, so that the halo of the height is not the one that stays; no padding, 4 input channels.
    graph = conv((1, 4, 18, 8), (4, 4, 3, 1), pads=(0, 0, 0, 0))
    whole = row(costs(graph, hand()), height=16, width=8, groups=1, out_channels=4, slots=1, weight_slots=1)
    cut = row(costs(graph, hand()), height=4, width=4, groups=1, out_channels=4, slots=1, weight_slots=1)
    assert whole["ifm_bytes"] == 18 * 8 * 4
    assert cut["ifm_bytes"] == 24 * 8 * 4


def test_a_ragged_last_stripe_reads_what_is_left() -> None:
    # 88 input channels in stripes of 16, the last of 8: 88 * 64 B, not 96 * 64.
    graph = conv((1, 88, 8, 8), (4, 88, 1, 1))
    found = row(costs(graph, hand()), height=8, width=8, in_channels=16, slots=1, weight_slots=1)
    assert found["ifm_bytes"] == 88 * 64
    assert found["weights_bytes"] == 88 * 4


def test_refetch_by_order_of_the_loops() -> None:
    # Two stripes of rows, two of output channels. Either each stripe of the IFM stays and all weights come twice, or
    # each stripe of the weights stays and the IFM comes twice.
    cut = {**NESTED, "height": 4, "out_channels": 4}
    found = costs(conv((1, 4, 8, 8), (8, 4, 3, 3)), hand())
    ifm_stays, weights_stay = row(found, **cut, weights_first=0), row(found, **cut, weights_first=1)
    assert (ifm_stays["ifm_bytes"], ifm_stays["weights_bytes"]) == (256, 2 * 288)
    assert (weights_stay["ifm_bytes"], weights_stay["weights_bytes"]) == (2 * 256, 288)
    assert (ifm_stays["weight_loads"], weights_stay["loads"]) == (2, 2)


def test_cut_input_channels_wait_as_partial_sums() -> None:
    # 8 input channels in stripes of 4, 4 of 8 output channels at a time: the IFM comes once for each half of the
    # outputs. SRAM: IFM 256 B, weights 4 * 4 * 9 = 144 B, OFM 256 B, sums of 4 B for 256 outputs = 1024 B.
    graph = conv((1, 8, 8, 8), (8, 8, 3, 3))
    found = row(costs(graph, hand()), **{**NESTED, "in_channels": 4, "out_channels": 4})
    assert found["ifm_bytes"] == 2 * 512
    assert found["weights_bytes"] == 576
    assert found["sram"] == 256 + 144 + 256 + 1024


def test_cut_input_channels_keep_no_halo() -> None:
    # As above with rows in two stripes: 2 rows of halo come again with every load: 2 halves of the outputs * (8 + 2)
    # rows * 8 columns * 8 channels = 1280 B.
    graph = conv((1, 8, 8, 8), (8, 8, 3, 3))
    found = row(costs(graph, hand()), **{**NESTED, "height": 4, "in_channels": 4, "out_channels": 4})
    assert found["ifm_bytes"] == 1280


def test_layouts_round_tensors_between_layers_alone() -> None:
    # 7x5 of 3 channels lies as 8x8 of 4 between layers; the network's own input and output are as they are.
    layout = {"dram_height": 8, "dram_width": 8, "dram_channels": 4}
    graph = network(
        {"x": (1, 3, 7, 5)}, [("Conv", "x a", "c", {}), ("Conv", "c b", "y", {})], "y",
        {"a": (3, 3, 1, 1), "b": (3, 3, 1, 1)},
    )  # fmt: skip
    first = row(
        costs(graph, hand(layout=layout)), height=7, width=5, in_channels=3, out_channels=3, slots=1, weight_slots=1
    )
    assert (first["ifm_bytes"], first["ofm_bytes"]) == (105, 256)
    # Half of it is saved by compression; the input is not compressed.
    half = Options(planner="best", activation_compression=0.5)
    saved = row(
        costs(graph, hand(layout=layout), half),
        height=7,
        width=5,
        in_channels=3,
        out_channels=3,
        slots=1,
        weight_slots=1,
    )
    assert (saved["ifm_bytes"], saved["ofm_bytes"]) == (105, 128)
    plain = hand(layout=layout, compression={"available": False})
    assert row(
        costs(graph, plain, half), height=7, width=5, in_channels=3, out_channels=3, slots=1, weight_slots=1
    )["ofm_bytes"] == 256  # fmt: skip


def test_weight_streams_are_padded() -> None:
    # 5 output channels over 4 streams: 2 a stream of 36 * 8 + 10 bits each: 596 bits = 75 B, rounded to 80, times 4.
    stream = {"channel_bits": 10, "channel_multiple": 4, "stream_multiple_bytes": 16}
    found = row(costs(conv((1, 4, 8, 8), (5, 4, 3, 3)), hand(weight_stream=stream)), **{**NESTED, "out_channels": 5})
    assert found["weights_bytes"] == 320


def test_transfers_cost_cycles_of_their_own() -> None:
    # Two stripes each way and one of weights: reading 256 B takes 32 + 2 * 10 cycles, or at least 2 * 50.
    cut = {**NESTED, "height": 4}
    graph = conv((1, 4, 8, 8), (8, 4, 3, 3))
    found = row(costs(graph, hand(dma={"stripe_cycles": 10})), **cut)
    assert (found["dma_read_serial"], found["dma_write_serial"]) == (52 + 46, 84)
    found = row(costs(graph, hand(dma={"stripe_min_cycles": 50})), **cut)
    assert (found["dma_read_serial"], found["dma_write_serial"]) == (100 + 50, 100)


def test_shared_memory_adds_reads_and_writes() -> None:
    found = row(
        costs(conv((1, 4, 8, 8), (8, 4, 3, 3)), hand(dram={"duplex": False, "write_bytes_per_cycle": 4})),
        **{**NESTED, "height": 2, "slots": 2},
    )
    assert found["dma"] == 16 + 48  # both at the larger rate of 8 B a cycle
    assert "dma_read" not in found


def test_products_made_of_activations_read_both() -> None:
    # [8, 16] x [16, 4]: 128 B and 64 B in, 32 B out; 8 rows * 16 * 4 / 64 = 8 cycles.
    graph = network({"a": (8, 16), "b": (16, 4)}, [("MatMul", "a b", "y", {})], "y")
    found = row(costs(graph, hand(), ins=2), width=8, in_channels=16, out_channels=4, slots=1, weight_slots=1)
    assert (found["ifm_bytes"], found["weights_bytes"], found["ofm_bytes"]) == (192, 0, 32)
    assert found["mac"] == 8
