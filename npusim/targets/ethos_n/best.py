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

from npusim.targets.ethos_n.best_steps import BestSearch, Forms, LineSteps, Move, State, Step, indices
from npusim.targets.ethos_n.parts import Line
from npusim.targets.ethos_n.stores import NEVER

MOST_STATES = 4096  # of one cut that are carried on, the cheapest; no network that we know of has so many


class Reached(NamedTuple):
    """The cheapest way to a state found so far: its cost, the step, and the state and cut before it."""

    cost: float
    step: Step | None
    before: State
    cut: int


class LineSearch:
    """The dynamic programme over one line.

    Attributes:
        capped: states or sections were left out to end in time, so that a cheaper plan may exist.
    """

    def __init__(self, line: Line, search: BestSearch, most: float) -> None:
        """``most``: cycles of a plan that is known; nothing above it is followed."""
        self.steps = LineSteps(line, search)
        self.count = len(line.parts)
        self.most = most * (1 + 1e-12)  # sums of the same passes in another order
        self.capped = False
        self.cuts: list[dict[State, Reached]] = [{} for _ in range(self.count + 1)]

    @cached_property
    def live(self) -> list[tuple[int, ...]]:
        """Of each cut, the parts before it whose outputs parts behind it read."""
        last = self.steps.last
        return [tuple(number for number in range(cut) if last[number] >= cut) for cut in range(self.count + 1)]

    def run(self) -> list[Step] | None:
        """The steps of the cheapest plan in order; None where nothing is found at or below ``most``."""
        self.cuts[0][()] = Reached(0.0, None, (), 0)
        for cut in range(self.count):
            for state, reached in self._kept(cut):
                forms = dict(zip(self.live[cut], state, strict=True))
                for move in self.steps.moves(cut, forms):
                    self._push(reached.cost + move.cycles, move, state, cut)
        self.capped = self.capped or self.steps.capped
        final = self.cuts[-1].get(())
        return None if final is None else self._read_off(final)

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
        self.capped = self.capped or len(kept) > MOST_STATES
        return kept[:MOST_STATES]

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
