"""The numbers of an Ethos-N: the profile's own fields, and its table ``[ethos_n]`` for what only this family has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec

from npusim.errors import InputError
from npusim.profile import MAY_BE_ZERO, Bits, Bytes, Count, Cycles, HardwareProfile, Share
from npusim.profiles.load import extension
from npusim.targets.ethos_n.machine import Block, Coding, Machine, Program, Shape3, Winograd

FreeCycles = Annotated[float, "cycles", MAY_BE_ZERO]


class Engine(msgspec.Struct, frozen=True):
    """Where the profile's sizes come from: engines, times each of these. Shown; the products are what is computed
    with."""

    engines: Count
    ifm_groups: Count
    ofm_groups: Count
    emcs: Count
    ple_lanes: Count
    mac_units: Count
    accumulators: Count


class Mce(msgspec.Struct, frozen=True):
    """The MAC engine.

    Attributes:
        blocks: shapes in which outputs leave it, width x height, in the order in which the compiler tries them.
        winograd_accumulators_2d, winograd_accumulators_1d: accumulators that an output takes, by the kernel's long
            sides;
            a block must fit an OFM group's accumulators.
        strided_max_kernel: the longest side of a kernel with stride 2. direct_max_kernel: of one that is not cut into
            sub-kernels.
    """

    blocks: tuple[str, ...]
    winograd_accumulators_2d: Count
    winograd_accumulators_1d: Count
    strided_max_kernel: Count
    direct_max_kernel: Count


class Kernel(msgspec.Struct, frozen=True):
    """A program of the vector unit.

    Attributes:
        start_cycles: of each output stripe. block_costs: whether blocks and calls cost beside the patches.
        multipliers: block multipliers that exist, by block (width x height); none where the program works on patches.
        vendor_cycles_per_patch, vendor_start_cycles: what the vendor's estimator has instead, where that is not the
            same.
    """

    cycles_per_patch: Cycles
    start_cycles: Cycles
    block_costs: bool
    multipliers: Mapping[str, tuple[Count, ...]] = {}
    vendor_cycles_per_patch: FreeCycles | None = None
    vendor_start_cycles: FreeCycles | None = None


class Ple(msgspec.Struct, frozen=True):
    """The vector unit: its code's size, what blocks and calls cost, limits of its programs, the programs by name."""

    kernel_bytes_per_bank: Bytes
    block_cycles: Cycles
    call_cycles: Cycles
    max_pool_3x3_max_width: Count
    mean_sides: tuple[Count, ...]
    kernels: Mapping[str, Kernel]


class Formats(msgspec.Struct, frozen=True):
    """Granules of the formats in DRAM (height, width, channels), and when the compressed ones (FCAF) are used."""

    nhwcb_brick: tuple[Count, ...]
    fcaf_deep_cell: tuple[Count, ...]
    fcaf_wide_cell: tuple[Count, ...]
    fcaf_cell_bytes: Bytes
    fcaf_min_banks: Count
    fcaf_wide_growth: Share


class Boundary(msgspec.Struct, frozen=True):
    """Rows and columns that a stripe carries of each neighbour where it does not keep the neighbour itself."""

    height: Count
    width: Count
    width_fcaf_wide: Count


class Sram(msgspec.Struct, frozen=True):
    """Buffers are rounded to this times the banks, in each bank."""

    granule_bytes_per_bank: Bytes


class WeightCoding(msgspec.Struct, frozen=True):
    """What an encoded weight stream holds; see machine.Coding."""

    first_channel_bits: Bits
    further_channel_bits: Bits
    raw_bits: Bits
    narrow_bits: Bits
    codec_bits: Bits
    palette_bits: Bits
    zero_run_max_shift: Count
    weight_max_shift: Count
    max_quotient: Count
    max_palette: Count
    max_offset: Count
    max_symbol: Count
    max_channel_weights: Count
    stream_multiple_bytes: Bytes
    worst_bits_per_weight: Bits
    worst_channel_bytes: Bytes


class EthosN(msgspec.Struct, frozen=True):
    """The table ``[ethos_n]`` of a profile."""

    engine: Engine
    mce: Mce
    ple: Ple
    formats: Formats
    boundary: Boundary
    sram: Sram
    weights: WeightCoding


