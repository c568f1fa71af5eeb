"""Puts names beside points of a figure, with a thin line where a name stands apart from its point."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from npusim.reports.plots.labels import Box, along, around, place
from npusim.reports.plots.style import FONT, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

APART = 6.0  # pixels at 100 dpi between a name and its point's mark from which a line joins them
INSET = 3.0  # pixels at 100 dpi that names keep from the edges of the axes


class Name(NamedTuple):
    """A text beside the point x, y of the axes' data; ``area`` is that of the point's mark, in square points."""

    x: float
    y: float
    text: str
    colour: str = INK
    bold: bool = False
    area: float = 42.0


def name_points(
    axes: Axes, names: Sequence[Name], *, lines: Sequence[tuple[Sequence[float], Sequence[float]]] = (),
    others: Sequence[tuple[float, float, float]] = (), size: float = FONT - 1,
) -> tuple[list[Box], list[str]]:  # fmt: skip
    """Draws the names where they overlap neither each other nor a point; the limits of the axes must stand.

    Args:
        lines: of the data's xs and ys, which names had better not stand on.
        others: points without a name, and the areas of their marks.
        size: of the letters, in points.

    Returns:
        The boxes of the names in pixels, and the texts of those for which there is no room, which are not drawn.
    """
    figure = axes.get_figure(root=True)
    if not isinstance(figure, Figure):
        raise TypeError("the axes belong to no figure")
    figure.draw_without_rendering()
    scale = figure.dpi / 100
    made = [_text(axes, name, size) for name in names]
    extents = [each.get_window_extent() for each in made]
    edge = axes.get_window_extent()
    bounds = Box(*(np.array([edge.x0, edge.y0, edge.x1, edge.y1]) + np.array([1, 1, -1, -1]) * INSET * scale))
    taken = [each.get_window_extent() for each in axes.texts if each not in made]
    legend = axes.get_legend()
    taken += [legend.get_window_extent()] if legend is not None else []
    covered = [Box(each.x0, each.y0, each.x1, each.y1) for each in taken]
    where = _pixels(axes, [(x, y) for x, y, _ in others])
    covered += [around(*at, _radius(other[2], scale)) for at, other in zip(where, others, strict=True)]
    boxes = place(
        _pixels(axes, [(name.x, name.y) for name in names]), [(each.width, each.height) for each in extents], bounds,
        radii=[_radius(name.area, scale) for name in names], covered=covered,
        lines=[box for line in lines for box in _line(axes, *line)],
        scale=scale,
    )  # fmt: skip
    left_out = []
    for name, text, box in zip(names, made, boxes, strict=True):
        if box is None:
            text.remove()
            left_out.append(name.text)
        else:
            _move(axes, name, text, box, scale)
    return [box for box in boxes if box is not None], left_out


def _radius(area: float, scale: float) -> float:
    """Pixels from the middle of a mark to its edge, and one to spare."""
    return (sqrt(area) / 2 * 100 / 72 + 1) * scale


def _text(axes: Axes, name: Name, size: float) -> Text:
    return axes.text(
        name.x, name.y, name.text, color=name.colour, fontsize=size, ha="center", va="center", zorder=5,
        fontweight="bold" if name.bold else "normal", clip_on=True,
    )  # fmt: skip


def _move(axes: Axes, name: Name, text: Text, box: Box, scale: float) -> None:
    """The text to its box, and a line from the box to the point where they are apart."""
    x, y = _pixels(axes, [(name.x, name.y)])[0]
    text.set_position(tuple(axes.transData.inverted().transform(box.centre)))
    end = min(max(x, box.left), box.right), min(max(y, box.low), box.high)
    if np.hypot(end[0] - x, end[1] - y) > APART * scale + _radius(name.area, scale):
        ends = axes.transData.inverted().transform([(x, y), end])
        axes.plot(ends[:, 0], ends[:, 1], color=name.colour, lw=0.5, alpha=0.7, zorder=2, scalex=False, scaley=False)


def _pixels(axes: Axes, points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    if not points:
        return []
    return [(float(x), float(y)) for x, y in axes.transData.transform(np.array(points, float))]


def _line(axes: Axes, xs: Sequence[float], ys: Sequence[float]) -> list[Box]:
    pixels = _pixels(axes, list(zip(xs, ys, strict=True)))
    return along([x for x, _ in pixels], [y for _, y in pixels])
