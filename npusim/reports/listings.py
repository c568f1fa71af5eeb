"""What ``npusim zoo list`` and ``npusim profiles`` print: pages for people, rows for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from npusim.reports.blocks import Block, Column, Facts, Heading, Lines, Table
from npusim.reports.numbers import factor
from npusim.reports.words import clean
from npusim.units import format_capacity, format_count, format_hz, format_rate

if TYPE_CHECKING:
    from npusim.profiles.catalog import NumberRow, ProfileRow, Shown
    from npusim.zoo.catalogue import Entry

LISTING_FORMATS = ("text", "json", "csv", "md")
Row = Mapping[str, Any]


def listing(form: str, page: Iterable[Block], rows: Sequence[Row], width: int, colour: bool) -> str:
    """The page (text, md) or the rows (json, csv)."""
    if form == "json":
        return json.dumps(rows, indent=1, ensure_ascii=False) + "\n"
    if form == "csv":
        from npusim.reports.data import table  # noqa: PLC0415 - each format loads what it needs

        return table(list(rows[0]), [list(row.values()) for row in rows]) if rows else ""
    if form == "md":
        from npusim.reports.markdown import markdown  # noqa: PLC0415 - as above

        return markdown(page)
    from npusim.reports.text import text  # noqa: PLC0415 - as above

    return text(page, width, colour)


# --- the zoo


def zoo_page(entries: Sequence[Entry]) -> Iterator[Block]:
    """A row a network, and below a numbered note for each reason why the published figures differ."""
    reasons = list(dict.fromkeys(each.reason for each in entries if each.reason))
    dense = any(each.macs_dense != each.macs for each in entries)
    columns = (
        Column("network", least=16), Column("params", "k", right=True), Column("published", "k", right=True),
        Column("MACs", "G", right=True), *((Column("dense", "G", right=True),) if dense else ()),
        Column("published", "G", right=True), Column("why", "note", right=True),
        Column("layers from", rank=2), Column("figures from", rank=3),
    )  # fmt: skip
    yield Heading("The networks of the zoo")
    yield Table(columns, tuple(_zoo_row(each, reasons, dense) for each in entries))
    yield Lines((
        "Parameters are all that the network stores; MACs are those to 1280x720 pixels, from 640x360 (x2), 427x240 "
        "(x3) or 320x180 (x4). Published MACs count a transposed convolution at its output, as the dense MACs do.",
    ))  # fmt: skip
    aliases = [f"{alias} = {each.name}" for each in entries for alias in each.aliases]
    if aliases:
        yield Heading("Other names")
        yield Lines((", ".join(aliases),))
    if reasons:
        yield Heading("Why the published figures differ")
        yield Facts(tuple((str(at), reason) for at, reason in enumerate(reasons, 1)))


def _zoo_row(each: Entry, reasons: Sequence[str], dense: bool) -> tuple[str, ...]:
    known = each.published
    return (
        each.name, f"{each.params / 1e3:,.2f}", known.params_k if known else "", f"{each.macs / 1e9:,.2f}",
        *((f"{each.macs_dense / 1e9:,.2f}" if each.macs_dense != each.macs else "",) if dense else ()),
        known.macs_g if known else "", str(reasons.index(each.reason) + 1) if each.reason else "",
        f"{each.confidence}: {each.source}", known.source if known else "",
    )  # fmt: skip


def zoo_rows(entries: Sequence[Entry]) -> list[Row]:
    """The same for programs, exact; what was not published is empty."""
    return [_zoo_plain(each) for each in entries]


def _zoo_plain(each: Entry) -> Row:
    row = msgspec.structs.asdict(each) | {"aliases": " ".join(each.aliases)}
    row["layers_from"], row["layers_confidence"] = row.pop("source"), row.pop("confidence")
    known = row.pop("published")
    names = ("params_k", "macs_g", "source", "confidence")
    return row | {f"published_{name}": getattr(known, name, "") for name in names} | {"reason": each.reason}


# --- profiles


def profiles_page(profiles: Sequence[ProfileRow]) -> Iterator[Block]:
    """A table of variants a profile; a star stands at its default."""
    columns = (
        Column("variant", least=12), Column("clock", right=True), Column("MAC/cycle", right=True),
        Column("peak", "TOPS", right=True, rank=1), Column("SRAM", right=True), Column("DRAM read", right=True),
        Column("DRAM write", right=True, rank=2), Column("planner"),
    )  # fmt: skip
    for each in profiles:
        yield Heading(clean(f"{each.name} ({each.vendor}, target {each.target})"))
        yield Table(columns, tuple(
            (
                clean(row.name) + (" *" if row.is_default else ""), format_hz(row.clock_hz),
                format_count(row.macs_per_cycle), factor(row.peak_tops), format_capacity(row.sram_bytes),
                format_rate(row.dram_read_bytes_per_s, "B/s"), format_rate(row.dram_write_bytes_per_s, "B/s"),
                "vendor" if row.plannable else "best",
            )
            for row in each.variants
        ))  # fmt: skip
        yield Lines((clean(f"{each.confidence}. Source: {each.source}"),))
    yield Lines(("* the default; planner best: the vendor's own does not handle that variant.",))


def profiles_rows(profiles: Sequence[ProfileRow]) -> list[Row]:
    """A row a variant, in exact numbers."""
    return [
        {"profile": each.name, "vendor": each.vendor, "target": each.target, "variant": row.name}
        | {key: value for key, value in msgspec.structs.asdict(row).items() if key != "name"}
        | {"confidence": each.confidence, "source": each.source}
        for each in profiles
        for row in each.variants
    ]


def shown_page(shown: Shown) -> Iterator[Block]:
    """Every number of a profile with its unit, what gives it, and its source as a numbered note."""
    found = shown.profile
    sources = list(dict.fromkeys(row.quantity.source for row in shown.numbers))
    yield Heading(clean(f"{found.name} {found.variant} ({found.vendor}, target {found.target})"))
    yield Lines((clean(found.source), clean(f"Confidence: {found.confidence}")))
    columns = (
        Column("number", least=36), Column("value", right=True, least=10), Column("unit"),
        Column("given by", least=8, rank=1),
        Column("source", "note", right=True),
    )  # fmt: skip
    yield Table(columns, tuple(
        (
            clean(row.key), clean(_value(row)), "" if row.quantity.unit == "1" else clean(row.quantity.unit),
            clean(row.origin.removeprefix("variant ")),
            f"{sources.index(row.quantity.source) + 1}{'?' if row.assumed else ''}",
        )
        for row in shown.numbers
    ))  # fmt: skip
    yield Heading("Sources (? an assumption)")
    yield Facts(tuple((str(at), clean(source)) for at, source in enumerate(sources, 1)))
    if found.assumptions:
        yield Heading("What the model takes for granted")
        yield Lines(tuple(map(clean, found.assumptions)), points=True)


def _value(row: NumberRow) -> str:
    value = row.quantity.value
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def shown_rows(shown: Shown) -> list[Row]:
    return [
        {
            "key": row.key,
            "value": list(row.quantity.value) if isinstance(row.quantity.value, tuple) else row.quantity.value,
            "unit": row.quantity.unit, "source": row.quantity.source, "given_by": row.origin, "assumed": row.assumed,
        }
        for row in shown.numbers
    ]  # fmt: skip
