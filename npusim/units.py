"""Numbers with units: reading them as people write them, converting exactly, printing with sensible digits."""

from __future__ import annotations

import re
from difflib import get_close_matches
from fractions import Fraction
from functools import lru_cache
from math import isfinite

import msgspec

from npusim.errors import InputError

Number = int | float


class Unit(msgspec.Struct, frozen=True):
    """A unit: one of ``name`` is ``factor`` of ``base``, the unit in which npusim computes."""

    name: str
    base: str
    factor: Fraction


_DECIMAL = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def _table() -> dict[str, Unit]:
    factors: dict[str, dict[str, Fraction | int]] = {
        "1": {"1": 1},
        "B": {f"{prefix}B": factor for prefix, factor in (_DECIMAL | _BINARY).items()},
        "B/s": {f"{prefix}B/s": factor for prefix, factor in (_DECIMAL | _BINARY).items()},
        "B/cycle": {"B/cycle": 1},
        "Hz": {f"{prefix}Hz": factor for prefix, factor in _DECIMAL.items() if prefix != "T"},
        "s": {"s": 1, "ms": Fraction(1, 10**3), "us": Fraction(1, 10**6), "ns": Fraction(1, 10**9)},
        "cycles": {"cycles": 1},
        "MAC/cycle": {"MAC/cycle": 1},
        "elements/cycle": {"elements/cycle": 1},
        "share": {"share": 1, "%": Fraction(1, 100)},
        "bit": {"bit": 1},
    }
    return {
        name: Unit(name, base, Fraction(factor)) for base, units in factors.items() for name, factor in units.items()
    }


UNITS = _table()
# Spellings that people use on a command line; a profile keeps to the names above.
_ALSO = {
    "byte": "B", "bytes": "B", "bytes/s": "B/s", "bytes/cycle": "B/cycle", "bits": "bit", "cycle": "cycles",
    "macs/cycle": "MAC/cycle", "element/cycle": "elements/cycle", "µs": "us", "\u03bcs": "us", "seconds": "s",
}  # fmt: skip
_SPELLINGS = {name.casefold(): unit for name, unit in UNITS.items()} | {
    also: UNITS[name] for also, name in _ALSO.items()
}
_MEANING = {
    "1": "a count", "B": "bytes", "B/s": "bytes a second", "B/cycle": "bytes a cycle", "Hz": "a frequency",
    "s": "a time", "cycles": "cycles", "MAC/cycle": "MACs a cycle", "elements/cycle": "elements a cycle",
    "share": "a share", "bit": "bits",
}  # fmt: skip
_NUMBER = re.compile(r"\s*([+-]?(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*?)\s*", re.DOTALL)


@lru_cache
def names(base: str) -> tuple[str, ...]:
    """The units of one dimension, by its base unit."""
    return tuple(name for name, unit in UNITS.items() if unit.base == base)


def meaning(base: str) -> str:
    """What a base unit measures, in words, as ``B/s`` measures bytes a second."""
    return _MEANING[base]


def find(spelling: str) -> Unit | None:
    """The unit that the user means, whatever the case; None where there is none."""
    return UNITS.get(spelling) or _SPELLINGS.get(spelling.casefold())


def to_base(value: Number, unit: Unit) -> Number:
    """The value in the unit's base, rounded once; an integer where it is one."""
    if unit.factor == 1:
        return value
    exact = (Fraction(value) if isinstance(value, int) else Fraction(repr(value))) * unit.factor
    return exact.numerator if exact.denominator == 1 else float(exact)


def parse(text: str, *bases: str, bare: str | None = None) -> tuple[Number, str]:
    """A number with its unit, such as ``512KiB``, ``25.6 GB/s`` or ``50 %``.

    Args:
        bases: the dimensions that fit, by base unit.
        bare: the base unit of a number without one; None where a unit must be given.

    Returns:
        The value in its base unit, and that base unit.

    Raises:
        InputError: bad-option.
    """
    value, spelling = split(text)
    if not spelling and bare is not None:
        return value, bare
    unit = find(spelling) if spelling else None
    if unit is None or unit.base not in bases:
        raise InputError(_misfit(text, spelling, unit, bases), code="bad-option")
    return to_base(value, unit), unit.base


