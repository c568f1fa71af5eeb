"""Tilings: a search as a heat map beside its front, tiles as lines beside the whole frame, and the error at seams."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import LogNorm, Normalize
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from npusim import __version__
from npusim.reports.plots.names import Name, name_points
from npusim.reports.plots.style import FONT, INK, STYLES, canvas, check_ending, plain, save
from npusim.reports.tiling import size_text
from npusim.reports.words import short
from npusim.tiling.answer import Study
from npusim.tiling.proof import Proved
from npusim.tiling.study import WHOLE, Tiling
from npusim.tiling.sweep import Swept
from npusim.units import format_count

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = "cividis_r"  # even in lightness, and the same to colour-blind readers; dark is slow
MAP_MOST = 2.5  # times the fastest: what is slower has the last colour
FRONT_MOST = 0.15  # of the MACs, and what is drawn beside a front that ends earlier
TICKS = (32, 64, 128, 256, 512, 1024, 2048, 4096, 8192)  # pixels, of those that the map holds
FEW = 3  # ticks that an axis has at the least
MANY = 5  # names of tiles below an axis that need to be turned
NAMED = 6  # tiles of the front with a name
FLOOR_DB = -80.0  # errors below it are black
MARK = 25.0  # square points of a mark of the front
DASHES = ("-", "--", ":", "-.")  # of as many policies as there are colours, of as many more, and so on
NONE = 1e-6  # of the MACs: rounding
MS = 1e3


def save_tilings(found: Study, path: Path) -> None:
    """A search as a heat map and its front, other tilings as lines; InputError (unwritable, bad-option)."""
    check_ending(path)
    if found.swept is None:
        with canvas(8, 4.6, _footnote(found)) as (figure, axes):
            lines(found, axes)
            save(figure, path)
        return
    with canvas(12, 5.2, _footnote(found)) as (figure, axes):
        axes.remove()
        left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
        heat_map(found, found.swept, left)
        front(found, found.swept, right)
        save(figure, path)


def heat_map(found: Study, swept: Swept, axes: Axes) -> Axes:
    """Milliseconds a frame for each width and height of a tile; circles on the front, a star on the fastest."""
    cells = (found.whole, *swept.rows)
    widths, heights = (sorted({row.tile[side] for row in cells}) for side in range(2))
    at_w, at_h = ({size: at for at, size in enumerate(sizes)} for sizes in (widths, heights))
    times = np.full((len(heights), len(widths)), np.nan)
    for row in cells:
        times[at_h[row.tile[1]], at_w[row.tile[0]]] = row.latency_s * MS
    least, whole = float(np.nanmin(times)), found.whole.latency_s * MS
    image = axes.pcolormesh(
        _edges(widths), _edges(heights), times, cmap=COLOURS, norm=LogNorm(least, least * MAP_MOST), rasterized=True
    )
    axes.set(xscale="log", yscale="log")
    if len(widths) > 1 and len(heights) > 1 and least < whole < np.nanmax(times):
        axes.contour(widths, heights, times, [whole], colors=[INK], linewidths=1.2)
        axes.plot([], [], color=INK, lw=1.2, label="as fast as the whole frame")
    tiles = [row for row in swept.front if row.policy != WHOLE]
    axes.scatter(
        [row.tile[0] for row in tiles], [row.tile[1] for row in tiles], s=52, facecolors="white", edgecolors=INK,
        linewidths=1.2, label="on the front", clip_on=False, zorder=3,
    )  # fmt: skip
    fastest = min(swept.rows, key=lambda row: (row.latency_s, not row.estimated))
    axes.scatter(
        *fastest.tile, s=170, marker="*", color=STYLES[1][0], edgecolors="white", lw=0.8, clip_on=False, zorder=4,
        label=f"fastest tile, {size_text(fastest.tile)}",
    )  # fmt: skip
    for axis, sizes in ((axes.xaxis, widths), (axes.yaxis, heights)):
        axis.set_minor_locator(NullLocator())
        axis.set_ticks(_ticks(sizes))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel("width of a tile [pixels]")
    axes.set_ylabel("height of a tile [pixels]")
    axes.set_title(f"{short(found.result.model.name)}: a {size_text(found.frame)} frame in tiles", loc="left")
    axes.legend(fontsize=FONT - 1.5, loc="lower left", facecolor="white", framealpha=0.9, edgecolor="none")
    figure: Any = axes.get_figure(root=True)
    bar = figure.colorbar(image, ax=axes, extend="max", pad=0.015)
    bar.set_label("latency [ms a frame]")
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    bar.ax.yaxis.set_minor_formatter(NullFormatter())
    bar.set_ticks([round(least * MAP_MOST**share, 1) for share in np.linspace(0, 1, 6)])
    if least < whole < least * MAP_MOST:
        bar.ax.axhline(whole, color=INK, lw=2)
    return axes


def front(found: Study, swept: Swept, axes: Axes) -> Axes:
    """Latency against what is computed again: every size as a dot, the front as a line with names.

    Where nothing is computed again, latency against the number of runs.
    """
    again = max(row.recompute for row in swept.rows) > NONE
    most = max(FRONT_MOST, 1.2 * swept.front[-1].recompute) if again else np.inf
    shown = [
        row for row in swept.rows if row.recompute <= most and row.latency_s <= MAP_MOST * found.best.row.latency_s
    ]
    for estimated, colour, label in ((False, "#BBBBBB", "interpolated"), (True, STYLES[5][0], "estimated")):
        some = [row for row in shown if row.estimated is estimated]
        axes.scatter(*_places(some, again), s=7, color=colour, lw=0, label=label, zorder=1 + estimated)
    axes.axhline(found.whole.latency_s * MS, color=INK, lw=1, ls=(0, (5, 2)), label="whole frame", zorder=1)
    xs, ys = _places(swept.front, again)
    times = [row.latency_s * MS for row in (*shown, found.whole)]
    low, high = min(times), max(times)
    axes.set_ylim(low - 0.08 * (high - low), high + 0.04 * (high - low))
    stairs = _stairs(xs, ys, most * 100) if again else (xs, ys)
    if again:
        axes.set_xlim(-0.02 * most * 100, most * 100)
        axes.set_xlabel("MACs beyond those of the whole frame [%]")
    else:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set_xlabel("runs of the network a frame")
    axes.plot(*stairs, color=STYLES[0][0], lw=1.4, zorder=2)
    axes.plot(xs, ys, color=STYLES[0][0], lw=1.4 if again else 0, marker="o", ms=5, ls="", label="front", zorder=3)
    axes.set_ylabel("latency [ms a frame]")
    axes.set_title(f"Policy {swept.rows[0].policy}, {format_count(len(swept.rows))} sizes", loc="left")
    plain(axes)
    axes.legend(frameon=False, fontsize=FONT - 1.5, loc="upper left")
    named = [row for row in swept.front if row.policy != WHOLE][-NAMED:]
    names = [
        Name(x, y, size_text(row.tile), STYLES[0][0]) for row, x, y in zip(named, *_places(named, again), strict=True)
    ]
    points = [(x, y, MARK) for x, y in zip(*_places((*shown, *swept.front), again), strict=True)]
    name_points(axes, names, lines=[stairs], others=points, size=FONT - 2)
    return axes


def _stairs(xs: Sequence[float], ys: Sequence[float], end: float) -> tuple[list[float], list[float]]:
    """A line that keeps its height up to the next point, and the last one's to the end."""
    return [xs[0], *(x for x in xs[1:] for _ in range(2)), end], [y for y in ys for _ in range(2)]


