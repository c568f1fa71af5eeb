"""What takes the time is named with its reason, and each advice is an estimate that was run."""

from __future__ import annotations

import numpy as np
import pytest

import npusim
from npusim.bind import bind
from npusim.errors import EstimateError, InputError
from npusim.explain import explain
from npusim.ir import DType
from npusim.model import Constant, Model, Node, Value
from npusim.result import Estimate


def test_fsrcnn_is_held_up_by_its_transposed_convolution() -> None:
    found = explain(npusim.load("fsrcnn-x2-hw", size=(1920, 1080)))
    top = found.findings[0]
    assert top.op == "ConvTranspose"
    assert top.share > 0.5
    assert top.share == pytest.approx(sum(row.cycles for row in top.rows) / found.result.totals.cycles)
    assert top.layer in found.summary
    assert "limited by the MAC array" in found.summary
    assert "9x9" in found.summary
    # 81 taps x 56 channels at 1920 x 1080 inputs (9.4 G) against the same at 3840 x 2160 outputs (37.6 G).
    assert any(reason.startswith("75 % of the products") for reason in top.reasons)


def test_each_advice_is_the_estimate_with_that_change() -> None:
    graph = npusim.load("sesr-m5-x2", size=(640, 360))
    found = explain(graph, activation_compression=0.25)
    by_change = {each.change: each for each in found.advice}
    best = npusim.estimate(graph, activation_compression=0.25, planner="best")
    assert by_change["the best of all mappings"].latency_s == best.latency_s
    faster = npusim.profile("ethos-n78", dram__read_bytes_per_cycle=32, dram__write_bytes_per_cycle=32)
    doubled = npusim.estimate(graph, faster, activation_compression=0.25)
    advice = by_change["twice the DRAM bandwidth"]
    assert advice.latency_s == doubled.latency_s
    assert advice.gain == pytest.approx(1 - doubled.latency_s / found.result.latency_s)
    assert advice.how == "--set dram=32B/cycle"
    assert [each.gain for each in found.advice] == sorted((each.gain for each in found.advice), reverse=True)
    # A saving is asked for already, so none is proposed; PReLU is there to be replaced.
    assert "activations compressed by half" not in by_change
    assert by_change["ReLU in place of PReLU"].gain > 0


def test_one_layer_by_its_name_or_by_what_is_fused_to_it() -> None:
    graph = npusim.load("sesr-m5-x2-hw", size=(64, 64))
    row = next(row for row in npusim.estimate(graph).layers if row.fused)
    assert [each.layer for each in explain(graph, layer=row.name).findings] == [row.name]
    assert [each.layer for each in explain(graph, layer=row.fused[0]).findings] == [row.name]
    with pytest.raises(InputError, match=r"no layer is called 'nothing'.*\[unknown-layer\]"):
        explain(graph, layer="nothing")


def test_what_is_left_out_is_said() -> None:
    found = explain(npusim.load("vdsr-x2", size=(64, 64)))
    times = len([row for row in found.result.layers if row.cycles])
    assert found.rest == times - len(found.findings) > 0
    assert found.rest_share == pytest.approx(1 - sum(each.share for each in found.findings))


def test_a_network_that_takes_no_time() -> None:
    model = Model("m", (Value("x", (1, 4)),), ("y",), (Node("flat", "Flatten", ("x",), ("y",)),))
    found = explain(bind(model), overrides={"target": "generic"})
    assert found.summary == f"m takes no time on {found.result.profile.variant}: nothing in it is costed."
    assert not found.findings
    assert not found.advice
    assert found.rest_share == 0.0


def test_off_the_npu_comes_first() -> None:
    weight = Constant("w", (16, 16, 11, 11), DType.FLOAT32, lambda: np.zeros((16, 16, 11, 11), np.float32))
    node = Node("big", "Conv", ("x", "w"), ("y",), {"pads": (5, 5, 5, 5)})
    found = explain(bind(Model("m", (Value("x", (1, 16, 32, 32)),), ("y",), (node,), {"w": weight})))
    # Kernel sides of an Ethos-N78 are 1, 2, 3, 5, 7 and 9.
    assert found.findings[0].reasons[0].startswith("the hardware cannot run it")
    assert found.result.off_npu[0].name == "big"


