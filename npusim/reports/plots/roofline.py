"""Layers and networks under the ceilings of the hardware, log-log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from npusim import __version__
from npusim.ceilings import Ceiling, Spot
from npusim.reports.facts import options
from npusim.reports.plots.names import Name, name_points
from npusim.reports.plots.style import FONT, INK, STYLES, canvas, plain, save
from npusim.reports.roofline import Roofline
from npusim.reports.words import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 22  # names on one plot: networks, and the layers that take longest
SMALLEST, LARGEST = 18.0, 130.0  # area of a layer's mark, by its share of the time; networks have the largest
DECADES = 2.0  # an axis that spans fewer has numbers between the powers of ten as well
LONGEST = 24  # letters of a name


def roofline(found: Roofline, axes: Axes) -> Axes:
    """Ceilings as lines, layers as marks as large as their share of the time, networks as outlined diamonds."""
    axes.set(xscale="log", yscale="log")
    axes.set_xlabel("operational intensity [MAC for each byte of DRAM traffic]")
    axes.set_ylabel("attained [GMAC/s]")
    axes.set_title(f"The roofline of {short(found.profile)}", loc="left")
    plain(axes)
    spots = list(_spots(found))
    lines = _ceilings(axes, found, _limits(axes, found, spots))
    names = []
    for (colour, marker), each in zip(_styles(len(found.placed)), found.placed, strict=True):
        for spot in each.layers:
            axes.scatter(*_at(spot), s=_area(spot), color=colour, marker=marker, alpha=0.75, lw=0, zorder=3)
            names.append((spot.share, Name(*_at(spot), _layer(spot), colour, area=_area(spot))))
        if each.network is not None:
            axes.scatter(
                *_at(each.network), s=LARGEST, marker="D", facecolors="white", edgecolors=colour, lw=2, zorder=4
            )
            name = short(each.network.model, LONGEST)
            names.append(
                (1.0, Name(*_at(each.network), name, colour, bold=True, area=2 * LARGEST))
            )  # stands on its edge
    first = sorted(names, key=lambda pair: -pair[0])[:MOST]
    others = [(*_at(spot), _area(spot)) for spot in spots]
    _, left_out = name_points(axes, [name for _, name in first], lines=lines, others=others, size=FONT - 1.5)
    unnamed = len(left_out) + len(names) - len(first)
    if unnamed:
        axes.annotate(
            f"{unnamed} more without a name: see the table", (0.99, 0.01), xycoords="axes fraction", ha="right",
            va="bottom", fontsize=FONT - 2.5, color=INK,
        )  # fmt: skip
    return axes


def save_roofline(found: Roofline, path: Path) -> None:
    """Writes the plot as the file's ending says (png, svg, pdf); InputError (unwritable, bad-option)."""
    with canvas(8, 5.6, footnote(found)) as (figure, axes):
        roofline(found, axes)
        save(figure, path)


def footnote(found: Roofline) -> str:
    """What the marks are, and where they come from."""
    asides = sum(len(each.asides) for each in found.placed)
    hidden = f"; {asides} layers without MACs or DRAM traffic have no place here" if asides else ""
    sizes = {"x".join(map(str, shape)) for each in found.results for shape in each.model.inputs.values()}
    inputs = f", input {' and '.join(sorted(sizes))}" if len(sizes) <= 2 else ""
    return (
        "diamonds: whole networks; other marks: layers, as large as their share of the time\n"
        f"npusim {__version__}{inputs}; dense MACs{hidden}\n{options(found.results[0].options)}"
    )


def _spots(found: Roofline) -> Iterator[Spot]:
    for each in found.placed:
        yield from each.layers
        if each.network is not None:
            yield each.network


def _at(spot: Spot) -> tuple[float, float]:
    return spot.macs_per_byte, spot.macs_per_s / 1e9


