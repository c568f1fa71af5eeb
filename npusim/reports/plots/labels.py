"""Names beside points so that no two names overlap and no name covers a point: boxes, in pixels, and nothing drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]

ANGLES = np.arange(24) * np.pi / 12  # where a name may stand: right, a little higher, ... once around
DISTANCES = np.array([2, 4, 8, 14, 20, 28, 38, 50, 64, 80, 100, 125])  # and how far away, pixels at 100 dpi
GAP = 2.0  # pixels that stay free around a name
COVERS_LINE = 60.0  # what it costs a name to stand on a line, in pixels of distance
FAR_SIDE = 6.0  # and to stand left of its point rather than right of it, where readers look


class Box(NamedTuple):
    """An upright rectangle."""

    left: float
    low: float
    right: float
    high: float

    @property
    def centre(self) -> tuple[float, float]:
        return (self.left + self.right) / 2, (self.low + self.high) / 2

    def overlaps(self, other: Box) -> bool:
        """Whether the two have an area in common."""
        return self.left < other.right and other.left < self.right and self.low < other.high and other.low < self.high


def place(
    points: Sequence[tuple[float, float]], sizes: Sequence[tuple[float, float]], bounds: Box, *,
    radii: Sequence[float], covered: Sequence[Box] = (), lines: Sequence[Box] = (), scale: float = 1.0,
) -> list[Box | None]:  # fmt: skip
    """A box for each point's name, near it; None where no place is free.

    Args:
        points: where they lie. sizes: width and height of their names.
        bounds: no name leaves it.
        radii: of the points' marks, which no name covers.
        covered: what else no name may cover. lines: what it had better not.
        scale: pixels of the picture for one at 100 dpi.
    """
    marks = [around(*point, radius) for point, radius in zip(points, radii, strict=True)]
    blocked = _table([*marks, *covered])
    soft = _table(lines)
    found: list[Box | None] = [None] * len(points)
    for at in _crowded_first(points, sizes):
        boxes, away = _candidates(points[at], sizes[at], radii[at], scale)
        inside = (
            (boxes[:, 0] >= bounds.left) & (boxes[:, 1] >= bounds.low)
            & (boxes[:, 2] <= bounds.right) & (boxes[:, 3] <= bounds.high)
        )  # fmt: skip
        free = inside & ~_hits(boxes, blocked).any(1)
        if not free.any():
            continue
        cost = away + COVERS_LINE * scale * _hits(boxes, soft).any(1)
        best = int(np.argmin(np.where(free, cost, np.inf)))
        found[at] = Box(*map(float, boxes[best]))
        grown = boxes[best] + np.array([-GAP, -GAP, GAP, GAP]) * scale
        blocked = np.vstack([blocked, grown])
    return found


def around(x: float, y: float, radius: float) -> Box:
    """The square around a point."""
    return Box(x - radius, y - radius, x + radius, y + radius)


def along(xs: Sequence[float], ys: Sequence[float], step: float = 6.0) -> list[Box]:
    """A line through these points as small boxes."""
    boxes = []
    for x0, y0, x1, y1 in zip(xs, ys, xs[1:], ys[1:], strict=False):
        count = max(int(np.hypot(x1 - x0, y1 - y0) / step), 1)
        for share in np.linspace(0, 1, count + 1):
            x, y = x0 + share * (x1 - x0), y0 + share * (y1 - y0)
            boxes.append(around(x, y, 1))
    return boxes


def _crowded_first(points: Sequence[tuple[float, float]], sizes: Sequence[tuple[float, float]]) -> list[int]:
    """Points with many others around them have the least choice."""
    if not points:
        return []
    where, wide = np.array(points, float), np.array(sizes, float)
    apart = np.abs(where[:, None] - where[None])
    near = (apart[..., 0] < wide[:, :1] * 1.5) & (apart[..., 1] < wide[:, 1:] * 4)
    return sorted(range(len(points)), key=lambda at: (-int(near[at].sum()), at))


def _candidates(
    point: tuple[float, float], size: tuple[float, float], radius: float, scale: float
) -> tuple[Array, Array]:
    """Boxes around a point as rows of left, low, right, high; and what each place costs."""
    angle, distance = (each.ravel() for each in np.meshgrid(ANGLES, DISTANCES * scale))
    half = np.array(size) / 2
    reach = radius + distance
    x = point[0] + np.cos(angle) * (half[0] + reach)
    y = point[1] + np.sin(angle) * (half[1] + reach)
    boxes = np.stack([x - half[0], y - half[1], x + half[0], y + half[1]], 1)
    return boxes, distance + FAR_SIDE * scale * (1 - np.cos(angle)) / 2


def _hits(boxes: Array, others: Array) -> Array:
    """Whether each box overlaps each of the others: [boxes, others]."""
    left, low, right, high = (others[:, at] for at in range(4))
    return (
        (boxes[:, None, 0] < right) & (left < boxes[:, None, 2])
        & (boxes[:, None, 1] < high) & (low < boxes[:, None, 3])
    )  # fmt: skip


def _table(boxes: Sequence[Box]) -> Array:
    return np.array(boxes, float).reshape(-1, 4)
