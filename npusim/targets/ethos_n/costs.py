"""What a pass costs once its plan is chosen (PLANNER.md section 8): element-wise functions of ints or of arrays of
candidates.

Tensors and stripes are triples (height, width, channels) whose entries are ints or arrays; one byte an element.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

from npusim.targets.ethos_n.machine import Floats, Ints, Machine, ceil_div, round_up, smallest

Box = tuple[Ints, Ints, Ints]  # height, width, channels


class Format(IntEnum):
    """How a tensor lies in DRAM; in the order in which the compiler prefers a copy that is there already (section
    13)."""

    NHWC = 0
    NHWCB = 1
    DEEP = 2  # compressed, cells of 8x8x32
    WIDE = 3  # compressed, cells of 8x16x16


class Transfer(NamedTuple):
    """Bytes that overlap with other work, bytes that do not, and how many DMA stripes they come in, reloads
    included."""

    parallel_bytes: Ints
    serial_bytes: Ints
    stripes: Ints


NOTHING = Transfer(0, 0, 0)


class Time(NamedTuple):
    """Cycles of a transfer: the share that overlaps, and the rest."""

    parallel: Floats
    serial: Floats


def stripes_in(tensor: Box, stripe: Box) -> Ints:
    """How many stripes cover the tensor."""
    count = ceil_div(tensor[0], stripe[0])
    return count * ceil_div(tensor[1], stripe[1]) * ceil_div(tensor[2], stripe[2])


def split(tensor: Box, stripe: Box) -> tuple[Any, Any, Any]:
    """Whether the tensor takes more than one stripe, along each axis."""
    return stripe[0] < tensor[0], stripe[1] < tensor[1], stripe[2] < tensor[2]


# --- DRAM -----------------------------------------------------------------------------------------------------------


def input_transfer(
    machine: Machine, tensor: Box, stripe: Box, slots: Ints, pack: tuple[Ints, Ints], loads: Ints, edge: Any, fmt: Any,
    saving: float, dram: Box | None = None,
) -> Transfer:  # fmt: skip
    """Bytes of one input (section 8, Input).

    Args:
        pack: rows of packed boundary data above and below together, columns left and right together.
        loads: how often the tensor is read.
        edge: whether a neighbour's data is needed along a split axis.
        fmt: Format of the DRAM buffer, an int or an array. saving: what its compression saves.
        dram: shape of the DRAM buffer where the tensor is a piece of it (concatenation).
    """
    rows, columns = _granule(machine, fmt)
    extra_h = pack[0] * ((tensor[0] - 1) // stripe[0])
    extra_w = pack[1] * ((tensor[1] - 1) // stripe[1])
    total = loads * round_up(tensor[0] + extra_h, rows) * round_up(tensor[1] + extra_w, columns) * tensor[2]
    ahead = np.where(edge, 2, 1)
    first = smallest(_one_stripe(tensor, stripe, rows, columns) * ahead, total)
    serial = np.where(slots >= 2 * ahead, first, total)
    count = stripes_in(tensor, stripe) * loads
    count = count * _chunks(machine, dram or tensor, stripe, fmt, output=False)
    return _saved(total - serial, serial, count, fmt, saving)


def output_transfer(
    machine: Machine, tensor: Box, stripe: Box, slots: Ints, fmt: Any, saving: float, dram: Box | None = None
) -> Transfer:
    """Bytes of the output (section 8, Output); arguments as of ``input_transfer``."""
    rows, columns = _granule(machine, fmt)
    total = round_up(tensor[0], rows) * round_up(tensor[1], columns) * tensor[2]
    serial = np.where(slots >= 2, smallest(_one_stripe(tensor, stripe, rows, columns), total), total)
    count = stripes_in(tensor, stripe) * _chunks(machine, dram or tensor, stripe, fmt, output=True)
    return _saved(total - serial, serial, count, fmt, saving)


def _granule(machine: Machine, fmt: Any) -> tuple[Ints, Ints]:
    linear = fmt == Format.NHWC
    return np.where(linear, 1, machine.brick[0]), np.where(linear, 1, machine.brick[1])


def _one_stripe(tensor: Box, stripe: Box, rows: Ints, columns: Ints) -> Ints:
    height = round_up(smallest(stripe[0], tensor[0]), rows)
    return height * round_up(smallest(stripe[1], tensor[1]), columns) * smallest(stripe[2], tensor[2])


def _chunks(machine: Machine, dram: Box, stripe: Box, fmt: Any, *, output: bool) -> Ints:
    """DMA transfers that a stripe takes: one, but for bricks (NHWCB) that do not lie one after another in DRAM."""
    high, wide, deep = (ceil_div(stripe[axis], machine.brick[axis]) for axis in range(3))
    part_deep = deep < ceil_div(dram[2], machine.brick[2])
    if output:
        part_deep = part_deep & (deep != 1)  # the DMA strides over the others when it writes single bricks
    part_wide = wide < ceil_div(dram[1], machine.brick[1])
    count = np.where(part_deep, wide, 1) * np.where(part_deep | part_wide, high, 1)
    return np.where(fmt == Format.NHWCB, count, 1)


def _saved(parallel: Ints, serial: Ints, stripes: Ints, fmt: Any, saving: float) -> Transfer:
    """Compression saves a share of each part, in single precision, truncated (section 8, FCAF)."""
    if saving:
        keep, packed = np.float32(1) - np.float32(saving), fmt >= Format.DEEP
        parallel = np.where(packed, (np.float32(parallel) * keep).astype(np.int64), parallel)
        serial = np.where(packed, (np.float32(serial) * keep).astype(np.int64), serial)
    return Transfer(parallel, serial, stripes)


def weight_transfer(stream_bytes: Ints, slot_bytes: Ints, slots: Ints, stripes: Ints, reloads: Ints) -> Transfer:
    """Bytes of the weights (section 8, Weights): a stream of ``stripes`` pieces, read ``reloads`` + 1 times."""
    total = stream_bytes * (reloads + 1)
    serial = np.where(slots > 1, smallest(slot_bytes, total), total)
    return Transfer(total - serial, serial, stripes * (reloads + 1))


def weight_reloads(
    machine: Machine, tensor: Box, stripe: Box, out_channels: Ints, kernel: tuple[Ints, Ints], buffer_bytes: Ints
) -> Ints:
    """How often weights are read again: when the input is split in height and depth and a stripe's worth may not
    stay."""
    in_h, in_w, in_c = split(tensor, stripe)
    coding = machine.coding
    inputs = kernel[0] * kernel[1] * round_up(tensor[2], machine.igs)
    a_stream = ceil_div(out_channels, machine.ogs) * (
        (inputs * coding.worst_weight_bits + 7) // 8 + coding.worst_channel_bytes
    )
    worst = machine.ogs * round_up(a_stream, coding.stream_multiple_bytes)
    again = in_h & in_c & ~np.asarray(in_w) & (buffer_bytes < worst)
    return np.where(again, ceil_div(tensor[0], stripe[0]) * ceil_div(tensor[1], stripe[1]) - 1, 0)


def dma_time(machine: Machine, moved: Transfer, bytes_per_cycle: float) -> Time:
    """Cycles of a transfer, shared between its two parts by bytes (section 8, dma)."""
    stripes = moved.stripes
    total = moved.parallel_bytes + moved.serial_bytes
    cycles = np.maximum(total / bytes_per_cycle + machine.dma_stripe_cycles * stripes, machine.dma_min_cycles * stripes)
    parallel = cycles * (moved.parallel_bytes / np.maximum(total, 1))
    return Time(parallel, cycles - parallel)


# --- engines --------------------------------------------------------------------------------------------------------


def mce_direct_cycles(
    machine: Machine, out: Box, in_channels: Ints, kernel: tuple[Ints, Ints], depthwise: Any
) -> Floats:
    """MAC cycles of the direct algorithm (section 8); ``in_channels`` are those before a stride-2 interleave."""
    positions = round_up(out[0], machine.unroll_height) * round_up(out[1], machine.unroll_width)
    taps = kernel[0] * kernel[1] * positions / (machine.unroll_height * machine.unroll_width)
    dense = ceil_div(in_channels, machine.igs) * ceil_div(out[2], machine.ogs)
    return taps * np.where(depthwise, ceil_div(out[2], machine.dws), dense)


def mce_winograd_cycles(
    machine: Machine, out: Box, in_channels: Ints, kernel: tuple[Ints, Ints], block: tuple[Ints, Ints]
) -> Floats:
    """MAC cycles with Winograd, or the cycles of the weight transform where those are more (section 8)."""
    fast = machine.winograd
    kh, kw = kernel
    tile_w = np.where(kh == 1, fast.output_2d, np.where(kw == 1, fast.output_1d, fast.output_2d))
    tile_h = np.where(kh == 1, fast.output_1d, fast.output_2d)
    tiles = ceil_div(out[1], tile_w) * ceil_div(out[0], tile_h)
    parts = winograd_parts(machine, kh) * winograd_parts(machine, kw)
    groups = ceil_div(out[2], machine.ogs)
    macs = ceil_div(in_channels, machine.igs) * machine.igs * tiles * fast.macs_per_tile * parts
    multiply = macs / (machine.igs * machine.unroll_height * machine.unroll_width) * groups
    blocks = ceil_div(out[0], block[1]) * ceil_div(out[1], block[0])
    transform = groups * blocks * in_channels * parts * fast.transform_cycles
    return np.maximum(multiply, transform)


def winograd_parts(machine: Machine, side: Ints) -> Ints:
    """Sub-kernels along a side of the kernel."""
    return np.where(side == 1, 1, ceil_div(side, machine.winograd.sub_kernel))


def mce_time(machine: Machine, cycles: Floats, stripes: Ints) -> Floats:
    """What the MCE takes for a pass of that many stripes."""
    return np.maximum(cycles + machine.mce_stripe_cycles * stripes, machine.mce_min_cycles * stripes)


def ple_patches(machine: Machine, tensor: Box, block: tuple[Ints, Ints] | None) -> Ints:
    """Patches of the vector unit's input; ``block`` where the program rounds its input up to blocks (section 8)."""
    height = tensor[0] if block is None else round_up(tensor[0], block[1])
    width = tensor[1] if block is None else round_up(tensor[1], block[0])
    patches = ceil_div(height, machine.patch_height) * ceil_div(width, machine.patch_width)
    return patches * ceil_div(tensor[2], machine.ple_channels)


