"""Time as bars: how much of it each resource limits, and the layers that take most."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from npusim.reports.facts import resource
from npusim.reports.html import times
from npusim.reports.html.palette import css_class, ordered
from npusim.reports.words import clean, short
from npusim.result import Estimate

MOST = 30  # layers that have a bar of their own
LONGEST = 28  # columns of a name


class Bar(msgspec.Struct, frozen=True):
    """A bar: ``per_cent`` is its length; ``at`` the place of the layer among the result's, None for several."""

    name: str
    time: str
    share: str
    per_cent: float
    resource: str
    said: str
    at: int | None = None


def limits(result: Estimate) -> list[Bar]:
    """The time by the resource that limits it, whole lengths 100."""
    by_bound = result.totals.cycles_by_bound
    whole = sum(by_bound.values())
    return [_bar(result, clean(resource(name)), by_bound[name], whole, name) for name in ordered(by_bound) if whole]


def slowest(result: Estimate) -> list[Bar]:
    """The layers that take most, in the order they run, and the others together; the longest has length 100."""
    return list(_slowest(result))


def _slowest(result: Estimate) -> Iterator[Bar]:
    timed = [(at, row) for at, row in enumerate(result.layers) if row.cycles]
    shown = sorted(sorted(timed, key=lambda pair: -pair[1].cycles)[:MOST])
    most = max((row.cycles for _, row in timed), default=0.0)
    for at, row in shown:
        yield _bar(result, short(row.name, LONGEST), row.cycles, most, row.bound_by, at)
    rest = len(timed) - len(shown)
    if rest:
        left = result.totals.cycles - sum(row.cycles for _, row in shown)
        # Without a bar: it may be longer than all, and would make the others short.
        yield msgspec.structs.replace(_bar(result, f"{rest} others together", left, left, ""), per_cent=0.0)


def _bar(result: Estimate, name: str, cycles: float, whole: float, limit: str, at: int | None = None) -> Bar:
    share = cycles / result.totals.cycles * 100
    said = clean(resource(limit)) if limit else "several"
    return Bar(
        name, times.shown(result, cycles), f"{share:.1f} %", round(100 * cycles / whole, 2),
        css_class(limit), said, at,
    )  # fmt: skip
