"""The whole flow on one screen: a Graph and a profile in, an Estimate out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module

from npusim import __version__
from npusim.cost import Pass, Plan, Roofline, roofline, roofline_plan
from npusim.counts import LayerWork, layer_works, weight_bytes
from npusim.errors import EstimateError, InputError
from npusim.ir import DType, Graph, Notice
from npusim.profile import HardwareProfile
from npusim.profiles.load import load
from npusim.result import (
    SCHEMA,
    Estimate,
    LayerResult,
    ModelInfo,
    OffNpu,
    OptionsInfo,
    ProfileInfo,
    Totals,
    Unsupported,
)
from npusim.targets.base import TARGETS, Options

LEVELS = ("mapped", "roofline")
PLANNERS = ("vendor", "best")
NOT_COMPUTED = (DType.BOOL, DType.COMPLEX64, DType.COMPLEX128, DType.STRING)


def estimate(
    graph: Graph,
    profile: HardwareProfile | str = "ethos-n78",
    *,
    variant: str | None = None,
    level: str = "mapped",
    dtype: str | None = None,
    activation_compression: float | None = None,
    equal_scales: bool | None = None,
    planner: str = "vendor",
    as_vendor: bool = False,
    encode_weights: bool = False,
    strict: bool = False,
) -> Estimate:
    """Estimates one inference of the graph.

    Args:
        profile: a HardwareProfile, or the name or path of one; ``variant`` then chooses one of its variants.
        level: ``roofline`` (a true lower bound) or ``mapped``.
        dtype: what the NPU runs; the profile's native type when left out.
        activation_compression: share of the traffic between layers that is saved, 0 to below 1.
        equal_scales: whether all tensors share one quantisation; as the graph's QDQ nodes say when left out.
        planner: ``vendor`` or ``best``.
        as_vendor: cost every operator as the vendor's estimator does.
        encode_weights: read the graph's weights, and size their streams by encoding them.
        strict: operators that npusim does not know are an error.

    Raises:
        InputError: bad-option, unknown-profile, unknown-variant, bad-profile.
        EstimateError: unknown-op, with ``strict``; no-plan, where the hardware has no legal mapping for a layer.
    """
    hardware = load(profile, variant) if isinstance(profile, str) else profile
    options, notices = resolved(
        hardware, level=level, dtype=dtype, activation_compression=activation_compression, equal_scales=equal_scales,
        planner=planner, as_vendor=as_vendor, encode_weights=encode_weights,
    )  # fmt: skip
    works = layer_works(graph)
    plan = _plan(graph, hardware, options)
    unknown = tuple(_unsupported(each) for each in works if each.work is None)
    if strict and unknown:
        raise EstimateError(
            f"{len(unknown)} layer(s) have an operator that npusim does not know: {_kinds(unknown)}",
            code="unknown-op",
            where=graph.name,
        )
    layers = _layers(graph, works, plan.passes, hardware)
    bound = roofline(graph, hardware, options, works)
    return Estimate(
        npusim=__version__, schema=SCHEMA,
        model=ModelInfo(graph.name, graph.sha256, _shapes(graph, graph.inputs), _shapes(graph, graph.outputs)),
        profile=_profile_info(hardware, plan),
        options=OptionsInfo(
            options.level, options.dtype, options.activation_compression, options.equal_scales, options.planner,
            options.as_vendor, options.encode_weights,
        ),
        totals=_totals(graph, works, layers, plan, hardware, bound, bool(unknown)),
        layers=layers, unsupported=unknown,
        off_npu=tuple(OffNpu(row.name, row.op, row.off_npu, row.cycles) for row in layers if row.off_npu),
        warnings=(*graph.warnings, *notices, *plan.warnings, *_loud(layers, unknown)),
    )  # fmt: skip


def resolved(
    hardware: HardwareProfile, *, level: str = "mapped", dtype: str | None = None,
    activation_compression: float | None = None, equal_scales: bool | None = None, planner: str = "vendor",
    as_vendor: bool = False, encode_weights: bool = False,
) -> tuple[Options, list[Notice]]:  # fmt: skip
    """What the options of ``estimate`` come to on that hardware, and what to say of it; InputError (bad-option)."""
    for name, value, known in (("level", level, LEVELS), ("planner", planner, PLANNERS)):
        if value not in known:
            raise InputError(f"{name} {value!r} is not one of {', '.join(known)}", code="bad-option")
    saving = activation_compression
    if saving is None:
        saving = hardware.compression.default_saving
    if not 0 <= saving < 1:
        raise InputError(f"activation compression {saving} is not a share from 0 to below 1", code="bad-option")
    notices = []
    if saving and not hardware.compression.available:
        saving = 0.0
        said = f"{hardware.variant} does not compress activations: the saving has no effect"
        notices.append(Notice("no-compression", said))
    if planner == "vendor" and not hardware.plannable:
        planner = "best"
        notices.append(Notice("planner", f"the vendor's planner does not handle {hardware.variant}: planned with best"))
    chosen = DType.parse(dtype or hardware.native_dtype)
    if chosen in NOT_COMPUTED:
        raise InputError(f"an NPU does not compute in {chosen.label}", code="bad-option", fix="take int8, for example")
    return Options(chosen.label, saving, equal_scales, planner, as_vendor, level, encode_weights), notices


def _plan(graph: Graph, hardware: HardwareProfile, options: Options) -> Plan:
    if options.level == "roofline":
        return roofline_plan(graph, hardware, options)
    import_module(f"npusim.targets.{hardware.target}")  # a family is loaded when a profile names it
    return TARGETS.find(hardware.target)(graph, hardware, options)


def _layers(
    graph: Graph, works: Sequence[LayerWork], passes: Sequence[Pass], hardware: HardwareProfile
) -> tuple[LayerResult, ...]:
    by_name = {each.layer.name: each for each in works}
    counted: set[str] = set()  # a constant that several layers share is a parameter of the first alone
    rows = []
    for each in passes:
        owned = [by_name[name] for name in each.layers]
        new = {name for work in owned for name in work.params} - counted
        counted |= new
        rows.append(_layer(each, owned, sum(graph.tensors[name].elements for name in new), hardware))
    return tuple(rows)


def _layer(each: Pass, owned: Sequence[LayerWork], params: int, hardware: HardwareProfile) -> LayerResult:
    main = next((work for work in owned if work.work and work.work.nests), owned[0] if owned else None)
    nest = main.work.nests[0] if main and main.work and main.work.nests else None
    macs = dense = ops = 0
    for work in owned:
        macs, dense, ops = macs + work.macs, dense + work.macs_dense, ops + work.ops
    cycles = each.cost.cycles
    return LayerResult(
        name=each.name, op=main.layer.op if main else "Conversion",
        ifm=tuple(t.shape for t in main.call.ins if t is not None and not t.is_constant) if main else (),
        ofm=tuple(t.shape for t in owned[-1].call.outs) if owned else (),
        kernel=nest.kernel if nest else (), stride=nest.stride if nest else (), groups=nest.groups if nest else 1,
        macs=macs, macs_dense=dense, ops=ops, params=params,
        section=each.section, cycles=cycles, bounds=dict(each.cost.bounds), bound_by=each.cost.bound_by,
        utilisation=dense / hardware.mac_array.macs_per_cycle / cycles if cycles else None,
        traffic=_by_level(each.cost.traffic), mapping=each.mapping,
        fused=tuple(work.layer.name for work in owned if work is not main), off_npu=each.off_npu,
        sram_bytes=each.sram_bytes, reads=_reads(owned), makes=_makes(owned),
    )  # fmt: skip


def _reads(owned: Iterable[LayerWork]) -> tuple[str, ...]:
    """The tensors that the layers read and do not make themselves, in order; no constants."""
    made = set(_makes(owned))
    names = (t.name for work in owned for t in work.call.ins if t is not None and not t.is_constant)
    return tuple(dict.fromkeys(name for name in names if name not in made))


def _makes(owned: Iterable[LayerWork]) -> tuple[str, ...]:
    return tuple(t.name for work in owned for t in work.call.outs)


def _by_level(traffic: Mapping[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    levels: dict[str, dict[str, int]] = {"dram": {"ifm": 0, "ofm": 0, "weights": 0}}
    for (level, operand), count in traffic.items():
        levels.setdefault(level, {})[operand] = count
    return levels


def _totals(
    graph: Graph, works: Sequence[LayerWork], layers: Sequence[LayerResult], plan: Plan, hardware: HardwareProfile,
    bound: Roofline, partial: bool,
) -> Totals:  # fmt: skip
    operands = {name: sum(row.traffic["dram"].get(name, 0) for row in layers) for name in ("ifm", "ofm", "weights")}
    cycles = float(sum(row.cycles for row in layers))
    by_bound: dict[str, float] = {}
    for row in layers:
        if row.cycles:
            by_bound[row.bound_by] = by_bound.get(row.bound_by, 0.0) + row.cycles
    dense = sum(row.macs_dense for row in layers)
    latency_s = cycles / hardware.clock_hz
    return Totals(
        macs=sum(row.macs for row in layers), macs_dense=dense, ops=sum(row.ops for row in layers),
        params=sum(row.params for row in layers), weight_bytes=weight_bytes(graph, works),
        weight_stream_bytes=sum(each.weight_stream_bytes for each in plan.passes),
        dram_bytes=sum(operands.values()), dram_read_bytes=operands["ifm"] + operands["weights"],
        dram_write_bytes=operands["ofm"], dram_bytes_by_operand=operands,
        cycles=cycles, latency_s=latency_s, fps=1 / latency_s if latency_s else None,
        mac_cycles=float(sum(row.bounds.get("mac", 0.0) for row in layers)),
        vector_cycles=float(sum(row.bounds.get("vector", 0.0) for row in layers)),
        utilisation=dense / hardware.mac_array.macs_per_cycle / cycles if cycles else None,
        peak_sram_bytes=max((each.sram_bytes for each in plan.passes), default=0),
        roofline_cycles=bound.cycles, roofline_latency_s=bound.cycles / hardware.clock_hz,
        roofline_bound_by=bound.bound_by,
        theoretical_fps=hardware.peak_macs_per_s / dense if dense else None,
        bound_by=max(by_bound, key=lambda name: by_bound[name], default="none"), cycles_by_bound=by_bound,
        lower_bound=partial,
    )  # fmt: skip


def _loud(layers: Sequence[LayerResult], unknown: Sequence[Unsupported]) -> list[Notice]:
    notices = []
    if unknown:
        notices.append(Notice("unknown-op", f"the totals are a lower bound: {_kinds(unknown)} not counted"))
    if not any(row.cycles for row in layers):
        notices.append(Notice("nothing-costed", "no layer of this model takes any time on this profile"))
    return notices


def _kinds(unknown: Sequence[Unsupported]) -> str:
    """One entry an operator with a count, as ``2 FooConv, 1 Bar``."""
    counts: dict[str, int] = {}
    for each in unknown:
        counts[each.op] = counts.get(each.op, 0) + 1
    return ", ".join(f"{count} {op}" for op, count in counts.items())


def _unsupported(each: LayerWork) -> Unsupported:
    domain, _, op = each.layer.op.rpartition("::")
    why = f"operator {op} of domain {domain or 'ai.onnx'} has no cost rule"
    return Unsupported(each.layer.name, each.layer.op, why, _reads([each]), _makes([each]))


def _shapes(graph: Graph, names: Sequence[str]) -> dict[str, tuple[int, ...]]:
    return {name: graph.tensors[name].shape for name in names}


def _profile_info(hardware: HardwareProfile, plan: Plan) -> ProfileInfo:
    return ProfileInfo(
        hardware.name, hardware.variant, hardware.overrides, hardware.vendor, hardware.target, hardware.clock_hz,
        hardware.mac_array.macs_per_cycle, hardware.dram_read_bytes_per_cycle, hardware.dram_write_bytes_per_cycle,
        hardware.sram.size_bytes, hardware.confidence, (*hardware.assumptions, *plan.assumptions),
        hardware.mac_array.fast_macs_per_cycle, hardware.dram.duplex,
    )  # fmt: skip
