"""The final estimate: each pass with the formats that its buffers got, and the conversions between (PLANNER.md section
13, end)."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from npusim.targets.ethos_n.columns import Plans
from npusim.targets.ethos_n.costs import NOTHING, Format, Transfer, dma_time, input_transfer, output_transfer
from npusim.targets.ethos_n.dram import Buffer, Copy
from npusim.targets.ethos_n.glue import Chosen, Glued
from npusim.targets.ethos_n.machine import Floats, Machine, Shape3
from npusim.targets.ethos_n.parts import Line, Part
from npusim.targets.ethos_n.passes import Rules, mce_bound, moved_in, moved_out, moved_weights, ple_bound


class Settled(NamedTuple):
    """A pass at its final cost.

    Attributes:
        numbers: of the parts that it runs; of a conversion, none. after: the last of them; of a conversion, the part
            that it comes before.
        bounds: cycles by resource, as LayerCost has them. *_bytes: DRAM traffic by operand.
        reads: formats of what is read, by slot; None where it stays in SRAM. writes: formats of what is stored.
    """

    numbers: tuple[int, ...]
    after: int
    bounds: Mapping[str, float]
    ifm_bytes: int
    weight_bytes: int
    ofm_bytes: int
    reads: tuple[Format | None, ...]
    writes: tuple[Format, ...]


class End(NamedTuple):
    """What a pass exchanges with DRAM: the format, and the shape of the buffer where the tensor is a piece of it."""

    fmt: Format
    whole: Shape3 | None


class PassCosts:
    """Final costs of passes for one machine; equal passes are costed once."""

    def __init__(self, machine: Machine, rules: Rules) -> None:
        self.machine, self.rules = machine, rules
        self.known: dict[Hashable, Settled] = {}

    def operation(
        self, line: Line, chosen: Sequence[Chosen], number: int, sources: Sequence[End | None], targets: Sequence[End]
    ) -> Settled:
        """The pass of a part, with the MCE part in front of it where that left its output to it."""
        mce = chosen[number].mce
        numbers = (number,) if mce is None else (mce, number)
        parts = [line.parts[each].part for each in numbers]
        plans = [_plans(chosen[each]) for each in numbers]
        key = (*parts, *(each.data.tobytes() for each in plans), tuple(sources), tuple(targets))
        if key not in self.known:
            self.known[key] = self._operation(parts, plans, sources, targets)
        return self.known[key]._replace(numbers=numbers, after=number)

    def _operation(
        self, parts: Sequence[Part], plans: Sequence[Plans], sources: Sequence[End | None], targets: Sequence[End]
    ) -> Settled:
        """The vendor's estimator counts the last store alone where there are several (MODEL.md 9.10)."""
        machine, rules, read, written = self.machine, self.rules, NOTHING, NOTHING
        front, back, front_plans, back_plans = parts[0], parts[-1], plans[0], plans[-1]
        for source in sources:
            if source is not None:
                moved = moved_in(front, machine, front_plans, source.fmt, rules, settled=True, dram=source.whole)
                read = _sum(read, moved)
        for target in targets[-1:] if rules.as_vendor else targets:
            written = _sum(written, moved_out(back, machine, back_plans, target.fmt, rules, dram=target.whole))
        mac, vector = mce_bound(front, machine, front_plans, rules), ple_bound(back, machine, back_plans, rules)
        weights = moved_weights(front, machine, front_plans)
        bounds = _bounds(machine, read, weights, written) | {"mac": _number(mac), "vector": _number(vector)}
        reads = tuple(None if source is None else source.fmt for source in sources)
        writes = tuple(target.fmt for target in targets)
        return Settled((), 0, bounds, _bytes(read), _bytes(weights), _bytes(written), reads, writes)


def settle(line: Line, chosen: Sequence[Chosen], glued: Glued, costs: PassCosts) -> list[Settled]:
    """All passes of a glued plan, in the order they run."""
    found = []
    for placed in line.parts:
        if placed.part.kind.searched and not chosen[placed.number].feeds_ple:
            out = glued.outs[placed.number]
            assert out is not None
            sources = [_source(buffer) for buffer in glued.ins[placed.number]]
            targets = [_end(copy.target, plain=True) for copy in out.read_by]
            found.append(costs.operation(line, chosen, placed.number, sources, targets))
    conversions = _conversions(glued, costs.machine, costs.rules)
    return sorted([*conversions, *found], key=lambda each: each.after)


