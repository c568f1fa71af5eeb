"""Plans of a part that joins a section: from what the part before it left in SRAM (PLANNER.md section 10)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from npusim.targets.ethos_n.candidates import fill_tile, fill_weights, output_bytes, sram_sum
from npusim.targets.ethos_n.columns import Array, C, Plans
from npusim.targets.ethos_n.costs import Box, stripes_in
from npusim.targets.ethos_n.formats import input_tile
from npusim.targets.ethos_n.machine import Machine, ceil_div, round_up, smallest
from npusim.targets.ethos_n.parts import Part
from npusim.targets.ethos_n.standalone import INPUT_SLOTS
from npusim.targets.ethos_n.stripes import scaled, stripe


class Held(NamedTuple):
    """What a part left for its consumers, a row a state: its stripe, its slots, and whether it is the PLE's input."""

    box: Box
    slots: Array
    in_ple: bool


class Joining(NamedTuple):
    """How a part joins: as the section's last one or not, with what, a row a candidate.

    Attributes:
        slots: of the output, where it is the last one. border_slots: where it is not.
        feeds_ple: it leaves its output to fused parts behind it.
    """

    last: bool
    block: tuple[Array, Array]
    weight_slots: Array
    slots: Array
    border_slots: int
    feeds_ple: bool


Found = tuple[Plans, Any]  # plans and which of them are legal


def join_mce(part: Part, machine: Machine, held: Held, how: Joining) -> Found:
    """An MCE part behind a buffer in SRAM."""
    plans = _start(held, how)
    tensor, out, brick = part.mce_in, part.out, machine.brick[2]
    full_h, full_w = held.box[0] >= tensor[0], held.box[1] >= tensor[1]
    plane, full_c = full_h & full_w, held.box[2] >= tensor[2]
    area = part.stride * part.stride
    alone = held.box[2] // area if part.is_depthwise else _output_depth(machine, how)
    up_h, up_w, _ = part.mce_scale
    entry = (
        np.where(full_h, 0, scaled(held.box[0], up_h)), np.where(full_w, 0, scaled(held.box[1], up_w)),
        np.where(plane, alone, 0)
    )  # fmt: skip
    made = stripe(out, entry, brick, machine)
    plans.set_box(C.MCE_OUT, made)
    after_ple = made if how.last else stripe(out, (entry[0], entry[1], 0), brick, machine)
    plans.set_box(C.PLE_IN, after_ple)
    plans.set_box(C.PLE_OUT, after_ple)
    good = (made[2] < out[2]) | (how.weight_slots == 1)
    good &= full_c | (part.is_depthwise and how.last)
    good &= _same_counts(part, held.box, made)
    depth = made[2] if how.last else np.zeros_like(made[2])
    memory = stripe(out, (np.where(full_h, 0, made[0]), np.where(full_w, 0, made[1]), depth), brick, machine)
    plans.set_box(C.OUT, memory)
    good &= _output_slots(plans, how, plane, memory[2] >= out[2])
    fill_weights(part, machine, plans, made[2] * area if part.is_depthwise else held.box[2])
    fill_tile(part, machine, plans, fcaf_source=False)
    return _checked(machine, plans, good & (plans[C.WEIGHT_SLOT_BYTES] > 0), with_ple=not how.feeds_ple)


def _output_depth(machine: Machine, how: Joining) -> Any:
    """Output channels of the MCE with whole planes: all, in the middle with one weight slot; else a step at a time."""
    return machine.ogs if how.last else np.where(how.weight_slots == 1, 0, machine.ogs)


def _same_counts(part: Part, before: Box, made: Box) -> Any:
    """Padding that makes the output larger than the buffer: input and output then have equally many rows and columns of
    stripes."""
    top, bottom, left, right = part.pads
    tensor, out = part.mce_in, part.out
    if not ((left + right and tensor[1] < out[1]) or (top + bottom and tensor[0] < out[0])):
        return True
    rows = ceil_div(tensor[0], before[0]) == ceil_div(out[0], made[0])
    return rows & (ceil_div(tensor[1], before[1]) == ceil_div(out[1], made[1]))


