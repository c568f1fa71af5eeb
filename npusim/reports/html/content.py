"""What the page says, section by section, as plain values for the template."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from npusim.reports import Look, facts
from npusim.reports.blocks import Block
from npusim.reports.html import bars, trust
from npusim.reports.html.comparison import comparison
from npusim.reports.html.diagram import MOST, diagram
from npusim.reports.html.network import network
from npusim.reports.html.palette import css_class, ordered
from npusim.reports.html.roofline import roofline
from npusim.reports.html.rows import FIRST, listing
from npusim.reports.html.timeline import overview, timeline
from npusim.reports.numbers import factor
from npusim.reports.words import clean, short, size
from npusim.result import Estimate
from npusim.units import format_bytes, format_capacity, format_count, format_macs, format_seconds


class Tile(msgspec.Struct, frozen=True):
    """A figure: what it is, its value, and a sentence to it."""

    name: str
    value: str
    said: str


class Key(msgspec.Struct, frozen=True):
    """An entry of the legend: a resource by its class and its name."""

    css: str
    name: str
    resource: str


def content(result: Estimate, look: Look) -> dict[str, Any]:
    """The values of the template."""
    net = network(result)
    drawn = len(net.nodes) <= MOST
    limits = {row.bound_by for row in result.layers if row.cycles}
    return {
        "title": facts.title(result),
        "headline": headline(result),
        "limits": facts.limits(result),
        "setting": list(facts.setting(result)),
        "tiles": list(_tiles(result)),
        "legend": [Key(css_class(name), clean(facts.resource(name)), name) for name in ordered(limits)],
        "limit_bars": bars.limits(result),
        "alarms": list(alarms(result)),
        "warnings": list(facts.warnings(result)),
        "off_npu": list(facts.off_npu(result)),
        "not_costed": list(facts.not_costed(result)),
        "totals": [(name, value) for name, value in facts.totals(result)],
        "slowest": bars.slowest(result),
        "timeline": timeline(result),
        "diagram": diagram(result, net) if drawn and net.nodes else None,
        "overview": overview(result) if not drawn and result.layers else None,
        "diagram_note": _diagram_note(len(net.nodes), drawn, net.named),
        "unknown": any(node.kind == "unknown" for node in net.nodes),
        "first": FIRST,
        "listing": listing(result, look.top),
        "footnotes": list(facts.footnotes(result)),
        "top": look.top if look.top is not None and look.top < len(result.layers) else None,
        "count": len(result.layers),
        "roofline": roofline(result),
        "sections": _sections(result, look),
        "confidence": list(trust.confidence(result)),
        "assumptions": [clean(each) for each in result.profile.assumptions],
        "command": clean(result.command),
        "provenance": list(_provenance(result)),
        "resources": json.dumps(facts.RESOURCES),
    }


def _sections(result: Estimate, look: Look) -> dict[str, list[Block]]:
    """What was asked for besides, by its heading."""
    beside = {"Comparison": list(comparison(result, look.against))} if look.against else {}
    return beside | {title: list(blocks) for title, blocks in look.sections.items()}


def headline(result: Estimate) -> str:
    """The answer: how long a frame takes."""
    sums = result.totals
    if not sums.latency_s or sums.fps is None:
        return "Nothing takes time"
    least, most = ("at least ", "at most ") if sums.lower_bound else ("", "")
    return f"{least}{format_seconds(sums.latency_s)} an inference, {most}{factor(sums.fps)} frames/s"


def _tiles(result: Estimate) -> Iterator[Tile]:
    sums = result.totals
    least, most = ("at least ", "at most ") if sums.lower_bound else ("", "")
    yield Tile("Latency", f"{least}{format_seconds(sums.latency_s)}", f"{format_count(round(sums.cycles))} cycles")
    rate = f"{most}{factor(sums.fps)}" if sums.fps is not None else "none"
    ideal = f"{factor(sums.theoretical_fps)} with a full MAC array and no memory" if sums.theoretical_fps else "no MACs"
    yield Tile("Frames a second", rate, ideal)
    yield Tile("Lower bound", format_seconds(sums.roofline_latency_s), _roofline_said(result))
    yield Tile("MACs", f"{least}{format_macs(sums.macs)}", _dense_said(result))
    traffic = f"{format_bytes(sums.dram_read_bytes)} read, {format_bytes(sums.dram_write_bytes)} written"
    yield Tile("DRAM traffic", f"{least}{format_bytes(sums.dram_bytes)}", traffic)
    weights = f"{format_bytes(sums.weight_stream_bytes)} as the NPU reads them"
    yield Tile("Parameters", format_macs(sums.params), weights)
    used = "n/a" if sums.utilisation is None else f"{sums.utilisation * 100:.1f} %"
    yield Tile("Utilisation", used, f"of {result.profile.macs_per_cycle} MAC/cycle")
    yield Tile("Peak SRAM", format_bytes(sums.peak_sram_bytes), f"of {format_capacity(result.profile.sram_bytes)}")


def _roofline_said(result: Estimate) -> str:
    sums = result.totals
    if not sums.roofline_latency_s or not sums.latency_s:
        return "the roofline"
    by = clean(facts.resource(sums.roofline_bound_by))
    return f"roofline, bound by {by}; the estimate is {sums.latency_s / sums.roofline_latency_s:.2f} times that"


def _dense_said(result: Estimate) -> str:
    sums = result.totals
    if sums.macs_dense == sums.macs:
        return f"{format_count(sums.macs)} in all"
    return f"{format_macs(sums.macs_dense)} with transposed convolutions counted at the output"


def alarms(result: Estimate) -> Iterator[str]:
    """What must be known before any number is used."""
    if result.totals.lower_bound:
        count = len(result.unsupported)
        layers = "1 layer has an operator" if count == 1 else f"{count} layers have an operator"
        yield f"All totals are lower bounds: {layers} that npusim does not know, and none of that is counted."
    if not result.totals.cycles:
        yield "No layer of this network takes any time on this profile."


def _diagram_note(nodes: int, drawn: bool, named: bool) -> str:
    if not drawn:
        return f"A diagram of {nodes} boxes would show nothing: the passes in the order they run, all of one width."
    if not named:
        return "The saved result does not name the tensors between its layers: they are drawn in the order they run."
    return "Read the lines as a text. Length of the bar in a box: its time. A box leads to its row in the table."


def _provenance(result: Estimate) -> Iterator[tuple[str, str]]:
    options = result.options
    yield "npusim", f"{clean(result.npusim)}, schema {result.schema}"
    yield "network", clean(result.model.name)
    if result.model.sha256:
        yield "its SHA-256", clean(result.model.sha256)
    yield "profile", clean(f"{result.profile.name} {result.profile.variant} ({result.profile.vendor})")
    for key, value in result.profile.overrides.items():
        yield f"set {short(key)}", clean(value)
    scales = {True: "equal", False: "own", None: "as in the graph"}[options.equal_scales]
    yield (
        "options",
        f"level {options.level}, {options.dtype}, planner {options.planner}, activation compression "
        f"{options.activation_compression:g}, scales {scales}, as vendor {'yes' if options.as_vendor else 'no'}, "
        f"weights {'encoded' if options.encode_weights else 'not read'}",
    )
    for kind, tensors in (("input", result.model.inputs), ("output", result.model.outputs)):
        for name, shape in tensors.items():
            yield f"{kind} {short(name, 40)}", size(shape)
