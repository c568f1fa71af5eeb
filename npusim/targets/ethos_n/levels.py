"""What the search of sections knows at each part: the part as it sees it, and the states that it may be in (PLANNER.md
section 10)."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import msgspec

from npusim.targets.ethos_n.columns import Array, Plans
from npusim.targets.ethos_n.parts import Kind, Line, Part, Placed
from npusim.targets.ethos_n.state import State

Axes = tuple[tuple[int, int], ...]
T = TypeVar("T")

LONGEST = 64  # parts of a section that are searched; on a long chain of small tensors, time goes with its square


class Place(NamedTuple):
    """A part as the search sees it: numbers count from the section's start; what lies before it is None."""

    part: Part
    number: int
    inputs: tuple[int | None, ...]
    consumers: tuple[tuple[int, int], ...]
    feeds_ple: bool
    border_slots: int
    from_end: bool  # section 11: odd parts are placed from the high end

    @property
    def weighted(self) -> bool:
        return self.part.kind is not Kind.PLE


def outside(place: Place) -> Axes:
    """The inputs that a part reads from DRAM, as (part, slot)."""
    return tuple((place.number, slot) for slot, number in enumerate(place.inputs) if number is None)


class Level:
    """States after a part has joined.

    Attributes:
        plans: the part's plan in each state. parents: the row of the level before that it continues.
        decided: a part with weights is in the section, so that the number of weight slots is settled (doubleDecided).
        open: (producer, consumer, slot) of tensors in SRAM that are still to be read.
        doubled: an MCE operation has left its output to two fused parts, which ends in a fault of the estimator.
        axes: inputs from DRAM, as (part, slot), in the order of the cost's axes where formats are open. waiting: those
            of passes that are not complete, by part.
    """

    __slots__ = (
        "after", "axes", "before", "decided", "doubled", "ends", "open", "parents", "place", "plans", "state", "waiting"
    )  # fmt: skip

    def __init__(self, place: Place, plans: Plans, state: State, before: Level | None, parents: Array) -> None:
        self.place, self.plans, self.state, self.before, self.parents = place, plans, state, before, parents
        self.decided: bool = place.weighted or (before is not None and before.decided)
        taken = {(n, place.number, slot) for slot, n in enumerate(place.inputs) if n is not None}
        own = {(place.number, consumer, slot) for consumer, slot in place.consumers}
        self.open: frozenset[tuple[int, int, int]] = frozenset(own if before is None else (before.open - taken) | own)
        self.doubled: bool = (before is not None and before.doubled) or (place.feeds_ple and len(place.consumers) > 1)
        self.axes: Axes = before.axes if before is not None else ()
        self.waiting: dict[int, Axes] = dict(before.waiting) if before is not None else {}
        read = outside(place)
        if place.feeds_ple:
            self.waiting[place.number] = read
        else:
            first = place.inputs[0] if place.inputs else None
            self.axes += self.waiting.pop(first, ()) + read if first is not None else read
        self.after: dict[Hashable, Level | None] = {}
        self.ends: dict[Hashable, Any] = {}


class End(msgspec.Struct, frozen=True, eq=False, dict=True):
    """The best end of the sections of one length: its cycles, the plan of the last part, and the state that it ends."""

    cycles: float
    plans: Plans
    level: Level
    row: int

    @cached_property
    def chosen(self) -> list[tuple[Plans, int]]:
        """The plan of each part of the section, in order, with the bytes of a bank that are taken when it begins."""
        found, level, row = [(self.plans, int(self.level.state.taken[self.row]))], self.level, self.row
        while level.before is not None:
            before = int(level.parents[row])
            found.append((level.plans.take(slice(row, row + 1)), int(level.before.state.taken[before])))
            level, row = level.before, before
        return [*found, (level.plans.take(slice(row, row + 1)), 0)][::-1]


def may_join(line: Line, start: int, at: int) -> bool:
    """A part of a kind that joins, with at least one input that the section holds, as often repeated as its start."""
    placed: Placed = line.parts[at]
    inside = any(number >= start for number in placed.inputs)
    return inside and placed.part.joins and placed.repeat == line.parts[start].repeat


def place_of(line: Line, start: int, at: int) -> Place:
    placed = line.parts[at]
    inputs = tuple(number - start if at > start and number >= start else None for number in placed.inputs)
    consumers = tuple((number - start, slot) for number, slot in placed.consumers)
    feeds = line.feeds_ple[at] and placed.part.kind is Kind.MCE
    return Place(placed.part, at - start, inputs, consumers, feeds, line.borders[at].slots, at % 2 == 1)


def sign(placed: Placed, line: Line) -> Hashable:
    """All that a search that meets a part knows of it, wherever the search began."""
    inputs = tuple(placed.number - number for number in placed.inputs)
    consumers = tuple((number - placed.number, slot) for number, slot in placed.consumers)
    at = placed.number
    return placed.part, inputs, consumers, line.feeds_ple[at], line.borders[at].slots, placed.repeat


def by_window(signs: Array, known: dict[bytes, T], search: Callable[[int], T]) -> Callable[[int], T]:
    """A search from a start that remembers what it found, by what the line looks like from there: ``signs``, and
    whether the start is odd (section 11)."""

    def found(start: int) -> T:
        window = signs[start : start + LONGEST + 1].tobytes() + bytes([start % 2])
        if window not in known:
            known[window] = search(start)
        return known[window]

    return found
