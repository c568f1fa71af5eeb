"""The best planner: over all cuts into sections, all legal plans and all formats at once, at the cost that is paid in the end.

A dynamic programme walks the line of parts. Its state is the forms in which each tensor that is still to be read lies in DRAM;
a step runs a part alone or a section, stores its output in one or two forms, and converts what it reads. Two rules keep the
states few and lose nothing: a state goes when another one could be converted into it for no more than the difference of their
costs, and when even the cheapest rest, with formats left free, would end above the vendor's plan.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from npusim.targets.ethos_n.best_sections import BestSections, OpenEnd
from npusim.targets.ethos_n.best_tables import Choice, Table, lonely_table
from npusim.targets.ethos_n.costs import Format
from npusim.targets.ethos_n.machine import Machine, Shape3
from npusim.targets.ethos_n.parts import Kind, Line, Part
from npusim.targets.ethos_n.passes import Rules
from npusim.targets.ethos_n.stores import (
    NEVER,
    Conversion,
    Store,
    cheapest_conversion,
    choices,
    joined_formats,
    piece_offset,
    stores_of,
)

MOST_STATES = 4096  # of one cut that are carried on, the cheapest; no network that we know of has so many

Forms = int  # a bit a form of Memory.stores: those in which a tensor lies in DRAM
State = tuple[Forms, ...]  # of the tensors that are still to be read, in the order of Memory.live


class Convert(NamedTuple):
    """A conversion of a tensor (by the number of its maker) from a format to a form, before part ``before``."""

    tensor: int
    source: Format
    target: Store
    before: int


class Step(NamedTuple):
    """What brought a state about.

    Attributes:
        start, length: the parts that ran. index: the entry of their table; None where they have none.
        end: of a section. stored: forms of the output. reads: forms that are read, by (part, slot). converts: what was converted first.
    """

    start: int
    length: int
    index: tuple[int, ...] | None
    end: OpenEnd | None
    stored: tuple[Store, ...]
    reads: tuple[tuple[int, int, Format], ...]
    converts: tuple[Convert, ...]


class Reached(NamedTuple):
    """The cheapest way to a state found so far: its cost, the step, and the state and cut before it."""

    cost: float
    step: Step | None
    before: State
    cut: int


class BestSearch:
    """Tables that hold for any network on one machine."""

    def __init__(self, machine: Machine, rules: Rules) -> None:
        self.machine = machine
        self.rules = rules
        self.sections = BestSections(machine, rules)
        self.tables: dict[tuple[Part, tuple[Store, ...], tuple[Choice, ...]], Table] = {}
        self.copies: dict[tuple[Shape3, Format, Store], Conversion | None] = {}

    def stores(self, line: Line, number: int) -> tuple[list[Store], list[Choice]]:
        """The forms that a part may store its output in, and which of them at once."""
        found = stores_of(line, number, self.machine)
        return found, choices(found, len(line.parts[number].consumers))

    def table(self, part: Part, stores: Sequence[Store], chosen: Sequence[Choice]) -> Table:
        key = (part, tuple(store._replace(reader=None) for store in stores), tuple(chosen))
        if key not in self.tables:
            self.tables[key] = lonely_table(part, self.machine, self.rules, stores, chosen)
        return self.tables[key]

    def conversion(self, shape: Shape3, source: Format, target: Store) -> Conversion | None:
        key = (shape, source, target._replace(reader=None))
        if key not in self.copies:
            self.copies[key] = cheapest_conversion(self.machine, shape, source, target, self.rules.saving)
        return self.copies[key]


class LineSearch:
    """The dynamic programme over one line."""

    def __init__(self, line: Line, search: BestSearch, most: float) -> None:
        """``most``: cycles of a plan that is known; nothing above it is followed."""
        self.line, self.search, self.most = line, search, most * (1 + 1e-12)
        both = [search.stores(line, number) for number in range(len(line.parts))]
        self.stores = [stores for stores, _ in both]
        self.choices = [chosen for _, chosen in both]
        self.last = [max((reader for reader, _ in placed.consumers), default=-1) for placed in line.parts]
        self.cuts: list[dict[State, Reached]] = [{} for _ in range(len(line.parts) + 1)]

    @cached_property
    def live(self) -> list[tuple[int, ...]]:
        """Of each cut, the parts before it whose outputs parts behind it read."""
        count = len(self.line.parts)
        return [tuple(number for number in range(cut) if self.last[number] >= cut) for cut in range(count + 1)]

    def run(self) -> list[Step] | None:
        """The steps of the cheapest plan in order; None where nothing is found at or below ``most``."""
        self.cuts[0][()] = Reached(0.0, None, (), 0)
        for cut in range(len(self.line.parts)):
            for state, reached in self._kept(cut):
                for cost, stop, forms, step in self._steps(cut, state):
                    self._push(reached.cost + cost, stop, forms, step, state, cut)
        final = self.cuts[-1].get(())
        return None if final is None else self._read_off(final)

    def _push(self, cost: float, stop: int, forms: dict[int, Forms], step: Step, before: State, cut: int) -> None:
        if cost + self.rest[stop] > self.most:
            return
        state = tuple(forms[number] for number in self.live[stop])
        known = self.cuts[stop].get(state)
        if known is None or cost < known.cost:
            self.cuts[stop][state] = Reached(cost, step, before, cut)

    def _read_off(self, final: Reached) -> list[Step]:
        steps = []
        while final.step is not None:
            steps.append(final.step)
            final = self.cuts[final.cut][final.before]
        return steps[::-1]

    # --- which states go on -------------------------------------------------------------------------------------------

    def _kept(self, cut: int) -> list[tuple[State, Reached]]:
        """The states of a cut that no cheaper one can be converted into."""
        kept: list[tuple[State, Reached]] = []
        for state, reached in sorted(self.cuts[cut].items(), key=lambda each: (each[1].cost, each[0])):
            if not any(known.cost + self._changing(cut, other, state) <= reached.cost for other, known in kept):
                kept.append((state, reached))
        return kept[:MOST_STATES]

    def _changing(self, cut: int, have: State, want: State) -> float:
        """Cycles that bring every form of ``want`` about where those of ``have`` are there."""
        return sum(
            self._reaching(number, mine, index)
            for number, mine, theirs in zip(self.live[cut], have, want, strict=True)
            for index in _indices(theirs & ~mine)
        )

    def _reaching(self, number: int, forms: Forms, index: int) -> float:
        """Cycles of the cheapest conversion of a tensor into one of its forms; 0 where it is there."""
        if forms >> index & 1:
            return 0.0
        return self._cheapest(number, forms, self.stores[number][index])[0]

    def _cheapest(self, number: int, forms: Forms, target: Store) -> tuple[float, Format]:
        """The cheapest conversion from a form that anyone can read: its cycles and where it starts."""
        placed = self.line.parts[number]
        best = (NEVER, Format.NHWC)
        for index in _indices(forms):
            store = self.stores[number][index]
            if store.reader is None:
                found = self.search.conversion(placed.part.out, store.fmt, target)
                if found is not None and found.cycles * placed.repeat < best[0]:
                    best = (found.cycles * placed.repeat, store.fmt)
        return best

    @cached_property
    def rest(self) -> list[float]:
        """At each cut, a bound from below of what is to come: the cheapest cut of the rest with all formats free."""
        count = len(self.line.parts)
        rest = [0.0] * (count + 1)
        for start in range(count - 1, -1, -1):
            rest[start] = min(
                (float(np.min(cycles)) + rest[start + length] for length, cycles, _, _ in self.options[start]),
                default=rest[start + 1],
            )
        return rest

    @cached_property
    def options(self) -> list[list[tuple[int, Any, Any, OpenEnd | None]]]:
        """Of each part, ways to run it: how many parts, cycles, the inputs behind the axes, the section."""
        found: list[list[tuple[int, Any, Any, OpenEnd | None]]] = []
        for number, placed in enumerate(self.line.parts):
            ways: list[tuple[int, Any, Any, OpenEnd | None]] = []
            if placed.part.kind.searched:
                table = self.search.table(placed.part, self.stores[number], self.choices[number])
                axes = [(number, slot) for slot in range(len(placed.part.ins))]
                ways.append((1, table.cycles * placed.repeat, axes, None))
                for length, end in self.search.sections.open_ends(self.line, number, self._stores):
                    axes = [(number + part, slot) for part, slot in end.axes]
                    ways.append((length, end.cycles * placed.repeat, axes, end))
            found.append(ways)
        return found

    def _stores(self, number: int) -> tuple[Sequence[Store], Sequence[Choice]]:
        return tuple(store._replace(reader=None) for store in self.stores[number]), self.choices[number]

    # --- steps --------------------------------------------------------------------------------------------------------

    def _steps(self, cut: int, state: State) -> Iterator[tuple[float, int, dict[int, Forms], Step]]:
        """What can happen at a cut: cycles, the cut after it, the forms of tensors then, the step."""
        forms = dict(zip(self.live[cut], state, strict=True))
        kind = self.line.parts[cut].part.kind
        if kind.searched:
            for length, cycles, axes, end in self.options[cut]:
                yield from self._run(cut, forms, length, cycles, axes, end)
        elif kind is Kind.INPUT:
            yield 0.0, cut + 1, forms | {cut: self._plain(cut, Format.NHWC)}, Step(cut, 1, None, None, (), (), ())
        elif kind is Kind.CONCAT:
            yield from self._concat(cut, forms)
        else:
            yield from self._fixed(cut, forms)

    def _plain(self, number: int, fmt: Format) -> Forms:
        return 1 << self.stores[number].index(Store(fmt))

    def _run(
        self, cut: int, forms: dict[int, Forms], length: int, cycles: Any, axes: Sequence[tuple[int, int]], end: OpenEnd | None
    ) -> Iterator[tuple[float, int, dict[int, Forms], Step]]:
        """A part alone or a section, with every format of what it reads and every choice of stores."""
        stop, out = cut + length, cut + length - 1
        sources = [self.line.parts[number].inputs[slot] for number, slot in axes]
        dead = [position for position, number in enumerate(sources) if self.last[number] < stop]
        costs = cycles
        if len(set(sources)) == len(sources):
            for position, number in enumerate(sources):
                costs = costs + self._reading(number, forms[number]).reshape(-1, *(1,) * (costs.ndim - position - 1))
        for index in self._entries(costs, dead if len(set(sources)) == len(sources) else []):
            yield from self._entry(cut, forms, stop, out, index, axes, sources, cycles, end)

    def _reading(self, number: int, forms: Forms) -> Any:
        """Cycles of having a tensor in each format."""
        found = np.full(len(Format), NEVER)
        for index, store in enumerate(self.stores[number]):
            if store.reader is None:
                found[store.fmt] = self._reaching(number, forms, index)
        return found

    def _entries(self, costs: Any, dead: Sequence[int]) -> Iterator[tuple[int, ...]]:
        """Entries worth following: of formats that only this step reads, the cheapest for each rest."""
        if not dead:
            yield from zip(*np.nonzero(np.isfinite(costs)), strict=True)
            return
        alive = [axis for axis in range(costs.ndim) if axis not in dead]
        moved = np.transpose(costs, [*alive, *dead])
        flat = moved.reshape(*moved.shape[: len(alive)], -1)
        best = np.argmin(flat, axis=-1)
        lost = moved.shape[len(alive) :]
        for index in zip(*np.nonzero(np.isfinite(np.min(flat, axis=-1))), strict=True):
            full = dict(zip(alive, index, strict=True)) | dict(zip(dead, np.unravel_index(best[index], lost), strict=True))
            yield tuple(int(full[axis]) for axis in range(costs.ndim))

    def _entry(
        self, cut: int, forms: dict[int, Forms], stop: int, out: int, index: tuple[int, ...],
        axes: Sequence[tuple[int, int]], sources: Sequence[int], cycles: Any, end: OpenEnd | None,
    ) -> Iterator[tuple[float, int, dict[int, Forms], Step]]:  # fmt: skip
        """One entry of a table as a step, with the conversions that it needs."""
        now, cost, converts, reads = dict(forms), float(cycles[index]), [], []
        for (number, slot), source, code in zip(axes, sources, index[:-1], strict=True):
            fmt = Format(int(code))
            bit = self._plain(source, fmt)
            if not now[source] & bit:
                extra, start = self._cheapest(source, now[source], Store(fmt))
                cost += extra
                converts.append(Convert(source, start, Store(fmt), cut))
                now[source] |= bit
            reads.append((number, slot, fmt))
        if cost == NEVER:
            return
        choice = self.choices[out][index[-1]]
        now[out] = sum(1 << form for form in choice)
        stored = tuple(self.stores[out][form] for form in choice)
        yield cost, stop, now, Step(cut, stop - cut, tuple(map(int, index)), end, stored, tuple(reads), tuple(converts))

    def _concat(self, cut: int, forms: dict[int, Forms]) -> Iterator[tuple[float, int, dict[int, Forms], Step]]:
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
                yield cost, cut + 1, forms | {cut: self._plain(cut, fmt)}, step

    def _delivered(self, source: int, forms: Forms, wanted: Store, cut: int) -> tuple[float, list[Convert]]:
        """Cycles of having a form that only one reader can use, and the conversion for it where it is not there."""
        stores = self.stores[source]
        if wanted in stores and forms >> stores.index(wanted) & 1:
            return 0.0, []
        cost, start = self._cheapest(source, forms, wanted)
        return cost, [Convert(source, start, wanted, cut)]

    def _fixed(self, cut: int, forms: dict[int, Forms]) -> Iterator[tuple[float, int, dict[int, Forms], Step]]:
        """A network's output, a reshape, and what runs beside the hardware: all in NHWC."""
        placed, now, cost = self.line.parts[cut], dict(forms), 0.0
        converts: list[Convert] = []
        for slot, source in enumerate(placed.inputs):
            part = self.line.parts[source].part
            if placed.part.kind is Kind.OFF:
                bit = self._plain(source, Format.NHWC)
                found = [] if now[source] & bit else [Convert(source, self._cheapest(source, now[source], Store(Format.NHWC))[1], Store(Format.NHWC), cut)]
                cost += 0.0 if now[source] & bit else self._cheapest(source, now[source], Store(Format.NHWC))[0]
                converts += found
                now[source] |= bit
                continue
            merged = placed.part.kind is Kind.OUTPUT and len(self.line.parts[source].consumers) == 1
            if merged and part.kind in (Kind.CONCAT, Kind.RESHAPE, Kind.OFF) and now[source] & self._plain(source, Format.NHWC):
                continue  # the buffer is the network's output itself
            whole = placed.part.out if placed.part.kind is Kind.RESHAPE else None
            more, convert = self._delivered(source, now[source], Store(Format.NHWC, whole, reader=(cut, slot)), cut)
            cost += more
            converts += convert
        if cost < NEVER:
            now[cut] = self._plain(cut, Format.NHWC)
            yield cost, cut + 1, now, Step(cut, 1, None, None, (), (), tuple(converts))


def _indices(forms: Forms) -> Iterator[int]:
    index = 0
    while forms:
        if forms & 1:
            yield index
        forms >>= 1
        index += 1
