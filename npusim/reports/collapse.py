"""What ``npusim collapse`` prints: what became of which nodes, what stays and why, the cost, and the proof."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from npusim.reports.blocks import Block, Column, Facts, Heading, Lines, Table
from npusim.reports.facts import setting, title
from npusim.reports.numbers import NOTHING, counts, factor
from npusim.reports.words import clean, short, size
from npusim.transform.collapse.engine import Chain
from npusim.transform.collapse.outcome import Cost, Outcome
from npusim.transform.collapse.proof import Proof
from npusim.units import format_bytes, format_macs, format_seconds

NOISE = 1e-12  # what float64 makes of sums in another order differs from machine to machine; json has the digits
WEIGHTLESS = "weights absent: structure only, no proof on its numbers; proved with seeded weights"


def page(found: Outcome, written: str) -> Iterator[Block]:
    """The chains, what was left alone, the cost before and after, and the proof.

    Args:
        written: the file that holds the network now; empty where there is none.
    """
    yield Heading(f"{short(found.name)}: {_summary(found)}")
    frame = ", ".join(f"{short(name, 30)} {size(shape)}" for name, shape in found.frame.items())
    yield Facts((("MACs on", frame), ("written", clean(written) if written else "no: give -o FILE")))
    if found.chains:
        yield _chains(found)
    if found.left:
        yield Heading("Left alone")
        yield Lines(tuple(clean(f"{each.node}: {each.why}.") for each in found.left), points=True)
    yield from _cost(found)
    if found.proof is not None:
        yield Heading("Proof")
        yield Lines(tuple(_proof(found, found.proof)))


def plain(found: Outcome, written: str) -> dict[str, Any]:
    """The same in plain values; the estimates with their totals alone."""
    values: dict[str, Any] = msgspec.to_builtins(found)
    for side in ("before", "after"):
        made = values[side].pop("estimate")
        values[side]["totals"] = made and made["totals"]
    made = found.before.estimate
    values["profile"] = made and msgspec.to_builtins(made.profile)
    return {**values, "holds": found.holds, "written": written or None}


def _summary(found: Outcome) -> str:
    if not found.chains:
        return "nothing to collapse"
    nodes = sum(len(chain.nodes) for chain in found.chains)
    many = len(found.chains) > 1
    return f"{nodes} nodes are {len(found.chains)} convolution{'s' if many else ''} now"


def _chains(found: Outcome) -> Table:
    """A row a convolution."""
    macs = counts([chain.macs_before for chain in found.chains])
    differences = {each.name: each for each in found.proof.chains} if found.proof else {}
    columns = (
        Column("now", least=8), Column("in place of", least=12), Column("which are", least=12, rank=12),
        Column("kernel", rank=3), Column("MACs", macs.unit, right=True), Column("before", macs.unit, right=True),
        Column("params", right=True), Column("before", right=True), Column("max diff", "relative", right=True, rank=2),
    )  # fmt: skip

    def row(chain: Chain) -> tuple[str, ...]:
        away = differences[chain.goes_into].max_rel
        return (
            clean(chain.name), clean(", ".join(chain.nodes)), _kinds(chain), size(chain.kernel), macs.show(chain.macs),
            macs.show(chain.macs_before), f"{chain.params:,}", f"{chain.params_before:,}",
            NOTHING if away is None else _short(away),
        )  # fmt: skip

    return Table(columns, tuple(map(row, found.chains)))


def _kinds(chain: Chain) -> str:
    return ", ".join(f"{count} x {kind}" if count > 1 else kind for kind, count in chain.kinds.items())


def _cost(found: Outcome) -> Iterator[Block]:
    """The network before and after, a row a quantity."""
    before, after = found.before, found.after
    if before.estimate is not None:
        yield Heading(f"Before and after, {title(before.estimate).partition(' on ')[2]}")
        yield Lines(tuple(setting(before.estimate))[:2])
    else:
        yield Heading("Before and after")
    columns = (Column(""), Column("before", right=True), Column("after", right=True), Column("times less", right=True))
    yield Table(columns, tuple(_rows(before, after)))
    if found.why_not:
        yield Lines((f"No latency and DRAM traffic: {clean(found.why_not)}.",))


def _rows(before: Cost, after: Cost) -> Iterator[tuple[str, ...]]:
    yield "MACs", format_macs(before.macs), format_macs(after.macs), _ratio(before.macs, after.macs)
    yield "params", f"{before.params:,}", f"{after.params:,}", _ratio(before.params, after.params)
    if before.estimate is None or after.estimate is None:
        return
    old, new = before.estimate.totals, after.estimate.totals
    yield (
        "DRAM traffic", format_bytes(old.dram_bytes), format_bytes(new.dram_bytes),
        _ratio(old.dram_bytes, new.dram_bytes),
    )  # fmt: skip
    yield (
        "latency", format_seconds(old.latency_s), format_seconds(new.latency_s), _ratio(old.latency_s, new.latency_s)
    )  # fmt: skip


def _ratio(before: float, after: float) -> str:
    return factor(before / after) if after else NOTHING


def _proof(found: Outcome, proof: Proof) -> Iterator[str]:
    """How far the two networks are from one another, and on what."""
    drawn = ", ".join(f"{short(name, 30)} {size(shape)}" for name, shape in proof.inputs.items())
    ways = "Both networks" if proof.whole else "Each chain, before and after,"
    yield f"{ways} ran in float64 on random input ({drawn}; seed {found.seed})."
    if not proof.whole:
        yield f"Not the whole network: {clean(proof.why)}."
    if found.weightless:
        yield f"{WEIGHTLESS[0].upper()}{WEIGHTLESS[1:]}."
    compared = proof.outputs if proof.whole else proof.chains
    yield f"Maximum difference of the outputs: {_most([(each.max_abs, each.max_rel) for each in compared])}."
    rounded = _most([(each.max_abs, each.max_rel) for each in proof.stored])
    yield f"With the new weights rounded as they are stored: {rounded}."
    yield "They compute the same." if proof.holds else "THEY DO NOT COMPUTE THE SAME; nothing was written."


def _most(differences: Sequence[tuple[float | None, float | None]]) -> str:
    """The largest, absolute and as a share of the largest element."""
    if any(absolute is None for absolute, _ in differences):
        return "not to be measured, as one of them is no number"
    absolute, relative = (max((pair[at] or 0.0 for pair in differences), default=0.0) for at in (0, 1))
    if max(absolute, relative) < NOISE:
        return f"below {NOISE:.0g}"
    return f"{absolute:.1g}, {relative:.1g} of the largest element"


def _short(away: float) -> str:
    return f"<{NOISE:.0g}" if away < NOISE else f"{away:.1g}"
