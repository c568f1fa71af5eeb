"""Results beside each other: what differs in the options, the totals, and the layers whose times differ most."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from npusim.reports.blocks import Block, Column, Heading, Lines, Table
from npusim.reports.facts import SCALES, resource
from npusim.reports.numbers import NOTHING, seconds
from npusim.reports.words import clean, short
from npusim.result import Estimate, Totals
from npusim.units import format_bytes, format_macs, format_seconds, format_share

MOST = 12  # layers that are listed
LITTLE = 0.001  # of the time: a difference below it is none

# What is compared: its name, how it is printed, and its value.
_TOTALS: tuple[tuple[str, Callable[[float], str], Callable[[Totals], float | None]], ...] = (
    ("latency", format_seconds, lambda sums: sums.latency_s),
    ("roofline", format_seconds, lambda sums: sums.roofline_latency_s),
    ("DRAM traffic", format_bytes, lambda sums: sums.dram_bytes),
    ("of it read", format_bytes, lambda sums: sums.dram_read_bytes),
    ("of it written", format_bytes, lambda sums: sums.dram_write_bytes),
    ("weights as read", format_bytes, lambda sums: sums.weight_stream_bytes),
    ("peak SRAM", format_bytes, lambda sums: sums.peak_sram_bytes),
    ("MACs", format_macs, lambda sums: sums.macs),
    ("utilisation", lambda share: f"{share * 100:.1f} %", lambda sums: sums.utilisation),
)


def comparison(result: Estimate, others: Sequence[Estimate]) -> Iterator[Block]:
    """Tables of ``result`` and the others, whose differences are relative to it."""
    every = (result, *others)
    names = _names(every)
    yield Lines((_sentence(result, others, names),))
    columns = [Column("one inference"), *(Column(name, right=True) for name in names)]
    yield Table(tuple(columns), tuple(_row(what, show, value, every) for what, show, value in _TOTALS))
    if all(each.profile.clock_hz for each in every):
        yield from _layers(every, names)


def _names(every: Sequence[Estimate]) -> list[str]:
    """What tells the results apart: the planner, the level, the hardware, the network; a number where nothing does."""
    tells: tuple[Callable[[Estimate], str], ...] = (
        lambda each: short(each.model.name, 24),
        lambda each: short(f"{each.profile.name} {each.profile.variant}".strip(), 32),
        lambda each: ", ".join(f"{short(key, 20)}={short(value, 20)}" for key, value in each.profile.overrides.items()),
        lambda each: "x".join(map(str, next(iter(each.model.inputs.values()), ()))),
        lambda each: f"level {each.options.level}",
        lambda each: f"planner {each.options.planner}",
        lambda each: each.options.dtype,
        lambda each: f"compression {format_share(each.options.activation_compression)}",
        lambda each: SCALES[each.options.equal_scales],
        lambda each: "as the vendor costs" if each.options.as_vendor else "",
        lambda each: "weights encoded" if each.options.encode_weights else "",
    )  # fmt: skip
    differ = [tell for tell in tells if len({tell(each) for each in every}) > 1]
    names = [", ".join(filter(None, (tell(each) for tell in differ))) for each in every]
    return [
        name if name and names.count(name) == 1 else f"{name or 'result'} ({at})" for at, name in enumerate(names, 1)
    ]


def _sentence(result: Estimate, others: Sequence[Estimate], names: Sequence[str]) -> str:
    parts = []
    for other, name in zip(others, names[1:], strict=True):
        if result.latency_s and other.latency_s:
            change = other.latency_s / result.latency_s - 1
            how = "takes as long" if abs(change) < LITTLE else f"takes {format_share(abs(change))} {_more(change)} time"
            parts.append(f"{name} {how}")
    first = f"Against {names[0]}"
    return f"{first}: {'; '.join(parts)}." if parts else f"{first} there is no time to compare."


def _more(change: float) -> str:
    return "more" if change > 0 else "less"


def _row(
    what: str, show: Callable[[float], str], value: Callable[[Totals], float | None], every: Sequence[Estimate]
) -> tuple[str, ...]:
    found = [value(each.totals) for each in every]
    base = found[0]
    cells = [NOTHING if base is None else show(base)]
    for each in found[1:]:
        if each is None:
            cells.append(NOTHING)
        elif base:
            change = each / base - 1
            cells.append(f"{show(each)} ({'=' if abs(change) < LITTLE else f'{change * 100:+.1f} %'})")
        else:
            cells.append(show(each))
    return (what, *cells)


class _Times(msgspec.Struct, frozen=True):
    """Seconds of a layer in each of the results, and what limits it there."""

    seconds: tuple[float, ...]
    limits: tuple[str, ...]

    @property
    def difference(self) -> float:
        return max(self.seconds) - min(self.seconds)


def _layers(every: Sequence[Estimate], names: Sequence[str]) -> Iterator[Block]:
    """The layers that differ, those that differ most first."""
    times = _times(every)
    whole = every[0].latency_s or 1.0
    differ = [(name, each) for name, each in times.items() if each.difference > LITTLE * whole]
    differ.sort(key=lambda pair: -pair[1].difference)
    if not differ:
        yield Lines(("No layer takes another time.",))
        return
    yield Heading("Where they differ")
    scale = seconds([value for _, each in differ for value in each.seconds])
    columns = [Column("layer")]
    for name in names:
        columns += [Column(name, scale.unit, right=True), Column("bound by")]
    rows = tuple(
        (
            short(name, 32),
            *(cell for at in range(len(every)) for cell in (scale.show(each.seconds[at]), each.limits[at])),
        )
        for name, each in differ[:MOST]
    )
    yield Table(tuple(columns), rows)
    if len(differ) > MOST:
        yield Lines((f"{len(differ) - MOST} more differ less.",))


def _times(every: Sequence[Estimate]) -> dict[str, _Times]:
    """By pass, wherever it is in one of the results; where it is missing it takes no time."""
    found = [
        {row.name: (row.cycles / each.profile.clock_hz, resource(row.bound_by)) for row in each.layers}
        for each in every
    ]
    names = dict.fromkeys(name for rows in found for name in rows)
    return {
        name: _Times(
            tuple(rows.get(name, (0.0, ""))[0] for rows in found),
            tuple(clean(rows.get(name, (0.0, "not run"))[1]) for rows in found),
        )
        for name in names
    }
