"""Two numbers for each name, joined by a line: how far one is from the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from matplotlib.ticker import FuncFormatter, NullFormatter

from npusim.reports.plots.style import FONT, INK, STYLES, plain
from npusim.reports.words import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LONGEST = 64  # letters of a name
BEFORE, AFTER = STYLES[1], STYLES[0]


class Pair(NamedTuple):
    """A name with two numbers, and what is written at the right of them."""

    name: str
    first: float
    second: float
    said: str = ""


def pairs(
    found: Sequence[Pair],
    axes: Axes,
    *,
    first: str,
    second: str,
    unit: str,
    mark: tuple[float, str] | None = None,
    log: bool = True,
) -> Axes:
    """A row a pair, from the top down; ``mark`` is a value with a name, drawn as a line.

    Args:
        first, second: what the two numbers are. unit: of the axis. log: whether it is logarithmic.
    """
    rows = range(len(found))
    values = [value for each in found for value in (each.first, each.second)] + ([mark[0]] if mark else [])
    low, high = min(values), max(values)
    # Room at the right for what is said there, in front of the axes' end.
    axes.set_xscale("log" if log else "linear")
    axes.set_xlim(*((low / 1.5, high * (high / low) ** 0.22 * 1.3) if log else (low - 0.1 * (high - low), high * 1.15)))
    axes.set_ylim(len(found) - 0.4, -0.9)
    if mark is not None:
        axes.axvline(mark[0], color=INK, lw=0.8, ls=(0, (4, 3)), zorder=1)
        axes.annotate(
            mark[1], (mark[0], -0.85), xytext=(4, 0), textcoords="offset points", fontsize=FONT - 2, color=INK, va="top"
        )
    axes.hlines(rows, [each.first for each in found], [each.second for each in found], color="#AAAAAA", lw=2, zorder=2)
    for (colour, marker), label, numbers in (
        (BEFORE, first, [each.first for each in found]), (AFTER, second, [each.second for each in found])
    ):  # fmt: skip
        axes.scatter(numbers, rows, s=46, color=colour, marker=marker, label=label, zorder=3)
    for row, each in enumerate(found):
        axes.annotate(
            each.said, (max(each.first, each.second), row), xytext=(9, 0), textcoords="offset points", va="center",
            fontsize=FONT - 2, color=INK, bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
        )  # fmt: skip
    axes.set_yticks(rows, [short(each.name, LONGEST) for each in found])
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(unit)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.legend(frameon=False, fontsize=9, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, borderaxespad=0.2)
    return plain(axes, "x")
