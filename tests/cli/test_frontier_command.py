"""``npusim frontier``: formats, pictures, the user's own network, and faults as one sentence."""

from __future__ import annotations

import csv
import io
import json
import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner, Result
from onnx import TensorProto, helper, numpy_helper

from npusim.cli import main

QUICK = ("--regime", "small")


def run(*args: str) -> Result:
    return CliRunner().invoke(main, ["frontier", *args], env={"COLUMNS": "140"})


def test_text_prints_the_front_and_what_is_not_drawn() -> None:
    done = run(*QUICK)
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("PSNR on Set14 x2 against MACs\nsmall networks, input 640x360, output 1280x720\n")
    row = next(line.split() for line in done.stdout.splitlines() if line.startswith("*  SESR-M5"))
    assert row[:5] == ["*", "SESR-M5", "32.84", "3.12", "13.6"]
    assert "* The Pareto front, the cheapest first: SESR-M3, SESR-M5, SESR-M7." in done.stdout
    assert "- no network of the zoo: DRCN (33.04, 17974.3 G)" in done.stdout
    assert "- not small by its number of parameters: " in done.stdout
    assert "VDSR (33.03)" in " ".join(done.stdout.split())
    assert "Recalled" not in done.stdout  # all of these were read


def test_what_is_recalled_is_listed() -> None:
    done = run(*QUICK, "--dataset", "urban100")
    assert "Recalled, to be confirmed, and drawn hollow" in done.stdout
    assert "SESR-M5 30.33" in done.stdout


