"""How far one array is from another."""

from __future__ import annotations

from math import log10

import msgspec
import numpy as np

from npusim.ir import Shape
from npusim.ops.base import Array


class Difference(msgspec.Struct, frozen=True):
    """A tensor, beside what it should be.

    Attributes:
        shape, expected_shape: equal, or nothing else could be compared.
        max_abs: the largest difference of two elements; None where the shapes differ, or where one is no number and the
            other is.
        max_rel: the same over the largest element of what is expected; None where it has none above 0.
        psnr_db: 20 log10 of that largest element over the root mean square of the differences; None for no difference.
    """

    name: str
    shape: Shape
    expected_shape: Shape
    max_abs: float | None
    max_rel: float | None
    psnr_db: float | None

    def within(self, tolerance: float) -> bool:
        """Whether no element is further off than that share of the largest element."""
        if self.max_abs is None:
            return False
        return self.max_abs == 0 or (self.max_rel is not None and self.max_rel <= tolerance)


def compare(name: str, array: Array, expected: Array) -> Difference:
    """Infinities and NaN equal themselves alone."""
    if array.shape != expected.shape:
        return Difference(name, array.shape, expected.shape, None, None, None)
    mine, theirs = array.astype(np.float64), expected.astype(np.float64)
    finite = np.isfinite(mine) & np.isfinite(theirs)
    if not np.array_equal(mine[~finite], theirs[~finite], equal_nan=True):
        return Difference(name, array.shape, expected.shape, None, None, None)
    away, largest = np.abs(mine[finite] - theirs[finite]), float(np.abs(theirs[finite]).max(initial=0))
    most = float(away.max(initial=0))
    if not most:
        return Difference(name, array.shape, expected.shape, 0.0, 0.0, None)
    root = float(np.sqrt((away**2).mean()))
    if not largest:
        return Difference(name, array.shape, expected.shape, most, None, None)
    psnr = 20 * log10(largest / root) if root else None
    return Difference(name, array.shape, expected.shape, most, most / largest, psnr)
