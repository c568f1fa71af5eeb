"""Element types as numpy holds them."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.errors import InputError
from npusim.ir import DType
from npusim.ops.arrays import as_type, dtype_of, held, limits


@pytest.mark.parametrize("dtype", DType)
def test_every_type_is_held_in_one_at_least_as_wide(dtype: DType) -> None:
    assert held(dtype).itemsize * 8 >= dtype.bits


@pytest.mark.parametrize(
    ("array", "dtype"),
    [
        (np.zeros(2, np.float16), DType.FLOAT16),
        (np.zeros(2, np.uint8), DType.UINT8),
        (np.zeros(2, np.complex64), DType.COMPLEX64),
        (np.array(["a"]), DType.STRING),
        (np.array(["a"], object), DType.STRING),
    ],
)
def test_type_of_an_array(array: np.ndarray, dtype: DType) -> None:  # type: ignore[type-arg]
    assert dtype_of(array) is dtype


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("bfloat16", DType.BFLOAT16),
        ("float8_e4m3fn", DType.FLOAT8),
        ("float8_e5m2", DType.FLOAT8),
        ("float4_e2m1fn", DType.FLOAT4),
        ("int4", DType.INT4),
    ],
)
def test_types_of_ml_dtypes_are_known_by_name(name: str, dtype: DType) -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    assert dtype_of(np.zeros(2, getattr(ml_dtypes, name))) is dtype


@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [
        (DType.INT4, -8, 7),
        (DType.UINT4, 0, 15),
        (DType.INT8, -128, 127),
        (DType.UINT16, 0, 65_535),
        (DType.INT2, -2, 1),
    ],
)
def test_limits(dtype: DType, low: int, high: int) -> None:
    assert limits(dtype) == (low, high)


@pytest.mark.parametrize(
    ("given", "dtype", "expected"),
    [
        ([1.9, -1.9], DType.INT32, [1, -1]),  # toward zero
        ([0.0, 0.5, -2.0], DType.BOOL, [False, True, True]),
        # 4 bits, two's complement: 9 = 1001b is -7, 16 is 0
        ([9, 16, -9, 7], DType.INT4, [-7, 0, 7, 7]),
        ([17, -1], DType.UINT4, [1, 15]),
        (["12", "-3"], DType.INT64, [12, -3]),
        (["1.5"], DType.FLOAT32, [1.5]),
    ],
)
def test_conversion(given: list[object], dtype: DType, expected: list[object]) -> None:
    converted = as_type(np.array(given), dtype)
    assert converted.tolist() == expected
    assert converted.dtype == held(dtype)


def test_bfloat16_rounds_to_the_nearest_even() -> None:
    """8 significant bits: between 1 and 1 + 2^-7 the half 1 + 2^-8 goes to 1 (even), 1 + 3 * 2^-8 up to 1 + 2^-6."""
    given = np.array([1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-8 + 2**-12, -1 - 2**-8, np.inf, np.nan], np.float32)
    rounded = as_type(given, DType.BFLOAT16)
    assert rounded[:5].tolist() == [1.0, 1 + 2**-6, 1 + 2**-7, -1.0, np.inf]
    assert np.isnan(rounded[5])


@pytest.mark.parametrize("dtype", [DType.FLOAT8, DType.FLOAT4, DType.STRING])
def test_what_cannot_be_computed_is_said(dtype: DType) -> None:
    with pytest.raises(InputError, match=dtype.label) as raised:
        as_type(np.zeros(2), dtype)
    assert raised.value.code == "unsupported-type"
