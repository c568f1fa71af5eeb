"""All the ways to cut a job into stripes, as columns: a set that does not depend on the size of the SRAM."""

from __future__ import annotations

from itertools import product as combinations

import msgspec
import numpy as np

from npusim.ir import DType
from npusim.mapping import Column, ceil_div, grid, product, stripe_sizes
from npusim.profile import HardwareProfile
from npusim.targets.generic.jobs import Axes, NestJob, VectorJob, engine_step, layout_cell

_BUFFERS = ((2, 2), (2, 1), (1, 2), (1, 1))  # slots of the activations, slots of the weights


class NestCandidates(msgspec.Struct, frozen=True):
    """Stripes of a nest, one candidate a row.

    Attributes:
        axes: output depth, height and width of a stripe. groups, in_channels and out_channels (a group) likewise.
        weights_first: each stripe of weights stays while all of the IFM passes, and the IFM is read again for the next;
            otherwise each stripe of the IFM stays, and the weights are read again for the next.
        slots: 2 where IFM and OFM are double buffered, 1 where not; weight_slots: the same for weights.
        n_axes, n_groups, n_in, n_out: how many stripes an axis has.
        positions: stripes over batch, depth, height and width together.
    """

    axes: tuple[Column, Column, Column]
    groups: Column
    in_channels: Column
    out_channels: Column
    weights_first: Column
    slots: Column
    weight_slots: Column
    n_axes: tuple[Column, Column, Column]
    n_groups: Column
    n_in: Column
    n_out: Column
    positions: Column

    @property
    def weight_stripes(self) -> Column:
        return self.n_groups * self.n_in * self.n_out

    @property
    def ifm_stripes(self) -> Column:
        return self.positions * self.n_groups * self.n_in

    @property
    def ofm_stripes(self) -> Column:
        return self.positions * self.n_groups * self.n_out

    @property
    def mac_stripes(self) -> Column:
        return self.ifm_stripes * self.n_out


def nest_candidates(job: NestJob, profile: HardwareProfile) -> NestCandidates:
    """Cuts of the output's axes by powers of two, with the channels whole, in groups, by output or by input channels.

    Input channels are only cut with the fewest output channels that fill the array: partial sums wait in SRAM.
    """
    axes, channels, buffers = grid(_axis_cuts(job, profile), _channel_cuts(job, profile), _BUFFERS)
    (g, c, k, first), (slots, weight_slots) = channels, buffers
    n_axes = [ceil_div(size, column) for size, column in zip(job.out, axes, strict=True)]
    n_groups, n_in, n_out = ceil_div(job.groups, g), ceil_div(job.in_channels, c), ceil_div(job.out_channels, k)
    positions = job.batch * product(n_axes)
    # What changes nothing is listed once: a second slot for a single stripe, an order of loops where one has one step.
    keep = (slots == 1) | (positions * n_groups * n_in * n_out > 1)
    keep &= (weight_slots == 1) | (n_groups * n_in * n_out > 1)
    keep &= (first == 0) | (positions > 1)
    d, h, w, nd, nh, nw = (column[keep] for column in (*axes, *n_axes))
    return NestCandidates(
        (d, h, w), g[keep], c[keep], k[keep], first[keep], slots[keep], weight_slots[keep], (nd, nh, nw),
        n_groups[keep], n_in[keep], n_out[keep], positions[keep],
    )  # fmt: skip


def _axis_cuts(job: NestJob, profile: HardwareProfile) -> list[tuple[int, ...]]:
    bases = _bases(profile, line=job.line)
    return list(combinations(*(stripe_sizes(size, base) for size, base in zip(job.out, bases, strict=True))))


def _bases(profile: HardwareProfile, *, line: bool) -> tuple[int, ...]:
    """The smallest stripe of each axis: below a cell of the layout or a step of the array none gets cheaper."""
    array, layout = profile.mac_array, profile.layout
    unrolls = engine_step(line, array.unroll_height, array.unroll_width)
    cells = layout_cell(line, layout.sram_height, layout.sram_width)
    return tuple(max(pair) for pair in zip(unrolls, cells, strict=True))


def _channel_cuts(job: NestJob, profile: HardwareProfile) -> list[tuple[int, int, int, int]]:
    """Groups, input channels and output channels of a stripe, and whether weights come first."""
    array, C, K = profile.mac_array, job.in_channels, job.out_channels
    base = ceil_div(array.depthwise_channels, K) if job.depthwise else 1
    cuts = [(groups, C, K, 0) for groups in stripe_sizes(job.groups, base)]
    if job.depthwise:
        return cuts
    cuts += [(1, C, k, first) for k in stripe_sizes(K, array.unroll_out_channels)[:-1] for first in (0, 1)]
    cuts += [(1, c, min(K, array.unroll_out_channels), 0) for c in stripe_sizes(C, array.unroll_in_channels)[:-1]]
    return cuts


class Strip(msgspec.Struct, frozen=True, gc=False):
    """A cut along height or width alone, which layers that follow each other can share.

    Attributes:
        axis: 1 height, 2 width. size: positions of a strip along it.
        slots: of what comes from DRAM and goes there.
    """

    axis: int
    size: int
    slots: int


def strips(axes: Axes, profile: HardwareProfile) -> list[Strip]:
    """All cuts of a tensor along one axis, double buffered first."""
    bases = _bases(profile, line=False)
    return [
        Strip(axis, size, slots)
        for slots in (2, 1)
        for axis in (1, 2)
        for size in stripe_sizes(axes[axis], bases[axis])[:-1]
    ]


class VectorCandidates(msgspec.Struct, frozen=True):
    """Stripes of vector work: into how many each operand is cut, and how many slots each has."""

    stripes: Column
    slots: Column


def vector_candidates(job: VectorJob, profile: HardwareProfile, dtype: DType) -> VectorCandidates:
    """Powers of two of stripes, down to one cell of the layout, single and double buffered."""
    largest = max((stream.bytes for stream in (*job.reads, *job.writes)), default=1)
    counts = stripe_sizes(max(1, ceil_div(largest, cell_bytes(profile, dtype))), 1)
    rows = [(count, slots) for count in counts for slots in (2, 1) if slots == 1 or count > 1]
    stripes, slots = np.array(rows, dtype=np.float64).T
    return VectorCandidates(stripes, slots)


def cell_bytes(profile: HardwareProfile, dtype: DType) -> int:
    """Bytes of the smallest piece of a tensor that the layout knows."""
    layout = profile.layout
    return int(ceil_div(layout.sram_height * layout.sram_width * layout.sram_channels * dtype.bits, 8))
