"""All plans of an MCE or fused part on its own, or at the start of a section (PLANNER.md sections 3 and 4)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from npusim.targets.ethos_n.columns import Array, C, Plans, joined
from npusim.targets.ethos_n.costs import Box, mce_direct_cycles, mce_winograd_cycles, split, stripes_in
from npusim.targets.ethos_n.formats import input_tile
from npusim.targets.ethos_n.machine import Ints, Machine, ceil_div, round_up, smallest
from npusim.targets.ethos_n.parts import Kind, Part
from npusim.targets.ethos_n.stripes import Split, base_channels, brick_channels, scaled, splits, stripe
from npusim.targets.ethos_n.weights import streams

WEIGHT_SLOTS = (1, 2)


class Records(NamedTuple):
    """Records of section 3, sorted and without duplicates: plans whose slots are still ranges.

    Attributes:
        in_slots, out_slots: least and most. low: to be tried only where nothing else fits.
    """

    plans: Plans
    in_slots: tuple[Array, Array]
    out_slots: tuple[Array, Array]
    low: Any

    def rows(self, which: Any) -> Records:
        """The records of an index array or a mask."""
        ins, outs = self.in_slots, self.out_slots
        return Records(
            self.plans.take(which), (ins[0][which], ins[1][which]), (outs[0][which], outs[1][which]), self.low[which]
        )


def lonely_plans(part: Part, machine: Machine) -> Plans:
    """Plans of the part on its own, in the compiler's order (section 4); only those whose buffers fit in sum."""
    found = records(part, machine, out_slots=None)
    tables = []
    for weight_slots in WEIGHT_SLOTS:
        high = fitting(part, machine, expanded(found.rows(~found.low)), weight_slots)
        if len(high) or not np.any(found.low):
            tables.append(high)
        else:
            tables.append(fitting(part, machine, expanded(found.rows(found.low)), weight_slots))
    return joined(tables)


def start_plans(part: Part, machine: Machine, border_slots: int, *, feeds_ple: bool) -> Plans:
    """Plans that start a section, in order. With ``feeds_ple`` an MCE part leaves its output to the fused parts behind
    it."""
    found = records(part, machine, out_slots=border_slots)
    plans = expanded(found, mce_only=feeds_ple)
    return joined(
        [fitting(part, machine, plans, weight_slots, with_ple=not feeds_ple) for weight_slots in WEIGHT_SLOTS]
    )


def records(part: Part, machine: Machine, out_slots: int | None) -> Records:
    """The records of section 3: lonely where ``out_slots`` is None, else for the start of a section with that many."""
    found = splits(part, machine, lonely=out_slots is None)
    plans, low = _stripes(part, machine, found)
    in_range = _input_slots(part, plans)
    first, last = (1, 2) if out_slots is None else (out_slots, out_slots)
    most = smallest(last, stripes_in(part.out, plans.box(C.OUT)))
    out_range = (smallest(first, most), most)
    good = np.ones(len(plans), np.bool_)
    if part.program == "max_pool_3x3":
        good, out_range = _max_pool_limits(part, machine, plans, out_range)
    order = _order(plans, out_range)
    order = order[good[order]]
    result = Records(plans, in_range, out_range, low)
    return result.rows(order)


def _stripes(part: Part, machine: Machine, found: list[Split]) -> tuple[Plans, Any]:
    """Rounds the splits to stripes: MCE input and output, PLE input and output, memory (section 3)."""
    table = np.array([(*s.block, *s[1:]) for s in found], np.int64).T
    block_w, block_h, in_h, in_w, in_c, out_c, by_base, whole_ple, whole_memory, low = table
    brick, base = brick_channels(part, machine), base_channels(part, machine)
    rounding = np.where(by_base == 1, base, brick)
    plans = Plans.empty(len(found))
    plans[C.BLOCK_W], plans[C.BLOCK_H] = block_w, block_h
    plans.set_box(C.IN, stripe(part.mce_in, (in_h, in_w, in_c), brick, machine))
    up_h, up_w, _ = part.mce_scale
    entry: Box = (scaled(in_h, up_h), scaled(in_w, up_w), out_c)
    plans.set_box(C.MCE_OUT, stripe(part.mce_out, entry, rounding, machine))
    entry = _where_whole(whole_ple, entry)
    plans.set_box(C.PLE_IN, stripe(part.mce_out, entry, rounding, machine))
    tall, wide, deep = (scaled(axis, ratio) for axis, ratio in zip(entry, part.ple_scale, strict=True))
    entry = (tall, wide, deep)
    plans.set_box(C.PLE_OUT, stripe(part.out, entry, rounding, machine))
    entry = _where_whole(whole_memory, entry)
    plans.set_box(C.OUT, stripe(part.out, entry, rounding, machine))
    _pack(part, machine, plans)
    return plans, low == 1


