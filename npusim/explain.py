"""Why a network takes as long as it does, and what would make it faster: the estimate run with one thing changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from npusim.errors import EstimateError, InputError
from npusim.estimate import estimate
from npusim.ir import Graph, Layer
from npusim.profile import HardwareProfile
from npusim.profile_toml import load
from npusim.result import Estimate, LayerResult
from npusim.units import format_bytes, format_capacity, format_seconds, format_share

CONVERSION = "Conversion"  # the op of a pass that no layer of the graph stands for
MOST = 5  # layers that are explained unless one is asked for
ENOUGH = 0.9  # of the time: what is left needs no sentence
RESOURCES = {
    "mac": "the MAC array",
    "vector": "the vector unit",
    "dma_read": "reading from DRAM",
    "dma_write": "writing to DRAM",
    "dma_serial": "transfers that nothing overlaps",
    "dma_read_serial": "reads that nothing overlaps",
    "dma_write_serial": "writes that nothing overlaps",
    "fallback": "the fallback processor",
}


class Finding(msgspec.Struct, frozen=True):
    """A layer that takes time, with the passes that serve it.

    Attributes:
        share: of the whole time, 0 to 1.
        bound_by: the resource that limits the pass which takes longest.
        bounds: cycles by resource, added over the passes.
        reasons: sentences without their full stop, the most important first.
    """

    layer: str
    op: str
    rows: tuple[LayerResult, ...]
    cycles: float
    latency_s: float
    share: float
    bound_by: str
    bounds: Mapping[str, float]
    reasons: tuple[str, ...]


class Advice(msgspec.Struct, frozen=True):
    """One change and what it brings. ``gain`` is the share of the time that goes away; below 0 it takes longer."""

    change: str
    how: str
    latency_s: float
    gain: float


class Explanation(msgspec.Struct, frozen=True):
    summary: str
    findings: tuple[Finding, ...]
    advice: tuple[Advice, ...]
    rest: int  # layers that are not explained
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
        profile, variant, overrides: as of ``profile_toml.load``.
        layer: explain this one alone; the layers that take most of the time when left out.
        options: of ``estimate``.

    Raises:
        InputError: unknown-layer, and what ``estimate`` raises.
    """
    hardware = load(profile, variant, dict(overrides or {}))
    result = estimate(graph, hardware, **options)
    found = _findings(result, hardware)
    wanted = _wanted(found, layer)

    def changed(more: Mapping[str, str]) -> HardwareProfile:
        return load(profile, variant, {**(overrides or {}), **more})

    tried = _advice(graph, hardware, result, changed, options)
    return Explanation(
        summary=_summary(result, found),
        findings=tuple(wanted),
        advice=tuple(sorted(tried, key=lambda each: -each.gain)),
        rest=len(found) - len(wanted),
        rest_share=1 - sum(each.share for each in wanted) if found else 0.0,
        result=result,
    )


def _wanted(found: Sequence[Finding], layer: str | None) -> list[Finding]:
    if layer is not None:
        named = [each for each in found if layer in _names(each)]
        if not named:
            near = ", ".join(each.layer for each in found[:MOST])
            raise InputError(f"no layer is called {layer!r}", code="unknown-layer", fix=f"the slowest are {near}")
        return named
    wanted: list[Finding] = []
    for each in found:
        if len(wanted) == MOST or sum(one.share for one in wanted) >= ENOUGH:
            break
        wanted.append(each)
    return wanted


def _names(found: Finding) -> set[str]:
    return {found.layer, *(name for row in found.rows for name in (row.name, *row.fused))}


def owner(row: LayerResult) -> str:
    """The layer that a pass serves: its own, or of a conversion the one whose name it carries."""
    return row.name.rsplit(" (", 1)[0] if row.op == CONVERSION else row.name


def _findings(result: Estimate, hardware: HardwareProfile) -> list[Finding]:
    """Every layer that takes time, the slowest first."""
    groups: dict[str, list[LayerResult]] = {}
    for row in result.layers:
        if row.cycles:
            groups.setdefault(owner(row), []).append(row)
    found = [_finding(name, rows, result, hardware) for name, rows in groups.items()]
    return sorted(found, key=lambda each: -each.cycles)


