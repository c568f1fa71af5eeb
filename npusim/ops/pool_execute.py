"""What pooling computes: each tap of the window is one pass over a padded frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from npusim.ir import Shape
from npusim.ops.arrays import as_type
from npusim.ops.base import Array, Call, array, known, optional
from npusim.ops.conv import windows
from npusim.ops.frames import reach, region, taps
from npusim.ops.pool import channels_last, kernel_of, shape_after_unpool
from npusim.ops.quantised import real, requantised


class _Windows:
    """The windows of a pooling over [N, C, positions...]."""

    def __init__(self, call: Call, frame: Shape) -> None:
        self.frame, self.kernel = frame, kernel_of(call, len(frame))
        geometry = windows(call, frame, self.kernel, ceil=bool(call.attrs.get("ceil_mode", 0)))
        self.out, self.stride, self.dilation, self.before, self.after = geometry

    def padded(self, x: Array, fill: float) -> Array:
        """The frame with what the windows reach of its padding."""
        starts = [-b for b in self.before]
        size = reach(self.out, self.kernel, self.stride, self.dilation)
        return region(x, starts, [a + s for a, s in zip(starts, size, strict=True)], fill)

    def taps(self, padded: Array) -> list[tuple[tuple[int, ...], Array]]:
        """Each tap with what it reads: [N, C, out...]."""
        if 0 in self.out:
            return []
        every = taps(self.kernel, self.out, self.stride, self.dilation)
        return [(tap, padded[(slice(None), slice(None), *places)]) for tap, places in every]

    def empty(self, x: Array, fill: float, dtype: Any) -> Array:
        return np.full((*x.shape[:2], *self.out), fill, dtype)


def _first(call: Call, x: Array) -> Array:
    """Channels in front of the positions."""
    return np.moveaxis(x, -1, 1) if channels_last(call) else x


def _back(call: Call, y: Array) -> Array:
    return np.moveaxis(y, 1, -1) if channels_last(call) else y


# --- windows --------------------------------------------------------------------------------------------------------


def max_pool(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    """The largest element of each window and where it stands in the whole input, counted row by row or, with
    ``storage_order`` 1, with the first spatial axis running fastest. The first of equal ones counts.
    """
    x = _first(call, array(call, arrays, 0))
    at = _Windows(call, x.shape[2:])
    low = np.iinfo(x.dtype).min if x.dtype.kind in "iu" else -np.inf
    y = at.empty(x, low, x.dtype)
    if call.n_outs == 1:
        for _, seen in at.taps(at.padded(x, low)):
            np.maximum(y, seen, out=y)
        return [as_type(_back(call, y), call.dtype())]
    places = _places(x.shape, bool(call.attrs.get("storage_order", 0)))
    chosen = at.empty(x, -1, np.int64)
    for (_, seen), (_, where) in zip(at.taps(at.padded(x, low)), at.taps(at.padded(places, -1)), strict=True):
        better = (where >= 0) & ((chosen < 0) | (seen > y))
        y, chosen = np.where(better, seen, y), np.where(better, where, chosen)
    return [as_type(y, call.dtype()), chosen]


def _places(shape: Shape, columns: bool) -> Array:
    """The number of each element, row by row, or column by column within each frame."""
    count = np.arange(int(np.prod(shape)), dtype=np.int64)
    if not columns:
        return count.reshape(shape)
    turned = count.reshape(*shape[:2], *reversed(shape[2:]))
    return turned.transpose(0, 1, *range(turned.ndim - 1, 1, -1))


def _sums(at: _Windows, x: Array) -> Array:
    y: Any = at.empty(x, 0, x.dtype)
    for _, seen in at.taps(at.padded(x, 0)):
        y += seen
    return np.asarray(y)


def _counts(call: Call, at: _Windows) -> Array:
    """How many positions of each window are data, or data and padding with ``count_include_pad``; 1 for none."""
    counted = bool(call.attrs.get("count_include_pad", 0))
    shares = []
    for axis, size in enumerate(at.frame):
        starts = np.arange(at.out[axis])[:, None] * at.stride[axis] - at.before[axis]
        seen = starts + np.arange(at.kernel[axis]) * at.dilation[axis]
        low, high = (-at.before[axis], size + at.after[axis]) if counted else (0, size)
        shares.append(((seen >= low) & (seen < high)).sum(axis=1))
    counts: Any = np.ones((), np.int64)
    for share in shares:
        counts = counts[..., None] * share
    return np.asarray(np.maximum(counts, 1))


def _averaged(call: Call, x: Array) -> Array:
    at = _Windows(call, x.shape[2:])
    return np.asarray(_sums(at, x) / _counts(call, at).astype(x.dtype))


def average_pool(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    x = array(call, arrays, 0)
    inner = x.astype(np.float32) if x.dtype == np.float16 else x
    return [as_type(_averaged(call, inner), call.dtype())]


def lp_pool(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    x, p = array(call, arrays, 0), float(call.attrs.get("p", 2))
    return [as_type(_sums(_Windows(call, x.shape[2:]), np.abs(x) ** p) ** (1 / p), call.dtype())]


def qlinear_average_pool(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    return _between_scales(call, arrays, lambda x: _averaged(call, x), shift_first=True)


# --- the whole frame ------------------------------------------------------------------------------------------------


def _over_frame(x: Array, reduced: Callable[..., Any]) -> Array:
    return np.asarray(reduced(x, axis=tuple(range(2, x.ndim)), keepdims=True))


def global_max_pool(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    return [as_type(_over_frame(array(call, arrays, 0), np.max), call.dtype())]


def global_average_pool(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    return [as_type(_over_frame(array(call, arrays, 0), np.mean), call.dtype())]


def global_lp_pool(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    x, p = array(call, arrays, 0), float(call.attrs.get("p", 2))
    return [as_type(_over_frame(np.abs(x) ** p, np.sum) ** (1 / p), call.dtype())]


def qlinear_global_average_pool(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    return _between_scales(call, arrays, lambda x: _over_frame(x, np.mean))


def _between_scales(
    call: Call, arrays: Sequence[Array | None], pooled: Callable[[Array], Array], *, shift_first: bool = False
) -> list[Array]:
    """Scale and zero point of the input stand in slots 1 and 2, those of the output in 3 and 4.

    Args:
        shift_first: the zero point is added before rounding, as onnxruntime does for windows; it moves some ties.
    """
    x, scale, zero = array(call, arrays, 0), array(call, arrays, 3), optional(arrays, 4)
    y = pooled(_first(call, real(x, array(call, arrays, 1), optional(arrays, 2)))) / scale.reshape(())
    if shift_first and zero is not None:
        y, zero = y + zero.reshape(()), None
    return [_back(call, requantised(y, zero, call.dtype()))]


# --- and back -------------------------------------------------------------------------------------------------------


def max_unpool(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    """Each element goes to the place that its index names in an output of the shape before padding; zeros elsewhere."""
    x, places = array(call, arrays, 0), array(call, arrays, 1)
    inferred, wanted = shape_after_unpool(call), known(call, arrays).ints("output_shape", 2)
    y = np.zeros(int(np.prod(inferred)), x.dtype)
    y[places.reshape(-1)] = x.reshape(-1)
    y = y.reshape(inferred)
    if wanted is None or tuple(wanted) == inferred:
        return [y]
    whole = np.zeros(wanted, x.dtype)
    whole[tuple(slice(size) for size in inferred)] = y[tuple(slice(size) for size in wanted)]
    return [whole]
