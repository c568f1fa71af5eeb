"""The best planner's search: over all cuts into sections, all legal plans and all formats at once, at the cost that is
paid in the end.

A dynamic programme walks the line of parts. Its state is the forms in which each tensor that is still to be read lies
in DRAM; a step runs a part alone or a section, stores its output in one or two forms, and converts what it reads. Two
rules keep the states few and lose nothing: a state goes when another one could be converted into it for no more than
the difference of their costs, and when even the cheapest rest, with formats left free, would end above the vendor's
plan.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np

from npusim.targets.ethos_n.best_search import BestSearch
from npusim.targets.ethos_n.best_steps import Forms, LineSteps, Move, State, Step, indices
from npusim.targets.ethos_n.parts import Line
from npusim.targets.ethos_n.stores import NEVER

FEW_STATES = 16  # of one cut, the cheapest, in a first search that only bounds the costs of the second
MOST_COMPARED = 1024  # of one cut that are compared with each other, for the few that go on
MOST_STATES = 4096  # of one cut in the second, which ends without a result where there are more
MOST_MOVES = 150_000  # of the second search, likewise


class Reached(NamedTuple):
    """The cheapest way to a state found so far: its cost, the step, and the state and cut before it."""

    cost: float
    step: Step | None
    before: State
    cut: int


class Found(NamedTuple):
    """The steps of the cheapest plan in order, and its cycles."""

    steps: list[Step]
    cycles: float


def best_steps(line: Line, search: BestSearch, most: float) -> tuple[Found | None, bool]:
    """The cheapest plan of a line at or below ``most`` cycles (None where none is found), and whether a cheaper one may
    have been left out.

    A narrow search comes first: what it finds is an upper bound, which keeps the full one small.
    """
    steps = LineSteps(line, search)
    narrow = LineSearch(steps, most, FEW_STATES)
    found = narrow.run()
    if not narrow.capped:
        return found, steps.capped
    full = LineSearch(steps, most if found is None else found.cycles, MOST_STATES, MOST_MOVES)
    better = full.run()
    return (found, True) if full.capped else (better, steps.capped)


class LineSearch:
    """The dynamic programme over one line.

    Attributes:
        capped: states were left out.
    """

    def __init__(self, steps: LineSteps, most: float, width: int, most_moves: int | None = None) -> None:
        """
        Args:
            most: cycles of a plan that is known; nothing above it is followed. width: states of a cut that are.
            most_moves: ends the search where it has ``width`` states, or so many moves.
        """
        self.steps = steps
        self.count = len(steps.line.parts)
        self.most = most * (1 + 1e-12)  # sums of the same passes in another order
        self.width, self.most_moves, self.moves = width, most_moves, 0
        self.capped = False
        self.cuts: list[dict[State, Reached]] = [{} for _ in range(self.count + 1)]

    @cached_property
    def live(self) -> list[tuple[int, ...]]:
        """Of each cut, the parts before it whose outputs parts behind it read."""
        last = self.steps.last
        return [tuple(number for number in range(cut) if last[number] >= cut) for cut in range(self.count + 1)]

    def run(self) -> Found | None:
        """The cheapest plan; None where nothing is found at or below ``most``, or the search was ended."""
        self.cuts[0][()] = Reached(0.0, None, (), 0)
        for cut in range(self.count):
            kept = self._kept(cut)
            if self.most_moves is not None and (self.capped or self.moves > self.most_moves):
                self.capped = True
                return None
            for state, reached in kept:
                forms = dict(zip(self.live[cut], state, strict=True))
                for move in self.steps.moves(cut, forms):
                    self.moves += 1
                    self._push(reached.cost + move.cycles, move, state, cut)
        final = self.cuts[-1].get(())
        return None if final is None else Found(self._read_off(final), final.cost)

    def _push(self, cost: float, move: Move, before: State, cut: int) -> None:
        if cost + self.rest[move.stop] > self.most:
            return
        state = tuple(move.forms[number] for number in self.live[move.stop])
        known = self.cuts[move.stop].get(state)
        if known is None or cost < known.cost:
            self.cuts[move.stop][state] = Reached(cost, move.step, before, cut)

    def _read_off(self, final: Reached) -> list[Step]:
        steps = []
        while final.step is not None:
            steps.append(final.step)
            final = self.cuts[final.cut][final.before]
        return steps[::-1]

    def _kept(self, cut: int) -> list[tuple[State, Reached]]:
        """The states of a cut that no other one can be converted into for the difference of their costs, or less."""
        found = sorted(self.cuts[cut].items(), key=lambda each: (each[1].cost, each[0]))
        if len(found) < 2:
            return found
        most = max(self.width, MOST_COMPARED)
        self.capped, found = self.capped or len(found) > most, found[:most]
        costs = np.array([reached.cost for _, reached in found])
        excess = costs[:, None] - costs[None, :]  # of a row's state over its own cost, for each column's state
        for position, number in enumerate(self.live[cut]):
            forms = [state[position] for state, _ in found]
            kinds = sorted(set(forms))
            table = np.array([[self._changing(number, have, want) for want in kinds] for have in kinds])
            at = np.searchsorted(kinds, forms)
            excess += table[at[:, None], at[None, :]]
        np.fill_diagonal(excess, NEVER)
        kept = [each for each, beaten in zip(found, np.any(excess <= 0, axis=0), strict=True) if not beaten]
        self.capped = self.capped or len(kept) > self.width
        return kept[: self.width]

    def _changing(self, number: int, have: Forms, want: Forms) -> float:
        """Cycles that bring every form of ``want`` about where those of ``have`` are there."""
        return sum(self.steps.reaching(number, have, index) for index in indices(want & ~have))

    @cached_property
    def rest(self) -> list[float]:
        """At each cut, a bound from below of what is to come: the cheapest cut of the rest with all formats free."""
        rest = [0.0] * (self.count + 1)
        for start in range(self.count - 1, -1, -1):
            rest[start] = min(
                (way.least + rest[start + way.length] for way in self.steps.ways[start]), default=rest[start + 1]
            )
        return rest
