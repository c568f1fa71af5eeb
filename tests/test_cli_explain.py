"""``npusim explain``: its sentence, its tables, its formats and its faults."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import onnx
import pytest
from click.testing import CliRunner, Result
from onnx import TensorProto, helper

from npusim.cli import main
from npusim.errors import EstimateError
from npusim.result import Estimate


def run(*args: str) -> Result:
    return CliRunner().invoke(main, ["explain", *args], env={"COLUMNS": "100"})


def test_fsrcnn_in_a_sentence() -> None:
    done = run("fsrcnn-x2-hw", "--size", "1920x1080")
    assert done.exit_code == 0
    said = " ".join(done.stdout.split())
    assert "tconv15 (ConvTranspose 9x9) takes" in said
    assert "is limited by the MAC array" in said
    assert "zero-stuffed tensor goes through DRAM" in said
    assert "--set dram=32B/cycle" in said


def test_one_layer_shows_bounds_traffic_and_choices() -> None:
    done = run("sesr-m5-x2-hw", "--size", "640x360", "--layer", "conv2")
    assert done.exit_code == 0
    for part in ("conv2:", "bound", "vector unit", "DRAM IFM", "algorithm", "#"):
        assert part in done.stdout


def test_json_and_markdown_and_a_file(tmp_path: Path) -> None:
    made = json.loads(run("sesr-m3-x2", "--size", "64x64", "--format", "json").stdout)
    assert made["findings"][0]["share"] > 0
    assert made["model"]["name"] == "sesr-m3-x2"
    assert made["summary"].endswith(".")
    target = tmp_path / "why.md"
    done = run("sesr-m3-x2", "--size", "64x64", "--format", "md", "-o", str(target), "--assumptions")
    assert done.stdout == ""
    assert "| change |" in target.read_text()
    assert "takes for granted" in target.read_text()


def test_a_page_with_the_explanation_in_it(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    args = ("fsrcnn-x2-hw", "--size", "192x108", "--format", "html", "-o", str(file))
    assert run(*args).exit_code == 0
    page = file.read_text()
    assert ">Why it takes that long</h2>" in page
    assert "--set dram=32B/cycle" in page
    assert f"npusim explain fsrcnn-x2-hw --size 192x108 --format html -o {file}" in page


def test_a_change_that_cannot_be_tried_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **options: Any) -> Estimate:
        raise EstimateError("no stripe fits", code="no-plan")

    monkeypatch.setattr("npusim.explain.trials.estimate", refuse)
    done = run("sesr-m3-x2-hw", "--size", "64x64")
    assert done.exit_code == 0
    assert "- twice the SRAM: not possible, no stripe fits" in done.stdout
    assert "--set sram" not in done.stdout


def test_a_network_that_takes_no_time_has_a_sentence_alone(tmp_path: Path) -> None:
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "still", value[:1], value[1:])
    file = tmp_path / "still.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), file)
    done = run(str(file), "--set", "target=generic")  # the vendor's compiler copies an input to an output
    assert done.exit_code == 0
    assert "still takes no time on 4tops-4ple: nothing in it is costed." in done.stdout
    assert "[nothing-costed]" in done.stdout
    assert "What takes the time" not in done.stdout
    assert "What would make it faster" not in done.stdout


def test_faults_are_one_sentence() -> None:
    for args, code in (
        (("sesr-m3-x2", "--size", "64x64", "--layer", "nothing"), "[unknown-layer]"),
        (("sesr-m3-x2",), "[dynamic-dim]"),
        (("sesr-m3-x2", "--size", "64x64", "--format", "csv"), "[bad-option]"),
        (("sesr-m9-x2", "--size", "64x64"), "[unknown-model]"),
    ):
        done = run(*args)
        assert done.exit_code == 2
        assert done.stdout == ""
        assert done.stderr.strip().endswith(code)
        assert len(done.stderr.strip().splitlines()) == 1
