"""What a tensor may be in DRAM for those who read it, and what it costs to bring it from one form to another.

The vendor's planner chooses first and converts afterwards (PLANNER.md section 13); the best plan weighs both at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any, NamedTuple

import msgspec
import numpy as np

from npusim.targets.ethos_n.costs import NOTHING, Box, Format, Transfer, dma_time, input_transfer, output_transfer
from npusim.targets.ethos_n.formats import fits_cells
from npusim.targets.ethos_n.machine import Floats, Ints, Machine, Shape3, round_up
from npusim.targets.ethos_n.parts import Kind, Line, Part
from npusim.targets.ethos_n.stripes import inclusive

ORIGIN: Shape3 = (0, 0, 0)
NEVER = float("inf")
MOST_FORMS = 12


class Store(NamedTuple):
    """One form of a tensor in DRAM: a buffer of its own, or a piece of a larger one, there for any reader (a view) or
    made for one.

    Attributes:
        fmt: how it lies there. whole: shape of the buffer, where the tensor is a piece of it or has another shape in
            it.
        offset: of the piece. reader: the only part that can use it; None where any can.
    """

    fmt: Format
    whole: Shape3 | None = None
    offset: Shape3 = ORIGIN
    reader: tuple[int, int] | None = None

    @property
    def is_view(self) -> bool:
        """Whether it is a piece that lies in a tensor which is there anyway: it can be read, and not made."""
        return self.whole is not None and self.reader is None


def formats_of(machine: Machine) -> list[Format]:
    return [fmt for fmt in Format if machine.fcaf or fmt < Format.DEEP]


def stores_of(line: Line, number: int, machine: Machine) -> list[Store]:
    """The forms that a part may store its output in: plain ones first, then those that a single reader can use.

    A network's output is a buffer of its own; a piece of a concatenation, and another shape, are written where they
    belong.
    """
    placed = line.parts[number]
    found = [Store(fmt) for fmt in formats_of(machine)]
    if placed.part.kind is Kind.SPLIT:
        found += [Store(fmt, placed.part.ins[0], placed.part.offset) for fmt in joined_formats(placed.part, machine)]
    for reader, slot in placed.consumers:
        part = line.parts[reader].part
        if part.kind is Kind.OUTPUT:
            found.append(Store(Format.NHWC, reader=(reader, slot)))
        elif part.kind is Kind.RESHAPE:
            found.append(Store(Format.NHWC, part.out, reader=(reader, slot)))
        elif part.kind is Kind.CONCAT:
            offset = piece_offset(part, slot)
            found += [Store(fmt, part.out, offset, (reader, slot)) for fmt in joined_formats(part, machine)]
    return found


def piece_offset(part: Part, slot: int) -> Shape3:
    start = part.offsets[slot]
    return (start if part.axis == 0 else 0, start if part.axis == 1 else 0, start if part.axis == 2 else 0)


def read_forms(part: Part, slot: int) -> list[Store]:
    """The forms in which a part may read an input, in the order of tables' axes."""
    view = part.views[slot] if part.views else None
    found = [Store(fmt) for fmt in Format]
    return found if view is None else [*found, *(Store(fmt, *view) for fmt in Format)]


def with_views(line: Line) -> Line:
    """The line with the pieces that each part reads."""
    found = []
    for placed in line.parts:
        sources = [line.parts[number].part for number in placed.inputs]
        views = tuple((source.ins[0], source.offset) if source.kind is Kind.SPLIT else None for source in sources)
        if any(views):
            part = msgspec.structs.replace(placed.part, views=views)
            found.append(msgspec.structs.replace(placed, part=part))
        else:
            found.append(placed)
    return Line(tuple(found))


def joined_formats(part: Part, machine: Machine) -> list[Format]:
    """Formats in which the pieces of a concatenation, or of a tensor, lie at whole granules (PLANNER.md section 6)."""
    granule: Mapping[Format, Shape3] = {
        Format.NHWCB: machine.brick,
        Format.DEEP: machine.deep_cell,
        Format.WIDE: machine.wide_cell,
    }
    found = [Format.NHWC] if part.axis != 2 or part.out[1] == 1 else []
    for fmt in formats_of(machine):
        if fmt in granule and all(offset % granule[fmt][part.axis] == 0 for offset in part.offsets):
            found.append(fmt)
    return found


