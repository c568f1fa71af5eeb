"""What ``npusim compare`` prints: a row a network, profile and frame; and the claims of the paper on SESR."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from npusim.compare import Compared, Comparison, Place
from npusim.compare.claims import Checked, Claim
from npusim.reports.blocks import Block, Column, Heading, Lines, Table
from npusim.reports.facts import options, resource
from npusim.reports.numbers import NOTHING, PERCENT, factor
from npusim.reports.words import clean, short
from npusim.result import Estimate


def page(found: Comparison) -> Iterator[Block]:
    """One table, what could not be estimated, and what to know of the numbers."""
    yield Heading(f"Compared with {short(found.baseline) or 'the first'}")
    if found.rows:
        yield Lines(tuple(_setting(found)))
        yield _table(found)
    if found.failed:
        yield Heading("Not estimated")
        yield Lines(tuple(f"{_said(each.place)}: {clean(each.why)}" for each in found.failed), points=True)
    yield Lines(tuple(_notes(found)), points=True)


def _setting(found: Comparison) -> Iterator[str]:
    """The options, and the profile and the size where all rows have the same."""
    both = ({_profile(each) for each in found.rows}, {_size(each) for each in found.rows})
    alike = [values.pop() for values in both if len(values) == 1]
    if alike:
        yield ", ".join(alike)
    made = dict.fromkeys((_profile(each), _how(each.result)) for each in found.rows)
    one = len({how for _, how in made}) == 1
    yield from dict.fromkeys(how if one else f"{profile}: {how}" for profile, how in made)


def _how(result: Estimate) -> str:
    """The options, and what was changed of the profile."""
    changed = ", ".join(f"{short(key)}={short(value)}" for key, value in result.profile.overrides.items())
    return options(result.options) + (f", set {changed}" if changed else "")


def _network(each: Compared) -> str:
    return short(each.place.model)


def _profile(each: Compared) -> str:
    hardware = each.result.profile
    return short(f"{hardware.name} {hardware.variant}".rstrip())


def _size(each: Compared) -> str:
    """What was asked for, or the shape of the network's first input."""
    shapes = list(each.result.model.inputs.values())
    return clean(each.place.size) or ("x".join(map(str, shapes[0])) if shapes else "no input")


def _table(found: Comparison) -> Table:
    which = [
        (Column(title), cell)
        for title, cell in (("network", _network), ("profile", _profile), ("size", _size))
        if title == "network" or len({cell(each) for each in found.rows}) > 1
    ]
    numbers = (
        Column("MACs", "G", right=True, rank=4), Column("params", "k", right=True, rank=7),
        Column("time", "ms", right=True), Column("fps", "frames/s", right=True, rank=5),
        Column("DRAM", "MB", right=True, rank=1), Column("util.", "%", right=True, rank=6),
        Column("bound by", rank=8), Column("time", "times less", right=True),
        Column("DRAM", "times less", right=True, rank=2), Column("MACs", "times less", right=True, rank=3),
        Column("params", "times less", right=True, rank=9),
    )  # fmt: skip
    rows = tuple((*(cell(each) for _, cell in which), *_numbers(each)) for each in found.rows)
    return Table((*(column for column, _ in which), *numbers), rows)


def _numbers(each: Compared) -> tuple[str, ...]:
    sums = each.result.totals
    return (
        factor(sums.macs_dense / 1e9), factor(sums.params / 1e3), factor(sums.latency_s * 1e3),
        NOTHING if sums.fps is None else factor(sums.fps), factor(sums.dram_bytes / 1e6),
        PERCENT.show(sums.utilisation), resource(sums.bound_by), *_times(each),
    )  # fmt: skip


def _times(each: Compared) -> tuple[str, ...]:
    found = (each.latency_times, each.dram_times, each.macs_times, each.params_times)
    return tuple(NOTHING if value is None else "base" if each.base == each.place else factor(value) for value in found)


def _notes(found: Comparison) -> Iterator[str]:
    yield "Times less: the base line's over the row's, above 1 where the row takes less."
    yield "MACs are dense: a transposed convolution counts at its output."
    off = [short(each.place.model) for each in found.rows if each.result.off_npu]
    if off:
        yield f"Partly off the NPU, at the rates that the profile gives for that: {', '.join(dict.fromkeys(off))}."
    warned = dict.fromkeys(
        (notice.code, short(each.place.model)) for each in found.rows for notice in each.result.warnings
    )
    for code in dict.fromkeys(code for code, _ in warned):
        names = ", ".join(name for other, name in warned if other == code)
        yield f"The estimate warns [{clean(code)}], see npusim estimate: {names}."
    least = [short(each.place.model) for each in found.rows if each.result.totals.lower_bound]
    if least:
        yield f"A lower bound, since an operator is not known: {', '.join(dict.fromkeys(least))}."


