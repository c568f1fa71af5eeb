"""Profiles from their TOML files: ``load`` reads one, ``extension`` reads the table that belongs to one target.

The schema is the Structs of profile.py: their fields are the keys. A number is an inline table, ``{ value = 1, unit =
"GHz", source = "datasheet" }``, whose source is a key of ``[sources]``; switches and lists of names have no unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path as File
from typing import Any, TypeVar

import msgspec

from npusim.errors import InputError
from npusim.profile import HardwareProfile
from npusim.profiles.check import consistency
from npusim.profiles.decode import Path, Problem, Reading, Table, decode, decode_fields, decode_free, is_leaf
from npusim.profiles.fields import LISTS, TEXTS, fields
from npusim.profiles.file import Document, Merged, faults, find_file, merge, read
from npusim.profiles.overrides import USER_SOURCES, Override, apply

S = TypeVar("S", bound=msgspec.Struct)


def load(name: str, variant: str | None = None, overrides: Mapping[str, Override] | None = None) -> HardwareProfile:
    """Reads a profile.

    Args:
        name: of a profile that npusim has, or the path of a TOML file (with a slash, or ending in .toml).
        variant: which of its variants; the file's default when left out.
        overrides: values by dotted key (``mac_array.macs_per_cycle``) or alias (``clock``, ``sram``, ``dram``,
            ``macs``): texts with a unit (``800MHz``), or numbers in the unit of the field.

    Raises:
        InputError: unknown-profile, unknown-variant, bad-profile (with file and line), bad-option (an override).
    """
    document = read(find_file(name))
    merged, problems = merge(document, variant or document.default_variant)
    changed = apply(merged.tree, overrides or {})
    found, more = build(document, merged, changed)
    if found is None or problems:
        raise _error(document, merged, changed, [*problems, *more], _is_sound(document, merged.variant))
    return found


def profile(name: str = "ethos-n78", variant: str | None = None, **overrides: Override) -> HardwareProfile:
    """Reads a profile and changes numbers of it: ``profile("ethos-n78", clock_hz=8e8, sram__size_bytes=2**19)``.

    Args:
        overrides: as ``load`` takes them, with two underscores for each dot.

    Raises:
        InputError: as ``load``.
    """
    return load(name, variant, {key.replace("__", "."): value for key, value in overrides.items()})


def build(
    document: Document, merged: Merged, overrides: Mapping[str, str]
) -> tuple[HardwareProfile | None, list[Problem]]:
    """The variant's profile, or None and all that is wrong with it."""
    reading = Reading(document.sources | USER_SOURCES)
    tree = merged.tree
    header = _header(document, tree, reading)
    names = [*header["extensions"], header["target"]]
    read_elsewhere = (*TEXTS, *LISTS, "sources", "default_variant", *names)
    values = decode_fields(HardwareProfile, tree, (), reading, read_elsewhere)
    extensions = {name: _extension_table(tree[name], name, reading) for name in dict.fromkeys(names) if name in tree}
    if values is None or reading.problems:
        return None, reading.problems
    profile = HardwareProfile(
        variant=merged.variant,
        **{key: header[key] for key in (*TEXTS, "assumptions")},
        **values,
        extensions=extensions,
        numbers=reading.numbers,
        overrides=dict(overrides),
        file=document.file,
    )
    misfits = consistency(profile)
    return (None, misfits) if misfits else (profile, [])


def extension(profile: HardwareProfile, name: str, struct: type[S]) -> S:
    """The profile's table of that name as the target's own Struct, whose fields are annotated as those of profile.py.

    Raises:
        InputError: bad-profile, with file and line, where the table is missing or does not fit; bad-option, where an
            override does not.
    """
    reading = Reading(None)
    found = None
    if name in profile.extensions:
        found = decode(struct, _written(profile, profile.extensions[name], (name,)), (name,), reading)
    else:
        reading.wrong((), f"the table [{name}], which this target needs, is missing")
    if found is None:
        document = read(File(profile.file))
        merged, _ = merge(document, profile.variant)
        raise _error(document, merged, profile.overrides, reading.problems)
    return found


