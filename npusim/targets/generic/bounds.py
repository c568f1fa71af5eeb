"""What stripes of a nest cost: cycles of the array and the vector unit, bytes and transfers of each operand, SRAM."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from npusim.cost import weight_bits
from npusim.ir import DType
from npusim.mapping import Column, ceil_div, cut_sum, product, round_up, winograd_tile
from npusim.profile import HardwareProfile
from npusim.targets.generic.candidates import NestCandidates
from npusim.targets.generic.jobs import NestJob, engine_step, layout_cell

PARTIAL_SUM = DType.INT32  # what waits in SRAM while input channels are cut


# --- the MAC array --------------------------------------------------------------------------------------------------


def mac_cycles(job: NestJob, cut: NestCandidates, profile: HardwareProfile) -> tuple[Column, Column]:
    """Cycles of the MAC array, what a stripe costs included, and whether the fast algorithm is the faster one."""
    array = profile.mac_array
    direct = _direct(job, cut, profile)
    fast = _winograd(job, cut, profile)
    cycles, stripes = np.minimum(direct, fast), cut.mac_stripes
    total = np.maximum(cycles + array.stripe_cycles * stripes, array.stripe_min_cycles * stripes)
    return total, _column(fast < direct)


def _direct(job: NestJob, cut: NestCandidates, profile: HardwareProfile) -> Column:
    """Every step of the array at its full width: what a ragged stripe leaves empty is lost."""
    array = profile.mac_array
    unrolls = engine_step(job.line, array.unroll_height, array.unroll_width)
    sums = zip(job.out, cut.axes, unrolls, strict=True)
    positions = job.batch * product([cut_sum(size, stripe, unroll) for size, stripe, unroll in sums])
    if job.depthwise:
        lanes = array.depthwise_channels
        channels = _grouped_sum(job, cut, lanes)
        return _column(job.taps * positions * channels / (lanes * array.unroll_height * array.unroll_width))
    return _column(job.taps * positions * _channel_pairs(job, cut, profile) / array.macs_per_cycle)


def _channel_pairs(job: NestJob, cut: NestCandidates, profile: HardwareProfile) -> Any:
    array = profile.mac_array
    inputs = cut_sum(job.in_channels, cut.in_channels, array.unroll_in_channels)
    return job.groups * inputs * cut_sum(job.out_channels, cut.out_channels, array.unroll_out_channels)


def _grouped_sum(job: NestJob, cut: NestCandidates, granule: int) -> Any:
    """Output channels over all stripes, each stripe's in whole granules; the groups of a stripe lie side by side."""
    together = cut_sum(job.groups * job.out_channels, cut.groups * job.out_channels, granule)
    apart = job.groups * cut_sum(job.out_channels, cut.out_channels, granule)
    return np.where(cut.n_in * cut.n_out > 1, apart, together)


def _winograd(job: NestJob, cut: NestCandidates, profile: HardwareProfile) -> Column:
    """Multiplications of all tiles, or the transformation of the weights once a stripe, whichever takes longer."""
    array, fast = profile.mac_array, profile.mac_array.winograd
    tile = winograd_tile(fast, job.kernel) if fast is not None and job.winograd else None
    if fast is None or tile is None:
        return _column(np.full_like(cut.positions, np.inf))
    _, height, width = job.out
    tiles = cut_sum(height, cut.axes[1], tile.height) * cut_sum(width, cut.axes[2], tile.width)
    tiles = job.batch * job.out[0] * tiles / (tile.height * tile.width)
    multiplied = tile.multiplications * tiles * _channel_pairs(job, cut, profile) / array.macs_per_cycle
    steps = cut_sum(job.out_channels, cut.out_channels, array.unroll_out_channels) / array.unroll_out_channels
    weights = tile.sub_kernels * job.groups * job.in_channels * steps
    transformed = fast.transform_cycles * weights * cut.positions
    # The fast algorithm adds up over all input channels at once, so it needs them in one stripe.
    return _column(np.where(cut.n_in == 1, np.maximum(multiplied, transformed), np.inf))


# --- the vector unit ------------------------------------------------------------------------------------------------


def vector_cycles(job: NestJob, cut: NestCandidates, profile: HardwareProfile) -> Column:
    """Each output passes through the vector unit once, at the price of the work fused to it or as it is."""
    unit = profile.vector_unit
    steps_of = engine_step(job.line, unit.step_height, unit.step_width)
    sums = zip(job.out, cut.axes, steps_of, strict=True)
    positions = job.batch * product([cut_sum(size, stripe, step) / step for size, stripe, step in sums])
    steps = positions * _grouped_sum(job, cut, unit.step_channels) / unit.step_channels
    fused = sum(unit.step_cycles[kind] * share for kind, share in job.vector)
    price = max(fused, unit.step_cycles.get("passthrough", 0.0))
    stripes = cut.ofm_stripes
    return _column(np.maximum(steps * price + unit.stripe_cycles * stripes, unit.stripe_min_cycles * stripes))


