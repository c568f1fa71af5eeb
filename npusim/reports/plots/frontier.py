"""Quality against cost, the Pareto front drawn through the networks that are on it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.ticker import FuncFormatter, NullFormatter

from npusim import __version__
from npusim.frontier import Frontier, Point
from npusim.reports.facts import options
from npusim.reports.frontier import QUALITY, title
from npusim.reports.plots.names import Name, name_points
from npusim.reports.plots.style import STYLES, canvas, plain, save
from npusim.reports.words import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ON, YOURS, OFF = STYLES[0][0], STYLES[1][0], "#666666"
LONGEST = 32  # letters of a name on the plot
OFF_NPU = "\u2020"  # a dagger behind the name of a network that runs off the NPU for MUCH of its time
MUCH = 0.10


def frontier(found: Frontier, axes: Axes) -> Axes:
    """Each network as a point with its name: filled, or hollow where its quality is recalled."""
    axis = found.axis
    xs = [_cost(each, found) for each in found.points]
    ys = [each.quality for each in found.points]
    axes.set_xscale("log")
    axes.set_xlabel(f"{axis.title}{'' if not axis.more else ' (more is better)'} [{axis.unit}]")
    axes.set_ylabel(f"{QUALITY[found.measure][0]} on {found.dataset} x{found.scale}{_unit(found)}")
    axes.set_title(title(found), loc="left")
    plain(axes)
    if not found.points:
        return axes
    spread = max(ys) - min(ys) or 0.01
    axes.set_ylim(min(ys) - 0.12 * spread, max(ys) + 0.12 * spread)
    axes.set_xlim(min(xs) / 2.2, max(xs) * 3.2)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    steps = _steps(found, axes.get_xlim())
    axes.plot(*steps, color=ON, lw=1.4, alpha=0.6, zorder=1, label="Pareto front")
    for on, yours, recalled in sorted({_kind(each) for each in found.points}):
        kind = [(x, y) for x, y, each in zip(xs, ys, found.points, strict=True) if _kind(each) == (on, yours, recalled)]
        colour = _colour(on, yours)
        axes.scatter(
            [x for x, _ in kind], [y for _, y in kind], s=_area(yours), marker="*" if yours else "o",
            facecolors="white" if recalled else colour, edgecolors=colour, linewidths=1.4, zorder=4,
            label=_legend(on, yours, recalled),
        )  # fmt: skip
    axes.legend(frameon=False, fontsize=9, loc="lower left" if axis.more else "lower right")
    names = [
        Name(
            x,
            y,
            _name(each, _off(each, found)),
            _colour(each.on_front, each.yours),
            each.on_front or each.yours,
            _area(each.yours),
        )
        for x, y, each in zip(xs, ys, found.points, strict=True)
    ]
    name_points(axes, names, lines=[steps])
    return axes


def save_frontier(found: Frontier, path: Path) -> None:
    """Writes the plot as the file's ending says (png, svg, pdf); InputError (unwritable, bad-option)."""
    with canvas(8, 5.2, footnote(found)) as (figure, axes):
        frontier(found, axes)
        save(figure, path)


def footnote(found: Frontier) -> str:
    """Where both axes come from."""
    hollow = "; hollow: recalled, to be confirmed" if any(each.recalled for each in found.points) else ""
    width, height = found.frame
    off = any(_off(each, found) for each in found.points)
    marked = f"\n{OFF_NPU} more than {MUCH:.0%} of the time off the NPU, at the profile's fallback rates" if off else ""
    how = f"\n{options(found.options)}" if found.options is not None and found.against != "theoretical-fps" else ""
    count = "; dense MACs" if found.against in ("macs", "theoretical-fps") else ""
    return (
        f"{QUALITY[found.measure][0]}: as published, models/quality.csv{hollow}\n"
        f"{found.axis.title}: npusim {__version__}, input {width}x{height}{count}{how}{marked}"
    )


def _off(each: Point, found: Frontier) -> bool:
    """Whether the time that is drawn is to a good part not the NPU's."""
    return found.against == "latency" and each.costs.off_npu_share >= MUCH


def _name(each: Point, marked: bool) -> str:
    return f"{short(each.name, LONGEST)}{OFF_NPU if marked else ''}"


def _unit(found: Frontier) -> str:
    return " [dB]" if found.measure == "psnr" else ""


def _cost(each: Point, found: Frontier) -> float:
    return float(getattr(each.costs, found.axis.key) or 0.0) / found.axis.factor


def _kind(each: Point) -> tuple[bool, bool, bool]:
    return each.on_front, each.yours, each.recalled


def _area(yours: bool) -> float:
    return 110.0 if yours else 42.0


def _colour(on_front: bool, yours: bool) -> str:
    return YOURS if yours else ON if on_front else OFF


def _legend(on_front: bool, yours: bool, recalled: bool) -> str:
    if yours:
        return "yours, on the front" if on_front else "yours"
    return f"{'on the front' if on_front else 'off the front'}{', recalled' if recalled else ''}"


def _steps(found: Frontier, limits: tuple[float, float]) -> tuple[Sequence[float], Sequence[float]]:
    """The front as stairs: up to the next network, nothing better is to be had than the last one."""
    xs: list[float] = []
    ys: list[float] = []
    for each in found.front:
        if xs:
            xs.append(_cost(each, found))
            ys.append(ys[-1])
        xs.append(_cost(each, found))
        ys.append(each.quality)
    # The best network stays the best however much may be spent.
    return [*xs, limits[0] if found.axis.more else limits[1]], [*ys, ys[-1]]
