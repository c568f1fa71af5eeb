"""The candidates of a job that are worth choosing, by how much SRAM there is for them."""

from __future__ import annotations

from bisect import bisect_right

import msgspec
import numpy as np

from npusim.mapping import Column
from npusim.targets.generic.evaluate import Analysis, Costs, Machine, Residency, analyse, compose
from npusim.targets.generic.jobs import Job

KEPT = 64  # analyses, of about a megabyte each


class Front(msgspec.Struct, frozen=True):
    """Candidates in ascending order of the SRAM they need, each better than all before it.

    Attributes:
        sram: bytes a row. cycles: cost a row.
        costs: the rows in full.
    """

    sram: tuple[float, ...]
    cycles: tuple[float, ...]
    costs: Costs

    def choose(self, free_bytes: float) -> int:
        """The row to take when so many bytes are free; -1 where none fits."""
        return bisect_right(self.sram, free_bytes) - 1


class Fronts:
    """Fronts by job and residency, each made once. Equal jobs have one number."""

    def __init__(self, at: Machine, planner: str) -> None:
        self.at = at
        self._rank = _as_compiler if planner == "vendor" else _as_time
        self._numbers: dict[Job, int] = {}
        self._jobs: list[Job] = []
        self._analyses: dict[int, Analysis] = {}
        self._found: dict[tuple[int, tuple[bool, ...], bool], Front] = {}

    def number(self, job: Job) -> int:
        found = self._numbers.setdefault(job, len(self._jobs))
        if found == len(self._jobs):
            self._jobs.append(job)
        return found

    def of(self, number: int, stays: Residency) -> Front:
        key = (number, stays.ins, stays.outs)
        front = self._found.get(key)
        if front is None:
            front = self._found[key] = self._front(compose(self._analysis(number), stays, self.at))
        return front

    def _analysis(self, number: int) -> Analysis:
        """Kept for a few jobs only: a job is asked for with all its residencies at about the same time."""
        if number not in self._analyses:
            if len(self._analyses) >= KEPT:
                self._analyses.clear()
            self._analyses[number] = analyse(self._jobs[number], self.at)
        return self._analyses[number]

    def _front(self, costs: Costs) -> Front:
        rank = self._rank(costs)
        order = np.lexsort((rank, costs.sram))
        best = np.minimum.accumulate(rank[order])
        improves = np.concatenate(([True], best[1:] < best[:-1]))
        chosen = costs.take(order[improves])
        return Front(tuple(chosen.sram.tolist()), tuple(chosen.cycles.tolist()), chosen)


def _as_time(costs: Costs) -> Column:
    return costs.cycles


def _as_compiler(costs: Costs) -> Column:
    """A compiler's rule of thumb that knows no time: overlap what can be, then move least, then cut least."""
    order = np.lexsort((costs.stripes, costs.dram_bytes, costs.exposed))
    rank = np.empty(len(order))
    rank[order] = np.arange(len(order))
    return rank