# --- operands -------------------------------------------------------------------------------------------------------


class Traffic(msgspec.Struct, frozen=True):
    """An operand's way between DRAM and SRAM, for each candidate.

    Attributes:
        bytes: moved in all, before compression.
        transfers: stripes moved.
        exposed: share of the time that nothing overlaps: the stripe that the others wait for, or all of it.
        sram: bytes of its buffers.
    """

    bytes: Column
    transfers: Column
    exposed: Column
    sram: Column


def ifm_traffic(job: NestJob, cut: NestCandidates, profile: HardwareProfile, dtype: DType) -> Traffic:
    """The IFM: every position once, halo again where it is not kept, all of it again for each group of weights.

    Stripes run in raster order. Along the innermost axis that is cut, the halo stays in SRAM from one stripe to the
    next, unless input channels are cut as well; along the others it is read again.
    """
    layout = profile.layout
    cells = layout_cell(job.line, layout.sram_height, layout.sram_width)
    bricks = layout_cell(job.line, layout.dram_height, layout.dram_width) if job.ifm.between else (1, 1, 1)
    kept = _kept_axis(cut)
    whole, read, first, buffer = 1, 1, 1, 1
    for axis in range(3):
        size, brick, cell = max(1, job.ifm_axes[axis]), bricks[axis], cells[axis]
        extent, advance, halo = _window(job, cut, axis)
        is_cut, is_kept = cut.n_axes[axis] > 1, kept == axis
        again = np.where(is_kept, 0, (cut.n_axes[axis] - 1) * round_up(halo, brick))
        rows = np.where(is_kept, np.minimum(size, cut.slots * advance + halo), np.where(is_cut, extent, size))
        whole, read = whole * round_up(size, brick), read * (round_up(size, brick) + again)
        first = first * np.where(is_cut, extent, round_up(size, brick))
        buffer = buffer * round_up(rows, cell)
    loads = np.where((cut.n_in > 1) | ((cut.weights_first == 1) & (cut.positions > 1)), cut.n_out, 1)
    channels = cut.groups * cut.in_channels
    once = job.ifm.bytes / whole  # bytes of one position, all channels and the batch included
    total = np.ceil(once * read) * loads
    stripe = once * first * channels / (job.groups * job.in_channels * job.batch)
    slots = np.where((kept < 3) | (cut.ifm_stripes == 1), 1, cut.slots)
    sram = np.ceil(slots * buffer * round_up(channels, layout.sram_channels) * dtype.bits / 8)
    transfers = cut.ifm_stripes * loads
    return Traffic(total, transfers, _exposed(stripe, total, cut.slots, transfers), sram)


def _kept_axis(cut: NestCandidates) -> Any:
    """The axis along which the halo stays: the innermost that is cut; 3 where none is, or input channels are."""
    depth, height, width = (n > 1 for n in cut.n_axes)
    innermost = np.where(width, 2, np.where(height, 1, np.where(depth, 0, 3)))
    return np.where(cut.n_in > 1, 3, innermost)


def _window(job: NestJob, cut: NestCandidates, axis: int) -> tuple[Any, Any, int]:
    """Input positions of a stripe with its halo, positions that one stripe advances, and positions that two share."""
    out, stride, span, size = cut.axes[axis], job.stride[axis], job.span[axis], job.ifm_axes[axis]
    if job.upsampled:
        return np.minimum(size, np.floor((out + span - 2) / stride) + 1), ceil_div(out, stride), (span - 1) // stride
    return np.minimum(size, (out - 1) * stride + span), out * stride, max(0, span - stride)


def _exposed(stripe: Any, total: Any, slots: Any, transfers: Any) -> Any:
    """One stripe's share of all bytes where the others overlap; everything where there is no second slot or stripe."""
    share = np.minimum(1.0, stripe / np.maximum(total, 1.0))
    return np.where((slots > 1) & (transfers > 1), share, 1.0)


def weight_traffic(job: NestJob, cut: NestCandidates, profile: HardwareProfile, dtype: DType) -> Traffic:
    """The weights: once, or again for each stripe of the output where not all of them stay."""
    loads = np.where((cut.weights_first == 0) & (cut.n_in * cut.n_out > 1), cut.positions, 1)
    if job.weights is not None:
        share = cut.groups * cut.in_channels * cut.out_channels / (job.groups * job.in_channels * job.out_channels)
        once, stripe = np.full_like(loads, job.weights.bytes, dtype=np.float64), np.ceil(job.weights.bytes * share)
    else:
        once, stripe = stream_bytes(job, cut, profile, dtype)
    total, transfers = once * loads, cut.weight_stripes * loads
    slots = np.where(cut.weight_stripes > 1, cut.weight_slots, 1)
    exposed = _exposed(stripe, total, cut.weight_slots, cut.weight_stripes)
    return Traffic(total + job.constants, transfers, exposed, slots * stripe + job.constants)


