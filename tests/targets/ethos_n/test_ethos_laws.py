"""Laws that every plan of the Ethos-N78 obeys, over networks of the zoo, all operators, and chains of any sizes."""

from __future__ import annotations

from functools import cache, lru_cache
from math import inf

import msgspec
import pytest
from ethos_kit import EQUAL, NOT_PLANNABLE, PLAIN, VARIANTS, VENDOR, chain, hardware, line_of, planned
from hand import Row, network
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_kit import Sample, call_of
from samples import SAMPLES

from npusim import zoo
from npusim.bind import bind
from npusim.cost import Plan, roofline
from npusim.counts import layer_works
from npusim.estimate import estimate
from npusim.ir import Graph, Layer, Role, Shape
from npusim.options import Options
from npusim.profile import HardwareProfile
from npusim.profiles.load import load
from npusim.targets.ethos_n import plan
from npusim.targets.ethos_n.parts import Line
from npusim.targets.ethos_n.passes import Rules
from npusim.targets.ethos_n.planner import VendorPlanner

# Sums of floating-point numbers in another order; nothing else may tell two equal latencies apart.
ROUNDING = 1 + 1e-9
BEST = Options(planner="best")
# Of each kind of network in the zoo: plain chains, long skips, concatenations, groups, attention, transposed
# convolutions of both kinds, depth to space by 2, 3 and 4, leaky and parametric activations.
NETWORKS = (
    "sesr-m5-x2-hw", "sesr-m3-x4", "fsrcnn-x2-hw", "fsrcnn-s-x3", "espcn-x2", "lapsrn-x4", "carn-m-x2",
    "idn-x2", "rlfn-s-x4", "ecbsr-m4c8-x2", "xlsr-x3", "abpn-x2", "quicksrnet-small-x2",
    "srcnn-915-x2",
)  # fmt: skip


@lru_cache
def zoo_graph(name: str, width: int = 96, height: int = 96) -> Graph:
    return bind(zoo.build(name), size=(width, height))


# --- what holds for every plan ----------------------------------------------------------------------------------------


def check(graph: Graph, profile: HardwareProfile, options: Options) -> Plan:
    """Everything that one plan has to obey; returns it."""
    found, floor = plan(graph, profile, options), roofline(graph, profile, options)
    assert found.cycles * ROUNDING >= floor.cycles
    known = sorted(each.layer.name for each in layer_works(graph) if each.work is not None)
    assert sorted(name for each in found.passes for name in each.layers) == known
    assert len({each.name for each in found.passes}) == len(found.passes)
    for each in found.passes:
        assert all(0 <= cycles < inf for cycles in each.cost.bounds.values())
        assert all(type(count) is int and count >= 0 for count in each.cost.traffic.values())
        assert 0 <= each.sram_bytes <= profile.sram.size_bytes
        assert "fallback" not in each.cost.bounds or each.off_npu
    moved = {
        name: sum(each.cost.traffic.get(("dram", name), 0) for each in found.passes)
        for name in ("ifm", "ofm", "weights")
    }
    # CastLike takes nothing but the type of its second input, which the roofline counts as an element
    types = sum(each.op == "CastLike" for each in graph.layers)
    assert moved["ifm"] + moved["weights"] >= floor.read_bytes - types
    assert moved["ofm"] >= floor.write_bytes
    return found


def check_both(graph: Graph, profile: HardwareProfile, saving: float = 0.0) -> None:
    vendor, best = (
        check(graph, profile, Options(planner=planner, activation_compression=saving)) for planner in ("vendor", "best")
    )
    assert best.cycles <= vendor.cycles * ROUNDING


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_of_the_zoo(name: str) -> None:
    check_both(zoo_graph(name), load("ethos-n78"))


@pytest.mark.parametrize("variant", [*VARIANTS, *NOT_PLANNABLE])
@pytest.mark.parametrize("name", ["sesr-m5-x2-hw", "fsrcnn-x2-hw", "abpn-x2"])
def test_variants(name: str, variant: str) -> None:
    profile = load("ethos-n78", variant)
    saving = 0.5 if profile.compression.available else 0.0
    if profile.plannable:
        check_both(zoo_graph(name, 48, 40), profile, saving)
    else:
        check(zoo_graph(name, 48, 40), profile, Options(planner="best"))


def graph_of(op: str, sample: Sample) -> Graph:
    """The sample call as a network of one layer."""
    call = call_of(op, sample)
    ins = [tensor for tensor in call.ins if tensor is not None]
    inputs = [msgspec.structs.replace(each, role=Role.INPUT) for each in ins if not each.is_constant]
    tensors = {each.name: each for each in (*ins, *inputs, *call.outs)}
    names = tuple(tensor.name if tensor is not None else "" for tensor in call.ins)
    outs = tuple(each.name for each in call.outs)
    values = [(tensor.name, value) for tensor, value in zip(call.ins, call.values, strict=True) if tensor is not None]
    known = {name: value for name, value in values if value is not None}
    layer = Layer("sample", op, names, outs, call.attrs)
    return Graph(op, tensors, (layer,), tuple(each.name for each in inputs), outs, known)


