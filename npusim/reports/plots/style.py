"""What all plots share: colours, axes without clutter, the footnote with the source, and writing a figure whole."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from npusim.errors import InputError
from npusim.files import write_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's colours, which colour-blind readers tell apart, each with a marker of its own.
STYLES = (("#0072B2", "o"), ("#D55E00", "s"), ("#009E73", "^"), ("#CC79A7", "D"), ("#E69F00", "v"), ("#56B4E9", "P"))
INK = "#333333"
PALE = "#E5E5E5"
DPI = 130
FONT = 10.5
# A name may hold dollars, which are no formula.
_SETTINGS: Mapping[str, Any] = {
    "svg.hashsalt": "npusim", "font.size": FONT, "axes.titlesize": FONT + 1, "text.parse_math": False
}  # fmt: skip
_METADATA: Mapping[str, Mapping[str, Any]] = {
    "png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}
}  # fmt: skip  # and the kinds that are written: those whose bytes are the same each time


@contextmanager
def canvas(width: float, height: float, footnote: str = "") -> Iterator[tuple[Figure, Axes]]:
    """A figure of that many inches with one pair of axes, and below them where the data come from."""
    with mpl.rc_context(_SETTINGS), warnings.catch_warnings():  # type: ignore[arg-type]
        # A script that the font lacks is drawn as boxes, which is seen and need not be said on every stream.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
        FigureCanvasAgg(figure)
        if footnote:
            figure.supxlabel(footnote, x=0.01, ha="left", fontsize=FONT - 2, color=INK)
        yield figure, figure.subplots()


def plain(axes: Axes, grid: str = "both") -> Axes:
    """A pale grid behind the data, and no frame above and to the right."""
    if grid:
        axes.grid(True, axis=grid, which="major", color=PALE, lw=0.6)  # type: ignore[arg-type]
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return axes


def save(figure: Figure, path: Path) -> None:
    """Writes a figure whole, without the date, so that the same figure gives the same bytes; InputError."""
    ending = path.suffix.lstrip(".").lower() or "png"
    check_ending(path)
    stream = BytesIO()
    figure.savefig(stream, format=ending, metadata=dict(_METADATA[ending]))
    write_bytes(path, stream.getvalue())


def check_ending(path: Path) -> None:
    """InputError (bad-option) where a file of that name is no picture."""
    ending = path.suffix.lstrip(".").lower() or "png"
    if ending not in _METADATA:
        raise InputError(
            f"plots are not written as .{ending}", code="bad-option", where=str(path), fix="use .png, .svg or .pdf"
        )