def stream_bytes(job: NestJob, cut: NestCandidates, profile: HardwareProfile, dtype: DType) -> tuple[Column, Column]:
    """Bytes of the stored weight stream in all, and of its largest stripe."""
    stream, bits = profile.weight_stream, weight_bits(profile, dtype)

    def encoded(channels: Any, inputs: Any) -> Any:
        """A stripe: its output channels are dealt over the streams, each stream padded to whole multiples."""
        each = ceil_div(channels, stream.channel_multiple)
        payload = np.ceil(each * (inputs * job.taps * bits + stream.channel_bits) / 8)
        whole = stream.channel_multiple * round_up(payload, stream.stream_multiple_bytes)
        return np.where((channels > 0) & (inputs > 0), whole, 0.0)

    def over_outputs(inputs: Any) -> Any:
        full = np.floor(job.out_channels / cut.out_channels)
        rest = job.out_channels - full * cut.out_channels
        return full * encoded(cut.out_channels, inputs) + encoded(rest, inputs)

    full = np.floor(job.in_channels / cut.in_channels)
    apart = full * over_outputs(cut.in_channels) + over_outputs(job.in_channels - full * cut.in_channels)
    blocks = np.floor(job.groups / cut.groups)
    rest = (job.groups - blocks * cut.groups) * job.out_channels
    largest = encoded(cut.groups * cut.out_channels, cut.in_channels)
    together = blocks * largest + encoded(rest, cut.in_channels)
    return np.where(cut.n_in * cut.n_out > 1, job.groups * apart, together), largest


def ofm_traffic(job: NestJob, cut: NestCandidates, profile: HardwareProfile, dtype: DType) -> Traffic:
    """The OFM: written once; the last stripe is the one that nothing overlaps."""
    stripes = cut.ofm_stripes
    last = last_share(job, cut)
    slots = np.where(stripes > 1, cut.slots, 1)
    sram = np.ceil(slots * stripe_elements(job, cut, profile) * job.ofm_ratio * dtype.bits / 8)
    total = np.full_like(stripes, job.ofm.bytes)
    return Traffic(total, stripes, np.where((cut.slots > 1) & (stripes > 1), last, 1.0), sram)


def last_share(job: NestJob, cut: NestCandidates) -> Column:
    """The last stripe's share of all outputs: the ragged rest of every axis."""
    sizes = zip((*job.out, job.out_channels, job.groups), (*cut.axes, cut.out_channels, cut.groups), strict=True)
    rest = [size - (ceil_div(size, stripe) - 1) * stripe for size, stripe in sizes]
    return _column(product(rest) * job.batch / (job.outputs * job.batch))


def stripe_elements(job: NestJob, cut: NestCandidates, profile: HardwareProfile) -> Column:
    """Elements of an output stripe as it lies in SRAM."""
    layout = profile.layout
    cells = layout_cell(job.line, layout.sram_height, layout.sram_width)
    axes = [round_up(stripe, cell) for stripe, cell in zip(cut.axes, cells, strict=True)]
    return _column(product(axes) * round_up(cut.groups * cut.out_channels, layout.sram_channels))


def other_traffic(job: NestJob, count: int, cut: NestCandidates, profile: HardwareProfile, dtype: DType) -> Traffic:
    """An operand of the fused work: it comes in the same stripes as the outputs leave."""
    stripes = cut.ofm_stripes
    share = np.minimum(1.0, product(cut.axes) * cut.groups * cut.out_channels / job.outputs)
    slots = np.where(stripes > 1, cut.slots, 1)
    total = np.full_like(stripes, count)
    largest = np.minimum(count, stripe_elements(job, cut, profile) * dtype.bits / 8)
    return Traffic(total, stripes, np.where((cut.slots > 1) & (stripes > 1), share, 1.0), np.ceil(slots * largest))


def partial_sums(job: NestJob, cut: NestCandidates, profile: HardwareProfile) -> Column:
    """Bytes of the sums that wait in SRAM while input channels are cut."""
    waiting = stripe_elements(job, cut, profile) * PARTIAL_SUM.bits / 8
    return np.where(cut.n_in > 1, waiting, 0.0)


def _column(values: Any) -> Column:
    return np.asarray(values, dtype=np.float64)
