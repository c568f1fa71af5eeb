"""A profile's TOML file before its numbers are read: syntax, sources, variants and what they inherit."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path as File
from typing import Any

import msgspec

from npusim.errors import InputError
from npusim.profiles.decode import Path, Problem, Table, is_leaf
from npusim.profiles.fields import TEXTS
from npusim.profiles.lines import key_lines, line_of
from npusim.registry import unknown
from npusim.resources import files

VARIANT_KEYS = ("inherits", "confidence", "source", "assumptions")  # what a variant may say beside numbers
ONLY_VARIANT = "default"  # what the one variant of a file without [variant.*] is called
LARGEST_FILE = 2**20  # a profile is a few KiB; what is larger is no profile
_HEADER_ONLY = frozenset((*TEXTS, "default_variant", "extensions", "sources", "variant")) - frozenset(VARIANT_KEYS)
_AT = re.compile(r"(.*?)\s*\(at (?:line (\d+), column \d+|end of document)\)", re.DOTALL)


class Document(msgspec.Struct, frozen=True):
    """A profile's file as TOML gives it."""

    file: str
    text: str
    tree: Table

    @property
    def sources(self) -> dict[str, str]:
        return dict(self.tree["sources"]) if isinstance(self.tree.get("sources"), Mapping) else {}

    @property
    def variants(self) -> tuple[str, ...]:
        found = self.tree.get("variant")
        return tuple(found) if isinstance(found, Mapping) and found else (ONLY_VARIANT,)

    @property
    def default_variant(self) -> str:
        """The one that the file names; its first where it names none of them, which the reader refuses."""
        named = self.tree.get("default_variant")
        return named if isinstance(named, str) and named in self.variants else self.variants[0]


class Merged(msgspec.Struct, frozen=True):
    """The tables of one variant, what it inherits included.

    Attributes:
        origins: where in the file each key stands that is not at its own path.
    """

    variant: str
    tree: dict[str, Any]
    origins: dict[Path, Path]

    def origin(self, path: Path) -> Path:
        """Where the key, or the innermost table around it that the file has, stands in the file."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.origins:
                return self.origins[path[:length]] + path[length:]
        return path


def find_file(name: str) -> File:
    """The file of a profile by its name, or by its path (with a slash, or ending in .toml).

    Raises:
        InputError: unknown-profile.
    """
    if "/" in name or "\\" in name or name.endswith(".toml"):
        if not File(name).is_file():
            raise InputError("there is no such profile file", code="unknown-profile", where=name)
        return File(name)
    known = {found.stem: found for found in files("hwprofiles", "*.toml")}
    if name not in known:
        raise unknown("profile", name, list(known))
    return known[name]


def read(file: File) -> Document:
    """The file's text and tables; InputError (bad-profile) where it is no TOML."""
    try:
        status = file.stat()
        return _read(str(file), status.st_mtime_ns, status.st_size)
    except OSError as fault:
        raise InputError(
            f"the profile cannot be read ({fault.strerror})", code="unknown-profile", where=str(file)
        ) from fault


@lru_cache(maxsize=32)
def _read(name: str, _modified: int, size: int) -> Document:
    if size > LARGEST_FILE:
        raise InputError(f"{size} bytes are too many for a profile", code="bad-profile", where=name)
    data = File(name).read_bytes()
    try:
        text = data.decode()
    except UnicodeDecodeError as fault:
        raise _at(name, data[: fault.start].count(b"\n") + 1, "this is no UTF-8 text, so it is no profile") from fault
    try:
        return Document(name, text, tomllib.loads(text))
    except tomllib.TOMLDecodeError as fault:
        match = _AT.fullmatch(str(fault))
        what, line = (match[1], match[2]) if match else (str(fault), None)
        raise _at(name, int(line or text.rstrip("\n").count("\n") + 1), f"this is not valid TOML: {what}") from fault
    except RecursionError:
        raise _at(name, 1, "this is nested too deeply for a profile") from None


def _at(name: str, line: int, what: str) -> InputError:
    return InputError(what, code="bad-profile", where=f"{name}, line {line}")


def faults(document: Document, merged: Merged, problems: Iterable[Problem]) -> list[InputError]:
    """Each problem as an error (bad-profile) with its line."""
    lines = key_lines(document.text)
    return [_at(document.file, line_of(lines, merged.origin(each.path)), each.what) for each in problems]


def merge(document: Document, variant: str) -> tuple[Merged, list[Problem]]:
    """The variant's tables over those that it inherits, down to the file's own.

    Raises:
        InputError: unknown-variant.
    """
    if variant not in document.variants:
        fault = unknown("variant", variant, list(document.variants))
        fault.where = str(document.tree.get("name", document.file))
        raise fault
    tree: dict[str, Any] = {key: _copy(value) for key, value in document.tree.items() if key != "variant"}
    origins: dict[Path, Path] = {}
    problems: list[Problem] = []
    for name in reversed(list(_lineage(document, variant, problems))):
        path = ("variant", name)
        table = document.tree["variant"][name]
        if not isinstance(table, Mapping):
            problems.append(Problem(path, f"variant.{name} is no table"))
            continue
        allowed = {key: value for key, value in table.items() if key != "inherits"}
        for key in [key for key in allowed if key in _HEADER_ONLY]:
            problems.append(Problem((*path, key), f"the key {key!r} cannot differ between variants"))
            del allowed[key]
        _overlay(tree, allowed, (), path, origins)
    return Merged(variant, tree, origins), problems


def _lineage(document: Document, variant: str, problems: list[Problem]) -> Iterator[str]:
    """The variant, what it inherits, what that inherits, and so on."""
    variants, seen = document.tree.get("variant"), []
    while isinstance(variants, Mapping) and variant in variants:
        seen.append(variant)
        yield variant
        table = variants[variant]
        parent = table.get("inherits") if isinstance(table, Mapping) else None
        if parent is None:
            return
        path = ("variant", variant, "inherits")
        if not isinstance(parent, str) or parent not in variants:
            problems.append(Problem(path, f"no variant is called {parent!r}; known: {', '.join(variants)}"))
            return
        if parent in seen:
            problems.append(Problem(path, f"the variants inherit in a circle: {' < '.join((*seen, parent))}"))
            return
        variant = parent


def _overlay(below: dict[str, Any], above: Table, path: Path, source: Path, origins: dict[Path, Path]) -> None:
    for key, value in above.items():
        here, there = (*path, key), (*source, key)
        known = below.get(key)
        if isinstance(value, Mapping) and not is_leaf(value) and isinstance(known, dict) and not is_leaf(known):
            _overlay(known, value, here, there, origins)
        else:
            below[key] = _copy(value)
            origins[here] = there


def _copy(value: Any) -> Any:
    """Tables are copied, so that a variant or an override never changes the file's, which is kept."""
    return {key: _copy(each) for key, each in value.items()} if isinstance(value, Mapping) else value
