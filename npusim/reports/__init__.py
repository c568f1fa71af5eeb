"""What a result looks like: every report is a function of an Estimate alone, registered under its format's name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING

import msgspec

from npusim.registry import Registry
from npusim.result import Estimate

if TYPE_CHECKING:
    from npusim.reports.blocks import Block


class Look(msgspec.Struct, frozen=True):
    """How much a report shows, and for what.

    Attributes:
        width: columns of the text that may be used.
        colour: styles and colours for a terminal.
        top: only that many layers, the slowest; None for all.
        assumptions: list what the profile takes for granted.
        against: other results, which a page sets beside this one.
        sections: what a page says besides, by its heading.
    """

    width: int = 100
    colour: bool = False
    top: int | None = None
    assumptions: bool = False
    against: tuple[Estimate, ...] = ()
    sections: Mapping[str, Sequence[Block]] = {}


Report = Callable[[Estimate, Look], str]
REPORTS: Registry[Report] = Registry("format")

# The module that registers each format; imported when the format is asked for.
_MODULES = {
    "text": "npusim.reports.text",
    "json": "npusim.reports.data",
    "csv": "npusim.reports.data",
    "md": "npusim.reports.markdown",
    "html": "npusim.reports.html",
}
FORMATS = tuple(_MODULES)


def render(result: Estimate, form: str, look: Look | None = None) -> str:
    """The result in that format, ending in a newline; InputError (unknown-format)."""
    if form in _MODULES:
        import_module(_MODULES[form])
    return REPORTS.find(form)(result, look or Look())