@pytest.mark.parametrize("op", sorted(SAMPLES))
def test_every_operator(op: str) -> None:
    profile = load("ethos-n78")
    for sample in SAMPLES[op]:
        check_both(graph_of(op, sample), profile)


@st.composite
def networks(draw: st.DrawFn) -> Graph:
    """A chain of a few operators of any sizes; a skip connection runs over some of it."""
    channels = draw(st.integers(1, 40))
    shape: Shape = (1, channels, draw(st.integers(1, 40)), draw(st.integers(1, 40)))
    rows: list[Row] = []
    weights: dict[str, Shape] = {}
    last, skip = "x", ("", 0)
    for index in range(draw(st.integers(1, 4))):
        name = f"t{index}"
        kind = draw(st.sampled_from(["conv", "strided", "relu", "leaky", "sigmoid", "add", "up", "concat", "pool"]))
        if kind in ("conv", "strided"):
            out, side = draw(st.integers(1, 40)), draw(st.sampled_from([1, 2, 3, 4, 5]))
            before, after = side // 2, (side - 1) // 2
            attrs = {"pads": (before, before, after, after), "strides": (1, 1) if kind == "conv" else (2, 2)}
            weights[f"w{index}"] = (out, channels, side, side)
            rows.append(("Conv", f"{last} w{index}", name, attrs))
            channels, skip = out, ("", 0) if kind == "strided" or skip[1] != out else skip
        elif kind == "up":
            out, side = draw(st.integers(1, 20)), draw(st.sampled_from([2, 3, 9]))
            weights[f"w{index}"] = (channels, out, side, side)
            rows.append(("ConvTranspose", f"{last} w{index}", name, {"strides": (2, 2)}))
            channels, skip = out, ("", 0)
        elif kind == "add" and skip[0] and skip[1] == channels:
            rows.append(("Add", f"{last} {skip[0]}", name, {}))
        elif kind == "concat" and skip[0] and skip[1] == channels:
            rows.append(("Concat", f"{last} {skip[0]}", name, {"axis": 1}))
            channels, skip = 2 * channels, ("", 0)
        elif kind == "pool":
            rows.append(("MaxPool", last, name, {"kernel_shape": (3, 3), "pads": (1, 1, 1, 1)}))
        else:
            rows.append(({"leaky": "LeakyRelu", "sigmoid": "Sigmoid"}.get(kind, "Relu"), last, name, {}))
        last = name
        skip = skip if skip[0] else (last, channels)
    return network({"x": shape}, rows, last, weights)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(networks(), st.sampled_from(VARIANTS), st.sampled_from([0.0, 0.5]))
def test_networks_of_any_sizes(graph: Graph, variant: str, saving: float) -> None:
    profile = load("ethos-n78", variant)
    check_both(graph, profile, saving if profile.compression.available else 0.0)


# --- more of a resource -----------------------------------------------------------------------------------------------


@cache
def best_s(name: str, key: str = "", value: str = "") -> float:
    profile = load("ethos-n78", None, {key: value} if key else None)
    return plan(zoo_graph(name, 96, 64), profile, BEST).cycles / profile.clock_hz


@pytest.mark.parametrize("name", ["sesr-m5-x2-hw", "fsrcnn-x2-hw", "espcn-x2", "abpn-x2"])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("sram.size_bytes", "2MiB"),
        ("dram.read_bytes_per_cycle", "32 B/cycle"),
        ("dram.write_bytes_per_cycle", "32 B/cycle"),
        ("clock", "1.25GHz"),
    ],
)
def test_the_best_plan_is_never_slower_with_more(name: str, key: str, value: str) -> None:
    assert best_s(name, key, value) <= best_s(name) * ROUNDING


def test_saving_traffic_never_costs_the_best_plan() -> None:
    """The vendor's plan may get slower (MODEL.md, section 9, surprise 13)."""
    for name in ("fsrcnn-x2-hw", "sesr-m3-x2-hw"):
        savings = (0.0, 0.25, 0.5, 0.75)
        cycles = [
            planned(zoo_graph(name, 480, 270), Options(planner="best", activation_compression=saving)).cycles
            for saving in savings
        ]
        assert cycles == sorted(cycles, reverse=True)
        assert cycles[-1] < cycles[0]


# --- what the result says ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("planner", ["vendor", "best"])
@pytest.mark.parametrize("name", ["sesr-m5-x2", "abpn-x2", "lapsrn-x2"])
def test_rows_sum_to_the_totals(name: str, planner: str) -> None:
    graph = zoo_graph(name, 48, 40)
    found, own = estimate(graph, planner=planner), plan(graph, load("ethos-n78"), Options(planner=planner))
    assert found.totals.cycles == pytest.approx(own.cycles, rel=1e-12)
    assert sum(row.cycles for row in found.layers) == pytest.approx(found.totals.cycles, rel=1e-12)
    moved = sum(sum(each.cost.traffic.values()) for each in own.passes)
    assert sum(found.totals.dram_bytes_by_operand.values()) == found.totals.dram_bytes == moved
    assert found.totals.dram_read_bytes + found.totals.dram_write_bytes == moved
    assert sum(row.macs for row in found.layers) == found.totals.macs
    assert sum(row.params for row in found.layers) == found.totals.params


