"""Formats, tiles, transfers and weight streams: docs/ethos-n78/PLANNER.md, sections 4, 7, 8 and 14."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ethos_kit import hardware
from msgspec import structs

from npusim.targets.ethos_n.costs import (
    Format,
    Transfer,
    block_multiplier,
    dma_time,
    input_transfer,
    mce_winograd_cycles,
    output_transfer,
    weight_reloads,
    weight_transfer,
)
from npusim.targets.ethos_n.dram import Buffer, best_of, copy_buffer
from npusim.targets.ethos_n.formats import best_format, fits, input_tile
from npusim.targets.ethos_n.layout import PADDING, stored_order
from npusim.targets.ethos_n.machine import Machine, Shape3
from npusim.targets.ethos_n.parts import Coded, Kind, Part, Weights
from npusim.targets.ethos_n.stores import Store, accepted, cheapest_conversion, choices, joined_formats
from npusim.targets.ethos_n.weights import streams

M = hardware()
NHWC, NHWCB, DEEP, WIDE = Format.NHWC, Format.NHWCB, Format.DEEP, Format.WIDE
MAP = (64, 64, 64)


def arrays(box: Shape3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.array([box[0]]), np.array([box[1]]), np.array([box[2]])


# --- section 7 --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stripe", "good"),
    [
        ((64, 64, 64), {NHWC, NHWCB, DEEP, WIDE}),
        ((8, 64, 64), {NHWC, NHWCB, DEEP, WIDE}),
        ((8, 8, 64), {NHWC, NHWCB, DEEP}),  # cells of WIDE are 8x16x16
        ((64, 16, 16), {NHWCB, WIDE}),  # cells of DEEP are 8x8x32; NHWC is never split in depth
        ((8, 8, 32), {NHWCB, DEEP}),
        ((8, 8, 16), {NHWCB}),
    ],
)
def test_7_formats_of_a_stripe(stripe: Shape3, good: set[Format]) -> None:
    assert {fmt for fmt in Format if fits(M, MAP, stripe, fmt, packed=False, wide_forbidden=False)} == good
    best = next(fmt for fmt in (DEEP, WIDE, NHWCB) if fmt in good)
    assert best_format(M, arrays(MAP), arrays(stripe), np.array([0]))[0] == best
    assert best_of(M, [Buffer(MAP, stripe=stripe)]) == best
    for fmt in Format:  # the same for many plans at once
        assert bool(accepted(M, MAP, arrays(stripe), Store(fmt))[0]) == (fmt in good)


@pytest.mark.parametrize(
    ("how", "good"),
    [
        ({"packed": True}, {NHWCB, DEEP, WIDE}),
        ({"wide_forbidden": True}, {NHWC, NHWCB, DEEP}),
        ({"dram": (64, 64, 128)}, {NHWCB, DEEP, WIDE}),  # a piece in depth of a larger tensor
        ({"dram": (64, 64, 128), "offset": (0, 0, 64)}, {NHWCB, DEEP, WIDE}),
        ({"dram": (64, 64, 80), "offset": (0, 0, 16)}, {NHWCB, WIDE}),  # 16 channels are half a cell of DEEP
        ({"dram": (128, 64, 64), "offset": (64, 0, 0)}, {NHWC, NHWCB, DEEP, WIDE}),
        ({"dram": (68, 64, 64), "offset": (4, 0, 0)}, {NHWC}),
        ({"dram": (1, 4096, 64)}, {NHWC}),  # another shape
        ({"dram": (1, 1, 64 * 64 * 64)}, {NHWC}),
    ],
)
def test_7_pieces_and_other_shapes(how: dict[str, Any], good: set[Format]) -> None:
    about: dict[str, Any] = {"packed": False, "wide_forbidden": False} | how
    assert {fmt for fmt in Format if fits(M, MAP, MAP, fmt, **about)} == good
    offset = about.get("offset", (0, 0, 0))
    lies = [fmt for fmt in Format if not any(at % 8 for at in offset[:2]) or fmt is NHWC]  # what joined_formats allows
    for fmt in lies:
        if offset[2] % 32 and fmt is DEEP:
            continue
        store = Store(fmt, about.get("dram"), offset)
        found = accepted(M, MAP, arrays(MAP), store, packed=about["packed"], forbidden=about["wide_forbidden"])
        assert bool(found[0]) == (fmt in good), fmt


def test_7_channels_of_single_columns_may_be_taken_apart() -> None:
    """A vector in NHWC: a stripe of some channels is one run of bytes."""
    assert fits(M, (8, 1, 64), (8, 8, 16), NHWC, packed=False, wide_forbidden=False)
    assert accepted(M, (8, 1, 64), arrays((8, 8, 16)), Store(NHWC)).all()


def test_7_without_compression() -> None:
    plain = structs.replace(M, fcaf=False)
    assert best_format(plain, arrays(MAP), arrays(MAP), np.array([0])).tolist() == [NHWCB]
    assert not fits(plain, MAP, MAP, DEEP, packed=False, wide_forbidden=False)


# --- section 4: tiles -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tensor", "stripe", "slots", "pack", "fcaf", "tile", "forbidden"),
    [
        ((64, 64, 16), (8, 64, 16), 3, (0, 0), True, 3 * 8 * 64 * 16, False),
        ((64, 64, 16), (8, 64, 16), 3, (16, 0), True, 3 * 24 * 64 * 16, False),  # packed rows
        # 8 columns of 24 are no whole cell of 16: 16 would double them, so that WIDE cannot fill the tile.
        ((64, 24, 16), (64, 24, 16), 1, (0, 0), True, 64 * 24 * 16, True),
        # 152 columns grow to 160, by 5 %.
        ((64, 304, 16), (64, 152, 16), 1, (0, 0), True, 64 * 152 * 16, False),  # split at 152: no cells of 16 either
        ((64, 152, 16), (64, 152, 16), 1, (0, 0), True, 64 * 160 * 16, False),
        ((64, 152, 16), (64, 152, 16), 1, (0, 0), False, 64 * 152 * 16, False),
        # All of it is there: the last stripe takes its own size, 4 rows rounded to 8.
        ((20, 64, 16), (16, 64, 16), 2, (0, 0), True, 16 * 64 * 16 + 8 * 64 * 16, False),
        ((20, 64, 3), (16, 64, 16), 2, (0, 0), True, 16 * 64 * 16 + 8 * 64 * 16, False),
    ],
)
def test_4_the_input_tile(
    tensor: Shape3, stripe: Shape3, slots: int, pack: tuple[int, int], fcaf: bool, tile: int, forbidden: bool
) -> None:
    packed = (np.array([pack[0]]), np.array([pack[1]]))
    found, banned = input_tile(M, arrays(tensor), arrays(stripe), np.array([slots]), packed, fcaf_source=fcaf)
    assert (int(found[0]), bool(banned[0])) == (tile, forbidden)


# --- section 8: transfers ---------------------------------------------------------------------------------------------


def read(tensor: Shape3, stripe: Shape3, slots: int, fmt: Format, **how: Any) -> tuple[int, int, int]:
    about: dict[str, Any] = {"pack": (0, 0), "loads": 1, "edge": False, "saving": 0.0} | how
    moved = input_transfer(
        M, tensor, stripe, slots, about["pack"], about["loads"], about["edge"], fmt, about["saving"], about.get("dram")
    )
    return int(moved.parallel_bytes), int(moved.serial_bytes), int(moved.stripes)


@pytest.mark.parametrize(
    ("slots", "edge", "serial"),
    [(1, False, 8), (2, False, 1), (2, True, 8), (3, True, 8), (4, True, 2)],  # of 8 stripes of 8 rows
)
def test_8_what_overlaps_depends_on_the_slots(slots: int, edge: bool, serial: int) -> None:
    """With two slots a stripe is loaded while another is used; with neighbours, it takes twice as many."""
    whole, one = 64 * 64 * 16, 8 * 64 * 16
    found = read((64, 64, 16), (8, 64, 16), slots, NHWCB, edge=edge)
    assert found[:2] == (whole - serial * one, serial * one)


def test_8_bytes_of_an_input() -> None:
    """60 x 60 in bricks counts as 64 x 64; NHWC as it is; packed rows come on top of each stripe but the first."""
    assert sum(read((60, 60, 16), (8, 64, 16), 2, NHWCB)[:2]) == 64 * 64 * 16
    assert sum(read((60, 60, 3), (8, 64, 16), 2, NHWC)[:2]) == 60 * 60 * 3
    # 16 rows for 7 of the 8 stripes: 60 + 112 = 172, in bricks 176.
    assert sum(read((60, 60, 16), (8, 32, 16), 2, NHWCB, pack=(16, 0))[:2]) == 176 * 64 * 16
    assert sum(read((60, 60, 16), (8, 64, 16), 2, NHWCB, loads=3)[:2]) == 3 * 64 * 64 * 16


@pytest.mark.parametrize(
    ("stripe", "fmt", "dram", "chunks"),
    [
        ((16, 64, 64), NHWCB, None, 1),  # whole rows of bricks lie one after another
        ((16, 32, 64), NHWCB, None, 2),  # part of the width: each of 2 rows of bricks
        ((16, 64, 32), NHWCB, None, 16),  # part of the depth: each brick column, 8 x 2
        ((16, 64, 64), NHWCB, (64, 64, 128), 16),  # all of the tensor, and part of the one that it is a piece of
        ((16, 64, 32), DEEP, None, 1),
        ((16, 64, 64), NHWC, None, 1),
    ],
)
def test_8_stripes_of_bricks_come_in_chunks(stripe: Shape3, fmt: Format, dram: Shape3 | None, chunks: int) -> None:
    stripes = 64 // stripe[0] * (64 // stripe[1]) * (64 // stripe[2])
    assert read(MAP, stripe, 2, fmt, dram=dram)[2] == stripes * chunks


@pytest.mark.parametrize(("depth", "chunks"), [(16, 1), (32, 16)])
def test_8_single_bricks_are_written_with_a_stride(depth: int, chunks: int) -> None:
    """16 rows of 64 columns: the DMA writes every fourth brick in one transfer; pairs of bricks one by one, 2 x 8."""
    moved = output_transfer(M, MAP, (16, 64, depth), 2, NHWCB, 0.0)
    assert int(moved.stripes) == 4 * (64 // depth) * chunks


def test_8_compression_is_truncated() -> None:
    """1/3 saved of 57344 and 8192 bytes: 38229.33 and 5461.33."""
    third = 1 / 3
    assert read((64, 64, 16), (8, 64, 16), 2, WIDE, saving=third)[:2] == (38229, 5461)
    assert read((64, 64, 16), (8, 64, 16), 2, NHWCB, saving=third)[:2] == (57344, 8192)


@pytest.mark.parametrize(
    ("parallel", "serial", "stripes", "cycles"),
    [(57344, 8192, 8, 20000), (900_000, 100_000, 8, 63300)],  # 8 x 2500; 62500 for the bytes and 8 x 100
)
def test_8_dma(parallel: int, serial: int, stripes: int, cycles: float) -> None:
    time = dma_time(M, Transfer(parallel, serial, stripes), 16.0)
    share = parallel / (parallel + serial)
    assert (float(time.parallel), float(time.serial)) == pytest.approx((cycles * share, cycles * (1 - share)))
    assert float(dma_time(M, Transfer(0, 0, 0), 16.0).serial) == 0


def test_8_weights() -> None:
    """4 stripes of 1000 bytes, once more each: 8000 bytes, the first slot of which nothing overlaps."""
    assert tuple(map(int, weight_transfer(4000, 1000, 2, 4, 1))) == (7000, 1000, 8)
    assert tuple(map(int, weight_transfer(4000, 1000, 1, 4, 1))) == (0, 8000, 8)


@pytest.mark.parametrize(
    ("stripe", "buffer_bytes", "again"),
    [
        ((8, 64, 16), 1000, 7),  # 8 rows of stripes
        ((8, 32, 16), 1000, 0),  # split in width too
        ((8, 64, 64), 1000, 0),
        # The worst case: 4 groups of 16 outputs, each (9 x 64 x 9 + 7) // 8 + 55 = 703 bytes: 2812, in sixteens 2816.
        ((8, 64, 16), 16 * 2816, 0),
        ((8, 64, 16), 16 * 2816 - 1, 7),
    ],
)
def test_8_weights_are_loaded_again(stripe: Shape3, buffer_bytes: int, again: int) -> None:
    assert int(weight_reloads(M, MAP, stripe, 64, (3, 3), np.int64(buffer_bytes))) == again


@pytest.mark.parametrize(
    ("kernel", "tiles", "parts"),
    [((3, 3), 32 * 32, 1), ((5, 5), 32 * 32, 4), ((1, 3), 32 * 16, 1), ((3, 1), 16 * 32, 1), ((7, 1), 16 * 32, 3)],
)
def test_8_winograd(kernel: tuple[int, int], tiles: int, parts: int) -> None:
    """64 x 64 x 64 to 64: tiles of 2x2 outputs, 2x4 along one axis; 16 MACs each and sub-kernel; 128 MACs of a channel
    pair's group a cycle."""
    cycles = float(mce_winograd_cycles(M, MAP, 64, kernel, (16, 8)))
    assert cycles == 64 * tiles * 16 * parts / 128 * 4


