"""Softmax and its kin, worked by hand."""

from __future__ import annotations

import pytest
from rows import Bad, Row, check, check_bad, ids
from sample_kit import Sample, act, call_of, fed

from npusim.ops import OPS

ROWS = [
    # maximum, difference, exponential, sum, division: 24 * 5
    Row("Softmax", {"axis": 1}, (act(2, 3, 4),), (2, 3, 4), ops=120, kinds=("softmax",)),
    Row("LogSoftmax", {}, (act(2, 3),), (2, 3), ops=30),
    # the largest is found
    Row("Hardmax", {}, (act(2, 3),), (2, 3), ops=6, kinds=("reduce",)),
    Row("Softmax", {}, (act(0, 3),), (0, 3)),
]

BAD = [
    Bad("Softmax", {"axis": 3}, (act(2, 3),), "axis 3"),
    Bad("Softmax", {"axis": -3}, (act(2, 3),), "axis -3"),
]


@pytest.mark.parametrize("row", ROWS, ids=ids(ROWS))
def test_row(row: Row) -> None:
    check(row)


@pytest.mark.parametrize("bad", BAD, ids=ids(BAD))
def test_bad_call_is_one_clear_error(bad: Bad) -> None:
    check_bad(bad)


@pytest.mark.parametrize("op", ["Softmax", "LogSoftmax", "Hardmax"])
def test_of_nothing_is_nothing(op: str) -> None:
    execute = OPS[op].execute
    assert execute is not None
    (y,) = execute(call_of(op, Sample({}, (act(0, 3),))), [act(0, 3).value])
    assert y.shape == (0, 3)


def test_old_softmax_takes_all_later_axes_together() -> None:
    """Four equal elements in two axes: a quarter each before opset 13, a half each from then on (the last axis)."""
    execute = OPS["Softmax"].execute
    x = fed([[[1.0, 1.0], [1.0, 1.0]]], "float32")
    assert execute is not None
    for opset, expected in ((12, 0.25), (13, 0.5)):
        (y,) = execute(call_of("Softmax", Sample({}, (x,), opset=opset)), [x.value])
        assert y.reshape(-1).tolist() == [expected] * 4
