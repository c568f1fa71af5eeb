"""From tables of a profile to the Structs of profile.py: types, units, sources and signs, each fault with its key."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from math import isfinite
from typing import Any, TypeVar

import msgspec

from npusim import units
from npusim.profile import Quantity
from npusim.profiles.fields import Field, fields

Path = tuple[str, ...]
Table = Mapping[str, Any]
S = TypeVar("S", bound=msgspec.Struct)

PARTS = ("value", "unit", "source")  # of the inline table that holds a number
LARGEST = 1e18  # above it a number is a slip of the pen, whatever it counts
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


class Problem(msgspec.Struct, frozen=True):
    """What is wrong with a profile, and at which key."""

    path: Path
    what: str


class Reading:
    """What decoding a profile collects.

    Attributes:
        sources: the full sentence of each source, by its key; None where quantities already carry the sentence.
        numbers: each number as written, by dotted key.
        problems: all that is wrong, in the order found.
    """

    def __init__(self, sources: Mapping[str, str] | None) -> None:
        self.sources = sources
        self.numbers: dict[str, Quantity] = {}
        self.problems: list[Problem] = []

    def wrong(self, path: Path, what: str) -> Any:
        """Notes a problem; returns None, which stands for the value that is not there."""
        self.problems.append(Problem(path, what))


def is_leaf(raw: object) -> bool:
    """Whether a table is the inline table of a value rather than a table of keys."""
    return isinstance(raw, Mapping) and any(part in raw and not isinstance(raw[part], Mapping) for part in PARTS)


def decode(struct: type[S], table: Table, path: Path, reading: Reading) -> S | None:
    """The table at ``path`` as that Struct; None, with the reasons in ``reading.problems``, where it is none."""
    values = decode_fields(struct, table, path, reading)
    return None if values is None else struct(**values)


def decode_fields(
    struct: type[msgspec.Struct], table: Table, path: Path, reading: Reading, ignore: Iterable[str] = ()
) -> dict[str, Any] | None:
    """The same as a mapping from field to value; ``ignore`` names keys of the table that the caller reads."""
    known, others, before = fields(struct), frozenset(ignore), len(reading.problems)
    for key in table:
        if key not in known and key not in others:
            reading.wrong((*path, key), f"the key {key!r} is not known{_hint(key, (*known, *others))}")
    values = {}
    for name, field in known.items():
        if name in table:
            values[name] = _field(field, table[name], (*path, name), reading)
        elif field.required:
            what = "table" if field.kind in {"table", "map"} else "key"
            reading.wrong(path, f"the {what} {'.'.join((*path, name))} is missing")
    return None if len(reading.problems) > before else values


def decode_free(raw: object, path: Path, reading: Reading) -> Any:
    """A table of whatever keys, which a target will decode: plain values in base units, under the same discipline."""
    if isinstance(raw, str):
        return raw
    if is_leaf(raw):
        return _leaf(_free_field(raw), raw, path, reading)
    if isinstance(raw, Mapping):
        return {key: decode_free(item, (*path, key), reading) for key, item in raw.items() if _bare(key, path, reading)}
    return reading.wrong(
        path, f"{_shown(raw)} stands without source, expected {_example(Field('', 'number', base='1'))}"
    )


def _free_field(raw: Any) -> Field:
    """What a value asks for itself, where no Struct does."""
    value = raw.get("value")
    first = value[0] if isinstance(value, list) and value else value
    if isinstance(first, bool):
        return Field("", "flag")
    if isinstance(first, str):
        return Field("", "words" if isinstance(value, list) else "text")
    unit = units.UNITS.get(raw.get("unit", "")) if isinstance(raw.get("unit"), str) else None
    return Field("", "numbers" if isinstance(value, list) else "number", base=unit.base if unit else "", zero=True)


def _field(field: Field, raw: Any, path: Path, reading: Reading) -> Any:
    if field.kind == "text" and not is_leaf(raw):
        if isinstance(raw, str) and raw.strip():
            return raw
        return reading.wrong(path, f"{'.'.join(path)} is {_shown(raw)}, expected a text")
    if field.kind in {"table", "map"}:
        if not isinstance(raw, Mapping) or is_leaf(raw):
            return reading.wrong(path, f"{'.'.join(path)} is {_shown(raw)}, expected a table")
        if field.struct is not None:
            return decode(field.struct, raw, path, reading)
        assert field.item is not None  # a map has one
        item = field.item
        return {
            key: _field(item, each, (*path, key), reading) for key, each in raw.items() if _bare(key, path, reading)
        }
    return _leaf(field, raw, path, reading)


def _leaf(field: Field, raw: Any, path: Path, reading: Reading) -> Any:
    """A value with its unit and source, converted into the field's unit, and recorded."""
    key, before = ".".join(path), len(reading.problems)
    if not is_leaf(raw):
        return reading.wrong(path, f"{key} is {_shown(raw)}, expected {_example(field)}")
    source = _source(raw, path, reading)
    numeric = field.kind in {"number", "numbers"}
    wanted = PARTS if numeric else ("value", "source")
    for part in raw:
        if part not in wanted:
            also = " (it has no unit)" if part == "unit" else _hint(part, wanted)
            reading.wrong(path, f"{key} has a part {part!r} that is not known{also}")
    if "value" not in raw:
        return reading.wrong(path, f"{key} has no value, expected {_example(field)}")
    unit = _unit(field, raw, path, reading) if numeric else None
    if len(reading.problems) > before:
        return None
    value = _numbers(field, raw["value"], unit, path, reading) if unit else _plain(field, raw["value"], path, reading)
    written = tuple(raw["value"]) if isinstance(raw["value"], list) else raw["value"]
    reading.numbers[key] = Quantity(written, unit.name if unit else "", source)
    return value


