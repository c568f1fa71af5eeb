"""What a result says besides its layers: which run it is, totals, limits in a sentence, what is not in the sums."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from npusim.reports.numbers import NOTHING, factor
from npusim.reports.words import clean, short, size
from npusim.result import Estimate, OptionsInfo
from npusim.units import (
    format_bytes,
    format_capacity,
    format_count,
    format_hz,
    format_macs,
    format_rate,
    format_seconds,
    format_share,
)

# Resources in words; one that is not here is printed by its own name.
RESOURCES = {
    "mac": "MAC array", "vector": "vector unit", "dma": "DRAM", "dma_read": "DRAM read", "dma_write": "DRAM write",
    "dma_read_serial": "serial read", "dma_write_serial": "serial write",
    "fallback": "fallback",
}  # fmt: skip
OPERANDS = {"ifm": "IFM", "ofm": "OFM", "weights": "weights"}
# What tensors share a quantisation, by the option that says so.
SCALES = {True: "equal scales", False: "own scales", None: "scales as in the graph"}


def resource(name: str) -> str:
    return RESOURCES.get(name, name.replace("_", " "))


def title(result: Estimate) -> str:
    return f"{short(result.model.name)} on {short(result.profile.name)} {short(result.profile.variant)}".rstrip()


def setting(result: Estimate) -> Iterator[str]:
    """The hardware, the options and the tensors, in a sentence each."""
    hardware = result.profile
    read, write = (
        format_rate(rate, "B/cycle")
        for rate in (hardware.dram_read_bytes_per_cycle, hardware.dram_write_bytes_per_cycle)
    )
    yield (
        f"{format_hz(hardware.clock_hz)}, {hardware.macs_per_cycle} MAC/cycle, "
        f"{format_capacity(hardware.sram_bytes)} SRAM, DRAM {read} read and {write} write"
    )
    yield options(result.options)
    if hardware.overrides:
        yield "set: " + ", ".join(f"{short(key)}={short(value)}" for key, value in hardware.overrides.items())
    yield f"{_tensors('input', result.model.inputs.items())}; {_tensors('output', result.model.outputs.items())}"


def options(made: OptionsInfo) -> str:
    """How an estimate was made, in one sentence."""
    vendor = ", costed as the vendor does" if made.as_vendor else ""
    weights = ", weights encoded" if made.encode_weights else ""
    return (
        f"level {made.level}, {made.dtype}, planner {made.planner}, activation compression "
        f"{format_share(made.activation_compression)}, {SCALES[made.equal_scales]}{vendor}{weights}"
    )


def _tensors(kind: str, tensors: Iterable[tuple[str, Sequence[int]]], most: int = 4) -> str:
    named = [f"{short(name, 30)} {size(shape)}" for name, shape in tensors]
    more = f" and {len(named) - most} more" if len(named) > most else ""
    return f"{kind}: {', '.join(named[:most])}{more}" if named else f"no {kind}"


def totals(result: Estimate) -> Iterator[tuple[str, str]]:
    """The sums of one inference: a name and a value with its unit."""
    sums = result.totals
    least = "at least " if sums.lower_bound else ""
    most = "at most " if sums.lower_bound else ""
    yield "latency", f"{least}{format_seconds(sums.latency_s)} ({format_count(round(sums.cycles))} cycles)"
    yield "fps", f"{most}{factor(sums.fps)} frames/s" if sums.fps is not None else f"{NOTHING}: nothing takes time"
    yield (
        "roofline",
        f"{least}{format_seconds(sums.roofline_latency_s)}, bound by {_bound(sums.roofline_bound_by)}"
        f"{_distance(result)}",
    )
    yield (
        "theoretical fps",
        f"{most}{factor(sums.theoretical_fps)} frames/s: dense MACs, 100 % utilisation, no memory"
        if sums.theoretical_fps
        else NOTHING,
    )
    yield "MACs", f"{least}{format_macs(sums.macs)} ({format_count(sums.macs)})"
    if sums.macs_dense != sums.macs:
        yield (
            "dense MACs",
            f"{least}{format_macs(sums.macs_dense)} ({format_count(sums.macs_dense)}), "
            "transposed convolutions counted at the output",
        )
    yield "utilisation", f"{_percent(sums.utilisation)} of the MAC array"
    yield "ops", f"{least}{format_count(sums.ops)} element-wise, pooling and reduction operations"
    yield "params", format_count(sums.params)
    yield (
        "weights",
        f"{format_bytes(sums.weight_bytes)} in the file, "
        f"{format_bytes(sums.weight_stream_bytes)} as the NPU reads them",
    )
    by_operand = ", ".join(
        f"{OPERANDS.get(name, name)} {format_bytes(count)}" for name, count in sums.dram_bytes_by_operand.items()
    )
    yield "DRAM traffic", f"{least}{format_bytes(sums.dram_bytes)}: {by_operand}"
    yield "", f"read {format_bytes(sums.dram_read_bytes)}, written {format_bytes(sums.dram_write_bytes)}"
    yield "peak SRAM", f"{format_bytes(sums.peak_sram_bytes)} of {format_bytes(result.profile.sram_bytes)}"


def _percent(share: float | None) -> str:
    return NOTHING if share is None else f"{share * 100:.1f} %"


def _bound(name: str) -> str:
    return clean(resource(name))


def _distance(result: Estimate) -> str:
    sums = result.totals
    if not sums.roofline_latency_s or not sums.latency_s:
        return ""
    return f"; the estimate is {sums.latency_s / sums.roofline_latency_s:.2f} times that"


def limits(result: Estimate) -> str:
    """What the time goes to, in one sentence."""
    cycles = sum(result.totals.cycles_by_bound.values())
    if not cycles:
        return "Nothing takes time on this profile, so nothing limits it."
    parts = sorted(result.totals.cycles_by_bound.items(), key=lambda pair: -pair[1])
    said = [f"{_bound(name)} for {format_share(part / cycles)}" for name, part in parts]
    said[0] += " of the time"
    joined = said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"
    return f"Limits: {joined}."


def not_costed(result: Estimate) -> Iterator[str]:
    """Operators that npusim does not know: one sentence a type, none of them in the sums."""
    for op, names, why in _by_op((row.op, row.name, row.why) for row in result.unsupported):
        yield f"{_count(op, names)} not costed: {why}"


def off_npu(result: Estimate) -> Iterator[str]:
    """What the hardware cannot run as such: one sentence a type, with its time, which is in the sums."""
    clock_hz, total = result.profile.clock_hz, result.totals.cycles
    for op, names, why in _by_op((row.op, row.name, row.why) for row in result.off_npu):
        cycles = sum(row.cycles for row in result.off_npu if row.op == op and row.why == why)
        time = format_seconds(cycles / clock_hz) if clock_hz else NOTHING
        share = format_share(cycles / total) if total else NOTHING
        yield f"{_count(op, names)} {time}, {share} of the time: {why}"


def _by_op(rows: Iterable[tuple[str, str, str]]) -> Iterator[tuple[str, list[str], str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for op, name, why in rows:
        found.setdefault((op, why), []).append(name)
    for (op, why), names in found.items():
        yield op, names, clean(why)


def _count(op: str, names: Sequence[str]) -> str:
    more = ", ..." if len(names) > 2 else ""
    return f"{len(names)} x {short(op)} ({', '.join(short(name, 24) for name in names[:2])}{more})"


def warnings(result: Estimate) -> Iterator[str]:
    """The warnings, one a code and sentence, with how many there are where there are more than three of a code."""
    found: dict[str, list[str]] = {}
    for each in result.warnings:
        found.setdefault(each.code, []).append(each.message)
    for code, messages in found.items():
        different = list(dict.fromkeys(messages))
        for message in different[:3]:
            yield f"[{clean(code)}] {clean(message)}"
        if len(different) > 3:
            yield f"[{clean(code)}] and {len(different) - 3} more of this kind"


def footnotes(result: Estimate) -> Iterator[str]:
    """What a reader could stumble over in the numbers."""
    shares = [result.totals.utilisation, *(row.utilisation for row in result.layers)]
    if any((share or 0) > 1 for share in shares):
        yield (
            "Utilisation above 100 %: it counts the direct algorithm's MACs, "
            "and a fast convolution (Winograd) needs fewer."
        )
    if result.totals.macs_dense != result.totals.macs:
        yield "Utilisation and the theoretical fps take the dense MACs."
    if any(row.fused for row in result.layers):
        yield "+N after an operator: N more layers run in the same pass."
    if result.totals.lower_bound:
        yield "The totals are a lower bound: what is not costed is not in them."
