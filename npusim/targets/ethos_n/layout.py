"""The order in which the encoder stores the weights of an output channel, and where it pads them with zeros (MODEL.md
section 6)."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from npusim.targets.ethos_n.machine import Machine, ceil_div, round_up
from npusim.targets.ethos_n.parts import Kind, Part

Mask = np.ndarray[Any, np.dtype[np.bool_]]  # one entry a stored weight: whether it is a weight of the network


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


def stored_mask(machine: Machine, part: Part, channels: int, winograd: bool) -> Mask:
    """What is stored for one output channel of a stripe of ``channels`` (interleaved) input channels."""
    zero_runs = part.weights.zero_runs if part.weights is not None else ()
    if part.kind is Kind.FC:
        return _connected(machine, part.channels, channels)
    if part.is_depthwise:
        return np.ones(part.kernel[0] * part.kernel[1], np.bool_)
    here = min(channels // part.stride**2, part.channels)
    if winograd:
        return _winograd(machine.winograd.sub_kernel, part.kernel, here, zero_runs)
    if part.stride > 1:
        return _strided(machine.igs, part.kernel, part.pads, here)
    return _direct(machine, part.kernel, here, zero_runs)


def _alive(channels: int, zero_runs: tuple[tuple[int, int], ...]) -> Mask:
    """Input channels that have weights: all but runs (first channel, length) that padding brings in."""
    alive = np.ones(channels, np.bool_)
    for first, length in zero_runs:
        alive[first : first + length] = False
    return alive


def _direct(machine: Machine, kernel: tuple[int, int], channels: int, zero_runs: tuple[tuple[int, int], ...]) -> Mask:
    """Slices of as many input channels as the engine takes at once; in each, all channels of one position after
    another.

    Kernels wider than the engine's largest are cut into sub-kernels, row by row, padded to whole ones.
    """
    step = machine.winograd.sub_kernel
    wide = max(kernel) > machine.coding.max_direct_side
    alive = _alive(channels, zero_runs)
    slices = [alive[first : first + machine.igs] for first in range(0, channels, machine.igs)]
    if not wide:
        return np.concatenate([np.tile(piece, kernel[0] * kernel[1]) for piece in slices])
    parts = [np.outer(positions.ravel(), piece).ravel() for positions in _pieces(kernel, step) for piece in slices]
    return np.concatenate(parts)


@lru_cache(512)
def _winograd(step: int, kernel: tuple[int, int], channels: int, zero_runs: tuple[tuple[int, int], ...]) -> Mask:
    """Sub-kernel after sub-kernel; in each, the positions of one channel after another."""
    alive = _alive(channels, zero_runs)
    return np.concatenate([np.outer(alive, positions.ravel()).ravel() for positions in _pieces(kernel, step)])


@lru_cache(64)
def _pieces(kernel: tuple[int, int], step: int) -> tuple[Mask, ...]:
    """The sub-kernels of a kernel, row by row, with True where the kernel has a weight."""
    high, wide = (1 if side == 1 else step for side in kernel)
    grid = np.zeros((round_up(kernel[0], high), round_up(kernel[1], wide)), np.bool_)
    grid[: kernel[0], : kernel[1]] = True
    return tuple(
        grid[row : row + high, column : column + wide]
        for row in range(0, grid.shape[0], high)
        for column in range(0, grid.shape[1], wide)
    )


@lru_cache(512)
def _strided(igs: int, kernel: tuple[int, int], pads: tuple[int, int, int, int], channels: int) -> Mask:
    """Stride 2: four sub-maps a slice of channels, each a kernel of its own, padded to a whole slice but for the
    last."""
    sides = [_submap_sides(kernel[0], pads[0]), _submap_sides(kernel[1], pads[2])]
    counts = [max(1, rows * columns) for rows in sides[0] for columns in sides[1]]
    empty = [not rows * columns for rows in sides[0] for columns in sides[1]]
    pieces: list[Mask] = []
    for first in range(0, channels, igs):
        here = min(igs, channels - first)
        for index, positions in enumerate(counts):
            size = here if index == len(counts) - 1 else igs
            piece = np.zeros(size, np.bool_)
            piece[:here] = not empty[index]
            pieces.append(np.tile(piece, positions))
    return np.concatenate(pieces)


def _submap_sides(side: int, pad: int) -> tuple[int, int]:
    """Positions of a side of the kernel that fall on even and odd inputs, by the padding's parity."""
    even, odd = ceil_div(side, 2), side // 2
    return (even, odd) if pad % 2 == 0 else (odd, even)


def _connected(machine: Machine, inputs: int, stored: int) -> Mask:
    """Fully connected: inputs padded to whole bricks, each stored position by position over the banks of the SRAM."""
    patch = machine.patch_height * machine.patch_width
    brick = prod(machine.brick)
    quarter = patch * machine.banks
    index = np.arange(stored)
    quarters, inside = index % brick // quarter, index % quarter
    order = (quarters % 4) * (brick // quarter // 4) + quarters // 4
    raw = index // brick * brick + order * quarter + (inside % machine.banks) * patch + inside // machine.banks
    return np.asarray(raw < inputs, np.bool_)
