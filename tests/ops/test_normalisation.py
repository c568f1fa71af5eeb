"""Normalisations, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from rows import Bad, Row, check, check_bad, ids
from sample_kit import Arg, Sample, act, call_of, fed, weights

from npusim.ops import OPS

ROWS = [
    # 96 elements, a product and a sum each; scale, bias, mean and variance are parameters
    Row(
        "BatchNormalization",
        {},
        (act(2, 3, 4, 4), weights(3), weights(3), weights(3), weights(3)),
        (2, 3, 4, 4),
        ops=192,
        params=12,
        kinds=("mul",),  # by constants: a multiplication and an addition an element
    ),
    # in training the mean, difference, square, mean of squares and division come first: 24 * 7
    Row(
        "BatchNormalization",
        {"training_mode": 1},
        (act(2, 3, 4), weights(3), weights(3), weights(3), weights(3)),
        [(2, 3, 4), (3,), (3,)],
        ops=168,
        params=12,
    ),
    # opset 7: five outputs in training, and one statistic for each position where spatial is 0
    Row(
        "BatchNormalization",
        {},
        (act(2, 3, 4), weights(3), weights(3), weights(3), weights(3)),
        [(2, 3, 4), (3,), (3,), (3,), (3,)],
        ops=168,
        params=12,
    ),
    Row(
        "BatchNormalization",
        {"spatial": 0},
        (act(2, 3, 4), weights(3, 4), weights(3, 4), weights(3, 4), weights(3, 4)),
        (2, 3, 4),
        ops=48,
        params=48,
    ),
    # a tensor of rank 1 has one channel
    Row("BatchNormalization", {}, (act(5), weights(1), weights(1), weights(1), weights(1)), (5,), ops=10, params=4),
    # 96 * (5 + scale + bias)
    Row("InstanceNormalization", {}, (act(2, 3, 4, 4), weights(3), weights(3)), (2, 3, 4, 4), ops=672, params=6),
    Row(
        "GroupNormalization",
        {"num_groups": 2},
        (act(2, 4, 3, 3), weights(4), weights(4)),
        (2, 4, 3, 3),
        ops=504,
        params=8,
    ),
    Row(
        "GroupNormalization",
        {"num_groups": 2},
        (act(2, 4, 3, 3), weights(2), weights(2)),
        (2, 4, 3, 3),
        ops=504,
        params=4,
    ),
    # 24 * (5 + 2); mean and inverse deviation keep the axes in front
    Row(
        "LayerNormalization",
        {"axis": 1},
        (act(2, 3, 4), weights(3, 4), weights(3, 4)),
        [(2, 3, 4), (2, 1, 1), (2, 1, 1)],
        ops=168,
        params=24,
    ),
    # without a bias 24 * 6
    Row("LayerNormalization", {}, (act(2, 3, 4), weights(4)), (2, 3, 4), ops=144, params=4),
    # square, mean, division, scale: 24 * 4
    Row("RMSNormalization", {}, (act(2, 3, 4), weights(4)), (2, 3, 4), ops=96, params=4),
    Row("SimplifiedLayerNormalization", {}, (act(2, 3, 4), weights(4)), [(2, 3, 4), (2, 3, 1)], ops=96, params=4),
    # skip, layer normalisation of 5, scale, shift, bias: 24 * 9
    Row(
        "com.microsoft::SkipLayerNormalization",
        {},
        (act(2, 3, 4), act(2, 3, 4), weights(4), weights(4), weights(4)),
        (2, 3, 4),
        ops=216,
        params=12,
    ),
    Row(
        "com.microsoft::SkipSimplifiedLayerNormalization",
        {},
        (act(2, 3, 4), act(2, 3, 4), weights(4)),
        (2, 3, 4),
        ops=120,
        params=4,
    ),
    # three embeddings take 2 sums, then 5 + scale + shift: 12 * 9; tables 36 + 20 + 8, scale and shift 4 each
    Row(
        "com.microsoft::EmbedLayerNormalization",
        {},
        (
            fed([[1, 2, 3]], "int32"),
            fed([[0, 1, 1]], "int32"),
            weights(9, 4),
            weights(5, 4),
            weights(2, 4),
            weights(4),
            weights(4),
        ),
        [(1, 3, 4), (1,)],
        ops=108,
        params=72,
    ),
    Row("LayerNormalization", {}, (act(0, 4), weights(4), weights(4)), (0, 4), params=8),
]

BAD = [
    Bad("BatchNormalization", {}, (act(2, 3, 4), weights(4), weights(3), weights(3), weights(3)), "each of 3 channels"),
    Bad("BatchNormalization", {}, (act(), weights(1), weights(1), weights(1), weights(1)), "no channels"),
    Bad("InstanceNormalization", {}, (act(2, 3, 4), weights(3), weights(2)), "input 2"),
    Bad("GroupNormalization", {"num_groups": 3}, (act(2, 4, 3), weights(4), weights(4)), "3 groups"),
    Bad("LayerNormalization", {}, (act(2, 3, 4), weights(3)), "cannot be broadcast"),
    Bad("LayerNormalization", {"axis": 3}, (act(2, 3, 4), weights(4)), "axis 3"),
    Bad("com.microsoft::SkipLayerNormalization", {}, (act(2, 3, 4), act(2, 5, 4), weights(4)), "cannot be broadcast"),
    Bad("com.microsoft::EmbedLayerNormalization", {}, (act(3), act(3), weights(9, 4)), "rank 2"),
]


@pytest.mark.parametrize("row", ROWS, ids=ids(ROWS))
def test_row(row: Row) -> None:
    check(row)


@pytest.mark.parametrize("bad", BAD, ids=ids(BAD))
def test_bad_call_is_one_clear_error(bad: Bad) -> None:
    check_bad(bad)


def test_old_batch_normalisation_of_each_position() -> None:
    """(x - 1) * 3 / sqrt(4 + 0) + 5 with x = 3: 2 * 1.5 + 5 = 8, the same at each of two positions."""
    one = Arg(np.full((1, 2), 3.0))
    ins = (one, *(Arg(np.full((2,), value), constant=True) for value in (3.0, 5.0, 1.0, 4.0)))
    sample = Sample({"spatial": 0, "epsilon": 0.0}, ins)
    execute = OPS["BatchNormalization"].execute
    assert execute is not None
    (y, *_) = execute(call_of("BatchNormalization", sample), [arg.value for arg in ins])
    assert y.tolist() == [[8.0, 8.0]]


def test_one_channel_of_rank_one() -> None:
    ins = tuple(Arg(np.array(value)) for value in ([3.0, 5.0], [2.0], [1.0], [1.0], [4.0]))
    execute = OPS["BatchNormalization"].execute
    assert execute is not None
    (y, *_) = execute(call_of("BatchNormalization", Sample({"epsilon": 0.0}, ins)), [arg.value for arg in ins])
    assert y.tolist() == [3.0, 5.0]  # (x - 1) * 2 / 2 + 1


def test_groups_of_no_batch() -> None:
    ins = (act(0, 4, 3), weights(4), weights(4))
    execute = OPS["GroupNormalization"].execute
    assert execute is not None
    (y,) = execute(call_of("GroupNormalization", Sample({"num_groups": 2}, ins)), [arg.value for arg in ins])
    assert y.shape == (0, 4, 3)
