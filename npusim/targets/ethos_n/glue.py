"""How the chosen plans are connected through DRAM: formats, copies, and the copies that can go (PLANNER.md section
13)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from npusim.targets.ethos_n.columns import C, Plans
from npusim.targets.ethos_n.costs import Format
from npusim.targets.ethos_n.dram import ORIGIN, Buffer, Copy, best_of, copied, copy_buffer
from npusim.targets.ethos_n.machine import Machine, Shape3
from npusim.targets.ethos_n.parts import Kind, Line, Part, Placed


class Chosen(msgspec.Struct, frozen=True):
    """What was chosen for a part.

    Attributes:
        plans: its plan, a table of one row; None for parts that have no choice.
        section: which section, or part on its own, it is in.
        feeds_ple: a fused part behind it completes its pass. mce: the part whose pass it completes.
        taken_bytes: of a bank of the SRAM, by what the section holds when the part begins.
    """

    plans: Plans | None
    section: int
    feeds_ple: bool = False
    mce: int | None = None
    taken_bytes: int = 0


class Glued(msgspec.Struct, frozen=True):
    """The buffers of the network.

    Attributes:
        ins: of each part, its inputs' buffers by slot; a cascaded one is the producer's own. A fused part that
            completes
            another's pass has that part's.
        outs: of each part, its output's buffer; None where a fused part behind completes the pass.
    """

    ins: Sequence[Sequence[Buffer]]
    outs: Sequence[Buffer | None]


class _Gluing:
    def __init__(self, line: Line, chosen: Sequence[Chosen], machine: Machine) -> None:
        self.line, self.chosen, self.machine = line, chosen, machine
        self.ins: list[list[Buffer]] = []
        self.outs: list[Buffer | None] = []

    # --- buffers that the plans bring ---------------------------------------------------------------------------------

    def add_part(self, placed: Placed) -> None:
        kind, part = placed.part.kind, placed.part
        if kind.searched:
            self._searched(placed)
        elif kind is Kind.CONCAT:
            self._concat(placed)
        elif kind is Kind.SPLIT:
            self._split(placed)
        elif kind is Kind.RESHAPE:
            read, written = Buffer(part.ins[0], Format.NHWC), Buffer(part.out, Format.NHWC)
            between = copy_buffer(self.machine, part.ins[0], (Format.NHWC,))
            Copy(read, between)
            Copy(between, written)
            self._keep([read], written)
        else:
            own = kind in (Kind.INPUT, Kind.OUTPUT)
            ins = [Buffer(shape, Format.NHWC, shared=not own) for shape in part.ins]
            out = None if kind is Kind.OUTPUT else Buffer(part.out, Format.NHWC, shared=not own)
            if kind is Kind.OFF:
                for buffer in ins:
                    buffer.users.append(placed.number)
                assert out is not None
                out.maker = placed.number
            self._keep(ins, out)

    def _keep(self, ins: list[Buffer], out: Buffer | None) -> None:
        self.ins.append(ins)
        self.outs.append(out)

    def _searched(self, placed: Placed) -> None:
        """An operation with its SRAM buffers; inputs that the section holds are the producers' own buffers."""
        number, part, mine = placed.number, placed.part, self.chosen[placed.number]
        assert mine.plans is not None
        row = mine.plans.data[:, 0].tolist()
        ins = list(self.ins[mine.mce]) if mine.mce is not None else []
        for slot, producer in enumerate(placed.inputs):
            held = self.outs[producer] if self.chosen[producer].section == mine.section else None
            if mine.mce is not None:
                continue
            buffer = held or self._input(part, row, slot, producer)
            buffer.users.append(number)
            ins.append(buffer)
        out = None
        if not mine.feeds_ple:
            stripe = (row[C.OUT], row[C.OUT + 1], row[C.OUT + 2])
            out = Buffer(part.out, stripe=stripe)
            out.maker = number
        self._keep(ins, out)

    def _input(self, part: Part, row: list[int], slot: int, producer: int) -> Buffer:
        stripe = (row[C.IN], row[C.IN + 1], row[C.IN + 2])
        packed = bool(row[C.PACK_ROWS] or row[C.PACK_SIDES])
        forbidden = bool(row[C.WIDE_FORBIDDEN])
        if part.kind is Kind.FC:
            plain = Buffer(self.line.parts[producer].part.out, Format.NHWC)
            tile = Buffer(part.ins[slot], stripe=stripe)
            Copy(plain, tile, plain=False)
            return tile
        return Buffer(part.ins[slot], stripe=stripe, packed=packed, wide_forbidden=forbidden)

    def _concat(self, placed: Placed) -> None:
        """One format for all; a copy an operand (section 6)."""
        part = placed.part
        fmt = concat_format(part, self.machine, all_reshaped=self._all_reshaped(placed))
        out = Buffer(part.out, fmt)
        ins = []
        for shape, start in zip(part.ins, part.offsets, strict=True):
            ins.append(Buffer(shape, fmt))
            between = copy_buffer(self.machine, shape, (fmt,))
            Copy(ins[-1], between)
            Copy(between, out, _along(part.axis, start))
        self._keep(ins, out)

    def _split(self, placed: Placed) -> None:
        """A copy of a piece; the pieces of one tensor share its format, and so its buffer."""
        part = placed.part
        fmt = concat_format(part, self.machine, all_reshaped=False)
        whole, piece = Buffer(part.ins[0], fmt), Buffer(part.out, fmt)
        between = copy_buffer(self.machine, part.out, (fmt,))
        Copy(whole, between, part.offset)
        Copy(between, piece)
        self._keep([whole], piece)

    def _all_reshaped(self, placed: Placed) -> bool:
        return all(self.line.parts[number].part.kind is Kind.RESHAPE for number in placed.inputs)

    # --- glue --------------------------------------------------------------------------------------------------------

    def connect(self, placed: Placed) -> None:
        """Rules a to d for one tensor: consumers in DRAM first."""
        produced = self.outs[placed.number]
        mine = self.chosen[placed.number].section
        outside = [each for each in placed.consumers if self.chosen[each[0]].section != mine]
        if produced is None or not outside:
            return
        outside.sort(key=lambda each: not self.entry(*each).in_dram)
        pool: dict[Format, Buffer] = {}
        if produced.fmt is not None:
            pool[produced.fmt] = produced
        for number, slot in outside:
            consumer = self.entry(number, slot)
            if consumer.in_dram:
                self._to_dram(placed.number, number, slot, pool, alone=len(outside) == 1)
            elif produced.fmt is None:
                copied(self.machine, self._pick(produced, [produced, consumer], pool), consumer)
            else:
                direct = consumer.accepts(self.machine, produced.fmt, produced.shape)
                copied(self.machine, produced if direct else self._pick(produced, [consumer], pool), consumer)

    def entry(self, number: int, slot: int) -> Buffer:
        """The buffer through which a part's input comes: of a fully connected layer, the plain tensor in DRAM."""
        buffer = self.ins[number][slot]
        if self.line.parts[number].part.kind is Kind.FC:
            return buffer.made_by[0].source
        return buffer

    def _to_dram(self, producer: int, number: int, slot: int, pool: dict[Format, Buffer], *, alone: bool) -> None:
        """Rules a and d: share a buffer of that format, be written directly, or through a conversion."""
        produced, consumer = self.outs[producer], self.entry(number, slot)
        assert produced is not None
        assert consumer.fmt is not None
        same = (consumer.fmt, consumer.shape) == (produced.fmt, produced.shape)
        if consumer.fmt in pool and consumer.shared:
            replace(consumer, pool[consumer.fmt])
            if self.ins[number][slot] is consumer:
                self.ins[number][slot] = pool[consumer.fmt]
            return
        if produced.in_dram and alone and same and produced.shared and not consumer.shared:
            replace(produced, consumer)
            self.outs[producer] = consumer
            return
        source = produced
        if not produced.in_dram and not produced.accepts(self.machine, consumer.fmt, consumer.shape):
            source = self._pick(produced, [produced], pool)
        if consumer.shared:
            pool[consumer.fmt] = consumer
        copied(self.machine, source, consumer)

    def _pick(self, produced: Buffer, buffers: list[Buffer], pool: dict[Format, Buffer]) -> Buffer:
        """A DRAM buffer of the tensor that all the buffers accept: one that is there, else a new one."""
        for fmt in sorted(pool):
            if all(buffer.accepts(self.machine, fmt, pool[fmt].shape) for buffer in buffers):
                return pool[fmt]
        fmt = best_of(self.machine, buffers)
        new = Buffer(produced.shape, fmt)
        copied(self.machine, produced, new)
        pool[fmt] = new
        return new


