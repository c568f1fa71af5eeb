"""Pieces of frames: regions that reach past the edges, and the windows that slide over them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from npusim.ir import Shape
from npusim.loopnest import span
from npusim.ops.base import Array

BLOCK_BYTES = 8 << 20  # working memory of one block of rows: small enough for a cache, large enough for a fast product


def region(x: Array, starts: Sequence[int], stops: Sequence[int], fill: float = 0) -> Array:
    """The last axes of ``x`` from ``starts`` to ``stops``, which may lie outside, where it holds ``fill``.

    It is a view where nothing lies outside.
    """
    frame = x.shape[x.ndim - len(starts) :]
    kept = [(max(a, 0), max(min(b, size), 0)) for a, b, size in zip(starts, stops, frame, strict=True)]
    cut: tuple[Any, ...] = (..., *(slice(low, max(low, high)) for low, high in kept))
    inside = x[cut]
    wanted = tuple(b - a for a, b in zip(starts, stops, strict=True))
    if inside.shape[x.ndim - len(starts) :] == wanted:
        return np.asarray(inside)
    made = np.full((*x.shape[: x.ndim - len(starts)], *wanted), fill, x.dtype)
    sizes = inside.shape[x.ndim - len(starts) :]
    places: tuple[Any, ...] = (
        ...,
        *(slice(max(-a, 0), max(-a, 0) + size) for a, size in zip(starts, sizes, strict=True)),
    )
    made[places] = inside
    return made


def reach(out: Sequence[int], kernel: Shape, stride: Shape, dilation: Shape) -> Shape:
    """Input positions an axis from the first tap of the first of ``out`` windows to the last tap of the last."""
    return tuple((o - 1) * s + span(k, d) for o, k, s, d in zip(out, kernel, stride, dilation, strict=True))


def taps(kernel: Shape, out: Shape, stride: Shape, dilation: Shape) -> Iterator[tuple[Shape, tuple[slice, ...]]]:
    """Each tap of a kernel, with the positions of a padded frame that it meets in the ``out`` windows."""
    for tap in np.ndindex(*kernel):
        starts = [t * d for t, d in zip(tap, dilation, strict=True)]
        yield tap, tuple(slice(a, a + (o - 1) * s + 1, s) for a, o, s in zip(starts, out, stride, strict=True))


def windowed(x: Array, kernel: Shape, out: Shape, stride: Shape, dilation: Shape) -> Array:
    """Every window of a padded frame [..., positions] as [..., kernel, out], without copying."""
    steps = x.strides[x.ndim - len(kernel) :]
    return np.lib.stride_tricks.as_strided(
        x,
        (*x.shape[: x.ndim - len(kernel)], *kernel, *out),
        (
            *x.strides[: x.ndim - len(kernel)],
            *(step * d for step, d in zip(steps, dilation, strict=True)),
            *(step * s for step, s in zip(steps, stride, strict=True)),
        ),
        writeable=False,
    )


def blocks(rows: int, row_bytes: int) -> Iterator[tuple[int, int]]:
    """Rows in blocks whose working memory stays within BLOCK_BYTES, at least one row each."""
    step = max(BLOCK_BYTES // max(row_bytes, 1), 1)
    return ((start, min(start + step, rows)) for start in range(0, rows, step))


def along_channels(x: Array, rank: int) -> Array:
    """One element a channel, made to broadcast against [channels, positions...] with ``rank`` spatial axes."""
    return x.reshape(-1, *(1,) * rank)
