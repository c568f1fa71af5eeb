"""The order in which the encoder stores the weights of an output channel, and where it pads them with zeros (MODEL.md
section 6).

An order has an entry a stored weight: its place among the channel's own weights, which lie position by position of the
kernel, row by row, with the input channels of each together; PADDING where a zero is stored that the network does not
have.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from npusim.targets.ethos_n.machine import Machine, ceil_div, round_up
from npusim.targets.ethos_n.parts import Kind, Part

Order = np.ndarray[Any, np.dtype[np.int64]]
PADDING = -1


def plain_count(machine: Machine, part: Part, channels: int, winograd: bool) -> int:
    """Weights stored for one output channel where no padding comes between them; 0 where some does."""
    zero_runs = part.weights.zero_runs if part.weights is not None else ()
    high, wide = part.kernel
    if part.is_depthwise:
        return high * wide
    if part.kind is Kind.FC or zero_runs:
        return 0
    here = min(channels // part.stride**2, part.channels)
    step = machine.winograd.sub_kernel
    if winograd or max(high, wide) > machine.coding.max_direct_side:
        return 0 if any(side != 1 and side % step for side in part.kernel) else high * wide * here
    if part.stride > 1 and (min(high, wide) == 1 or here % machine.igs):
        return 0
    return high * wide * here


def input_stripes(part: Part, channels: int) -> int:
    """Into how many stripes of that many (interleaved) input channels the weights of an output channel are cut."""
    if part.is_depthwise:
        return 1
    return int(ceil_div(prod(part.mce_in) if part.kind is Kind.FC else part.mce_in[2], channels))


def stored_order(machine: Machine, part: Part, channels: int, winograd: bool, stripe: int = 0) -> Order:
    """What is stored for one output channel in a stripe of ``channels`` (interleaved) input channels: the first one, or
    another."""
    if part.is_depthwise:
        return _depthwise(part)
    own = _own_channels(part.channels, part.weights.zero_runs if part.weights is not None else ())
    if part.kind is Kind.FC:
        return _connected(machine, own, channels, stripe)
    per_stripe = channels // part.stride**2
    count = int(np.count_nonzero(own != PADDING))
    here = own[stripe * per_stripe : (stripe + 1) * per_stripe]
    if winograd:
        pieces = _pieces(part.kernel, machine.winograd.sub_kernel)
        return np.concatenate([_places(positions, here, count).T.ravel() for positions in pieces])
    if part.stride > 1:
        return _strided(machine.igs, part.kernel, part.pads, here, count)
    return _direct(machine, part.kernel, here, count)


def _own_channels(channels: int, zero_runs: tuple[tuple[int, int], ...]) -> Order:
    """The network's own channel that each input channel is; PADDING in runs (first channel, length) that padding
    brings in."""
    alive = np.ones(channels, np.bool_)
    for first, length in zero_runs:
        alive[first : first + length] = False
    return np.where(alive, np.cumsum(alive) - 1, PADDING)


def _places(positions: Order, channels: Order, count: int) -> Order:
    """Places of each channel (columns) at each position of the kernel (rows)."""
    padded = (positions == PADDING)[:, None] | (channels == PADDING)
    return np.where(padded, PADDING, positions[:, None] * count + channels)


def _direct(machine: Machine, kernel: tuple[int, int], channels: Order, count: int) -> Order:
    """Slices of as many input channels as the engine takes at once; in each, all channels of one position after
    another.

    Kernels wider than the engine's largest are cut into sub-kernels, row by row, padded to whole ones.
    """
    wide = max(kernel) > machine.coding.max_direct_side
    pieces = _pieces(kernel, machine.winograd.sub_kernel) if wide else (np.arange(prod(kernel)),)
    slices = [channels[first : first + machine.igs] for first in range(0, len(channels), machine.igs)]
    return np.concatenate([_places(positions, piece, count).ravel() for positions in pieces for piece in slices])


@lru_cache(64)
def _pieces(kernel: tuple[int, int], step: int) -> tuple[Order, ...]:
    """The sub-kernels of a kernel, row by row: the kernel's positions in each, PADDING beyond it."""
    high, wide = (1 if side == 1 else step for side in kernel)
    grid = np.full((round_up(kernel[0], high), round_up(kernel[1], wide)), PADDING)
    grid[: kernel[0], : kernel[1]] = np.arange(prod(kernel)).reshape(kernel)
    return tuple(
        grid[row : row + high, column : column + wide].ravel()
        for row in range(0, grid.shape[0], high)
        for column in range(0, grid.shape[1], wide)
    )


def _strided(
    igs: int, kernel: tuple[int, int], pads: tuple[int, int, int, int], channels: Order, count: int
) -> Order:  # fmt: skip
    """Stride 2: four sub-maps a slice of channels, each a kernel of its own, padded to a whole slice but for the
    last."""
    maps = _sub_maps(kernel, pads)
    pieces = []
    for first in range(0, len(channels), igs):
        here = channels[first : first + igs]
        whole = np.concatenate([here, np.full(igs - len(here), PADDING)])
        pieces += [_places(positions, whole, count).ravel() for positions in maps[:-1]]
        pieces.append(_places(maps[-1], here, count).ravel())
    return np.concatenate(pieces)


def _sub_maps(kernel: tuple[int, int], pads: tuple[int, int, int, int]) -> list[Order]:
    """Positions of a kernel that fall on even and odd rows and columns of the input, by the padding's parity; one of
    padding for none."""
    grid = np.arange(prod(kernel)).reshape(kernel)
    found = [grid[(row + pads[0]) % 2 :: 2, (column + pads[2]) % 2 :: 2].ravel() for row in (0, 1) for column in (0, 1)]
    return [positions if len(positions) else np.array([PADDING]) for positions in found]


def _depthwise(part: Part) -> Order:
    """A channel's own kernel, row by row, or sub-map by sub-map."""
    if part.stride == 1:
        return np.arange(prod(part.kernel))
    maps = _sub_maps(part.kernel, part.pads)
    return np.concatenate([positions for positions in maps if positions[0] != PADDING])


def _connected(machine: Machine, inputs: Order, stored: int, stripe: int) -> Order:
    """Fully connected: inputs padded to whole bricks, each stored position by position over the banks of the SRAM."""
    patch = machine.patch_height * machine.patch_width
    brick = prod(machine.brick)
    quarter = patch * machine.banks
    index = np.arange(stored)
    quarters, inside = index % brick // quarter, index % quarter
    order = (quarters % 4) * (brick // quarter // 4) + quarters // 4
    raw = index // brick * brick + order * quarter + (inside % machine.banks) * patch + inside // machine.banks
    raw = raw + stripe * stored
    return np.where(raw < len(inputs), inputs[np.minimum(raw, len(inputs) - 1)], PADDING)
