"""What convolutions compute: windows as columns of a matrix, a block of rows at a time, times the weights."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import msgspec
import numpy as np

from npusim.ir import Shape
from npusim.ops.arrays import as_type
from npusim.ops.base import Array, Call, array, optional
from npusim.ops.conv import transposed_windows, windows
from npusim.ops.frames import along_channels, blocks, reach, region, taps, windowed
from npusim.ops.functions import fused
from npusim.ops.quantised import requantised, shifted
from npusim.ops.sampled import sampled

# --- products -------------------------------------------------------------------------------------------------------


class Geometry(msgspec.Struct, frozen=True):
    """Of each spatial axis: output positions, step of the window, distance of its taps, padding or cropping before."""

    out: Shape
    stride: Shape
    dilation: Shape
    before: Shape


def convolve(x: Array, weights: Array, groups: int, at: Geometry) -> Array:
    """Cross-correlation of [N, C, positions...] with [K, C / groups, taps...], zeros around the frame.

    Integers are summed as float64, which holds every sum of products of eight bits exactly.
    """
    inner = _inner(x.dtype)
    kernel, (channels, _), count = weights.shape[2:], weights.shape[:2], x.shape[1] // groups
    matrix = weights.astype(inner, copy=False).reshape(groups, channels // groups, count * prod(kernel))
    y = np.empty((x.shape[0], channels, *at.out), inner)
    row_bytes = matrix.shape[2] * groups * prod(at.out[1:]) * inner.itemsize
    for first, last in blocks(at.out[0] if y.size else 0, row_bytes):
        out = (last - first, *at.out[1:])
        starts = (first * at.stride[0] - at.before[0], *(-b for b in at.before[1:]))
        size = reach(out, kernel, at.stride, at.dilation)
        for image, made in zip(x, y, strict=True):
            block = region(image, starts, [a + s for a, s in zip(starts, size, strict=True)])
            columns = windowed(block.astype(inner, copy=False), kernel, out, at.stride, at.dilation)
            product = np.matmul(matrix, columns.reshape(groups, matrix.shape[2], prod(out)))
            made[:, first:last] = product.reshape(channels, *out)
    return y


def scatter(x: Array, weights: Array, groups: int, at: Geometry) -> Array:
    """Transposed convolution of [N, C, positions...] with [C, K / groups, taps...]: each input adds a kernel."""
    inner = _inner(x.dtype)
    kernel, frame, each = weights.shape[2:], x.shape[2:], weights.shape[1]
    shape = (groups, weights.shape[0] // groups, each * prod(kernel))
    matrix = weights.astype(inner, copy=False).reshape(shape).transpose(0, 2, 1)
    y = np.zeros((x.shape[0], groups * each, *at.out), inner)
    row_bytes = matrix.shape[1] * groups * prod(frame[1:]) * inner.itemsize
    for first, last in blocks(frame[0] if x.size else 0, row_bytes):
        rows = (last - first, *frame[1:])
        spread = np.zeros((groups * each, *reach(rows, kernel, at.stride, at.dilation)), inner)
        for image, made in zip(x, y, strict=True):
            block = image[:, first:last].astype(inner, copy=False).reshape(groups, shape[1], prod(rows))
            columns = np.matmul(matrix, block).reshape(groups * each, *kernel, *rows)
            spread[...] = 0
            for tap, places in taps(kernel, rows, at.stride, at.dilation):
                spread[(slice(None), *places)] += columns[(slice(None), *tap)]
            _add(made, spread, (first * at.stride[0] - at.before[0], *(-b for b in at.before[1:])))
    return y


def _add(frame: Array, part: Array, at: Sequence[int]) -> None:
    """Adds what of ``part``, whose first element stands at ``at``, lies within the frame."""
    inside = [
        (max(a, 0), max(min(a + size, whole), a, 0))
        for a, size, whole in zip(at, part.shape[1:], frame.shape[1:], strict=True)
    ]
    frame[(slice(None), *(slice(low, high) for low, high in inside))] += part[
        (slice(None), *(slice(low - a, high - a) for (low, high), a in zip(inside, at, strict=True)))
    ]


def _inner(dtype: Any) -> Any:
    """The type that sums are made in: half precision as float32, integers as float64."""
    return np.dtype(np.float32 if dtype in (np.float16, np.float32) else np.float64)


# --- operators ------------------------------------------------------------------------------------------------------


def _forward(call: Call, x: Array, weights: Array) -> Array:
    return convolve(x, weights, int(call.attrs.get("group", 1)), _geometry(call, x, weights))


def _geometry(call: Call, x: Array, weights: Array) -> Geometry:
    return Geometry(*windows(call, x.shape[2:], weights.shape[2:])[:4])


def _biased(y: Array, bias: Array | None) -> Array:
    if bias is not None:
        y += along_channels(bias, y.ndim - 2)
    return y


def conv(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    y = _forward(call, array(call, arrays, 0), array(call, arrays, 1))
    return [as_type(_biased(y, optional(arrays, 2)), call.dtype())]


def conv_transpose(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    x, weights = array(call, arrays, 0), array(call, arrays, 1)
    at = Geometry(*transposed_windows(call, x.shape[2:], weights.shape[2:]))
    y = scatter(x, weights, int(call.attrs.get("group", 1)), at)
    return [as_type(_biased(y, optional(arrays, 2)), call.dtype())]


def fused_conv(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    """A convolution, its fourth input added, its activation applied."""
    y = _biased(_forward(call, array(call, arrays, 0), array(call, arrays, 1)), optional(arrays, 2))
    added = optional(arrays, 3)
    given = call.attrs.get("activation_params", ())
    return [as_type(fused(call, y if added is None else y + added, given), call.dtype())]


def conv_integer(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    """Zero points are taken off first, so that padding is the zero point."""
    x = shifted(array(call, arrays, 0), optional(arrays, 2))
    weights = shifted(array(call, arrays, 1), optional(arrays, 3), axis=0)
    return [as_type(_forward(call, x, weights), call.outs[0].dtype)]


def qlinear_conv(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    x_scale, w_scale, y_scale = (array(call, arrays, slot) for slot in (1, 4, 6))
    x = shifted(array(call, arrays, 0), optional(arrays, 2))
    weights = shifted(array(call, arrays, 3), optional(arrays, 5), axis=0)
    y = _biased(_forward(call, x, weights), optional(arrays, 8))
    factor = x_scale.reshape(()) * w_scale / y_scale.reshape(())
    if factor.size > 1:
        factor = along_channels(factor, y.ndim - 2)
    return [requantised(y.astype(np.float32) * factor, optional(arrays, 7), call.outs[0].dtype)]


def causal_conv(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    """A depthwise convolution of the present and earlier positions; the last of them are the state of the next call."""
    x, weights, bias, past = array(call, arrays, 0), array(call, arrays, 1), optional(arrays, 2), optional(arrays, 3)
    kept = weights.shape[2] - 1
    if past is None:
        past = np.zeros((*x.shape[:2], kept), x.dtype)
    whole = np.concatenate([past, x], axis=2)
    at = Geometry(x.shape[2:], (1,), (1,), (0,))
    y = _biased(convolve(whole, weights, x.shape[1], at), bias)
    if call.attrs.get("activation", "none") != "none":
        y = fused(call, y, ())
    return [as_type(y, call.dtype()), as_type(whole[:, :, whole.shape[2] - kept :], call.dtype())]


def deform_conv(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    """Each tap reads between positions, at an offset of its own, scaled by the mask (ONNX DeformConv)."""
    x, weights, offset = (array(call, arrays, slot) for slot in range(3))
    mask, at, kernel = optional(arrays, 4), _geometry(call, x, weights), weights.shape[2:]
    groups, parts = (int(call.attrs.get(name, 1)) for name in ("group", "offset_group"))
    offset = offset.reshape(x.shape[0], parts, *kernel, len(kernel), *at.out)
    scale = None if mask is None else mask.reshape(x.shape[0], parts, *kernel, *at.out)
    split = x.reshape(x.shape[0], parts, x.shape[1] // parts, *x.shape[2:])
    columns = np.empty((*split.shape[:3], *kernel, *at.out), _inner(x.dtype))
    for index in np.ndindex(x.shape[0], parts, *kernel):
        image, part, *tap = index
        read = sampled(split[image, part], _grid(at, tap) + offset[index])
        columns[(image, part, slice(None), *tap)] = read if scale is None else read * scale[index]
    matrix = weights.reshape(groups, weights.shape[0] // groups, prod(weights.shape[1:]))
    product = np.matmul(matrix, columns.reshape(x.shape[0], groups, matrix.shape[2], prod(at.out)))
    y = _biased(product.reshape(x.shape[0], weights.shape[0], *at.out), optional(arrays, 3))
    return [as_type(y, call.dtype())]


def _grid(at: Geometry, tap: Sequence[int]) -> Array:
    """Where a tap of each window stands on the frame: [axes, out]."""
    steps = zip(at.out, at.stride, at.before, tap, at.dilation, strict=True)
    axes = [np.arange(out) * stride - before + place * apart for out, stride, before, place, apart in steps]
    return np.stack(np.meshgrid(*axes, indexing="ij"))