def test_8_winograd_waits_for_its_weights() -> None:
    """One block of outputs: 64 channels transformed for each of 4 groups, 2 cycles each."""
    assert float(mce_winograd_cycles(M, (8, 8, 64), 64, (3, 3), (16, 8))) == 64 * 16 * 16 / 128 * 4
    assert float(mce_winograd_cycles(M, (2, 2, 64), 64, (3, 3), (16, 8))) == 4 * 64 * 2


@pytest.mark.parametrize(("width", "found"), [(8, 1), (9, 2), (16, 2), (17, 4), (64, 4)])
def test_8_block_multipliers(width: int, found: int) -> None:
    """Blocks of 8x8 may be taken 1, 2 or 4 at once."""
    assert int(block_multiplier(M, "passthrough", (np.array([8]), np.array([8])), np.array([width]))[0]) == found


# --- section 14 -------------------------------------------------------------------------------------------------------


def layer(channels: int, out: int, side: int = 3, **more: Any) -> Part:
    about: dict[str, Any] = {"kernel": (side, side), "channels": channels, "weights": Weights()} | more
    return Part(Kind.MCE, ((16, 16, channels),), (16, 16, out), "passthrough", **about)


def stored_mask(machine: Machine, part: Part, channels: int, *, winograd: bool) -> Any:
    return stored_order(machine, part, channels, winograd) != PADDING


