"""Text as a terminal shows it: names made harmless, widths counted in columns, what is too long elided."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

ELLIPSIS = "\u2026"
# A space between words; none between a number and its unit.
_BREAK = re.compile(r"(?<!\d) | (?!%|[kKMGT]?i?B\b|[mun]?s\b|[kMG]?Hz\b|MAC/cycle)")
_JOINERS = "\u200c\u200d"  # part of how some scripts are written, and harmless


def clean(text: str) -> str:
    """The text with everything that could move a cursor or turn a line around written as an escape."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() or letter in _JOINERS else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    )


def columns(text: str) -> int:
    """How many columns of a terminal the text takes."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(letter: str) -> int:
    if unicodedata.combining(letter) or letter in _JOINERS:
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def elide(text: str, width: int) -> str:
    """The text in at most ``width`` columns: its middle left out, since names differ at both ends."""
    if columns(text) <= width:
        return text
    head = _take(text, (width - 1) // 2)
    tail = _take(reversed(text), width - 1 - columns(head))[::-1]
    return f"{head}{ELLIPSIS}{tail}" if width > 0 else ""


def _take(letters: Iterable[str], width: int) -> str:
    taken, used = [], 0
    for letter in letters:
        used += _columns(letter)
        if used > width:
            break
        taken.append(letter)
    return "".join(taken)


def pad(text: str, width: int, right: bool = False) -> str:
    """The text filled up to ``width`` columns; to the right edge if asked."""
    space = " " * max(width - columns(text), 0)
    return space + text if right else text + space


def wrap(text: str, width: int, indent: int = 0, first: int = 0) -> list[str]:
    """The text in lines of at most ``width`` columns, broken at spaces; never between a number and its unit."""
    lines: list[str] = []
    line = " " * first
    started = False
    for word in _BREAK.split(text):
        if started and columns(line) + 1 + columns(word) > width:
            lines.append(line)
            line, started = " " * indent, False
        line = f"{line} {word}" if started else line + word
        started = True
    return [*lines, line]


def short(text: str, width: int = 60) -> str:
    """A name within a sentence: harmless, and no longer than ``width``."""
    return elide(clean(text), width)


def size(shape: Iterable[int]) -> str:
    """``1x3x224x224``; ``scalar`` where there are no axes."""
    return "x".join(map(str, shape)) or "scalar"