def _finding(name: str, rows: Sequence[LayerResult], result: Estimate, hardware: HardwareProfile) -> Finding:
    main = next((row for row in rows if row.op != CONVERSION), rows[0])
    slowest = max(rows, key=lambda row: row.cycles)
    cycles = sum(row.cycles for row in rows)
    bounds: dict[str, float] = {}
    for row in rows:
        for resource, count in row.bounds.items():
            bounds[resource] = bounds.get(resource, 0.0) + count
    return Finding(
        name, main.op, tuple(rows), cycles, cycles / hardware.clock_hz, cycles / result.totals.cycles, slowest.bound_by,
        bounds, tuple(_reasons(main, rows, slowest, hardware)),
    )  # fmt: skip


def _reasons(
    main: LayerResult, rows: Sequence[LayerResult], slowest: LayerResult, hardware: HardwareProfile
) -> Iterator[str]:
    if main.off_npu:
        yield f"the hardware cannot run it ({main.off_npu}), so it runs on the {hardware.fallback.name}"
    most = hardware.mac_array.upsample_max_kernel
    if main.op.endswith("ConvTranspose") and len(rows) > 1 and max(main.kernel) > most:
        side = "x".join(map(str, main.kernel))
        yield (
            f"its {side} kernel is larger than the {most}x{most} that the array upsamples by itself, "
            "so a zero-stuffed tensor goes through DRAM"
        )
    if main.macs_dense > main.macs:
        zeros = format_share(1 - main.macs / main.macs_dense)
        yield f"{zeros} of the products on its output grid fall on the zeros between the input's pixels"
    for row in rows:
        if row.op == CONVERSION:
            what, time = row.name[len(owner(row)) + 2 : -1], format_seconds(row.cycles / hardware.clock_hz)
            yield f"{what} takes a pass of its own: {time} and {format_bytes(row.dram_bytes)} of DRAM traffic"
    reason = _BY_RESOURCE.get(slowest.bound_by.removesuffix("_serial"))
    if reason is not None:
        yield from reason(slowest, hardware)