def choices(stores: list[Store], readers: int) -> list[tuple[int, ...]]:
    """Which forms a part may store at once: one, or two where several parts read them.

    Of more than ``MOST_FORMS``, which takes a tensor that goes into several concatenations, only plain ones are paired.
    """
    ones: list[tuple[int, ...]] = [(index,) for index in range(len(stores))]
    if readers < 2:
        return ones
    paired = [at for at, store in enumerate(stores) if len(stores) <= MOST_FORMS or store.reader is None]
    return [*ones, *combinations(paired, 2)]


# --- what plans can exchange, many at once ----------------------------------------------------------------------------


def accepted(
    machine: Machine, tensor: Shape3, stripe: Box, store: Store, *, packed: Any = False, forbidden: Any = False
) -> Any:
    """Whether each plan's buffer can be exchanged with that form (formats.fits, for many stripes)."""
    whole = store.whole or tensor
    reshaped = store.offset == ORIGIN and _count(whole) == _count(tensor) and whole != tensor
    seen = tensor if reshaped else whole
    good = np.ones(np.shape(stripe[0]), np.bool_)
    if store.fmt is Format.NHWC:
        deep = (stripe[2] < seen[2]) | (store.offset[2] != 0)
        return good & ~np.asarray(packed, np.bool_) & ~(deep & (seen[1] > 1))
    if reshaped:
        return ~good
    if store.fmt is Format.NHWCB:
        return good
    cell = machine.deep_cell if store.fmt is Format.DEEP else machine.wide_cell
    good &= fits_cells(seen, stripe, cell)
    return good & ~np.asarray(forbidden, np.bool_) if store.fmt is Format.WIDE else good


def _count(shape: Shape3) -> int:
    return shape[0] * shape[1] * shape[2]


# --- conversions ------------------------------------------------------------------------------------------------------


class Conversion(NamedTuple):
    """A copy through SRAM: its cycles, its transfers, and the stripe that takes least."""

    cycles: float
    read: Transfer
    written: Transfer
    stripe: Shape3


def cheapest_conversion(
    machine: Machine, tensor: Shape3, source: Store, target: Store, saving: float
) -> Conversion | None:
    """The cheapest copy of a tensor from one form to another; None where no stripe can be exchanged with both."""
    stripes = _copy_stripes(machine, tensor)
    good = accepted(machine, tensor, stripes, source) & accepted(machine, tensor, stripes, target)
    if not np.any(good):
        return None
    stripes = (stripes[0][good], stripes[1][good], stripes[2][good])
    ones = np.ones(len(stripes[0]), np.int64)
    read = input_transfer(machine, tensor, stripes, ones, (0, 0), ones, ones == 0, source.fmt, saving, source.whole)
    written = output_transfer(machine, tensor, stripes, ones, target.fmt, saving, target.whole)
    cycles = _alone(machine, read, machine.read_bytes_per_cycle)
    cycles = cycles + _alone(machine, written, machine.write_bytes_per_cycle)
    at = int(np.argmin(cycles))
    stripe = (int(stripes[0][at]), int(stripes[1][at]), int(stripes[2][at]))
    return Conversion(float(cycles[at]), _row(read, at), _row(written, at), stripe)


def _copy_stripes(machine: Machine, tensor: Shape3) -> tuple[Ints, Ints, Ints]:
    """Stripes that fit SRAM, from the granules of all formats up to the whole tensor."""
    cells = (machine.brick, machine.deep_cell, machine.wide_cell)
    sides = [sorted({size for cell in cells for size in inclusive(tensor[axis], cell[axis])}) for axis in range(3)]
    grid = np.array(np.meshgrid(*sides, indexing="ij"), np.int64).reshape(3, -1)
    brick = machine.brick
    size = round_up(grid[0], brick[0]) * round_up(grid[1], brick[1]) * round_up(grid[2], brick[2])
    kept = grid[:, size <= machine.sram_bytes]
    return kept[0], kept[1], kept[2]


def _alone(machine: Machine, moved: Transfer, rate: float) -> Floats:
    time = dma_time(machine, moved, rate)
    return time.parallel + time.serial


def _row(moved: Transfer, at: int) -> Transfer:
    return Transfer(*(int(np.broadcast_to(amount, np.shape(moved.stripes))[at]) for amount in moved))


def total(moved: list[Transfer]) -> Transfer:
    """Several transfers as one: bytes and stripes add up."""
    result = NOTHING
    for each in moved:
        result = Transfer(*(a + b for a, b in zip(result, each, strict=True)))
    return result
