"""Laws that every plan obeys (ARCHITECTURE.md), over all operators, shipped profiles and networks of the zoo."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hand import HAND, WINOGRAD, Row, hand, network
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_kit import Sample, call_of
from samples import SAMPLES

from npusim import zoo
from npusim.bind import bind
from npusim.cost import Plan, roofline, roofline_plan
from npusim.counts import layer_works
from npusim.ir import Graph, Layer, Role
from npusim.options import Options
from npusim.profile import HardwareProfile
from npusim.profiles.file import find_file, read
from npusim.profiles.load import load
from npusim.resources import files
from npusim.targets.generic import plan
from npusim.targets.generic.evaluate import Residency, analyse, compose, machine
from npusim.targets.generic.lower import lower

PROFILES = [
    load(file.stem, variant)
    for file in files("hwprofiles", "*.toml")
    for variant in read(find_file(file.stem)).variants
]
# Sums of floating-point numbers in another order; nothing else may tell two equal latencies apart.
ROUNDING = 1 + 1e-9
PLANNERS = [Options(planner=planner, activation_compression=0.5) for planner in ("vendor", "best")]


# --- what holds for every plan --------------------------------------------------------------------------------------


def check(graph: Graph, profile: HardwareProfile, options: Options) -> Plan:
    """Everything that one plan has to obey; returns it."""
    found, floor = plan(graph, profile, options), roofline(graph, profile, options)
    assert found.cycles * ROUNDING >= floor.cycles
    assert roofline_plan(graph, profile, options).cycles == floor.cycles
    known = sorted(each.layer.name for each in layer_works(graph) if each.work is not None)
    assert sorted(name for each in found.passes for name in each.layers) == known
    for each in found.passes:
        assert all(cycles >= 0 for cycles in each.cost.bounds.values())
        assert all(type(count) is int and count >= 0 for count in each.cost.traffic.values())
        assert 0 <= each.sram_bytes <= profile.sram.size_bytes - profile.sram.reserved_bytes
        assert bool(each.off_npu) == ("fallback" in each.cost.bounds)
    moved = {
        name: sum(each.cost.traffic.get(("dram", name), 0) for each in found.passes) for name in ("ifm", "weights")
    }
    assert sum(moved.values()) >= floor.read_bytes
    assert sum(each.cost.traffic.get(("dram", "ofm"), 0) for each in found.passes) >= floor.write_bytes
    return found


def check_both(graph: Graph, profile: HardwareProfile) -> None:
    vendor, best = (check(graph, profile, options) for options in PLANNERS)
    assert best.cycles <= vendor.cycles * ROUNDING


def graph_of(op: str, sample: Sample) -> Graph:
    """The sample call as a network of one layer."""
    call = call_of(op, sample)
    ins = [tensor for tensor in call.ins if tensor is not None]
    inputs = [msgspec.structs.replace(each, role=Role.INPUT) for each in ins if not each.is_constant]
    tensors = {each.name: each for each in (*ins, *inputs, *call.outs)}
    names = tuple(tensor.name if tensor is not None else "" for tensor in call.ins)
    outs = tuple(each.name for each in call.outs)
    layer = Layer("sample", op, names, outs, call.attrs)
    constants = {tensor.name: value for tensor, value in zip(call.ins, call.values, strict=True) if tensor is not None}
    known = {name: value for name, value in constants.items() if value is not None}
    return Graph(op, tensors, (layer,), tuple(each.name for each in inputs), outs, known)


@pytest.mark.parametrize("op", sorted(SAMPLES))
def test_every_operator(op: str) -> None:
    for sample in SAMPLES[op]:
        graph = graph_of(op, sample)
        for profile in (PROFILES[0], HAND):
            check_both(graph, profile)


@pytest.mark.parametrize("name", zoo.names())
def test_every_network(name: str) -> None:
    check_both(bind(zoo.build(name), size=(40, 24)), PROFILES[len(name) % len(PROFILES)])


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: f"{profile.name}-{profile.variant}")
def test_every_profile(profile: HardwareProfile) -> None:
    for name, size in (("sesr-m5-x2", (160, 90)), ("fsrcnn-x2", (160, 90)), ("carn-m-x4", (80, 60))):
        check_both(bind(zoo.build(name), size=size), profile)


# --- more of a resource ---------------------------------------------------------------------------------------------


@st.composite
def networks(draw: st.DrawFn) -> Graph:
    """Two convolutions, an addition over one of them, and a pooling, of any sizes."""
    height, width = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    first, second = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    sides = [(draw(st.sampled_from([1, 2, 3, 5])), draw(st.sampled_from([1, 3]))) for _ in range(2)]
    pads = [(high // 2, wide // 2, (high - 1) // 2, (wide - 1) // 2) for high, wide in sides]
    transposed = draw(st.booleans())
    rows: list[Row] = [("Conv", "x a", "c", {"pads": pads[0]}), ("Relu", "c", "r", {})]
    if transposed:
        rows += [("ConvTranspose", "r t", "y", {"strides": (2, 2)})]
    else:
        rows += [("Conv", "r b", "d", {"pads": pads[1]}), ("Add", "d r", "s", {})]
        rows += [("MaxPool", "s", "y", {"kernel_shape": (2, 2), "pads": (0, 0, 1, 1)})]
    weights = {"a": (first, 3, *sides[0]), "b": (first, first, *sides[1]), "t": (first, second, *sides[1])}
    used = {name: shape for name, shape in weights.items() if any(name in row[1].split() for row in rows)}
    return network({"x": (1, 3, height, width)}, rows, "y", used)


def numbers(draw: st.DrawFn) -> dict[str, Mapping[str, Any]]:
    """Tables of a small NPU of any numbers."""
    cell = draw(st.sampled_from([1, 4, 8]))
    costs = {"stripe_cycles": draw(st.sampled_from([0, 100])), "stripe_min_cycles": draw(st.sampled_from([0, 500]))}
    return {
        "mac_array": {**costs, "winograd": draw(st.sampled_from([None, WINOGRAD])), "grouped": draw(st.booleans())},
        "vector_unit": {**costs, "fused": draw(st.sampled_from([(), ("relu",), ("relu", "add")]))},
        "dma": costs,
        "layout": {"sram_height": cell, "sram_width": cell, "dram_height": cell, "dram_width": cell},
        "sram": {"size_bytes": draw(st.sampled_from([1 << 15, 1 << 17, 1 << 20]))},
        "dram": {
            "read_bytes_per_cycle": None, "write_bytes_per_cycle": None, "duplex": draw(st.booleans()),
            "read_bytes_per_s": draw(st.sampled_from([1e9, 1e10])), "write_bytes_per_s": 4e9,
        },
    }  # fmt: skip


def latency_s(graph: Graph, profile: HardwareProfile) -> float:
    return plan(graph, profile, Options(planner="best")).cycles / profile.clock_hz


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.data(), networks(), st.sampled_from(["clock", "sram", "read", "write"]), st.sampled_from([1.01, 2.0, 7.0]))
def test_more_of_a_resource_is_never_slower(data: st.DataObject, graph: Graph, grown: str, factor: float) -> None:
    tables = data.draw(st.composite(numbers)())
    profile = hand(**tables)
    check_both(graph, profile)
    more = dict(tables)
    if grown == "sram":
        more["sram"] = {"size_bytes": int(tables["sram"]["size_bytes"] * factor)}
    elif grown != "clock":
        key = f"{grown}_bytes_per_s"
        more["dram"] = {**tables["dram"], key: tables["dram"][key] * factor}
    faster = hand(**more)
    if grown == "clock":
        faster = msgspec.structs.replace(faster, clock_hz=profile.clock_hz * factor)
    assert latency_s(graph, faster) <= latency_s(graph, profile) * ROUNDING


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.data(), networks(), st.sampled_from(["clock", "read", "write"]), st.sampled_from([1.01, 3.0]))
def test_no_mapping_is_slower_with_more(data: st.DataObject, graph: Graph, grown: str, factor: float) -> None:
    """The same for every mapping of every pass, whether a planner takes it or not."""
    tables = data.draw(st.composite(numbers)())
    profile = hand(**tables)
    faster = msgspec.structs.replace(profile, clock_hz=profile.clock_hz * factor)
    if grown != "clock":
        key = f"{grown}_bytes_per_s"
        faster = hand(**tables | {"dram": {**tables["dram"], key: tables["dram"][key] * factor}})
    for part in lower(graph, layer_works(graph), profile, Options()).parts:
        stays = Residency((False,) * len(part.ins))
        before, after = (
            compose(analyse(part.job, at), stays, at).cycles / at.profile.clock_hz
            for at in (machine(each, Options()) for each in (profile, faster))
        )
        assert (after <= before * ROUNDING).all()


@pytest.mark.parametrize("name", ["sesr-m5-x2-hw", "fsrcnn-x2-hw", "carn-x2", "imdn-x2"])
def test_networks_are_never_slower_with_more(name: str) -> None:
    graph, base = bind(zoo.build(name), size=(96, 64)), load("ethos-n78")
    slower = latency_s(graph, base)
    for key, value in (
        ("clock", "1.25GHz"),
        ("sram.size_bytes", "1.5MiB"),
        ("dram.read_bytes_per_cycle", "24 B/cycle"),
    ):
        assert latency_s(graph, load("ethos-n78", None, {key: value})) <= slower * ROUNDING
