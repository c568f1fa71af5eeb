"""Graph to Plan on any NPU that a profile's numbers describe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from npusim.cost import LayerCost, Pass, Plan
from npusim.counts import layer_works
from npusim.ir import DType, Graph, Notice
from npusim.options import Options
from npusim.profile import HardwareProfile
from npusim.targets.generic.evaluate import machine
from npusim.targets.generic.fronts import Fronts
from npusim.targets.generic.jobs import FallbackJob, IdleJob, NestJob
from npusim.targets.generic.lower import lower
from npusim.targets.generic.search import by_rule, by_time
from npusim.targets.generic.sections import MAX_SECTION, Chosen, Line

ASSUMPTIONS = (
    "passes run one after another; within a pass the MAC array, the vector unit, reads and writes overlap, but for the"
    " first stripe in and the last stripe out, or for all stripes of an operand that is not double buffered",
    "the halo stays in SRAM along the innermost axis that is cut, and is read again along the others",
    "partial sums are 32 bits wide, and take SRAM only where input channels are cut",
    "fused work replaces the plain way through the vector unit and moves nothing but its other operands",
    "a zero-stuffed input of a transposed convolution goes through memory where the engine cannot stuff it itself",
    "work that the NPU cannot run goes from DRAM to DRAM at the fallback's rate while the NPU waits",
)
UNPRICED_PASSTHROUGH = "the MAC array's output passes the vector unit in no time, as the profile has no price for it"


def plan(graph: Graph, profile: HardwareProfile, options: Options) -> Plan:
    """The passes of a graph.

    The planner ``best`` takes the mappings and sections of least time; in a section, tensors stay in SRAM whole, or
    parts hand each other strips. ``vendor`` does as a compiler that knows no time: in each pass it double buffers what
    it can, then moves the fewest bytes, then cuts into the fewest stripes; from the first pass on it takes the longest
    section of whole tensors that fits and cuts no pass into more stripes than it has alone. ``best`` has these choices
    among its own.

    Raises:
        EstimateError: no-plan, where no stripe of a layer fits the SRAM.
    """
    lowered = lower(graph, layer_works(graph), profile, options)
    memory = profile.sram
    free = float(memory.size_bytes - memory.reserved_bytes) if memory.size_bytes else float("inf")
    is_best = options.planner == "best"
    line = Line(lowered, Fronts(machine(profile, options), options.planner), free, as_compiler=not is_best)
    chosen = by_time(line) if is_best else by_rule(line)
    priced = "passthrough" in profile.vector_unit.step_cycles
    assumptions = ASSUMPTIONS if priced else (*ASSUMPTIONS, UNPRICED_PASSTHROUGH)
    return Plan(tuple(_passes(chosen)), tuple(_notices(line, profile, options)), assumptions)


class _Told(msgspec.Struct, frozen=True):
    """What is the same in all passes with one mapping."""

    cost: LayerCost
    mapping: Mapping[str, Any]
    sram_bytes: int
    stream_bytes: int


def _passes(mappings: Iterable[Chosen]) -> Iterator[Pass]:
    told: dict[tuple[int, int], _Told] = {}  # fronts live as long as the line, so that their identity names them
    for chosen in mappings:
        key = (id(chosen.front), chosen.row)
        if key not in told:
            costs, row = chosen.front.costs, chosen.row
            told[key] = _Told(costs.cost(row), _mapping(chosen), int(costs.sram[row]), int(costs.stream[row]))
        part, same = chosen.part, told[key]
        yield Pass(
            name=part.name, layers=part.layers, section=chosen.section, cost=same.cost, mapping=same.mapping,
            off_npu=part.off, sram_bytes=same.sram_bytes + chosen.held_bytes, weight_stream_bytes=same.stream_bytes,
        )  # fmt: skip


def _mapping(chosen: Chosen) -> dict[str, Any]:
    """The choice in plain values."""
    job, stays = chosen.part.job, chosen.stays
    if isinstance(job, FallbackJob | IdleJob):
        return {}
    found = {name: int(column[chosen.row]) for name, column in chosen.front.costs.columns.items()}
    resident = [f"input {at}" for at, stay in enumerate(stays.ins) if stay] + (["output"] if stays.outs else [])
    keeps: dict[str, Any] = {"resident": resident}
    if resident:
        keeps["resident_as"] = "strips" if chosen.in_strips else "whole tensors"
    if not isinstance(job, NestJob):
        return {"stripes": found["stripes"], "slots": found["slots"], **keeps}
    axes = ("depth", "height", "width") if job.out[0] > 1 else ("width",) if job.line else ("height", "width")
    stripe = {name: found[name] for name in (*axes, "groups", "in_channels", "out_channels")}
    return {
        "algorithm": _algorithm(job, bool(found["winograd"])), "stripe": stripe, "stripes": found["stripes"],
        "slots": {"ifm": found["slots"], "weights": found["weight_slots"], "ofm": found["slots"]},
        "loads": {"ifm": found["ifm_loads"], "weights": found["weight_loads"]},
        "stays": "weights" if found["weights_first"] else "ifm",
        "fused": [kind for kind, _ in job.vector], **keeps,
    }  # fmt: skip


def _algorithm(job: NestJob, winograd: bool) -> str:
    if winograd:
        return "winograd"
    if job.depthwise:
        return "depthwise"
    return "upsampled" if job.upsampled else "direct"


def _notices(line: Line, profile: HardwareProfile, options: Options) -> list[Notice]:
    notices = []
    native = DType.parse(profile.native_dtype)
    if DType.parse(options.dtype).bits != native.bits:
        text = f"the rates of {profile.variant} are given for {native.label} and taken to hold for {options.dtype}"
        notices.append(Notice("rate-of-native-type", text))
    if line.longest < min(MAX_SECTION, len(line.parts)):
        text = f"with {len(line.parts)} passes, sections of more than {line.longest} were not searched"
        notices.append(Notice("search-cap", text))
    if options.encode_weights:
        text = "target generic stores a weight in the profile's bits whatever its value: weights were not encoded"
        notices.append(Notice("expected-weights", text))
    return notices
