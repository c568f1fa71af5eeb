"""What a linear chain comes to: one convolution of one tensor, its numbers worked out when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from math import prod

import msgspec
import numpy as np

from npusim.ir import Attr, Shape
from npusim.ops.base import Array


class Numbers(msgspec.Struct, frozen=True, dict=True):
    """An array of known shape, made in float64 when it is first read.

    Attributes:
        blank: the network does not have the elements that it is made of; seeded ones stand for them.
    """

    shape: Shape
    make: Callable[[], Array]
    blank: bool = False

    @cached_property
    def array(self) -> Array:
        with np.errstate(all="ignore"):  # what is not finite is refused (storable.py)
            return np.asarray(self.make(), np.float64).reshape(self.shape)


def numbers(shape: Shape, make: Callable[[], Array], *parts: Numbers | None) -> Numbers:
    """Numbers that are worked out from others; blank where one of those is."""
    return Numbers(shape, make, any(part.blank for part in parts if part is not None))


class Window(msgspec.Struct, frozen=True):
    """How a kernel slides: a size an axis of the frame.

    Attributes:
        before, after: positions around the frame that hold the padding.
        fixed: the attributes of a node whose padding depends on the frame, or that is transposed; such a window is
            taken over as it is, and the other fields say nothing.
        op: the operator whose window it is.
    """

    strides: Shape
    dilations: Shape
    before: Shape
    after: Shape
    fixed: Mapping[str, Attr] | None = None
    op: str = "Conv"

    @property
    def is_padded(self) -> bool:
        return any((*self.before, *self.after))


def still(rank: int) -> Window:
    """The window of what is done at each position of a frame of so many axes."""
    return Window((1,) * rank, (1,) * rank, (0,) * rank, (0,) * rank)


class Affine(msgspec.Struct, frozen=True):
    """``kernel (*) source + bias``, cross-correlation as of ONNX Conv.

    Attributes:
        kernel: [outputs, inputs / groups, taps...]; the last input stands for a channel of ones where ``ones`` says so.
        bias: [outputs], or None.
        border: what the padding holds.
        ones: the source has a channel of ones behind its own, which padding surrounds with 0 (see ``with_ones``).
        place: the node that makes it, as a message names it.
        through: the outputs of the nodes that it takes the place of, in the order they run.
        kinds: what kinds of nodes those are.
    """

    source: str
    kernel: Numbers
    bias: Numbers | None
    window: Window
    groups: int = 1
    border: float = 0.0
    ones: bool = False
    place: str = ""
    through: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()

    @property
    def outputs(self) -> int:
        return self.kernel.shape[0]

    @property
    def inputs(self) -> int:
        """Channels of the source."""
        return self.kernel.shape[1] * self.groups - self.ones

    @property
    def taps(self) -> Shape:
        return self.kernel.shape[2:]

    @property
    def is_pointwise(self) -> bool:
        """Whether each position depends on the same position of the source alone."""
        window = self.window
        moves = any(size != 1 for size in (*self.taps, *window.strides)) or window.is_padded
        return window.fixed is None and not moves

    @property
    def is_diagonal(self) -> bool:
        """Whether each channel is a multiple of the same channel of the source, plus a bias."""
        return self.is_pointwise and not self.ones and self.groups == self.inputs == self.outputs

    @property
    def params(self) -> int:
        return prod(self.kernel.shape) + (0 if self.bias is None else self.outputs)

    @property
    def is_blank(self) -> bool:
        return self.kernel.blank or (self.bias is not None and self.bias.blank)


class Refusal(msgspec.Struct, frozen=True):
    """Why something is not one convolution: a clause without a full stop."""

    why: str


def scaling(source: str, rank: int, scale: Numbers, bias: Numbers | None, place: str) -> Affine:
    """Each channel by its own factor, plus a bias: ``scale`` [channels], on a tensor of ``rank`` axes."""
    channels, frame = scale.shape[0], rank - 2
    kernel = numbers((channels, 1, *(1,) * frame), lambda: scale.array, scale)
    return Affine(source, kernel, bias, still(frame), channels, place=place)


def identity(source: str, shape: Shape, outputs: int, place: str, factor: float = 1.0) -> Affine:
    """A tensor of that shape times a number; one channel stands for all ``outputs`` where it has only one."""
    frame, groups = len(shape) - 2, shape[1]
    kernel = Numbers((outputs, 1, *(1,) * frame), lambda: np.full(outputs, factor))
    return Affine(source, kernel, None, still(frame), groups, place=place)
