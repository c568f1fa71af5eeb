"""The best planner: against all ways tried one by one, never above the vendor's, never slower with more."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from ethos_exhaustive import Exhaustive
from ethos_kit import EQUAL, chain, hardware, line_of, planned, same, sesr_m5
from hand import network
from msgspec import structs

from npusim.errors import EstimateError
from npusim.ir import Graph
from npusim.options import Options
from npusim.profiles.load import load
from npusim.targets.ethos_n import best, best_planner
from npusim.targets.ethos_n.best_planner import BestPlanner
from npusim.targets.ethos_n.gains import Gain, gain_sentence, gains, total_cycles
from npusim.targets.ethos_n.hardware import machine
from npusim.targets.ethos_n.machine import Machine
from npusim.targets.ethos_n.passes import Rules
from npusim.targets.ethos_n.planner import VendorPlanner

ROUNDING = 1 + 1e-9  # sums in another order
HALF = Rules(0.5, as_vendor=False)
PLAIN = Rules(0.0, as_vendor=False)
BEST = Options(planner="best", equal_scales=True)


def joined() -> Graph:
    """Two convolutions side by side, joined, and one behind them."""
    rows = [
        ("Conv", "x a", "c", same(3)), ("Conv", "x b", "d", same(1)), ("Concat", "c d", "j", {"axis": 1}),
        ("Conv", "j e", "y", same(1)),
    ]  # fmt: skip
    weights = {"a": (16, 16, 3, 3), "b": (16, 16, 1, 1), "e": (16, 32, 1, 1)}
    return network({"x": (1, 16, 40, 48)}, rows, "y", weights)


def skip(ifm: tuple[int, ...]) -> Graph:
    """A convolution, another one, and the sum of both: the first output has two readers."""
    rows = [("Conv", "x a", "c", same(3)), ("Conv", "c b", "d", same(3)), ("Add", "d c", "y", {})]
    return network({"x": ifm}, rows, "y", {"a": (16, ifm[1], 3, 3), "b": (16, 16, 3, 3)})


def pooled(ifm: tuple[int, ...]) -> Graph:
    """A convolution with a pooling that completes its pass, and another one."""
    rows: list[Any] = [
        ("Conv", "x a", "c", same(3)), ("MaxPool", "c", "p", {"kernel_shape": (2, 2), "strides": (2, 2)}),
        ("Conv", "p b", "y", same(1)),
    ]  # fmt: skip
    return network({"x": ifm}, rows, "y", {"a": (16, ifm[1], 3, 3), "b": (16, 16, 1, 1)})


def narrow(sram: str = "128KiB") -> Machine:
    """Little SRAM and a slow DRAM: then plans, formats and sections differ in what they cost."""
    changed = {
        "sram.size_bytes": sram,
        "dram.read_bytes_per_cycle": "2 B/cycle",
        "dram.write_bytes_per_cycle": "1 B/cycle",
    }
    return machine(load("ethos-n78", None, changed))


SMALL = {
    "chain": chain((1, 16, 48, 40), [(32, 3), (16, 3)]),
    "few channels": chain((1, 3, 80, 64), [(16, 3), (16, 3)], relu=True),
    "two readers": skip((1, 16, 48, 48)),
    "fused": pooled((1, 16, 64, 48)),
}


@pytest.mark.parametrize("rules", [PLAIN, HALF], ids=["uncompressed", "compressed"])
@pytest.mark.parametrize("name", SMALL)
def test_nothing_cheaper_is_found_by_trying_everything(name: str, rules: Rules) -> None:
    """Pruning loses nothing: neither the states that are dropped, nor those beyond a bound, nor entries of tables."""
    line = line_of(SMALL[name], EQUAL)
    everything = Exhaustive(line, narrow(), rules)
    least = everything.cycles()
    assert everything.tried > 4000
    assert total_cycles(line, BestPlanner(narrow(), rules).plan(line)) == pytest.approx(least, rel=1e-12)


def test_trying_everything_with_a_fast_dram() -> None:
    """Where sections win."""
    line = line_of(skip((1, 16, 24, 24)), EQUAL)
    planner = BestPlanner(hardware(), PLAIN)
    found = planner.plan(line)
    assert total_cycles(line, found) == pytest.approx(Exhaustive(line, hardware(), PLAIN).cycles(), rel=1e-12)
    assert len({each.section for each in found.chosen[1:4]}) == 1


NETWORKS = {**SMALL, "joined": joined(), "sesr-m5": sesr_m5(90, 160, long_add=True)}


@pytest.mark.parametrize(
    "rules", [PLAIN, HALF, Rules(0.5, as_vendor=True)], ids=["plain", "compressed", "as the vendor"]
)
@pytest.mark.parametrize("name", NETWORKS)
def test_it_is_never_above_the_vendors(name: str, rules: Rules) -> None:
    line = line_of(NETWORKS[name], EQUAL)
    for each in (narrow(), hardware(), hardware("8tops-2ple")):
        vendor = total_cycles(line, VendorPlanner(each, rules).plan(line))
        assert total_cycles(line, BestPlanner(each, rules).plan(line)) <= vendor * ROUNDING


GROWN = {
    "sram.size_bytes": ["1.25MiB", "1.5MiB", "2MiB", "4MiB"],
    "dram.read_bytes_per_cycle": ["17 B/cycle", "20 B/cycle", "64 B/cycle"],
    "dram.write_bytes_per_cycle": ["17 B/cycle", "20 B/cycle", "64 B/cycle"],
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("key", GROWN)
def test_more_of_a_resource_is_never_slower(name: str, key: str) -> None:
    line = line_of(NETWORKS[name], EQUAL)
    before = total_cycles(line, BestPlanner(hardware(), HALF).plan(line))
    for value in GROWN[key]:
        more = machine(load("ethos-n78", None, {key: value}))
        assert total_cycles(line, BestPlanner(more, HALF).plan(line)) <= before * ROUNDING


def test_a_faster_clock_is_never_slower() -> None:
    """With a DRAM in bytes a second, a faster clock leaves it fewer bytes a cycle."""
    graph = sesr_m5(90, 160, long_add=True)
    latencies = []
    for clock in ("0.5GHz", "1GHz", "1.1GHz", "2GHz"):
        profile = load("ethos-n78", None, {"clock": clock, "dram": "16GB/s"})
        plan = best_planner.BestPlanner(machine(profile), HALF).plan(line_of(graph, EQUAL))
        latencies.append(total_cycles(line_of(graph, EQUAL), plan) / profile.clock_hz)
    assert all(later <= earlier * ROUNDING for earlier, later in pairwise(latencies))


# --- what it says -----------------------------------------------------------------------------------------------------


def test_the_report_says_where_the_gain_is() -> None:
    """A convolution with no section to be in: the vendor's plan reads a converted map, the best one the map itself."""
    graph = chain((1, 16, 256, 256), [(16, 3)])
    line, planner = line_of(graph), BestPlanner(hardware(), PLAIN)
    vendor, found = planner.vendor.plan(line), planner.plan(line)
    before, after = total_cycles(line, vendor), total_cycles(line, found)
    assert gains(line, vendor, found) == [Gain(0, 0, 0.0), Gain(1, 1, before - after), Gain(2, 2, 0.0)]
    share = f"{100 * (before - after) / before:.1f} %"
    notice = next(each for each in planned(graph, Options(planner="best")).warnings if each.code == "best-plan")
    assert notice.message == f"{share} fewer cycles than the vendor's plan: {share} in c0"


