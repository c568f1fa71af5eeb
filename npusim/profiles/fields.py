"""What a Struct asks of a TOML table, read off its annotations: a new number is one line in the Struct."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from npusim.profile import MAY_BE_ZERO, HardwareProfile

# number: one with a unit. numbers: a list of them. flag, words: with a source, without a unit. text: a plain string.
# table: a Struct of its own. map: a table with free keys.
Kind = Literal["number", "numbers", "flag", "words", "text", "table", "map"]


# Keys of a profile that are plain texts, all needed, and those that are lists of texts, all optional.
TEXTS = ("name", "vendor", "target", "native_dtype", "source", "confidence")
LISTS = ("assumptions", "extensions")
# Fields of HardwareProfile that no key of the file gives as it is.
_OTHERS = ("variant", "numbers", "overrides", "file")


class Field(msgspec.Struct, frozen=True):
    """One key of a table.

    Attributes:
        base: the unit in which the Struct holds the number; empty where there is none.
        whole: the number is an integer. zero: it may be 0.
        struct: the Struct of a ``table``. item: what a ``map`` holds.
    """

    name: str
    kind: Kind
    required: bool = True
    base: str = ""
    whole: bool = False
    zero: bool = False
    struct: type[msgspec.Struct] | None = None
    item: Field | None = None


@lru_cache
def fields(struct: type[msgspec.Struct]) -> dict[str, Field]:
    """The keys that a table must or may have to become that Struct; of HardwareProfile, those that hold numbers."""
    hints = get_type_hints(struct, include_extras=True)
    required = {field.name for field in msgspec.structs.fields(struct) if field.required}
    skipped = (*TEXTS, *LISTS, *_OTHERS) if struct is HardwareProfile else ()
    return {name: _field(name, hint, name in required) for name, hint in hints.items() if name not in skipped}


def _field(name: str, hint: Any, required: bool) -> Field:
    if NoneType in get_args(hint):
        (hint,) = (part for part in get_args(hint) if part is not NoneType)
    origin = get_origin(hint)
    if origin is Annotated:
        number, base, *marks = get_args(hint)
        return Field(name, "number", required, base, number is int, MAY_BE_ZERO in marks)
    if origin is tuple:
        item = get_args(hint)[0]
        return Field(name, "words", required) if item is str else _many(_field(name, item, required))
    if origin in {Mapping, dict}:
        return Field(name, "map", required, item=_field(name, get_args(hint)[1], True))
    if hint is bool:
        return Field(name, "flag", required)
    if hint is str:
        return Field(name, "text", required)
    if not (isinstance(hint, type) and issubclass(hint, msgspec.Struct)):
        raise TypeError(f"the field {name} has a type that no TOML table gives: {hint}")
    return Field(name, "table", required, struct=hint)


def _many(number: Field) -> Field:
    return msgspec.structs.replace(number, kind="numbers")