def split(text: str) -> tuple[Number, str]:
    """The number and the unit's spelling, empty where there is none; InputError (bad-option) where no number is."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise InputError(f"{text!r} is not a number", code="bad-option")
    digits = match[1].replace("_", "")
    value = int(digits) if digits.lstrip("+-").isdigit() and len(digits) < 400 else float(digits)
    if not isfinite(value) or abs(value) > 1e300:
        raise InputError(f"{text.strip()[:40]!r} is too large", code="bad-option")
    return value, match[2]


def _misfit(text: str, spelling: str, unit: Unit | None, bases: tuple[str, ...]) -> str:
    known = [name for base in bases for name in names(base) if name != "1"]
    wanted = " or ".join(map(meaning, bases)) + (f" ({', '.join(known)})" if known else "")
    if not spelling:
        return f"{text.strip()!r} has no unit, expected {wanted}"
    if unit is not None:
        return f"{text.strip()!r} is {meaning(unit.base)}, expected {wanted}"
    near = get_close_matches(spelling, known, n=1)
    return f"{spelling!r} is no unit, " + (f"did you mean {near[0]}?" if near else f"expected {wanted}")


def format_macs(count: Number) -> str:
    """``28.0 G``: three significant digits and a prefix, without a unit; exact below a thousand."""
    return _prefixed(count, 3, "").strip()


def format_bytes(count: Number) -> str:
    """``282.0 MB``: four significant digits, decimal prefixes, as the papers count traffic; exact below a thousand."""
    return _prefixed(count, 4, "B")


def format_capacity(count_bytes: int) -> str:
    """``448 KiB``: the largest binary unit that divides it; where none does, four digits of the largest below it."""
    units = [(f"{prefix}B", size) for prefix, size in _BINARY.items() if count_bytes >= size]
    whole = [(name, size) for name, size in units if count_bytes % size == 0]
    name, size = (whole or units or [("B", 1)])[-1]
    return f"{count_bytes // size} {name}" if count_bytes % size == 0 else f"{count_bytes / size:.4g} {name}"


def format_seconds(value_s: float) -> str:
    """``27.22 ms``: four significant digits in s, ms, us or ns."""
    if value_s == 0:
        return "0 s"
    for name in ("s", "ms", "us"):
        scaled = value_s / float(UNITS[name].factor)
        # 0.99996 ms rounds to 1.000 ms, not to 1000 us.
        if float(f"{abs(scaled):.4g}") >= 1:
            return f"{_digits(scaled, 4)} {name}"
    return f"{_digits(value_s * 1e9, 4)} ns"


def format_hz(value_hz: float) -> str:
    """``800 MHz``: no digits that say nothing."""
    return _prefixed(value_hz, 6, "Hz", trim=True)


def format_rate(value: float, base: str) -> str:
    """``16 B/cycle`` or ``25.6 GB/s``: a rate in its base unit, with a prefix where it is one a second."""
    return _prefixed(value, 6, base, trim=True) if base.endswith("/s") else f"{value:.6g} {base}"


def format_share(value: float) -> str:
    """``50 %``, ``0.4 %``: two significant digits below 10 %, whole per cent above."""
    percent = value * 100
    return f"{percent:.2g} %" if abs(percent) < 10 else f"{percent:.0f} %"


def format_count(value: int) -> str:
    """``4,089,184,256``: every digit."""
    return f"{value:,}"


def _prefixed(value: Number, digits: int, unit: str, *, trim: bool = False) -> str:
    """The value with a decimal prefix; a value that is whole and below a thousand is printed as it is."""
    for prefix, factor in _DECIMAL.items():
        scaled = value / factor
        last = prefix == "T"
        if last or abs(float(f"{scaled:.{digits}g}")) < 1000:
            exact = trim or (factor == 1 and value == int(value))
            return f"{scaled:.{digits}g} {prefix}{unit}" if exact else f"{_digits(scaled, digits)} {prefix}{unit}"
    raise AssertionError("the last prefix takes any value")


def _digits(value: float, digits: int) -> str:
    """The value with that many significant digits, trailing zeros kept, never in exponential form."""
    rounded = float(f"{value:.{digits}g}")
    whole = len(str(int(abs(rounded)))) if abs(rounded) >= 1 else 1
    return f"{rounded:.{max(digits - whole, 0)}f}"
