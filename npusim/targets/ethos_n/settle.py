"""The final estimate: each pass with the formats that its buffers got, and the conversions between (PLANNER.md section
13, end)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from npusim.targets.ethos_n.columns import Plans
from npusim.targets.ethos_n.costs import NOTHING, Format, Transfer, dma_time, input_transfer, output_transfer
from npusim.targets.ethos_n.dram import Buffer, Copy
from npusim.targets.ethos_n.glue import Chosen, Glued
from npusim.targets.ethos_n.machine import Floats, Machine
from npusim.targets.ethos_n.parts import Line, Part
from npusim.targets.ethos_n.passes import Rules, mce_bound, moved_in, moved_out, moved_weights, ple_bound


class Settled(NamedTuple):
    """A pass at its final cost.

    Attributes:
        numbers: of the parts that it runs; of a conversion, none. after: the part that it follows.
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


def settle(line: Line, chosen: Sequence[Chosen], glued: Glued, machine: Machine, rules: Rules) -> list[Settled]:
    """All passes, in the order they run."""
    found = [
        _operation(line, chosen, glued, placed.number, machine, rules)
        for placed in line.parts
        if placed.part.kind.searched and not chosen[placed.number].feeds_ple
    ]
    return sorted([*found, *_conversions(glued, machine, rules)], key=lambda each: each.after)


def _operation(
    line: Line, chosen: Sequence[Chosen], glued: Glued, number: int, machine: Machine, rules: Rules
) -> Settled:
    """The pass of a part, with the MCE part in front of it where that left its output to it."""
    part, plans, mce = line.parts[number].part, _plans(chosen[number]), chosen[number].mce
    front, front_plans = (part, plans) if mce is None else (line.parts[mce].part, _plans(chosen[mce]))
    read, reads = NOTHING, []
    for buffer in glued.ins[number]:
        source = buffer.made_by[0].source if buffer.maker is None else None
        reads.append(None if source is None else source.fmt)
        if source is not None:
            dram = source.shape if buffer.made_by[0].plain else None
            read = _sum(read, moved_in(front, machine, front_plans, source.fmt, rules, settled=True, dram=dram))
    written, writes = _stored(part, machine, plans, glued.outs[number], rules)
    mac, vector = mce_bound(front, machine, front_plans, rules), ple_bound(part, machine, plans, rules)
    weights = moved_weights(front, machine, front_plans)
    bounds = _bounds(machine, read, weights, written) | {"mac": _number(mac), "vector": _number(vector)}
    numbers = (number,) if mce is None else (mce, number)
    return Settled(numbers, number, bounds, _bytes(read), _bytes(weights), _bytes(written), tuple(reads), writes)


def _plans(mine: Chosen) -> Plans:
    assert mine.plans is not None
    return mine.plans


def _stored(
    part: Part, machine: Machine, plans: Plans, buffer: Buffer | None, rules: Rules
) -> tuple[Transfer, tuple[Format, ...]]:
    """What a part stores. The vendor's estimator counts the last store alone where there are several (MODEL.md
    9.10)."""
    assert buffer is not None
    targets = [copy.target for copy in buffer.read_by]
    formats = tuple(Format(target.fmt) for target in targets if target.fmt is not None)
    written = NOTHING
    for target in targets[-1:] if rules.as_vendor else targets:
        written = _sum(written, moved_out(part, machine, plans, target.fmt, rules, dram=target.shape))
    return written, formats


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
    source, target = load.source, store.target
    read = input_transfer(
        machine,
        tile.shape,
        tile.stripe,
        one,
        (0, 0),
        one,
        np.zeros(1, np.bool_),
        source.fmt,
        rules.saving,
        source.shape,
    )
    written = output_transfer(machine, tile.shape, tile.stripe, one, target.fmt, rules.saving, target.shape)
    assert source.fmt is not None
    assert target.fmt is not None
    bounds = _bounds(machine, read, NOTHING, written)
    return Settled((), number, bounds, _bytes(read), 0, _bytes(written), (source.fmt,), (target.fmt,))


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