def glue(line: Line, chosen: Sequence[Chosen], machine: Machine) -> Glued:
    """Connects the chosen plans of a network."""
    gluing = _Gluing(line, chosen, machine)
    for placed in line.parts:
        gluing.add_part(placed)
    for placed in line.parts:
        gluing.connect(placed)
    return Glued(gluing.ins, gluing.outs)


def replace(old: Buffer, new: Buffer) -> None:
    """All that reads or writes a DRAM buffer does so with another one."""
    for copy in old.read_by:
        copy.source = new
    for copy in old.made_by:
        copy.target = new
    new.read_by += old.read_by
    new.made_by += old.made_by
    new.users += old.users
    if old.maker is not None:
        new.maker = old.maker
    old.read_by, old.made_by, old.users, old.maker = [], [], [], None


def concat_format(part: Part, machine: Machine, *, all_reshaped: bool) -> Format:
    """DEEP if all offsets are at cells of it, else WIDE, else NHWCB, else NHWC; NHWC first behind reshapes (section
    6)."""
    axis = part.axis
    if all_reshaped and axis != 2:
        return Format.NHWC
    cells: Mapping[Format, Shape3] = {Format.DEEP: machine.deep_cell, Format.WIDE: machine.wide_cell}
    for fmt, cell in cells.items():
        if machine.fcaf and all(offset % cell[axis] == 0 for offset in part.offsets):
            return fmt
    return Format.NHWCB if all(offset % machine.brick[axis] == 0 for offset in part.offsets) else Format.NHWC


def _along(axis: int, start: int) -> Shape3:
    offset = list(ORIGIN)
    offset[axis] = start
    return offset[0], offset[1], offset[2]
