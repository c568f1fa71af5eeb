"""Sections that hand strips from part to part: what lies between two layers is never whole, in SRAM or in DRAM."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from npusim.targets.generic.candidates import Strip, strips
from npusim.targets.generic.evaluate import Machine, Residency
from npusim.targets.generic.fronts import Front
from npusim.targets.generic.jobs import Axes, Box, NestJob, VectorJob, sram_bytes
from npusim.targets.generic.lower import Part
from npusim.targets.generic.sections import Chosen, Line
from npusim.targets.generic.storages import NOWHERE, Storage

# Kinds of vector work that make each position of their result from the same position of their operands.
ELEMENTWISE = {"copy", "passthrough", "relu", "leaky", "sigmoid", "add", "add_rescale", "mul", "div"}


class _Rolling:
    """The tensors that a section hands over, all there at once: each holds the rows from the newest made to the oldest
    still to be read, where every row of a tensor of the section is behind that of the first part by its maker's lag.
    """

    def __init__(self, storages: Sequence[Storage], strip: Strip, at: Machine) -> None:
        self.bytes = 0
        self.lags: dict[int, int] = {}
        self._oldest: dict[int, int] = {}
        self._storages = storages
        self._strip = strip
        self._at = at

    def add(self, storage: int, lag: int) -> None:
        self.lags[storage] = self._oldest[storage] = lag
        self.bytes += self._bytes(storage)

    def stretch(self, storage: int, oldest: int) -> None:
        """A reader is ``oldest`` rows behind the first part, the rows before its own position included."""
        if oldest > self._oldest[storage]:
            self.bytes -= self._bytes(storage)
            self._oldest[storage] = oldest
            self.bytes += self._bytes(storage)

    def _bytes(self, storage: int) -> int:
        box, axis = self._storages[storage].box, self._strip.axis
        rows = self._strip.size + self._oldest[storage] - self.lags[storage]
        axes = (*box.axes[:axis], min(box.axes[axis], rows), *box.axes[axis + 1 :])
        return sram_bytes(Box(1, box.channels, (axes[0], axes[1], axes[2])), self._at.dtype, self._at.profile.layout)


class Streams:
    """Finds the sections of a line whose parts run strip by strip, all of them along the same axis."""

    def __init__(self, line: Line) -> None:
        self.line = line
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
        line, open_until, end = self.line, start, min(len(self.line.parts), start + self.line.longest)
        rolling, spent, buffers = self._rolling(strip), 0.0, 0.0
        for index in range(start, end):
            part = line.parts[index]
            if self.axes[index] != axes:
                return
            lag = self._join(part, rolling, strip)
            if index > start and open_until <= index:
                last = self._cost(index, start, axes, strip, is_end=True)
                if last is not None and buffers + rolling.bytes + last[0] <= line.sram_bytes:
                    yield index - start + 1, spent + last[1]
            middle = self._cost(index, start, axes, strip, is_end=False)
            if middle is None or not all(line.storages[at].stays for at in part.outs):
                return
            spent, buffers = spent + middle[1], buffers + middle[0]
            for at in part.outs:
                rolling.add(at, lag)
                open_until = max(open_until, line.last[at])
            if buffers + rolling.bytes > line.sram_bytes or open_until >= end:
                return

    def _rolling(self, strip: Strip) -> _Rolling:
        return _Rolling(self.line.storages, strip, self.line.fronts.at)

    def _join(self, part: Part, rolling: _Rolling, strip: Strip) -> int:
        """Makes the tensors that a part reads long enough for it; returns how many rows it is behind."""
        job, reads = part.job, []
        for place, at in enumerate(part.ins):
            if at in rolling.lags:
                around = job.span[strip.axis] - 1 if isinstance(job, NestJob) and place == 0 else 0
                reads.append((at, around // 2, around - around // 2))
        lag = max((rolling.lags[at] + after for at, _, after in reads), default=0)
        for at, before, _ in reads:
            rolling.stretch(at, lag + before)
        return lag

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
        rolling, buffers, rows = self._rolling(strip), 0, []
        for index in range(start, start + length):
            part, is_end = self.line.parts[index], index + 1 == start + length
            lag = self._join(part, rolling, strip)
            front, row = self._row(index, start, axes, strip, is_end=is_end)
            rows.append((part, front, row, Residency(self.line.made_inside(index, start), outs=not is_end)))
            buffers += int(front.sram[row])
            if not is_end:
                for at in part.outs:
                    rolling.add(at, lag)
        total = buffers + rolling.bytes
        for part, front, row, stays in rows:
            yield Chosen(part, stays, front, row, total - int(front.sram[row]), section, in_strips=True)