def lines(found: Study, axes: Axes) -> Axes:
    """Latency of each tile asked for, a line a policy, beside the whole frame and depth-first execution."""
    policies = list(dict.fromkeys(row.policy for row in found.rows))
    tiles = list(dict.fromkeys(row.tile for row in found.rows))
    tiles.sort(key=lambda tile: (tile[0] * tile[1], tile))
    for at, policy in enumerate(policies):
        (colour, marker), dash = STYLES[at % len(STYLES)], DASHES[at // len(STYLES) % len(DASHES)]
        rows = {row.tile: row for row in found.rows if row.policy == policy}
        places = [place for place, tile in enumerate(tiles) if tile in rows]
        values = [rows[tiles[place]].latency_s * MS for place in places]
        label = policy if any(row.exact for row in rows.values()) else f"{policy}, not exact"
        axes.plot(places, values, color=colour, marker=marker, ms=6, lw=1.4, ls=dash, label=label)
    axes.axhline(found.whole.latency_s * MS, color=INK, lw=1.2, ls=(0, (5, 2)), label="whole frame")
    for dashes, row in zip(((1, 1.5), (3, 1, 1, 1)), found.depth_first, strict=False):
        axes.axhline(row.latency_s * MS, color="#777777", lw=1.2, ls=(0, dashes), label=row.policy)
    axes.set_xticks(range(len(tiles)), [size_text(tile) for tile in tiles])
    if len(tiles) > MANY:
        axes.tick_params(axis="x", rotation=35)
    axes.margins(x=0.05, y=0.12)
    axes.set_xlabel("tile [pixels of the input]")
    axes.set_ylabel("latency [ms a frame]")
    axes.set_title(f"{short(found.result.model.name)}: a {size_text(found.frame)} frame in tiles", loc="left")
    plain(axes)
    axes.legend(frameon=False, fontsize=FONT - 1.5, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return axes


def save_seams(found: Sequence[Proved], model: str, path: Path) -> None:
    """A panel a tile and policy, where tiles differ from the whole frame; InputError (unwritable, bad-option)."""
    check_ending(path)
    columns = min(len(found), 3)
    rows = -(-len(found) // columns)
    shape = found[0].error.shape
    footnote = (
        "error: difference of the tiled picture from the whole frame's, over the largest element\n"
        f"npusim {__version__}, {short(model)} in numpy"
    )
    with canvas(3.4 * columns + 1.2, rows * (3.0 * shape[0] / shape[1] + 0.45) + 0.7, footnote) as (figure, axes):
        axes.remove()
        panels = np.atleast_1d(figure.subplots(rows, columns)).reshape(-1)
        for panel, each in zip(panels, found, strict=False):
            image = _seams(each, panel)
        for panel in panels[len(found) :]:
            panel.remove()
        bar = figure.colorbar(image, ax=list(panels[: len(found)]), extend="min", pad=0.02, fraction=0.05)
        bar.set_label("error [dB of the largest element]")
        save(figure, path)


def _seams(each: Proved, axes: Axes) -> Any:
    decibels = 20 * np.log10(np.maximum(each.error, 10 ** (FLOOR_DB / 20 - 1)))
    image = axes.imshow(decibels, cmap="inferno", norm=Normalize(FLOOR_DB, 0), interpolation="nearest")
    proof = each.proof
    said = "the same" if proof.same else f"{proof.psnr_db:.1f} dB" if proof.psnr_db is not None else ""
    axes.set_title(f"{size_text(proof.tile)} {proof.policy}: {said}", loc="left", fontsize=FONT - 0.5)
    axes.set_xticks([])
    axes.set_yticks([])
    return image


def _places(rows: Sequence[Tiling], again: bool) -> tuple[list[float], list[float]]:
    return [max(row.recompute, 0.0) * 100 if again else row.calls for row in rows], [row.latency_s * MS for row in rows]


def _ticks(sizes: Sequence[int]) -> list[int]:
    """Powers of two where enough of them lie between the smallest and the largest size, else some of the sizes."""
    found = [tick for tick in TICKS if sizes[0] <= tick <= sizes[-1]]
    if len(found) >= FEW:
        return found
    wanted = np.geomspace(sizes[0], sizes[-1], FEW)
    return sorted({min(sizes, key=lambda size: abs(size - target)) for target in wanted})


def _edges(sizes: Sequence[int]) -> Any:
    """Where the cells of the map meet: halfway between sizes, in proportion."""
    logs = np.log(np.array(sizes, float))
    if len(logs) == 1:
        return np.exp(logs[0] + np.array([-0.5, 0.5]))
    middle = (logs[1:] + logs[:-1]) / 2
    return np.exp(np.concatenate([[2 * logs[0] - middle[0]], middle, [2 * logs[-1] - middle[-1]]]))


def _footnote(found: Study) -> str:
    result, options = found.result, found.result.options
    scales = ", equal scales" if options.equal_scales else ""
    calls = f", {found.overhead_s * 1e6:g} us a call" if found.overhead_s else ""
    searched = ""
    if found.swept is not None:
        searched = (
            f"\n{found.swept.estimates} estimates; other sizes interpolated, off by {found.swept.error:.1%} (median)"
        )
    return (
        f"npusim {__version__}: {short(result.profile.name)} {short(result.profile.variant)},"
        f" planner {options.planner}, activation compression {options.activation_compression:.0%}"
        f"{scales}{calls}{searched}"
    )
