"""The search over sections: how a line of parts is cut so that its total cost is least."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar

import msgspec


class Cost(Protocol):
    """What can be summed and compared: cycles as a number, or a value with ``+`` and ``<``."""

    def __add__(self, other: Any, /) -> Any: ...

    def __lt__(self, other: Any, /) -> bool: ...


C = TypeVar("C", bound=Cost)


class Cut(msgspec.Struct, frozen=True, order=True):
    """A piece of the line: ``length`` parts from ``start``; 1 is a part on its own (lonely), more is a section."""

    start: int
    length: int


def combine(
    n: int, lonely: Callable[[int], C | None], sections: Callable[[int], Iterable[tuple[int, C]]], zero: C
) -> tuple[C, tuple[Cut, ...]] | None:
    """The cheapest way to cut parts 0..n-1, in their order, into lonely parts and sections.

    best[n] = zero; best[i] is the least of lonely(i) + best[i+1] and section(i, L) + best[i+L]. Of equal costs the
    first wins: lonely before sections, sections in the order given. O(n + number of sections), without recursion.

    Args:
        n: how many parts.
        lonely: cost of part i on its own; None where it cannot run so.
        sections: the sections that start at part i, as (length >= 2, cost); asked once for each i, the last i first.
        zero: the cost of nothing.

    Returns:
        The least cost and its pieces in order; None where no way runs every part.
    """
    best: list[C | None] = [None] * n + [zero]
    chosen = [0] * n
    for start in range(n - 1, -1, -1):
        alone = lonely(start)
        options = [] if alone is None else [(1, alone)]
        for length, cost in (*options, *sections(start)):
            rest = best[start + length] if start + length <= n else None
            if rest is None:
                continue
            total: C = cost + rest
            known = best[start]
            if known is None or total < known:
                best[start], chosen[start] = total, length
    least = best[0]
    return None if least is None else (least, _read_off(chosen))


def _read_off(chosen: list[int]) -> tuple[Cut, ...]:
    cuts, start = [], 0
    while start < len(chosen):
        cuts.append(Cut(start, chosen[start]))
        start += chosen[start]
    return tuple(cuts)