def _source(raw: Table, path: Path, reading: Reading) -> str:
    key, source = ".".join(path), raw.get("source")
    if not isinstance(source, str) or not source.strip():
        reading.wrong(path, f'{key} has no source; add source = "...", a key of [sources]')
        return ""
    if reading.sources is None:
        return source
    if source not in reading.sources:
        reading.wrong(
            path, f"{key} names the source {source!r}, which is not in [sources]{_hint(source, reading.sources)}"
        )
        return ""
    return reading.sources[source]


def _unit(field: Field, raw: Table, path: Path, reading: Reading) -> units.Unit | None:
    key, name = ".".join(path), raw.get("unit")
    known = f"expected {', '.join(units.names(field.base))}" if field.base else f"known: {', '.join(units.UNITS)}"
    if not isinstance(name, str):
        reading.wrong(path, f"{key} has no unit, {known}")
        return None
    unit = units.UNITS.get(name)
    if unit is None or (field.base and unit.base != field.base):
        reading.wrong(path, f"{key} has the unit {name!r}, {known}")
        return None
    return unit


def _numbers(field: Field, raw: object, unit: units.Unit, path: Path, reading: Reading) -> Any:
    key = ".".join(path)
    if field.kind == "number":
        return _number(field, raw, unit, path, reading)
    if not isinstance(raw, list) or not raw:
        return reading.wrong(path, f"{key} is {_shown(raw)}, expected a list of numbers")
    return tuple(_number(field, each, unit, path, reading) for each in raw)


def _number(field: Field, raw: object, unit: units.Unit, path: Path, reading: Reading) -> Any:
    key = ".".join(path)
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        return reading.wrong(path, f"{key} is {_shown(raw)}, expected a number")
    if not isfinite(raw) or abs(raw) > LARGEST:
        return reading.wrong(path, f"{key} is {_shown(raw)}, which is no usable number")
    value = units.to_base(raw, unit)
    shown = f"{raw} {unit.name}".removesuffix(" 1").removesuffix(" share")
    if value < 0 or (value == 0 and not field.zero):
        return reading.wrong(path, f"{key} is {shown}, expected {'zero or more' if field.zero else 'more than zero'}")
    if unit.base == "share" and value > 1:
        return reading.wrong(path, f"{key} is {shown}, expected a share from 0 to 1")
    if not field.whole:
        return float(value) if field.name else value  # without a Struct nothing says that it is no integer
    if isinstance(value, float) and not value.is_integer():
        of = "" if unit.base == "1" else f" of {units.meaning(unit.base)}"
        return reading.wrong(path, f"{key} is {shown}, expected a whole number{of}")
    return int(value)


def _plain(field: Field, raw: object, path: Path, reading: Reading) -> Any:
    key = ".".join(path)
    if field.kind == "flag" and isinstance(raw, bool):
        return raw
    if field.kind == "words" and isinstance(raw, list) and all(isinstance(each, str) for each in raw):
        return tuple(raw)
    if field.kind == "text" and isinstance(raw, str):
        return raw
    expected = {"flag": "true or false", "words": "a list of texts"}.get(field.kind, "a text")
    return reading.wrong(path, f"{key} is {_shown(raw)}, expected {expected}")


def _bare(key: str, path: Path, reading: Reading) -> bool:
    if _BARE_KEY.fullmatch(key):
        return True
    reading.wrong((*path, key), f"the key {key!r} has other signs than letters, digits, - and _")
    return False


def _hint(key: str, known: Iterable[str]) -> str:
    near = get_close_matches(key, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _example(field: Field) -> str:
    unit = "" if not field.base else f'unit = "{units.names(field.base)[-1]}", '
    value = {"flag": "true", "words": '["..."]', "numbers": "[1, 3]"}.get(field.kind, "1")
    return f'{{ value = {value}, {unit}source = "..." }}'


def _shown(raw: object) -> str:
    if isinstance(raw, Mapping):
        return "a table"
    if isinstance(raw, bool):
        return str(raw).lower()
    text = repr(raw)
    return text if len(text) <= 40 else f"{text[:40]}..."
