"""Which tensors stay in SRAM from one part to the next: the sections of a line of parts, and a cut into them."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from npusim.errors import EstimateError
from npusim.schedule import Cut
from npusim.targets.generic.evaluate import Residency
from npusim.targets.generic.fronts import Front, Fronts
from npusim.targets.generic.jobs import FallbackJob
from npusim.targets.generic.lower import Lowered, Part
from npusim.targets.generic.storages import NOWHERE

MAX_SECTION = 64  # parts in a section: a limit of the search
MAX_STEPS = 200_000  # parts that the search looks at over all sections: in long networks, sections are shorter


class Chosen(msgspec.Struct, frozen=True, gc=False):
    """A part with the mapping taken for it.

    Attributes:
        row: of the front. held_bytes: tensors that stay in SRAM while it runs, its own results included.
        in_strips: whether what stays are strips that parts hand each other, and not whole tensors.
    """

    part: Part
    stays: Residency
    front: Front
    row: int
    held_bytes: int
    section: int
    in_strips: bool = False


class _Held(msgspec.Struct, gc=False):
    """Tensors in SRAM, each until its last reader has run."""

    bytes: int = 0
    until: dict[int, int] = msgspec.field(default_factory=dict)

    def add(self, count: int, last: int) -> None:
        self.bytes += count
        self.until[last] = self.until.get(last, 0) + count

    def release(self, index: int) -> None:
        self.bytes -= self.until.pop(index, 0)


class Line:
    """The parts in their order, with what is needed to find sections among them."""

    def __init__(self, lowered: Lowered, fronts: Fronts, sram_bytes: float, *, as_compiler: bool = False) -> None:
        self.as_compiler = as_compiler
        self.parts = lowered.parts
        self.storages = lowered.storages
        self.fronts = fronts
        self.sram_bytes = sram_bytes
        self.stripes: dict[int, float] = {}
        self.numbers = [fronts.number(part.job) for part in self.parts]
        self.maker = [NOWHERE] * len(self.storages)
        self.last = [NOWHERE] * len(self.storages)
        for index, part in enumerate(self.parts):
            for at in part.outs:
                self.maker[at] = index
            for at in part.ins:
                if at != NOWHERE:
                    self.last[at] = index
        self.longest = max(2, min(MAX_SECTION, MAX_STEPS // max(1, len(self.parts))))

    def lonely(self, index: int) -> float | None:
        """Cycles of a part on its own, from DRAM to DRAM; None where nothing fits."""
        return self._cycles(index, Residency((False,) * len(self.parts[index].ins)), self.sram_bytes)

    def sections(self, start: int) -> Iterator[tuple[int, float]]:
        """The sections that start at a part: length and cycles.

        Inside a section every tensor stays in SRAM whole, from the part that makes it to the last that reads it; its
        last part writes to DRAM. All readers of what is made inside are inside.
        """
        held, spent, open_until, end = _Held(), 0.0, start, min(len(self.parts), start + self.longest)
        for index in range(start, end):
            part = self.parts[index]
            if isinstance(part.job, FallbackJob):
                return
            ins = self.made_inside(index, start)
            if index > start and open_until <= index:
                cycles = self._cycles(index, Residency(ins), self.sram_bytes - held.bytes)
                if cycles is not None:
                    yield index - start + 1, spent + cycles
            if not all(self.storages[at].stays for at in part.outs):
                return
            open_until = self._hold(part, held, open_until)
            if open_until >= end:  # a reader beyond the longest section: it can never be closed
                return
            cycles = self._cycles(index, Residency(ins, outs=True), self.sram_bytes - held.bytes)
            if cycles is None:
                return
            spent += cycles
            held.release(index)

    def made_inside(self, index: int, start: int) -> tuple[bool, ...]:
        """Which inputs of a part were made inside the section that begins at ``start``."""
        return tuple(at != NOWHERE and self.maker[at] >= start for at in self.parts[index].ins)

    def _hold(self, part: Part, held: _Held, open_until: int) -> int:
        for at in part.outs:
            held.add(self.storages[at].sram_bytes, self.last[at])
            open_until = max(open_until, self.last[at])
        return open_until

    def _cycles(self, index: int, stays: Residency, free_bytes: float) -> float | None:
        front = self.fronts.of(self.numbers[index], stays)
        row = front.choose(free_bytes)
        if row < 0 or (self.as_compiler and front.costs.stripes[row] > self._lonely_stripes(index)):
            return None
        return front.cycles[row]

    def _lonely_stripes(self, index: int) -> float:
        """Stripes of a part on its own; a compiler does not cut smaller only to keep a tensor in SRAM."""
        number = self.numbers[index]
        if number not in self.stripes:
            front = self.fronts.of(number, Residency((False,) * len(self.parts[index].ins)))
            row = front.choose(self.sram_bytes)
            self.stripes[number] = float(front.costs.stripes[row]) if row >= 0 else float("inf")
        return self.stripes[number]

    def choices(self, cut: Cut, section: int) -> Iterator[Chosen]:
        """The mapping of every part of a section whose tensors stay whole, or of a part on its own."""
        held, end = _Held(), cut.start + cut.length
        for index in range(cut.start, end):
            part = self.parts[index]
            stays = Residency(self.made_inside(index, cut.start), outs=index + 1 < end)
            if stays.outs:
                self._hold(part, held, index)
            front = self.fronts.of(self.numbers[index], stays)
            row = front.choose(self.sram_bytes - held.bytes)
            yield Chosen(part, stays, front, row, held.bytes, section)
            held.release(index)


def longest_cuts(line: Line) -> tuple[Cut, ...]:
    """From the first part on, always the longest section that fits: a compiler's rule that knows no time."""
    cuts, start = [], 0
    while start < len(line.parts):
        length = max((length for length, _ in line.sections(start)), default=1)
        if length == 1 and line.lonely(start) is None:
            raise nothing_fits(line)
        cuts.append(Cut(start, length))
        start += length
    return tuple(cuts)


def nothing_fits(line: Line) -> EstimateError:
    index = next((i for i in range(len(line.parts)) if line.lonely(i) is None), 0)
    part = line.parts[index]
    front = line.fronts.of(line.numbers[index], Residency((False,) * len(part.ins)))
    return EstimateError(
        f"no stripe of this layer fits {line.sram_bytes:.0f} B of SRAM; the smallest takes {front.sram[0]:.0f} B",
        code="no-plan", where=part.name, fix="give the profile more SRAM",
    )  # fmt: skip