def renamed(graph: Graph) -> Graph:
    """The same graph with other names, whose order is the reverse."""
    new = {name: f"n{10_000 - index}" for index, name in enumerate(graph.tensors)} | {"": ""}
    tensors = {
        new[name]: msgspec.structs.replace(each, name=new[name], stored=tuple(new[kept] for kept in each.stored))
        for name, each in graph.tensors.items()
    }
    layers = tuple(
        msgspec.structs.replace(
            each, name=f"l{10_000 - index}", inputs=tuple(new[name] for name in each.inputs),
            outputs=tuple(new[name] for name in each.outputs),
        )
        for index, each in enumerate(graph.layers)
    )  # fmt: skip
    known = {new[name]: value for name, value in graph.constants.items()}
    inputs, outputs = (tuple(new[name] for name in names) for names in (graph.inputs, graph.outputs))
    return Graph("renamed", tensors, layers, inputs, outputs, known)


@pytest.mark.parametrize("options", [PLAIN, VENDOR, BEST], ids=["vendor", "as-vendor", "best"])
@pytest.mark.parametrize("name", ["sesr-m5-x2", "abpn-x2", "xlsr-x2"])
def test_names_do_not_matter(name: str, options: Options) -> None:
    graph = zoo_graph(name, 48, 40)
    before, after = planned(graph, options), planned(renamed(graph), options)
    assert [each.cost for each in before.passes] == [each.cost for each in after.passes]
    assert [each.mapping for each in before.passes] == [each.mapping for each in after.passes]


# --- the cuts of the vendor's planner ---------------------------------------------------------------------------------


def cheapest_of_all_cuts(line: Line, planner: VendorPlanner) -> float:
    """Section 12 without its recursion: each way to cut the line, one sum each, at the target's own costs."""
    count, from_start = len(line.parts), planner.sections.over(line)
    costs = {}
    for start, placed in enumerate(line.parts):
        alone = planner.lonely(placed.part) if placed.part.kind.searched else (0.0, None)
        costs[start, 1] = inf if alone is None else alone[0] * placed.repeat
        costs |= {(start, length): cycles for length, cycles in from_start(start).costs}
    least = inf
    for bits in range(1 << (count - 1)):  # a bit a place between two parts: whether the line is cut there
        ends = [place + 1 for place in range(count - 1) if bits >> place & 1] + [count]
        starts = [0, *ends[:-1]]
        least = min(least, sum(costs.get((a, b - a), inf) for a, b in zip(starts, ends, strict=True)))
    return least


CUT = {
    "three": chain((1, 16, 64, 96), [(16, 3)] * 3),
    "five": chain((1, 16, 120, 160), [(16, 3), (32, 1), (16, 3), (16, 5), (4, 3)], relu=True),
    "deep": chain((1, 128, 14, 14), [(128, 3), (256, 1), (128, 1)]),
    "strided": network(
        {"x": (1, 3, 56, 56)},
        [("Conv", "x a", "c", {"strides": (2, 2), "pads": (1,) * 4}), ("LeakyRelu", "c", "l", {}),
         ("Conv", "l b", "y", {"pads": (1,) * 4})],
        "y", {"a": (16, 3, 3, 3), "b": (16, 16, 3, 3)},
    ),
    "skip": network(
        {"x": (1, 16, 60, 80)},
        [("Conv", "x a", "c", {"pads": (1,) * 4}), ("Conv", "c b", "d", {"pads": (1,) * 4}), ("Add", "d c", "y", {})],
        "y", {"a": (16, 16, 3, 3), "b": (16, 16, 3, 3)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("as_vendor", [False, True])
@pytest.mark.parametrize("name", sorted(CUT))
def test_the_vendors_cuts_are_the_cheapest_of_all(name: str, as_vendor: bool) -> None:
    """Glue comes after the choice, so that what is compared are the costs that the choice sees."""
    line = line_of(CUT[name], EQUAL)
    planner = VendorPlanner(hardware(), Rules(0.0, as_vendor))
    from_start = planner.sections.over(line)
    chosen = planner.choose(line, from_start)
    pieces: dict[int, list[int]] = {}
    for number, each in enumerate(chosen):
        pieces.setdefault(each.section, []).append(number)
    total = 0.0
    for numbers in pieces.values():
        start, length = numbers[0], len(numbers)
        assert numbers == list(range(start, start + length))
        if length > 1:
            total += dict(from_start(start).costs)[length]
        elif line.parts[start].part.kind.searched:
            alone = planner.lonely(line.parts[start].part)
            assert alone is not None
            total += alone[0]
    assert total == pytest.approx(cheapest_of_all_cuts(line, planner), rel=1e-12)


def test_some_of_these_lines_are_cut_into_sections() -> None:
    lengths = set()
    for graph in CUT.values():
        found = VendorPlanner(hardware(), Rules(0.0, False)).plan(line_of(graph, EQUAL))
        sections = [each.section for each in found.chosen]
        lengths |= {sections.count(section) for section in sections}
    assert max(lengths) >= 3