def _source(buffer: Buffer) -> End | None:
    """Where an input comes from; None where the section holds it."""
    return None if buffer.maker is not None else _end(buffer.made_by[0].source, plain=buffer.made_by[0].plain)


def _end(buffer: Buffer, *, plain: bool) -> End:
    assert buffer.fmt is not None
    return End(buffer.fmt, buffer.shape if plain else None)


def _plans(mine: Chosen) -> Plans:
    assert mine.plans is not None
    return mine.plans


def _conversions(glued: Glued, machine: Machine, rules: Rules) -> list[Settled]:
    """Copies from DRAM to DRAM that are left: nothing of them overlaps."""
    found, seen = [], set()
    for number, buffer in _dram_buffers(glued):
        for copy in buffer.made_by:
            tile = copy.source
            if tile.maker is None and id(copy) not in seen:
                seen.add(id(copy))
                found.append(_conversion(machine, rules, tile.made_by[0], copy, number))
    return found


def _dram_buffers(glued: Glued) -> list[tuple[int, Buffer]]:
    """DRAM buffers with the part that they come before or after, found from the parts' own buffers upwards."""
    found: list[tuple[int, Buffer]] = []
    seen: set[int] = set()
    for number, (ins, out) in enumerate(zip(glued.ins, glued.outs, strict=True)):
        stack = [buffer for buffer in (*ins, out) if buffer is not None]
        while stack:
            buffer = stack.pop()
            if id(buffer) in seen:
                continue
            seen.add(id(buffer))
            stack += [copy.source for copy in buffer.made_by]
            if buffer.in_dram:
                found.append((number, buffer))
    return found


def _conversion(machine: Machine, rules: Rules, load: Copy, store: Copy, number: int) -> Settled:
    tile, one = load.target, np.ones(1, np.int64)
    source, target = _end(load.source, plain=True), _end(store.target, plain=True)
    edge = np.zeros(1, np.bool_)
    read = input_transfer(
        machine, tile.shape, tile.stripe, one, (0, 0), one, edge, source.fmt, rules.saving, source.whole
    )
    written = output_transfer(machine, tile.shape, tile.stripe, one, target.fmt, rules.saving, target.whole)
    return conversion(machine, read, written, source.fmt, target.fmt, number)


def conversion(
    machine: Machine, read: Transfer, written: Transfer, source: Format, target: Format, number: int
) -> Settled:
    """A copy from DRAM to DRAM as a pass beside part ``number``."""
    bounds = _bounds(machine, read, NOTHING, written)
    return Settled((), number, bounds, _bytes(read), 0, _bytes(written), (source,), (target,))


def _bounds(machine: Machine, read: Transfer, weights: Transfer, written: Transfer) -> dict[str, float]:
    """Cycles by resource; where reads and writes share one bandwidth, all transfers are one resource."""
    ifm, stream, ofm = (
        dma_time(machine, moved, rate)
        for moved, rate in (
            (read, machine.read_bytes_per_cycle), (weights, machine.read_bytes_per_cycle), (written,
            machine.write_bytes_per_cycle)
        )
    )  # fmt: skip
    reads, writes = _number(ifm.parallel + stream.parallel), _number(ofm.parallel)
    found = {
        "dma_read_serial": _number(ifm.serial + stream.serial), "dma_write_serial": _number(ofm.serial),
        "dma_read": reads, "dma_write": writes,
    }  # fmt: skip
    if not machine.duplex:
        found |= {"dma_read": reads + writes, "dma_write": 0.0}
    return found


def _sum(a: Transfer, b: Transfer) -> Transfer:
    return Transfer(*(x + y for x, y in zip(a, b, strict=True)))


def _bytes(moved: Transfer) -> int:
    return int(np.sum(moved.parallel_bytes)) + int(np.sum(moved.serial_bytes))


def _number(value: Floats) -> float:
    return float(np.sum(value))
