"""Which of many choices are worth a thought: those that no other beats in one way without losing in the other."""

from __future__ import annotations

from collections.abc import Sequence


def front(choices: Sequence[tuple[float, float]]) -> list[bool]:
    """For each choice of (cost, quality) whether it is on the Pareto front.

    One is off it where another costs no more and is no worse, and is better in one of the two. Equal ones are both on.
    """
    kept = [False] * len(choices)
    best = float("-inf")
    order = sorted(range(len(choices)), key=lambda at: (choices[at][0], -choices[at][1]))
    reached = (float("nan"), float("nan"))
    for at in order:
        if choices[at][1] > best or choices[at] == reached:
            kept[at] = True
            best, reached = choices[at][1], choices[at]
    return kept
