"""Why a network takes as long as it does, and what would make it faster."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import msgspec

from npusim.errors import InputError
from npusim.estimate import estimate
from npusim.explain.reasons import CONVERSION, reasons
from npusim.explain.trials import Advice, advice
from npusim.ir import Graph
from npusim.profile import HardwareProfile
from npusim.profiles.load import load
from npusim.result import Estimate, LayerResult
from npusim.units import format_seconds, format_share

__all__ = ["Advice", "Explanation", "Finding", "explain", "owners"]

MOST = 5  # layers that are explained unless one is asked for
ENOUGH = 0.9  # of the time: what is left needs no sentence
LONGEST = 60  # letters of a layer's name in the summary
TOLD = 3  # reasons that the summary gives
RESOURCES = {
    "mac": "the MAC array",
    "vector": "the vector unit",
    "dma": "DRAM traffic",
    "dma_read": "reading from DRAM",
    "dma_write": "writing to DRAM",
    "dma_read_serial": "reads that nothing overlaps",
    "dma_write_serial": "writes that nothing overlaps",
    "fallback": "the fallback processor",
}


class Finding(msgspec.Struct, frozen=True):
    """A layer with the passes that serve it.

    Attributes:
        kernel: of the pass that does its work; empty where it has none.
        share: of the whole time, 0 to 1.
        bound_by: the resource that limits the pass which takes longest.
        bounds: cycles by resource, added over the passes.
        reasons: clauses without a full stop, those that say most first.
    """

    layer: str
    op: str
    kernel: tuple[int, ...]
    rows: tuple[LayerResult, ...]
    cycles: float
    latency_s: float
    share: float
    bound_by: str
    bounds: Mapping[str, float]
    reasons: tuple[str, ...]


class Explanation(msgspec.Struct, frozen=True):
    summary: str
    findings: tuple[Finding, ...]
    advice: tuple[Advice, ...]
    rest: int  # layers that take time and are not explained
    rest_share: float
    result: Estimate


def explain(
    graph: Graph,
    profile: str = "ethos-n78",
    *,
    variant: str | None = None,
    overrides: Mapping[str, str] | None = None,
    layer: str | None = None,
    **options: Any,
) -> Explanation:
    """Estimates the graph, says what takes the time and why, and tries what could make it faster.

    Args:
        profile, variant, overrides: as of ``profiles.load.load``.
        layer: explain this one alone; the layers that take most of the time when left out.
        options: of ``estimate``.

    Raises:
        InputError: unknown-layer, and what ``estimate`` raises.
    """
    hardware = load(profile, variant, dict(overrides or {}))
    result = estimate(graph, hardware, **options)
    found = _findings(result, hardware)
    timed = [each for each in found if each.cycles]
    wanted = _slowest(timed) if layer is None else _named(found, layer, result)

    def reload(changed: Mapping[str, str]) -> HardwareProfile:
        return load(profile, variant, changed)

    shown = {each.layer for each in wanted}
    rest = [each for each in timed if each.layer not in shown]
    return Explanation(
        summary=_summary(result, wanted[:1] if layer is not None else timed[:1]),
        findings=tuple(wanted),
        advice=tuple(advice(graph, hardware, result, reload, options)),
        rest=len(rest),
        rest_share=sum(each.share for each in rest),
        result=result,
    )


def _slowest(timed: Sequence[Finding]) -> list[Finding]:
    wanted: list[Finding] = []
    for each in timed:
        if len(wanted) == MOST or sum(one.share for one in wanted) >= ENOUGH:
            break
        wanted.append(each)
    return wanted


def _named(found: Sequence[Finding], layer: str, result: Estimate) -> list[Finding]:
    """The layer of that name, or the one whose pass runs it; InputError (unknown-layer) with the nearest names."""
    named = [each for each in found if layer in _names(each)]
    if named:
        return named
    for unknown in result.unsupported:
        if unknown.name == layer:
            raise InputError(
                "its operator is not costed, so nothing is known of its time", code="unknown-op", where=layer
            )
    known = [name for each in found for name in sorted(_names(each))]
    near = get_close_matches(layer, known, n=3) or [each.layer for each in found[:MOST]]
    raise InputError(f"no layer is called {layer!r}", code="unknown-layer", fix=f"there are {', '.join(near)}")


def _names(found: Finding) -> set[str]:
    return {found.layer, *(name for row in found.rows for name in (row.name, *row.fused))}


def owners(rows: Iterable[LayerResult]) -> list[str]:
    """For each pass the layer that it serves: its own, or of a conversion the one whose name its name begins with.

    A layer in several passes is accounted for in one of them, whose name may have a suffix itself.
    """
    found = list(rows)
    layers = {row.name for row in found if row.op != CONVERSION}
    stems = {name[:at]: name for name in sorted(layers, reverse=True) for at in _ends(name)}
    return [row.name if row.op != CONVERSION else _owner(row.name, layers, stems) for row in found]


def _owner(name: str, layers: set[str], stems: Mapping[str, str]) -> str:
    """The longest layer name that ends where a suffix of the conversion's begins, or the other way round.

    Its own name where there is none.
    """
    return next((name[:at] for at in reversed(_ends(name)) if name[:at] in layers), stems.get(name, name))


def _ends(name: str) -> list[int]:
    """Where a suffix may begin."""
    return [at for at, letter in enumerate(name) if letter in " ."]


def _findings(result: Estimate, hardware: HardwareProfile) -> list[Finding]:
    """Every layer, the slowest first."""
    groups: dict[str, list[LayerResult]] = {}
    for row, owner in zip(result.layers, owners(result.layers), strict=True):
        groups.setdefault(owner, []).append(row)
    found = [_finding(name, rows, result, hardware) for name, rows in groups.items()]
    return sorted(found, key=lambda each: -each.cycles)


def _finding(name: str, rows: Sequence[LayerResult], result: Estimate, hardware: HardwareProfile) -> Finding:
    main = next((row for row in rows if row.op != CONVERSION), rows[0])
    slowest = max(rows, key=lambda row: row.cycles)
    cycles = float(sum(row.cycles for row in rows))
    bounds: dict[str, float] = {}
    for row in rows:
        for resource, count in row.bounds.items():
            bounds[resource] = bounds.get(resource, 0.0) + count
    total = result.totals.cycles
    return Finding(
        layer=name, op=main.op, kernel=main.kernel if "Conv" in main.op else (), rows=tuple(rows), cycles=cycles,
        latency_s=cycles / hardware.clock_hz, share=cycles / total if total else 0.0, bound_by=slowest.bound_by,
        bounds=bounds, reasons=tuple(reasons(main, rows, hardware, result.options.level)) if cycles else (),
    )  # fmt: skip


def _summary(result: Estimate, top: Sequence[Finding]) -> str:
    """One sentence: the layer that takes most of the time, or that was asked for; what limits it, and why."""
    if not result.totals.cycles:
        return f"{result.model.name} takes no time on {result.profile.variant}: nothing in it is costed."
    (each,) = top
    name = each.layer if len(each.layer) <= LONGEST else f"{each.layer[: LONGEST // 2]}...{each.layer[-LONGEST // 2 :]}"
    kernel = "x".join(map(str, each.kernel))
    what = f"{name} ({f'{each.op} {kernel}'.strip()})"
    if not each.cycles:
        return f"{what} takes no time: it costs nothing on this profile."
    why = f": {'; '.join(each.reasons[:TOLD])}" if each.reasons else ""
    return (
        f"{what} takes {format_seconds(each.latency_s)} of {format_seconds(result.latency_s)} "
        f"({format_share(each.share)}) and is limited by {RESOURCES.get(each.bound_by, each.bound_by)}{why}."
    )