def test_gains_are_told_by_stretches_that_both_plans_end() -> None:
    line = line_of(chain((1, 16, 24, 24), [(16, 3)] * 3))  # input, c0, c1, c2, output
    found = [Gain(0, 0, 0.0), Gain(1, 2, 30.0), Gain(3, 3, 15.0), Gain(4, 4, -5.0)]
    sentence = gain_sentence(line, found, 200.0, most=1)
    assert sentence == "20.0 % fewer cycles than the vendor's plan: 15.0 % in c0 to c1"
    assert gain_sentence(line, [Gain(0, 4, 0.0)], 200.0, most=1) == "no plan is cheaper than the vendor's"


def test_a_plan_where_first_fit_finds_no_place() -> None:
    """The vendor's planner may fail where what it wants does not fit; the best one says that it went beyond it."""
    line = line_of(SMALL["chain"])
    planner = BestPlanner(hardware(), PLAIN)

    def fails(_: object) -> Any:
        raise EstimateError("no way", code="no-plan")

    planner.vendor.plan = fails  # type: ignore[method-assign]
    assert [each.message for each in planner.plan(line).notices] == ["the vendor's planner finds no plan that fits"]


def test_no_plan_at_all() -> None:
    """Beside the PLE's program, 64 KiB, each of the 16 banks has 64 bytes left: a bank's share of two bricks."""
    with pytest.raises(EstimateError, match="no stripes of it fit the 65 KiB of SRAM") as caught:
        BestPlanner(narrow("65KiB"), PLAIN).plan(line_of(chain((1, 64, 32, 32), [(64, 7)])))
    assert (caught.value.code, caught.value.where) == ("no-plan", "c0")


# --- where it gives up ------------------------------------------------------------------------------------------------


def test_long_lines_have_the_vendors_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(best_planner, "MOST_PARTS", 3)
    line, planner = line_of(SMALL["chain"]), BestPlanner(hardware(), PLAIN)  # 4 parts
    found = planner.plan(line)
    assert [each.code for each in found.notices] == ["search-cap"]
    assert structs.replace(found, notices=()).passes == planner.vendor.plan(line).passes


@pytest.mark.parametrize("moves", [0, 10**6])
def test_a_search_that_is_cut_off_says_so_or_ends(monkeypatch: pytest.MonkeyPatch, moves: int) -> None:
    """A first search with one state a cut is not the last word: a full one follows, unless it takes too many
    moves."""
    line = line_of(NETWORKS["joined"])
    exact = BestPlanner(narrow(), PLAIN).plan(line)
    monkeypatch.setattr(best, "FEW_STATES", 1)
    monkeypatch.setattr(best, "MOST_MOVES", moves)
    found = BestPlanner(narrow(), PLAIN).plan(line)
    vendor = total_cycles(line, VendorPlanner(narrow(), PLAIN).plan(line))
    assert total_cycles(line, exact) <= total_cycles(line, found) * ROUNDING
    assert total_cycles(line, found) <= vendor * ROUNDING
    capped = [each.code for each in found.notices if each.code == "search-cap"]
    assert capped == ([] if moves else ["search-cap"])
    if moves:
        assert total_cycles(line, found) == total_cycles(line, exact)