def join_fused(part: Part, machine: Machine, held: Held, how: Joining) -> Found:
    """A fused part: in the pass of the part before it, or behind an identity convolution of a buffer in SRAM."""
    plans = _start(held, how)
    tensor, out, brick = part.mce_in, part.out, machine.brick
    full_h, full_w = held.box[0] >= tensor[0], held.box[1] >= tensor[1]
    plane = full_h & full_w
    scale_h, scale_w, _ = part.ple_scale
    whole = (scaled(held.box[1], scale_w) % brick[1] == 0) & (scaled(held.box[0], scale_h) % brick[0] == 0)
    good = (plane | whole) & _block_exists(part, machine, how.block)
    entry = tuple(scaled(axis, ratio) for axis, ratio in zip(held.box, part.ple_scale, strict=True))
    made = stripe(out, (entry[0], entry[1], entry[2]), brick[2], machine)
    read_c, made_c = held.box[2], made[2]
    if not how.last:  # the PLE gathers the whole depth of a plane
        read_c = np.where(plane, round_up(held.box[2], brick[2]), read_c)
        made_c = np.where(plane, round_up(out[2], brick[2]), made_c)
    made = (made[0], made[1], made_c)
    plans.set_box(C.PLE_IN, (held.box[0], held.box[1], read_c))
    plans.set_box(C.PLE_OUT, made)
    depth = made_c if how.last else np.where(plane, 0, made_c)
    memory = stripe(out, (np.where(full_h, 0, made[0]), np.where(full_w, 0, made[1]), depth), brick[2], machine)
    plans.set_box(C.OUT, memory)
    full_c = memory[2] >= out[2]
    if part.program == "max_pool_3x3":
        good &= plane & full_c
    good &= _output_slots(plans, how, plane, full_c)
    if not held.in_ple:
        good &= (held.slots == 1) & _identity(part, machine, held, plans)
    else:
        plans[C.IN_SLOTS] = 0
    return _checked(machine, plans, good, with_ple=True)


def _identity(part: Part, machine: Machine, held: Held, plans: Plans) -> Any:
    """The identity convolution in front of a fused part that reads SRAM; whether its weights can be encoded."""
    tensor = part.mce_in
    clipped = tuple(np.minimum(held.box[axis], tensor[axis]) for axis in range(3))
    plans.set_box(C.IN, (clipped[0], clipped[1], clipped[2]))
    plans.set_box(C.MCE_OUT, (clipped[0], clipped[1], clipped[2]))
    fill_weights(part, machine, plans, clipped[2])
    tile, _ = input_tile(machine, tensor, held.box, held.slots, (0, 0), fcaf_source=True)
    plans[C.TILE_BYTES] = tile
    return plans[C.WEIGHT_SLOT_BYTES] > 0


def join_ple(part: Part, machine: Machine, helds: list[Held], how: Joining) -> Found:
    """A stand-alone program: all its operands in SRAM have one stripe, which is that of every operand and of the
    output."""
    held = helds[0]
    plans = _start(held, how)
    good = np.ones(len(plans), np.bool_)
    for other in helds[1:]:
        for axis in range(3):
            good &= held.box[axis] == other.box[axis]
    if part.program == "avg_pool_3x3":
        for axis in range(3):
            good &= held.box[axis] >= part.ins[0][axis]
    for column in (C.PLE_IN, C.PLE_OUT, C.OUT):
        plans.set_box(column, held.box)
    most = stripes_in(part.out, held.box)
    if how.last:
        plans[C.OUT_SLOTS] = how.slots
        good &= how.slots <= most
    else:
        plans[C.OUT_SLOTS] = smallest(how.border_slots, most)
    plans[C.IN_SLOTS] = INPUT_SLOTS
    block = next(iter(machine.programs[part.program].multipliers), (0, 0))
    plans[C.BLOCK_W], plans[C.BLOCK_H] = block
    fill_tile(part, machine, plans, fcaf_source=True)
    return _checked(machine, plans, good, with_ple=True, inputs=len(part.ins))


def _start(held: Held, how: Joining) -> Plans:
    plans = Plans.empty(len(held.slots))
    plans.set_box(C.IN, held.box)
    plans[C.IN_SLOTS], plans[C.LOADS] = held.slots, 1
    plans[C.BLOCK_W], plans[C.BLOCK_H] = how.block
    plans[C.WEIGHT_SLOTS] = how.weight_slots
    return plans


def _output_slots(plans: Plans, how: Joining, plane: Any, full_depth: Any) -> Any:
    """Slots of the output; whether the candidate's number of them exists."""
    if not how.last:
        plans[C.OUT_SLOTS] = np.where(plane, 1, how.border_slots)
        return np.ones(len(plans), np.bool_)
    plans[C.OUT_SLOTS] = how.slots
    return (how.slots == 1) | ~(plane & full_depth)


def _block_exists(part: Part, machine: Machine, block: tuple[Array, Array]) -> Any:
    exists = np.zeros(np.shape(block[0]), np.bool_)
    for width, height in machine.programs[part.program].multipliers:
        exists |= (block[0] == width) & (block[1] == height)
    return exists


def _checked(machine: Machine, plans: Plans, good: Any, *, with_ple: bool, inputs: int = 1) -> Found:
    """The sum of section 4, the cascaded input counted again."""
    if with_ple:
        plans[C.OUT_BYTES] = output_bytes(machine, plans)
    return plans, good & (sram_sum(machine, plans, with_ple=with_ple, inputs=inputs) <= machine.sram_bytes)
