"""The arithmetic of kernels: arrays in, arrays out. Loops run over taps, never over channels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import gcd
from typing import Any

import numpy as np

from npusim.ir import Shape
from npusim.ops.base import Array


def dense(kernel: Array, groups: int, fewer: int) -> Array:
    """[outputs, inputs / groups, taps...] as [fewer, outputs / fewer, inputs / fewer, taps...].

    ``fewer`` divides ``groups``; what the groups do not connect becomes 0.
    """
    outputs, inputs, *taps = kernel.shape
    parts = groups // fewer
    split = kernel.reshape(fewer, parts, outputs // groups, inputs, *taps)
    if parts == 1:
        return split[:, 0]
    whole = np.zeros((fewer, parts, outputs // groups, parts, inputs, *taps))
    each = np.arange(parts)
    whole[:, each, :, each] = split.swapaxes(0, 1)
    return whole.reshape(fewer, outputs // fewer, parts * inputs, *taps)


def composed(first: Array, groups: int, then: Array, then_groups: int, grid: Grid) -> Array:
    """The kernel of ``then (*) (first (*) x)``, where ``then`` sees no padding.

    W[o, i, t] = sum over p, u, v with t = v * far + u * near of then[o, p, v] * first[p, i, u].

    Args:
        first: [p, inputs / groups, taps u...]; then: [outputs, p / then_groups, taps v...].

    Returns:
        [outputs, inputs / g, taps t...] with g = gcd(groups, then_groups).
    """
    fewer = gcd(groups, then_groups)
    a, b = dense(first, groups, fewer), dense(then, then_groups, fewer)
    near_taps = a.shape[3:]
    flat = a.reshape(fewer, a.shape[1], -1)
    whole = np.zeros((fewer, b.shape[1], a.shape[2], *grid.size))
    for v in product(*(range(size) for size in b.shape[3:])):
        made = (b[_at(v)] @ flat).reshape(fewer, b.shape[1], a.shape[2], *near_taps)
        starts = [at * far for at, far in zip(v, grid.far, strict=True)]
        whole[_at(_slices(starts, near_taps, grid.near))] += made
    return whole.reshape(-1, a.shape[2], *grid.size)


class Grid:
    """Where the taps of two kernels fall on that of both.

    Attributes:
        far, near: taps of the grid from one tap of the later, of the first kernel to its next.
        size: taps of the grid.
        dilation: positions of the source between two taps of it.
    """

    def __init__(self, taps: Shape, steps: Shape, then_taps: Shape, then_steps: Shape) -> None:
        sides = list(zip(taps, steps, then_taps, then_steps, strict=True))
        self.dilation = tuple(gcd(s if k > 1 else 0, t if m > 1 else 0) or 1 for k, s, m, t in sides)
        self.size = tuple(
            ((m - 1) * t + (k - 1) * s) // d + 1 for (k, s, m, t), d in zip(sides, self.dilation, strict=True)
        )
        self.near = tuple(s // d if k > 1 else 1 for (k, s, _, _), d in zip(sides, self.dilation, strict=True))
        self.far = tuple(t // d if m > 1 else 1 for (_, _, m, t), d in zip(sides, self.dilation, strict=True))


def _at(places: tuple[Any, ...]) -> Any:
    """An index of the last axes."""
    return (..., *places)


def _slices(starts: Sequence[int], taps: Shape, steps: Shape) -> tuple[slice, ...]:
    return tuple(
        slice(start, start + (size - 1) * step + 1, step) for start, size, step in zip(starts, taps, steps, strict=True)
    )


def rows_scaled(kernel: Array, scale: Array) -> Array:
    """Each output by its factor."""
    return kernel * scale.reshape(-1, *(1,) * (kernel.ndim - 1))


def columns_scaled(kernel: Array, groups: int, scale: Array) -> Array:
    """Each input by its factor; the inputs of a group stand for those of the whole by place."""
    outputs, inputs, *taps = kernel.shape
    split = kernel.reshape(groups, outputs // groups, inputs, *taps)
    return (split * scale.reshape(groups, 1, inputs, *(1,) * len(taps))).reshape(kernel.shape)


def summed(kernel: Array, groups: int, level: Array) -> Array:
    """What a kernel makes of an image that is ``level`` [inputs] everywhere: [outputs]."""
    outputs, inputs = kernel.shape[:2]
    sums = kernel.reshape(outputs, inputs, -1).sum(axis=2).reshape(groups, outputs // groups, inputs)
    made: Array = (sums @ level.reshape(groups, inputs, 1)).reshape(outputs)
    return made


def spread(kernel: Array, groups: int, fewer: int, starts: Shape, steps: Shape, size: Shape) -> Array:
    """The kernel in fewer groups, its taps on a larger grid: the first at ``starts``, then every ``steps``."""
    whole = dense(kernel, groups, fewer)
    taps = whole.shape[3:]
    grid = np.zeros((*whole.shape[:3], *size))
    grid[_at(_slices(starts, taps, steps))] = whole
    return grid.reshape(-1, whole.shape[2], *size)


def with_channel(kernel: Array, groups: int, level: Array) -> Array:
    """A kernel of one tap, in one group, with one more input whose factors are ``level`` [outputs]."""
    whole = dense(kernel, groups, 1)[0]
    return np.concatenate([whole, level.reshape(-1, 1, *(1,) * (whole.ndim - 2))], axis=1)
