"""What a pass asks of the hardware, without names: equal jobs are planned once."""

from __future__ import annotations

from math import prod

import msgspec

from npusim.ir import DType, Shape
from npusim.mapping import round_up
from npusim.profile import Layout

Axes = tuple[int, int, int]  # depth, height, width


class Box(msgspec.Struct, frozen=True, gc=False):
    """How a tensor lies over the axes that hardware knows.

    Attributes:
        line: its positions are the rows of a matrix, in ``axes[2]`` alone, without height and width of their own. Rows
            lie packed: the layout rounds their channels, not their number.
    """

    batch: int
    channels: int
    axes: Axes
    line: bool = False

    @property
    def elements(self) -> int:
        return self.batch * self.channels * prod(self.axes)


def box_of_shape(shape: Shape) -> Box:
    """The box of a tensor that no loop nest describes: N, C and spatial axes from rank 4 on, rows of channels below."""
    if len(shape) >= 4 and prod(shape[2:]) == 1:
        return Box(1, shape[1], (1, 1, shape[0]), line=True)
    if len(shape) >= 4:
        return Box(shape[0], shape[1], (prod(shape[2:-2]), shape[-2], shape[-1]))
    return Box(1, shape[-1] if shape else 1, (1, 1, prod(shape[:-1])), line=True)


def layout_cell(line: bool, height: int, width: int) -> Axes:
    """The multiples that a layout rounds positions to: none for the rows of a matrix."""
    return (1, 1, 1) if line else (1, height, width)


def engine_step(line: bool, height: int, width: int) -> Axes:
    """The positions that an engine takes at once; rows of a matrix fill its height and width together."""
    return (1, 1, height * width) if line else (1, height, width)


def stored_bytes(box: Box, dtype: DType, layout: Layout, *, rounded: bool) -> int:
    """Bytes of a whole tensor in DRAM, rounded as the layout says where it lies between layers."""
    if not rounded:
        return -(-box.elements * dtype.bits // 8)
    return _bytes(box, dtype, layout_cell(box.line, layout.dram_height, layout.dram_width), layout.dram_channels)


def sram_bytes(box: Box, dtype: DType, layout: Layout) -> int:
    """Bytes of a whole tensor that stays in SRAM."""
    return _bytes(box, dtype, layout_cell(box.line, layout.sram_height, layout.sram_width), layout.sram_channels)


def _bytes(box: Box, dtype: DType, multiples: Axes, channels: int) -> int:
    axes = [round_up(size, multiple) for size, multiple in zip(box.axes, multiples, strict=True)]
    elements: int = box.batch * prod(axes) * round_up(box.channels, channels)
    return -(-elements * dtype.bits // 8)


class Stream(msgspec.Struct, frozen=True, gc=False):
    """An operand as it lies in DRAM.

    Attributes:
        bytes: of one pass over all of it.
        between: whether it lies between layers, so that its layout is rounded and compression may save a share.
    """

    bytes: int
    between: bool = False


class NestJob(msgspec.Struct, frozen=True, gc=False):
    """One loop nest with what is fused to it.

    Attributes:
        channels a group; ``axes`` of output, kernel taps, stride, kernel span (dilation included) and input.
        depthwise: each group reads one input channel, and the array runs many groups at once.
        upsampled: the input path stuffs zeros, ``stride`` outputs apart, and the array runs the dense kernel.
        line: its positions are rows of a matrix.
        winograd: whether the fast algorithm applies.
        weights: the WEIGHTS operand where it is made while the graph runs; None where it is stored.
        constants: bytes of constants that the fused work reads once.
        others: operands of the fused work besides the MAC array's output.
        vector: kinds of fused work, with the elements that each passes over for one output of the nest.
        ofm_ratio: elements written for one output of the nest (a fused pooling writes fewer).
    """

    batch: int
    groups: int
    in_channels: int
    out_channels: int
    out: Axes
    kernel: Axes
    stride: Axes
    span: Axes
    ifm_axes: Axes
    depthwise: bool
    upsampled: bool
    line: bool
    winograd: bool
    ifm: Stream
    ofm: Stream
    weights: Stream | None = None
    constants: int = 0
    others: tuple[Stream, ...] = ()
    vector: tuple[tuple[str, float], ...] = ()
    ofm_ratio: float = 1.0
    repeat: int = 1

    @property
    def taps(self) -> int:
        return prod(self.kernel)

    @property
    def outputs(self) -> int:
        return self.batch * self.groups * self.out_channels * prod(self.out)


class VectorJob(msgspec.Struct, frozen=True, gc=False):
    """Vector work alone.

    Attributes:
        steps: kinds with the steps of the vector unit that they take.
        constants: bytes of constants that are read along.
    """

    steps: tuple[tuple[str, int], ...]
    reads: tuple[Stream, ...]
    writes: tuple[Stream, ...]
    constants: int = 0
    repeat: int = 1


class FallbackJob(msgspec.Struct, frozen=True, gc=False):
    """Work that runs beside the NPU, from DRAM to DRAM."""

    macs: int
    elements: int
    reads: tuple[Stream, ...]
    writes: tuple[Stream, ...]
    weights: int = 0
    repeat: int = 1


class IdleJob(msgspec.Struct, frozen=True, gc=False):
    """Nothing to do: views of tensors that nobody else touches, operators without work, tensors without elements."""


Job = NestJob | VectorJob | FallbackJob | IdleJob
