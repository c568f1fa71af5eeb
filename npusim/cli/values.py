"""What users write for sizes, shapes, dimensions, shares and settings, read into values."""

from __future__ import annotations

import re
from collections.abc import Iterable

from npusim import units
from npusim.errors import InputError

# No frame and no axis is this long; below it, counts stay in 64 bits however the axes multiply, or say so.
LONGEST = 10**9
LONGEST_SIDE = 10**6
_SIZE = re.compile(r"\s*(-?\d+)\s*[xX\u00d7*]\s*(-?\d+)\s*")
_WHOLE = re.compile(r"\s*-?\d+\s*")


def size(text: str, option: str = "--size") -> tuple[int, int]:
    """Width and height of ``1920x1080``; InputError (bad-option)."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise _bad(option, f"{text!r} is no frame", "write width x height, as 1920x1080")
    width, height = (_whole(option, side, LONGEST_SIDE) for side in match.groups())
    return width, height


def shapes(texts: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """Sizes by input of ``NAME=1x3x224x224``; InputError (bad-option)."""
    found: dict[str, tuple[int, ...]] = {}
    for text in texts:
        name, sizes = _pair("--shape", text, "NAME=1x3x224x224")
        _once("--shape", name, found)
        found[name] = tuple(_whole("--shape", part, LONGEST) for part in re.split("[xX\u00d7,]", sizes))
    return found


def dims(texts: Iterable[str]) -> dict[str, int]:
    """Sizes by dimension of ``NAME=15`` or ``INPUT:AXIS=15``; InputError (bad-option)."""
    found: dict[str, int] = {}
    for text in texts:
        name, value = _pair("--dim", text, "NAME=15 or INPUT:AXIS=15")
        _once("--dim", name, found)
        found[name] = _whole("--dim", value, LONGEST)
    return found


def batch(text: str) -> int:
    """A whole number from 1; InputError (bad-option)."""
    return _whole("--batch", text, LONGEST)


def top(text: str) -> int:
    """A whole number from 1; InputError (bad-option)."""
    return _whole("--top", text, LONGEST)


def count(text: str, option: str) -> int:
    """A whole number from 1; InputError (bad-option)."""
    return _whole(option, text, LONGEST)


def seed(text: str) -> int:
    """A whole number from 0 that fits 32 bits; InputError (bad-option)."""
    digits = text.strip()
    if not digits.isdecimal() or len(digits) > 10 or int(digits) >= 2**32:
        raise _bad("--seed", f"{_short(digits)!r} is no seed", f"give a whole number from 0 to {2**32 - 1}")
    return int(digits)


def settings(texts: Iterable[str]) -> dict[str, str]:
    """Values by key of ``KEY=VALUE``; InputError (bad-option)."""
    found: dict[str, str] = {}
    for text in texts:
        name, value = _pair("--set", text, "KEY=VALUE, as clock=800MHz")
        _once("--set", name, found)
        found[name] = value
    return found


def share(text: str) -> float:
    """``0.5`` or ``50%``; InputError (bad-option)."""
    try:
        return float(units.parse(text, "share", bare="share")[0])
    except InputError as fault:
        fault.where = "--activation-compression"
        raise


def _pair(option: str, text: str, form: str) -> tuple[str, str]:
    name, equals, value = text.rpartition("=") if option != "--set" else text.partition("=")
    if not equals or not name.strip() or not value.strip():
        raise _bad(option, f"{text!r} is not understood", f"write {form}")
    return name.strip(), value.strip()


def _once(option: str, name: str, found: dict[str, tuple[int, ...]] | dict[str, int] | dict[str, str]) -> None:
    if name in found:
        raise _bad(option, f"{name!r} is given twice", "give it once")


def _whole(option: str, text: str, most: int) -> int:
    if not _WHOLE.fullmatch(text):
        raise _bad(option, f"{text.strip()!r} is no whole number", f"give one from 1 to {most}")
    # Thousands of digits are too large without asking int(), which refuses them.
    digits = text.strip().lstrip("-").lstrip("0")
    value = int(text) if len(digits) <= len(str(most)) else most + 1
    if not 1 <= value <= most:
        raise _bad(option, f"{_short(text.strip())} is out of range", f"give a whole number from 1 to {most}")
    return value


def _short(text: str) -> str:
    return text if len(text) <= 24 else f"{text[:20]}... ({len(text)} digits)"


def _bad(option: str, what: str, fix: str) -> InputError:
    return InputError(what, code="bad-option", where=option, fix=fix)
