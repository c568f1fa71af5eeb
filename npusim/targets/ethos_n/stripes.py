"""Helpers on stripes, and the families of stripes that a part may take (PLANNER.md sections 2 and 3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

from npusim.targets.ethos_n.costs import Box
from npusim.targets.ethos_n.machine import Block, Ints, Machine, Shape3, ceil_div, round_up
from npusim.targets.ethos_n.parts import Kind, Part, Ratio

Fit = Callable[[int], int]


class Split(NamedTuple):
    """One way to cut a part, before rounding; 0 stands for a whole axis.

    Attributes:
        block: width, height. in_*: the MCE input's stripe. out_depth: channels of the MCE output's stripe.
        by_base: whether the outputs' channels are rounded to the engine's base rather than to a brick.
        whole_ple: the PLE sees, and memory holds, the whole tensor. whole_memory: memory holds it.
        low: to be tried only where nothing else fits.
    """

    block: Block
    in_height: int
    in_width: int
    in_depth: int
    out_depth: int
    by_base: bool = False
    whole_ple: bool = False
    whole_memory: bool = False
    low: bool = False


def inclusive(size: int, base: int) -> list[int]:
    """Incl (section 2): base, 2 base, 4 base, .. ending with the first multiple that covers the size."""
    last = ceil_div(size, base)
    return [base * m for m in _powers(last)] + [base * last]


def exclusive(size: int, base: int) -> list[int]:
    """Excl (section 2): base times the powers of two that stay below the size."""
    return [base * m for m in _powers(ceil_div(size, base))]


def _powers(limit: int) -> Iterator[int]:
    power = 1
    while power < limit:
        yield power
        power *= 2


def scaled(entry: Ints, ratio: Ratio) -> Ints:
    """An entry times a multiplier, floored; 0 (whole) stays 0."""
    return entry * ratio[0] // ratio[1]


def stripe(tensor: Shape3, entry: Box, channel_multiple: Ints, machine: Machine) -> Box:
    """Stripe (section 2): each axis taken, capped at the tensor, rounded up to a brick and to ``channel_multiple``."""
    height, width, depth = (
        np.minimum(np.where(np.equal(entry[axis], 0), tensor[axis], entry[axis]), tensor[axis]) for axis in range(3)
    )
    return (
        round_up(height, machine.brick[0]),
        round_up(width, machine.brick[1]),
        round_up(depth, channel_multiple),
    )


def base_channels(part: Part, machine: Machine) -> int:
    """base (section 3): output channels that the engine makes at once."""
    return machine.banks if part.is_depthwise else machine.ogs


def brick_channels(part: Part, machine: Machine) -> int:
    """r (section 3): what channels of a stripe are rounded to."""
    return min(machine.brick[2], base_channels(part, machine))


def allowed_blocks(part: Part, machine: Machine) -> list[Block]:
    """Blocks for which the part's program exists, in the compiler's order (section 2)."""
    available = machine.programs[part.program].multipliers
    return [block for block in machine.blocks if block in available]


def splits(part: Part, machine: Machine, *, lonely: bool) -> list[Split]:
    """All ways to cut an MCE or fused part: families F1 to F12 for each block (section 3)."""
    if part.program == "max_pool_3x3" and not lonely:  # section 3, restrictions
        return [Split(block, 0, 0, 0, 0) for block in allowed_blocks(part, machine)]
    found: list[Split] = []
    for block in allowed_blocks(part, machine):
        found += _spatial(part, machine, block, lonely=lonely)
        by_depth = _depthwise if part.is_depthwise else _by_output_depth
        found += by_depth(part, machine, block, lonely=lonely)
        found.append(Split(block, 0, 0, 0, 0))  # F12
    return found


def _bases(part: Part, machine: Machine, block: Block) -> tuple[int, int, int]:
    """bh, bw, bc (section 3): the least that a stripe of the MCE's input is a multiple of."""
    sizes = []
    for axis, side in ((0, block[1]), (1, block[0])):
        up, down = part.mce_scale[axis]
        ple_up, ple_down = part.ple_scale[axis]
        granule = machine.brick[axis]
        sizes.append(max(side * down // up, granule * down * ple_down // (up * ple_up), granule))
    up, down = part.mce_scale[2]
    return sizes[0], sizes[1], base_channels(part, machine) * down // up


def _spatial(part: Part, machine: Machine, block: Block, *, lonely: bool) -> Iterator[Split]:
    """F1 height, F2 the same with the whole output in memory, F3 width, F4 height and width."""
    tensor = part.mce_in
    bh, bw, _ = _bases(part, machine, block)
    fit_h, fit_w = _fits(part, block)
    grows = enlarges(part)
    for height in map(fit_h, exclusive(tensor[0], bh)):
        if height:
            yield Split(block, height, 0, 0, 0)
            yield Split(block, height, 0, 0, 0, whole_memory=not grows)
    for width in map(fit_w, exclusive(tensor[1], bw)):
        if width:
            yield Split(block, 0, width, 0, 0)
    if lonely:
        for height, width in _grid(part, machine, block):
            yield Split(block, height, width, 0, 0)


def _grid(part: Part, machine: Machine, block: Block) -> list[tuple[int, int]]:
    """Heights and widths, up to the whole tensor, of the lonely families."""
    bh, bw, _ = _bases(part, machine, block)
    fit_h, fit_w = _fits(part, block)
    widths = [w for w in map(fit_w, inclusive(part.mce_in[1], bw)) if w]
    return [(h, w) for h in map(fit_h, inclusive(part.mce_in[0], bh)) if h for w in widths]


def _depthwise(part: Part, machine: Machine, block: Block, *, lonely: bool) -> Iterator[Split]:
    """F5 depth, F6 height, width and depth, F7 depth with the whole output in memory."""
    _, _, bc = _bases(part, machine, block)
    ratio = part.mce_scale[2]
    depths = exclusive(part.mce_in[2], bc)
    for depth in depths:
        if lonely:
            yield Split(block, 0, 0, depth, scaled(depth, ratio), by_base=True)
        yield Split(block, 0, 0, depth, scaled(depth, ratio), by_base=True, whole_ple=True)
    if lonely:
        for height, width in _grid(part, machine, block):
            for depth in inclusive(part.mce_in[2], bc):
                yield Split(block, height, width, depth, scaled(depth, ratio), by_base=True)


def _by_output_depth(part: Part, machine: Machine, block: Block, *, lonely: bool) -> Iterator[Split]:
    """F8 output depth, F9 height, width and output depth, F10 input depth, F11 output depth with the whole output in
    memory."""
    base = base_channels(part, machine)
    for depth in exclusive(part.mce_out[2], base):
        if lonely:
            yield Split(block, 0, 0, 0, depth, by_base=True)
        yield Split(block, 0, 0, 0, depth, by_base=True, whole_ple=True)
    if not lonely:
        return
    for height, width in _grid(part, machine, block):
        yield Split(block, height, width, 0, base, by_base=True)
    bh, bw, bc = _bases(part, machine, block)
    up_h, up_w, _ = part.mce_scale
    if (scaled(bh, up_h), scaled(bw, up_w)) == (block[1], block[0]):  # accumulation holds one block
        for depth in exclusive(part.mce_in[2], bc):
            yield Split(block, bh, bw, depth, base, by_base=True, low=True)


# --- padding that makes the output larger than the input -------------------------------------------------------------


def enlarges(part: Part) -> bool:
    """Whether padding makes the output larger than the (upscaled) input along a padded axis (section 3)."""
    if part.kind is not Kind.MCE:
        return False
    top, bottom, left, right = part.pads
    grown = [part.out[axis] > part.mce_in[axis] * part.upscale for axis in (0, 1)]
    return (top + bottom > 0 and grown[0]) or (left + right > 0 and grown[1])


def _fits(part: Part, block: Block) -> tuple[Fit, Fit]:
    """For height and for width, what makes a stripe's size fit the padding."""
    top, bottom, left, right = part.pads if enlarges(part) else (0, 0, 0, 0)
    return (
        partial(_with_room, part.mce_in[0], top + bottom, block[1]),
        partial(_with_room, part.mce_in[1], left + right, block[0]),
    )


def _with_room(size: int, padding: int, step: int, entry: int) -> int:
    """A stripe's size, grown by blocks until its last stripe has room for the padding; 0 where it would double."""
    wanted = entry
    while -size % wanted < padding:
        wanted += step
        if wanted >= 2 * entry:
            return 0
    return wanted
