"""Reductions, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from rows import Bad, Row, check, check_bad, ids
from sample_kit import Arg, Sample, act, call_of, const, fed

from npusim.ops import OPS

ROWS = [
    # each of 24 elements once
    Row("ReduceMean", {"axes": (1,), "keepdims": 0}, (act(2, 3, 4),), (2, 4), ops=24, kinds=("reduce",)),
    Row("ReduceMean", {}, (act(2, 3, 4), const([0, -1])), (1, 3, 1), ops=24),
    Row("ReduceSum", {}, (act(2, 3, 4),), (1, 1, 1), ops=24),
    Row("ReduceSum", {"keepdims": 0}, (act(2, 3, 4), const([], "int64")), (), ops=24),
    # over no axes a sum leaves all as it is, and a sum of squares still squares
    Row("ReduceSum", {"noop_with_empty_axes": 1}, (act(2, 3),), (2, 3), view=True),
    Row("ReduceSumSquare", {"noop_with_empty_axes": 1}, (act(2, 3),), (2, 3), ops=6),
    Row("ArgMax", {"axis": -1, "keepdims": 0}, (act(2, 3),), (2,), ops=6),
    Row("CumSum", {}, (act(2, 3), const(1)), (2, 3), ops=6),
    Row("TopK", {"axis": 1}, (act(2, 5), const([3])), [(2, 3), (2, 3)], ops=10, kinds=("sort",)),
    Row("TopK", {"k": 2}, (act(3, 4),), [(3, 2), (3, 2)], ops=12),
    # k from data: the whole axis at most
    Row("TopK", {}, (act(2, 5), fed([3])), [(2, 5), (2, 5)], ops=10),
    Row("ReduceMax", {}, (act(0, 3), const([0])), (1, 3)),
]

BAD = [
    Bad("ReduceMean", {"axes": (3,)}, (act(2, 3),), "axis 3 is outside a tensor of rank 2"),
    Bad("ReduceMean", {}, (act(2, 3), fed([0])), "computed from data", "data-dependent-shape"),
    Bad("ArgMax", {"axis": 2}, (act(2, 3),), "axis 2"),
    Bad("TopK", {"axis": 0}, (act(2, 3), const([5])), "k 5 is not between 0 and the 2"),
]


@pytest.mark.parametrize("row", ROWS, ids=ids(ROWS))
def test_row(row: Row) -> None:
    check(row)


@pytest.mark.parametrize("bad", BAD, ids=ids(BAD))
def test_bad_call_is_one_clear_error(bad: Bad) -> None:
    check_bad(bad)


def _value(op: str, attrs: dict[str, int], *ins: Arg) -> list[list[float]]:
    execute = OPS[op].execute
    assert execute is not None
    outs = 2 if op == "TopK" else 1
    return [y.tolist() for y in execute(call_of(op, Sample(attrs, ins, outs=outs)), [arg.value for arg in ins])]


def test_the_largest_of_nothing_is_the_least_there_is() -> None:
    assert _value("ReduceMax", {"keepdims": 0}, Arg(np.zeros((0, 1), np.float32)), const([0])) == [[float("-inf")]]
    assert _value("ReduceMin", {"keepdims": 0}, Arg(np.zeros((0, 1), np.int8)), const([0])) == [[127]]
    assert _value("ReduceMax", {"keepdims": 0}, Arg(np.zeros((0, 1), bool)), const([0])) == [[False]]


def test_logarithm_of_large_exponents() -> None:
    """log(e^1000 + e^1000) = 1000 + log 2, where e^1000 overflows."""
    (y,) = _value("ReduceLogSumExp", {"keepdims": 0}, fed([1000.0, 1000.0], "float64"), const([0]))
    assert y == pytest.approx(1000.6931471805599)


def test_of_equal_elements_the_first_come_first() -> None:
    values, indices = _value("TopK", {}, fed([3, 5, 5, 1], "int32"), const([3]))
    assert (values, indices) == ([5, 5, 3], [1, 2, 0])
    values, indices = _value("TopK", {"largest": 0}, fed([3, 1, 1, 5], "int32"), const([2]))
    assert (values, indices) == ([1, 1], [1, 2])


def test_integers_reduce_to_integers() -> None:
    assert _value("ReduceMean", {"keepdims": 0}, fed([3, 4]), const([0])) == [3]  # 3.5 toward zero
    assert _value("ReduceLogSumExp", {"keepdims": 0}, fed([0]), const([0])) == [0]
