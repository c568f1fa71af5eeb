"""What ``--set KEY=VALUE`` and ``profile(...)`` change in a profile before it is read.

Some keys pull others along, so that a profile stays one that could be built: where ``mac_array.macs_per_cycle`` is set
alone, ``unroll_out_channels`` scales with it; where only unrollings are set, ``macs_per_cycle`` follows; a bandwidth in
bytes a second replaces one in bytes a cycle, and the other way round.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from math import prod
from typing import Any

import msgspec

from npusim import units
from npusim.errors import InputError
from npusim.profile import HardwareProfile
from npusim.profiles.check import UNROLLS
from npusim.profiles.decode import Path, is_leaf
from npusim.profiles.fields import Field, fields

Override = str | int | float | bool | Sequence[str] | Sequence[int]

# Where a number comes from that the file does not give, by its key.
_SET, _FOLLOWS = "--set", "--set follows"
USER_SOURCES = {_SET: "set by the user", _FOLLOWS: "follows from what the user set"}
TARGET = "target"  # the one text that can be changed: which target's rules read the numbers
NONE = "none"  # takes an optional part away, such as mac_array.winograd
_RATES = (("bytes_per_cycle", "bytes_per_s"), ("bytes_per_s", "bytes_per_cycle"))
_FLAGS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
# One short name for what is changed most; a bandwidth's key depends on the unit.
ALIASES = {
    "clock": ("clock_hz",),
    "sram": ("sram.size_bytes",),
    "macs": ("mac_array.macs_per_cycle",),
    "dram": ("dram.read_bytes", "dram.write_bytes"),
}


def apply(tree: dict[str, Any], overrides: Mapping[str, Override]) -> dict[str, str]:
    """Changes the tables of a profile.

    Returns:
        What was changed, by dotted key, as given.

    Raises:
        InputError: bad-option.
    """
    changed: dict[str, str] = {}
    for given, value in overrides.items():
        if given == TARGET:
            tree[TARGET] = changed[TARGET] = _text(value)
            continue
        for key, leaf in _changes(tree, given, value):
            if key in changed:
                raise InputError(f"{key} is set twice", code="bad-option", where=f"{given}={_text(value)}")
            changed[key] = _text(value)
            _put(tree, tuple(key.split(".")), leaf)
    _follow(tree, changed)
    return changed


def _changes(tree: dict[str, Any], given: str, value: Override) -> Iterator[tuple[str, dict[str, Any] | None]]:
    where = f"{given}={_text(value)}"
    try:
        if given == "dram":
            rate, base = units.parse(_text(value), "B/cycle", "B/s")
            ending = "_per_cycle" if base == "B/cycle" else "_per_s"
            for key in ALIASES[given]:
                yield key + ending, _number(rate, base)
        elif given in ALIASES:
            (key,) = ALIASES[given]
            yield key, _leaf(_known(tree, key), value, unit_needed=given != "macs")
        else:
            field = _known(tree, given)
            optional = not field.required and field.kind in {"table", "number"}
            removed = optional and isinstance(value, str) and value.casefold() == NONE
            yield given, None if removed else _leaf(field, value)
    except InputError as fault:
        fault.where = fault.where or where
        raise


def _leaf(field: Field, value: Override, unit_needed: bool = False) -> dict[str, Any]:
    """The value as the file would write it, in the field's base unit."""
    if field.kind == "flag":
        flag = value if isinstance(value, bool) else _FLAGS.get(_text(value).casefold())
        if flag is None:
            raise InputError(f"{_text(value)!r} is neither true nor false", code="bad-option")
        return {"value": flag, "source": _SET}
    if field.kind in {"words", "numbers"}:
        parts = value.split(",") if isinstance(value, str) else value if isinstance(value, Sequence) else [value]
        if field.kind == "words":
            return {"value": [str(part).strip() for part in parts], "source": _SET}
        return {"value": [_parsed(field, part)["value"] for part in parts], "unit": field.base, "source": _SET}
    if field.kind == "number":
        return _parsed(field, value, unit_needed)
    raise InputError("this is a table of numbers; set them one by one", code="bad-option")


def _parsed(field: Field, value: Any, unit_needed: bool = False) -> dict[str, Any]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _number(value, field.base)
    number, base = units.parse(_text(value), field.base, bare=None if unit_needed else field.base)
    return _number(number, base)


def _number(value: units.Number, base: str, source: str = _SET) -> dict[str, Any]:
    whole = isinstance(value, float) and abs(value) < 1e15 and value.is_integer()
    return {"value": int(value) if whole else value, "unit": base, "source": source}


