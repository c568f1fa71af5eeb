"""Gather, Scatter and their kin, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from rows import Bad, Row, check, check_bad, ids
from sample_kit import Arg, Sample, act, call_of, const, fed, ints, scale, truth, weights

from npusim.errors import InputError
from npusim.ops import OPS

ROWS = [
    # (4) of axis 1 becomes (2, 2)
    Row("Gather", {"axis": 1}, (act(3, 4, 2), fed([[0, 1], [2, 2]])), (3, 2, 2, 2), kinds=("copy",)),
    # an embedding is a parameter, a table of int64 is not
    Row("Gather", {}, (weights(20, 6), fed([[1, 2, 3]])), (1, 3, 6), params=120),
    Row("Gather", {}, (const([5, 6, 7]), fed(1)), ()),
    Row("GatherElements", {"axis": 1}, (act(3, 4), fed([[0, -1], [2, 2]])), (2, 2)),
    Row("GatherND", {}, (act(2, 3, 4), fed([[0, 1], [1, 2]])), (2, 4)),
    Row("GatherND", {"batch_dims": 1}, (act(2, 3, 4), fed([[1], [0]])), (2, 4)),
    Row("ScatterElements", {"axis": 1}, (act(2, 4), fed([[1, 3], [0, 2]]), act(2, 2)), (2, 4), kinds=("copy",)),
    # 4 updates are added
    Row(
        "ScatterElements",
        {"reduction": "add"},
        (act(3, 2), fed([[1, 1], [1, 0]]), act(2, 2)),
        (3, 2),
        ops=4,
        kinds=("add",),
    ),
    Row("ScatterND", {}, (act(4, 3), fed([[1], [3]]), act(2, 3)), (4, 3)),
    Row("TensorScatter", {}, (act(2, 3, 5, 4), act(2, 3, 2, 4), fed([1, 3])), (2, 3, 5, 4)),
    Row("OneHot", {}, (fed([0, 2, 1]), const(4), scale([0.0, 1.0])), (3, 4)),
    Row("OneHot", {"axis": 0}, (fed([0, 2, 1]), const([4]), scale([0.0, 1.0])), (4, 3)),
    # how many is known where the condition is, else at most as many as there are
    Row("Compress", {"axis": 1}, (act(2, 4), const([True, False, True], "bool")), (2, 2), ops=3),
    Row("Compress", {"axis": 1}, (act(2, 4), fed([True, False, True], "bool")), (2, 3), ops=3),
    Row("Compress", {}, (act(2, 4), fed([True] * 9, "bool")), (8,), ops=9),
    Row("NonZero", {}, (truth(3, 4),), (2, 12), ops=12),
    Row("NonZero", {}, (const([[1, 0], [1, 1]]),), (2, 3), ops=4),
    Row("Unique", {}, (ints(3, 4),), [(12,), (12,), (12,), (12,)], ops=12, kinds=("sort",)),
    Row("Unique", {"axis": 1}, (ints(3, 4),), [(3, 4), (4,), (4,), (4,)], ops=12),
    # rows (3, 1), (2, 0), (3, 1): two different, three places
    Row("Unique", {"axis": 0}, (const([[3, 1], [2, 0], [3, 1]]),), [(2, 2), (2,), (3,), (2,)], ops=6),
    Row("Gather", {}, (act(3, 2), Arg(np.zeros((0,), np.int64))), (0, 2)),
    Row("NonZero", {}, (act(0, 3),), (2, 0)),
]

BAD = [
    Bad("Gather", {"axis": 2}, (act(3, 4), fed([0])), "axis 2"),
    Bad("GatherElements", {}, (act(3, 4), fed([0])), "differ in rank"),
    Bad("GatherND", {}, (act(3, 4), fed([[0, 1, 2]])), "do not address"),
    Bad("GatherND", {"batch_dims": 1}, (act(2, 3, 4), fed([[1], [0], [0]])), "do not address"),
    Bad("ScatterElements", {}, (act(2, 4), fed([[1, 3]]), act(2, 2)), "do not fit"),
    Bad("ScatterND", {}, (act(4, 3), fed([[1], [3]]), act(2, 2)), "do not fit"),
    Bad("TensorScatter", {}, (act(2, 3, 5, 4), act(2, 3, 6, 4)), "does not fit the cache"),
    Bad("OneHot", {}, (fed([0, 2]), fed([4]), scale([0.0, 1.0])), "computed from data", "data-dependent-shape"),
    Bad("OneHot", {}, (fed([0, 2]), const([-4]), scale([0.0, 1.0])), "no size"),
]


@pytest.mark.parametrize("row", ROWS, ids=ids(ROWS))
def test_row(row: Row) -> None:
    check(row)


@pytest.mark.parametrize("bad", BAD, ids=ids(BAD))
def test_bad_call_is_one_clear_error(bad: Bad) -> None:
    check_bad(bad)


@pytest.mark.parametrize("op", ["ScatterElements", "ScatterND"])
def test_unknown_reduction_is_an_error(op: str) -> None:
    ins = (act(2), fed([0]), act(1)) if op == "ScatterElements" else (act(2), fed([[0]]), act(1))
    execute = OPS[op].execute
    assert execute is not None
    with pytest.raises(InputError, match="magic"):
        execute(call_of(op, Sample({"reduction": "magic"}, ins)), [arg.value for arg in ins])


@pytest.mark.parametrize(
    ("op", "ins", "bound"),
    [
        ("NonZero", (truth(3, 4),), True),
        ("NonZero", (const([1, 0]),), False),
        ("Compress", (act(3), truth(3)), True),
        ("Compress", (act(3), const([True, False, True], "bool")), False),
        ("Unique", (ints(4),), True),
        ("Slice", (act(4), fed([1]), fed([2])), True),
        ("Slice", (act(4), const([1]), const([2])), False),
        ("TopK", (act(4), fed([2])), True),
        ("TopK", (act(4), const([2])), False),
        ("NonMaxSuppression", (act(1, 3, 4), act(1, 2, 3)), True),
    ],
)
def test_shape_is_known_to_be_a_bound(op: str, ins: tuple[Arg, ...], bound: bool) -> None:
    rule = OPS[op].bound_only
    assert rule is not None
    assert rule(call_of(op, Sample({}, ins))) is bound


def test_scalar_that_is_zero_or_not() -> None:
    """NonZero of a scalar has no axes, and one place where it is not zero (as numpy had it)."""
    execute = OPS["NonZero"].execute
    assert execute is not None
    for value, count in ((0, 0), (5, 1)):
        (y,) = execute(call_of("NonZero", Sample({}, (const(value),))), [np.array(value)])
        assert y.shape == (0, count)
