"""Tensors from nothing, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from rows import Bad, Row, check, check_bad, ids
from sample_kit import Sample, act, call_of, const, fed, scale

from npusim.ir import DType

ROWS = [
    Row("Constant", {"value_ints": (3, 4)}, (), (2,)),
    Row("Constant", {"value_float": 1.5}, (), ()),
    Row("ConstantOfShape", {}, (const([2, 3]),), (2, 3)),
    Row("ConstantOfShape", {}, (const([], "int64"),), ()),
    # 1, 4, 7
    Row("Range", {}, (const(1), const(10), const(3)), (3,)),
    # 5 down to 0.5
    Row("Range", {}, (scale(5.0), scale(0.0), scale(-0.5)), (10,)),
    Row("Range", {}, (const(3), const(1), const(1)), (0,)),
    Row("EyeLike", {}, (act(3, 4),), (3, 4)),
    Row("Shape", {}, (act(2, 3, 4),), (3,), view=True),
    Row("Shape", {"start": 1, "end": -1}, (act(2, 3, 4),), (1,), view=True),
    Row("Shape", {"start": 5}, (act(2, 3, 4),), (0,), view=True),
    Row("Size", {}, (act(2, 3, 4),), (), view=True),
    Row("HannWindow", {}, (const(8),), (8,), ops=8),
    Row("RandomNormal", {"shape": (2, 3)}, (), (2, 3), ops=6),
    Row("Multinomial", {"sample_size": 5}, (act(2, 3),), (2, 5), ops=10),
    Row("Bernoulli", {}, (act(2, 3),), (2, 3), ops=6),
]

BAD = [
    Bad("Constant", {}, (), "none of the attributes", "bad-node"),
    Bad("ConstantOfShape", {"value": np.zeros(2)}, (const([2]),), "2 elements", "bad-node"),
    Bad("ConstantOfShape", {}, (fed([2]),), "computed from data", "data-dependent-shape"),
    Bad("Range", {}, (const(1), fed(10), const(3)), "limit", "data-dependent-shape"),
    Bad("Range", {}, (const(1), const(10), const(0)), "delta is 0"),
    Bad("EyeLike", {}, (act(3),), "no matrix"),
]


@pytest.mark.parametrize("row", ROWS, ids=ids(ROWS))
def test_row(row: Row) -> None:
    check(row)


@pytest.mark.parametrize("bad", BAD, ids=ids(BAD))
def test_bad_call_is_one_clear_error(bad: Bad) -> None:
    check_bad(bad)


@pytest.mark.parametrize(
    ("attrs", "dtype"),
    [
        ({"value": np.array([1], np.int8)}, DType.INT8),
        ({"value": np.array(["a"], object)}, DType.STRING),
        ({"value": np.zeros(2, bool)}, DType.BOOL),
        ({"value_int": 3}, DType.INT64),
        ({"value_floats": (1.0,)}, DType.FLOAT32),
        ({"value_string": "a"}, DType.STRING),
    ],
)
def test_type_of_a_constant(attrs: dict[str, object], dtype: DType) -> None:
    assert call_of("Constant", Sample(attrs, ())).outs[0].dtype is dtype


def test_zeros_are_floats_unless_told() -> None:
    assert call_of("ConstantOfShape", Sample({}, (const([2]),))).outs[0].dtype is DType.FLOAT32
    value = {"value": np.array([7], np.int64)}
    assert call_of("ConstantOfShape", Sample(value, (const([2]),))).outs[0].dtype is DType.INT64