def test_csv_and_json_hold_every_row() -> None:
    done = run(*QUICK, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    found = json.loads(run(*QUICK, "--format", "json").stdout)
    assert len(rows) == len(found["rows"]) == 86  # of Set14 x2 in models/quality.csv
    m5 = next(row for row in rows if row["name"] == "SESR-M5" and row["drawn"] == "True")
    assert (m5["network"], m5["psnr_db"], m5["macs_dense"], m5["on_front"]) == (
        "sesr-m5-x2", "32.84", str(640 * 360 * 13520), "True",
    )  # fmt: skip
    assert all(row["why_not_drawn"] for row in rows if row["drawn"] == "False")
    assert found["front"] == ["SESR-M3", "SESR-M5", "SESR-M7"]
    assert (found["against"], found["cost_key"], found["size"], found["profile"]) == (
        "macs", "macs_dense", "640x360", None,
    )  # fmt: skip


def test_estimates_of_the_npu() -> None:
    done = run(*QUICK, "--against", "latency", "--hardware-form", "--size", "64x48", "--set", "clock=500MHz")
    assert "PSNR on Set14 x2 against latency on ethos-n78 4tops-4ple" in done.stdout
    assert "time" in done.stdout
    sized = (*QUICK, "--against", "latency", "--hardware-form", "--size", "64x48", "--format", "json")
    full, halved = (json.loads(run(*sized, *more).stdout)["rows"] for more in ((), ("--set", "clock=500MHz")))
    pairs = [(a, b) for a, b in zip(full, halved, strict=True) if a["drawn"]]
    # Half the clock takes twice the time: DRAM is in bytes a cycle on this profile.
    assert {a["name"] for a, _ in pairs} == {"SESR-M3", "SESR-M5", "SESR-M7", "FSRCNN", "SRCNN-915"}
    assert [b["latency_s"] / a["latency_s"] for a, b in pairs] == pytest.approx([2.0] * 5)


def test_your_own(tmp_path: Path) -> None:
    model = tmp_path / "a, b.onnx"
    assert CliRunner().invoke(main, ["zoo", "export", "sesr-m5-x2", "-o", str(model)]).exit_code == 0
    done = run(*QUICK, "--add", f"my net,33.5,{model}", "--format", "json")
    assert done.exit_code == 0, done.stderr
    assert "my net" in json.loads(done.stdout)["front"]
    mine = next(row for row in json.loads(done.stdout)["rows"] if row["yours"])
    assert (mine["psnr_db"], mine["macs_dense"]) == (33.5, 640 * 360 * 13520)


@pytest.mark.parametrize(("name", "head"), [("a.png", b"\x89PNG"), ("a.svg", b"<?xml"), ("a.pdf", b"%PDF")])
def test_pictures(tmp_path: Path, name: str, head: bytes) -> None:
    target = tmp_path / name
    done = run(*QUICK, "--scale", "x4", "-o", str(target))
    assert done.exit_code == 0, done.stderr
    assert target.read_bytes().startswith(head)
    assert "PSNR on Set14 x4" in done.stdout  # printed all the same


def test_names_are_no_formulas_and_letters_that_a_font_lacks_are_no_warning(tmp_path: Path) -> None:
    name = "$\\foo$ \u7db2 <b>"
    for target in (tmp_path / "a.png", tmp_path / "a.svg"):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            done = run(*QUICK, "--add", f"{name},33,sesr-m7-x2", "-o", str(target))
        assert done.exit_code == 0, done.stderr
        assert done.stderr == ""
        assert name in done.stdout


def test_how_the_estimates_were_made_is_told() -> None:
    done = run(*QUICK, "--against", "dram", "--size", "64x48", "--equal-scales", "--set", "clock=1.2GHz")
    assert "level mapped, int8, planner vendor, activation compression 0 %, equal scales" in done.stdout
    assert "set: clock_hz=1.2GHz" in done.stdout
    assert "The estimate warns [approximated-op], see npusim estimate: SESR-M3, " in done.stdout


def test_a_network_whose_batch_is_open_is_added_one_inference_at_a_time(tmp_path: Path) -> None:
    """3x3 weights at each of 640x360 pixels."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 1, "h", "w"]) for name in ("x", "y")]
    weights = numpy_helper.from_array(np.ones((1, 1, 3, 3), np.float32), "k")
    node = helper.make_node("Conv", ["x", "k"], ["y"], pads=[1, 1, 1, 1])
    file = tmp_path / "open.onnx"
    graph = helper.make_graph([node], "open", ends[:1], ends[1:], [weights])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), file)
    done = run(*QUICK, "--add", f"mine,33,{file}", "--format", "json")
    assert done.exit_code == 0, done.stderr
    mine = next(each for each in json.loads(done.stdout)["rows"] if each["name"] == "mine")
    assert mine["macs"] == 9 * 640 * 360


def test_another_ending_holds_the_text(tmp_path: Path) -> None:
    target = tmp_path / "a.md"
    done = run(*QUICK, "--format", "md", "-o", str(target))
    assert (done.exit_code, done.stdout) == (0, "")
    assert target.read_text().startswith("# PSNR on Set14 x2 against MACs\n")


@pytest.mark.parametrize(
    "args",
    [
        ("--dataset", "none"), ("--scale", "5"), ("--scale", "3", "--dataset", "DIV2K", "--quality", "vmaf"),
        ("--against", "money"), ("--regime", "tiny"), ("--add", "a,b"), ("--add", "a,big,sesr-m3-x2"),
        ("--add", "a,-3,sesr-m3-x2"), ("--format", "xml"), ("--size", "0x3"), ("--add", ",30,sesr-m3-x2"),
        ("--set", "clock"), ("-o", "a.jpg"),
    ],
)  # fmt: skip
def test_wrong_options_are_one_sentence(args: tuple[str, ...]) -> None:
    done = run(*args)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr.strip().endswith("[bad-option]")
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_missing_file_or_profile_says_which() -> None:
    for args, code in (
        (("--add", "a,30,absent.onnx"), "absent.onnx: "), (("--profile", "absent"), "[unknown-profile]"),
        (("--add", "a,30,sesr-m99"), "[unknown-model]"),
    ):  # fmt: skip
        done = run(*args)
        assert done.exit_code == 2
        assert len(done.stderr.strip().splitlines()) == 1
        assert code in done.stderr
