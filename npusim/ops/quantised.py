"""Between integers and the numbers they stand for: (q - zero point) * scale."""

from __future__ import annotations

import numpy as np

from npusim.ir import DType
from npusim.ops.arrays import as_type, limits
from npusim.ops.base import Array


def shifted(x: Array, zero_point: Array | None, axis: int = 0) -> Array:
    """The integers less their zero point, which may be one for each index of an axis."""
    if zero_point is None:
        return x.astype(np.int32)
    if zero_point.size > 1:
        zero_point = zero_point.reshape([-1 if at == axis % x.ndim else 1 for at in range(x.ndim)])
    elif zero_point.ndim:
        zero_point = zero_point.reshape(())
    return np.asarray(x.astype(np.int32) - zero_point.astype(np.int32))


def real(x: Array, scale: Array, zero_point: Array | None) -> Array:
    """The numbers, float32, of a tensor with one scale."""
    return np.asarray(shifted(x, zero_point).astype(np.float32) * scale.reshape(()))


def requantised(steps: Array, zero_point: Array | None, dtype: DType) -> Array:
    """Numbers in units of the scale, rounded half to even, shifted by the zero point and clipped to the type."""
    low, high = limits(dtype)
    zero = 0 if zero_point is None else int(zero_point.reshape(()))
    return as_type(np.clip(np.rint(steps) + zero, low, high), dtype)
