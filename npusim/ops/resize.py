"""Resize and Upsample: another number of positions an axis, each interpolated from its neighbours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import msgspec
import numpy as np

from npusim.ir import Shape
from npusim.ops.arrays import as_type
from npusim.ops.base import (
    Array,
    Box,
    Call,
    Op,
    Seen,
    Spec,
    Work,
    array,
    known,
    no_work,
    optional,
    passes,
    register,
)
from npusim.ops.reduce import axes_of

_SUPPORT = {"nearest": 0, "linear": 1, "bilinear": 1, "trilinear": 1, "cubic": 2}  # neighbours on either side
_OLD_OPERANDS = 2  # Resize of opset 10 has X and scales; from 11 on also the region and sizes


class _Plan(msgspec.Struct, frozen=True):
    """For each axis of the input, the size of the output and the factor between them."""

    sizes: Shape
    scales: tuple[float, ...]


def _resized(size: int, scale: float) -> int:
    return math.floor(size * scale)


def _half_up(value: float) -> int:
    return math.floor(value + 0.5)


def _mode(call: Call) -> str:
    mode = str(call.attrs.get("mode", "nearest"))
    if mode not in _SUPPORT:
        raise call.error(f"mode {mode!r} is not one of {', '.join(_SUPPORT)}", code="bad-node")
    return mode


def _is_old(call: Call) -> bool:
    return call.op == "Upsample" or len(call.ins) == _OLD_OPERANDS


def _cropping(call: Call) -> bool:
    return bool(call.attrs.get("coordinate_transformation_mode") == "tf_crop_and_resize")


def _plan(call: Call) -> _Plan:
    shape = call.shape(0)
    rank = len(shape)
    axes = axes_of(call, call.ints("axes"), rank) or tuple(range(rank))
    sizes = None if _is_old(call) else call.ints("sizes", 3)
    if sizes:
        if len(sizes) != len(axes):
            raise call.error(f"sizes {sizes} are not one for each of {len(axes)} axes")
        return _by_sizes(call, axes, sizes)
    scales = call.floats("scales", 1 if _is_old(call) else 2) or ()
    if len(scales) != len(axes) or any(scale <= 0 for scale in scales):
        raise call.error(f"scales {scales} are not one factor > 0 for each of {len(axes)} axes")
    full = [1.0] * rank
    for axis, scale in zip(axes, scales, strict=True):
        full[axis] = scale
    cropped = _crop(call, axes, rank)
    return _Plan(tuple(_resized(s, f * c) for s, f, c in zip(shape, full, cropped, strict=True)), tuple(full))


def _by_sizes(call: Call, axes: Shape, wanted: Shape) -> _Plan:
    shape, out = call.shape(0), list(call.shape(0))
    scales = [1.0] * len(shape)
    for axis, size in zip(axes, wanted, strict=True):
        out[axis], scales[axis] = size, size / max(shape[axis], 1)
    policy = call.attrs.get("keep_aspect_ratio_policy", "stretch")
    if policy != "stretch":
        factor = (min if policy == "not_larger" else max)(scales[axis] for axis in axes)
        for axis in axes:
            out[axis], scales[axis] = _half_up(factor * shape[axis]), factor
    return _Plan(tuple(out), tuple(scales))


def _crop(call: Call, axes: Shape, rank: int) -> list[float]:
    """The share of each axis that tf_crop_and_resize keeps; 1 in all other modes."""
    share = [1.0] * rank
    if _cropping(call):
        roi = call.floats("roi", 1) or ()
        if len(roi) != 2 * len(axes):
            raise call.error(f"roi {roi} does not give a start and an end for each of {len(axes)} axes")
        for axis, start, end in zip(axes, roi, roi[len(axes) :], strict=False):
            share[axis] = end - start
    return share


def _infer(call: Call) -> list[Spec]:
    return [(_plan(call).sizes, call.dtype())]


def _work(call: Call) -> Work:
    """Interpolation takes one operation a neighbour; copying the nearest moves data. Antialiasing widens the filter."""
    support, taps = _SUPPORT[_mode(call)], 1
    shape, out = call.shape(0), call.outs[0].shape
    if shape == out and not _cropping(call):
        return no_work(call)
    for size, made in zip(shape, out, strict=True):
        if size != made and support:
            shrink = -(-size // made) if call.attrs.get("antialias", 0) and 0 < made < size else 1
            taps *= 2 * support * shrink
    return passes(call, "resize", taps * call.outs[0].elements if support else 0)


# --- reach ----------------------------------------------------------------------------------------------------------

# Those in which a position's origin depends on the place alone, not on where the frame ends.
_SHIFTING = ("asymmetric", "half_pixel", "pytorch_half_pixel")
_FINEST = 1024  # scales are fractions with denominators up to here, such as 2/3 in float32


def _reach(call: Call, number: int, box: Box) -> list[Seen | None]:  # noqa: ARG001 - as every rule
    """The neighbours of each position's origin; all of an axis where origins depend on where the frame ends."""
    plan, shape = _plan(call), call.shape(0)
    place = call.attrs.get("coordinate_transformation_mode", "half_pixel")
    shifts = _is_old(call) or place in _SHIFTING
    seen: list[tuple[int, int] | str | None] = []
    for axis, entry in enumerate(box):
        scale = Fraction(plan.scales[axis]).limit_denominator(_FINEST)
        if isinstance(entry, str) or (scale == 1 and plan.sizes[axis] == shape[axis]):
            seen.append(entry)
        else:
            alone = place == "pytorch_half_pixel" and plan.sizes[axis] <= 1  # a single position lies elsewhere
            seen.append(_neighbours(call, scale, entry) if shifts and not alone else None)
    return [tuple(seen), *(None for _ in call.ins[1:])]


