"""``npusim accuracy`` on a part of the tables: formats, exit codes, faults."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from npusim import validation
from npusim.cli import main


def run(*args: str) -> Result:
    return CliRunner().invoke(main, ["accuracy", *args], env={"COLUMNS": "120"})


def test_a_group_of_one_variant_in_every_format(tmp_path: Path) -> None:
    done = run("--variant", "1tops-4ple", "--group", "sr", "--plot", str(tmp_path / "plot.png"))
    assert done.exit_code == 0
    assert "Every bound holds." in done.stdout
    assert (tmp_path / "plot.png").stat().st_size > 10_000
    target = tmp_path / "accuracy.json"
    assert run("--variant", "1TOPS_4PLE", "--group", "sr", "--format", "json", "-o", str(target)).exit_code == 0
    assert json.loads(target.read_text())["holds"] is True
    assert "| variant |" in run("--variant", "1tops-4ple", "--group", "sr", "--format", "md").stdout
    assert run("--variant", "1tops-4ple", "--group", "sr", "--format", "csv").stdout.startswith("of,variant,group")


def test_a_missed_bound_is_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    missed = validation.AccuracyReport(
        groups=(validation.Group("networks", "4TOPS_4PLE", "paper", "cycles", (validation.Point("a", 1.0, 2.0),)),),
        checks=(validation.Check("networks", (), (), "cycles", "worst", 0.02, 1.0),),
        left_out={},
    )
    monkeypatch.setattr(validation, "accuracy", lambda *_: missed)
    done = run()
    assert done.exit_code == 1
    assert "MISSED" in done.stdout
    assert done.stderr.strip().endswith("[accuracy]")


def test_faults_are_one_sentence() -> None:
    for args, code in ((("--variant", "9tops"), "[unknown-variant]"), (("--group", "none"), "[bad-option]")):
        done = run(*args)
        assert done.exit_code == 2
        assert done.stderr.strip().endswith(code)
        assert len(done.stderr.strip().splitlines()) == 1
