"""What the normalisations of com.microsoft compute that add their operands first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from npusim.ops.arrays import as_type
from npusim.ops.base import Array, Call, array, optional


def _normalised(x: Array, epsilon: float, *, centred: bool) -> tuple[Array, Array, Array]:
    """The array, its mean and the inverse of its deviation, over the last axis."""
    mean = x.mean(axis=-1, keepdims=True) if centred else np.zeros((*x.shape[:-1], 1), x.dtype)
    away = x - mean
    inverse = 1 / np.sqrt((away * away).mean(axis=-1, keepdims=True) + epsilon)
    return away * inverse, mean, inverse


def _skip(call: Call, arrays: Sequence[Array | None], *, centred: bool) -> list[Array]:
    total = array(call, arrays, 0) + array(call, arrays, 1)
    bias = optional(arrays, 4 if centred else 3)
    total = total if bias is None else total + bias
    inner = total if total.dtype == np.float64 else total.astype(np.float32)
    y, mean, inverse = _normalised(inner, float(call.attrs.get("epsilon", 1e-12)), centred=centred)
    y, shift = y * array(call, arrays, 2), optional(arrays, 3) if centred else None
    return [as_type(y if shift is None else y + shift, call.dtype()), mean, inverse, as_type(total, call.dtype())]


def skip_layer(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    """Of the sum of both inputs and a bias; the sum is an output as well."""
    return _skip(call, arrays, centred=True)


def skip_simplified(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    return _skip(call, arrays, centred=False)


def embed_layer(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    """Word, position and segment embeddings added; the count of words that the mask keeps is the second output."""
    ids, segments, mask, places = array(call, arrays, 0), optional(arrays, 1), optional(arrays, 7), optional(arrays, 8)
    at = np.arange(ids.shape[1])[None] if places is None else places
    total = array(call, arrays, 2)[ids] + array(call, arrays, 3)[at]
    if segments is not None:
        total = total + array(call, arrays, 4)[segments]
    inner = total if total.dtype == np.float64 else total.astype(np.float32)
    y, _, _ = _normalised(inner, float(call.attrs.get("epsilon", 1e-12)), centred=True)
    y = y * array(call, arrays, 5) + array(call, arrays, 6)
    words = np.zeros(len(ids), np.int32) if mask is None else mask.sum(axis=1).astype(np.int32)
    return [as_type(y, call.dtype(2)), words, as_type(total, call.dtype(2))]