def _neighbours(call: Call, scale: Fraction, entry: tuple[int, int]) -> tuple[int, int]:
    """Input positions that output positions are interpolated from; a piece must be long enough to make them all."""
    period = 2 * math.ceil(scale) + 2  # positions, over which the first and the last one read are looked for
    ends = {*range(entry[0], min(entry[1], entry[0] + period)), *range(max(entry[0], entry[1] - period), entry[1])}
    spans = [_taps(call, scale, at) for at in ends]
    room = -(-entry[1] * scale.denominator // scale.numerator)
    return min(low for low, _ in spans), max(*(high + 1 for _, high in spans), room)


def _taps(call: Call, scale: Fraction, at: int) -> tuple[int, int]:
    """The first and the last input position that an output position reads."""
    mode = call.attrs.get("coordinate_transformation_mode", "asymmetric" if _is_old(call) else "half_pixel")
    half = Fraction(1, 2)
    origin = Fraction(at) / scale if mode == "asymmetric" else (at + half) / scale - half
    support = _SUPPORT[_mode(call)]
    if not support:
        chosen = int(_nearest(call, np.array([float(origin)]), float(scale))[0])
        return chosen, chosen
    shrink = max(1 / scale, Fraction(1)) if call.attrs.get("antialias", 0) else Fraction(1)
    reach = support * shrink
    low, high = math.floor(origin - reach) + 1, math.ceil(origin + reach) - 1
    return (int(origin), int(origin)) if origin.denominator == 1 and shrink == 1 else (low, high)


# --- values ---------------------------------------------------------------------------------------------------------


def _origins(call: Call, size: int, made: int, scale: float, region: tuple[float, float]) -> Array:
    """Where each output position lies on the input's axis (ONNX Resize, coordinate_transformation_mode)."""
    default = "asymmetric" if _is_old(call) else "half_pixel"
    mode, at = call.attrs.get("coordinate_transformation_mode", default), np.arange(made, dtype=np.float64)
    if mode == "asymmetric":
        return at / scale
    if mode == "align_corners":
        return at * ((size - 1) / (made - 1)) if made > 1 else np.zeros(made)
    if mode == "tf_crop_and_resize":
        start, end = region
        if made > 1:
            return start * (size - 1) + at * ((end - start) * (size - 1) / (made - 1))
        return np.full(made, 0.5 * (start + end) * (size - 1))
    if mode == "pytorch_half_pixel" and made <= 1:
        return np.zeros(made)
    if mode == "half_pixel_symmetric":  # the part of a position that rounding the size cut off is shared by both ends
        return size / 2 * (1 - made / (scale * size)) + (at + 0.5) / scale - 0.5
    if mode not in ("half_pixel", "pytorch_half_pixel"):
        raise call.error(f"coordinate_transformation_mode {mode!r} is not known", code="bad-node")
    return (at + 0.5) / scale - 0.5


def _nearest(call: Call, origins: Array, scale: float) -> Array:
    mode = call.attrs.get("nearest_mode", "round_prefer_floor")
    if _is_old(call):
        mode = "ceil" if scale < 1 else "floor"
    if mode == "round_prefer_floor":
        return np.ceil(origins - 0.5)
    if mode == "round_prefer_ceil":
        return np.floor(origins + 0.5)
    return np.floor(origins) if mode == "floor" else np.ceil(origins)


def _cubic(distance: Array, a: float) -> Array:
    """Keys' cubic convolution with coefficient ``a`` (1981, equation 4)."""
    d = np.abs(distance)
    inner = ((a + 2) * d - (a + 3)) * d * d + 1
    outer = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.where(d <= 1, inner, np.where(d < 2, outer, 0))


def _matrix(call: Call, size: int, origins: Array, scale: float) -> Array:
    """[output positions, input positions]: the weight of each input in each output."""
    weights, rows = np.zeros((len(origins), size)), np.arange(len(origins))
    support, narrow = _SUPPORT[_mode(call)], min(scale, 1.0) if call.attrs.get("antialias", 0) else 1.0
    reach, first = math.ceil(support / narrow), np.floor(origins).astype(int)
    for step in range(1 - reach, reach + 1):
        index = first + step
        distance = (index - origins) * narrow
        if support == 1:
            tap = np.clip(1 - np.abs(distance), 0, 1)
        else:
            tap = _cubic(distance, float(call.attrs.get("cubic_coeff_a", -0.75)))
        if call.attrs.get("exclude_outside", 0):
            tap = np.where((index < 0) | (index >= size), 0, tap)
        np.add.at(weights, (rows, np.clip(index, 0, size - 1)), tap)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _execute(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    x, plan = array(call, arrays, 0), _plan(known(call, arrays))
    rank = len(x.shape)
    axes = axes_of(call, call.ints("axes"), rank) or tuple(range(rank))
    roi = None if _is_old(call) else optional(arrays, 1)
    cropping = _cropping(call)
    y, outside = x.astype(np.float64) if _mode(call) != "nearest" else x, np.zeros(plan.sizes, bool)
    for index, axis in enumerate(axes):
        size, made, scale = x.shape[axis], plan.sizes[axis], plan.scales[axis]
        region = (float(roi[index]), float(roi[index + len(axes)])) if cropping and roi is not None else (0.0, 1.0)
        if size == made and scale == 1 and not cropping:
            continue
        origins = _origins(call, size, made, scale, region)
        if cropping:
            beyond = (origins < 0) | (origins > size - 1)
            outside |= beyond.reshape([-1 if a == axis else 1 for a in range(rank)])
        if _mode(call) == "nearest":
            y = y.take(np.clip(_nearest(call, origins, scale), 0, size - 1).astype(int), axis)
        else:
            y = np.moveaxis(np.tensordot(_matrix(call, size, origins, scale), y, axes=(1, axis)), 0, axis)
    if outside.any():
        y = np.where(outside, float(call.attrs.get("extrapolation_value", 0.0)), y)
    return [as_type(y, call.dtype())]


register(
    Op("Resize", _infer, _work, settings=(1, 2, 3), execute=_execute, reach=_reach),
    Op("Upsample", _infer, _work, settings=(1,), execute=_execute, reach=_reach),
)
