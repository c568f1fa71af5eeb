"""What a network is to the planner: parts in a line, each with the geometry of what the MCE and the PLE do (PLANNER.md
section 1)."""

from __future__ import annotations

from enum import Enum
from functools import cached_property

import msgspec

from npusim.targets.ethos_n.elements import Elements
from npusim.targets.ethos_n.machine import Shape3

Ratio = tuple[int, int]  # numerator, denominator
Scale = tuple[Ratio, Ratio, Ratio]  # of height, width, channels

SAME: Scale = ((1, 1), (1, 1), (1, 1))


class Kind(Enum):
    INPUT = "input"
    OUTPUT = "output"
    MCE = "mce"
    FUSED = "fused"  # a program of the PLE behind an MCE operation
    PLE = "ple"  # a program of the PLE that reads SRAM itself
    FC = "fc"
    CONCAT = "concat"
    SPLIT = "split"  # a piece of a tensor
    RESHAPE = "reshape"
    OFF = "off"  # what the hardware cannot run; the vendor's estimator leaves it out

    @property
    def searched(self) -> bool:
        """Whether plans compete for the part; the others have one plan, whose cost no choice depends on."""
        return self in (Kind.MCE, Kind.FUSED, Kind.PLE, Kind.FC)


class Coded(Enum):
    """What is known of weights, for the size of their stream."""

    UNIFORM = "uniform"  # uniform random bytes: stored raw
    IDENTITY = "identity"  # one equal weight a channel
    ONE_HOT = "one-hot"  # a single non-zero weight an output channel
    REPEATED = "repeated"  # every input channel has the weights of the first


class Weights(msgspec.Struct, frozen=True):
    """Weights of a part.

    Attributes:
        zero_runs: input channels whose weights are all zero, as (first, length): padding that a concatenation brings
            in.
        given: the weights themselves, where their stream's real size is asked for.
    """

    coded: Coded = Coded.UNIFORM
    zero_runs: tuple[tuple[int, int], ...] = ()
    given: Elements | None = None


class Part(msgspec.Struct, frozen=True, cache_hash=True):
    """Geometry of a part, without its place: equal parts are planned once.

    Attributes:
        ins, out: tensors (height, width, channels) that it reads, by slot, and makes.
        program: of the PLE; ``passthrough`` behind a plain MCE part. flavour: which of the equally dear programs of
            that name.
        kernel: height, width. pads: top, bottom, left, right. stride: 2 where the input is the interleaved tensor of a
            convolution with stride 2. upscale: zeros put between the inputs by the MCE.
        ple_scale: what the program makes of its input's sizes.
        channels: input channels of the weights: before the interleave of a stride of 2; inputs of a fully connected
            layer.
        axis: of a concatenation or of a one-dimensional pooling: 0 height, 1 width, 2 channels.
        offsets: of a concatenation's inputs along the axis; of a piece, its own one, then those of the other pieces.
        views: of the best planner, by slot: (tensor that the input is a piece of, offset in it); None where it is none.
        why: what keeps the hardware from running it (Kind.OFF).
    """

    kind: Kind
    ins: tuple[Shape3, ...]
    out: Shape3
    program: str = ""
    flavour: str = ""
    kernel: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    depthwise: bool = False
    stride: int = 1
    upscale: int = 1
    ple_scale: Scale = SAME
    weights: Weights | None = None
    channels: int = 0
    axis: int = 2
    offsets: tuple[int, ...] = ()
    why: str = ""
    views: tuple[tuple[Shape3, Shape3] | None, ...] = ()

    @property
    def offset(self) -> Shape3:
        """Of a piece: where it begins."""
        start = self.offsets[0]
        return (start if self.axis == 0 else 0, start if self.axis == 1 else 0, start if self.axis == 2 else 0)

    @property
    def joins(self) -> bool:
        """Whether the part may stand in a section."""
        if self.kind is Kind.PLE:
            return self.program != "max_pool_1d"
        return self.kind in (Kind.MCE, Kind.FUSED)

    @property
    def mce_in(self) -> Shape3:
        return self.ins[0]

    @property
    def mce_out(self) -> Shape3:
        """What the MCE makes: of a fused program, its unchanged input."""
        return self.ins[0] if self.kind is Kind.FUSED else self.out

    @property
    def mce_scale(self) -> Scale:
        if self.kind is not Kind.MCE:
            return SAME
        up = (self.upscale, 1)
        return (up, up, (1, self.stride * self.stride))

    @property
    def spatial_kernel(self) -> tuple[int, int]:
        return self.kernel if self.kind is Kind.MCE else (1, 1)

    @property
    def is_depthwise(self) -> bool:
        """Of a fused program too, whose MCE operation is an identity depthwise convolution."""
        return self.depthwise or self.kind is Kind.FUSED


class Placed(msgspec.Struct, frozen=True):
    """A part at its place in the line.

    Attributes:
        number: its place; producers come before consumers.
        inputs: numbers of the producers, by slot.
        consumers: (number, slot) of each reader of its output, in the order of the line.
        layers: the graph layers that it accounts for.
        repeat: how often it runs in one inference.
    """

    number: int
    part: Part
    inputs: tuple[int, ...]
    consumers: tuple[tuple[int, int], ...]
    layers: tuple[str, ...]
    name: str
    repeat: int = 1


class Wish(msgspec.Struct, frozen=True):
    """Neighbouring data that the readers of a tensor want (section 1, border)."""

    before_x: bool = False
    after_x: bool = False
    before_y: bool = False
    after_y: bool = False

    @property
    def slots(self) -> int:
        """borderSlots: the stripes that must be there at once for a reader to have its neighbours."""
        before, after = self.before_x or self.before_y, self.after_x or self.after_y
        return 1 + before + after


ALL_SIDES = Wish(True, True, True, True)
NO_SIDES = Wish()


class Line(msgspec.Struct, frozen=True, dict=True):
    """The parts of a network in the order in which all later rules see them."""

    parts: tuple[Placed, ...]

    @cached_property
    def borders(self) -> tuple[Wish, ...]:
        return tuple(self._border(placed) for placed in self.parts)

    @cached_property
    def feeds_ple(self) -> tuple[bool, ...]:
        """toPLE: whether all readers are fused programs."""
        return tuple(
            bool(placed.consumers) and all(self.parts[n].part.kind is Kind.FUSED for n, _ in placed.consumers)
            for placed in self.parts
        )

    def _border(self, placed: Placed) -> Wish:
        if len(placed.consumers) != 1:
            return ALL_SIDES if placed.consumers else NO_SIDES
        return wish(self.parts[placed.consumers[0][0]].part)


def wish(consumer: Part) -> Wish:
    """What a single consumer wants of its input's neighbours (section 1)."""
    if consumer.kind is Kind.OFF:
        return ALL_SIDES
    if consumer.kind is not Kind.MCE:
        return NO_SIDES
    (height, width), grown = consumer.kernel, consumer.upscale > 1
    return Wish(width >= 2 or grown, width >= 3 or grown, height >= 2 or grown, height >= 3 or grown)
