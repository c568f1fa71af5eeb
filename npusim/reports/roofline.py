"""What ``npusim roofline`` prints: the ceilings, and where each layer and network stands below them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from npusim.ceilings import Aside, Ceiling, Placed, Spot, ceilings, lowest, placed
from npusim.profile import HardwareProfile
from npusim.reports.blocks import Block, Column, Heading, Lines, Table
from npusim.reports.facts import options, resource
from npusim.reports.numbers import PERCENT, factor
from npusim.reports.words import clean, short
from npusim.result import Estimate

WHOLE = "(the network)"
NAMED = 8  # layers without a place that are named; csv and json have all


class Roofline(msgspec.Struct, frozen=True):
    """Networks under the ceilings of one profile; ``results`` and ``placed`` are in step."""

    profile: str
    ceilings: tuple[Ceiling, ...]
    results: tuple[Estimate, ...]
    placed: tuple[Placed, ...]


def roofline(profile: HardwareProfile, results: Sequence[Estimate]) -> Roofline:
    """The estimates, all of them made on that profile, under its ceilings."""
    name = f"{profile.name} {profile.variant}".rstrip()
    return Roofline(name, ceilings(profile), tuple(results), tuple(placed(each) for each in results))


def page(found: Roofline) -> Iterator[Block]:
    """The ceilings, a table a network, and what has no place under them."""
    yield Heading(f"The roofline of {short(found.profile)}")
    if found.results:
        yield Lines((options(found.results[0].options),))
    yield _ceilings(found.ceilings)
    for result, each in zip(found.results, found.placed, strict=True):
        yield Heading(f"{short(result.model.name)}: {_sizes(result)}")
        if each.network is not None or each.layers:
            yield _spots(found, each)
        said = (*_asides(each), *(f"[{clean(note.code)}] {clean(note.message)}" for note in result.warnings))
        if said:
            yield Lines(said, points=True)
    yield Lines((
        "Intensity: MACs for each byte of DRAM traffic. MACs are dense: a transposed convolution counts at its output. "
        "Of the ceiling: of the lowest one at that intensity, the fastest algorithm's or a memory's.",
    ))  # fmt: skip


def _sizes(result: Estimate) -> str:
    shapes = ("x".join(map(str, shape)) for shape in result.model.inputs.values())
    return f"input {clean(', '.join(shapes))}"


def _ceilings(limits: Sequence[Ceiling]) -> Table:
    columns = (
        Column("ceiling"),
        Column("MACs", "G/s", right=True),
        Column("bytes", "GB/s", right=True),
        Column("what"),
    )
    return Table(
        columns,
        tuple((each.name, _giga(each.macs_per_s), _giga(each.bytes_per_s), clean(each.said)) for each in limits),
    )


def _giga(value: float | None) -> str:
    return "" if value is None else factor(value / 1e9)


def _spots(found: Roofline, each: Placed) -> Table:
    columns = (
        Column("layer", least=16), Column("intensity", "MAC/B", right=True), Column("attained", "GMAC/s", right=True),
        Column("of the ceiling", "%", right=True), Column("below"), Column("bound by", rank=1),
        Column("time", "% of all", right=True),
    )  # fmt: skip

    def row(spot: Spot) -> tuple[str, ...]:
        limit = lowest(found.ceilings, spot.macs_per_byte)
        return (
            named(spot), factor(spot.macs_per_byte), factor(spot.macs_per_s / 1e9),
            PERCENT.show(spot.macs_per_s / limit.at(spot.macs_per_byte)), limit.name, resource(spot.bound_by),
            PERCENT.show(spot.share),
        )  # fmt: skip

    return Table(columns, tuple(map(row, each.layers)), () if each.network is None else (row(each.network),))


def named(spot: Spot) -> str:
    """``conv2``, ``conv2 and 4 more``, or that it is the network."""
    if not spot.layers:
        return WHOLE
    more = len(spot.layers) - 1
    return f"{short(spot.layers[0])} and {more} more" if more else short(spot.layers[0])


def _asides(each: Placed) -> Iterator[str]:
    """The layers without a place, by the reason; those that take longest by name."""
    groups: dict[str, list[Aside]] = {}
    for aside in each.asides:
        groups.setdefault(aside.why, []).append(aside)
    for why, found in groups.items():
        first = sorted(found, key=lambda aside: -aside.share)[:NAMED]
        rest = [aside for aside in found if all(aside is not one for one in first)]
        names = ", ".join(f"{short(aside.layer)} ({PERCENT.show(aside.share)} %)" for aside in first)
        more = f" and {len(rest)} more ({PERCENT.show(sum(aside.share for aside in rest))} %)" if rest else ""
        yield f"not under the roofline, {why}: {names}{more}"


def rows(found: Roofline) -> list[Mapping[str, Any]]:
    """A row a layer and a network, whether it has a place or not; exact numbers."""
    made: list[Mapping[str, Any]] = []
    for result, each in zip(found.results, found.placed, strict=True):
        spots = {name: spot for spot in each.layers for name in spot.layers}
        why = {aside.layer: aside.why for aside in each.asides}
        model, profile = result.model.name, found.profile
        total = result.totals
        made.append(
            _row(found, profile, model, "", total.macs_dense, total.dram_bytes, total.latency_s, total.bound_by,
                 each.network, "" if each.network else "no place")
        )  # fmt: skip
        for layer in result.layers:
            time = layer.cycles / result.profile.clock_hz
            made.append(
                _row(found, profile, model, layer.name, layer.macs_dense, layer.dram_bytes, time, layer.bound_by,
                     spots.get(layer.name), why.get(layer.name, ""))
            )  # fmt: skip
    return made


def _row(
    found: Roofline, profile: str, model: str, layer: str, macs: int, dram_bytes: int, latency_s: float, bound_by: str,
    spot: Spot | None, why: str,
) -> Mapping[str, Any]:  # fmt: skip
    limit = lowest(found.ceilings, spot.macs_per_byte) if spot else None
    return {
        "profile": profile, "model": model, "layer": layer, "macs_dense": macs, "dram_bytes": dram_bytes,
        "latency_s": latency_s, "macs_per_byte": spot.macs_per_byte if spot else None,
        "macs_per_s": spot.macs_per_s if spot else None, "ceiling": limit.name if limit else None,
        "ceiling_macs_per_s": limit.at(spot.macs_per_byte) if limit and spot else None, "bound_by": bound_by,
        "why_not_drawn": why,
    }  # fmt: skip


def plain(found: Roofline) -> dict[str, Any]:
    """The same in plain values."""
    return {
        "profile": found.profile, "options": msgspec.to_builtins(found.results[0].options),
        "ceilings": msgspec.to_builtins(found.ceilings), "rows": rows(found),
    }  # fmt: skip