def _known(tree: Mapping[str, Any], key: str) -> Field:
    """The field of a dotted key; InputError (bad-option) with the nearest keys where there is none."""
    known = dict(_keys(tree))
    if key in known:
        return known[key]
    table, _, last = key.rpartition(".")
    entry = known[table].item if table in known else None
    if entry is not None:
        return entry  # a new key of a table with free keys
    ends = {each.rpartition(".")[2] for each in known}
    near = [each for end in get_close_matches(last, ends, n=2) for each in known if each.rpartition(".")[2] == end]
    near += get_close_matches(key, [*ALIASES, *known], n=2)
    fix = f"did you mean {' or '.join(list(dict.fromkeys(near))[:3])}?" if near else "see npusim profiles show"
    raise InputError(f"no number of the profile is called {key!r}", code="bad-option", fix=fix)


def _keys(tree: Mapping[str, Any]) -> Iterator[tuple[str, Field]]:
    """All dotted keys that can be set on this profile: those of the schema and those of its extensions."""
    yield from _schema_keys(HardwareProfile, tree, "")
    schema = fields(HardwareProfile)
    for name, table in tree.items():
        if name not in schema and name != "sources" and isinstance(table, Mapping):
            yield from _free_keys(table, f"{name}.")


def _schema_keys(struct: type[msgspec.Struct], tree: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Field]]:
    for name, field in fields(struct).items():
        below = tree.get(name)
        if field.kind in {"number", "numbers", "flag", "words"}:
            yield prefix + name, field
        elif field.item is not None and isinstance(below, Mapping):
            yield prefix + name, field
            yield from ((f"{prefix}{name}.{key}", field.item) for key in below)
        elif field.struct is not None and isinstance(below, Mapping):
            if not field.required:
                yield prefix + name, field
            yield from _schema_keys(field.struct, below, f"{prefix}{name}.")


def _free_keys(table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Field]]:
    for key, raw in table.items():
        if is_leaf(raw):
            yield prefix + key, _field_of(raw)
        elif isinstance(raw, Mapping):
            yield from _free_keys(raw, f"{prefix}{key}.")


def _field_of(raw: Mapping[str, Any]) -> Field:
    value, unit = raw.get("value"), units.find(str(raw.get("unit", "")))
    if unit is None:
        return Field("", "flag" if isinstance(value, bool) else "words")
    return Field("", "numbers" if isinstance(value, list) else "number", base=unit.base, zero=True)


def _put(tree: dict[str, Any], path: Path, leaf: dict[str, Any] | None) -> None:
    table: Any = tree
    for part in path[:-1]:
        table = table.get(part)
        if not isinstance(table, dict):
            return  # the reader says that the table is missing
    if leaf is None:
        table.pop(path[-1], None)
        return
    table[path[-1]] = leaf
    for ending, other in _RATES:
        if path[-1].endswith(ending):
            table.pop(path[-1].removesuffix(ending) + other, None)


def _follow(tree: dict[str, Any], changed: Mapping[str, str]) -> None:
    """Keeps macs_per_cycle the product of the unrollings where only one side was set."""
    array = tree.get("mac_array")
    set_macs = "mac_array.macs_per_cycle" in changed
    set_unrolls = any(f"mac_array.{name}" in changed for name in UNROLLS)
    if set_macs == set_unrolls or not isinstance(array, dict):
        return
    leaves = [(name, array.get(name)) for name in (*UNROLLS, "macs_per_cycle")]
    found = ((name, leaf.get("value")) for name, leaf in leaves if isinstance(leaf, Mapping))
    values = {name: value for name, value in found if isinstance(value, int) and value > 0}
    if len(values) < len(leaves):
        return  # the reader says what is wrong with them
    if set_unrolls:
        array["macs_per_cycle"] = _number(prod(values[name] for name in UNROLLS), "MAC/cycle", _FOLLOWS)
        return
    rest = prod(values[name] for name in UNROLLS if name != "unroll_out_channels")
    out_channels, left = divmod(values["macs_per_cycle"], rest)
    if left or not out_channels:
        raise InputError(
            f"{values['macs_per_cycle']} MAC/cycle is no multiple of the {rest} that an output channel takes",
            code="bad-option",
            where=f"mac_array.macs_per_cycle={changed['mac_array.macs_per_cycle']}",
            fix="set " + ", ".join(f"mac_array.{name}" for name in UNROLLS) + " as well",
        )
    array["unroll_out_channels"] = _number(out_channels, "1", _FOLLOWS)


def _text(value: Override) -> str:
    """The value as a command line would give it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ",".join(map(str, value))
    return str(value)
