"""Stripes and the families that they come in: docs/ethos-n78/PLANNER.md, sections 2 to 5."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ethos_kit import hardware

from npusim.targets.ethos_n.candidates import lonely_plans, neighbours, start_plans
from npusim.targets.ethos_n.columns import C, Plans
from npusim.targets.ethos_n.machine import Shape3
from npusim.targets.ethos_n.parts import Kind, Part, Weights
from npusim.targets.ethos_n.standalone import connected_plans, height_plans, ple_plans
from npusim.targets.ethos_n.stripes import Split, enlarges, exclusive, inclusive, splits, stripe

M = hardware()  # bricks of 8x8x16, 16 banks, 16 channels in and out at once


def conv(ifm: Shape3, out: int, side: int = 3, **more: Any) -> Part:
    """A convolution that keeps the size of the plane."""
    fields: dict[str, Any] = {
        "kernel": (side, side),
        "pads": (side // 2,) * 4,
        "channels": ifm[2],
        "weights": Weights(),
    }
    return Part(Kind.MCE, (ifm,), (*ifm[:2], out), "passthrough", **fields | more)


def addition(height: int, width: int, channels: int) -> Part:
    shape = (height, width, channels)
    return Part(Kind.PLE, (shape, shape), shape, "addition", flavour="add")


# --- section 2 --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "base", "incl", "excl"),
    [
        (24, 8, [8, 16, 24], [8, 16]),  # 3 multiples: 1, 2, and the one that covers
        (25, 8, [8, 16, 32], [8, 16]),  # 4 multiples: 4 is a power of two, and the end
        (40, 8, [8, 16, 32, 40], [8, 16, 32]),
        (8, 8, [8], []),
        (3, 8, [8], []),
    ],
)
def test_2_multiples(size: int, base: int, incl: list[int], excl: list[int]) -> None:
    assert inclusive(size, base) == incl
    assert exclusive(size, base) == excl


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ((0, 0, 0), (24, 40, 32)),  # 0 stands for the whole axis: 20 x 37 x 20, rounded up
        ((8, 16, 16), (8, 16, 16)),
        ((9, 16, 17), (16, 16, 32)),
        ((64, 64, 64), (24, 40, 32)),  # capped at the tensor before it is rounded
    ],
)
def test_2_stripes_are_whole_bricks(entry: tuple[int, int, int], found: tuple[int, int, int]) -> None:
    assert tuple(map(int, stripe((20, 37, 20), entry, 16, M))) == found


# --- section 3 --------------------------------------------------------------------------------------------------------


def of_block(part: Part, width: int, height: int, *, lonely: bool) -> list[Split]:
    return [each for each in splits(part, M, lonely=lonely) if each.block == (width, height)]


def test_3_families_of_a_section_start() -> None:
    """24 x 24 x 16 to 32 channels, block 16x16: Excl(24, 16) = [16] for each axis of the plane, Excl(32, 16) = [16] for
    the output's depth (F11 alone: F8 and F10 are of lonely parts); and the whole."""
    block = (16, 16)
    found = of_block(conv((24, 24, 16), 32), 16, 16, lonely=False)
    assert sorted(found) == sorted([
        Split(block, 16, 0, 0, 0),  # F1
        Split(block, 16, 0, 0, 0, whole_memory=True),  # F2
        Split(block, 0, 16, 0, 0),  # F3
        Split(block, 0, 0, 0, 16, by_base=True, whole_ple=True),  # F11
        Split(block, 0, 0, 0, 0),  # F12
    ])  # fmt: skip


def test_3_families_of_a_lonely_convolution() -> None:
    """The same with 32 channels in: Incl(24, 16) = [16, 32] gives 4 of F4 and 4 of F9; F10 cuts 32 channels into 16."""
    found = of_block(conv((24, 24, 32), 32), 16, 16, lonely=True)
    low = [each for each in found if each.low]
    assert low == [Split((16, 16), 16, 16, 16, 16, by_base=True, low=True)]
    planes = [(each.in_height, each.in_width) for each in found if each.in_height and each.in_width and not each.low]
    assert planes.count((16, 32)) == 2
    assert len(planes) == 8
    assert sum(each.out_depth == 16 and not each.in_height for each in found) == 2  # F8 and F11


def test_3_f10_needs_a_block_of_its_stripes_size() -> None:
    """With an upscale of 2, the least stripe of 8x8 makes 16x16 outputs, whatever the block."""
    part = Part(
        Kind.MCE, ((24, 24, 32),), (48, 48, 32), "passthrough", kernel=(3, 3), pads=(1, 0, 1, 0), upscale=2,
        weights=Weights(), channels=32
    )  # fmt: skip
    assert {each.block for each in splits(part, M, lonely=True) if each.low} == {(16, 16)}


