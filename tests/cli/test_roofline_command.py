"""``npusim roofline``: formats, pictures, several networks, faults."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from npusim.cli import main

SIZED = ("--size", "320x180", "--equal-scales")


def run(*args: str) -> Result:
    return CliRunner().invoke(main, ["roofline", *args], env={"COLUMNS": "120"})


def test_text_has_the_ceilings_a_table_a_network_and_what_has_no_place() -> None:
    done = run("sesr-m5-x2-hw", "fsrcnn-x2-hw", *SIZED)
    assert done.exit_code == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "The roofline of ethos-n78 4tops-4ple"
    assert next(line for line in lines if line.startswith("Winograd")).split()[:2] == ["Winograd", "4,608"]
    assert "sesr-m5-x2-hw: input 1x1x180x320" in lines
    assert "fsrcnn-x2-hw: input 1x1x180x320" in lines
    aside = next(line for line in lines if line.startswith("- not under the roofline, no MACs: "))
    assert "add12 (" in aside


def test_csv_and_json_hold_every_layer() -> None:
    rows = list(csv.DictReader(io.StringIO(run("sesr-m5-x2-hw", *SIZED, "--format", "csv").stdout)))
    assert [row["layer"] for row in rows] == [
        "", "conv1.convert", "conv1", "conv2", "conv4", "conv6", "conv8", "conv10", "add12", "conv13", "shuffle14",
    ]  # fmt: skip
    for row in rows:
        assert bool(row["macs_per_byte"]) != bool(row["why_not_drawn"])
        if row["macs_per_byte"]:
            assert float(row["macs_per_byte"]) == pytest.approx(int(row["macs_dense"]) / int(row["dram_bytes"]))
            assert float(row["macs_per_s"]) == pytest.approx(int(row["macs_dense"]) / float(row["latency_s"]))
    found = json.loads(run("sesr-m5-x2-hw", *SIZED, "--format", "json").stdout)
    assert [each["name"] for each in found["ceilings"]] == ["direct", "Winograd", "DRAM"]
    assert len(found["rows"]) == len(rows)


def test_many_layers_without_a_place_are_counted() -> None:
    done = run("carn-m-x2", *SIZED)
    aside = " ".join(done.stdout.split())
    assert "not under the roofline, no MACs: " in aside
    assert " more (" in aside
    found = json.loads(run("carn-m-x2", *SIZED, "--format", "json").stdout)
    assert found["options"]["equal_scales"] is True
    named = aside.partition("no MACs: ")[2].partition(" - ")[0]
    without = sum(1 for row in found["rows"] if row["why_not_drawn"] == "no MACs")
    assert named.count("(") - 1 + int(named.partition(" and ")[2].split()[0]) == without


def test_a_network_without_macs_is_told_and_drawn_empty(tmp_path: Path) -> None:
    pool = Path(__file__).parents[1] / "cases" / "avgpool_ceil.onnx"
    done = run(str(pool), "-o", str(tmp_path / "a.png"))
    assert done.exit_code == 0, done.stderr
    assert "- not under the roofline, no MACs: AveragePool_y (100.0 %)" in done.stdout
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_warnings_are_told() -> None:
    assert "- [approximated-op] PReLU is costed as leaky ReLU" in run("fsrcnn-x2", *SIZED).stdout


@pytest.mark.parametrize(("name", "head"), [("a.png", b"\x89PNG"), ("a.svg", b"<?xml")])
def test_pictures(tmp_path: Path, name: str, head: bytes) -> None:
    target = tmp_path / name
    done = run("carn-x2", "sesr-m5-x2-hw", *SIZED, "--profile", "ethos-u65", "-o", str(target))
    assert done.exit_code == 0, done.stderr
    assert target.read_bytes().startswith(head)
    assert "| ceiling |" in run("espcn-x2", *SIZED, "--format", "md").stdout


@pytest.mark.parametrize(
    ("args", "code"),
    [
        ((), "[bad-option]"), (("sesr-m99", *SIZED), "[unknown-model]"), (("sesr-m5-x2-hw",), "[dynamic-dim]"),
        (("sesr-m5-x2-hw", "--profile", "absent", *SIZED), "[unknown-profile]"),
        (("sesr-m5-x2-hw", "--format", "html", *SIZED), "[bad-option]"),
        (("sesr-m5-x2-hw", "--level", "roofline", *SIZED), "[bad-option]"),
        (("sesr-m5-x2-hw", "-o", "a.jpg", *SIZED), "[bad-option]"),
    ],
)  # fmt: skip
def test_faults_are_one_sentence(args: tuple[str, ...], code: str) -> None:
    done = run(*args)
    assert done.exit_code == 2
    assert done.stderr.strip().endswith(code)
    assert len(done.stderr.strip().splitlines()) == 1
