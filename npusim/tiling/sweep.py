"""The search for the best tile: every size by interpolation between estimates, and those that matter estimated.

A network's time grows about as the width and the height of what it runs on, so that a few dozen estimates tell the time
of every shape of tile to a few per cent. Of the thousands of tilings, those that could then be the fastest at what they
recompute are estimated shape by shape, the most promising first, until what is left could not be, by what the
interpolation has been found to be off by.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import msgspec
import numpy as np

from npusim.errors import EstimateError, InputError
from npusim.receptive import Field, Size, whole_steps
from npusim.tiling.counts import macs_at
from npusim.tiling.policies import Cut, Policy, cuts, suffices
from npusim.tiling.study import Costs, Tiling, front, tiling

Array = np.ndarray[Any, Any]
Progress = Callable[[int, int], None]

BUDGET = 120  # estimates of a sweep, where nobody says otherwise
LEAST = (32, 28)  # the smallest tile of a sweep: below it, a tile is mostly halo
ANCHORS = 7  # widths, and heights, between which times are interpolated
PROBES = 8  # sizes between them, by which the interpolation is judged
GOLDEN = 0.618034
UNSURE = 0.02  # what interpolation is taken to be off by before anything is known of it


class Swept(msgspec.Struct, frozen=True):
    """Many tilings of a frame.

    Attributes:
        rows: of every size, in the order of sizes; ``estimated`` tells which are more than interpolated.
        front: the fastest at what they recompute, the whole frame among them; each of them estimated.
        estimates: how many sizes of the network were estimated.
        error, worst_error: of interpolated latencies where both are known, as a share: the median and the largest.
        settled: whether what is only interpolated could not be on the front unless it is off by more than the largest
            error; otherwise the budget ended the search.
        failed: sizes that have no plan on this hardware.
    """

    rows: tuple[Tiling, ...]
    front: tuple[Tiling, ...]
    estimates: int
    error: float
    worst_error: float
    settled: bool
    failed: int


def sizes_of(frame: Size, least: Size = LEAST) -> tuple[Size, ...]:
    """For each number of columns and of rows, the smallest tile that makes do with it: ``ceil(frame / n)``."""
    sides = []
    for length, low in zip(frame, least, strict=True):
        found = {-(-length // n) for n in range(1, max(length // low, 1) + 1)}
        sides.append(sorted(found))
    return tuple((width, height) for width in sides[0] for height in sides[1])


def stepped(sizes: Sequence[Size], frame: Size, field: Field | None) -> tuple[Size, ...]:
    """The sizes, each rounded up to what the network's strides divide."""
    if field is None:
        return tuple(sizes)
    found: dict[Size, None] = {}
    for size in sizes:
        up = (whole_steps(n, side.step) for n, side in zip(size, field.sides, strict=True))
        width, height = (min(n, length) for n, length in zip(up, frame, strict=True))
        found[width, height] = None
    return tuple(found)


def sweep(
    costs: Costs, frame: Size, sizes: Sequence[Size], how: Policy, field: Field | None, whole: Tiling, *,
    budget: int = BUDGET, progress: Progress | None = None,
) -> Swept:  # fmt: skip
    """All those tilings, and the fastest of them.

    Args:
        sizes: of tiles.
        budget: estimates of the network to make at the most, beside those that are known; at least as many as the
            interpolation needs are made.

    Raises:
        InputError: bad-tile, bad-option.
    """
    if not sizes:
        raise InputError("no size of a tile is left to try", code="bad-option", where="--sweep")
    return _Sweep(costs, frame, sizes, how, field, whole, budget, progress or (lambda *_: None)).run()


