"""Colours of the resources that limit a layer, on light and on dark, and the classes that carry them.

Hues after Okabe and Ito, which colour-blind readers tell apart, darkened or lightened until each stands out from the
page by 3 to 1. Colour never speaks alone: the resource stands beside it in words.
"""

from __future__ import annotations

from collections.abc import Iterable

from npusim.reports.facts import RESOURCES

# Class by resource; both shares of a transfer are of one hue, and what is not here is grey.
_CLASSES = {
    "mac": "mac", "vector": "vector", "dma": "read", "dma_read": "read", "dma_write": "write",
    "dma_read_serial": "readserial", "dma_write_serial": "writeserial", "fallback": "fallback",
}  # fmt: skip
OTHER = "other"

# Light and dark.
COLOURS = {
    "mac": ("#0068a8", "#56a9e0"),
    "vector": ("#c08000", "#e8ac3d"),
    "read": ("#00835f", "#35c29a"),
    "readserial": ("#3f9c80", "#8ad9c1"),
    "write": ("#ad4f86", "#df93bd"),
    "writeserial": ("#bf78a2", "#eebcd8"),
    "fallback": ("#a01c1c", "#f07a68"),
    OTHER: ("#6b7177", "#9aa1a8"),
}
# Letters on those colours, light or dark as they are read better, by 4.5 to 1.
LETTERS = ("#ffffff", "#121518")
_DARK_LETTERS = {"vector", "readserial", "writeserial"}


def css_class(resource: str) -> str:
    """The class that gives an element ``--c``, the colour of that resource, and ``--on``, that of letters on it."""
    return f"r-{_CLASSES.get(resource, OTHER)}"


def ordered(resources: Iterable[str]) -> list[str]:
    """The resources in the order in which reports name them; those without a name of their own last."""
    known = list(RESOURCES)
    return sorted(set(resources), key=lambda name: (known.index(name) if name in known else len(known), name))


def variables(dark: bool) -> str:
    """The colours as CSS custom properties."""
    return " ".join(
        f"--{name}: {pair[dark]}; --on-{name}: {letters(name, dark=dark)};" for name, pair in COLOURS.items()
    )


def letters(name: str, *, dark: bool) -> str:
    """The colour of letters on that of a class."""
    return LETTERS[dark or name in _DARK_LETTERS]


def rules() -> str:
    """The classes themselves."""
    return "\n".join(f".r-{name} {{ --c: var(--{name}); --on: var(--on-{name}); }}" for name in COLOURS)