def _written(profile: HardwareProfile, table: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The extension's table as the file writes it: from each value's Quantity, which knows its unit."""
    tree = {}
    for key, value in table.items():
        here = (*path, key)
        number = profile.numbers.get(".".join(here))
        if number is not None:
            written = list(number.value) if isinstance(number.value, tuple) else number.value
            unit = {"unit": number.unit} if number.unit else {}
            tree[key] = {"value": written, **unit, "source": number.source}
        else:
            tree[key] = _written(profile, value, here) if isinstance(value, Mapping) else value
    return tree


def _header(document: Document, tree: Table, reading: Reading) -> dict[str, Any]:
    """The texts and lists of texts at the top; an empty one stands for what is wrong."""
    header: dict[str, Any] = {}
    for key in TEXTS:
        header[key] = tree[key] if isinstance(tree.get(key), str) else ""
        if not header[key].strip():
            reading.wrong((key,) if key in tree else (), f'the profile needs {key} = "...", a text')
    for key in LISTS:
        header[key] = tree.get(key, [])
        if not isinstance(header[key], list) or not all(isinstance(each, str) for each in header[key]):
            reading.wrong((key,), f"{key} is no list of texts")
            header[key] = []
    header["assumptions"] = tuple(header["assumptions"])
    for name in header["extensions"]:
        if name in fields(HardwareProfile) or name not in tree:
            fault = "a table of every profile" if name in tree else "missing"
            reading.wrong(("extensions",), f"extensions names the table [{name}], which is {fault}")
    _sources(document.tree.get("sources"), reading)
    _variants(document, reading)
    return header


def _variants(document: Document, reading: Reading) -> None:
    default = document.tree.get("default_variant")
    if "variant" not in document.tree:
        if default is not None:
            reading.wrong(("default_variant",), "there is a default_variant but no [variant.*]")
    elif not isinstance(document.tree["variant"], Mapping):
        reading.wrong(("variant",), "variant is no table")
    elif default not in document.variants:
        path = () if default is None else ("default_variant",)
        reading.wrong(path, f"default_variant does not name a variant; known: {', '.join(document.variants)}")


def _sources(table: object, reading: Reading) -> None:
    if not isinstance(table, Mapping):
        reading.wrong(
            ("sources",) if table is not None else (),
            "the table [sources], which says where numbers come from, is missing",
        )
        return
    for key, sentence in table.items():
        if not isinstance(sentence, str) or len(sentence.split()) < 2:
            reading.wrong(("sources", key), f"the source {key!r} is no sentence that says where a number is from")


def _extension_table(raw: object, name: str, reading: Reading) -> dict[str, Any]:
    if not isinstance(raw, Mapping) or is_leaf(raw):
        reading.wrong((name,), f"{name} is no table")
        return {}
    return dict(decode_free(raw, (name,), reading))


def _error(
    document: Document,
    merged: Merged,
    overrides: Mapping[str, str],
    problems: list[Problem],
    file_is_sound: bool = False,
) -> InputError:
    """The error for the first problem: an override's fault where it stands at one, or the file alone has none."""
    keys = [".".join(each.path) for each in problems]
    blamed = next((key for key in keys if key in overrides), None)
    if blamed is not None:
        what = problems[keys.index(blamed)].what
        return InputError(what, code="bad-option", where=f"{blamed}={overrides[blamed]}")
    if overrides and file_is_sound:
        where = ", ".join(f"{key}={value}" for key, value in overrides.items())
        return InputError(problems[0].what, code="bad-option", where=where)
    return faults(document, merged, problems[:1])[0]


def _is_sound(document: Document, variant: str) -> bool:
    merged, problems = merge(document, variant)
    return build(document, merged, {})[0] is not None and not problems