def rows(found: Comparison) -> list[Mapping[str, Any]]:
    """A row an estimate in exact numbers; those that failed have their reason and nothing else."""
    made: list[Mapping[str, Any]] = []
    for each in found.rows:
        sums, profile = each.result.totals, each.result.profile
        made.append({
            "model": each.place.model, "profile": profile.name, "variant": profile.variant, "size": each.place.size,
            "input": ";".join("x".join(map(str, shape)) for shape in each.result.model.inputs.values()),
            "macs": sums.macs, "macs_dense": sums.macs_dense, "params": sums.params, "ops": sums.ops,
            "latency_s": sums.latency_s, "fps": sums.fps, "dram_bytes": sums.dram_bytes,
            "utilisation": sums.utilisation, "peak_sram_bytes": sums.peak_sram_bytes, "bound_by": sums.bound_by,
            "roofline_latency_s": sums.roofline_latency_s, "theoretical_fps": sums.theoretical_fps,
            "lower_bound": sums.lower_bound, "off_npu_layers": len(each.result.off_npu),
            "warnings": ";".join(sorted({notice.code for notice in each.result.warnings})),
            "baseline": each.base and _said(each.base), "latency_times_less": each.latency_times,
            "dram_times_less": each.dram_times, "macs_times_less": each.macs_times,
            "params_times_less": each.params_times, "error": "",
        })  # fmt: skip
    for failed in found.failed:
        names: dict[str, Any] = dict.fromkeys(made[0]) if made else {}
        place = failed.place
        said = {"model": place.model, "profile": place.profile, "size": place.size, "error": failed.why}
        made.append(names | said)
    return made


def _said(place: Place) -> str:
    return clean(" ".join(filter(None, (place.model, place.profile, place.size))))


def plain(found: Comparison) -> dict[str, Any]:
    """The same in plain values."""
    first = found.rows[0].result if found.rows else None
    return {
        "baseline": found.baseline, "options": msgspec.to_builtins(first.options) if first else None,
        "rows": rows(found),
    }  # fmt: skip


# --- the paper's claims


def claims_page(found: tuple[Checked, ...]) -> Iterator[Block]:
    """A row a claim with the verdict; below, the formula of each and where it stands."""
    yield Heading("The ratios that the paper on SESR and an article on it claim, recomputed")
    columns = (
        Column("claim", least=20), Column("stated", right=True), Column("by printed", "figures", right=True, rank=1),
        Column("npusim", right=True), Column("verdict"),
    )  # fmt: skip
    yield Table(columns, tuple(_claim(each) for each in found))
    held = sum(1 for each in found if each.holds)
    open_ = sum(1 for each in found if each.value is None)
    yield Lines((
        f"{held} of {len(found)} hold, rounded or cut to the digits stated; {len(found) - held - open_} differ; "
        f"{open_} cannot be checked.",
    ))  # fmt: skip
    yield Heading("How each is computed")
    yield Lines(tuple(_formula(each) for each in found), points=True)


def _claim(each: Checked) -> tuple[str, ...]:
    claim = each.claim
    return (
        clean(claim.claim), clean(claim.shown), NOTHING if each.printed is None else factor(each.printed),
        NOTHING if each.value is None else factor(each.value), clean(each.verdict),
    )  # fmt: skip


def _formula(each: Checked) -> str:
    claim = each.claim
    why = f" {each.why}" if each.why else ""
    said = f"{claim.claim}: {claim.formula}.{why} Stated in: {claim.source} ({claim.confidence})."
    return clean(said)


def claim_rows(found: tuple[Checked, ...]) -> list[Mapping[str, Any]]:
    """A row a claim."""
    return [_claim_row(each, each.claim) for each in found]


def _claim_row(each: Checked, claim: Claim) -> Mapping[str, Any]:
    return {
        "claim": claim.claim, "stated": claim.stated, "unit": claim.unit, "formula": claim.formula,
        "from_printed_figures": each.printed, "npusim": each.value, "verdict": each.verdict, "why": each.why,
        "source": claim.source, "confidence": claim.confidence,
    }  # fmt: skip
