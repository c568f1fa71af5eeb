"""Element-wise operators, worked by hand."""

from __future__ import annotations

import pytest
from rows import Bad, Row, check, check_bad, ids
from sample_kit import Sample, act, call_of, const, fed, ints, scale, truth, weights

from npusim.ops import OPS

ROWS = [
    # (2, 3, 4) against (3, 1): 24; a constant of more than one element is a parameter
    Row("Add", {}, (act(2, 3, 4), weights(3, 1)), (2, 3, 4), ops=24, params=3, kinds=("add",)),
    # a scalar is a setting
    Row("Mul", {}, (act(2, 3), scale(2.0)), (2, 3), ops=6, kinds=("mul",)),
    # an integer constant of int64 holds indices or sizes, never weights
    Row("Sub", {}, (ints(2, 3), const([1, 2, 3])), (2, 3), ops=6),
    # both sides widen
    Row("Div", {}, (act(2, 1, 4), act(3, 1)), (2, 3, 4), ops=24, kinds=("div",)),
    Row("Pow", {}, (act(5), scale(2.0)), (5,), ops=5, kinds=("sigmoid",)),
    Row("Mod", {}, (ints(4), const([2])), (4,), ops=4),
    Row("And", {}, (truth(2, 3), truth(3)), (2, 3), ops=6),
    Row("Greater", {}, (act(2, 3), act(1)), (2, 3), ops=6),
    # three operands take two operations an element, their mean three
    Row("Sum", {}, (act(2, 3), act(3), weights(2, 1)), (2, 3), ops=12, params=2),
    Row("Mean", {}, (act(2, 3), act(3), weights(2, 1)), (2, 3), ops=18, params=2),
    Row("Max", {}, (act(2, 3),), (2, 3)),
    Row("Where", {}, (truth(2, 1), act(3), weights(2, 3)), (2, 3), ops=6, params=6),
    Row("Add", {}, (act(0, 3), act(3)), (0, 3)),
    Row("Add", {}, (act(0, 3), act(1, 1)), (0, 3)),
]

BAD = [
    Bad("Add", {}, (act(2, 3), act(4)), r"\(2, 3\) and \(4,\) cannot be broadcast"),
    Bad("Add", {}, (act(0, 3), act(2, 3)), "cannot be broadcast"),
    Bad("Sum", {}, (), "no operand", "missing-input"),
    Bad("Add", {}, (act(2, 3), None), "input 1 is missing", "missing-input"),
    Bad("Add", {"broadcast": 1, "axis": 0}, (act(3, 3), act(3)), "at axis 0.*opset 7 or newer", "old-broadcast"),
    Bad("Mul", {"broadcast": 1, "axis": 1}, (act(2, 3, 4), act(3)), "at axis 1", "old-broadcast"),
    Bad("Where", {}, (truth(2), act(3), act(3)), "cannot be broadcast"),
]


@pytest.mark.parametrize("row", ROWS, ids=ids(ROWS))
def test_row(row: Row) -> None:
    check(row)


def test_an_axis_of_old_that_says_what_broadcasting_does() -> None:
    """Of (2, 3) the second axis is where (3,) begins and ends."""
    check(Row("Add", {"broadcast": 1, "axis": 1}, (act(2, 3), act(3)), (2, 3), ops=6))
    check(Row("Add", {"broadcast": 1}, (act(2, 3), act(3)), (2, 3), ops=6))


@pytest.mark.parametrize("bad", BAD, ids=ids(BAD))
def test_bad_call_is_one_clear_error(bad: Bad) -> None:
    check_bad(bad)


@pytest.mark.parametrize(
    ("op", "attrs", "a", "b", "expected"),
    [
        # integers divide toward zero, whatever the signs
        ("Div", {}, [7, -7, 7, -7], [2, 2, -2, -2], [3, -3, -3, 3]),
        ("Div", {}, [6, -6, 5], [3, 3, 0], [2, -2, 0]),
        # the remainder has the sign of the divisor, with fmod that of the dividend
        ("Mod", {}, [7, -7, 7, -7], [3, 3, -3, -3], [1, 2, -2, -1]),
        ("Mod", {"fmod": 1}, [7, -7, 7, -7], [3, 3, -3, -3], [1, -1, 1, -1]),
        # 2 ** -1 is 0.5, toward zero 0
        ("Pow", {}, [2, 3, 2], [3, 2, -1], [8, 9, 0]),
    ],
)
def test_integer_arithmetic(op: str, attrs: dict[str, int], a: list[int], b: list[int], expected: list[int]) -> None:
    ins = (fed(a), fed(b))
    execute = OPS[op].execute
    assert execute is not None
    (y,) = execute(call_of(op, Sample(attrs, ins)), [arg.value for arg in ins])
    assert y.tolist() == expected
    assert y.dtype == "int64"


def test_an_integer_to_a_broken_power() -> None:
    """4 ** 0.5 is 2; the result has the type of the base."""
    ins = (fed([4, 9]), fed([0.5], "float32"))
    execute = OPS["Pow"].execute
    assert execute is not None
    (y,) = execute(call_of("Pow", Sample({}, ins)), [arg.value for arg in ins])
    assert (y.tolist(), str(y.dtype)) == ([2, 3], "int64")