def _where_whole(whole: Ints, entry: Box) -> Box:
    """The whole axes where that is asked for, else the entry."""
    return np.where(whole == 1, 0, entry[0]), np.where(whole == 1, 0, entry[1]), np.where(whole == 1, 0, entry[2])


def neighbours(part: Part, plans: Plans) -> tuple[Any, Any, Any, Any]:
    """Need-boundary (section 2): data of the stripe before and after, in height, then in width."""
    kernel, ins, outs = part.spatial_kernel, plans.box(C.IN), plans.box(C.MCE_OUT)
    found = []
    for axis, pad in ((0, part.pads[0]), (1, part.pads[2])):
        after = (outs[axis] + kernel[axis] - pad - 1 > ins[axis]) | (part.upscale > 1)
        found += [np.full(len(plans), pad > 0), after]
    return found[0], found[1], found[2], found[3]


def _pack(part: Part, machine: Machine, plans: Plans) -> None:
    """Packed boundary data along axes that are not the innermost streamed one, and how often the input is loaded
    (section 3)."""
    before_y, after_y, before_x, after_x = neighbours(part, plans)
    in_h, in_w, in_c = split(part.mce_in, plans.box(C.IN))
    deep = in_c & (not part.is_depthwise)
    plans[C.PACK_ROWS] = np.where(in_h & (in_w | deep), machine.packed_rows * (before_y + np.int64(0) + after_y), 0)
    plans[C.PACK_SIDES] = np.where(in_w & deep, before_x + np.int64(0) + after_x, 0)
    again = (in_h | in_w | in_c) & (not part.is_depthwise)
    plans[C.LOADS] = np.where(again, ceil_div(part.mce_out[2], plans[C.MCE_OUT + 2]), 1)


def _input_slots(part: Part, plans: Plans) -> tuple[Array, Array]:
    """in slots (section 3): what the innermost streamed axis needs at once, and one more."""
    before_y, after_y, before_x, after_x = neighbours(part, plans)
    tensor, ins = part.mce_in, plans.box(C.IN)
    in_h, in_w, in_c = split(tensor, ins)
    wide = smallest(1 + before_x + np.int64(0) + after_x, ceil_div(tensor[1], ins[1]))
    high = smallest(1 + before_y + np.int64(0) + after_y, ceil_div(tensor[0], ins[0]))
    streamed = np.where(in_w, wide, np.where(in_h, high, 1))
    least = np.where(~in_c | part.is_depthwise, streamed, 1)
    most = smallest(least + 1, stripes_in(tensor, ins))
    return smallest(least, most), most


def _max_pool_limits(
    part: Part, machine: Machine, plans: Plans, out_range: tuple[Array, Array]
) -> tuple[Any, tuple[Array, Array]]:
    """Restrictions of the 3x3 max pool on its own (section 3)."""
    parts = split(part.mce_out, plans.box(C.PLE_IN))
    least = np.where(parts[0], np.maximum(out_range[0], 2), out_range[0])
    good = ~parts[1] & ~(parts[0] & (plans[C.PLE_IN + 2] > base_channels(part, machine))) & (least <= out_range[1])
    return good, (least, out_range[1])


def _order(plans: Plans, out_range: tuple[Array, Array]) -> Array:
    """Rows in ascending order of the record, duplicates left out.

    What the record holds besides (weight stripe, input slots, packing, loads) follows from the stripes that stand
    before it.
    """
    data = plans.data
    stripes = [data[C.IN : C.IN + 3], data[C.MCE_OUT : C.MCE_OUT + 3], data[C.BLOCK_W : C.BLOCK_H + 1]]
    stripes += [data[C.PLE_IN : C.PLE_IN + 3], data[C.PLE_OUT : C.PLE_OUT + 3]]
    return sorted_unique(np.concatenate([*stripes, np.array(out_range), data[C.OUT : C.OUT + 3]]))


def sorted_unique(keys: Array) -> Array:
    """Column numbers in ascending order, the first row most significant; of equal columns the first alone."""
    order = np.lexsort(keys[::-1])
    stacked = keys[:, order]
    new = np.ones(len(order), np.bool_)
    new[1:] = np.any(stacked[:, 1:] != stacked[:, :-1], axis=0)
    return order[new]


# --- slots, sizes, what fits ------------------------------------------------------------------------------------------