def test_3_families_of_a_depthwise_convolution() -> None:
    """24 x 24 x 48 alone: F5 and F7 cut the depth into 16 and 32; F6 is Incl in all three: 2 x 2 x 3."""
    part = conv((24, 24, 48), 48, depthwise=True)
    found = of_block(part, 16, 16, lonely=True)
    assert sum(bool(each.in_depth) for each in found) == 2 + 12 + 2
    started = of_block(part, 16, 16, lonely=False)
    assert [each.in_depth for each in started if each.in_depth] == [16, 32]  # F7


def test_3_blocks_are_those_of_the_program() -> None:
    """A 3x3 pooling runs in 32x8 and 8x32 alone, a 2x2 one in neither of them."""
    tensor = (32, 32, 16)
    large = Part(Kind.FUSED, (tensor,), (16, 16, 16), "max_pool_3x3", ple_scale=((1, 2), (1, 2), (1, 1)), channels=16)
    assert {each.block for each in splits(large, M, lonely=True)} == set(M.programs["max_pool_3x3"].multipliers)
    assert splits(large, M, lonely=False) == [
        Split(block, 0, 0, 0, 0) for block in M.programs["max_pool_3x3"].multipliers
    ]


def test_3_padding_that_enlarges_needs_room_in_the_last_stripe() -> None:
    """16 x 16 padded to 20 x 20, 4 rows in all. A stripe of 16 rows leaves none free: 24 leave 8. One of 8 leaves none:
    16 would be twice as many, so it is dropped."""
    shape = ((16, 64, 16),)
    grown = Part(Kind.MCE, shape, (20, 64, 16), "passthrough", pads=(2, 2, 0, 0), channels=16, weights=Weights())
    assert enlarges(grown)
    rows = {each.in_height for each in splits(grown, M, lonely=True) if each.block == (8, 8)}
    assert rows == {0, 24}
    assert not any(each.whole_memory for each in splits(grown, M, lonely=True))  # F2 behaves as F1


# --- section 3: records -----------------------------------------------------------------------------------------------


def with_stripe(plans: Plans, height: int, width: int, depth: int) -> Plans:
    box = plans.box(C.IN)
    return plans.take((box[0] == height) & (box[1] == width) & (box[2] == depth))


def values(plans: Plans, *columns: int) -> set[tuple[int, ...]]:
    return set(zip(*(plans[column].tolist() for column in columns), strict=True))


def test_3_slots_of_the_input() -> None:
    """One row of 3x3 kernels needs both neighbours: 3 slots of a tensor of 4 stripes, or 4; of 2 stripes: 2. A whole
    input has one slot."""
    plans = lonely_plans(conv((32, 64, 16), 16), M)
    assert values(with_stripe(plans, 8, 64, 16), C.IN_SLOTS) == {(3,), (4,)}
    assert values(with_stripe(plans, 16, 64, 16), C.IN_SLOTS) == {(2,)}
    assert values(with_stripe(plans, 32, 64, 16), C.IN_SLOTS) == {(1,)}
    assert values(lonely_plans(conv((32, 64, 16), 16, side=1), M), C.IN_SLOTS) == {(1,), (2,)}


def test_3_packed_boundary_data() -> None:
    """Split in height and width, the rows above and below come packed with the stripe: 8 each."""
    plans = lonely_plans(conv((32, 64, 16), 16), M)
    assert values(with_stripe(plans, 8, 16, 16), C.PACK_ROWS, C.PACK_SIDES) == {(16, 0)}
    assert values(with_stripe(plans, 8, 64, 16), C.PACK_ROWS, C.PACK_SIDES) == {(0, 0)}
    assert [side.all() for side in neighbours(conv((32, 64, 16), 16, side=1), plans)] == [False] * 4


def test_3_an_input_that_is_split_is_read_for_each_part_of_the_output() -> None:
    """48 output channels, 16 at a time: the whole input is read once, one in rows three times."""
    plans = lonely_plans(conv((32, 64, 16), 48, side=1), M)
    assert values(plans, C.LOADS) == {(1,), (3,)}
    thrice = plans.take(plans[C.LOADS] == 3)
    assert values(thrice, C.MCE_OUT + 2) == {(16,)}
    assert np.all((thrice[C.IN] < 32) | (thrice[C.IN + 1] < 64))


