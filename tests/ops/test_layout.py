"""Joining, splitting, transposing, rearranging, worked by hand."""

from __future__ import annotations

import pytest
from rows import Bad, Row, check, check_bad, ids
from sample_kit import Arg, Sample, act, call_of, const, fed, weights

from npusim.errors import InputError
from npusim.ops import OPS

ROWS = [
    # 3 + 5 + 1 along axis 1; a constant operand (a class token) is a parameter
    Row("Concat", {"axis": 1}, (act(2, 3, 4), act(2, 5, 4), weights(2, 1, 4)), (2, 9, 4), params=8, kinds=("copy",)),
    Row("Concat", {"axis": -1}, (act(2, 3),), (2, 3), view=True),
    Row("Split", {"axis": 1, "split": (1, 3)}, (act(2, 4),), [(2, 1), (2, 3)]),
    Row("Split", {"axis": 1}, (act(2, 4),), [(2, 2), (2, 2)]),
    Row("Split", {"axis": 1}, (act(2, 4), const([1, 1, 2])), [(2, 1), (2, 1), (2, 2)]),
    # 7 in 3: ceil(7 / 3) = 3, 3, and 1 is left
    Row("Split", {"num_outputs": 3}, (act(7, 2),), [(3, 2), (3, 2), (1, 2)]),
    Row("Split", {"num_outputs": 2}, (act(0, 2),), [(0, 2), (0, 2)]),
    Row("Transpose", {"perm": (0, 2, 1)}, (act(2, 3, 4),), (2, 4, 3)),
    Row("Transpose", {}, (act(2, 3, 4),), (4, 3, 2)),
    # axes of one position may go anywhere without moving a thing
    Row("Transpose", {"perm": (1, 0, 2)}, (act(1, 3, 4),), (3, 1, 4), view=True),
    Row("Tile", {}, (act(2, 3), const([2, 1])), (4, 3)),
    Row("Tile", {}, (act(2, 3), const([1, 1])), (2, 3), view=True),
    Row("Expand", {}, (act(3, 1), const([2, 1, 6])), (2, 3, 6)),
    Row("Expand", {}, (act(2, 3), const([1])), (2, 3), view=True),
    Row("DepthToSpace", {"blocksize": 2}, (act(1, 8, 2, 3),), (1, 2, 4, 6)),
    Row("DepthToSpace", {"blocksize": 2, "mode": "CRD"}, (act(1, 8, 2, 3),), (1, 2, 4, 6)),
    Row("DepthToSpace", {"blocksize": 1}, (act(1, 8, 2, 3),), (1, 8, 2, 3), view=True),
    Row("SpaceToDepth", {"blocksize": 2}, (act(1, 2, 4, 6),), (1, 8, 2, 3)),
    # 8 rows of columns in blocks of 4: 2 channels; each of 72 elements is added
    Row("Col2Im", {}, (act(1, 8, 9), const([4, 4]), const([2, 2])), (1, 2, 4, 4), ops=72),
    Row("ReverseSequence", {}, (act(4, 3), const([4, 2, 1])), (4, 3)),
    Row("Concat", {"axis": 0}, (act(0, 3), act(2, 3)), (2, 3)),
]

BAD = [
    Bad("Concat", {"axis": 1}, (act(2, 3), act(3, 3)), "cannot be joined along axis 1"),
    Bad("Concat", {"axis": 2}, (act(2, 3), act(2, 3)), "axis 2"),
    Bad("Concat", {"axis": 0}, (), "no operand", "missing-input"),
    Bad("Split", {"axis": 1, "split": (1, 1)}, (act(2, 4),), "not the 4 positions"),
    Bad("Split", {"num_outputs": 0}, (act(2, 4),), "0 parts"),
    Bad("Split", {"num_outputs": 10**9}, (act(0, 4),), "1000000000 parts"),
    Bad("Transpose", {"perm": (0, 0)}, (act(2, 3),), "no order of 2 axes"),
    Bad("Tile", {}, (act(2, 3), const([2])), "one for each axis"),
    Bad("Expand", {}, (act(2, 3), const([4])), "cannot be broadcast"),
    Bad("Expand", {}, (act(2, 3), fed([2, 3])), "computed from data", "data-dependent-shape"),
    Bad("DepthToSpace", {"blocksize": 2}, (act(1, 6, 2, 3),), "6 channels"),
    Bad("DepthToSpace", {"blocksize": 2}, (act(4, 2, 3),), "no "),
    Bad("SpaceToDepth", {"blocksize": 2}, (act(1, 2, 3, 6),), "3 x 6 positions"),
    Bad("Col2Im", {}, (act(1, 7, 9), const([4, 4]), const([2, 2])), "do not make images"),
]


@pytest.mark.parametrize("row", ROWS, ids=ids(ROWS))
def test_row(row: Row) -> None:
    check(row)


@pytest.mark.parametrize("bad", BAD, ids=ids(BAD))
def test_bad_call_is_one_clear_error(bad: Bad) -> None:
    check_bad(bad)


def test_uneven_parts_need_to_be_asked_for() -> None:
    with pytest.raises(InputError, match="does not split into 2 parts"):
        call_of("Split", Sample({}, (act(3, 2),), outs=2))


def test_channel_orders_of_depth_to_space() -> None:
    """Four channels 0 1 2 3 of one position, 2 x 2 blocks: a single output channel reads 0 1 / 2 3 in both orders.

    With eight channels, DCR puts output channel 0 at 0 2 4 6, CRD at 0 1 2 3.
    """
    execute = OPS["DepthToSpace"].execute
    assert execute is not None
    x = fed(list(range(8))).value.reshape(1, 8, 1, 1)
    for mode, expected in (("DCR", [[0, 2], [4, 6]]), ("CRD", [[0, 1], [2, 3]])):
        call = call_of("DepthToSpace", Sample({"blocksize": 2, "mode": mode}, (Arg(x),)))
        (y,) = execute(call, [x])
        assert y[0, 0].tolist() == expected


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_space_to_depth_undoes_depth_to_space(mode: str) -> None:
    there, back = OPS["DepthToSpace"].execute, OPS["SpaceToDepth"].execute
    assert there is not None
    assert back is not None
    x, attrs = act(2, 8, 3, 4), {"blocksize": 2, "mode": mode}
    (y,) = there(call_of("DepthToSpace", Sample(attrs, (x,))), [x.value])
    (z,) = back(call_of("SpaceToDepth", Sample(attrs, (Arg(y),))), [y])
    assert (z == x.value).all()
