"""What rotary embedding computes: pairs of a head's elements turned by the angle of their position."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from npusim.ops.arrays import as_type
from npusim.ops.base import Array, Call, array, optional


def rotated(heads: Array, cosines: Array, sines: Array, *, woven: bool) -> Array:
    """Turns the first elements of each head, two for each cosine; the rest stays.

    Args:
        heads: [batch, positions, heads, size].
        cosines, sines: [batch or 1, positions, half of what is turned].
        woven: neighbours are a pair; otherwise an element and the one half of them further on.
    """
    turned = 2 * cosines.shape[-1]
    part, rest = heads[..., :turned], heads[..., turned:]
    a, b = (part[..., 0::2], part[..., 1::2]) if woven else np.split(part, 2, axis=-1)
    c, s = cosines[:, :, None, :], sines[:, :, None, :]
    pair = [c * a - s * b, s * a + c * b]
    part = np.stack(pair, axis=-1).reshape(part.shape) if woven else np.concatenate(pair, axis=-1)
    return np.concatenate([part, rest], axis=-1)


def _laid(x: Array, heads: int) -> Array:
    """[batch, positions, heads, size] of either layout."""
    return x.transpose(0, 2, 1, 3) if x.ndim == 4 else x.reshape(*x.shape[:2], heads, -1)


def _back(y: Array, x: Array) -> Array:
    return y.transpose(0, 2, 1, 3) if x.ndim == 4 else y.reshape(x.shape)


def rotary(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    """The standard operator: the caches hold a row a position, or with ``position_ids`` a row an id."""
    x, cosines, sines = (array(call, arrays, slot) for slot in range(3))
    at = optional(arrays, 3)
    cosines, sines = (a if at is None else a[at] for a in (cosines, sines))
    half = int(call.attrs.get("rotary_embedding_dim", 0)) // 2 or cosines.shape[-1]
    heads = _laid(x, int(call.attrs.get("num_heads", 1)))
    y = rotated(heads, cosines[..., :half], sines[..., :half], woven=bool(call.attrs.get("interleaved", 0)))
    return [as_type(_back(y, x), call.dtype())]


def rotary_by_ids(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    """com.microsoft: an id for each position, or one for the first of them."""
    x, at, cosines, sines = (array(call, arrays, slot) for slot in range(4))
    positions = x.shape[2] if x.ndim == 4 else x.shape[1]
    if at.size == 1:
        at = (at.reshape(()) + np.arange(positions))[None]
    half = int(call.attrs.get("rotary_embedding_dim", 0)) // 2 or cosines.shape[-1]
    count = int(call.attrs.get("num_heads", 0)) or x.shape[-1] // (2 * cosines.shape[-1])
    factor = float(call.attrs.get("scale", 1.0))
    woven = bool(call.attrs.get("interleaved", 0))
    y = rotated(_laid(x, count), cosines[at][..., :half], sines[at][..., :half], woven=woven)
    return [as_type(_back(y * factor if factor != 1 else y, x), call.dtype())]
