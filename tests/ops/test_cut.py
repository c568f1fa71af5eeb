"""Slice, Pad and their kin, worked by hand."""

from __future__ import annotations

import pytest
from rows import Bad, Row, check, check_bad, ids
from sample_kit import INT64_MAX, Sample, act, call_of, const, fed

from npusim.errors import InputError
from npusim.ops import OPS

ROWS = [
    # attributes up to opset 9: axis 0 from 1 on, axis 1 from the last but one to before the last
    Row("Slice", {"starts": (1, -2), "ends": (INT64_MAX, -1)}, (act(4, 5),), (3, 1)),
    # 1, 3 of the last axis
    Row("Slice", {}, (act(4, 5), const([1]), const([INT64_MAX]), const([-1]), const([2])), (4, 2)),
    # backwards from the last to the first
    Row("Slice", {}, (act(9, 3), const([-1, 0]), const([-INT64_MAX, 2]), const([0, 1]), const([-1, 1])), (9, 2)),
    # ends beyond, and before the start
    Row("Slice", {}, (act(4, 5), const([0, 3]), const([9, 3])), (4, 0)),
    Row("Slice", {}, (act(4, 5), const([3]), const([1])), (0, 5)),
    Row("Slice", {}, (act(0, 5), const([3]), const([0]), const([0]), const([-1])), (0, 5), view=True),
    # where to cut is computed: all of it at most
    Row("Slice", {}, (act(6, 2), fed([1]), fed([4])), (6, 2), view=True),
    Row("Pad", {"pads": (0, 1, 2, 0)}, (act(2, 3),), (4, 4)),
    Row("Pad", {"paddings": (0, 1, 2, 0)}, (act(2, 3),), (4, 4)),
    Row("Pad", {}, (act(4, 5), const([-1, 1, -1, -2])), (2, 4)),
    Row("Pad", {}, (act(2, 3, 4), const([1, 2]), None, const([-1])), (2, 3, 7)),
    Row("Pad", {}, (act(2, 3), const([0, 0, 0, 0])), (2, 3), view=True),
    Row("CenterCropPad", {}, (act(5, 4), const([3, 7])), (3, 7)),
    Row("CenterCropPad", {"axes": (-1,)}, (act(5, 4), const([3])), (5, 3)),
    Row("Trilu", {}, (act(4, 5),), (4, 5)),
]

BAD = [
    Bad("Slice", {"starts": (1,), "ends": (2, 3)}, (act(4, 5),), "do not fit"),
    Bad("Slice", {}, (act(4, 5), const([1]), const([2]), const([2])), "axis 2"),
    Bad("Slice", {}, (act(4, 5), const([1]), const([2]), const([0]), const([0])), "steps"),
    Bad("Pad", {"pads": (1, 1)}, (act(4, 5),), "each of 2 axes"),
    Bad("Pad", {"pads": (-3, 0, -2, 0)}, (act(4, 5),), "cut more"),
    Bad("Pad", {}, (act(4, 5), fed([0, 0, 1, 1])), "computed from data", "data-dependent-shape"),
    Bad("Trilu", {}, (act(5),), "no matrices"),
    Bad("CenterCropPad", {}, (act(5, 4), const([3])), "each of 2 axes"),
]


@pytest.mark.parametrize("row", ROWS, ids=ids(ROWS))
def test_row(row: Row) -> None:
    check(row)


@pytest.mark.parametrize("bad", BAD, ids=ids(BAD))
def test_bad_call_is_one_clear_error(bad: Bad) -> None:
    check_bad(bad)


def test_an_odd_rest_is_smaller_in_front() -> None:
    """Of 5 positions the middle 2 are 1 and 2 (one before, two after); 2 in 5 stand behind one zero."""
    execute = OPS["CenterCropPad"].execute
    assert execute is not None
    for given, size, expected in (([0, 1, 2, 3, 4], 2, [1, 2]), ([7, 8], 5, [0, 7, 8, 0, 0])):
        ins = (fed(given), const([size]))
        (y,) = execute(call_of("CenterCropPad", Sample({}, ins)), [arg.value for arg in ins])
        assert y.tolist() == expected


def test_unknown_padding_is_an_error() -> None:
    execute = OPS["Pad"].execute
    assert execute is not None
    with pytest.raises(InputError, match="magic"):
        execute(call_of("Pad", Sample({"mode": "magic", "pads": (1, 1)}, (act(3),))), [act(3).value])
