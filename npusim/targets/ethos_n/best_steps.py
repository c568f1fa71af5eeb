"""What can happen at a cut of a line: a part or a section runs, with every format of what it reads and every choice of
stores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from npusim.targets.ethos_n.best_search import BestSearch
from npusim.targets.ethos_n.best_sections import OpenEnd, OpenEnds
from npusim.targets.ethos_n.best_tables import Choice
from npusim.targets.ethos_n.costs import Format
from npusim.targets.ethos_n.parts import Kind, Line
from npusim.targets.ethos_n.stores import (
    NEVER,
    Store,
    joined_formats,
    piece_offset,
    read_forms,
)

Forms = int  # a bit a form of LineSteps.stores: those in which a tensor lies in DRAM
State = tuple[Forms, ...]  # of the tensors that are still to be read, by number
Held = Mapping[int, Forms]  # the same, with the numbers


class Convert(NamedTuple):
    """A conversion of a tensor (by the number of its maker) from a format to a form, before part ``before``."""

    tensor: int
    source: Store
    target: Store
    before: int


class Step(NamedTuple):
    """What brought a state about.

    Attributes:
        start, length: the parts that ran. entry: of their table; None where they have none. end: of a section.
        stored: forms of the output. reads: forms that are read, by (part, slot). converts: what was converted first.
    """

    start: int
    length: int
    entry: tuple[int, ...] | None
    end: OpenEnd | None
    stored: tuple[Store, ...]
    reads: tuple[tuple[int, int, Store], ...]
    converts: tuple[Convert, ...]


class Move(NamedTuple):
    """A step with what it leads to: cycles, the cut after it, and the forms of tensors there."""

    cycles: float
    stop: int
    forms: Held
    step: Step


class Way(NamedTuple):
    """A way to run parts: how many, the cycles of its table, the input behind each axis, the section, the least of
    all."""

    length: int
    cycles: Any
    axes: Sequence[tuple[int, int]]
    end: OpenEnd | None
    least: float


class LineSteps:
    """The steps of one line.

    Attributes:
        stores, choices: of each part, the forms that its output may have, and which may be stored at once.
        last: the last part that reads it, -1 where none does. capped: longer sections may exist than were searched.
    """

    def __init__(self, line: Line, search: BestSearch) -> None:
        self.line, self.search = line, search
        both = [search.stores(line, number) for number in range(len(line.parts))]
        self.stores = [stores for stores, _ in both]
        self.choices = [chosen for _, chosen in both]
        self.last = [max((reader for reader, _ in placed.consumers), default=-1) for placed in line.parts]
        self.capped = False
        self._reached: dict[tuple[int, Forms, int], float] = {}

    @cached_property
    def ways(self) -> list[list[Way]]:
        """Of each part, the ways to run it, alone or with those behind it."""
        sections = self.search.sections.open_over(self.line, self._stores)
        return [
            self._ways(number, sections) if placed.part.kind.searched else []
            for number, placed in enumerate(self.line.parts)
        ]

    def _ways(self, number: int, sections: Callable[[int], OpenEnds]) -> list[Way]:
        placed = self.line.parts[number]
        table = self.search.table(placed.part, self.stores[number], self.choices[number])
        axes = [(number, slot) for slot in range(len(placed.part.ins))]
        found = [Way(1, table.cycles * placed.repeat, axes, None, float(np.min(table.cycles)) * placed.repeat)]
        ends, cut_short = sections(number)
        self.capped = self.capped or cut_short
        for length, end in ends:
            axes = [(number + part, slot) for part, slot in end.axes]
            found.append(Way(length, end.cycles * placed.repeat, axes, end, end.least * placed.repeat))
        return found

    def _stores(self, number: int) -> tuple[tuple[Store, ...], tuple[Choice, ...]]:
        return tuple(store._replace(reader=None) for store in self.stores[number]), tuple(self.choices[number])

    # --- conversions --------------------------------------------------------------------------------------------------

    def reaching(self, number: int, forms: Forms, index: int) -> float:
        """Cycles of the cheapest conversion of a tensor into one of its forms; 0 where it is there."""
        if forms >> index & 1:
            return 0.0
        key = (number, forms, index)
        if key not in self._reached:
            self._reached[key] = self._cheapest(number, forms, self.stores[number][index])[0]
        return self._reached[key]

    def _cheapest(self, number: int, forms: Forms, target: Store) -> tuple[float, Store]:
        """The cheapest conversion from a form that anyone can read: its cycles and where it starts."""
        placed = self.line.parts[number]
        best = (NEVER, Store(Format.NHWC))
        for index in indices(0 if target.is_view else forms):
            store = self.stores[number][index]
            if store.reader is None:
                found = self.search.conversion(placed.part.out, store, target)
                if found is not None and found.cycles * placed.repeat < best[0]:
                    best = (found.cycles * placed.repeat, store)
        return best

    def _bit(self, number: int, store: Store) -> Forms:
        return 1 << self.stores[number].index(store)

    def _delivered(self, source: int, forms: Forms, wanted: Store, cut: int) -> tuple[float, list[Convert]]:
        """Cycles of having a form, and the conversion for it where it is not there."""
        stores = self.stores[source]
        if wanted in stores and forms >> stores.index(wanted) & 1:
            return 0.0, []
        cost, start = self._cheapest(source, forms, wanted)
        return cost, [Convert(source, start, wanted, cut)]

    # --- steps --------------------------------------------------------------------------------------------------------

    def moves(self, cut: int, forms: Held) -> Iterator[Move]:
        """What can happen at a cut where the tensors lie in these forms."""
        kind = self.line.parts[cut].part.kind
        if kind.searched:
            for way in self.ways[cut]:
                yield from self._run(cut, forms, way)
        elif kind is Kind.CONCAT:
            yield from self._concat(cut, forms)
        elif kind is Kind.SPLIT:
            yield from self._split(cut, forms)
        else:
            yield from self._fixed(cut, forms)

    def _run(self, cut: int, forms: Held, way: Way) -> Iterator[Move]:
        """A part alone or a section, with every format of what it reads and every choice of stores."""
        sources = [self.line.parts[number].inputs[slot] for number, slot in way.axes]
        dead: list[int] = []
        costs = way.cycles
        if len(set(sources)) == len(sources):
            dead = [position for position, number in enumerate(sources) if self.last[number] < cut + way.length]
            for position, (reader, slot) in enumerate(way.axes):
                reading = self._reading(reader, slot, forms[sources[position]])
                costs = costs + reading.reshape(-1, *(1,) * (costs.ndim - position - 1))
        for entry in _entries(costs, dead):
            yield from self._entry(cut, forms, way, entry)

    def _reading(self, reader: int, slot: int, forms: Forms) -> Any:
        """Cycles of having an input in each form that it may be read in."""
        placed = self.line.parts[reader]
        source = placed.inputs[slot]
        there = {store: index for index, store in enumerate(self.stores[source])}
        wanted = read_forms(placed.part, slot)
        return np.array([self.reaching(source, forms, there[each]) if each in there else NEVER for each in wanted])

    def _entry(self, cut: int, forms: Held, way: Way, entry: tuple[int, ...]) -> Iterator[Move]:
        """One entry of a table as a step, with the conversions that it needs."""
        now, cost, converts, reads = dict(forms), float(way.cycles[entry]), [], []
        for (number, slot), code in zip(way.axes, entry[:-1], strict=True):
            source, form = self.line.parts[number].inputs[slot], read_forms(self.line.parts[number].part, slot)[code]
            extra, convert = self._delivered(source, now[source], form, cut)
            cost += extra
            if cost == NEVER:
                return
            converts += convert
            now[source] |= self._bit(source, form)
            reads.append((number, slot, form))
        out = cut + way.length - 1
        choice = self.choices[out][entry[-1]]
        now[out] = sum(1 << form for form in choice)
        stored = tuple(self.stores[out][form] for form in choice)
        step = Step(cut, way.length, entry, way.end, stored, tuple(reads), tuple(converts))
        yield Move(cost, cut + way.length, now, step)

    def _concat(self, cut: int, forms: Held) -> Iterator[Move]:
        """Each format of the whole: pieces that their makers stored there cost nothing more, others are copied."""
        placed = self.line.parts[cut]
        for fmt in joined_formats(placed.part, self.search.machine):
            cost, converts = 0.0, []
            for slot, source in enumerate(placed.inputs):
                piece = Store(fmt, placed.part.out, piece_offset(placed.part, slot), (cut, slot))
                found, convert = self._delivered(source, forms[source], piece, cut)
                cost += found
                converts += convert
            if cost < NEVER:
                step = Step(cut, 1, None, None, (), (), tuple(converts))
                yield Move(cost, cut + 1, {**forms, cut: self._bit(cut, Store(fmt))}, step)

    def _split(self, cut: int, forms: Held) -> Iterator[Move]:
        """A piece is there in each format that the whole has, or is brought to."""
        placed = self.line.parts[cut]
        (source,) = placed.inputs
        views = [store for store in self.stores[cut] if store.is_view]
        for fmt in [store.fmt for store in views]:
            cost, convert = self._delivered(source, forms[source], Store(fmt), cut)
            if cost < NEVER:
                now = forms[source] | self._bit(source, Store(fmt))
                piece = sum(self._bit(cut, view) for view in views if now & self._bit(source, Store(view.fmt)))
                step = Step(cut, 1, None, None, (), (), tuple(convert))
                yield Move(cost, cut + 1, {**forms, source: now, cut: piece}, step)

    def _fixed(self, cut: int, forms: Held) -> Iterator[Move]:
        """A network's input and output, a reshape, and what runs beside the hardware: all in NHWC."""
        placed, now, cost = self.line.parts[cut], dict(forms), 0.0
        converts: list[Convert] = []
        for slot, source in enumerate(placed.inputs):
            wanted = self._wanted(cut, slot)
            if wanted == Store(Format.NHWC):
                more, convert = self._delivered(source, now[source], wanted, cut)
                now[source] |= self._bit(source, wanted)
            elif self._is_output_itself(cut, source) and now[source] & self._bit(source, Store(Format.NHWC)):
                continue
            else:
                more, convert = self._delivered(source, now[source], wanted, cut)
            cost += more
            converts += convert
        if cost < NEVER:
            now[cut] = self._bit(cut, Store(Format.NHWC))
            yield Move(cost, cut + 1, now, Step(cut, 1, None, None, (), (), tuple(converts)))

    def _wanted(self, cut: int, slot: int) -> Store:
        """The form that a part without a table reads: a buffer of its own for an output and for another shape."""
        part = self.line.parts[cut].part
        if part.kind is Kind.OFF:
            return Store(Format.NHWC)
        return Store(Format.NHWC, part.out if part.kind is Kind.RESHAPE else None, reader=(cut, slot))

    def _is_output_itself(self, cut: int, source: int) -> bool:
        """Whether the source's buffer is the network's output: it brings its own, and nothing else reads it."""
        if self.line.parts[cut].part.kind is not Kind.OUTPUT or len(self.line.parts[source].consumers) != 1:
            return False
        return self.line.parts[source].part.kind in (Kind.CONCAT, Kind.RESHAPE, Kind.OFF)


def _entries(costs: Any, dead: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Entries worth following: of formats that only this step reads (axes ``dead``), the cheapest for each rest."""
    alive = [axis for axis in range(costs.ndim) if axis not in dead]
    moved = np.transpose(costs, [*alive, *dead])
    flat = moved.reshape(*moved.shape[: len(alive)], -1)
    best = np.argmin(flat, axis=-1)
    lost = moved.shape[len(alive) :]
    for index in zip(*np.nonzero(np.isfinite(np.min(flat, axis=-1))), strict=True):
        gone = np.unravel_index(best[index], lost)
        full = dict(zip(alive, index, strict=True)) | dict(zip(dead, gone, strict=True))
        yield tuple(int(full[axis]) for axis in range(costs.ndim))


def indices(forms: Forms) -> Iterator[int]:
    """The forms that a set holds."""
    index = 0
    while forms:
        if forms & 1:
            yield index
        forms >>= 1
        index += 1
