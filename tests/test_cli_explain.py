"""``npusim explain``: its sentence, its tables, its formats and its faults."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from npusim.cli import main


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
