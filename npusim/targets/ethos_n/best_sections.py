"""Sections for the best plan: the same search without the compiler's slips, its costs open in the formats of what lies
in DRAM."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

import numpy as np

from npusim.targets.ethos_n.best_tables import Choice, read_times, write_times
from npusim.targets.ethos_n.columns import Array, Plans
from npusim.targets.ethos_n.levels import LONGEST, Axes, End, Level, Place, by_window, may_join, outside, place_of, sign
from npusim.targets.ethos_n.machine import Machine
from npusim.targets.ethos_n.parts import Line
from npusim.targets.ethos_n.passes import AT_REST, Rules
from npusim.targets.ethos_n.sections import Sections, outer
from npusim.targets.ethos_n.state import Placing
from npusim.targets.ethos_n.stores import Store

MOST_AXES = 4  # inputs from DRAM whose formats one section may leave open; it ends before a further one

Stores = Callable[[int], tuple[tuple[Store, ...], tuple[Choice, ...]]]  # of a part's output


class OpenEnd(NamedTuple):
    """The best ends of the sections of one length, for each format of each input from DRAM and each choice of stores.

    Attributes:
        cycles: an axis an input, in the order of ``axes``, then one for the choices.
        rows: the row of ``plans`` and ``parents`` that takes them. axes: as (part, slot), counted from the section's
            start.
    """

    cycles: Any
    rows: Any
    plans: Plans
    parents: Array
    level: Level
    axes: Axes

    @property
    def least(self) -> float:
        """The cycles of the cheapest entry."""
        return float(np.min(self.cycles))

    def closed(self, index: tuple[int, ...]) -> End:
        """The end at one entry."""
        row = int(self.rows[index])
        return End(float(self.cycles[index]), self.plans.take(slice(row, row + 1)), self.level, int(self.parents[row]))


OpenEnds = tuple[list[tuple[int, OpenEnd]], bool]


class BestSections(Sections):
    """Sections of every length with all their formats; what is placed in SRAM has to fit it in sum at every time."""

    def __init__(self, machine: Machine, rules: Rules) -> None:
        super().__init__(machine, rules)
        self.open_windows: dict[bytes, OpenEnds] = {}

    def open_over(self, line: Line, stores: Stores) -> Callable[[int], OpenEnds]:
        """The sections from each part of a line, searched once where it looks the same from two parts."""
        signs: list[Hashable] = [(sign(placed, line), *stores(placed.number)) for placed in line.parts]
        numbers = self._numbers(signs)
        return by_window(numbers, self.open_windows, lambda start: self.open_ends(line, start, stores))

    def open_ends(self, line: Line, start: int, stores: Stores) -> OpenEnds:
        """The ends of each length from a part, as (length, end), and whether longer ones were left out."""
        found: list[tuple[int, OpenEnd]] = []
        if not line.parts[start].part.joins:
            return found, False
        level = self._start(_single(place_of(line, start, start)))
        for at in range(start + 1, len(line.parts)):
            if level is None or not len(level.state) or not may_join(line, start, at):
                break
            place = _single(place_of(line, start, at))
            inputs = len(level.axes) + sum(map(len, level.waiting.values())) + len(outside(place))
            if inputs > MOST_AXES or at - start >= LONGEST:
                return found, True
            end = self._open_end(level, place, *stores(at))
            if end is not None:
                found.append((at - start + 1, end))
            level = self._continue(level, place)
        return found, False

    def _placing(self, place: Place) -> Placing:  # noqa: ARG002 - the vendor's depends on the part's number
        """Where a buffer lies is left open: a schedule that is known as a whole can be packed."""
        return _anywhere

    def _read(self, place: Place, plans: Plans) -> Any:
        slots = [slot for _, slot in outside(place)]
        return read_times(place.part, self.machine, plans, self.rules, slots) if slots else AT_REST

    def _open_end(
        self, level: Level, place: Place, stores: Sequence[Store], choices: Sequence[Choice]
    ) -> OpenEnd | None:
        taken = {(n, place.number, slot) for slot, n in enumerate(place.inputs) if n is not None}
        if level.open - taken:
            return None
        key = (place.part, place.inputs, tuple(stores), tuple(choices))
        if key not in level.ends:
            level.ends[key] = self._opened(level, place._replace(feeds_ple=False, consumers=()), stores, choices)
        found: OpenEnd | None = level.ends[key]
        return found

    def _opened(self, level: Level, place: Place, stores: Sequence[Store], choices: Sequence[Choice]) -> OpenEnd | None:
        joined = self._endings(level, place)
        if joined is None:
            return None
        plans, state, parents = joined
        weights = not self._behind_mce(level, place)
        read = self._read(place, plans)
        cycles, rows = [], []
        for written in write_times(place.part, self.machine, plans, self.rules, stores, choices):
            found = outer(state.cost, self._pass(state, place, plans, read, written, weights))
            rows.append(np.argmin(found, axis=-1))
            cycles.append(np.min(found, axis=-1))
        first = place.inputs[0]
        axes = level.axes + (level.waiting.get(first, ()) if first is not None and not weights else ()) + outside(place)
        return OpenEnd(np.stack(cycles, axis=-1), np.stack(rows, axis=-1), plans, parents, level, axes)


def _anywhere(firsts: Array, ends: Array, size: Array, capacity: int) -> tuple[Array, Array]:
    """A range for each state that has so much left; ranges say how much is taken, not where."""
    left = capacity - np.sum(ends - firsts, axis=0)
    fits = size <= left
    return np.where(fits, 0, -1), np.where(fits, size, -1)


def _single(place: Place) -> Place:
    """An MCE part leaves its output to the PLE for a single fused part only: two cannot both take it."""
    return place._replace(feeds_ple=place.feeds_ple and len(place.consumers) == 1, from_end=False)
