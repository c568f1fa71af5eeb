"""Rearranging and sampling frames as loops: float64, one output at a time, from the definitions of ONNX."""

from __future__ import annotations

from itertools import product
from math import ceil, floor, prod
from typing import Any

import numpy as np
from sample_kit import Sample, values

Array = np.ndarray[Any, Any]


# --- depth and space ------------------------------------------------------------------------------------------------


def to_space(sample: Sample) -> list[Array]:
    """DCR: the place in a block counts slowest among the channels; CRD: fastest."""
    (x,), block = values(sample, 1), sample.attrs["blocksize"]
    channels = x.shape[1] // block**2
    y = np.zeros((len(x), channels, x.shape[2] * block, x.shape[3] * block))
    for n, c, i, j in np.ndindex(*y.shape):
        place = i % block * block + j % block
        of = c * block**2 + place if sample.attrs.get("mode") == "CRD" else place * channels + c
        y[n, c, i, j] = x[n, of, i // block, j // block]
    return [y]


def to_depth(sample: Sample) -> list[Array]:
    (x,), block = values(sample, 1), sample.attrs["blocksize"]
    y = np.zeros((len(x), x.shape[1] * block**2, x.shape[2] // block, x.shape[3] // block))
    for n, c, i, j in np.ndindex(*x.shape):
        place = i % block * block + j % block
        y[n, place * x.shape[1] + c, i // block, j // block] = x[n, c, i, j]
    return [y]


# --- resizing -------------------------------------------------------------------------------------------------------


def _origin(mode: str, at: int, size: int, made: int, scale: float) -> float:
    """Where an output lies on the input's axis."""
    if mode == "asymmetric":
        return at / scale
    if mode == "align_corners":
        return at * (size - 1) / (made - 1) if made > 1 else 0.0
    if mode == "pytorch_half_pixel" and made <= 1:
        return 0.0
    if mode == "half_pixel_symmetric":
        adjusted = made / (scale * size)
        return size / 2 * (1 - adjusted) + (at + 0.5) / scale - 0.5
    return (at + 0.5) / scale - 0.5


def _nearest(mode: str, x: float) -> int:
    if mode == "floor":
        return floor(x)
    if mode == "ceil":
        return ceil(x)
    half = x - floor(x) == 0.5
    if mode == "round_prefer_floor":
        return floor(x) if half else floor(x + 0.5)
    return ceil(x) if half else floor(x + 0.5)


def _taps(attrs: dict[str, Any], x: float, size: int) -> list[tuple[int, float]]:
    """Positions on an axis and their weights."""
    mode, first = attrs["mode"], floor(x)
    if mode == "nearest":
        return [(_nearest(attrs["nearest_mode"], x), 1.0)]
    if mode == "linear":
        return [(first, 1 - (x - first)), (first + 1, x - first)]
    a = attrs["cubic_coeff_a"]
    found = []
    for at in range(first - 1, first + 3):
        d = abs(x - at)
        near, far = (a + 2) * d**3 - (a + 3) * d**2 + 1, a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a
        found.append((at, near if d <= 1 else far))
    if attrs["exclude_outside"]:
        kept = [(at, share) for at, share in found if 0 <= at < size]
        total = sum(share for _, share in kept)
        return [(at, share / total) for at, share in kept]
    return found


def resize(sample: Sample) -> list[Array]:
    """Each output from its taps on every axis; positions outside are those at the edge."""
    x, _, scales, sizes = values(sample, 4)
    attrs = sample.attrs
    factors = [float(each) for each in scales] if scales is not None else []
    wanted = [floor(size * f) for size, f in zip(x.shape, factors, strict=True)] if factors else list(map(int, sizes))
    factors = factors or [made / size for made, size in zip(wanted, x.shape, strict=True)]
    y = np.zeros(wanted)
    for at in np.ndindex(*y.shape):
        taps = [[(at[0], 1.0)], [(at[1], 1.0)]]
        for axis in (2, 3):
            size, made = x.shape[axis], wanted[axis]
            origin = _origin(attrs["coordinate_transformation_mode"], at[axis], size, made, factors[axis])
            taps.append(_taps(attrs, origin, size))
        for each in product(*taps):
            place = tuple(min(max(p, 0), size - 1) for (p, _), size in zip(each, x.shape, strict=True))
            y[at] += x[place] * prod(share for _, share in each)
    return [y]


# --- grids ----------------------------------------------------------------------------------------------------------


def _mirrored(at: float, low: float, high: float) -> float:
    """The way between the edges is walked to and fro."""
    if high <= low:
        return low
    way = (at - low) % (2 * (high - low))
    return low + (way if way <= high - low else 2 * (high - low) - way)


def grid(sample: Sample) -> list[Array]:
    """Linear and nearest: each output between its neighbours; the last axis of the grid names the innermost first."""
    x, places = values(sample, 2)
    attrs, frame = sample.attrs, x.shape[2:]
    aligned, padding = attrs["align_corners"], attrs["padding_mode"]
    y = np.zeros((*x.shape[:2], *places.shape[1:-1]))
    for n, c, *at in np.ndindex(*y.shape):
        taps = []
        for axis, size in enumerate(frame):
            unit = float(places[(n, *at, len(frame) - 1 - axis)])
            place = (unit + 1) / 2 * (size - 1) if aligned else ((unit + 1) * size - 1) / 2
            if padding == "border":
                place = min(max(place, 0.0), size - 1.0)
            if padding == "reflection":
                place = _mirrored(place, 0.0, size - 1.0) if aligned else _mirrored(place, -0.5, size - 0.5)
                place = min(max(place, 0.0), size - 1.0)
            first = floor(place)
            whole = [(round(place), 1.0)]  # half to even, as onnxruntime rounds
            taps.append(
                whole if attrs["mode"] == "nearest" else [(first, first + 1 - place), (first + 1, place - first)]
            )
        for each in product(*taps):
            spot = tuple(p for p, _ in each)
            if all(0 <= p < size for p, size in zip(spot, frame, strict=True)):
                y[(n, c, *at)] += x[(n, c, *spot)] * prod(share for _, share in each)
    return [y]


# --- signals --------------------------------------------------------------------------------------------------------


def transform(sample: Sample) -> list[Array]:
    """The definition: each frequency is a sum over the signal, cut or filled up with zeros."""
    x, length, given = values(sample, 3)
    attrs = sample.attrs
    axis = attrs.get("axis", 1) if sample.opset < 20 else int(given)
    signal = x[..., 0] + (1j * x[..., 1] if x.shape[-1] == 2 else 0)
    signal = np.moveaxis(signal, axis % (x.ndim) if axis >= 0 else axis + 1, -1)
    count = signal.shape[-1] if length is None else int(length)
    sign, shared = (1, count) if attrs.get("inverse") else (-1, 1)
    bins = count // 2 + 1 if attrs.get("onesided") else count
    y = np.zeros((*signal.shape[:-1], bins), complex)
    for *at, k in np.ndindex(*y.shape):
        for t in range(min(count, signal.shape[-1])):
            y[(*at, k)] += signal[(*at, t)] * np.exp(sign * 2j * np.pi * k * t / count) / shared
    y = np.moveaxis(y, -1, axis if axis >= 0 else axis + 1)
    return [np.stack([y.real, y.imag], axis=-1)]


def loss(sample: Sample) -> list[Array]:
    """Minus the element that the target names, weighted by its class; the mean is over the weights."""
    x, targets, weights = values(sample, 3)
    attrs = sample.attrs
    y, shares = np.zeros(targets.shape), np.zeros(targets.shape)
    for n, *at in np.ndindex(*targets.shape):
        target = int(targets[(n, *at)])
        share = 1.0 if weights is None else float(weights[target])
        shares[(n, *at)] = 0.0 if target == attrs.get("ignore_index") else share
        y[(n, *at)] = -float(x[(n, target, *at)]) * shares[(n, *at)]
    if attrs["reduction"] == "none":
        return [y]
    total = sum(map(float, y.reshape(-1)))
    return [np.array(total if attrs["reduction"] == "sum" else total / sum(map(float, shares.reshape(-1))))]
