"""The entry point of the target: a graph on an Ethos-N as a Plan."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from typing import Any

from npusim.cost import LayerCost, Pass, Plan
from npusim.counts import LayerWork, layer_works
from npusim.errors import InputError
from npusim.ir import DType, Graph
from npusim.options import Options
from npusim.profile import HardwareProfile
from npusim.targets.ethos_n.best_planner import BestPlanner
from npusim.targets.ethos_n.describe import mapping_of, sram_bytes, stream_bytes
from npusim.targets.ethos_n.hardware import machine
from npusim.targets.ethos_n.lower import Lowered, lower
from npusim.targets.ethos_n.machine import Machine
from npusim.targets.ethos_n.outside import off_npu_cost
from npusim.targets.ethos_n.parts import Kind
from npusim.targets.ethos_n.passes import Rules
from npusim.targets.ethos_n.planner import Planned, VendorPlanner
from npusim.targets.ethos_n.settle import Settled

ELEMENT_BITS = 8  # of every activation and weight (MODEL.md, its first lines)


def plan(graph: Graph, profile: HardwareProfile, options: Options) -> Plan:
    """How the graph runs.

    Raises:
        InputError: bad-option, where the element type has no 8 bits; bad-profile, where ``[ethos_n]`` does not fit.
        EstimateError: no-plan, where some part fits the SRAM in no way.
    """
    dtype = DType.parse(options.dtype)
    if dtype.bits != ELEMENT_BITS or dtype.is_float:
        raise InputError(
            f"an Ethos-N runs int8 and uint8, not {dtype.label}", code="bad-option", fix="leave --dtype out"
        )
    works = layer_works(graph)
    hardware = machine(profile)
    lowered = lower(graph, works, hardware, options)
    rules = Rules(options.activation_compression, options.as_vendor)
    planned = _planner(hardware, rules, options.planner).plan(lowered.line)
    passes = _Passes(graph, works, profile, options, hardware, lowered, planned).all()
    return Plan(tuple(passes), (*lowered.notices, *planned.notices), _assumptions(options))


# --- what is taken for granted ----------------------------------------------------------------------------------------

ALWAYS = (
    "passes run one after another; within a pass the engines, reads and writes overlap, but for the first stripe in and"
    " the last stripe out, or for all stripes of an operand that is not double buffered",
)
OWN = (
    "a fully connected layer runs at the MAC array's peak at most, and a tensor that is stored twice is written twice",
    "work that the NPU cannot run goes from DRAM to DRAM at the fallback's rate while the NPU waits",
)
AS_VENDOR = (
    "as in the vendor's estimator, work that the NPU cannot run and multiplications of maps are free, fully connected"
    " layers exceed the MAC array's peak, and of a tensor that is stored twice the last store counts",
)
BEST = "a section's buffers fit the SRAM where their sum does at all times, wherever they lie in it"


def _assumptions(options: Options) -> tuple[str, ...]:
    found = (*ALWAYS, *(AS_VENDOR if options.as_vendor else OWN))
    return (*found, BEST) if options.planner == "best" else found


# --- planners that remember -------------------------------------------------------------------------------------------

REMEMBERED = 4  # planners whose searches are kept for the next estimate, the latest used
_planners: OrderedDict[str, VendorPlanner | BestPlanner] = OrderedDict()


def _planner(hardware: Machine, rules: Rules, kind: str) -> VendorPlanner | BestPlanner:
    """The planner of that machine and those rules: what it found for a part holds for any network."""
    key = repr((hardware, rules, kind))
    found = _planners.pop(key, None)
    if found is None or found.is_full:
        found = BestPlanner(hardware, rules) if kind == "best" else VendorPlanner(hardware, rules)
    _planners[key] = found
    while len(_planners) > REMEMBERED:
        _planners.popitem(last=False)
    return found


# --- passes -----------------------------------------------------------------------------------------------------------


class _Passes:
    """Settled passes as the result shows them."""

    def __init__(
        self, graph: Graph, works: Sequence[LayerWork], profile: HardwareProfile, options: Options, hardware: Machine,
        lowered: Lowered, planned: Planned,
    ) -> None:  # fmt: skip
        self.graph, self.profile, self.options, self.machine = graph, profile, options, hardware
        self.line, self.unowned, self.planned = lowered.line, lowered.unowned, planned
        self.works = {each.layer.name: each for each in works}
        self.names: dict[str, int] = {}
        self.mappings: dict[Hashable, dict[str, Any]] = {}

    def all(self) -> list[Pass]:
        passes = self.planned.passes
        settled: dict[int, list[Pass]] = {}
        for each, held_bytes in zip(
            passes, sram_bytes(self.line, self.planned.chosen, passes, self.machine), strict=True
        ):
            settled.setdefault(each.after, []).append(self._pass(each, held_bytes))
        found = []
        for placed in self.line.parts:
            if placed.part.kind is Kind.OFF:
                found.append(self._off(placed.number))
            found += settled.get(placed.number, ())
        return self._with_leftovers(found)

    def _pass(self, each: Settled, held_bytes: int) -> Pass:
        repeat = self.line.parts[each.after].repeat
        bounds = {name: cycles * repeat for name, cycles in each.bounds.items()}
        traffic = {
            ("dram", "ifm"): each.ifm_bytes * repeat, ("dram", "weights"): each.weight_bytes * repeat,
            ("dram", "ofm"): each.ofm_bytes * repeat,
        }  # fmt: skip
        cost = LayerCost(bounds, traffic)
        main = self.line.parts[each.numbers[0]] if each.numbers else self.line.parts[each.after]
        name = self._unique(main.name if each.numbers else f"{main.name}.convert")
        layers = [layer for number in each.numbers for layer in self.line.parts[number].layers]
        chosen = self.planned.chosen
        section = chosen[each.after].section if each.numbers else len(self.line.parts) + each.after
        return Pass(
            name, tuple(layers), section, cost, self._mapping(each),
            sram_bytes=held_bytes, weight_stream_bytes=stream_bytes(chosen, each),
        )  # fmt: skip

    def _mapping(self, each: Settled) -> dict[str, Any]:
        """What was chosen, in plain values; equal passes share theirs."""
        chosen = [(self.line.parts[number].part, self.planned.chosen[number].plans) for number in each.numbers]
        key = (*((part, plans.data.tobytes()) for part, plans in chosen if plans is not None), each.reads, each.writes)
        if key not in self.mappings:
            self.mappings[key] = mapping_of(self.line, self.planned.chosen, each, self.machine)
        return self.mappings[key]

    def _off(self, number: int) -> Pass:
        """Work beside the hardware; the vendor's estimator counts it as nothing."""
        placed = self.line.parts[number]
        cost = LayerCost({})
        if placed.layers and not self.options.as_vendor:
            cost = off_npu_cost(self.graph, self.works[placed.layers[0]], self.profile, DType.parse(self.options.dtype))
        section = self.planned.chosen[number].section
        return Pass(self._unique(placed.name), placed.layers, section, cost, off_npu=placed.part.why)

    def _with_leftovers(self, found: list[Pass]) -> list[Pass]:
        """Layers that cost nothing and belong to no operation: views of the network's inputs, and views that only
        outputs follow."""
        owned = {layer for each in found for layer in each.layers}
        late = [layer for placed in self.line.parts for layer in placed.layers if layer not in owned]
        section = 2 * len(self.line.parts)
        return found + [
            Pass(self._unique(layer), (layer,), section + at, LayerCost({}))
            for at, layer in enumerate((*self.unowned, *late))
        ]

    def _unique(self, name: str) -> str:
        count = self.names.get(name, 0)
        self.names[name] = count + 1
        return f"{name}#{count + 1}" if count else name
