"""The iteration space of multiply-accumulates: what is counted, and what a piece of it reads and writes."""

from __future__ import annotations

from enum import Enum
from math import gcd, prod
from typing import TypeVar

import msgspec

from npusim.ir import Shape

Count = TypeVar("Count")  # an int, or a numpy array with one entry a candidate


class Operand(Enum):
    IFM = "ifm"
    OFM = "ofm"
    WEIGHTS = "weights"
    BIAS = "bias"


class LoopNest(msgspec.Struct, frozen=True, gc=False, cache_hash=True):
    """Convolution as loops; matrix products, recurrences and attention are special cases of it.

    Channels are counted a group. Spatial tuples have one to three entries, outermost first.

    Attributes:
        out: output positions an axis.
        kernel: taps an axis.
        stride: input step between outputs; of a transposed convolution, output step between inputs.
        transposed: each input position scatters to ``kernel`` outputs; ``ifm`` then gives the input positions.
        ifm: input positions an axis, padding excluded.
        bias: whether each output channel has one.
        weights_vary: the WEIGHTS operand is made while the graph runs (attention, a product of activations).
    """

    batch: int
    groups: int
    in_channels: int
    out_channels: int
    out: Shape
    kernel: Shape
    ifm: Shape
    stride: Shape = ()
    dilation: Shape = ()
    transposed: bool = False
    bias: bool = False
    weights_vary: bool = False

    def __post_init__(self) -> None:
        rank = len(self.out)
        for name in ("stride", "dilation"):
            if not getattr(self, name):
                msgspec.structs.force_setattr(self, name, (1,) * rank)
        if not all(len(axes) == rank for axes in (self.kernel, self.ifm, self.stride, self.dilation)):
            raise ValueError(f"axes of unequal rank in {self}")

    @property
    def macs(self) -> int:
        """Multiply-accumulates that the mathematics needs; padding counts as data."""
        positions = self.ifm if self.transposed else self.out
        return self._channel_pairs * prod(positions) * prod(self.kernel)

    @property
    def macs_dense(self) -> int:
        """The same, with a transposed convolution counted on its zero-stuffed output grid."""
        return self._channel_pairs * prod(self.out) * prod(self.kernel)

    @property
    def _channel_pairs(self) -> int:
        return self.batch * self.groups * self.in_channels * self.out_channels

    @property
    def is_depthwise(self) -> bool:
        """Whether each group reads a single input channel, so that inputs are not shared between outputs."""
        return self.groups > 1 and self.in_channels == 1

    @property
    def halo(self) -> Shape:
        """Input positions that neighbouring output tiles share, an axis."""
        if self.transposed:
            return tuple(
                max(0, (span(k, d) - 1) // s) for k, d, s in zip(self.kernel, self.dilation, self.stride, strict=True)
            )
        return tuple(max(0, span(k, d) - s) for k, d, s in zip(self.kernel, self.dilation, self.stride, strict=True))

    def footprint(self, operand: Operand, out: Shape | None = None) -> int:
        """Distinct elements of an operand that a tile of ``out`` positions touches, all channels, padding included.

        Args:
            operand: which one.
            out: output positions of the tile, an axis; the whole output when left out.
        """
        tile = self.out if out is None else out
        if operand is Operand.WEIGHTS:
            return self.groups * self.in_channels * self.out_channels * prod(self.kernel)
        if operand is Operand.BIAS:
            return self.groups * self.out_channels if self.bias else 0
        if operand is Operand.OFM:
            return self.batch * self.groups * self.out_channels * prod(tile)
        touched = prod(self.touched(axis, size) for axis, size in enumerate(tile))
        return self.batch * self.groups * self.in_channels * touched

    def touched(self, axis: int, out: int) -> int:
        """Distinct input positions that ``out`` neighbouring outputs of an axis read.

        Of a transposed convolution: the most that any alignment of the tile to the stride can read.
        """
        kernel, stride, dilation = self.kernel[axis], self.stride[axis], self.dilation[axis]
        if self.transposed:
            return min(self.ifm[axis], (out + span(kernel, dilation) - 2) // stride + 1) if out else 0
        return distinct(out, kernel, stride, dilation)


def span(kernel: int, dilation: int) -> int:
    """Input positions from the first tap to the last."""
    return (kernel - 1) * dilation + 1


def distinct(out: int, kernel: int, stride: int, dilation: int) -> int:
    """How many different values stride * o + dilation * r takes for o < out and r < kernel.

    Divided by their greatest common divisor, two index pairs meet exactly when they differ by a multiple of
    (dilation, -stride); each value is thus a chain of pairs, and has one link fewer than it has pairs.
    """
    common = gcd(stride, dilation)
    links = max(0, out - dilation // common) * max(0, kernel - stride // common)
    return out * kernel - links
