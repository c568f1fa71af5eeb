"""What could make a network faster, each change tried by running the estimate again with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from npusim.errors import NpusimError
from npusim.estimate import estimate
from npusim.ir import Graph, Layer
from npusim.profile import HardwareProfile
from npusim.result import Estimate
from npusim.units import format_capacity, format_rate, parse

Reload = Callable[[Mapping[str, str]], HardwareProfile]


class Advice(msgspec.Struct, frozen=True):
    """One change and what it brings.

    Attributes:
        how: the options that do it; for what no option does, words.
        latency_s: with the change; None where it cannot be estimated, and ``why_not`` says why.
        gain: the share of the time that goes away; below 0 it takes longer.
    """

    change: str
    how: str
    latency_s: float | None
    gain: float | None
    why_not: str = ""


class Trial(msgspec.Struct, frozen=True):
    """A change to try.

    Attributes:
        overrides: of the profile, as ``--set`` takes them.
        replaced: dotted keys of the user's own overrides that they stand in for.
        options: of ``estimate``.
        graph: the network, where the change is to it.
    """

    change: str
    how: str = ""
    overrides: Mapping[str, str] = {}
    replaced: tuple[str, ...] = ()
    options: Mapping[str, Any] = {}
    graph: Graph | None = None


def advice(
    graph: Graph, hardware: HardwareProfile, result: Estimate, reload: Reload, options: Mapping[str, Any]
) -> list[Advice]:
    """All changes, the one that brings most first, those that cannot be estimated last.

    Args:
        hardware, result, options: what the network was estimated on, with what outcome, and how.
        reload: the profile with other overrides.
    """
    if not result.totals.cycles:
        return []
    tried = [_run(trial, graph, hardware, result, reload, options) for trial in _trials(graph, hardware, result)]
    return sorted(tried, key=lambda each: (each.gain is None, -(each.gain or 0.0)))


def _run(
    trial: Trial, graph: Graph, hardware: HardwareProfile, result: Estimate, reload: Reload, options: Mapping[str, Any]
) -> Advice:
    how = trial.how or " ".join(f"--set {key}={value}" for key, value in trial.overrides.items())
    kept = {key: value for key, value in hardware.overrides.items() if key not in trial.replaced}
    try:
        changed = reload({**kept, **trial.overrides}) if trial.overrides else hardware
        again = estimate(trial.graph or graph, changed, **{**options, **trial.options})
    except NpusimError as fault:
        return Advice(trial.change, how, None, None, fault.what)
    return Advice(trial.change, how, again.latency_s, 1 - again.latency_s / result.latency_s)


def _trials(graph: Graph, hardware: HardwareProfile, result: Estimate) -> Iterator[Trial]:
    yield _macs(hardware)
    yield _vector(hardware)
    yield _sram(hardware)
    yield _bandwidth(hardware)
    chosen = result.options
    if chosen.planner != "best":
        yield Trial("the best of all mappings", "--planner best", options={"planner": "best"})
    if hardware.compression.available and not chosen.activation_compression:
        halved = {"activation_compression": 0.5}
        yield Trial("activations compressed by half", "--activation-compression 0.5", options=halved)
    if chosen.equal_scales is not True and any(layer.op in ("Add", "Sum") for layer in graph.layers):
        yield Trial("equal scales for additions", "--equal-scales", options={"equal_scales": True})
    if any(layer.op == "PRelu" for layer in graph.layers):
        yield Trial("ReLU in place of PReLU", "train the network with ReLU", graph=_with_relu(graph))


def _with_relu(graph: Graph) -> Graph:
    layers = tuple(
        Layer(each.name, "Relu", each.inputs[:1], each.outputs, {}, each.repeat) if each.op == "PRelu" else each
        for each in graph.layers
    )
    return msgspec.structs.replace(graph, layers=layers)


def _macs(hardware: HardwareProfile) -> Trial:
    """Twice the output channels at once; where the user set unrollings, they stay and the product follows."""
    array, macs, out = hardware.mac_array, "mac_array.macs_per_cycle", "mac_array.unroll_out_channels"
    if any(key.startswith("mac_array.unroll_") for key in hardware.overrides):
        doubled = {out: str(2 * array.unroll_out_channels)}
    else:
        doubled = {"macs": str(2 * array.macs_per_cycle)}
    return Trial("twice the MACs a cycle", overrides=doubled, replaced=(macs, out))


def _vector(hardware: HardwareProfile) -> Trial:
    """A step that covers twice as many columns: of what the vector unit does, every target takes the step's size."""
    key = "vector_unit.step_width"
    doubled = {key: str(2 * hardware.vector_unit.step_width)}
    return Trial("a vector unit twice as wide", overrides=doubled, replaced=(key,))


def _sram(hardware: HardwareProfile) -> Trial:
    doubled = {"sram": format_capacity(2 * hardware.sram.size_bytes).replace(" ", "")}
    return Trial("twice the SRAM", overrides=doubled, replaced=("sram.size_bytes",))


def _bandwidth(hardware: HardwareProfile) -> Trial:
    """The DRAM at twice its rate, by the short key where both directions have one rate."""
    dram, rates = hardware.dram, {}
    for way in ("read", "write"):
        per_cycle, per_s = getattr(dram, f"{way}_bytes_per_cycle"), getattr(dram, f"{way}_bytes_per_s")
        rates[way] = (
            ("bytes_per_cycle", "B/cycle", 2 * per_cycle) if per_s is None else ("bytes_per_s", "B/s", 2 * per_s)
        )
    if rates["read"] == rates["write"]:
        _, unit, rate = rates["read"]
        doubled = {"dram": _rate(rate, unit)}
    else:
        doubled = {f"dram.{way}_{field}": f"{rate:.15g}" for way, (field, _, rate) in rates.items()}
    keys = tuple(f"dram.{way}_{field}" for way in rates for field in ("bytes_per_cycle", "bytes_per_s"))
    return Trial("twice the DRAM bandwidth", overrides=doubled, replaced=keys)


def _rate(rate: float, unit: str) -> str:
    """The rate with a prefix where that is exact, as 40GB/s."""
    short = format_rate(rate, unit).replace(" ", "")
    return short if parse(short, unit)[0] == rate else f"{rate:.17g}{unit}"
