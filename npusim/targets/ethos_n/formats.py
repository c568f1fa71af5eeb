"""Which formats a buffer in SRAM can be exchanged with, and what its tile takes (PLANNER.md sections 4 and 7)."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from npusim.targets.ethos_n.costs import Box, Format, split
from npusim.targets.ethos_n.machine import Ints, Machine, Shape3, ceil_div, round_up


def fits_cells(tensor: Box, stripe: Box, cell: Shape3) -> Any:
    """Whether the stripe is made of whole cells along every axis that has more than one stripe (section 7)."""
    parts = split(tensor, stripe)
    good = [~np.asarray(parts[axis]) | (stripe[axis] % cell[axis] == 0) for axis in range(3)]
    return good[0] & good[1] & good[2]


def best_format(machine: Machine, tensor: Box, stripe: Box, wide_forbidden: Any) -> Ints:
    """best() of one buffer (section 7): the compressed formats if the stripe allows, DEEP first, else NHWCB.

    Packed boundary data keeps only NHWC away, which best() never takes.
    """
    if not machine.fcaf:
        return np.full(np.shape(stripe[0]), Format.NHWCB)
    deep = fits_cells(tensor, stripe, machine.deep_cell)
    wide = fits_cells(tensor, stripe, machine.wide_cell) & ~np.asarray(wide_forbidden, np.bool_)
    return np.where(deep, Format.DEEP, np.where(wide, Format.WIDE, Format.NHWCB))


def input_tile(
    machine: Machine, tensor: Box, stripe: Box, slots: Ints, pack: tuple[Ints, Ints], *, fcaf_source: bool
) -> tuple[Ints, Ints]:
    """Bytes of an input's buffer, and whether it cannot be filled from WIDE (section 4, Input tile).

    Args:
        pack: rows and columns of packed boundary data.
        fcaf_source: whether the data may come from a compressed format.
    """
    width = stripe[1] + pack[1]
    cell_w = machine.wide_cell[1]
    plain = (pack[0] == 0) & (pack[1] == 0)
    may = plain & fits_cells(tensor, stripe, machine.wide_cell) if fcaf_source else np.zeros(np.shape(width), np.bool_)
    odd = may & (width % cell_w != 0)
    wider = round_up(width, cell_w)
    grow = odd & (np.float32(wider) / np.float32(width) < np.float32(1 + machine.wide_growth))
    forbidden = odd & ~grow
    width = np.where(grow, wider, width)
    slot = (stripe[0] + pack[0]) * width * stripe[2]
    tile = slots * slot
    count = ceil_div(tensor[0], stripe[0]) * ceil_div(tensor[1], stripe[1]) * ceil_div(tensor[2], stripe[2])
    last = _last_stripe(machine, tensor, stripe, may & ~forbidden)
    return np.where(plain & (count <= slots), (count - 1) * slot + last, tile), forbidden


def _last_stripe(machine: Machine, tensor: Box, stripe: Box, wide: Any) -> Ints:
    """Bytes of the stripe at the far edges of the tensor, rounded as memory needs it."""
    height, width, depth = (
        tensor[axis] - (ceil_div(tensor[axis], stripe[axis]) - 1) * stripe[axis] for axis in range(3)
    )
    columns = np.where(wide, machine.wide_cell[1], machine.brick[1])
    return round_up(height, machine.brick[0]) * round_up(width, columns) * round_up(depth, machine.banks)


def fits(
    machine: Machine, tensor: Shape3, stripe: Shape3, fmt: Format, *, packed: bool, wide_forbidden: bool,
    dram: Shape3 | None = None, offset: Shape3 = (0, 0, 0),
) -> bool:  # fmt: skip
    """Whether a buffer in SRAM can be exchanged with a DRAM buffer of that format and shape, at an offset in it
    (section 7)."""
    dram = dram or tensor
    reshaped = dram != tensor and prod(dram) == prod(tensor)
    if reshaped and fmt is not Format.NHWC:
        return False
    whole = tensor if reshaped else dram
    if fmt is Format.NHWC:
        deep = whole[1] > 1  # channels can be taken apart in columns of one position alone
        return not packed and not (deep and (offset[2] or stripe[2] < whole[2]))
    granule = {Format.NHWCB: machine.brick, Format.DEEP: machine.deep_cell, Format.WIDE: machine.wide_cell}[fmt]
    if any(offset[axis] % granule[axis] for axis in range(3)):
        return False
    if fmt is Format.NHWCB:
        return True
    cells = all(stripe[axis] >= whole[axis] or stripe[axis] % granule[axis] == 0 for axis in range(3))
    return machine.fcaf and cells and not (fmt is Format.WIDE and wide_forbidden)
