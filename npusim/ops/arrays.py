"""Element types as numpy holds them.

Types that numpy lacks are held in a wider one: bfloat16, float8 and float4 as float32, packed integers as (u)int8.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from npusim.errors import InputError
from npusim.ir import DType

Array = np.ndarray[Any, Any]

_HELD_AS = {
    DType.BFLOAT16: "float32", DType.FLOAT8: "float32", DType.FLOAT4: "float32",
    DType.INT4: "int8", DType.INT2: "int8", DType.UINT4: "uint8", DType.UINT2: "uint8", DType.STRING: "object",
}  # fmt: skip
_HELD = {dtype: np.dtype(_HELD_AS.get(dtype, dtype.label)) for dtype in DType}
_BY_NAME = {dtype.label: dtype for dtype in DType}


def held(dtype: DType) -> np.dtype[Any]:
    """The numpy type that holds its elements."""
    return _HELD[dtype]


def dtype_of(array: Array) -> DType:
    """The element type of an array, those of the ml_dtypes package included."""
    if array.dtype.kind in "OSU":
        return DType.STRING
    name = array.dtype.name
    for family in ("float8", "float4"):
        if name.startswith(family):
            return _BY_NAME[family]
    return DType.parse(name)


def limits(dtype: DType) -> tuple[int, int]:
    """Smallest and largest value of an integer type."""
    if dtype.label.startswith("uint"):
        return 0, 2**dtype.bits - 1
    return -(2 ** (dtype.bits - 1)), 2 ** (dtype.bits - 1) - 1


def as_type(array: Any, dtype: DType) -> Array:
    """The elements converted as ONNX Cast does: floats to integers toward zero, anything to truth by ``!= 0``.

    Raises:
        InputError: unsupported-type for float8 and float4, whose rounding npusim does not know, and for text.
    """
    array = np.asarray(array)
    if array.dtype.kind in "OSU" and dtype is not DType.STRING:
        return _from_text(array, dtype)
    if dtype in (DType.FLOAT8, DType.FLOAT4) or (dtype is DType.STRING and array.dtype.kind not in "OSU"):
        raise InputError(f"npusim does not compute values of type {dtype.label}", code="unsupported-type")
    if dtype is DType.BFLOAT16:
        return _round_to_bfloat16(array.astype(np.float32))
    if dtype in (DType.INT4, DType.INT2, DType.UINT4, DType.UINT2):
        return _wrap(array, dtype)
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(array.astype(_HELD[dtype], copy=False))


def _from_text(array: Array, dtype: DType) -> Array:
    if not dtype.is_float:
        return np.array([int(text) for text in array.reshape(-1)], _HELD[dtype]).reshape(array.shape)
    return as_type(np.array([float(text) for text in array.reshape(-1)]).reshape(array.shape), dtype)


def _round_to_bfloat16(array: Array) -> Array:
    """Nearest value with 8 significant bits, ties to even; NaN stays NaN."""
    bits = array.view(np.uint32)
    rounded = (bits + (0x7FFF + (bits >> np.uint32(16) & np.uint32(1)))) & np.uint32(0xFFFF0000)
    return np.where(np.isnan(array), array, rounded.astype(np.uint32).view(np.float32))


def _wrap(array: Array, dtype: DType) -> Array:
    """The low bits of the integer part, as two's complement."""
    low, high = limits(dtype)
    with np.errstate(invalid="ignore"):
        whole = array.astype(np.int64)
    return ((whole - low) % (high - low + 1) + low).astype(_HELD[dtype])