def machine(profile: HardwareProfile) -> Machine:
    """The machine that a profile describes.

    Raises:
        InputError: bad-profile, where the table ``[ethos_n]`` or Winograd is missing or does not make sense.
    """
    own = extension(profile, "ethos_n", EthosN)
    mac, sram, dram, vector = profile.mac_array, profile.sram, profile.dram, profile.vector_unit
    return Machine(
        banks=sram.banks, sram_bytes=sram.size_bytes, sram_granule_bytes=own.sram.granule_bytes_per_bank * sram.banks,
        igs=mac.unroll_in_channels, ogs=mac.unroll_out_channels, dws=mac.depthwise_channels,
        unroll_height=mac.unroll_height, unroll_width=mac.unroll_width,
        ple_channels=vector.step_channels, patch_height=vector.step_height, patch_width=vector.step_width,
        code_bytes=own.ple.kernel_bytes_per_bank,
        brick=_shape(own.formats.nhwcb_brick, profile), deep_cell=_shape(own.formats.fcaf_deep_cell, profile),
        wide_cell=_shape(own.formats.fcaf_wide_cell, profile), wide_growth=own.formats.fcaf_wide_growth,
        fcaf=profile.compression.available and sram.banks >= own.formats.fcaf_min_banks,
        packed_rows=own.boundary.height, packed_columns=own.boundary.width,
        packed_columns_wide=own.boundary.width_fcaf_wide,
        blocks=tuple(_block(text, profile) for text in own.mce.blocks),
        programs={name: _program(kernel, profile) for name, kernel in own.ple.kernels.items()},
        block_cycles=own.ple.block_cycles, call_cycles=own.ple.call_cycles,
        winograd=_winograd(profile, own), coding=_coding(own),
        kernel_sides=mac.kernel_sides, max_stride=mac.max_stride, max_strided_side=own.mce.strided_max_kernel,
        max_upsampled_side=mac.upsample_max_kernel, upsample_factor=mac.upsample_factor,
        max_pool_width=own.ple.max_pool_3x3_max_width, mean_sides=own.ple.mean_sides,
        read_bytes_per_cycle=profile.dram_read_bytes_per_cycle,
        write_bytes_per_cycle=profile.dram_write_bytes_per_cycle,
        duplex=dram.duplex, dma_stripe_cycles=profile.dma.stripe_cycles, dma_min_cycles=profile.dma.stripe_min_cycles,
        mce_stripe_cycles=mac.stripe_cycles, mce_min_cycles=mac.stripe_min_cycles,
        ple_min_cycles=vector.stripe_min_cycles,
    )  # fmt: skip


def _winograd(profile: HardwareProfile, own: EthosN) -> Winograd:
    fast = profile.mac_array.winograd
    if fast is None:
        raise InputError(
            "an Ethos-N has Winograd, which this profile leaves out", code="bad-profile", where=profile.name,
            fix="add the table [mac_array.winograd]",
        )  # fmt: skip
    held = own.engine.accumulators
    return Winograd(
        output_2d=fast.output_tile_2d, output_1d=fast.output_tile_1d, sub_kernel=fast.sub_kernel,
        macs_per_tile=fast.macs_per_tile, transform_cycles=fast.transform_cycles,
        max_block_2d=held // own.mce.winograd_accumulators_2d, max_block_1d=held // own.mce.winograd_accumulators_1d,
        upsampled=fast.upsampled,
    )  # fmt: skip


def _coding(own: EthosN) -> Coding:
    bits = own.weights
    return Coding(
        first_channel_bits=int(bits.first_channel_bits), next_channel_bits=int(bits.further_channel_bits),
        weight_bits=int(bits.raw_bits), narrow_bits=int(bits.narrow_bits), codec_bits=int(bits.codec_bits),
        palette_bits=int(bits.palette_bits), max_run_exponent=bits.zero_run_max_shift,
        max_weight_exponent=bits.weight_max_shift, max_quotient=bits.max_quotient, max_palette=bits.max_palette,
        max_offset=bits.max_offset, max_symbol=bits.max_symbol, max_channel_weights=bits.max_channel_weights,
        max_direct_side=own.mce.direct_max_kernel, stream_multiple_bytes=bits.stream_multiple_bytes,
        worst_weight_bits=int(bits.worst_bits_per_weight), worst_channel_bytes=bits.worst_channel_bytes,
    )  # fmt: skip


def _program(kernel: Kernel, profile: HardwareProfile) -> Program:
    vendor_patch = kernel.cycles_per_patch if kernel.vendor_cycles_per_patch is None else kernel.vendor_cycles_per_patch
    vendor_start = kernel.start_cycles if kernel.vendor_start_cycles is None else kernel.vendor_start_cycles
    return Program(
        patch_cycles=kernel.cycles_per_patch, stripe_cycles=kernel.start_cycles,
        vendor_patch_cycles=vendor_patch, vendor_stripe_cycles=vendor_start,
        multipliers={_block(text, profile): tuple(sorted(found)) for text, found in kernel.multipliers.items()},
        counts_blocks=kernel.block_costs,
    )  # fmt: skip


def _block(text: str, profile: HardwareProfile) -> Block:
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise InputError(
            f"{text!r} is no block, width x height", code="bad-profile", where=profile.name, fix="write it as 16x8"
        )
    return int(width), int(height)


def _shape(sides: tuple[int, ...], profile: HardwareProfile) -> Shape3:
    if len(sides) != 3 or not all(sides):
        raise InputError(
            f"{list(sides)} are not the three sides of a granule", code="bad-profile", where=profile.name,
            fix="give height, width and channels in [ethos_n.formats]",
        )  # fmt: skip
    return sides[0], sides[1], sides[2]
