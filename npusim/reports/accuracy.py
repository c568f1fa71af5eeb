"""What ``npusim accuracy`` prints: how far the model is from its reference, and whether the bounds hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from npusim.reports.blocks import Block, Column, Heading, Lines, Table
from npusim.reports.numbers import PERCENT
from npusim.reports.words import clean
from npusim.units import format_count
from npusim.validation import AccuracyReport, Check, Group

NONE = 1e-9  # relative differences below this are rounding in the last digits of a float64
WORDS = {
    "mac_cycles": "MAC cycles", "vector_cycles": "vector cycles", "ifm_bytes": "IFM bytes", "ofm_bytes": "OFM bytes",
    "weight_bytes": "weight bytes", "cycles": "cycles", "dram_bytes": "DRAM bytes",
    "latency_ms": "latency, ms", "dram_mb": "DRAM traffic, MB",
}  # fmt: skip
TITLES = {
    "passes": "Costs of single passes, given the reference's plan",
    "networks": "Totals of networks, with npusim's own plan (planner vendor, as_vendor)",
    "drawn": "The same with weights that are not uniform random: drawn alike, and encoded (encode_weights)",
}


def page(found: AccuracyReport) -> Iterator[Block]:
    """A table for each kind of comparison, the bounds, and what was left out."""
    yield Lines(("The model against the vendor's own public estimator; no silicon was measured.",))
    printed = [group for group in found.groups if group.of == "published"]
    if printed:
        yield Heading("Published rows of the SESR paper (recalled, not read in a stored text; docs/paper-figures.md)")
        yield _published(printed)
    for of, title in TITLES.items():
        groups = [group for group in found.groups if group.of == of]
        if of == "passes":  # nearly all are equal: a row a quantity says it
            groups = [msgspec.structs.replace(group, group="all") for group in groups]
        if groups:
            yield Heading(f"{title}: relative differences")
            yield _groups(groups)
    yield Heading("Bounds (validation/bounds.toml)")
    yield _bounds(found)
    if found.left_out:
        yield Heading("Runs that were not compared")
        yield Lines(tuple(f"{count}: {clean(why)}" for why, count in found.left_out.items()), points=True)
    missed = sum(not check.holds for check in found.checks)
    yield Lines((f"{missed} of {len(found.checks)} bounds are missed." if missed else "Every bound holds.",))


def plain(found: AccuracyReport) -> dict[str, Any]:
    """The report in plain values, every compared value included."""
    return {
        "groups": [{**_facts(group), "points": msgspec.to_builtins(group.points)} for group in _merged(found.groups)],
        "checks": [{**msgspec.to_builtins(check), "holds": check.holds} for check in found.checks],
        "left_out": found.left_out,
        "holds": found.holds,
    }


def rows(found: AccuracyReport) -> list[dict[str, Any]]:
    """A row a group, for csv."""
    return [_facts(group) for group in _merged(found.groups)]


def _facts(group: Group) -> dict[str, Any]:
    return {
        "of": group.of, "variant": group.variant, "group": group.group, "quantity": group.quantity,
        "values": len(group.points), "equal": group.share_within(NONE), "median": group.median, "p90": group.p90,
        "worst": group.worst, "worst_at": group.worst_at,
    }  # fmt: skip


def _merged(groups: tuple[Group, ...] | list[Group]) -> list[Group]:
    """Groups that differ in the activation saving alone, as one."""
    found: dict[tuple[str, str, str, str], Group] = {}
    for group in groups:
        key = (group.of, group.variant, group.group, group.quantity)
        known = found.get(key)
        found[key] = group if known is None else Group(*key, (*known.points, *group.points))
    return list(found.values())


def _groups(groups: list[Group]) -> Table:
    columns = (
        Column("variant"), Column("group"), Column("quantity", least=8), Column("values", right=True),
        Column("equal", "%", right=True), Column("median", "%", right=True), Column("p90", "%", right=True),
        Column("worst", "%", right=True), Column("worst at", least=12, rank=1),
    )  # fmt: skip
    return Table(columns, tuple(_row(group) for group in _merged(groups)))


def _row(group: Group) -> tuple[str, ...]:
    return (
        group.variant, group.group, WORDS.get(group.quantity, group.quantity), format_count(len(group.points)),
        PERCENT.show(group.share_within(NONE)), *map(_percent, (group.median, group.p90, group.worst)),
        clean(group.worst_at) if group.worst > NONE else "",
    )  # fmt: skip


def _published(groups: list[Group]) -> Table:
    columns = (
        Column("network and frame", least=16), Column("quantity"), Column("published", right=True),
        Column("npusim", right=True), Column("difference", "%", right=True),
    )  # fmt: skip
    rows = [
        (
            clean(group.group),
            WORDS.get(group.quantity, group.quantity),
            f"{point.reference:,.2f}",
            f"{point.estimate:,.2f}",
            f"{point.difference:+.1%}"[:-1],
        )
        for group in groups
        for point in group.points
    ]
    return Table(columns, tuple(rows))


def _percent(share: float) -> str:
    """Three decimals; rounding of a float64 is no difference."""
    return "0" if share <= NONE else f"{share * 100:.3f}" if share >= 5e-6 else "<0.001"


def _bounds(found: AccuracyReport) -> Table:
    columns = (
        Column("of"), Column("variants", least=10), Column("groups", least=8), Column("quantity"), Column("statistic"),
        Column("limit", "%", right=True), Column("found", "%", right=True), Column(""),
    )  # fmt: skip
    return Table(columns, tuple(_check(check) for check in found.checks))


def _check(check: Check) -> tuple[str, ...]:
    return (
        check.of, ", ".join(check.variants) or "all", ", ".join(check.groups) or "all",
        WORDS.get(check.quantity, check.quantity), "equal" if check.statistic == "share" else check.statistic,
        f"{check.limit * 100:g}", _percent(check.found), "holds" if check.holds else "MISSED",
    )  # fmt: skip