def ple_cycles(
    machine: Machine,
    program: str,
    tensor: Box,
    out: Box,
    block: tuple[Ints, Ints],
    multiplier: Ints,
    *,
    as_vendor: bool,
) -> Floats:
    """Cycles of the vector unit: of patches, and of blocks and calls where the program counts them (section 8)."""
    found = machine.programs[program]
    cost = found.vendor_patch_cycles if as_vendor else found.patch_cycles
    if not found.counts_blocks:
        return ple_patches(machine, tensor, None) * cost
    blocks = ceil_div(out[0], block[1]) * ceil_div(out[1], block[0]) * ceil_div(tensor[2], machine.ple_channels)
    patches = ple_patches(machine, tensor, block) * cost
    return patches + machine.block_cycles * blocks + machine.call_cycles * (blocks // multiplier)


def block_multiplier(machine: Machine, program: str, block: tuple[Ints, Ints], stripe_width: Ints) -> Ints:
    """Blocks that the program takes at once: the first that cover the stripe's width, else the most (section 8)."""
    chosen: Ints = np.ones(np.broadcast_shapes(np.shape(block[0]), np.shape(stripe_width)), np.int64)
    for (width, height), available in machine.programs[program].multipliers.items():
        here = (block[0] == width) & (block[1] == height)
        found: Ints = available[-1]
        for multiplier in available[-2::-1]:
            found = np.where(multiplier * width >= stripe_width, multiplier, found)
        chosen = np.where(here, found, chosen)
    return chosen


def ple_time(machine: Machine, program: str, cycles: Floats, stripes: Ints, *, as_vendor: bool) -> Floats:
    """What the vector unit takes for a pass of that many output stripes."""
    found = machine.programs[program]
    start = found.vendor_stripe_cycles if as_vendor else found.stripe_cycles
    return np.maximum(cycles + start * stripes, machine.ple_min_cycles * stripes)


def metric(ifm: Time, weights: Time, ofm: Time, mce: Floats, ple: Floats, *, duplex: bool = True) -> Floats:
    """Cycles of a pass: what nothing overlaps, and the longest of what overlaps (section 8).

    The order of the additions is the reference's: ties between candidates are common, and the first must win.
    """
    reads = ifm.parallel + weights.parallel
    memory = np.maximum(reads, ofm.parallel) if duplex else reads + ofm.parallel
    return ifm.serial + weights.serial + ofm.serial + np.maximum(memory, np.maximum(mce, ple))
