"""Quality joined with cost: nothing is dropped, costs are npusim's, and the surest row of a network is drawn."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import npusim
from npusim.errors import EstimateError, InputError
from npusim.frontier import REGIMES, Added, Frontier, frontier, turned
from npusim.frontier.quality import table
from npusim.profiles.load import load
from npusim.zoo.catalogue import entry

HARDWARE = load("ethos-n78")


def made(**more: Any) -> Frontier:
    return frontier(HARDWARE, **more)


@pytest.mark.parametrize("measure", ["psnr", "ssim"])
@pytest.mark.parametrize("regime", ["", *REGIMES])
@pytest.mark.parametrize("retrained", [False, True])
def test_each_row_is_drawn_or_listed_with_a_reason(measure: str, regime: str, retrained: bool) -> None:
    for dataset, scale in (("Set14", 2), ("Urban100", 4)):
        found = made(dataset=dataset, scale=scale, measure=measure, regime=regime, retrained=retrained)
        rows = [row for row in table() if (row.dataset, row.scale) == (dataset, scale)]
        together = [(each.name, each.source) for each in found.points]
        together += [(each.model, each.source) for each in found.listed]
        assert sorted(together) == sorted((row.model, row.source) for row in rows)
        assert all(each.why for each in found.listed)


def test_the_counts_are_those_of_the_zoo() -> None:
    found = made()
    assert found.frame == (640, 360)
    for point in found.points:
        counted = entry(point.network)
        assert (point.costs.macs_dense, point.costs.macs) == (counted.macs_dense, counted.macs)
        assert point.costs.params == counted.params
    # FSRCNN, as the paper prints it: 6.00 G.
    fsrcnn = next(each for each in found.points if each.name == "FSRCNN")
    assert f"{fsrcnn.costs.macs_dense / 1e9:.2f}" == "6.01"
    assert fsrcnn.costs.latency_s is None


def test_the_front_of_the_paper() -> None:
    """Every SESR is on the front against MACs, as its authors claim; FSRCNN, of 2 to 3 times the MACs, is not."""
    names = [each.name for each in made().front]
    assert names[:5] == ["SESR-M3", "SESR-M5", "SESR-M7", "SESR-M11", "SESR-XL"]
    assert "FSRCNN" not in names


def test_the_surest_row_is_drawn() -> None:
    """SESR-M5 on Set14 x2 is both read off a figure and recalled."""
    found = made()
    point = next(each for each in found.points if each.name == "SESR-M5")
    assert (point.confidence, point.recalled) == ("read off a figure", False)
    other = next(each for each in found.listed if each.model == "SESR-M5")
    assert other.confidence == "recalled"
    assert other.why == "another row of the network is drawn (read off a figure)"


def test_what_is_recalled_alone_is_drawn_and_says_so() -> None:
    point = next(each for each in made(dataset="Manga109").points if each.name == "SESR-M5")
    assert (point.quality, point.recalled) == (37.07, True)


def test_other_trainings() -> None:
    name = "QuickSRNet-Small (AIMET RGB, INT8)"
    listed = {each.model: each.why for each in made().listed}
    assert listed[name] == "another training than the paper's"
    assert name in {each.name for each in made(retrained=True).points}


def test_networks_that_the_zoo_lacks_keep_what_their_source_counts() -> None:
    listed = next(each for each in made().listed if each.model == "MOREMNAS-C")
    assert (listed.why, listed.macs_g, listed.params_k) == ("no network of the zoo", "5.5", "25")


def test_regimes_part_the_networks() -> None:
    by_regime = {regime: {each.name for each in made(regime=regime).points} for regime in REGIMES}
    assert set.union(*by_regime.values()) == {each.name for each in made().points}
    assert sum(map(len, by_regime.values())) == len(made().points)
    assert {"SESR-M3", "SESR-M5", "SESR-M7", "FSRCNN"} <= by_regime["small"]
    assert {"SESR-M11", "TPSR-NoGAN"} <= by_regime["medium"]
    assert {"SESR-XL", "CARN-M", "VDSR"} <= by_regime["large"]


def test_latency_is_that_of_an_estimate() -> None:
    options = {"activation_compression": 0.5, "equal_scales": True}
    found = made(against="latency", regime="small", hardware_form=True, frame=(640, 360), options=options)
    assert (found.profile, found.variant) == ("ethos-n78", "4tops-4ple")
    for point in found.points:
        estimated = npusim.estimate(npusim.load(point.network, size=(640, 360)), HARDWARE, **options)  # type: ignore[arg-type]
        assert point.costs.latency_s == estimated.latency_s
        assert point.costs.dram_bytes == estimated.dram_bytes
        assert point.costs.theoretical_fps == estimated.totals.theoretical_fps
    assert {"sesr-m5-x2-hw", "fsrcnn-x2-hw", "srcnn-915-x2"} <= {each.network for each in found.points}
    assert [each.costs.latency_s for each in found.points] == sorted(each.costs.latency_s or 0 for each in found.points)


def test_more_frames_are_better_than_fewer() -> None:
    """Theoretical frames a second are one over the dense MACs, so that both have the same front."""
    against_latency = made(against="latency", regime="small", frame=(64, 64))
    found = turned(against_latency, "theoretical-fps")
    assert [each.name for each in found.front] == [each.name for each in made(regime="small").front]
    fps = [each.costs.theoretical_fps or 0.0 for each in found.points]
    assert fps == sorted(fps, reverse=True)
    assert turned(against_latency, "dram").front[0].costs.dram_bytes == min(
        each.costs.dram_bytes or 0 for each in found.points
    )


def test_your_own_network(tmp_path: Path) -> None:
    """The same graph as SESR-M5 with a little more quality pushes it off the front."""
    found = made(added=[Added("mine", 32.85, "sesr-m5-x2")])
    front = {each.name: each for each in found.front}
    assert front["mine"].yours
    assert "SESR-M5" not in front
    # It is drawn whatever the regime.
    assert "mine" in {each.name for each in made(regime="large", added=[Added("mine", 30.0, "sesr-m5-x2")]).points}
    with pytest.raises(InputError, match=r"\[.*\]$"):
        made(added=[Added("mine", 32.0, str(tmp_path / "absent.onnx"))])


def test_a_network_of_yours_that_costs_nothing_is_refused() -> None:
    pool = str(Path(__file__).parents[1] / "cases" / "avgpool_ceil.onnx")
    size = next(iter(npusim.load(pool).tensors.values())).shape[-2:]
    with pytest.raises(InputError, match=r"avgpool_ceil.onnx: it has no MACs to speak of; .*\[bad-option\]"):
        made(regime="small", frame=(size[1], size[0]), added=[Added("pool", 30.0, pool)])


def test_a_network_without_a_plan_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    costs_module = import_module("npusim.frontier.costs")  # the package has a function of that name
    real = costs_module.estimate

    def refuses(graph: Any, *args: Any, **more: Any) -> Any:
        if graph.name == "fsrcnn-x2":
            raise EstimateError("it does not fit", code="no-plan")
        return real(graph, *args, **more)

    monkeypatch.setattr(costs_module, "estimate", refuses)
    found = made(against="latency", regime="small", frame=(64, 64))
    assert [each.model for each in found.listed if each.why == "not estimated: it does not fit"] == ["FSRCNN"]
    with pytest.raises(EstimateError):
        made(against="latency", regime="small", frame=(64, 64), added=[Added("mine", 30.0, "fsrcnn-x2")])


@pytest.mark.parametrize("wrong", [{"measure": "vmaf"}, {"against": "money"}, {"regime": "tiny"}, {"dataset": "none"}])
def test_faults(wrong: dict[str, str]) -> None:
    with pytest.raises(InputError, match=r"\[bad-option\]"):
        made(**wrong)
