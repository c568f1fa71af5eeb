"""The plan as a whole: order and names of passes, what they hold and show, what is remembered, and bad profiles."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from ethos_kit import EQUAL, chain, passes, planned, same, sesr_m5
from hand import network
from msgspec import structs

from npusim.errors import EstimateError, InputError
from npusim.ir import Graph
from npusim.options import Options
from npusim.profiles.load import load
from npusim.targets import ethos_n
from npusim.targets.base import TARGETS
from npusim.targets.ethos_n import planner
from npusim.targets.ethos_n.hardware import machine

plan_module = import_module("npusim.targets.ethos_n.plan")
BEST = Options(planner="best", equal_scales=True)


def test_it_is_the_target_of_its_name() -> None:
    assert TARGETS["ethos_n"] is ethos_n.plan
    assert load("ethos-n78").target == "ethos_n"


# --- passes -----------------------------------------------------------------------------------------------------------


def branches() -> Graph:
    """Two convolutions of one map, joined; a pooling; what the hardware cannot run; another convolution."""
    rows: list[Any] = [
        ("Conv", "x a", "c", same(3)), ("Conv", "x b", "d", same(1)), ("Concat", "c d", "j", {"axis": 1}),
        ("MaxPool", "j", "p", {"kernel_shape": (2, 2), "strides": (2, 2)}), ("Softmax", "p", "s", {"axis": 1}),
        ("Conv", "s e", "y", same(1)),
    ]  # fmt: skip
    weights = {"a": (16, 8, 3, 3), "b": (8, 8, 1, 1), "e": (16, 24, 1, 1)}
    return network({"x": (1, 8, 48, 64)}, rows, "y", weights)


@pytest.mark.parametrize("options", [EQUAL, BEST], ids=["vendor", "best"])
@pytest.mark.parametrize("graph", [branches(), sesr_m5(90, 160, long_add=True)], ids=["branches", "sesr"])
def test_passes_come_in_the_order_they_run(graph: Graph, options: Options) -> None:
    """Each layer is in one pass, behind those that it reads; names are unique; a section is a stretch of passes."""
    found = planned(graph, options).passes
    place = {layer: at for at, each in enumerate(found) for layer in each.layers}
    assert sorted(place) == sorted(layer.name for layer in graph.layers)
    assert sum(len(each.layers) for each in found) == len(graph.layers)
    makers = {name: layer.name for layer in graph.layers for name in layer.outputs}
    for layer in graph.layers:
        assert all(place[makers[name]] <= place[layer.name] for name in layer.inputs if name in makers)
    assert len({each.name for each in found}) == len(found)
    sections = [each.section for each in found]
    assert len(set(sections)) == sum(a != b for a, b in zip(sections, [None, *sections], strict=False))


def test_a_conversion_comes_before_its_reader_and_alone() -> None:
    convert, convolution = planned(chain((1, 64, 64, 64), [(64, 3)])).passes
    assert (convert.name, convert.layers) == ("c0.convert", ())
    assert convolution.layers == ("c0",)
    assert convert.section != convolution.section
    assert convert.mapping == {"ifm_from": ["NHWC"], "ofm_to": convolution.mapping["ifm_from"]}
    assert (convert.sram_bytes, convert.weight_stream_bytes) == (0, 0)


def test_what_is_taken_for_granted_is_said() -> None:
    graph = chain((1, 16, 8, 8), [(16, 3)])
    own, vendor = planned(graph).assumptions, planned(graph, Options(as_vendor=True)).assumptions
    assert any("at the fallback's rate" in each for each in own)
    assert any("as in the vendor's estimator" in each for each in vendor)
    assert not any("at the fallback's rate" in each for each in vendor)
    assert set(planned(graph, BEST).assumptions) > set(own)


def test_frames_run_one_after_another() -> None:
    one, two = (planned(chain((frames, 64, 64, 64), [(64, 3)])) for frames in (1, 2))
    assert two.cycles == 2 * one.cycles
    assert [sum(each.cost.traffic.values()) for each in two.passes] == [
        2 * sum(each.cost.traffic.values()) for each in one.passes
    ]


def test_what_a_pass_shows() -> None:
    """SESR-M5 of a tile: the second convolution works on what the first one left in SRAM."""
    found = passes(sesr_m5(300, 400, long_add=True), EQUAL)["c2"]
    assert found.mapping["ifm_from"] == found.mapping["ofm_to"] == ["SRAM"]
    assert found.mapping["algorithm"] == "winograd"
    assert found.mapping["ple_program"] == "passthrough"
    assert found.mapping["ifm_stripe"] == found.mapping["ofm_stripe"] == "8x400x16"
    assert (found.mapping["block"], found.mapping["block_multiplier"]) == ("16x8", 2)
    assert "weight_slots" in found.mapping


def test_what_a_pass_holds() -> None:
    """32 x 32 x 16 whole: 16 KiB in and 16 KiB out; for each of 16 channels a stream of 9 x 16 raw bytes and a header,
    (1152 + 118) / 8 = 158.75, in sixteens 160; and the program. In each bank: 1024 + 1024 + 256 + 4096."""
    (found,) = planned(chain((1, 16, 32, 32), [(16, 3)])).passes
    assert found.mapping["ifm_stripe"] == found.mapping["ofm_stripe"] == "32x32x16"
    slots = found.mapping["weight_slots"]
    assert found.weight_stream_bytes == 160 * 16
    assert found.sram_bytes == 16 * (1024 + 1024 + 256 * slots + 4096)


@pytest.mark.parametrize("options", [EQUAL, BEST], ids=["vendor", "best"])
def test_a_section_holds_what_its_parts_left(options: Options) -> None:
    """Whole planes: the input of the section, then one map before and one behind each part."""
    found = planned(chain((1, 16, 32, 32), [(16, 3)] * 4), options).passes
    assert len({each.section for each in found}) == 1
    held = [each.sram_bytes for each in found]
    assert max(held) <= load("ethos-n78").sram.size_bytes
    assert held[1] == held[2] == 16 * (1024 + 1024 + 256 + 4096)


def test_all_of_the_program_is_held_once() -> None:
    found = planned(chain((1, 16, 32, 32), [(16, 3)] * 2)).passes
    assert found[0].sram_bytes == found[1].sram_bytes


# --- what is remembered -----------------------------------------------------------------------------------------------


@pytest.fixture
def empty(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """No planner is remembered from other tests."""
    monkeypatch.setattr(plan_module, "_planners", type(plan_module._planners)())
    return plan_module._planners


@pytest.mark.parametrize("kind", ["vendor", "best"])
def test_planners_are_used_again(empty: dict[str, Any], kind: str) -> None:
    graph = chain((1, 16, 16, 16), [(16, 3)])
    first = planned(graph, Options(planner=kind))
    (kept,) = empty.values()
    assert planned(graph, Options(planner=kind)) == first
    assert list(empty.values()) == [kept]


def test_the_oldest_planner_is_forgotten(empty: dict[str, Any]) -> None:
    graph = chain((1, 16, 16, 16), [(16, 3)])
    for step in range(plan_module.REMEMBERED + 1):
        planned(graph, Options(activation_compression=step / 10))
    assert len(empty) == plan_module.REMEMBERED


@pytest.mark.parametrize("kind", ["vendor", "best"])
def test_a_planner_that_is_full_is_replaced(empty: dict[str, Any], monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    graph = chain((1, 16, 16, 16), [(16, 3)] * 2)
    monkeypatch.setattr(planner, "MOST_REMEMBERED", 0)
    first = planned(graph, Options(planner=kind))
    (full,) = empty.values()
    assert planned(graph, Options(planner=kind)) == first
    (other,) = empty.values()
    assert other is not full


def test_plans_do_not_depend_on_what_came_before(empty: dict[str, Any]) -> None:
    graphs = [branches(), sesr_m5(90, 160, long_add=True), chain((1, 16, 32, 32), [(16, 3)] * 4)]
    alone = []
    for graph in graphs:
        empty.clear()
        alone.append(planned(graph, EQUAL))
    empty.clear()
    assert [planned(graph, EQUAL) for graph in graphs[::-1]] == alone[::-1]


# --- what fails -------------------------------------------------------------------------------------------------------


def test_what_fits_the_sram_in_no_way_is_named() -> None:
    profile = load("ethos-n78", None, {"sram.size_bytes": "65KiB"})
    graph = chain((1, 64, 32, 32), [(64, 7)])
    with pytest.raises(EstimateError, match="no stripes of it fit the 65 KiB of SRAM") as caught:
        ethos_n.plan(graph, profile, EQUAL)
    assert (caught.value.code, caught.value.where) == ("no-plan", "c0")


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("ethos_n.mce.blocks", "16by8", "'16by8' is no block"),
        ("ethos_n.mce.blocks", "16x0", "'16x0' is no block"),
        ("ethos_n.formats.nhwcb_brick", "8, 8", r"\[8, 8\] are not the three sides of a granule"),
    ],
)
def test_numbers_that_are_no_hardware(key: str, value: str, why: str) -> None:
    with pytest.raises(InputError, match=why) as caught:
        machine(load("ethos-n78", None, {key: value}))
    assert caught.value.code == "bad-profile"


def test_a_profile_without_what_the_target_needs() -> None:
    profile = load("ethos-n78")
    slow = structs.replace(profile, mac_array=structs.replace(profile.mac_array, winograd=None))
    with pytest.raises(InputError, match="has Winograd") as caught:
        machine(slow)
    assert caught.value.code == "bad-profile"
    with pytest.raises(InputError):
        machine(load("nvdla"))


def test_one_bandwidth_for_reads_and_writes() -> None:
    """Where they share it, all transfers are one resource, and nothing is faster for it."""
    graph = sesr_m5(90, 160, long_add=True)
    both, shared = (
        ethos_n.plan(graph, load("ethos-n78", None, {"dram.duplex": text}), BEST) for text in ("true", "false")
    )
    assert all(each.cost.bounds.get("dma_write", 0.0) == 0 for each in shared.passes)
    assert shared.cycles >= both.cycles
