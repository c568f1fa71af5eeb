"""Reading a frame between its positions."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from npusim.ops.base import Array


def sampled(x: Array, at: Array) -> Array:
    """Multilinear interpolation of [C, positions...] at the places [axes, ...]; zeros stand outside the frame.

    Returns [C, ...].
    """
    first = np.floor(at).astype(np.int64)
    part = at - first
    result: Any = np.zeros((x.shape[0], *at.shape[1:]), np.result_type(x.dtype, np.float32))
    for corner in product((0, 1), repeat=at.shape[0]):
        weight: Any = np.ones(at.shape[1:], result.dtype)
        for axis, far in enumerate(corner):
            weight = weight * (part[axis] if far else 1 - part[axis])
        result += read(x, [first[axis] + far for axis, far in enumerate(corner)]) * weight
    return np.asarray(result)


def read(x: Array, places: list[Array]) -> Array:
    """Elements of [C, positions...] at whole places, one array an axis; zero outside."""
    inside: Any = np.ones(places[0].shape, bool)
    for place, size in zip(places, x.shape[1:], strict=True):
        inside = inside & (place >= 0) & (place < size)
    if 0 in x.shape[1:]:
        return np.zeros((x.shape[0], *places[0].shape), x.dtype)
    held = (np.clip(place, 0, size - 1) for place, size in zip(places, x.shape[1:], strict=True))
    chosen: tuple[Any, ...] = (slice(None), *held)
    return np.asarray(np.where(inside, x[chosen], 0))
