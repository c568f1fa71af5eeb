"""Pages from the command line: of an estimate, of a saved one, of tilings; with other results beside them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from npusim.cli import main

SIZED = ("sesr-m3-x2-hw", "--size", "192x108")


def page(*args: str) -> str:
    done = CliRunner().invoke(main, [*args, "--format", "html"])
    assert done.exit_code == 0, done.stderr
    return done.stdout


def heading(text: str) -> list[str]:
    return re.findall(r"<h2 [^>]*>([^<]*)</h2>", text)


def test_an_estimate_and_the_same_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    assert CliRunner().invoke(main, ["estimate", *SIZED, "--format", "json", "-o", str(file)]).exit_code == 0
    saved, at_once = page("report", str(file)), page("estimate", *SIZED)
    command = "npusim estimate sesr-m3-x2-hw --size 192x108 --format"
    assert f"{command} json -o {file}" in saved
    assert f"{command} html" in at_once
    assert heading(saved) == heading(at_once)
    assert heading(saved)[0] == "Totals of one inference"


def test_both_planners(tmp_path: Path) -> None:
    text = page("estimate", *SIZED, "--compare-planner")
    assert "Comparison" in heading(text)
    assert "Against planner vendor: planner best takes" in text
    text = page("estimate", *SIZED, "--planner", "best", "--compare-planner")
    assert "Against planner best: planner vendor takes" in text


def test_a_saved_result_beside_others(tmp_path: Path) -> None:
    files = []
    for variant in ("4tops-4ple", "8tops-2ple", "1tops-4ple"):
        files.append(str(tmp_path / f"{variant}.json"))
        args = ["estimate", *SIZED, "--variant", variant, "--format", "json", "-o", files[-1]]
        assert CliRunner().invoke(main, args).exit_code == 0
    text = page("report", files[0], "--against", files[1], "--against", files[2])
    for variant in ("4tops-4ple", "8tops-2ple", "1tops-4ple"):
        assert f">ethos-n78 {variant}</th>" in text


def test_tilings_of_a_frame() -> None:
    text = page("tile", *SIZED, "--tiles", "96x54", "--policy", "halo")
    assert "The frame in tiles" in heading(text)
    assert re.search(r">96x54</th><td[^>]*>halo</td>", text)
    done = CliRunner().invoke(main, ["tile", *SIZED, "--tiles", "96x54", "--prove", "--format", "html"])
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "[bad-option]" in done.stderr


def test_jinja_is_loaded_for_pages_alone() -> None:
    code = (
        "import sys; from npusim.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "finally: print(sorted({'jinja2', 'matplotlib', 'pandas'} & set(sys.modules)), file=sys.stderr)"
    )
    for form, loaded in (("text", "[]"), ("html", "['jinja2']")):
        argv = [sys.executable, "-c", code, "estimate", *SIZED, "--format", form]
        done = subprocess.run(argv, capture_output=True, text=True, check=True)
        assert done.stderr.splitlines()[-1] == loaded


def test_costs_of_tiles_need_no_file_format() -> None:
    code = (
        "import sys; from npusim.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "finally: print(sorted({'jinja2', 'matplotlib', 'onnx', 'pandas', 'PIL'} & set(sys.modules)), file=sys.stderr)"
    )
    argv = [sys.executable, "-c", code, "tile", *SIZED, "--tiles", "96x54"]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"
