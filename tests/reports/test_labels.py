"""Names beside points: no two overlap, and none covers a point or leaves the picture, in drawn figures as well."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from npusim.reports.plots.labels import Box, along, around, place
from npusim.reports.plots.names import Name, name_points
from npusim.reports.plots.style import canvas

BOUNDS = Box(0.0, 0.0, 600.0, 400.0)
COORDINATES = st.tuples(st.floats(10, 590), st.floats(10, 390))
SIZES = st.tuples(st.floats(8, 120), st.floats(8, 20))
POINTS = st.lists(st.tuples(COORDINATES, SIZES, st.floats(2, 9)), max_size=24)


@given(POINTS, st.lists(COORDINATES, max_size=3))
@settings(max_examples=80, deadline=None)
def test_names_overlap_nothing(
    points: list[tuple[tuple[float, float], tuple[float, float], float]], covered: list[tuple[float, float]]
) -> None:
    where, sizes, radii = [p for p, _, _ in points], [s for _, s, _ in points], [r for _, _, r in points]
    others = [around(x, y, 12) for x, y in covered]
    boxes = place(where, sizes, BOUNDS, radii=radii, covered=others)
    found = [box for box in boxes if box is not None]
    assert len(boxes) == len(points)
    for at, box in enumerate(found):
        assert not any(box.overlaps(other) for other in found[at + 1 :])
        assert not any(box.overlaps(around(*point, radius)) for point, radius in zip(where, radii, strict=True))
        assert not any(box.overlaps(other) for other in others)
        assert box.left >= BOUNDS.left
        assert box.low >= BOUNDS.low
        assert box.right <= BOUNDS.right
        assert box.high <= BOUNDS.high
    for box, size in zip(boxes, sizes, strict=True):
        if box is not None:
            assert abs(box.right - box.left - size[0]) < 1e-6
            assert abs(box.high - box.low - size[1]) < 1e-6


def test_a_lonely_name_stands_right_of_its_point() -> None:
    (box,) = place([(300.0, 200.0)], [(40.0, 10.0)], BOUNDS, radii=[5.0])
    assert box is not None
    assert box.left >= 305
    assert box.low < 200 < box.high


def test_a_name_keeps_off_lines_where_it_can() -> None:
    line = along([0.0, 600.0], [200.0, 200.0])
    (box,) = place([(300.0, 200.0)], [(40.0, 10.0)], BOUNDS, radii=[5.0], lines=line)
    assert box is not None
    assert not any(box.overlaps(each) for each in line)


def test_what_finds_no_room_is_told() -> None:
    boxes = place([(20.0, 20.0), (20.0, 20.0)], [(30.0, 30.0)] * 2, Box(0, 0, 40, 40), radii=[2.0, 2.0])
    assert boxes == [None, None]
    assert place([], [], BOUNDS, radii=[]) == []


def test_names_of_a_figure_are_as_wide_as_they_are_drawn() -> None:
    with canvas(5, 4) as (_, axes):
        axes.set(xlim=(1, 100), ylim=(0, 1), xscale="log")
        names = [Name(10.0, 0.5, f"network number {at}") for at in range(12)]
        boxes, left_out = name_points(axes, names, lines=[([1, 100], [0.5, 0.5])], others=[(20.0, 0.5, 40.0)])
        drawn = {text.get_text(): text.get_window_extent() for text in axes.texts}
    assert len(boxes) + len(left_out) == len(names)
    assert sorted(drawn) == sorted({name.text for name in names} - set(left_out))
    extents = [Box(each.x0, each.y0, each.x1, each.y1) for each in drawn.values()]
    assert not any(one.overlaps(other) for at, one in enumerate(extents) for other in extents[at + 1 :])
