"""The candidates of a job that are worth choosing, by how much SRAM there is for them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping

import msgspec
import numpy as np

from npusim.mapping import Column, ceil_div
from npusim.targets.generic.candidates import Strip, VectorCandidates, strips
from npusim.targets.generic.evaluate import Analysis, Costs, Machine, Residency, analyse, compose
from npusim.targets.generic.jobs import Axes, Job, NestJob

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


class Strips(msgspec.Struct, frozen=True):
    """The candidates of a job that cut it into strips: rows of a front in no order, by strip."""

    front: Front
    rows: Mapping[Strip, int]


class Fronts:
    """Fronts by job and residency, each made once. Equal jobs have one number."""

    def __init__(self, at: Machine, planner: str) -> None:
        self.at = at
        self._rank = _as_compiler if planner == "vendor" else _as_time
        self._numbers: dict[Job, int] = {}
        self._jobs: list[Job] = []
        self._analyses: dict[int, Analysis] = {}
        self._strips: dict[tuple[int, tuple[bool, ...], bool, Axes], Strips] = {}
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

    def strips(self, number: int, stays: Residency, axes: Axes) -> Strips:
        """The candidates that cut a tensor of those axes along height or width alone, and nothing else."""
        key = (number, stays.ins, stays.outs, axes)
        found = self._strips.get(key)
        if found is None:
            found = self._strips[key] = self._cut_to_strips(number, stays, axes)
        return found

    def _cut_to_strips(self, number: int, stays: Residency, axes: Axes) -> Strips:
        job = self._jobs[number]
        if isinstance(job, NestJob):
            costs = compose(self._analysis(number), stays, self.at)
            rows = _strip_rows(job, costs)
        else:
            listed = strips(axes, self.at.profile)
            counts = np.array([float(ceil_div(axes[strip.axis], strip.size)) for strip in listed])
            cut = VectorCandidates(counts, np.array([float(strip.slots) for strip in listed]))
            costs = compose(analyse(job, self.at, cut), stays, self.at)
            rows = {strip: row for row, strip in enumerate(listed)}
        kept = costs.take(np.array(list(rows.values()), dtype=np.intp))
        return Strips(_in_full(kept), {strip: row for row, strip in enumerate(rows)})

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
        return _in_full(costs.take(order[improves]))


def _in_full(costs: Costs) -> Front:
    return Front(tuple(costs.sram.tolist()), tuple(costs.cycles.tolist()), costs)


def _strip_rows(job: NestJob, costs: Costs) -> dict[Strip, int]:
    """Rows of the candidates whose stripes are whole but for one of height and width."""
    found, (depth, height, width) = costs.columns, job.out
    whole = (found["depth"] == depth) & (found["groups"] == job.groups) & (found["weights_first"] == 0)
    whole &= (found["in_channels"] == job.in_channels) & (found["out_channels"] == job.out_channels)
    rows: dict[Strip, int] = {}
    for axis, cut, other in ((1, found["height"] < height, found["width"] == width),
                             (2, found["width"] < width, found["height"] == height)):  # fmt: skip
        for row in np.flatnonzero(whole & cut & other):
            size = int(found["height" if axis == 1 else "width"][row])
            rows[Strip(axis, size, int(found["slots"][row]))] = int(row)
    return rows


def _as_time(costs: Costs) -> Column:
    return costs.cycles


def _as_compiler(costs: Costs) -> Column:
    """A compiler's rule of thumb that knows no time: overlap what can be, then move least, then cut least."""
    order = np.lexsort((costs.stripes, costs.dram_bytes, costs.exposed))
    rank = np.empty(len(order))
    rank[order] = np.arange(len(order))
    return rank
