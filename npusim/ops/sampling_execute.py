"""What reading at computed positions computes: GridSample and AffineGrid."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from npusim.ops.arrays import as_type
from npusim.ops.base import Array, Call, array, known
from npusim.ops.sampled import read

_CUBIC = -0.75  # Keys' coefficient (ONNX GridSample)


def grid_sample(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    """Grid places run from -1 to 1, the last axis of the frame first."""
    x, grid = array(call, arrays, 0), array(call, arrays, 1)
    aligned, padding = bool(call.attrs.get("align_corners", 0)), str(call.attrs.get("padding_mode", "zeros"))
    if padding not in ("zeros", "border", "reflection"):
        raise call.error(f"padding_mode {padding!r} is not one of zeros, border, reflection", code="bad-node")
    mode = str(call.attrs.get("mode", "linear"))
    frames = [_sample(image, np.moveaxis(places[..., ::-1], -1, 0), mode, padding, aligned=aligned)
              for image, places in zip(x, grid, strict=True)]  # fmt: skip
    return [as_type(np.stack(frames) if frames else np.zeros(call.outs[0].shape), call.dtype())]


def _sample(x: Array, places: Array, mode: str, padding: str, *, aligned: bool) -> Array:
    """[C, out...] from one image [C, positions...] and its places [axes, out...]."""
    indices, weights = [], []
    for place, size in zip(places.astype(np.float64), x.shape[1:], strict=True):
        edges = (0.0, size - 1.0) if aligned else (-0.5, size - 0.5)
        at = (place + 1) / 2 * (size - 1) if aligned else ((place + 1) * size - 1) / 2
        at = np.rint(at) if mode == "nearest" else at
        if mode not in ("cubic", "bicubic"):
            at = _held(at, size, edges, padding)
        taps, weight = _taps(at, mode)
        indices.append([_held(tap, size, edges, padding).astype(np.int64) for tap in taps])
        weights.append(weight)
    result: Any = 0
    for choice in product(*(range(len(taps)) for taps in indices)):
        share: Any = 1.0
        for axis, tap in enumerate(choice):
            share = share * weights[axis][tap]
        result = result + share * read(x, [indices[axis][tap] for axis, tap in enumerate(choice)])
    return np.asarray(result)


def _taps(at: Array, mode: str) -> tuple[list[Array], list[Any]]:
    """The whole places around each place of an axis, and their weights."""
    first = np.floor(at)
    part = at - first
    if mode == "nearest":
        return [at], [1.0]
    if mode in ("cubic", "bicubic"):
        return [first + step for step in range(-1, 3)], [_keys(part - step) for step in range(-1, 3)]
    return [first, first + 1], [1 - part, part]


def _keys(distance: Array) -> Array:
    """Cubic convolution (Keys 1981, equation 4)."""
    a, d = _CUBIC, np.abs(distance)
    inner = ((a + 2) * d - (a + 3)) * d * d + 1
    outer = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.where(d <= 1, inner, np.where(d < 2, outer, 0))


def _held(at: Array, size: int, edges: tuple[float, float], padding: str) -> Array:
    """Places brought onto the frame: the nearest of it, or as mirrors at its edges show it; zeros stay outside."""
    if padding == "border":
        return np.clip(at, 0, size - 1)
    if padding == "zeros":
        return at
    low, high = edges
    if high == low:
        return np.full_like(at, low)
    way = np.abs(at - low) % (2 * (high - low))
    return low + np.minimum(way, 2 * (high - low) - way)


def affine_grid(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    """Where each position of an output lands: matrix times (x, y, [z,] 1), from -1 to 1."""
    theta, size = array(call, arrays, 0), known(call, arrays).ints("size", 1) or ()
    aligned, axes = bool(call.attrs.get("align_corners", 0)), []
    for count in size[2:]:
        spread = aligned and count > 1  # a single position stands in the middle, as in PyTorch
        axes.append(np.linspace(-1, 1, count) if spread else (2 * np.arange(count) + 1) / count - 1)
    places = np.stack([*np.meshgrid(*axes, indexing="ij")[::-1], np.ones(size[2:])], axis=-1)
    made = np.einsum("nij,...j->n...i", theta.astype(np.float64), places)
    return [as_type(made, call.dtype())]
