"""Matrix products, worked by hand."""

from __future__ import annotations

import pytest
from rows import Bad, Row, check, check_bad, ids
from sample_kit import Arg, Sample, act, call_of, const, fed, scale, u8, weights, zero

from npusim.ops import OPS

ROWS = [
    # (2, 3) x (4, 3, 5): four products of 2 * 3 * 5
    Row("MatMul", {}, (act(2, 3), act(4, 3, 5)), (4, 2, 5), macs=120),
    # a vector on the left is a row: 4 * 5
    Row("MatMul", {}, (act(4), weights(4, 5)), (5,), macs=20, params=20),
    # a vector on the right is a column: 2 * 3 * 4
    Row("MatMul", {}, (act(2, 3, 4), weights(4)), (2, 3), macs=24, params=4),
    Row("MatMul", {}, (act(4), act(4)), (), macs=4),
    # batch (3, 1) against (5): 15 products of 2 * 4 * 6
    Row("MatMul", {}, (act(3, 1, 2, 4), act(5, 4, 6)), (3, 5, 2, 6), macs=720),
    # weights may stand on the left: 2 products of 5 * 4 * 3
    Row("MatMul", {}, (weights(5, 4), act(2, 4, 3)), (2, 5, 3), macs=120, params=20),
    # the same as a 1 x 1 convolution: 256 * 64
    Row("MatMul", {}, (act(1, 256), weights(256, 64)), (1, 64), macs=16_384, params=16_384),
    Row("Gemm", {"transB": 1}, (act(1, 256), weights(64, 256), weights(64)), (1, 64), macs=16_384, params=16_448),
    Row("MatMul", {}, (act(0, 3), weights(3, 5)), (0, 5), params=15),
    Row("MatMul", {}, (act(2, 0), act(0, 5)), (2, 5)),
    # 6 x 4 turned is 4 x 6, 5 x 6 turned is 6 x 5: 4 * 6 * 5; 30 weights and 5 biases
    Row(
        "Gemm",
        {"transA": 1, "transB": 1, "alpha": 0.5, "beta": 2.0},
        (act(6, 4), weights(5, 6), weights(5)),
        (4, 5),
        macs=120,
        params=35,
    ),
    # 4 * 6 * 5, and 20 activations
    Row(
        "com.microsoft::FusedGemm",
        {"activation": "LeakyRelu"},
        (act(4, 6), weights(6, 5)),
        (4, 5),
        macs=120,
        ops=20,
        params=30,
        kinds=("leaky",),
    ),
    # batch of 2: 2 * 3 * 4 * 5
    Row("com.microsoft::FusedMatMul", {"transA": 1}, (act(2, 4, 3), weights(4, 5)), (2, 3, 5), macs=120, params=20),
    # transBatchA takes axis 0 behind the batch axes: (4, 2, 3) is two matrices of 4 x 3 each
    Row("com.microsoft::FusedMatMul", {"transBatchA": 1}, (act(4, 2, 3), act(2, 3, 5)), (2, 4, 5), macs=120),
    Row("MatMulInteger", {}, (u8(2, 3, 4), u8(4, 5, constant=True), zero(), zero()), (2, 3, 5), macs=120, params=20),
    # 2 * 3 * 8 * 4; the weights are in slot 3
    Row(
        "QLinearMatMul",
        {},
        (u8(2, 3, 8), scale(), zero(), u8(8, 4, constant=True), scale(), zero(), scale(), zero()),
        (2, 3, 4),
        macs=192,
        params=32,
    ),
    # 2 * 4 * 5; 20 weights and 5 biases
    Row(
        "com.microsoft::QGemm",
        {"transB": 1},
        (u8(2, 4), scale(), zero(), u8(5, 4, constant=True), scale(), zero(), const([0] * 5, "int32")),
        (2, 5),
        macs=40,
        params=25,
    ),
    Row(
        "com.microsoft::DynamicQuantizeMatMul",
        {},
        (act(3, 4), u8(4, 5, constant=True), scale(), zero(), weights(5)),
        (3, 5),
        macs=60,
        params=25,
    ),
    # 3 rows of 32 against 4 columns; stored as 4 x 2 blocks of 8 bytes
    Row(
        "com.microsoft::MatMulNBits",
        {"K": 32, "N": 4, "bits": 4, "block_size": 16},
        (act(3, 32), u8(4, 2, 8, constant=True), weights(4, 2)),
        (3, 4),
        macs=384,
        params=64,
    ),
]

BAD = [
    Bad("MatMul", {}, (act(2, 3), act(4, 5)), "3 and 4"),
    Bad("MatMul", {}, (act(2, 3, 4), act(3, 4, 5)), "cannot be broadcast"),
    Bad("MatMul", {}, (act(), act(3)), "no matrices"),
    Bad("Gemm", {}, (act(2, 3, 4), act(4, 5)), "no matrices"),
    Bad("Gemm", {}, (act(4, 6), weights(6, 5), weights(4)), "bias"),
    Bad("com.microsoft::MatMulNBits", {"K": 16, "N": 4}, (act(3, 32), u8(4, 1, 8)), "K = 16"),
]


@pytest.mark.parametrize("row", ROWS, ids=ids(ROWS))
def test_row(row: Row) -> None:
    check(row)


@pytest.mark.parametrize("bad", BAD, ids=ids(BAD))
def test_bad_call_is_one_clear_error(bad: Bad) -> None:
    check_bad(bad)


@pytest.mark.parametrize(
    ("a", "b", "groups", "rows", "columns", "vary"),
    [
        # a batch axis of both is a group, of one alone more rows or columns of that one
        (act(2, 3, 4), act(2, 4, 5), 2, 3, 5, True),
        (act(2, 3, 4), weights(4, 5), 1, 6, 5, False),
        (act(3, 4), act(2, 4, 5), 1, 3, 10, True),
        (act(3, 1, 2, 4), act(5, 4, 6), 1, 6, 30, True),
        # weights on the left: the product is turned round, so that they stand for the weights
        (weights(5, 4), act(2, 4, 3), 1, 6, 5, False),
    ],
)
def test_axes_become_dimensions(a: Arg, b: Arg, groups: int, rows: int, columns: int, vary: bool) -> None:
    (nest,) = OPS["MatMul"].work(call_of("MatMul", Sample({}, (a, b)))).nests
    assert (nest.groups, nest.out, nest.in_channels, nest.out_channels) == (groups, (rows,), 4, columns)
    assert nest.weights_vary is vary


def test_zero_point_of_each_row_and_column() -> None:
    """Row (5, 6) less 1 times columns (1, 3) less 1 and (2, 4) less 2: 4 * 0 + 5 * 2 = 10 twice."""
    ins = (fed([[5, 6], [7, 8]], "uint8"), fed([[1, 2], [3, 4]], "uint8"), fed([1, 2], "uint8"), fed([1, 2], "uint8"))
    execute = OPS["MatMulInteger"].execute
    assert execute is not None
    (y,) = execute(call_of("MatMulInteger", Sample({}, ins)), [arg.value for arg in ins])
    # second row: (7 - 2) * 0 + (8 - 2) * 2 = 12, and the same in the second column
    assert y.tolist() == [[10, 10], [12, 12]]