def _mac(row: LayerResult, hardware: HardwareProfile) -> Iterator[str]:
    array = hardware.mac_array
    if row.mapping.get("algorithm") == "winograd":
        yield "it already runs by Winograd, with fewer multiplications than the direct algorithm"
    sides = (("input", row.ifm, array.unroll_in_channels), ("output", row.ofm, array.unroll_out_channels))
    for what, shapes, unroll in sides:
        channels = shapes[0][1] // max(row.groups, 1) if shapes and len(shapes[0]) > 1 else 0
        full = -(-channels // unroll) * unroll
        if full > channels and channels < 4 * unroll:
            plural = "channels occupy" if channels > 1 else "channel occupies"
            yield f"{channels} {what} {plural} the array as {full} would"


def _vector(row: LayerResult, hardware: HardwareProfile) -> Iterator[str]:
    unit, mac = hardware.vector_unit, row.bounds.get("mac", 0.0)
    step = f"{unit.step_height}x{unit.step_width}x{unit.step_channels}"
    slower = f", {row.bounds['vector'] / mac:.1f} times as long as its multiplications take" if mac else ""
    yield f"every element passes through the vector unit in steps of {step}{slower}"


def _dma(row: LayerResult, hardware: HardwareProfile) -> Iterator[str]:
    dram = row.traffic.get("dram", {})
    largest = max(dram, key=lambda name: dram[name], default="")
    if dram.get(largest):
        name = largest if largest == "weights" else largest.upper()
        yield f"it moves {format_bytes(row.dram_bytes)}, {format_share(dram[largest] / row.dram_bytes)} of it {name}"
    writes = row.bound_by.startswith("dma_write")
    busy = row.dram_bytes / (hardware.dram_write_bytes_per_cycle if writes else hardware.dram_read_bytes_per_cycle)
    stripes = row.mapping.get("stripes")
    if stripes and busy < row.bounds.get(row.bound_by, 0.0) / 2:
        yield f"its {stripes} stripes cost more to start than their bytes take to move"


_BY_RESOURCE: Mapping[str, Callable[[LayerResult, HardwareProfile], Iterator[str]]] = {
    "mac": _mac, "vector": _vector, "dma_read": _dma, "dma_write": _dma, "dma": _dma,
}  # fmt: skip


def _summary(result: Estimate, found: Sequence[Finding]) -> str:
    """One sentence: the layer that takes most of the time, what limits it, and why."""
    if not found:
        return f"{result.model.name} takes no time on {result.profile.variant}: nothing in it is costed."
    top = found[0]
    kernel = next(("x".join(map(str, row.kernel)) for row in top.rows if row.kernel), "")
    what = f"{top.op} {kernel}".strip()
    why = f": {top.reasons[0]}" if top.reasons else ""
    more = f"; {top.reasons[1]}" if len(top.reasons) > 1 else ""
    return (
        f"{top.layer} ({what}) takes {format_seconds(top.latency_s)} of {format_seconds(result.latency_s)} "
        f"({format_share(top.share)}) and is limited by {RESOURCES.get(top.bound_by, top.bound_by)}{why}{more}."
    )


def _advice(
    graph: Graph,
    hardware: HardwareProfile,
    result: Estimate,
    reload: Callable[[Mapping[str, str]], HardwareProfile],
    options: Mapping[str, Any],
) -> Iterator[Advice]:
    if not result.totals.cycles:
        return
    for change, how, other_graph, changed, other in _trials(graph, hardware, result):
        try:
            again = estimate(other_graph, reload(changed) if changed else hardware, **{**options, **other})
        except (EstimateError, InputError):
            continue  # a change that this hardware or target does not allow is no advice
        yield Advice(change, how, again.latency_s, 1 - again.latency_s / result.latency_s)


def _trials(
    graph: Graph, hardware: HardwareProfile, result: Estimate
) -> Iterator[tuple[str, str, Graph, dict[str, str], dict[str, Any]]]:
    """What is tried: a sentence, the option that does it; the graph, the overrides and the options to do it with."""
    for change, how, overrides in _hardware_trials(hardware):
        yield change, how, graph, overrides, {}
    if result.options.planner != "best":
        yield "the best mapping instead of the compiler's", "--planner best", graph, {}, {"planner": "best"}
    if hardware.compression.available and not result.options.activation_compression:
        halved = {"activation_compression": 0.5}
        yield "half the traffic between layers saved", "--activation-compression 0.5", graph, {}, halved
    if result.options.equal_scales is not True and any(layer.op in ("Add", "Sum") for layer in graph.layers):
        change = "one quantisation for all tensors, so that additions need not rescale"
        yield change, "--equal-scales", graph, {}, {"equal_scales": True}
    if any(layer.op == "PRelu" for layer in graph.layers):
        yield "ReLU in place of PReLU", "train the network with ReLU", _with_relu(graph), {}, {}


def _with_relu(graph: Graph) -> Graph:
    layers = tuple(
        Layer(each.name, "Relu", each.inputs[:1], each.outputs, {}, each.repeat) if each.op == "PRelu" else each
        for each in graph.layers
    )
    return msgspec.structs.replace(graph, layers=layers)


def _hardware_trials(hardware: HardwareProfile) -> Iterator[tuple[str, str, dict[str, str]]]:
    macs = {"macs": str(2 * hardware.mac_array.macs_per_cycle)}
    yield "twice the MACs a cycle", _as_options(macs), macs
    prices = hardware.vector_unit.step_cycles
    steps = {f"vector_unit.step_cycles.{kind}": repr(cost / 2) for kind, cost in prices.items()}
    yield "a vector unit twice as fast", "vector_unit.step_cycles halved", steps
    sram = {"sram": format_capacity(2 * hardware.sram.size_bytes).replace(" ", "")}
    yield "twice the SRAM", _as_options(sram), sram
    dram = _doubled(hardware)
    yield "twice the DRAM bandwidth", _as_options(dram), dram


def _doubled(hardware: HardwareProfile) -> dict[str, str]:
    """The DRAM at twice its rate, by the short key where both directions have one rate."""
    dram = hardware.dram
    field, unit = ("bytes_per_cycle", "B/cycle") if dram.read_bytes_per_cycle is not None else ("bytes_per_s", "B/s")
    rates = {way: 2 * (getattr(dram, f"{way}_{field}") or 0.0) for way in ("read", "write")}
    if rates["read"] == rates["write"]:
        return {"dram": f"{rates['read']:.15g}{unit}"}
    return {f"dram.{way}_{field}": f"{rate:.15g}" for way, rate in rates.items()}


def _as_options(overrides: Mapping[str, str]) -> str:
    return " ".join(f"--set {key}={value}" for key, value in overrides.items())
