"""Quantised operators, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from rows import Bad, Row, check, check_bad, ids
from sample_kit import Arg, Sample, act, call_of, fed, scale, truth, u8, zero

from npusim.errors import InputError
from npusim.ir import DType
from npusim.ops import OPS

ROWS = [
    Row("QuantizeLinear", {}, (act(3, 4), scale(), zero()), (3, 4), ops=12, kinds=("relu",)),
    Row("DequantizeLinear", {}, (u8(3, 4), scale(), zero()), (3, 4), ops=12),
    # smallest and largest, then quantised: 12 * 3
    Row("DynamicQuantizeLinear", {}, (act(3, 4),), [(3, 4), (), ()], ops=36, kinds=("reduce", "relu")),
    # one scale and zero point for all: no rescaling
    Row(
        "com.microsoft::QLinearAdd",
        {},
        (u8(2, 3), scale(), zero(), u8(2, 3), scale(), zero(), scale(), zero()),
        (2, 3),
        ops=6,
        kinds=("add",),
    ),
    Row(
        "com.microsoft::QLinearAdd",
        {},
        (u8(2, 3), scale(), zero(), u8(2, 3), scale(0.25), zero(), scale(), zero()),
        (2, 3),
        ops=6,
        kinds=("add_rescale",),
    ),
    # scales that are not known may differ
    Row(
        "com.microsoft::QLinearAdd",
        {},
        (u8(3, 3), fed(0.5, "float32"), zero(), u8(3, 1, constant=True), scale(), zero(), scale(), zero()),
        (3, 3),
        ops=9,
        params=3,
        kinds=("add_rescale",),
    ),
    Row(
        "com.microsoft::QLinearMul",
        {},
        (u8(2, 3), scale(), zero(), u8(3), scale(), zero(), scale(), zero()),
        (2, 3),
        ops=6,
    ),
    Row(
        "com.microsoft::QLinearWhere",
        {},
        (truth(2, 1), u8(2, 3), scale(), zero(), u8(3), scale(), zero(), scale(), zero()),
        (2, 3),
        ops=6,
    ),
    Row(
        "com.microsoft::QLinearSigmoid",
        {},
        (u8(2, 3), scale(), zero(), scale(), zero()),
        (2, 3),
        ops=6,
        kinds=("sigmoid",),
    ),
    Row(
        "com.microsoft::QLinearLeakyRelu",
        {},
        (u8(2, 3), scale(), zero(), scale(), zero()),
        (2, 3),
        ops=6,
        kinds=("leaky",),
    ),
    Row("com.microsoft::QLinearSoftmax", {}, (u8(2, 3), scale(), zero(), scale(), zero()), (2, 3), ops=30),
    Row(
        "com.microsoft::QLinearReduceMean",
        {"axes": (2, 3), "keepdims": 0},
        (u8(2, 3, 4, 5), scale(), zero(), scale(), zero()),
        (2, 3),
        ops=120,
    ),
    # 3 + 5 along axis 1
    Row(
        "com.microsoft::QLinearConcat",
        {"axis": 1},
        (scale(), zero(), u8(2, 3), scale(), zero(), u8(2, 5), scale(), zero()),
        (2, 8),
    ),
]

BAD = [
    Bad(
        "com.microsoft::QLinearAdd",
        {},
        (u8(2, 3), scale(), zero(), u8(2), scale(), zero(), scale()),
        "cannot be broadcast",
    ),
    Bad(
        "com.microsoft::QLinearConcat",
        {"axis": 1},
        (scale(), zero(), u8(2, 3), scale(), zero(), u8(3, 5)),
        "cannot be joined",
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=ids(ROWS))
def test_row(row: Row) -> None:
    check(row)


@pytest.mark.parametrize("bad", BAD, ids=ids(BAD))
def test_bad_call_is_one_clear_error(bad: Bad) -> None:
    check_bad(bad)


def test_types_that_cannot_be_computed() -> None:
    execute = OPS["QuantizeLinear"].execute
    assert execute is not None
    call = call_of("QuantizeLinear", Sample({"output_dtype": DType.FLOAT8}, (act(3), scale())))
    with pytest.raises(InputError, match="float8"):
        execute(call, [act(3).value, np.float32(0.5)])


@pytest.mark.parametrize(
    ("attrs", "zero_point", "dtype"),
    [
        ({}, None, DType.UINT8),
        ({}, zero(0, "int8"), DType.INT8),
        ({"output_dtype": "int16"}, None, DType.INT16),
        ({"output_dtype": DType.INT4}, None, DType.INT4),
    ],
)
def test_type_of_the_result(attrs: dict[str, object], zero_point: Arg | None, dtype: DType) -> None:
    assert call_of("QuantizeLinear", Sample(attrs, (act(3), scale(), zero_point))).outs[0].dtype is dtype
