"""The time of each layer as a bar, in the colour of what limits it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.patches import Patch

from npusim import __version__
from npusim.reports.facts import resource, title
from npusim.reports.layers import slowest
from npusim.reports.plots.style import FONT, INK, STYLES, canvas, plain, save
from npusim.reports.words import short
from npusim.result import Estimate, LayerResult
from npusim.units import format_share

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 30  # layers on one plot, the slowest
LONGEST = 28  # letters of a name
# A colour and a hatching a resource, so that the two tell it apart, and grey prints as well.
_LOOKS = {
    "mac": (STYLES[0][0], ""), "vector": (STYLES[3][0], "////"), "dma": (STYLES[4][0], "...."),
    "dma_read": (STYLES[4][0], "...."), "dma_write": (STYLES[1][0], "\\\\\\\\"), "fallback": (STYLES[2][0], "xxxx"),
}  # fmt: skip
_OTHER = (STYLES[5][0], "--")
_NONE = ("#999999", "")


def times(result: Estimate, axes: Axes) -> Axes:
    """A bar a layer, from the top down in the order in which they run; the slowest MOST of them."""
    rows = _shown(result)
    rest = [each for each in result.layers if all(each is not row for row in rows)]
    to_ms = 1e3 / result.profile.clock_hz
    names = [f"{short(row.name, LONGEST)}{f' +{len(row.fused)}' if row.fused else ''}" for row in rows]
    lengths = [row.cycles * to_ms for row in rows]
    looks = [_look(row) for row in rows]
    if rest:
        names.append(f"{len(rest)} others")
        lengths.append(sum(row.cycles for row in rest) * to_ms)
        looks.append(_NONE)
    bars = axes.barh(range(len(names)), lengths, color=[colour for colour, _ in looks], height=0.72)
    for bar, (_, hatch) in zip(bars, looks, strict=True):
        bar.set(hatch=hatch, edgecolor="white", lw=0.0)
    total = result.totals.cycles * to_ms
    for at, length in enumerate(lengths):
        said = f"{length:,.2f} ms, {format_share(length / total)}" if total else ""
        axes.annotate(
            said, (length, at), xytext=(4, 0), textcoords="offset points", va="center", fontsize=FONT - 2, color=INK
        )
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(0, max(lengths, default=1.0) * 1.25 or 1.0)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("time [ms]")
    axes.set_title(f"{title(result)}: {total:,.2f} ms, by what limits each layer", loc="left", pad=26)
    kinds = dict.fromkeys(row.bound_by for row in rows if row.cycles)
    axes.legend(
        handles=[_key(kind) for kind in kinds], frameon=False, fontsize=9, loc="lower left", bbox_to_anchor=(0, 1.0),
        ncols=len(kinds), borderaxespad=0.2,
    )  # fmt: skip
    return plain(axes, "x")


def save_times(result: Estimate, path: Path) -> None:
    """Writes the plot as the file's ending says (png, svg, pdf); InputError (unwritable, bad-option)."""
    rows = min(len(result.layers), MOST + 1)
    with canvas(8, 1.9 + 0.28 * max(rows, 4), footnote(result)) as (figure, axes):
        times(result, axes)
        save(figure, path)


def footnote(result: Estimate) -> str:
    """Which run it is."""
    options = result.options
    shapes = ", ".join("x".join(map(str, shape)) for shape in result.model.inputs.values())
    scales = ", equal scales" if options.equal_scales else ""
    return (
        f"npusim {__version__}, input {shapes}, {options.dtype}, planner {options.planner}, "
        f"{format_share(options.activation_compression)} of the traffic between layers saved{scales}"
    )


def _shown(result: Estimate) -> list[LayerResult]:
    """The slowest layers, in the order in which they run."""
    kept = {id(row) for row in slowest(result.layers, MOST)}
    return [row for row in result.layers if id(row) in kept]


def _look(row: LayerResult) -> tuple[str, str]:
    return _looks(row.bound_by) if row.cycles else _NONE


def _key(kind: str) -> Patch:
    colour, hatch = _looks(kind)
    return Patch(facecolor=colour, hatch=hatch, edgecolor="white", label=resource(kind))


def _looks(kind: str) -> tuple[str, str]:
    return _LOOKS.get(kind, _OTHER)
