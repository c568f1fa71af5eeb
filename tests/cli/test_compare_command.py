"""``npusim compare``: the grid, the base line, formats, the paper's claims, faults."""

from __future__ import annotations

import csv
import io
import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from npusim.cli import main
from npusim.errors import EstimateError

SIZED = ("--size", "64x48")


def run(*args: str) -> Result:
    return CliRunner().invoke(main, ["compare", *args], env={"COLUMNS": "150"})


def test_every_network_on_every_profile_at_every_size() -> None:
    done = run(
        "sesr-m5-x2-hw", "fsrcnn-x2-hw", "--profile", "ethos-n78", "--profile", "ethos-n78:8tops-2ple",
        "--size", "64x48", "--size", "32x24", "--format", "json",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert {(row["model"], row["variant"], row["size"]) for row in found["rows"]} == {
        (model, variant, size)
        for model in ("sesr-m5-x2-hw", "fsrcnn-x2-hw")
        for variant in ("4tops-4ple", "8tops-2ple")
        for size in ("64x48", "32x24")
    }
    assert found["baseline"] == "sesr-m5-x2-hw"
    assert [row["latency_times_less"] for row in found["rows"] if row["model"] == "sesr-m5-x2-hw"] == [1.0] * 4
    assert found["options"]["dtype"] == "int8"


def test_text_leaves_out_what_all_rows_share() -> None:
    done = run("sesr-m5-x2-hw", "fsrcnn-x2-hw", *SIZED, "--baseline", "fsrcnn-x2-hw")
    lines = done.stdout.splitlines()
    assert lines[0] == "Compared with fsrcnn-x2-hw"
    assert lines[1] == "ethos-n78 4tops-4ple, 64x48"
    assert "profile" not in lines[4]
    base = next(line for line in lines if line.startswith("fsrcnn"))
    assert base.split()[-4:] == ["base"] * 4
    # FSRCNN's dense 26,072 MACs a pixel over SESR-M5's 13,520.
    assert next(line for line in lines if line.startswith("sesr")).split()[-2] == "1.93"


def test_how_it_was_made_and_what_is_warned_of() -> None:
    done = run(
        "fsrcnn-x2",
        *SIZED,
        "--profile",
        "ethos-n78",
        "--profile",
        "ethos-u65",
        "--dtype",
        "int8",
        "--set",
        "clock=500MHz",
    )
    said = " ".join(done.stdout.split())
    assert (
        "level mapped, int8, planner vendor, activation compression 0 %, scales as in the graph, set clock_hz=500MHz"
        in said
    )
    assert "- The estimate warns [approximated-op], see npusim estimate: fsrcnn-x2." in done.stdout
    mixed = run("sesr-m3-x2", *SIZED, "--profile", "ethos-n78", "--profile", "ethos-n78:2tops-4ple")
    # The second is not planned by the vendor's compiler, and so planned with best.
    assert "ethos-n78 4tops-4ple: level mapped, int8, planner vendor" in mixed.stdout
    assert "ethos-n78 2tops-4ple: level mapped, int8, planner best" in mixed.stdout


def test_csv_and_md() -> None:
    rows = list(csv.DictReader(io.StringIO(run("sesr-m3-x2", "sesr-m5-x2", *SIZED, "--format", "csv").stdout)))
    assert [row["model"] for row in rows] == ["sesr-m3-x2", "sesr-m5-x2"]
    assert rows[1]["macs_dense"] == str(64 * 48 * 13520)
    assert float(rows[1]["latency_times_less"]) == pytest.approx(
        float(rows[0]["latency_s"]) / float(rows[1]["latency_s"])
    )
    assert "| network |" in run("sesr-m3-x2", *SIZED, "--format", "md").stdout


def test_a_page_shows_names_as_they_are(tmp_path: Path) -> None:
    model = tmp_path / "<script>alert(1).onnx"
    assert CliRunner().invoke(main, ["zoo", "export", "sesr-m3-x2", "-o", str(model)]).exit_code == 0
    page = run(str(model), "sesr-m5-x2", *SIZED, "--format", "html").stdout
    assert page.startswith("<!doctype html>")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "base" in page


def test_a_network_that_has_no_plan_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    estimates = import_module("npusim.estimate")  # npusim itself has a function of that name
    real = estimates.estimate

    def refuses(graph: Any, *args: Any, **more: Any) -> Any:
        if graph.name == "vdsr-x2":
            raise EstimateError("it does not fit", code="no-plan", where="conv1")
        return real(graph, *args, **more)

    monkeypatch.setattr(estimates, "estimate", refuses)
    done = run("sesr-m3-x2", "vdsr-x2", *SIZED)
    assert done.exit_code == 0
    assert "- vdsr-x2 ethos-n78 64x48: conv1: it does not fit [no-plan]" in done.stdout
    assert run("sesr-m3-x2", "vdsr-x2", *SIZED, "--strict").exit_code == 1


def test_the_papers_claims() -> None:
    done = run("--paper-claims")
    assert done.exit_code == 0
    row = next(line for line in done.stdout.splitlines() if line.startswith("SESR-M5 6.15x faster than FSRCNN"))
    assert "differs by +30.2 %" in row
    assert "6 of 11 hold, rounded or cut to the digits stated; 3 differ; 2 cannot be checked." in done.stdout
    found = json.loads(run("--paper-claims", "--format", "json").stdout)
    assert len(found) == 11
    assert {"claim", "stated", "npusim", "formula", "verdict", "source", "confidence"} <= set(found[0])
    page = run("--paper-claims", "--format", "html").stdout
    assert '<td class="num">6.15x</td>' in page
    assert run("--paper-claims", "--format", "csv").stdout.startswith("claim,stated,unit,formula")


@pytest.mark.parametrize(
    ("args", "code"),
    [
        ((), "[bad-option]"), (("sesr-m5-x2", *SIZED, "--baseline", "vdsr-x2"), "[bad-option]"),
        (("sesr-m5-x2", "--paper-claims"), "[bad-option]"), (("sesr-m5-x2", "--size", "9"), "[bad-option]"),
        (("--paper-claims", *SIZED), "[bad-option]"), (("--paper-claims", "--no-equal-scales"), "[bad-option]"),
        (("--paper-claims", "--set", "clock=1GHz"), "[bad-option]"),
        (("sesr-m5-x2", *SIZED, "--profile", "ethos-n78:9tops"), "[unknown-variant]"),
        (("sesr-m5-x2", *SIZED, "--profile", "ethos-n78", "--profile", "absent"), "[unknown-profile]"),
        (("sesr-m5-x2", "sesr-m99", *SIZED), "[unknown-model]"),
    ],
)  # fmt: skip
def test_faults_are_one_sentence(args: tuple[str, ...], code: str) -> None:
    done = run(*args)
    assert done.exit_code == 2
    assert done.stderr.strip().endswith(code)
    assert len(done.stderr.strip().splitlines()) == 1
