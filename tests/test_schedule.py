"""The cutting of a line of parts: worked examples, ties, parts that cannot run alone, and a brute-force oracle."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from npusim.schedule import Cut, combine


def _run(alone: list[int | None], found: dict[int, list[tuple[int, int]]]) -> tuple[int, tuple[Cut, ...]] | None:
    return combine(len(alone), lambda i: alone[i], lambda i: found.get(i, []), 0)


def test_no_parts_cost_nothing() -> None:
    assert _run([], {}) == (0, ())


def test_a_section_that_is_cheaper_is_taken() -> None:
    # alone 5 + 5 + 5 = 15; (0,1) as a section 7 + 5 = 12; (1,2) as a section 5 + 4 = 9, the least.
    assert _run([5, 5, 5], {0: [(2, 7)], 1: [(2, 4)]}) == (9, (Cut(0, 1), Cut(1, 2)))


def test_of_equal_costs_the_first_wins() -> None:
    assert _run([5, 5], {0: [(2, 10)]}) == (10, (Cut(0, 1), Cut(1, 1)))
    # Both sections come to 9: length 2 with 4 + 5, length 3 with 9; the one listed first stays.
    assert _run([5, 5, 5], {0: [(2, 4), (3, 9)]}) == (9, (Cut(0, 2), Cut(2, 1)))
    assert _run([5, 5, 5], {0: [(3, 9), (2, 4)]}) == (9, (Cut(0, 3),))


def test_parts_that_cannot_run_alone_need_a_section() -> None:
    assert _run([5, None, 5], {0: [(2, 20)]}) == (25, (Cut(0, 2), Cut(2, 1)))
    assert _run([5, None], {}) is None


def test_a_section_beyond_the_end_is_no_choice() -> None:
    assert _run([3, 4], {1: [(2, 0)]}) == (7, (Cut(0, 1), Cut(1, 1)))


def test_a_long_line_needs_no_recursion() -> None:
    n = 50_000
    assert combine(n, lambda _: 2, lambda _: [(2, 3)], 0) == (3 * n // 2, tuple(Cut(i, 2) for i in range(0, n, 2)))


def _all_cuts(n: int, start: int = 0) -> Iterator[tuple[Cut, ...]]:
    if start == n:
        yield ()
    for length in range(1, n - start + 1):
        yield from ((Cut(start, length), *rest) for rest in _all_cuts(n, start + length))


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(0, 6))
def test_equals_the_best_of_all_cuts(data: st.DataObject, n: int) -> None:
    alone = [data.draw(st.none() | st.integers(0, 9)) for _ in range(n)]
    found = {i: [(size, data.draw(st.integers(0, 20))) for size in range(2, n - i + 1)] for i in range(n)}
    prices = {Cut(i, 1): cost for i, cost in enumerate(alone) if cost is not None}
    prices |= {Cut(i, size): cost for i, many in found.items() for size, cost in many}
    totals = [sum(prices[c] for c in cuts) for cuts in _all_cuts(n) if all(c in prices for c in cuts)]
    result = _run(alone, found)
    if result is None:
        assert totals == []
    else:
        assert result[0] == min(totals)
        assert sum(prices[cut] for cut in result[1]) == result[0]
