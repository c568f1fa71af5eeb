"""Copies that can go: chains through DRAM that one transfer replaces (PLANNER.md section 13)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from npusim.targets.ethos_n.dram import ORIGIN, Buffer, Copy
from npusim.targets.ethos_n.glue import Glued
from npusim.targets.ethos_n.machine import Machine, Shape3

SHORTEST = 4  # buffers of a chain that can be replaced: SRAM, DRAM, SRAM, DRAM


class Chain:
    """Buffers with the copies between them, from first to last."""

    def __init__(self, buffers: list[Buffer], copies: list[Copy]) -> None:
        self.buffers, self.copies = buffers, copies

    def shorten(self) -> None:
        """Leaves the last two buffers out."""
        del self.buffers[-2:], self.copies[-2:]

    @property
    def offset(self) -> Shape3:
        total = [0, 0, 0]
        for copy in self.copies:
            total = [a + b for a, b in zip(total, copy.offset, strict=True)]
        return total[0], total[1], total[2]


def remove_redundant(glued: Glued, machine: Machine) -> None:
    """Both halves: chains that start in SRAM and end in DRAM, then those that start in DRAM and end in SRAM."""
    _downwards(glued, machine)
    _upwards(glued, machine)


def _downwards(glued: Glued, machine: Machine) -> None:
    """From each SRAM buffer while a single copy reads each: what ends in a part of a tensor too (concatenations)."""
    chains: list[Chain] = []
    visited: set[int] = set()
    for buffer in in_order(glued):
        if id(buffer) in visited or buffer.in_dram:
            continue
        chain = _follow(buffer, _only_reader, lambda copy: copy.target, into_part=True)
        if len(chain.buffers) > 1:
            chains.append(chain)
        visited.update(id(each) for each in chain.buffers)
    _validate(chains, machine)
    for chain in chains:
        first, last, offset = chain.copies[0], chain.buffers[-1], chain.offset
        chain.buffers[1].made_by.remove(first)
        first.target, first.offset = last, offset
        last.made_by.append(first)
        _prune_down(chain.buffers[1])


def _validate(chains: list[Chain], machine: Machine) -> None:
    """Shortens chains until their ends fit; what one loses, all that end in the same buffer lose, and all are looked at
    again."""
    at = len(chains) - 1
    while at >= 0:
        chain, again = chains[at], False
        while len(chain.buffers) >= SHORTEST and not _ends_fit(chain, machine):
            lost = chain.buffers[-1]
            for other in chains:
                if other is chain or (len(other.buffers) >= 2 and other.buffers[-1] is lost):
                    other.shorten()
            again = True
        if len(chain.buffers) < SHORTEST:
            del chains[at]
        at = len(chains) - 1 if again else at - 1


def _ends_fit(chain: Chain, machine: Machine) -> bool:
    first, last = chain.buffers[0], chain.buffers[-1]
    assert last.fmt is not None
    return first.accepts(machine, last.fmt, last.shape, chain.offset)


def _upwards(glued: Glued, machine: Machine) -> None:
    """The same from SRAM buffers up to where their data comes from."""
    visited: set[int] = set()
    chains = []
    for buffer in reversed(in_order(glued)):
        if id(buffer) in visited or buffer.in_dram:
            continue
        chain = _follow(buffer, _only_maker, lambda copy: copy.source, into_part=False)
        chain = Chain(chain.buffers[::-1], chain.copies[::-1])
        chains.append(chain)
        visited.update(id(each) for each in chain.buffers)
    for chain in chains:
        while len(chain.buffers) >= SHORTEST:
            first, last, offset = chain.buffers[0], chain.buffers[-1], chain.offset
            assert first.fmt is not None
            if not last.accepts(machine, first.fmt, first.shape, offset):
                chain.shorten()
                continue
            copy, before = chain.copies[-1], chain.buffers[-2]
            before.read_by.remove(copy)
            copy.source, copy.offset = first, offset
            first.read_by.append(copy)
            _prune_up(before)
            break


def _follow(
    start: Buffer, step: Callable[[Buffer], Copy | None], end: Callable[[Copy], Buffer], *, into_part: bool
) -> Chain:
    """Walks along copies that keep the data's meaning; a part of a tensor and another shape do not mix in one chain."""
    buffers, copies, buffer = [start], [], start
    piece = reshaped = False
    while True:
        copy = step(buffer)
        if copy is None or not copy.plain:
            break
        same_count = _elements(copy.source) == _elements(copy.target)
        here = copy.offset != ORIGIN or not same_count
        if here and copy.source.in_dram == into_part:
            break
        piece, reshaped = piece or here, reshaped or (same_count and copy.source.shape != copy.target.shape)
        if piece and reshaped:
            break
        buffer = end(copy)
        buffers.append(buffer)
        copies.append(copy)
    if len(buffers) > 1 and not buffers[-1].in_dram:
        del buffers[-1], copies[-1]
    return Chain(buffers, copies)


def _only_reader(buffer: Buffer) -> Copy | None:
    return buffer.read_by[0] if len(buffer.read_by) == 1 and not buffer.users else None


def _only_maker(buffer: Buffer) -> Copy | None:
    return buffer.made_by[0] if len(buffer.made_by) == 1 and buffer.maker is None else None


def _elements(buffer: Buffer) -> int:
    height, width, depth = buffer.shape
    return height * width * depth


def _prune_down(buffer: Buffer) -> None:
    """Removes a buffer that nothing fills any more, and what only it filled."""
    while not buffer.made_by and buffer.maker is None:
        if len(buffer.read_by) != 1:
            return
        copy = buffer.read_by.pop()
        buffer = copy.target
        buffer.made_by.remove(copy)


def _prune_up(buffer: Buffer) -> None:
    """Removes a buffer that nothing reads any more, and what only filled it."""
    while not buffer.read_by and not buffer.users and len(buffer.made_by) == 1:
        copy = buffer.made_by.pop()
        buffer = copy.source
        buffer.read_by.remove(copy)


def in_order(glued: Glued) -> list[Buffer]:
    """Buffers from the network's inputs to its outputs: depth first from those that nothing reads."""
    found: list[Buffer] = []
    done: set[int] = set()
    for end in ends(glued):
        stack = [(end, 0)]
        while stack:
            buffer, at = stack.pop()
            if id(buffer) in done:
                continue
            before = _sources(glued, buffer)
            if at < len(before):
                stack += [(buffer, at + 1), (before[at], 0)]
            else:
                done.add(id(buffer))
                found.append(buffer)
    return found


def ends(glued: Glued) -> list[Buffer]:
    """Buffers that nothing reads, each once, in the order of the parts."""
    all_of = [buffer for buffers in glued.ins for buffer in buffers] + [
        buffer for buffer in glued.outs if buffer is not None
    ]
    unique = {id(buffer): buffer for buffer in all_of}
    return [buffer for buffer in unique.values() if not buffer.read_by and not buffer.users]


def _sources(glued: Glued, buffer: Buffer) -> Sequence[Buffer]:
    if buffer.maker is None:
        return [copy.source for copy in buffer.made_by]
    return glued.ins[buffer.maker]
