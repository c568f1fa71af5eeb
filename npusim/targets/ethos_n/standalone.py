"""Plans of programs of the PLE that read SRAM themselves, and of fully connected layers (PLANNER.md sections 5 and
6)."""

from __future__ import annotations

from itertools import product

import numpy as np

from npusim.targets.ethos_n.candidates import (
    WEIGHT_SLOTS,
    Records,
    expanded,
    fill_tile,
    fitting,
    output_bytes,
    sorted_unique,
    sram_sum,
)
from npusim.targets.ethos_n.columns import C, Plans, joined
from npusim.targets.ethos_n.costs import split, stripes_in
from npusim.targets.ethos_n.machine import Machine, ceil_div, smallest
from npusim.targets.ethos_n.parts import Part
from npusim.targets.ethos_n.stripes import exclusive, stripe

INPUT_SLOTS = 2


def ple_plans(part: Part, machine: Machine, *, border_slots: int | None) -> Plans:
    """Plans of a stand-alone program, in the compiler's order: lonely where ``border_slots`` is None, else to start a
    section."""
    entries = _entries(part, machine, lonely=border_slots is None)
    first, last = (1, 2) if border_slots is None else (border_slots, border_slots)
    return ple_slots(part, machine, _cut(part, machine, entries), first, last)


def height_plans(part: Part, machine: Machine) -> Plans:
    """Lonely plans that split a stand-alone program in height alone, which the compiler never comes to."""
    heights = [] if part.program == "avg_pool_3x3" else exclusive(part.out[0], machine.brick[0])
    return ple_slots(part, machine, _cut(part, machine, [(height, 0, 0) for height in heights]), 1, 2)


def _cut(part: Part, machine: Machine, entries: list[tuple[int, int, int]]) -> Plans:
    """The stripes of each entry."""
    table = np.array(entries, np.int64).reshape(-1, 3).T
    plans = Plans.empty(table.shape[1])
    entry = (table[0], table[1], table[2])
    read = stripe(part.ins[0], entry, machine.brick[2], machine)
    plans.set_box(C.IN, read)
    plans.set_box(C.PLE_IN, read)
    for column in (C.PLE_OUT, C.OUT):
        plans.set_box(column, stripe(part.out, entry, machine.brick[2], machine))
    if part.program == "max_pool_1d":  # the pooling's direction is not split
        plans = plans.take(~split(part.ins[0], read)[part.axis])
    return plans


def ple_slots(part: Part, machine: Machine, plans: Plans, first: int, last: int) -> Plans:
    """The same plans with each number of output slots from ``first`` to ``last``; those that fit in sum."""
    most = smallest(last, stripes_in(part.out, plans.box(C.OUT)))
    least = smallest(first, most)
    rows = np.repeat(np.arange(len(plans)), most - least + 1)
    slots = least[rows] + np.arange(len(rows)) - np.searchsorted(rows, rows)
    plans = plans.take(rows)
    plans[C.OUT_SLOTS], plans[C.IN_SLOTS], plans[C.LOADS] = slots, INPUT_SLOTS, 1
    ple_buffers(part, machine, plans)
    return plans.take(sram_sum(machine, plans, with_ple=True, inputs=len(part.ins)) <= machine.sram_bytes)


def ple_buffers(part: Part, machine: Machine, plans: Plans) -> None:
    """Fills in the buffers and the block of a stand-alone program."""
    block = next(iter(machine.programs[part.program].multipliers), (0, 0))
    plans[C.BLOCK_W], plans[C.BLOCK_H] = block
    fill_tile(part, machine, plans, fcaf_source=True)
    plans[C.OUT_BYTES] = output_bytes(machine, plans)


def _entries(part: Part, machine: Machine, *, lonely: bool) -> list[tuple[int, int, int]]:
    """Stripes before rounding, 0 for a whole axis, in the order of section 5.

    The list of widths is repeated with multiples that stop at the tensor's height: the library takes heights as widths
    there,
    so an element-wise program is never split in height alone.
    """
    brick = machine.brick
    heights, widths, depths = (exclusive(part.out[axis], brick[axis]) for axis in range(3))
    whole = [(0, 0, 0)]
    by_depth = [(0, 0, c) for c in depths]
    if part.program == "avg_pool_3x3":  # it needs the whole plane
        return whole + by_depth if lonely else whole
    found = whole + [(0, w, 0) for w in widths] + [(0, h, 0) for h in heights] + by_depth
    if lonely:
        found += list(product(heights, widths, depths))
        found += [(0, w, c) for w, c in product(widths, depths)]
        found += [(h, 0, c) for h, c in product(heights, depths)]
        found += [(h, w, 0) for h, w in product(heights, widths)]
    return found


def connected_plans(part: Part, machine: Machine) -> Plans:
    """Plans of a fully connected layer (section 6, FC): whole, split in output depth, split in input and output
    depth."""
    ins, outs = part.ins[0], part.out
    cuts = [(0, 0, 1, 1)]
    cuts += [(0, depth, 1, 2) for depth in exclusive(outs[2], machine.ogs)]
    cuts += [(depth, machine.ogs, 2, 2) for depth in exclusive(ins[2], machine.igs)]
    in_c, out_c, most_in, most_out = np.array(cuts, np.int64).T
    plans = Plans.empty(len(cuts))
    plans[C.BLOCK_W], plans[C.BLOCK_H] = machine.brick[1], machine.brick[0]
    plans.set_box(C.IN, stripe(ins, (0, 0, in_c), machine.brick[2], machine))
    for column in (C.MCE_OUT, C.PLE_IN, C.PLE_OUT, C.OUT):
        plans.set_box(column, stripe(outs, (0, 0, out_c), machine.ogs, machine))
    part_in = plans[C.IN + 2] < ins[2]
    plans[C.LOADS] = np.where(part_in, ceil_div(outs[2], plans[C.OUT + 2]), 1)
    ones = np.ones(len(cuts), np.int64)
    most = (np.where(part_in, most_in, 1), np.where(plans[C.OUT + 2] < outs[2], most_out, 1))
    order = sorted_unique(np.array([plans[C.IN + 2], plans[C.MCE_OUT + 2], most[0], most[1]]))
    found = Records(plans.take(order), (ones[order], most[0][order]), (ones[order], most[1][order]), None)
    return joined([fitting(part, machine, expanded(found), weight_slots) for weight_slots in WEIGHT_SLOTS])