def expanded(found: Records, *, mce_only: bool = False) -> Plans:
    """One plan for each number of input and output slots, the input's outermost (section 4)."""
    plans, ins, outs = found.plans, found.in_slots, found.out_slots
    if mce_only:  # equal but for what only the PLE and the output see: counted once
        data = plans.data
        keys = [data[C.IN : C.IN + 3], data[C.MCE_OUT : C.MCE_OUT + 3], data[C.BLOCK_W : C.BLOCK_H + 1]]
        rows = sorted_unique(np.concatenate(keys))
        plans, ins = plans.take(rows), (ins[0][rows], ins[1][rows])
        outs = (np.zeros_like(rows), np.zeros_like(rows))
    counts = (ins[1] - ins[0] + 1) * (outs[1] - outs[0] + 1)
    rows = np.repeat(np.arange(len(plans)), counts)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    per_input = (outs[1] - outs[0] + 1)[rows]
    result = plans.take(rows)
    result[C.IN_SLOTS] = ins[0][rows] + within // per_input
    result[C.OUT_SLOTS] = outs[0][rows] + within % per_input
    return result


def fitting(part: Part, machine: Machine, plans: Plans, weight_slots: int, *, with_ple: bool = True) -> Plans:
    """The plans with that many weight slots whose buffers fit the SRAM in sum (section 4, Valid)."""
    plans = Plans(plans.data.copy())
    plans[C.WEIGHT_SLOTS] = weight_slots
    connected = part.kind is Kind.FC
    channels = plans[C.IN] * plans[C.IN + 1] * plans[C.IN + 2] if connected else plans[C.IN + 2]
    fill_weights(part, machine, plans, channels)
    fill_tile(part, machine, plans, fcaf_source=not connected)
    if with_ple:
        plans[C.OUT_BYTES] = output_bytes(machine, plans)
    good = (plans[C.WEIGHT_SLOT_BYTES] > 0) & (sram_sum(machine, plans, with_ple=with_ple) <= machine.sram_bytes)
    return plans.take(good)


def fill_weights(part: Part, machine: Machine, plans: Plans, channels: Ints) -> None:
    """Fills in the algorithm and the weights of an MCE operation whose weights' stripe has so many channels (sections
    4, 14)."""
    plans[C.WINOGRAD] = winograd_chosen(part, machine, plans)
    found = streams(machine, part, channels, plans[C.MCE_OUT + 2], plans[C.WINOGRAD])
    plans[C.WEIGHT_SLOT_BYTES], plans[C.WEIGHT_BYTES], plans[C.WEIGHT_STRIPES] = found


def fill_tile(part: Part, machine: Machine, plans: Plans, *, fcaf_source: bool) -> None:
    """Fills in the buffer of an input (section 4)."""
    pack = (plans[C.PACK_ROWS], plans[C.PACK_SIDES] * machine.packed_columns_wide)
    tile, forbidden = input_tile(
        machine, part.ins[0], plans.box(C.IN), plans[C.IN_SLOTS], pack, fcaf_source=fcaf_source
    )
    plans[C.TILE_BYTES], plans[C.WIDE_FORBIDDEN] = tile, forbidden


def winograd_chosen(part: Part, machine: Machine, plans: Plans) -> Any:
    """Whether Winograd runs a plan (section 4, Algorithm): where it is allowed and takes fewer cycles."""
    stuffs = part.upscale > 1 and not machine.winograd.upsampled
    if part.kind is not Kind.MCE or part.depthwise or part.stride > 1 or stuffs:
        return np.zeros(len(plans), np.int64)
    area = plans[C.BLOCK_W] * plans[C.BLOCK_H]
    both = part.kernel[0] > 1 and part.kernel[1] > 1
    allowed = area <= (machine.winograd.max_block_2d if both else machine.winograd.max_block_1d)
    direct = mce_direct_cycles(machine, part.mce_out, part.channels, part.kernel, False)
    fast = mce_winograd_cycles(machine, part.mce_out, part.channels, part.kernel, plans.block)
    return allowed & (plans[C.IN + 2] >= part.channels) & (fast < direct)


def output_bytes(machine: Machine, plans: Plans) -> Ints:
    """The output's buffer (section 4)."""
    height, width, depth = plans.box(C.OUT)
    brick = machine.brick
    slot = round_up(height, brick[0]) * round_up(width, brick[1]) * round_up(depth, brick[2])
    return plans[C.OUT_SLOTS] * slot


def sram_sum(machine: Machine, plans: Plans, *, with_ple: bool, inputs: int = 1) -> Ints:
    """All buffers of a plan and the PLE's code (section 4, Valid)."""
    buffers = plans[C.TILE_BYTES] * inputs + plans[C.WEIGHT_SLOTS] * plans[C.WEIGHT_SLOT_BYTES] + plans[C.OUT_BYTES]
    return buffers + (machine.code_bytes * machine.banks if with_ple else 0)


def weight_buffer(plans: Plans) -> Ints:
    return plans[C.WEIGHT_SLOTS] * plans[C.WEIGHT_SLOT_BYTES]
