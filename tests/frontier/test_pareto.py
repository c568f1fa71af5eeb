"""The Pareto front against its definition, pair by pair."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from npusim.frontier.pareto import front

# Few values, so that ties occur: equal costs, equal qualities and both.
CHOICES = st.lists(st.tuples(st.integers(0, 6).map(float), st.integers(0, 6).map(float)), max_size=14)


def beaten(choice: tuple[float, float], others: list[tuple[float, float]]) -> bool:
    """Another costs no more and is no worse, and is better in one of the two."""
    return any(cost <= choice[0] and quality >= choice[1] and (cost, quality) != choice for cost, quality in others)


@given(CHOICES)
@settings(max_examples=100, deadline=None)
def test_the_front_is_what_nothing_beats(choices: list[tuple[float, float]]) -> None:
    assert front(choices) == [not beaten(choice, choices) for choice in choices]


def test_by_hand() -> None:
    # b costs as much as a and is worse; c is the best; d costs more than c for the same; e equals a.
    assert front([(1, 30), (1, 29), (2, 32), (3, 32), (1, 30)]) == [True, False, True, False, True]
    assert front([]) == []
    assert front([(float("inf"), 40.0)]) == [True]
