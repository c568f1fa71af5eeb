"""What ``npusim explain`` prints: the layers that take the time, why, and what would make it faster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from npusim.explain import Advice, Explanation, Finding
from npusim.reports.blocks import Block, Column, Facts, Heading, Lines, Table
from npusim.reports.facts import OPERANDS, resource, setting, title
from npusim.reports.numbers import PERCENT, seconds
from npusim.reports.words import clean, short
from npusim.units import format_bytes, format_seconds, format_share

BAR = 24  # columns of the longest bar
LITTLE = 0.0005  # a gain below this share is none


def page(found: Explanation, *, whole: bool, assumptions: bool) -> Iterator[Block]:
    """The explanation; ``whole``: with every bound, operand and choice of the layers it names."""
    yield Lines((title(found.result), *setting(found.result)))
    yield from body(found, whole=whole)
    if found.result.warnings:
        yield Heading("Warnings")
        yield Lines(tuple(f"{clean(each.message)} [{each.code}]" for each in found.result.warnings), points=True)
    if assumptions and found.result.profile.assumptions:
        yield Heading("The profile takes for granted")
        yield Lines(tuple(clean(each) for each in found.result.profile.assumptions), points=True)


def body(found: Explanation, *, whole: bool) -> Iterator[Block]:
    """What is explained, without what is said of any result."""
    yield Lines((clean(found.summary),))
    if found.findings:
        yield Heading("What takes the time")
        yield _time(found)
        yield Heading("Why")
        yield Lines(tuple(_why(each) for each in found.findings if each.reasons), points=True)
    if whole:
        for each in found.findings:
            yield from _whole(each, found)
    if found.advice:
        yield Heading("What would make it faster: each estimated again with that one change")
        yield from _advice(found.advice)


def plain(found: Explanation) -> dict[str, Any]:
    """The explanation in plain values; the estimate itself is what ``npusim estimate`` prints."""
    values: dict[str, Any] = msgspec.to_builtins(found)
    model = values.pop("result")["model"]
    return {"model": model, "profile": msgspec.to_builtins(found.result.profile), **values}


def _time(found: Explanation) -> Table:
    scale = seconds([each.latency_s for each in found.findings] or [0.0])
    columns = (
        Column("layer", least=10), Column("op", least=8), Column("time", scale.unit, right=True),
        Column("share", "%", right=True), Column("limited by"),
    )  # fmt: skip
    rows = tuple(
        (
            clean(each.layer),
            clean(each.op),
            scale.show(each.latency_s),
            PERCENT.show(each.share),
            resource(each.bound_by),
        )
        for each in found.findings
    )
    rest = f"{found.rest} more layer{'s' if found.rest > 1 else ''}"
    left = found.result.latency_s * found.rest_share
    more = ((rest, "", scale.show(left), PERCENT.show(found.rest_share), ""),) if found.rest else ()
    return Table(columns, rows, more)


def _why(found: Finding) -> str:
    return f"{short(found.layer)}: {'; '.join(clean(reason) for reason in found.reasons)}."


def _whole(found: Finding, said: Explanation) -> Iterator[Block]:
    """Every bound with a bar, the traffic by operand and the choices, pass by pass."""
    clock_hz = said.result.profile.clock_hz
    for row in found.rows:
        yield Heading(f"{clean(row.name)}: {format_seconds(row.cycles / clock_hz)} in {row.cycles:,.0f} cycles")
        most = max(row.bounds.values(), default=0.0) or 1.0
        bars = tuple(
            (resource(name), f"{cycles:,.0f}", "#" * round(BAR * cycles / most)) for name, cycles in row.bounds.items()
        )
        yield Table((Column("bound"), Column("time", "cycles", right=True), Column("")), bars)
        moved = [(f"DRAM {OPERANDS.get(name, name)}", format_bytes(n)) for name, n in row.traffic["dram"].items() if n]
        chosen = [
            (name.replace("_", " "), _value(value)) for name, value in row.mapping.items() if value not in ([], ())
        ]
        yield Facts((*moved, *chosen))


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{clean(str(name)).replace('_', ' ')} {each}" for name, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(clean(str(each)) for each in value)
    return clean(str(value))


def _advice(advice: Sequence[Advice]) -> Iterator[Block]:
    """A row a change; below, a line for each that this hardware or target does not allow."""
    scale = seconds([each.latency_s for each in advice if each.latency_s is not None])
    columns = (
        Column("change", least=24), Column("time", scale.unit, right=True), Column("gain", "%", right=True),
        Column("how", rank=1),
    )  # fmt: skip
    tried = tuple(
        (each.change, scale.show(each.latency_s), _gain(each.gain), each.how)
        for each in advice
        if each.gain is not None
    )
    if tried:
        yield Table(columns, tried)
    refused = tuple(clean(f"{each.change}: not possible, {each.why_not}") for each in advice if each.why_not)
    if refused:
        yield Lines(refused, points=True)


def _gain(gain: float) -> str:
    """What goes away of the time; ``none`` where nothing to speak of does."""
    return "none" if abs(gain) < LITTLE else format_share(gain).removesuffix(" %")
