"""Resize, Upsample, and sampling on grids, worked by hand."""

from __future__ import annotations

import pytest
from rows import Bad, Row, check, check_bad, ids
from sample_kit import Sample, act, call_of, const, fed, scale

from npusim.errors import InputError
from npusim.ops import OPS

ROWS = [
    # floor(3 * 2), floor(3 * 3); the nearest is moved, not computed
    Row("Resize", {}, (act(1, 2, 3, 3), None, scale([1, 1, 2, 3])), (1, 2, 6, 9), kinds=("resize",)),
    # two neighbours in each of two axes: 4 * 56
    Row("Resize", {"mode": "linear"}, (act(1, 2, 5, 5), None, None, const([1, 2, 7, 4])), (1, 2, 7, 4), ops=224),
    # one axis changes: 2 * 40
    Row("Resize", {"mode": "linear"}, (act(1, 2, 5, 5), None, scale([1, 1, 0.8, 1])), (1, 2, 4, 5), ops=80),
    # 4 x 4 neighbours: 16 * 200
    Row("Resize", {"mode": "cubic"}, (act(1, 2, 5, 5), None, scale([1, 1, 2, 2])), (1, 2, 10, 10), ops=3_200),
    # antialiasing by 2 takes twice the neighbours an axis: 4 * 4 * 9
    Row(
        "Resize",
        {"mode": "linear", "antialias": 1},
        (act(1, 1, 6, 6), None, scale([1, 1, 0.5, 0.5])),
        (1, 1, 3, 3),
        ops=144,
    ),
    # opset 10: scales are the second input
    Row("Resize", {}, (act(1, 1, 2, 4), scale([1, 1, 0.6, 0.6])), (1, 1, 1, 2)),
    # opset 11: empty scales beside sizes
    Row("Resize", {}, (act(1, 2, 3, 3), scale([]), scale([]), const([1, 2, 7, 4])), (1, 2, 7, 4)),
    # float32(224 / 706) is a little less than 224 / 706: 223
    Row("Resize", {}, (act(1, 1, 706, 4), None, scale([1, 1, 224 / 706, 1])), (1, 1, 223, 4)),
    # axes in another order: 7 belongs to axis 3 (6), 9 to axis 2 (4); the smaller factor 7 / 6 gives 4.67 -> 5
    Row(
        "Resize",
        {"axes": (3, 2), "keep_aspect_ratio_policy": "not_larger"},
        (act(1, 2, 4, 6), None, None, const([7, 9])),
        (1, 2, 5, 7),
    ),
    # the larger factor, 7 / 4: 6 * 1.75 = 10.5 -> 11
    Row(
        "Resize",
        {"axes": (2, 3), "keep_aspect_ratio_policy": "not_smaller"},
        (act(1, 2, 4, 6), None, None, const([7, 9])),
        (1, 2, 7, 11),
    ),
    # half of 10 times 2; three quarters of 10 times 1 are 7.5
    Row(
        "Resize",
        {"coordinate_transformation_mode": "tf_crop_and_resize"},
        (act(10, 10), scale([0.25, 0.125, 0.75, 0.875]), scale([2, 1])),
        (10, 7),
    ),
    # nothing changes
    Row("Resize", {}, (act(1, 2, 3, 3), None, scale([1, 1, 1, 1])), (1, 2, 3, 3), view=True),
    Row("Upsample", {"scales": (1.0, 1.0, 2.0, 3.0)}, (act(1, 2, 3, 3),), (1, 2, 6, 9)),
    Row("Upsample", {"mode": "linear"}, (act(1, 2, 4, 4), scale([1, 1, 2, 2])), (1, 2, 8, 8), ops=512),
    # 4 neighbours, 16 neighbours, none
    Row("GridSample", {"mode": "bilinear"}, (act(2, 3, 4, 5), act(2, 6, 7, 2)), (2, 3, 6, 7), ops=1_008),
    Row("GridSample", {"mode": "cubic"}, (act(2, 3, 4, 5), act(2, 6, 7, 2)), (2, 3, 6, 7), ops=4_032),
    Row("GridSample", {"mode": "nearest"}, (act(2, 3, 4, 5), act(2, 6, 7, 2)), (2, 3, 6, 7)),
    # a coordinate is a sum of three products: 80 * 3
    Row("AffineGrid", {}, (act(2, 2, 3), const([2, 3, 4, 5])), (2, 4, 5, 2), ops=240),
    Row("Resize", {"mode": "linear"}, (act(0, 2, 3, 3), None, scale([1, 1, 2, 2])), (0, 2, 6, 6)),
]

BAD = [
    Bad("Resize", {}, (act(1, 2, 3, 3), None, scale([2, 2])), "factor > 0 for each of 4 axes"),
    Bad("Resize", {}, (act(1, 2), None, scale([1, -2])), "factor > 0"),
    Bad("Resize", {}, (act(1, 2), None, None, const([4])), "one for each of 2 axes"),
    Bad("Resize", {}, (act(1, 2), None, None, fed([1, 4])), "computed from data", "data-dependent-shape"),
    Bad("Resize", {}, (act(1, 2), None, fed([1, 4], "float32")), "computed from data", "data-dependent-shape"),
    Bad("Resize", {"coordinate_transformation_mode": "tf_crop_and_resize"}, (act(4), None, scale([2])), "roi"),
    Bad("GridSample", {}, (act(2, 3, 4, 5), act(2, 6, 7, 3)), "do not fit"),
    Bad("AffineGrid", {}, (act(2, 3, 3), const([2, 3, 4, 5])), "do not fit size"),
]


@pytest.mark.parametrize("row", ROWS, ids=ids(ROWS))
def test_row(row: Row) -> None:
    check(row)


@pytest.mark.parametrize("bad", BAD, ids=ids(BAD))
def test_bad_call_is_one_clear_error(bad: Bad) -> None:
    check_bad(bad)


@pytest.mark.parametrize(("op", "attrs"), [("Resize", {"mode": "magic"}), ("GridSample", {"mode": "magic"})])
def test_unknown_mode_is_an_error(op: str, attrs: dict[str, str]) -> None:
    ins = (act(1, 1, 2, 2), act(1, 4, 4, 2)) if op == "GridSample" else (act(1, 1, 2, 2), None, scale([1, 1, 2, 2]))
    with pytest.raises(InputError, match="magic"):
        OPS[op].work(call_of(op, Sample(attrs, ins)))


def test_unknown_coordinates_are_an_error() -> None:
    ins = (act(4), None, scale([2]))
    execute = OPS["Resize"].execute
    assert execute is not None
    with pytest.raises(InputError, match="magic"):
        execute(
            call_of("Resize", Sample({"coordinate_transformation_mode": "magic"}, ins)),
            [arg and arg.value for arg in ins],
        )


def test_two_becomes_four_by_hand() -> None:
    """half_pixel: outputs lie at -1/4, 1/4, 3/4, 5/4 of the input, the ends repeat: 0, 1, 3, 4."""
    ins = (fed([0.0, 4.0], "float32"), None, scale([2]))
    execute = OPS["Resize"].execute
    assert execute is not None
    (y,) = execute(call_of("Resize", Sample({"mode": "linear"}, ins)), [arg and arg.value for arg in ins])
    assert y.tolist() == [0.0, 1.0, 3.0, 4.0]
