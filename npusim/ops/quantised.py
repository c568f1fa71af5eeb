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


def dynamically(x: Array) -> tuple[Array, Array, Array]:
    """Elements as uint8 over the tensor's own range with zero in it, the scale and the zero point."""
    low, high = (np.float32(edge(x, initial=0)) for edge in (np.min, np.max))
    scale = np.float32((high - low) / np.float32(255)) or np.float32(1)
    zero = np.clip(np.rint(-low / scale), 0, 255)
    y = np.clip(np.rint(x / scale) + zero, 0, 255).astype(np.uint8)
    return y, np.asarray(scale, np.float32), np.asarray(zero, np.uint8)
