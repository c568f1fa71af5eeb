"""What lies around the frame between two convolutions, and what would have to lie around the first for it to be so."""

from __future__ import annotations

import msgspec
import numpy as np

from npusim.ir import Shape
from npusim.ops.base import Array
from npusim.transform.collapse.affine import Affine, Numbers, Refusal, numbers
from npusim.transform.collapse.kernels import summed, with_channel

CLOSE = 1e-12  # relative: what float64 makes of one number in two ways


def surroundings(each: Affine) -> Array:
    """What it would make beyond the frame, where all its taps fall on its padding: [outputs]."""
    level = np.full(each.inputs + each.ones, each.border)
    if each.ones:
        level[-1] = 0  # the channel of ones is surrounded by zeros
    made = summed(each.kernel.array, each.groups, level) if each.border else np.zeros(each.outputs)
    return made if each.bias is None else made + each.bias.array


def padded(first: Affine, then: Affine, pad_intermediate: bool) -> Affine | Refusal:
    """``first`` with as many more outputs around as ``then`` pads it with, where they are what ``then`` pads with."""
    window = then.window
    if not window.is_padded:
        return first
    reach = _reach(first, window.before, window.after)
    sizes = f"by {_sizes(window.before, window.after)} with {then.border:g}"
    if reach:
        return Refusal(
            f"{then.place} pads what {first.place} makes {sizes}, where the {reach} taps of {first.place} would still "
            "reach into the frame: the borders would differ"
        )
    away = surroundings(first) - then.border
    if not away.any():
        return _extended(first, window.before, window.after)
    if not pad_intermediate:
        return Refusal(
            f"{then.place} pads what {first.place} makes {sizes}, where its bias goes on beyond the frame and is up to "
            f"{np.abs(away).max():.3g} off: the borders would differ (--pad-intermediate does it exactly)"
        )
    changed = _bordered(first, then.border) or _with_ones(first, then.border)
    return changed if isinstance(changed, Refusal) else _extended(changed, window.before, window.after)


def _reach(first: Affine, before: Shape, after: Shape) -> str:
    """The kernel of ``first``, where some output outside its frame depends on the frame; empty where none does.

    The output at -1 has its last tap at (k - 1) * d - s - p; the first one after the last has its first tap at least
    p + 1 - (1 + (k - 1) * d) behind the frame's end, whatever remainder the stride leaves.
    """
    window = first.window
    for axis, size in enumerate(first.taps):
        span = (size - 1) * window.dilations[axis]
        early = before[axis] and span >= window.before[axis] + window.strides[axis]
        late = after[axis] and span > window.after[axis]
        if early or late:
            return "x".join(map(str, first.taps))
    return ""


def _extended(first: Affine, before: Shape, after: Shape) -> Affine:
    window = first.window
    more = [
        tuple(own + s * extra for own, s, extra in zip(sides, window.strides, given, strict=True))
        for sides, given in ((window.before, before), (window.after, after))
    ]
    return msgspec.structs.replace(first, window=msgspec.structs.replace(window, before=more[0], after=more[1]))


def _bordered(first: Affine, wanted: float) -> Affine | None:
    """With one number around its source, of which it makes what is wanted; None where there is no such number.

    Every output wants number * (sum of its kernel) + bias = wanted.
    """
    if first.window.is_padded or first.ones:
        return None
    sums = summed(first.kernel.array, first.groups, np.ones(first.inputs))
    missing = wanted - surroundings(msgspec.structs.replace(first, border=0.0))
    free = sums != 0
    found = missing[free] / sums[free]
    if missing[~free].any() or not free.any() or not np.allclose(found, found[0], rtol=CLOSE, atol=0):
        return None
    return msgspec.structs.replace(first, border=float(found[0]))


def _with_ones(first: Affine, wanted: float) -> Affine | Refusal:
    """Its bias as the kernel of one more input that holds ones: zeros around that end the bias with the frame."""
    if first.window.is_padded or any(size != 1 for size in first.taps):
        return Refusal(f"{first.place} makes more or fewer positions than it reads, so that no padding ends its bias")
    kernel, bias = first.kernel, first.bias

    def widened() -> Array:
        level = (np.zeros(first.outputs) if bias is None else bias.array) - wanted
        if first.ones:
            grown = kernel.array.copy()
            grown[:, -1] += level.reshape(-1, *(1,) * len(first.taps))
            return grown
        return with_channel(kernel.array, first.groups, level)

    shape = (first.outputs, first.inputs + 1, *first.taps)
    rest = Numbers((first.outputs,), lambda: np.full(first.outputs, wanted)) if wanted else None
    made = numbers(shape, widened, kernel, bias)
    return msgspec.structs.replace(first, kernel=made, bias=rest, groups=1, ones=True, border=0.0)


def _sizes(before: Shape, after: Shape) -> str:
    """``1``, or each size where they differ."""
    every = (*before, *after)
    return str(every[0]) if len(set(every)) == 1 else ",".join(map(str, every))
