"""Plots. The only importer of matplotlib; each function takes and returns axes, or writes a file."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from npusim.files import write_bytes
from npusim.validation import AccuracyReport

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's colours, which colour-blind readers tell apart, each with a marker of its own.
STYLES = (("#0072B2", "o"), ("#D55E00", "s"), ("#009E73", "^"), ("#CC79A7", "D"), ("#E69F00", "v"), ("#56B4E9", "P"))
BAND = 0.10  # half the width of the band around equality
INK = "#333333"


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
    axes.set_xlabel("reference: million cycles a frame (at 1 GHz: ms)")
    axes.set_ylabel("npusim: million cycles a frame")
    axes.set_title("Ethos-N78, npusim's own plan against the vendor's estimator", loc="left", fontsize=11)
    axes.grid(True, which="major", color="#E5E5E5", lw=0.6)
    axes.set_axisbelow(True)
    axes.legend(frameon=False, fontsize=9, loc="upper left")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return axes


def save_accuracy(found: AccuracyReport, path: Path) -> None:
    """Writes the plot as the file's ending says (png, svg, pdf); InputError (unwritable)."""
    with mpl.rc_context({"svg.hashsalt": "npusim", "font.size": 10}):
        figure = Figure(figsize=(7, 6), dpi=150, layout="constrained")
        accuracy(found, figure.subplots())
        source = (
            "reference: Arm's public performance estimator for the Ethos-N78, release 25.03; no silicon was measured"
        )
        figure.supxlabel(source, x=0.01, ha="left", fontsize=7.5, color=INK)
        save(figure, path)


def save(figure: Any, path: Path) -> None:
    """Writes a figure whole, without the date, so that the same figure gives the same bytes."""
    ending = path.suffix.lstrip(".").lower() or "png"
    if ending not in figure.canvas.get_supported_filetypes():
        from npusim.errors import InputError  # noqa: PLC0415 - only for a wrong ending

        raise InputError(
            f"plots are not written as .{ending}", code="bad-option", where=str(path), fix="use .png, .svg or .pdf"
        )
    stream = BytesIO()
    metadata = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(ending)
    figure.savefig(stream, format=ending, metadata=metadata)
    write_bytes(path, stream.getvalue())
