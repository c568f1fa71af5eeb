"""When two linear steps are one convolution, exactly and borders included, and which one: one after another, or added.

Each function returns a Refusal, with the numbers of the place, where they are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

import msgspec
import numpy as np

from npusim.ir import Shape
from npusim.ops.base import Array
from npusim.transform.collapse.affine import Affine, Numbers, Refusal, Window, numbers
from npusim.transform.collapse.border import padded, surroundings
from npusim.transform.collapse.kernels import Grid, columns_scaled, composed, rows_scaled, spread, summed

# --- one after another ----------------------------------------------------------------------------------------------


def compose(first: Affine, then: Affine, *, pad_intermediate: bool = False) -> Affine | Refusal:
    """``then`` of what ``first`` makes, as one convolution of the first's source.

    Exact where nothing is padded between them, or where the padding is what ``first`` would make of the padding of its
    own source; ``pad_intermediate`` changes that padding where this makes it so.
    """
    if then.ones:
        return Refusal(f"{then.place} has a channel of ones of its own, which belongs to the frame of {first.place}")
    if first.window.fixed is not None or then.window.fixed is not None:
        return _beside_fixed(first, then)
    inner = padded(first, then, pad_intermediate)
    if isinstance(inner, Refusal):
        return inner
    a, b = inner.window, then.window
    steps = tuple(s * d for s, d in zip(a.strides, b.dilations, strict=True))
    grid = Grid(inner.taps, a.dilations, then.taps, steps)
    strides = tuple(s * t for s, t in zip(a.strides, b.strides, strict=True))
    return _one(inner, then, msgspec.structs.replace(a, strides=strides, dilations=grid.dilation), grid)


def _beside_fixed(first: Affine, then: Affine) -> Affine | Refusal:
    """A window that depends on the frame, or is transposed, with what is done at each position before or after it."""
    if first.window.fixed is not None:
        if not then.is_pointwise:
            return Refusal(f"{then.place} moves across the frame behind {_fixed(first)}")
        window = first.window
    else:
        if not first.is_pointwise:
            return Refusal(f"{first.place} moves across the frame in front of {_fixed(then)}")
        level = surroundings(first)
        if level.any():
            what = f"up to {np.abs(level).max():.3g}"
            return Refusal(f"{_fixed(then)} sees zeros where {first.place} would make {what}")
        window = then.window
    ones = (1,) * len(first.taps)
    return _one(first, then, window, Grid(first.taps, ones, then.taps, ones))


def _fixed(each: Affine) -> str:
    if each.window.op == "ConvTranspose":
        return f"the transposed {each.place}"
    return f"{each.place}, whose padding depends on the frame (auto_pad with a stride)"


def _one(first: Affine, then: Affine, window: Window, grid: Grid) -> Affine:
    a, b = first.kernel, then.kernel
    groups = gcd(first.groups, then.groups)
    shape = (then.outputs, (first.inputs + first.ones) // groups, *grid.size)

    def kernel() -> Array:
        if then.is_diagonal:
            return rows_scaled(a.array, b.array)
        if first.is_diagonal:
            return columns_scaled(b.array, then.groups, a.array)
        return composed(a.array, first.groups, b.array, then.groups, grid)

    return Affine(
        first.source, numbers(shape, kernel, a, b), _carried(first, then), window, groups, first.border, first.ones,
        then.place, (*first.through, *then.through), (*first.kinds, *then.kinds),
    )  # fmt: skip


def _carried(first: Affine, then: Affine) -> Numbers | None:
    """The bias of both."""
    inner, own = first.bias, then.bias
    if inner is None:
        return own

    def bias() -> Array:
        made = summed(then.kernel.array, then.groups, inner.array)
        return made if own is None else made + own.array

    return numbers((then.outputs,), bias, inner, then.kernel, own)


# --- added ----------------------------------------------------------------------------------------------------------


def add(a: Affine, b: Affine) -> Affine | Refusal:
    """The sum of two convolutions of one tensor, whose outputs are of one shape.

    A result of one channel stands for all channels of the other (ONNX broadcasting).
    """
    if a.window.strides != b.window.strides:
        return Refusal(f"{a.place} and {b.place} move by different strides")
    if a.window.fixed is not None or b.window.fixed is not None:
        if a.window != b.window or a.taps != b.taps:
            fixed, other = (a, b) if a.window.fixed is not None else (b, a)
            return Refusal(f"{_fixed(fixed)} and {other.place} are aligned by the frame's size")
        return _sum(a, b, a.window, a.taps, ((0,) * len(a.taps),) * 2)
    if a.border != b.border and a.window.is_padded and b.window.is_padded:
        return Refusal(f"{a.place} and {b.place} have other numbers around the frame ({a.border:g} and {b.border:g})")
    if (a.ones or b.ones) and (a.border or b.border):
        return Refusal(f"{a.place} and {b.place} have ones and {a.border or b.border:g} around the frame")
    if _room(a) != _room(b):
        return Refusal(f"{a.place} and {b.place} are of one size for some frames alone")
    low = tuple(min(-p, -q) for p, q in zip(a.window.before, b.window.before, strict=True))
    high = tuple(map(max, _ends(a), _ends(b)))
    steps = tuple(_common(a, b, axis) for axis in range(len(low)))
    size = tuple((h - at) // step + 1 for h, at, step in zip(high, low, steps, strict=True))
    before = tuple(-at for at in low)
    after = tuple(room + h + 1 for room, h in zip(_room(a), high, strict=True))
    starts = tuple(
        tuple((-p - at) // step for p, at, step in zip(each.window.before, low, steps, strict=True)) for each in (a, b)
    )
    return _sum(a, b, Window(a.window.strides, steps, before, after), size, starts)


def _ends(each: Affine) -> Shape:
    """The last position that an output at 0 depends on."""
    window = each.window
    sides = zip(each.taps, window.dilations, window.before, strict=True)
    return tuple((size - 1) * step - before for size, step, before in sides)


def _room(each: Affine) -> Shape:
    """Outputs minus inputs at stride 1."""
    window = each.window
    sides = zip(each.taps, window.dilations, window.before, window.after, strict=True)
    return tuple(before + after - (size - 1) * step - 1 for size, step, before, after in sides)


def _common(a: Affine, b: Affine, axis: int) -> int:
    """The step of a grid that holds the taps of both."""
    steps = [each.window.dilations[axis] if each.taps[axis] > 1 else 0 for each in (a, b)]
    return gcd(*steps, a.window.before[axis] - b.window.before[axis]) or 1


def _sum(a: Affine, b: Affine, window: Window, size: Shape, starts: tuple[Shape, ...]) -> Affine:
    ones = a.ones or b.ones
    parts = [_broadcast(each, max(a.outputs, b.outputs), ones) for each in (a, b)]
    groups = 1 if ones else gcd(*(each.groups for each in parts))

    def kernel() -> Array:
        grids = []
        for each, start in zip(parts, starts, strict=True):
            steps = each.window.dilations if each.window.fixed is None else (1,) * len(size)
            near = tuple(
                step // common if taps > 1 else 1
                for step, common, taps in zip(steps, window.dilations, each.taps, strict=True)
            )
            grids.append(spread(each.kernel.array, each.groups, groups, start, near, size))
        return grids[0] + grids[1]

    one, other = parts
    inputs = one.kernel.shape[1] * one.groups
    border = a.border if a.window.is_padded else b.border
    bias = _bias_sum([each.bias for each in parts], one.outputs)
    return Affine(
        a.source, numbers((one.outputs, inputs // groups, *size), kernel, one.kernel, other.kernel), bias, window,
        groups, border, ones, f"{a.place} + {b.place}", (*a.through, *b.through), (*a.kinds, *b.kinds),
    )  # fmt: skip


def _bias_sum(parts: list[Numbers | None], outputs: int) -> Numbers | None:
    there = [each for each in parts if each is not None]

    def bias() -> Array:
        made: Array = np.sum([each.array for each in there], axis=0)
        return made

    return numbers((outputs,), bias, *there) if there else None


def _broadcast(each: Affine, outputs: int, ones: bool) -> Affine:
    """The same for ``outputs`` channels, where it makes one that stands for all, and with a channel of ones."""
    kernel, bias, groups = each.kernel, each.bias, each.groups
    if each.outputs != outputs:  # one output, so one group
        whole, shift = kernel, bias
        kernel = numbers((outputs, *whole.shape[1:]), lambda: np.repeat(whole.array, outputs, axis=0), whole)
        bias = shift and numbers((outputs,), lambda: np.repeat(shift.array, outputs), shift)
    if ones and not each.ones:
        narrow, parts = kernel, groups
        shape = (outputs, narrow.shape[1] * parts + 1, *narrow.shape[2:])
        none = (0,) * len(each.taps)

        def widened() -> Array:
            whole = spread(narrow.array, parts, 1, none, (1,) * len(none), each.taps)
            return np.concatenate([whole, np.zeros_like(whole[:, :1])], axis=1)

        kernel, groups = numbers(shape, widened, narrow), 1
    return msgspec.structs.replace(each, kernel=kernel, bias=bias, groups=groups, ones=ones)


def total(parts: Sequence[Affine]) -> Affine | Refusal:
    """The sum of one or more."""
    made = parts[0]
    for each in parts[1:]:
        whole = add(made, each)
        if isinstance(whole, Refusal):
            return whole
        made = whole
    return made
