"""SVG as text that is safe to put into a page: elements, labels that do not overlap, axes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil, floor, log10

import msgspec
from markupsafe import Markup, escape

from npusim.reports.words import columns

LETTER = 0.58  # width of a letter of the page's typeface, as a share of its size; a little more than most


def tag(_name: str, *inside: str | Markup, **attrs: str | float | None) -> Markup:
    """An element. Plain text inside is escaped; an underscore in an attribute's name stands for a dash."""
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_number(value))}"'
        for key, value in attrs.items()
        if value is not None
    )
    return Markup(f"<{_name}{said}>{''.join(map(escape, inside))}</{_name}>")


def _number(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")


def text(x: float, y: float, said: str, kind: str = "", anchor: str = "start") -> Markup:
    """A label; ``kind`` is its class."""
    ends = None if anchor == "start" else anchor
    return tag("text", said, x=x, y=y, class_=kind or None, text_anchor=ends)


def drawing(width: float, height: float, name: str, parts: Iterable[Markup], *, links: bool = False) -> Markup:
    """An SVG of that size in pixels, with a name for those who do not see it; with ``links``, a group of them."""
    return tag(
        "svg",
        *parts,
        viewBox=f"0 0 {_number(width)} {_number(height)}",
        width=width,
        height=height,
        role="group" if links else "img",
        aria_label=name,
    )


def width_of(said: str, size: float) -> float:
    """About how wide a text of that size is, in pixels."""
    return columns(said) * size * LETTER


class Box(msgspec.Struct, frozen=True):
    x: float
    y: float
    width: float
    height: float

    def meets(self, other: Box) -> bool:
        return (
            self.x < other.x + other.width
            and other.x < self.x + self.width
            and self.y < other.y + other.height
            and other.y < self.y + self.height
        )

    def within(self, other: Box) -> bool:
        return (
            other.x <= self.x
            and other.y <= self.y
            and self.x + self.width <= other.x + other.width
            and self.y + self.height <= other.y + other.height
        )


class Wish(msgspec.Struct, frozen=True):
    """A label for a point: its text, and how large the mark is that it must not cover."""

    x: float
    y: float
    said: str
    radius: float


def place(wishes: Sequence[Wish], taken: Sequence[Box], frame: Box, size: float) -> list[tuple[Wish, Box]]:
    """Labels beside their points, in the order of their worth; one that finds no free place is left out.

    Args:
        taken: what labels must not cover, besides each other. frame: what they stay within. size: of the letters.
    """
    used, placed = list(taken), []
    for wish in wishes:
        wide, high = width_of(wish.said, size), size * 1.25
        gap = wish.radius + 4
        spots = (
            (wish.x + gap, wish.y - high / 2), (wish.x - gap - wide, wish.y - high / 2),
            (wish.x - wide / 2, wish.y - gap - high), (wish.x - wide / 2, wish.y + gap),
            (wish.x + gap * 0.7, wish.y - gap * 0.7 - high), (wish.x + gap * 0.7, wish.y + gap * 0.7),
            (wish.x - gap * 0.7 - wide, wish.y - gap * 0.7 - high), (wish.x - gap * 0.7 - wide, wish.y + gap * 0.7),
        )  # fmt: skip
        boxes = (Box(x, y, wide, high) for x, y in spots)
        free = next((box for box in boxes if box.within(frame) and not any(map(box.meets, used))), None)
        if free is not None:
            used.append(free)
            placed.append((wish, free))
    return placed


def steps(most: float, wanted: int = 6) -> list[float]:
    """Round values from 0 to ``most``, about so many of them."""
    if most <= 0:
        return [0.0]
    raw = most / wanted
    power = 10.0 ** floor(log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * 0.999)
    return [step * at for at in range(int(most / step * (1 + 1e-9)) + 1)]


def log_steps(least: float, most: float) -> list[float]:
    """Round values between the two on a logarithmic axis: powers of ten, and 2 and 5 times those where they are few."""
    powers = [10.0**power for power in range(floor(log10(least)), ceil(log10(most)) + 1)]
    factors = (1, 2, 5) if log10(most / least) < 2.2 else (1,)
    return [value for power in powers for value in (power * factor for factor in factors) if least <= value <= most]