def test_3_a_start_has_the_slots_that_its_reader_wants() -> None:
    """4 rows of stripes: a reader that wants both neighbours finds 3 of them; the whole output is one."""
    plans = start_plans(conv((32, 64, 16), 16), M, 3, feeds_ple=False)
    assert values(plans.take(plans[C.OUT] == 8), C.OUT_SLOTS) == {(3,)}
    assert values(plans.take(plans[C.OUT] == 32), C.OUT_SLOTS) >= {(1,)}


def test_4_winograd_runs_where_it_takes_fewer_cycles() -> None:
    """256 outputs of a block are too many accumulators for a 3x3 kernel's; a 1x1 kernel gains nothing."""
    plans = lonely_plans(conv((32, 64, 16), 16), M)
    area = plans[C.BLOCK_W] * plans[C.BLOCK_H]
    assert np.array_equal(plans[C.WINOGRAD] == 1, area <= 128)
    assert not lonely_plans(conv((32, 64, 16), 16, side=1), M)[C.WINOGRAD].any()


def test_4_the_tile_and_the_output() -> None:
    """8 rows of 64 columns of 16 channels: 8 KiB a slot, 3 or 4 of them; the output's slots are as large."""
    plans = with_stripe(lonely_plans(conv((32, 64, 16), 16), M), 8, 64, 16)
    assert values(plans, C.IN_SLOTS, C.TILE_BYTES) == {(3, 3 * 8192), (4, 4 * 8192)}
    assert (1, 8192) in values(plans, C.OUT_SLOTS, C.OUT_BYTES)


# --- section 5 --------------------------------------------------------------------------------------------------------


def test_5_candidates_of_an_addition() -> None:
    """40 x 24 x 16: widths 8 and 16 of Excl(24, 8), then the heights 8, 16 and 32 taken for widths, the last of which
    is
    the whole width; both of Excl(40, 8) x Excl(24, 8) at once; never in height alone."""
    plans = ple_plans(addition(40, 24, 16), M, border_slots=None)
    boxes = list(dict.fromkeys(zip(*(plans[C.IN + axis].tolist() for axis in range(3)), strict=True)))
    assert boxes == [
        (40, 24, 16), (40, 8, 16), (40, 16, 16), (8, 8, 16), (8, 16, 16), (16, 8, 16), (16, 16, 16), (32, 8, 16),
        (32, 16, 16)
    ]  # fmt: skip
    whole = with_stripe(plans, 40, 24, 16)
    assert values(whole, C.IN_SLOTS, C.OUT_SLOTS) == {(2, 1)}
    assert values(with_stripe(plans, 40, 8, 16), C.OUT_SLOTS) == {(1,), (2,)}


def test_5_cuts_in_height_that_the_compiler_never_comes_to() -> None:
    plans = height_plans(addition(40, 24, 16), M)
    assert values(plans, C.IN, C.IN + 1) == {(8, 24), (16, 24), (32, 24)}


def test_5_the_planes_of_an_average_stay_whole() -> None:
    tensor = (24, 24, 48)
    part = Part(Kind.PLE, (tensor,), tensor, "avg_pool_3x3")
    assert values(ple_plans(part, M, border_slots=None), C.IN + 2) == {(48,), (16,), (32,)}
    assert values(ple_plans(part, M, border_slots=1), C.IN + 2) == {(48,)}
    assert not len(height_plans(part, M))


def test_5_a_pooling_along_one_axis_is_not_split_there() -> None:
    tensor = (24, 40, 16)
    part = Part(Kind.PLE, (tensor,), tensor, "max_pool_1d", axis=1)
    assert values(ple_plans(part, M, border_slots=None), C.IN + 1) == {(40,)}


# --- section 6 --------------------------------------------------------------------------------------------------------


def test_6_a_fully_connected_layer() -> None:
    """4 bricks of 16 channels in, 48 out: whole; 16 or 32 channels out; 16 or 32 in, with 16 out, then read for each of
    the three stripes of the output."""
    part = Part(Kind.FC, ((4, 4, 64),), (1, 1, 48), "passthrough", weights=Weights(), channels=1024)
    plans = connected_plans(part, M)
    assert values(plans, C.IN + 2, C.OUT + 2, C.LOADS) == {
        (64, 48, 1),
        (64, 16, 1),
        (64, 32, 1),
        (16, 16, 3),
        (32, 16, 3),
    }
    assert values(plans, C.WEIGHT_SLOTS) == {(1,), (2,)}
    assert values(plans.take(plans[C.IN + 2] == 64), C.IN_SLOTS) == {(1,)}
