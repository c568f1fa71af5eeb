"""What a profile says of a piece of hardware. A number has its unit in its name and its source in ``numbers``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

# The unit that stands behind each kind of field; a profile may write another of the same dimension (MHz for Hz). A
# number is positive unless its kind says that it may be zero.
MAY_BE_ZERO = "may be zero"
Count = Annotated[int, "1"]
CountOrZero = Annotated[int, "1", MAY_BE_ZERO]
Bytes = Annotated[int, "B"]
BytesOrZero = Annotated[int, "B", MAY_BE_ZERO]
Cycles = Annotated[float, "cycles"]
CyclesOrZero = Annotated[float, "cycles", MAY_BE_ZERO]
MacsPerCycle = Annotated[int, "MAC/cycle"]
BytesPerCycle = Annotated[float, "B/cycle"]
BytesPerSecond = Annotated[float, "B/s"]
Hertz = Annotated[float, "Hz"]
Share = Annotated[float, "share", MAY_BE_ZERO]
Bits = Annotated[float, "bit"]
BitsOrZero = Annotated[float, "bit", MAY_BE_ZERO]
ElementsPerCycle = Annotated[float, "elements/cycle"]


class Winograd(msgspec.Struct, frozen=True):
    """A fast convolution: a tile of outputs and a sub-kernel of taps for a fixed number of multiplications.

    Attributes:
        output_tile_2d: outputs an axis of a tile of a kernel with two sides above 1; ``output_tile_1d`` along a
            one-sided one, whose other axis has ``output_tile_2d`` positions.
        sub_kernel: taps an axis of one sub-kernel; larger kernels run as several.
        macs_per_tile: multiplications of a tile, an input channel and an output channel.
        transform_cycles: to transform one sub-kernel of one input channel and one step of output channels.
        upsampled: whether it also runs over an input that the array stuffs with zeros itself.
    """

    output_tile_2d: Count
    output_tile_1d: Count
    sub_kernel: Count
    macs_per_tile: Count
    transform_cycles: CyclesOrZero
    upsampled: bool = False

    @property
    def gain(self) -> float:
        """MACs of the direct algorithm for each multiplication, at the most: of a kernel that is one sub-kernel."""
        square = (self.output_tile_2d * self.sub_kernel) ** 2
        one_sided = self.output_tile_1d * self.output_tile_2d * self.sub_kernel
        return max(square, one_sided) / self.macs_per_tile


class MacArray(msgspec.Struct, frozen=True):
    """The array of multiply-accumulators and how a convolution is laid over it.

    Attributes:
        unroll_*: how many input channels, output channels, rows and columns run in one cycle; their product is
            ``macs_per_cycle``, and what does not fill them is lost.
        depthwise_channels: channels of a depthwise convolution that run in one cycle, each on unroll_height x
            unroll_width.
        kernel_sides: kernel sides that the array runs; empty where any side runs.
        max_stride: of a convolution.
        grouped: whether convolutions with groups, other than depthwise, run on the array.
        upsample_factor: the zero-stuffing that the input path does for a transposed convolution; 0 where it does none.
        upsample_max_kernel: the largest kernel side that it does it for; above, the stuffed tensor goes through memory.
        stripe_cycles, stripe_min_cycles: what a stripe costs beyond its MACs, and the least that it takes.
    """

    macs_per_cycle: MacsPerCycle
    unroll_in_channels: Count
    unroll_out_channels: Count
    unroll_height: Count
    unroll_width: Count
    depthwise_channels: Count
    max_stride: Count
    max_batch: Count
    grouped: bool
    upsample_factor: CountOrZero
    upsample_max_kernel: CountOrZero
    stripe_cycles: CyclesOrZero
    stripe_min_cycles: CyclesOrZero
    kernel_sides: tuple[Count, ...] = ()
    winograd: Winograd | None = None

    @property
    def fast_macs_per_cycle(self) -> float:
        """The peak in MACs of the direct algorithm, where the fastest one that the array has runs."""
        return self.macs_per_cycle * max(1.0, self.winograd.gain if self.winograd else 1.0)


class VectorUnit(msgspec.Struct, frozen=True):
    """The unit that does what is no multiply-accumulate; every MAC output passes through it as well.

    Attributes:
        step_height, step_width, step_channels: what one step covers.
        step_cycles: cycles a step by kind of vector work (ops.base.KINDS, and ``passthrough`` for MAC output as it
            is); a kind that is not priced runs on the fallback.
        fused: kinds that run on MAC output in the same pass, at no extra traffic.
        stripe_cycles, stripe_min_cycles: what a stripe costs beyond its steps, and the least that it takes.
    """

    step_height: Count
    step_width: Count
    step_channels: Count
    step_cycles: Mapping[str, Cycles]
    fused: tuple[str, ...]
    stripe_cycles: CyclesOrZero
    stripe_min_cycles: CyclesOrZero


class Fallback(msgspec.Struct, frozen=True):
    """Where work runs that the hardware cannot: its rates."""

    name: str
    macs_per_cycle: Annotated[float, "MAC/cycle"]
    elements_per_cycle: ElementsPerCycle


class Memory(msgspec.Struct, frozen=True):
    """A level of memory. A bandwidth is in bytes a cycle (it scales with the clock) or in bytes a second (it does not).

    Attributes:
        size_bytes: capacity; 0 where it does not limit (DRAM).
        reserved_bytes: what code or the system keeps of it.
        duplex: reads and writes overlap, each at its full rate; otherwise they share the larger.
    """

    size_bytes: BytesOrZero = 0
    banks: Count = 1
    reserved_bytes: BytesOrZero = 0
    read_bytes_per_cycle: BytesPerCycle | None = None
    write_bytes_per_cycle: BytesPerCycle | None = None
    read_bytes_per_s: BytesPerSecond | None = None
    write_bytes_per_s: BytesPerSecond | None = None
    duplex: bool = True


class Dma(msgspec.Struct, frozen=True):
    """The engine that moves stripes: what each transfer costs beyond its bytes, and the least that it takes."""

    stripe_cycles: CyclesOrZero
    stripe_min_cycles: CyclesOrZero


class Layout(msgspec.Struct, frozen=True):
    """How activations lie in memory: sizes are rounded up to these multiples.

    Attributes:
        sram_*: in SRAM. dram_*: in DRAM, for tensors between layers; a network's own inputs and outputs are not
            rounded.
    """

    sram_height: Count
    sram_width: Count
    sram_channels: Count
    dram_height: Count
    dram_width: Count
    dram_channels: Count


class Compression(msgspec.Struct, frozen=True):
    """Compression of activations between layers: whether there is any, and the share it saves by default."""

    available: bool
    default_saving: Share


class WeightStream(msgspec.Struct, frozen=True):
    """How weights are stored for the NPU.

    Attributes:
        bits_per_weight: where nothing is known of the values.
        channel_bits: beside the weights, for each output channel (bias, scale, header).
        channel_multiple: output channels are padded to this many streams; each is rounded to ``stream_multiple_bytes``.
    """

    bits_per_weight: Bits
    channel_bits: BitsOrZero
    channel_multiple: Count
    stream_multiple_bytes: Bytes


class Quantity(msgspec.Struct, frozen=True):
    """A number as the profile gives it. ``value`` is in ``unit``; the fields above hold it in the field's own unit."""

    value: float | int | bool | str | tuple[float | int, ...] | tuple[str, ...]
    unit: str
    source: str


