"""Where the boxes and wires of the diagram go: small networks worked by hand, and laws over random ones."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from npusim.reports.html.lanes import Lanes, Route, arrange


def even(count: int, *edges: tuple[int, int]) -> Lanes:
    return arrange(count, edges, [1.0] * count)


def test_a_chain_is_a_line() -> None:
    found = even(3, (0, 1), (1, 2))
    assert (found.columns, found.lanes) == ((0, 1, 2), (0, 0, 0))
    assert found.routes == (Route(0, 1, ()), Route(1, 2, ()))


def test_a_residual_passes_below() -> None:
    """0 -> 1 -> 2 -> 3 and 0 -> 3: past the columns of 1 and 2."""
    found = even(4, (0, 1), (1, 2), (2, 3), (0, 3))
    assert found.lanes == (0, 0, 0, 0)
    assert Route(0, 3, (1, 1)) in found.routes


def test_a_branch_has_a_lane_of_its_own() -> None:
    """0 -> 1 -> 2 -> 4 beside 0 -> 3 -> 4: the short branch stands after its source and runs on to the end."""
    found = even(5, (0, 1), (1, 2), (2, 4), (0, 3), (3, 4))
    assert found.columns == (0, 1, 2, 1, 3)
    assert found.lanes == (0, 0, 0, 1, 0)
    assert Route(3, 4, (1,)) in found.routes


def test_of_equal_branches_the_heavier_is_straight() -> None:
    found = arrange(4, [(0, 1), (0, 2), (1, 3), (2, 3)], [1.0, 1.0, 5.0, 1.0])
    assert found.lanes == (0, 1, 0, 0)


def test_readers_of_one_tensor_share_its_way() -> None:
    """0 is read by 1, 3 and 4 of the chain 1 -> 2 -> 3 -> 4."""
    found = even(5, (0, 1), (1, 2), (2, 3), (3, 4), (0, 3), (0, 4))
    assert Route(0, 3, (1, 1)) in found.routes
    assert Route(0, 4, (1, 1, 1)) in found.routes


def test_an_input_stands_before_its_reader() -> None:
    found = even(5, (0, 1), (1, 2), (2, 4), (3, 4))
    assert found.columns[3] == 2


def test_nothing_is_placed_of_nothing() -> None:
    assert even(0) == Lanes((), (), ())


@st.composite
def networks(draw: st.DrawFn) -> tuple[int, list[tuple[int, int]]]:
    count = draw(st.integers(1, 24))
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)).filter(lambda pair: pair[0] < pair[1])
    return count, draw(st.lists(pairs, max_size=50)) if count > 1 else []


@settings(max_examples=100, deadline=None)
@given(networks())
def test_boxes_and_wires_do_not_cover_each_other(network: tuple[int, list[tuple[int, int]]]) -> None:
    count, edges = network
    found = even(count, *edges)
    places = set(zip(found.columns, found.lanes, strict=True))
    assert len(places) == count
    assert {(route.source, route.target) for route in found.routes} == set(edges)
    ways: dict[tuple[int, int], list[Route]] = {}
    for route in found.routes:
        first = found.columns[route.source] + 1
        assert first + len(route.lanes) == found.columns[route.target]
        for column, lane in enumerate(route.lanes, first):
            assert (column, lane) not in places
            ways.setdefault((column, lane), []).append(route)
    for shared in ways.values():  # only what comes from one box, or ends in one, may lie on each other
        assert len({route.source for route in shared}) == 1 or len({route.target for route in shared}) == 1


@settings(max_examples=50, deadline=None)
@given(networks())
def test_the_longest_path_is_straight(network: tuple[int, list[tuple[int, int]]]) -> None:
    count, edges = network
    found = even(count, *edges)
    first = sorted(column for column, lane in zip(found.columns, found.lanes, strict=True) if lane == 0)
    assert all(after - before == 1 for before, after in pairwise(first))
    assert len(first) == 1 + max(found.columns)