def stream(part: Part, channels: int, depth: int, winograd: bool = False) -> tuple[int, int, int]:
    found = streams(M, part, np.array([channels]), np.array([depth]), np.array([int(winograd)]))
    return int(found.slot_bytes[0]), int(found.total_bytes[0]), int(found.stripes[0])


def test_14_one_channel_a_stream() -> None:
    """9 x 128 weights of 8 bits and the header's 118 bits: 1166.75 bytes, in sixteens 1168; 16 streams of them."""
    assert stream(layer(128, 16), 128, 16) == (16 * 1168, 16 * 1168, 1)


def test_14_a_stripe_of_fewer_channels_is_padded_to_all_banks() -> None:
    """One output channel is one stream, but DRAM holds 16 of its length."""
    assert stream(layer(128, 1), 128, 16) == (16 * 1168, 16 * 1168, 1)
    slot, total, stripes = stream(layer(16, 16, 1, depthwise=True, weights=Weights(Coded.IDENTITY)), 8, 8)
    assert (slot % 8, total, stripes) == (0, 2 * 16 * slot // 8, 2)


def test_14_stripes_of_input_and_output() -> None:
    """64 of 128 input channels, 16 of 32 outputs: four stripes; (9 x 64 x 8 + 118) / 8 = 590.75, in sixteens 592."""
    assert stream(layer(128, 32), 64, 16) == (16 * 592, 4 * 16 * 592, 4)


def test_14_a_channel_beyond_what_can_be_encoded() -> None:
    most = M.coding.max_channel_weights
    assert stream(layer(most, 16, 1), most, 16)[0] > 0
    assert stream(layer(most + 1, 16, 1), most + 1, 16) == (0, 0, 1)


def test_14_winograd_stores_whole_sub_kernels() -> None:
    """A 5x5 kernel becomes 6x6: of 9, 6, 6 and 4 weights of 9; a 3x1 one stays."""
    mask = stored_mask(M, layer(2, 16, 5), 2, winograd=True)
    assert (len(mask), int(mask.sum())) == (72, 50)
    tall = structs.replace(layer(2, 16), kernel=(3, 1))
    assert stored_mask(M, tall, 2, winograd=True).tolist() == [True] * 6


def test_14_strided_kernels_are_four_sub_maps() -> None:
    """3x3 without padding: 2x2, 2x1, 1x2 and 1 positions; each of 3 channels is padded to 16 but in the last."""
    part = structs.replace(layer(64, 16, stride=2), channels=3)
    mask = stored_mask(M, part, 12, winograd=False)
    assert (len(mask), int(mask.sum())) == (16 * 8 + 3, 27)


def test_14_padding_that_a_concatenation_brings_has_no_weights() -> None:
    """Channels 4 to 15 of 32 are zero: 12 of 32 at each position."""
    part = layer(32, 16, weights=Weights(zero_runs=((4, 12),)))
    mask = stored_mask(M, part, 32, winograd=False)
    assert (len(mask), int(mask.sum())) == (9 * 32, 9 * 20)
    assert mask[:16].tolist() == [True] * 4 + [False] * 12


def test_14_long_kernels_are_stored_as_sub_kernels() -> None:
    """9x9 is three by three of 3x3; 8x8 is padded to that."""
    assert len(stored_mask(M, layer(16, 16, 9), 16, winograd=False)) == 81 * 16
    mask = stored_mask(M, structs.replace(layer(16, 16), kernel=(8, 8)), 16, winograd=False)
    assert (len(mask), int(mask.sum())) == (81 * 16, 64 * 16)


def test_14_a_fully_connected_layer_is_padded_to_bricks() -> None:
    part = Part(Kind.FC, ((4, 4, 16),), (1, 1, 16), "passthrough", weights=Weights(), channels=200)
    mask = stored_mask(M, part, 1024, winograd=False)
    assert (len(mask), int(mask.sum())) == (1024, 200)


# --- copies -----------------------------------------------------------------------------------------------------------


def test_6_the_stripe_of_a_copy() -> None:
    """What fits 1 MiB: whole channels and rows are preferred; NHWC is not split in depth."""
    assert copy_buffer(M, (64, 64, 64), [NHWC, DEEP]).stripe == (64, 64, 64)
    # 256 x 256 x 64 is 4 MiB: 64 whole rows.
    assert copy_buffer(M, (256, 256, 64), [NHWC, DEEP]).stripe == (64, 256, 64)


def test_the_cheapest_conversion() -> None:
    """From bricks to NHWC, whole at once: 65536 bytes either way, 4096 cycles and 100 a stripe, one after the other."""
    found = cheapest_conversion(M, (64, 64, 16), Store(NHWCB), Store(NHWC), 0.0)
    assert found is not None
    assert found.stripe == (64, 64, 16)
    assert found.cycles == 2 * (65536 / 16 + 100)
    assert cheapest_conversion(M, (64, 64, 16), Store(NHWCB), Store(DEEP, (1, 1, 65536)), 0.0) is None


def test_what_may_be_stored_at_once() -> None:
    two = [Store(NHWC), Store(DEEP)]
    assert choices(two, 1) == [(0,), (1,)]
    assert choices(two, 2) == [(0,), (1,), (0, 1)]
    many = [Store(NHWC), Store(DEEP), *(Store(DEEP, MAP, reader=(at, 0)) for at in range(12))]
    assert choices(many, 2)[14:] == [(0, 1)]


@pytest.mark.parametrize(
    ("axis", "offsets", "found"),
    [
        (2, (0, 32), [NHWCB, DEEP, WIDE]),
        (2, (0, 16), [NHWCB, WIDE]),
        (0, (0, 4), [NHWC]),
        (1, (0, 8), [NHWC, NHWCB, DEEP]),
    ],
)
def test_6_formats_of_a_concatenation(axis: int, offsets: tuple[int, ...], found: list[Format]) -> None:
    part = Part(Kind.CONCAT, (MAP, MAP), (64, 64, 64), axis=axis, offsets=offsets)
    assert joined_formats(part, M) == found
