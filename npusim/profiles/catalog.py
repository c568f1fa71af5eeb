"""What ``npusim profiles`` prints, as plain values: which profiles there are, one's numbers, a file's faults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from npusim.errors import InputError
from npusim.profile import HardwareProfile, Quantity
from npusim.profiles.decode import Problem, is_leaf
from npusim.profiles.file import Document, Merged, faults, find_file, merge, read
from npusim.profiles.load import build, load
from npusim.profiles.overrides import USER_SOURCES, Override
from npusim.resources import files


class VariantRow(msgspec.Struct, frozen=True):
    """A variant, in the figures that tell it from the others; ``peak_tops`` counts two operations a MAC."""

    name: str
    is_default: bool
    plannable: bool
    clock_hz: float
    macs_per_cycle: int
    peak_tops: float
    sram_bytes: int
    dram_read_bytes_per_s: float
    dram_write_bytes_per_s: float


class ProfileRow(msgspec.Struct, frozen=True):
    """A profile with its variants, in the order of its file."""

    name: str
    vendor: str
    target: str
    confidence: str
    source: str
    variants: tuple[VariantRow, ...]


class NumberRow(msgspec.Struct, frozen=True):
    """A number of a profile.

    Attributes:
        origin: ``set`` where the user changed it, ``variant NAME`` where a variant gives it (the one shown, or one that
            it inherits); empty where the profile's own tables do.
        assumed: the source says that it is an assumption.
    """

    key: str
    quantity: Quantity
    origin: str
    assumed: bool


class Shown(msgspec.Struct, frozen=True):
    """A profile with all its numbers, in the order of the schema, those of its targets last."""

    profile: HardwareProfile
    numbers: tuple[NumberRow, ...]


def list_profiles() -> tuple[ProfileRow, ...]:
    """The profiles that npusim has, by name."""
    return tuple(_row(file) for file in files("hwprofiles", "*.toml"))


def _row(file: Path) -> ProfileRow:
    document = read(file)
    rows = []
    for name in document.variants:
        found = load(str(file), name)
        clock_hz = found.clock_hz
        rows.append(
            VariantRow(
                name, name == document.default_variant, found.plannable, clock_hz, found.mac_array.macs_per_cycle,
                2 * found.peak_macs_per_s / 1e12, found.sram.size_bytes, found.dram_read_bytes_per_cycle * clock_hz,
                found.dram_write_bytes_per_cycle * clock_hz,
            )
        )  # fmt: skip
    return ProfileRow(found.name, found.vendor, found.target, found.confidence, found.source, tuple(rows))


def show_profile(name: str, variant: str | None = None, overrides: Mapping[str, Override] | None = None) -> Shown:
    """A profile's numbers, each with unit, source and what gave it; arguments and errors as ``profiles.load.load``."""
    found = load(name, variant, overrides)
    document = read(Path(found.file))
    merged, _ = merge(document, found.variant)
    return Shown(found, tuple(_number_row(key, each, merged) for key, each in found.numbers.items()))


def _number_row(key: str, quantity: Quantity, merged: Merged) -> NumberRow:
    given_by = merged.origins.get(tuple(key.split(".")))
    origin = f"variant {given_by[1]}" if given_by else ""
    if quantity.source in USER_SOURCES.values():
        origin = "set"
    return NumberRow(key, quantity, origin, quantity.source.startswith("assumption"))


def check_profile(name: str) -> tuple[InputError, ...]:
    """All that is wrong with a profile's file, each with its line; nothing where it is sound in every variant.

    Args:
        name: of a profile, or the path of a TOML file.

    Raises:
        InputError: unknown-profile.
    """
    file = find_file(name)
    try:
        document = read(file)
    except InputError as error:
        return (error,)
    found: dict[str, InputError] = {}  # a fault that several variants share is one fault
    for variant in document.variants:
        merged, problems = merge(document, variant)
        _, more = build(document, merged, {})
        for fault in faults(document, merged, [*problems, *more]):
            found.setdefault(str(fault), fault)
    for fault in faults(document, merged, _unused_sources(document)):
        found.setdefault(str(fault), fault)
    return tuple(found.values())


def _unused_sources(document: Document) -> list[Problem]:
    used = set(_named_sources(document.tree))
    return [
        Problem(("sources", key), f"no number is from the source {key!r}")
        for key in document.sources
        if key not in used
    ]


def _named_sources(table: Mapping[str, object]) -> Iterator[object]:
    for value in table.values():
        if isinstance(value, Mapping) and is_leaf(value):
            yield value.get("source")
        if isinstance(value, Mapping):
            yield from _named_sources(value)