def _area(spot: Spot) -> float:
    return SMALLEST + (LARGEST - SMALLEST) * spot.share if spot.layers else 2 * LARGEST


def _layer(spot: Spot) -> str:
    more = len(spot.layers) - 1
    return short(spot.layers[0], LONGEST) + (f" +{more}" if more else "")


def _styles(count: int) -> Sequence[tuple[str, str]]:
    """A colour and a marker a network; diamonds are networks, so that no layer is one."""
    marks = [(colour, "X" if marker == "D" else marker) for colour, marker in STYLES]
    return [marks[at % len(marks)] for at in range(count)]


def _limits(axes: Axes, found: Roofline, spots: Sequence[Spot]) -> tuple[float, float]:
    """Sets the axes so that all marks and both ends of the roof are seen; returns the intensities at the edges."""
    peak = max(each.macs_per_s or 0.0 for each in found.ceilings) / 1e9
    ridges = [peak * 1e9 / each.bytes_per_s for each in found.ceilings if each.bytes_per_s]
    xs = [*(spot.macs_per_byte for spot in spots), *ridges]
    ys = [*(spot.macs_per_s / 1e9 for spot in spots), peak]
    left, right = min(xs) / 3, max(xs) * 4
    axes.set_xlim(left, right)
    axes.set_ylim(min(ys) / 3, peak * 3)
    for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        if np.log10(high / low) < DECADES:
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        axis.set_minor_formatter(NullFormatter())
    return left, right


def _ceilings(
    axes: Axes, found: Roofline, limits: tuple[float, float]
) -> list[tuple[Sequence[float], Sequence[float]]]:
    """Draws the ceilings with their names, each only as far as no lower one ends it."""
    top = max(each.macs_per_s or 0.0 for each in found.ceilings)
    widest = max((each.bytes_per_s or 0.0 for each in found.ceilings), default=0.0)
    lines: list[tuple[Sequence[float], Sequence[float]]] = []
    for each in found.ceilings:
        if each.macs_per_s is not None:
            xs = [max(limits[0], each.macs_per_s / widest) if widest else limits[0], limits[1]]
        else:
            xs = [limits[0], min(limits[1], top / (each.bytes_per_s or 1.0))]
        ys = [each.at(x) / 1e9 for x in xs]
        axes.plot(xs, ys, color=INK, lw=1.3, ls="-" if each.name in ("direct", "DRAM") else (0, (5, 2)), zorder=2)
        lines.append((xs, ys))
    axes.get_figure(root=True).draw_without_rendering()  # type: ignore[union-attr]
    for each, line in zip(found.ceilings, lines, strict=True):
        _ceiling_name(axes, each, *line)
    return lines


def _ceiling_name(axes: Axes, each: Ceiling, xs: Sequence[float], ys: Sequence[float]) -> None:
    """Above the line: at the right end of a flat one, along a sloping one from its low end."""
    if each.macs_per_s is not None:
        text, at, turn = f"{each.name} {each.macs_per_s / 1e9:,.0f} GMAC/s", (xs[1], ys[1]), 0.0
        axes.annotate(
            text, at, xytext=(-4, 3), textcoords="offset points", ha="right", va="bottom", fontsize=FONT - 2, color=INK
        )
        return
    ends = axes.transData.transform(np.array([(xs[0], ys[0]), (xs[1], ys[1])]))
    low = axes.get_ylim()[0]
    start = max(xs[0], low * 1e9 / (each.bytes_per_s or 1.0)) * 1.25
    turn = float(np.degrees(np.arctan2(*(ends[1] - ends[0])[::-1])))
    axes.annotate(
        f"{each.name} {(each.bytes_per_s or 0) / 1e9:,.3g} GB/s", (start, each.at(start) / 1e9), xytext=(-2, 5),
        textcoords="offset points", rotation=turn, rotation_mode="anchor", ha="left", va="bottom", fontsize=FONT - 2,
        color=INK,
    )  # fmt: skip
