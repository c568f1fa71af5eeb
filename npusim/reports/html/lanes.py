"""A network as a line of columns with lanes below each other: where its layers stand and where its tensors run.

Columns count how many layers come before; the longest path is the first lane, so that a chain is a straight line, and
branches and what skips layers take the lanes below it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import msgspec

Edge = tuple[int, int]


class Route(msgspec.Struct, frozen=True):
    """An edge: in which lane it passes each column between those of its ends, ``lanes`` from the first such one."""

    source: int
    target: int
    lanes: tuple[int, ...]


class Lanes(msgspec.Struct, frozen=True):
    """Column and lane by node, and the way of each edge."""

    columns: tuple[int, ...]
    lanes: tuple[int, ...]
    routes: tuple[Route, ...]


def arrange(count: int, edges: Iterable[Edge], weights: Sequence[float]) -> Lanes:
    """Places nodes 0..count-1, which are in topological order.

    Args:
        edges: from a node to a later one. weights: what decides between paths of one length.
    """
    found = sorted(set(edges))
    before: list[list[int]] = [[] for _ in range(count)]
    after: list[list[int]] = [[] for _ in range(count)]
    for source, target in found:
        before[target].append(source)
        after[source].append(target)
    columns = _columns(before, after)
    free = _Free()
    lane, own = _nodes(columns, before, after, weights, free)
    return Lanes(tuple(columns), tuple(lane), tuple(_routes(found, columns, own, free)))


def _columns(before: Sequence[Sequence[int]], after: Sequence[Sequence[int]]) -> list[int]:
    """The length of the longest path to each node; what nothing comes before stands just before what needs it."""
    columns = [0] * len(before)
    for node, sources in enumerate(before):
        columns[node] = 1 + max((columns[each] for each in sources), default=-1)
    for node, sources in enumerate(before):
        if not sources and after[node]:
            columns[node] = max(0, min(columns[each] for each in after[node]) - 1)
    return columns


class _Free:
    """Which lanes are taken, column by column."""

    def __init__(self) -> None:
        self.taken: dict[int, set[int]] = {}

    def lowest(self, first: int, last: int, least: int) -> int:
        used = set().union(*(self.taken.get(column, set()) for column in range(first, last + 1)))
        lane = least
        while lane in used:
            lane += 1
        return lane

    def take(self, first: int, last: int, lane: int) -> None:
        for column in range(first, last + 1):
            self.taken.setdefault(column, set()).add(lane)


def _nodes(
    columns: Sequence[int],
    before: Sequence[Sequence[int]],
    after: Sequence[Sequence[int]],
    weights: Sequence[float],
    free: _Free,
) -> tuple[list[int], dict[Edge, int]]:
    """The lane of each node, and of the edges that run in the lane of a node: within a chain, into it and out of it."""
    lane, own = [-1] * len(columns), dict[Edge, int]()
    for node in _longest(before, weights):
        lane[node] = 0
    free.take(0, max(columns, default=0), 0)
    for first in range(len(columns)):
        if lane[first] >= 0:
            continue
        chain = [first]
        while (following := next((each for each in after[chain[-1]] if lane[each] < 0), None)) is not None:
            chain.append(following)
        last = chain[-1]
        start = min((columns[each] + 1 for each in before[first]), default=columns[first])
        end = max((columns[each] - 1 for each in after[last]), default=columns[last])
        chosen = free.lowest(start, end, 1)
        free.take(start, end, chosen)
        for node in chain:
            lane[node] = chosen
        inside = [*pairwise(chain), *((each, first) for each in before[first]), *((last, each) for each in after[last])]
        own |= dict.fromkeys(inside, chosen)
    return lane, own


def _longest(before: Sequence[Sequence[int]], weights: Sequence[float]) -> list[int]:
    """The nodes of the longest path; of equally long ones, that of the largest weights."""
    best: list[tuple[int, float]] = []
    came: list[int] = []
    for node, sources in enumerate(before):
        source = max(sources, key=lambda each: best[each], default=-1)
        length, weight = best[source] if source >= 0 else (0, 0.0)
        best.append((length + 1, weight + weights[node]))
        came.append(source)
    path = []
    node = max(range(len(best)), key=lambda each: best[each], default=-1)
    while node >= 0:
        path.append(node)
        node = came[node]
    return path[::-1]


def _routes(edges: Sequence[Edge], columns: Sequence[int], own: Mapping[Edge, int], free: _Free) -> list[Route]:
    """Ways through the lanes that the nodes left; edges of one source share theirs, and the short ones come first."""
    routes = []
    far: dict[int, list[int]] = {}
    for source, target in edges:
        between = columns[target] - columns[source] - 1
        if not between or (source, target) in own:
            routes.append(Route(source, target, (own.get((source, target), 0),) * between))
        else:
            far.setdefault(source, []).append(target)
    ends = {source: max(columns[each] for each in targets) - 1 for source, targets in far.items()}
    for source in sorted(far, key=lambda each: ends[each] - columns[each]):
        first = columns[source] + 1
        chosen = free.lowest(first, ends[source], 1)
        free.take(first, ends[source], chosen)
        routes += [Route(source, target, (chosen,) * (columns[target] - first)) for target in far[source]]
    return routes
