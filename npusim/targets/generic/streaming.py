"""Sections that hand strips from part to part: what lies between two layers is never whole, in SRAM or in DRAM."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from npusim.ir import DType
from npusim.profile import Layout
from npusim.targets.generic.candidates import Strip, strips
from npusim.targets.generic.evaluate import Residency
from npusim.targets.generic.fronts import Front
from npusim.targets.generic.jobs import Axes, Box, NestJob, VectorJob, sram_bytes
from npusim.targets.generic.lower import Part
from npusim.targets.generic.sections import Chosen, Line
from npusim.targets.generic.storages import NOWHERE

# Kinds of vector work that make each position of their result from the same position of their operands.
ELEMENTWISE = {"copy", "passthrough", "relu", "leaky", "sigmoid", "add", "add_rescale", "mul", "div"}


class _Rows(msgspec.Struct):
    """A tensor handed over: the rows it has to hold, from the newest made to the oldest still to be read.

    Attributes:
        lag: how many rows its maker is behind the first part of the section.
        oldest: how many rows its slowest reader is behind that, the rows before its own position included.
    """

    lag: int
    oldest: int = 0


class Streams:
    """Finds the sections of a line whose parts run strip by strip, all of them along the same axis."""

    def __init__(self, line: Line) -> None:
        self.line = line
        profile = line.fronts.at.profile
        self.dtype: DType = line.fronts.at.dtype
        self.layout: Layout = profile.layout
        self.axes = [self._common_axes(part) for part in line.parts]

    def _common_axes(self, part: Part) -> Axes | None:
        """The axes that all of a part's tensors have; None where it cannot run in strips of them."""
        job = part.job
        storages = [self.line.storages[at] for at in (*part.ins, *part.outs) if at != NOWHERE]
        if not storages or not part.outs or any(storage.box.line or storage.box.batch > 1 for storage in storages):
            return None
        axes = storages[0].box.axes
        if axes[0] > 1 or any(storage.box.axes != axes for storage in storages):
            return None
        if isinstance(job, NestJob):
            keeps_size = job.out == job.ifm_axes == axes and job.stride == (1, 1, 1) and job.weights is None
            return axes if keeps_size and not job.upsampled and not job.line else None
        return axes if isinstance(job, VectorJob) and {kind for kind, _ in job.steps} <= ELEMENTWISE else None

    def sections(self, start: int) -> Iterator[tuple[int, float, Strip]]:
        """The sections that start at a part: length, cycles, and the strip that all of its parts share."""
        axes = self.axes[start]
        if axes is None or start + 1 >= len(self.axes) or self.axes[start + 1] != axes:
            return
        for strip in strips(axes, self.line.fronts.at.profile):
            for length, cycles in self._run(start, axes, strip):
                yield length, cycles, strip

    def _run(self, start: int, axes: Axes, strip: Strip) -> Iterator[tuple[int, float]]:
        line, rolling, open_until = self.line, dict[int, _Rows](), start
        spent = buffers = 0.0
        for index in range(start, min(len(line.parts), start + line.longest)):
            part = line.parts[index]
            if self.axes[index] != axes:
                return
            lag = self._join(part, rolling, strip)
            held = self._held(rolling, strip)
            if index > start and open_until <= index:
                end = self._cost(index, start, axes, strip, is_end=True)
                if end is not None and buffers + held + end[0] <= line.sram_bytes:
                    yield index - start + 1, spent + end[1]
            middle = self._cost(index, start, axes, strip, is_end=False)
            if middle is None or not all(line.storages[at].stays for at in part.outs):
                return
            spent, buffers = spent + middle[1], buffers + middle[0]
            for at in part.outs:
                rolling[at] = _Rows(lag, lag)
                open_until = max(open_until, line.last[at])
            if buffers + self._held(rolling, strip) > line.sram_bytes or open_until >= start + line.longest:
                return

    def _join(self, part: Part, rolling: dict[int, _Rows], strip: Strip) -> int:
        """Makes the tensors that a part reads long enough for it; returns how many rows it is behind."""
        job, reads = part.job, []
        for place, at in enumerate(part.ins):
            if at in rolling:
                around = job.span[strip.axis] - 1 if isinstance(job, NestJob) and place == 0 else 0
                reads.append((rolling[at], around // 2, around - around // 2))
        lag = max((rows.lag + after for rows, _, after in reads), default=0)
        for rows, before, _ in reads:
            rows.oldest = max(rows.oldest, lag + before)
        return lag

    def _held(self, rolling: dict[int, _Rows], strip: Strip) -> int:
        """Bytes of all tensors handed over: a strip, and the rows between its maker and its slowest reader."""
        total = 0
        for at, rows in rolling.items():
            box = self.line.storages[at].box
            size = min(box.axes[strip.axis], strip.size + rows.oldest - rows.lag)
            axes = (box.axes[0], size, box.axes[2]) if strip.axis == 1 else (*box.axes[:2], size)
            total += sram_bytes(Box(1, box.channels, axes), self.dtype, self.layout)
        return total

    def _cost(self, index: int, start: int, axes: Axes, strip: Strip, *, is_end: bool) -> tuple[float, float] | None:
        """SRAM beside the tensors handed over, and cycles, of a part; None where it has no such strip."""
        front, row = self._row(index, start, axes, strip, is_end=is_end)
        return None if row < 0 else (front.sram[row], front.cycles[row])

    def _row(self, index: int, start: int, axes: Axes, strip: Strip, *, is_end: bool) -> tuple[Front, int]:
        stays = Residency(self.line.made_inside(index, start), outs=not is_end)
        found = self.line.fronts.strips(self.line.numbers[index], stays, axes)
        return found.front, found.rows.get(strip, -1)

    def choices(self, start: int, length: int, strip: Strip, section: int) -> Iterator[Chosen]:
        """The mapping of every part of a section found before."""
        axes = self.axes[start]
        assert axes is not None
        rolling: dict[int, _Rows] = {}
        buffers = 0
        rows = []
        for index in range(start, start + length):
            part, is_end = self.line.parts[index], index + 1 == start + length
            lag = self._join(part, rolling, strip)
            front, row = self._row(index, start, axes, strip, is_end=is_end)
            rows.append((part, front, row, Residency(self.line.made_inside(index, start), outs=not is_end)))
            buffers += int(front.sram[row])
            if not is_end:
                rolling.update({at: _Rows(lag, lag) for at in part.outs})
        # All buffers of the section are there at once.
        total = buffers + self._held(rolling, strip)
        for part, front, row, stays in rows:
            yield Chosen(part, stays, front, row, total - int(front.sram[row]), section, in_strips=True)