def test_a_change_stands_in_for_what_the_user_set() -> None:
    """Twice what the user asked for, whichever key it was set by; other settings stay."""
    graph = npusim.load("sesr-m3-x2-hw", size=(320, 180))
    given = {
        "sram.size_bytes": "512KiB",
        "mac_array.unroll_height": "8",
        "dram.read_bytes_per_cycle": "4",
        "clock": "2GHz",
    }
    advice = {each.change: each for each in explain(graph, overrides=given).advice}
    assert not [each for each in advice.values() if each.latency_s is None]
    # 16 output channels twice, with 16 x 8 x 2 = 256 MACs for each: the product is not set, so it follows.
    assert advice["twice the MACs a cycle"].how == "--set mac_array.unroll_out_channels=32"
    assert advice["twice the SRAM"].how == "--set sram=1MiB"
    assert advice["twice the DRAM bandwidth"].how == (
        "--set dram.read_bytes_per_cycle=8 --set dram.write_bytes_per_cycle=32"
    )
    own = npusim.profile(
        "ethos-n78", sram="1MiB", mac_array__unroll_height=8, dram__read_bytes_per_cycle=4, clock="2GHz"
    )  # fmt: skip
    assert advice["twice the SRAM"].latency_s == npusim.estimate(graph, own).latency_s


def test_a_bandwidth_in_bytes_a_second_is_doubled_as_such() -> None:
    graph = npusim.load("sesr-m3-x2-hw", size=(64, 64))
    for given, how in (("100MB/s", "200MB/s"), ("123456789B/s", "246913578B/s")):
        found = explain(graph, overrides={"dram": given})
        advice = next(each for each in found.advice if each.change == "twice the DRAM bandwidth")
        assert advice.how == f"--set dram={how}"
    assert advice.gain is not None
    assert advice.gain > 0


def test_what_cannot_be_tried_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = npusim.load("sesr-m3-x2-hw", size=(64, 64))

    def refuse(*args: object, **options: object) -> Estimate:
        if options.get("planner") == "best":
            raise EstimateError("no stripe fits", code="no-plan")
        return npusim.estimate(graph)

    monkeypatch.setattr("npusim.explain.trials.estimate", refuse)
    found = explain(graph)
    last = found.advice[-1]
    assert (last.change, last.latency_s, last.gain, last.why_not) == (
        "the best of all mappings",
        None,
        None,
        "no stripe fits",
    )
    assert all(each.gain == 0 for each in found.advice[:-1])


def test_a_layer_that_takes_no_time_or_is_not_costed_can_be_asked_for() -> None:
    nodes = (
        Node("flat", "Flatten", ("x",), ("f",)), Node("act", "Relu", ("f",), ("a",)),
        Node("odd", "my::Thing", ("a",), ("y",)),
    )  # fmt: skip
    model = Model("m", (Value("x", (1, 4)),), ("y",), nodes, declared={"y": Value("y", (1, 4))})
    rules = {"target": "generic"}  # by the vendor's, there are conversions beside the layers
    found = explain(bind(model), layer="act", overrides=rules)
    assert found.summary.startswith("act (Relu) takes")
    assert found.rest == 0
    view = next(row for row in found.result.layers if "flat" in (row.name, *row.fused))
    assert explain(bind(model), layer=view.name, overrides=rules).findings[0].rows[0] == view
    with pytest.raises(InputError, match=r"^odd: .*\[unknown-op\]"):
        explain(bind(model), layer="odd")


def test_the_nearest_names_are_offered() -> None:
    with pytest.raises(InputError, match=r"there are .*tconv15.*\[unknown-layer\]"):
        explain(npusim.load("fsrcnn-x2-hw", size=(32, 32)), layer="tconv")
