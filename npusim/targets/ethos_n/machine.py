"""The machine as the rules of this target read it: one flat value, in the words of MODEL.md section 1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

Shape3 = tuple[int, int, int]  # height, width, channels
Block = tuple[int, int]  # width, height
Ints = Any  # an int, or an int64 array with an entry a candidate: the rules are element-wise and take either
Floats = Any  # the same in float64


class Program(msgspec.Struct, frozen=True):
    """A program of the vector unit (PLE).

    Attributes:
        patch_cycles: cycles a patch. stripe_cycles: what each output stripe costs beside. vendor_*: the vendor's own
            figures.
        multipliers: block multipliers that exist, upward, by block; empty where the program works on whole patches.
        counts_blocks: whether blocks cost something beside their patches, and the input is rounded up to them.
    """

    patch_cycles: float
    stripe_cycles: float
    vendor_patch_cycles: float
    vendor_stripe_cycles: float
    multipliers: Mapping[Block, tuple[int, ...]]
    counts_blocks: bool


class Winograd(msgspec.Struct, frozen=True):
    """The fast convolution: outputs an axis of a tile, taps an axis of a sub-kernel, and the largest blocks that it may
    make."""

    output_2d: int
    output_1d: int
    sub_kernel: int
    macs_per_tile: int
    transform_cycles: float
    max_block_2d: int
    max_block_1d: int
    upsampled: bool  # whether it runs where the MCE stuffs its input with zeros; the hardware's does not


class Coding(msgspec.Struct, frozen=True):
    """What a weight stream holds (MODEL.md section 6, PLANNER.md section 14).

    Attributes:
        first_channel_bits, next_channel_bits: what precedes the weights of the first channel of a stream, and of each
            further one.
        weight_bits: a weight stored raw. narrow_bits: the fewest bits that a symbol takes raw.
        codec_bits: parameters of the codec, repeated where a channel's differ from the last one's.
        palette_bits: what announces a palette, which is repeated likewise.
        max_run_exponent, max_weight_exponent: of the codes of runs of zeros and of weights. max_quotient: of the
            latter.
        max_palette: entries. max_offset: what may be taken from every symbol. max_symbol: that can be written.
        max_channel_weights: the most that one output channel may have.
        max_direct_side: kernels with a longer side are stored as sub-kernels.
        worst_weight_bits, worst_channel_bytes: what the compiler's worst case takes.
    """

    first_channel_bits: int
    next_channel_bits: int
    weight_bits: int
    narrow_bits: int
    codec_bits: int
    palette_bits: int
    max_run_exponent: int
    max_weight_exponent: int
    max_quotient: int
    max_palette: int
    max_offset: int
    max_symbol: int
    max_channel_weights: int
    max_direct_side: int
    stream_multiple_bytes: int
    worst_weight_bits: int
    worst_channel_bytes: int


class Machine(msgspec.Struct, frozen=True):
    """An Ethos-N.

    Attributes:
        banks: of the SRAM. sram_granule_bytes: what a bank's share of a buffer is rounded up to.
        igs, ogs: input and output channels that the MAC engine (MCE) takes at once. dws: those of a depthwise
            convolution.
        unroll_height, unroll_width: outputs of a channel at once.
        ple_channels: channels that the vector unit (PLE) takes at once, over a patch of patch_height x patch_width.
        code_bytes: what a program of the PLE takes in each bank of the SRAM.
        brick, deep_cell, wide_cell: granules of the formats in DRAM. fcaf: whether the compressed formats exist.
        wide_growth: a tile's width is rounded to a cell of the wide format if it grows by less.
        packed_*: rows and columns of a neighbour that a stripe carries; of columns more while the wide format is
            possible.
        blocks: shapes in which outputs leave the MCE, in the order in which the compiler tries them.
        block_cycles, call_cycles: of the PLE, for each block and for each group of blocks.
    """

    banks: int
    sram_bytes: int
    sram_granule_bytes: int
    igs: int
    ogs: int
    dws: int
    unroll_height: int
    unroll_width: int
    ple_channels: int
    patch_height: int
    patch_width: int
    code_bytes: int
    brick: Shape3
    deep_cell: Shape3
    wide_cell: Shape3
    wide_growth: float
    fcaf: bool
    packed_rows: int
    packed_columns: int
    packed_columns_wide: int
    blocks: tuple[Block, ...]
    programs: Mapping[str, Program]
    block_cycles: float
    call_cycles: float
    winograd: Winograd
    coding: Coding
    kernel_sides: tuple[int, ...]
    max_stride: int
    max_strided_side: int
    max_upsampled_side: int
    upsample_factor: int
    max_pool_width: int
    mean_sides: tuple[int, ...]
    read_bytes_per_cycle: float
    write_bytes_per_cycle: float
    duplex: bool
    dma_stripe_cycles: float
    dma_min_cycles: float
    mce_stripe_cycles: float
    mce_min_cycles: float
    ple_min_cycles: float

    @property
    def bank_bytes(self) -> int:
        return self.sram_bytes // self.banks


def ceil_div(value: Ints, step: Ints) -> Ints:
    return -(-value // step)


def round_up(value: Ints, multiple: Ints) -> Ints:
    return -(-value // multiple) * multiple


def smallest(*values: Ints) -> Ints:
    """Element-wise least, of ints or of arrays."""
    least = values[0]
    for value in values[1:]:
        least = np.minimum(least, value)
    return least