class _Sweep:
    """A sweep under way.

    Attributes:
        counts_*: runs of each tile size by how many pixels they read along a side: [sizes, lengths].
        predicted: latency of each size by interpolation. exact: the tilings that were estimated, by size.
    """

    def __init__(
        self, costs: Costs, frame: Size, sizes: Sequence[Size], how: Policy, field: Field | None, whole: Tiling,
        budget: int, progress: Progress,
    ) -> None:  # fmt: skip
        self.costs, self.frame, self.how, self.field, self.whole = costs, frame, how, field, whole
        self.sizes, self.budget, self.progress = list(dict.fromkeys(sizes)), budget, progress
        self.start = len(costs.known)
        self.exact: dict[int, Tiling] = {}
        self.failed: set[int] = set()
        self.errors: list[float] = []
        made = [cuts(frame, size, how, field) for size in self.sizes]
        self.widths, self.across = _table([pair[0] for pair in made])
        self.heights, self.down = _table([pair[1] for pair in made])

    def run(self) -> Swept:
        times = self._times()
        self.calls = self.across.sum(1) * self.down.sum(1)
        self.predicted = np.einsum("sw,wh,sh->s", self.across, times, self.down) + self.calls * self.costs.overhead_s
        counts = macs_at(self.costs, self.widths, self.heights)
        self.macs = np.einsum("sw,wh,sh->s", self.across, counts.astype(np.float64), self.down)
        pixels = np.einsum("sw,w,h,sh->s", self.across, self.widths, self.heights, self.down)
        over = self.macs / self.whole.macs if self.whole.macs else pixels / (self.frame[0] * self.frame[1])
        self.recompute = over - 1
        if self._everything():
            for at in range(len(self.sizes)):
                self._estimate(at)
        settled = self._refine()
        rows = tuple(self._row(at) for at in range(len(self.sizes)) if at not in self.failed)
        self.progress(1, 1)
        return Swept(
            rows, front((self.whole, *self.exact.values())), self._made(), float(np.median(self.errors or [0.0])),
            max(self.errors, default=0.0), settled, len(self.failed),
        )  # fmt: skip

    def _everything(self) -> bool:
        """Whether all shapes together are few enough to be estimated."""
        return len(self.widths) * len(self.heights) <= self.budget // 2

    def _made(self) -> int:
        return len(self.costs.known) - self.start

    # --- interpolation ----------------------------------------------------------------------------------------------

    def _times(self) -> Array:
        """Seconds of a run at each width and height: [widths, heights]."""
        if self._everything():
            return np.array([[self._time((w, h)) for h in self.heights] for w in self.widths])
        at_w, at_h = _anchors(self.widths), _anchors(self.heights)
        known = _filled(np.array([[self._time((w, h)) for h in at_h] for w in at_w]))
        layout = self.costs.hardware.layout
        along = np.array([_between(self.heights, at_h, row, layout.dram_height) for row in known])
        times = np.array([_between(self.widths, at_w, column, layout.dram_width) for column in along.T]).T
        self._judge(times)
        return times

    def _judge(self, times: Array) -> None:
        """Estimates sizes that are spread over all of them, and notes how far off the interpolation is."""
        for probe in range(PROBES):
            # Steps of the golden section in one direction and even ones in the other leave no region out.
            at = int((probe * GOLDEN + 0.5) % 1 * len(self.widths)), (2 * probe + 1) * len(self.heights) // (2 * PROBES)
            size = self.widths[at[0]], self.heights[at[1]]
            if (size, self.costs.batch) not in self.costs.known:
                known = self._time(size)
                if known and np.isfinite(known):
                    self.errors.append(abs(float(times[at]) / known - 1))

    def _time(self, size: Size) -> float:
        """Seconds of one tile of that size; not a number where the hardware has no plan for it."""
        self.progress(min(self._made(), self.budget), self.budget)
        try:
            return self.costs.cost(size, self.costs.batch).latency_s / (self.costs.batch or 1)
        except EstimateError:
            return float("nan")

    # --- what matters -----------------------------------------------------------------------------------------------

    def _refine(self) -> bool:
        """Estimates the most promising tilings until the budget is spent, or until none is left that could matter."""
        tried = {*self.exact, *self.failed}
        while True:
            margin = 1 - max(*self.errors, UNSURE) if self.errors else 1 - UNSURE
            gain = self._gains(margin)
            gain[list(tried)] = -np.inf
            best = int(np.argmax(gain))
            if not gain[best] > 0:
                return True
            if self._made() >= self.budget:
                return False
            tried.add(best)
            self.progress(min(self._made(), self.budget), self.budget)
            self._estimate(best)

    def _gains(self, margin: float) -> Array:
        """How much faster each tiling may be than the fastest known one that recomputes no more than it."""
        known = front((self.whole, *self.exact.values()))
        limits = np.array([max(row.recompute, 0.0) for row in known])
        best = np.array([row.latency_s for row in known])
        at = np.searchsorted(limits, np.maximum(self.recompute, 0.0) + 1e-12, side="right") - 1
        return np.asarray(best[at] - self.predicted * margin)

    def _estimate(self, at: int) -> None:
        try:
            row = tiling(self.costs, self.frame, self.sizes[at], self.how, self.field, self.whole)
        except EstimateError:
            self.failed.add(at)
            return
        if row.latency_s and np.isfinite(self.predicted[at]):
            self.errors.append(abs(float(self.predicted[at]) / row.latency_s - 1))
        self.exact[at] = row

    def _row(self, at: int) -> Tiling:
        if at in self.exact:
            return self.exact[at]
        return Tiling(
            self.sizes[at], str(self.how), (), float(self.calls[at]), float(self.predicted[at]),
            round(self.macs[at]), round(self.macs[at]), float(self.recompute[at]), None, None, {},
            exact=suffices(self.how, self.field), estimated=False,
        )  # fmt: skip


def _table(found: Sequence[Cut]) -> tuple[list[int], Array]:
    """The lengths that occur, in order, and how many runs of each every cut has."""
    known: dict[Cut, dict[int, Fraction]] = {}
    for cut in found:
        if cut not in known:
            known[cut] = cut.lengths()
    lengths = sorted({length for each in known.values() for length in each})
    column = {length: at for at, length in enumerate(lengths)}
    table = np.zeros((len(found), len(lengths)))
    for at, cut in enumerate(found):
        for length, count in known[cut].items():
            table[at, column[length]] = float(count)
    return lengths, table


def _anchors(lengths: Sequence[int]) -> list[int]:
    """A few of the lengths, the first and the last among them, about evenly apart in proportion."""
    wanted = np.geomspace(lengths[0], lengths[-1], min(ANCHORS, len(lengths)))
    return sorted({min(lengths, key=lambda length: abs(np.log(length / target))) for target in wanted})


def _between(lengths: Sequence[int], anchors: Sequence[int], values: Array, multiple: int) -> Array:
    """Values at all lengths, linear between those at the anchors; lengths count as the hardware stores them."""
    stored, known = (-(-np.array(each) // multiple) for each in (lengths, anchors))
    return np.asarray(np.interp(stored, known, values))


def _filled(known: Array) -> Array:
    """The table with what is not known as the worst that is; where nothing is, a time that rules out."""
    worst = np.nanmax(known) if np.isfinite(known).any() else np.inf
    return np.where(np.isfinite(known), known, worst)
