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
from npusim.profile_check import consistency
from npusim.profile_decode import Path, Problem, Reading, Table, decode, decode_fields, decode_free
from npusim.profile_fields import LISTS, TEXTS
from npusim.profile_file import Document, Merged, faults, find_file, merge, read
from npusim.profile_overrides import USER_SOURCES, Override, apply

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
    chosen = variant or document.default_variant
    merged, problems = merge(document, chosen)
    changed = apply(merged.tree, overrides or {})
    found, more = build(document, merged, changed)
    if found is None or problems:
        raise _first(document, merged, changed, [*problems, *more])
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
        raise _first(document, merged, profile.overrides, reading.problems)
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
    header: dict[str, Any] = {}
    for key in TEXTS:
        header[key] = tree.get(key, "")
        if not isinstance(header[key], str) or not header[key].strip():
            reading.wrong((key,) if key in tree else (), f'the profile needs {key} = "...", a text')
    for key in LISTS:
        header[key] = tree.get(key, [])
        if not isinstance(header[key], list) or not all(isinstance(each, str) for each in header[key]):
            reading.wrong((key,), f"{key} is no list of texts")
            header[key] = []
    header["assumptions"] = tuple(header["assumptions"])
    _sources(document.tree.get("sources"), reading)
    if "variant" in document.tree:
        if not isinstance(document.tree["variant"], Mapping):
            reading.wrong(("variant",), "variant is no table")
        elif document.tree.get("default_variant") not in document.variants:
            path: Path = ("default_variant",) if "default_variant" in tree else ()
            reading.wrong(path, f"default_variant does not name a variant; known: {', '.join(document.variants)}")
    elif "default_variant" in tree:
        reading.wrong(("default_variant",), "there is a default_variant but no [variant.*]")
    return header


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
    if not isinstance(raw, Mapping):
        return dict(reading.wrong((name,), f"{name} is no table") or {})
    return dict(decode_free(raw, (name,), reading))


def _first(document: Document, merged: Merged, overrides: Mapping[str, str], problems: list[Problem]) -> InputError:
    """The error for the first problem; what the file as it is does not have is the fault of the overrides."""
    what, keys = problems[0].what, [".".join(each.path) for each in problems]
    blamed = [key for key in keys if key in overrides]
    if overrides and not blamed:
        plain, wrong = merge(document, merged.variant)
        blamed = list(overrides) if build(document, plain, {})[0] and not wrong else []
    if blamed:
        what = next((each.what for each in problems if ".".join(each.path) in blamed), what)
        where = ", ".join(f"{key}={overrides[key]}" for key in dict.fromkeys(blamed))
        return InputError(what, code="bad-option", where=where)
    return faults(document, merged, problems[:1])[0]