class HardwareProfile(msgspec.Struct, frozen=True):
    """A piece of hardware in numbers.

    Attributes:
        target: the entry of TARGETS that turns a graph into passes for it.
        confidence: how far the numbers can be trusted, in words.
        native_dtype: what a float graph is run as.
        extensions: tables that belong to one target alone, by the target's name, as plain values in their fields'
            units; the target decodes them into a Struct of its own (``profiles.load.extension``).
        numbers: each number as written, by dotted key, with unit and source.
        overrides: what ``--set`` or ``profile(...)`` changed, by dotted key, as given.
        file: the TOML file it was read from; messages about it name its lines.
        assumptions: sentences on what the model takes for granted on this hardware (double buffering, rounding, ...).
    """

    name: str
    variant: str
    vendor: str
    target: str
    source: str
    confidence: str
    native_dtype: str
    clock_hz: Hertz
    mac_array: MacArray
    vector_unit: VectorUnit
    fallback: Fallback
    sram: Memory
    dram: Memory
    dma: Dma
    layout: Layout
    compression: Compression
    weight_stream: WeightStream
    extensions: Mapping[str, Mapping[str, Any]] = {}
    numbers: Mapping[str, Quantity] = {}
    overrides: Mapping[str, str] = {}
    assumptions: tuple[str, ...] = ()
    plannable: bool = True  # whether the vendor's own planner handles this variant
    file: str = ""

    @property
    def peak_macs_per_s(self) -> float:
        return self.mac_array.macs_per_cycle * self.clock_hz

    @property
    def dram_read_bytes_per_cycle(self) -> float:
        return _rate(self.dram.read_bytes_per_cycle, self.dram.read_bytes_per_s, self.clock_hz)

    @property
    def dram_write_bytes_per_cycle(self) -> float:
        return _rate(self.dram.write_bytes_per_cycle, self.dram.write_bytes_per_s, self.clock_hz)


def _rate(per_cycle: float | None, per_s: float | None, clock_hz: float) -> float:
    if per_cycle is not None:
        return per_cycle
    if per_s is not None:
        return per_s / clock_hz
    raise ValueError("a memory without a bandwidth")  # the reader refuses such a profile
