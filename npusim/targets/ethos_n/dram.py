"""Buffers and the copies between them: the graph on which glue and clean-up work (PLANNER.md sections 6 and 13)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod

from npusim.targets.ethos_n.costs import Format
from npusim.targets.ethos_n.formats import fits
from npusim.targets.ethos_n.machine import Machine, Shape3, round_up
from npusim.targets.ethos_n.stripes import inclusive

ORIGIN: Shape3 = (0, 0, 0)


class Buffer:
    """A tensor in DRAM (``fmt``) or a tile in SRAM (``stripe``).

    Attributes:
        packed: stripes carry packed boundary data. wide_forbidden: see formats.input_tile.
        shared: an intermediate DRAM buffer, that several may read; the network's own inputs and outputs are not.
        made_by, read_by: copies into and out of it, in the order they came.
        users: parts whose operations read it. maker: the part whose operation writes it.
    """

    __slots__ = (
        "fmt", "made_by", "maker", "packed", "read_by", "shape", "shared", "stripe", "users", "wide_forbidden"
    )  # fmt: skip

    def __init__(
        self, shape: Shape3, fmt: Format | None = None, stripe: Shape3 = ORIGIN, *, packed: bool = False,
        wide_forbidden: bool = False, shared: bool = True,
    ) -> None:  # fmt: skip
        self.shape, self.fmt, self.stripe = shape, fmt, stripe
        self.packed, self.wide_forbidden, self.shared = packed, wide_forbidden, shared
        self.made_by: list[Copy] = []
        self.read_by: list[Copy] = []
        self.users: list[int] = []
        self.maker: int | None = None

    @property
    def in_dram(self) -> bool:
        return self.fmt is not None

    def accepts(self, machine: Machine, fmt: Format, dram: Shape3 | None = None, offset: Shape3 = ORIGIN) -> bool:
        """Whether this SRAM buffer can be exchanged with DRAM in that format (section 7)."""
        return fits(
            machine, self.shape, self.stripe, fmt, packed=self.packed, wide_forbidden=self.wide_forbidden, dram=dram,
            offset=offset
        )  # fmt: skip


class Copy:
    """A transfer between a buffer in SRAM and one in DRAM.

    Attributes:
        offset: of the SRAM buffer's tensor within the DRAM buffer. plain: the data keeps its meaning; a fully connected
            layer reads it as another shape.
    """

    __slots__ = ("offset", "plain", "source", "target")

    def __init__(self, source: Buffer, target: Buffer, offset: Shape3 = ORIGIN, *, plain: bool = True) -> None:
        self.source, self.target, self.offset, self.plain = source, target, offset, plain
        source.read_by.append(self)
        target.made_by.append(self)


def best_of(machine: Machine, buffers: Sequence[Buffer]) -> Format:
    """best() of several SRAM buffers of one tensor (section 7)."""
    for fmt in (Format.DEEP, Format.WIDE):
        if all(buffer.accepts(machine, fmt) for buffer in buffers):
            return fmt
    return Format.NHWCB


def copy_buffer(machine: Machine, shape: Shape3, formats: Sequence[Format]) -> Buffer:
    """The SRAM buffer of a copy from DRAM to DRAM: the largest stripe that fits, whole channels and rows preferred
    (section 6)."""
    brick = machine.brick
    least = [brick]
    for fmt in formats:
        if fmt is Format.NHWC:
            least.append((brick[0], brick[1], brick[2] if shape[1] == 1 else round_up(shape[2], brick[2])))
        else:
            least.append({Format.NHWCB: brick, Format.DEEP: machine.deep_cell, Format.WIDE: machine.wide_cell}[fmt])
    base = [max(sides) for sides in zip(*least, strict=True)]
    best, best_score = ORIGIN, 0
    for height, width, depth in product(*(inclusive(shape[axis], base[axis]) for axis in range(3))):
        score = height * width * depth
        if depth >= shape[2]:
            score *= 4 if width >= shape[1] else 2
        size = round_up(height, brick[0]) * round_up(width, brick[1]) * round_up(depth, brick[2])
        if size <= machine.sram_bytes and score > best_score:
            best, best_score = (height, width, depth), score
    return Buffer(shape, stripe=best if prod(best) else (base[0], base[1], base[2]))


def copied(machine: Machine, source: Buffer, target: Buffer) -> None:
    """Adds what takes a buffer's data to another one: a copy, or two through SRAM where both are in DRAM."""
    if source.in_dram and target.in_dram:
        assert source.fmt is not None
        assert target.fmt is not None
        between = copy_buffer(machine, target.shape, (target.fmt, source.fmt))
        Copy(source, between)
        Copy(between, target)
    else:
        Copy(source, target)
