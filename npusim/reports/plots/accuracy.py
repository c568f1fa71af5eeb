"""Estimates against the reference tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import FuncFormatter, NullFormatter

from npusim.reports.plots.style import INK, STYLES, canvas, plain, save
from npusim.validation import AccuracyReport

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BAND = 0.10  # half the width of the band around equality
SOURCE = "reference: Arm's public performance estimator for the Ethos-N78, release 25.03; no silicon was measured"


def accuracy(found: AccuracyReport, axes: Axes) -> Axes:
    """Estimated against reference latency of every compared network, log-log, with a band of 10 %."""
    groups: dict[str, list[tuple[float, float]]] = {}
    for group in found.groups:
        if group.of == "networks" and group.quantity == "cycles":
            groups.setdefault(group.group, []).extend((point.reference, point.estimate) for point in group.points)
    values = np.array([pair for pairs in groups.values() for pair in pairs]) / 1e6
    ends = np.array([values.min() / 2, values.max() * 2])
    axes.fill_between(ends, ends * (1 - BAND), ends * (1 + BAND), color="#BBBBBB", alpha=0.5, lw=0, label="within 10 %")
    axes.plot(ends, ends, color=INK, lw=0.8)
    for (name, pairs), (colour, marker) in zip(sorted(groups.items()), STYLES, strict=False):
        reference, estimate = np.array(pairs).T / 1e6
        label = f"{name} ({len(pairs)} runs)"
        axes.scatter(reference, estimate, s=22, color=colour, marker=marker, alpha=0.7, lw=0, label=label, zorder=3)
    axes.set(xscale="log", yscale="log", xlim=ends, ylim=ends)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        axis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("reference: million cycles a frame (at 1 GHz: ms)")
    axes.set_ylabel("npusim: million cycles a frame")
    axes.set_title("Ethos-N78, npusim's own plan against the vendor's estimator", loc="left")
    axes.legend(frameon=False, fontsize=9, loc="upper left")
    return plain(axes)


def save_accuracy(found: AccuracyReport, path: Path) -> None:
    """Writes the plot as the file's ending says (png, svg, pdf); InputError (unwritable)."""
    with canvas(7, 6, SOURCE) as (figure, axes):
        accuracy(found, axes)
        save(figure, path)
