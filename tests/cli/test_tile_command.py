"""``npusim tile``: its tables, its one line, its formats, its plots, its proofs and its faults."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner, Result
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from npusim.cli import main

PLAIN = ("--set", "target=generic")
SMALL = ("espcn-x2", "--size", "96x64", *PLAIN)


def run(*args: str) -> Result:
    return CliRunner(env={"COLUMNS": "120"}).invoke(main, ["tile", *args])


def right(*args: str) -> str:
    done = run(*args)
    assert done.exit_code == 0, done.stderr
    return done.stdout


def test_the_papers_tiles() -> None:
    said = right(
        "sesr-m5-x2-hw", "--size", "1920x1080", "--tiles", "400x300", "--activation-compression", "0.5",
        "--equal-scales",
    )  # fmt: skip
    assert "depends on pixels up to 9 beyond it" in said
    by_area = next(line for line in said.splitlines() if " area " in line)
    assert by_area.split()[:5] == ["400x300", "area", "1", "17.28", "28.04"]
    assert "27.70" in by_area
    assert "Best: the whole frame, 26.37 ms a frame" in said


def test_a_table_of_policies() -> None:
    said = right(*SMALL, "--tiles", "32x32,48x64", "--tiles", "200x200", "--policy", "grid,pad,halo:2")
    rows = [line.split()[:4] for line in said.splitlines() if line[:1].isdigit()]
    assert [row[:2] for row in rows if row[1] in ("grid", "pad", "halo:2")] == [
        [tile, policy] for tile in ("32x32", "48x64", "200x200") for policy in ("grid", "pad", "halo:2")
    ]
    assert "tiles larger than the frame end where it ends (but for pad): 200x200 [large-tile]" in said
    assert "depth-first, kept" in said


def test_a_search_and_its_best_line() -> None:
    said = right(*SMALL, "--sweep", "--least", "32x32", "--call-overhead", "10us")
    assert "The fastest of 5 tile sizes" in said  # 96 in 1, 2 and 3 columns, 64 in 1 and 2 rows, but for the frame
    assert "10 us a call" in said or "10.00 us a call" in said
    line = right(*SMALL, "--best", "--least", "32x32")
    assert line.startswith("Best: ")
    assert len(line.strip().splitlines()) == 1


def test_best_of_given_tiles_searches_nothing() -> None:
    line = right(*SMALL, "--best", "--tiles", "32x32", "--policy", "halo")
    assert line.startswith("Best: the whole frame")
    assert "32x32 tiles with policy halo" in line


def test_json_csv_and_markdown() -> None:
    made = json.loads(right(*SMALL, "--tiles", "32x32", "--sweep", "--policy", "halo", "--format", "json"))
    assert made["whole"]["macs"] == made["swept"]["front"][0]["macs"]
    assert made["halo"] == [[4, 4], [4, 4]]
    assert made["rows"][0]["calls"] == 6
    assert made["best"]["line"].startswith("Best: ")
    rows = list(
        csv.DictReader(io.StringIO(right(*SMALL, "--tiles", "32x32", "--sweep", "--policy", "halo", "--format", "csv")))
    )
    assert {row["kind"] for row in rows} >= {"asked", "swept"}
    tile = next(row for row in rows if row["policy"] == "halo" and row["kind"] == "asked")
    # Columns of 36, 40 and 36 by rows of 36 and 36, of 96 x 64 pixels.
    assert float(tile["recompute"]) == pytest.approx(112 * 72 / (96 * 64) - 1)
    assert tile["shapes"] == "36x36:4;40x36:2"
    assert "| tile | policy |" in right(*SMALL, "--tiles", "32x32", "--format", "md")


def test_batches_of_tiles() -> None:
    made = json.loads(right(*SMALL, "--tiles", "32x32", "--policy", "grid", "--batch", "3", "--format", "json"))
    assert (made["batch"], made["whole"]["calls"], made["rows"][0]["calls"]) == (3, 1, 2)


def test_files_and_plots(tmp_path: Path) -> None:
    done = run(
        *SMALL, "--sweep", "--least", "24x16", "--plot", str(tmp_path / "map.png"), "-o", str(tmp_path / "tiles.txt"),
    )  # fmt: skip
    assert (done.exit_code, done.stdout) == (0, "")
    assert "Best: " in (tmp_path / "tiles.txt").read_text()
    right(*SMALL, "--tiles", "24x16,32x32", "--plot", str(tmp_path / "lines.svg"))
    with Image.open(tmp_path / "map.png") as picture:
        assert picture.width > picture.height > 400
        assert len(set(picture.convert("L").resize((64, 32)).tobytes())) > 8
    assert "depth-first, kept" in (tmp_path / "lines.svg").read_text() or "<svg" in (tmp_path / "lines.svg").read_text()


# --- proofs -----------------------------------------------------------------------------------------------------------


def test_a_proof_on_the_picture_that_ships(tmp_path: Path) -> None:
    seams = tmp_path / "seams.png"
    said = right("sesr-m3-x2", "--prove", "--tiles", "80x54", "--policy", "grid,halo", "--seams", str(seams))
    assert "luma of chelsea.png (160x108)" in said
    assert "trained" in said
    with_halo = next(line for line in said.splitlines() if " halo " in line)
    assert with_halo.endswith("the same")
    assert "equal" in with_halo
    assert next(line for line in said.splitlines() if " grid " in line).endswith("differs")
    with Image.open(seams) as picture:
        assert picture.width > 2 * picture.height


def test_a_proof_on_a_picture_of_ones_own(tmp_path: Path) -> None:
    picture = tmp_path / "own.png"
    Image.fromarray(np.arange(48 * 32, dtype=np.uint8).reshape(32, 48)).save(picture)
    asked = ("espcn-x2", "--prove", "--tiles", "16x16", "--policy", "halo")
    made = json.loads(right(*asked, "--image", str(picture), "--format", "json"))
    assert made["frame"] == [48, 32]
    assert made["proofs"][0]["same"] is True
    rows = right("espcn-x2", "--prove", "--tiles", "16x16", "--size", "20x18", "--format", "csv").splitlines()
    assert [row.split(",")[:2] for row in rows[1:]] == [["16x16", "grid"], ["16x16", "pad"], ["16x16", "halo"]]


def test_a_proof_on_inputs_that_no_picture_fills(tmp_path: Path) -> None:
    file = _added(tmp_path, "b")
    sized = (file, "--size", "16x12", "--prove", "--tiles", "8x8")
    made = json.loads(right(*sized, "--policy", "halo", "--format", "json"))
    assert (made["frame"], made["input"]) == ([16, 12], "seeded (0)")
    assert made["proofs"][0]["same"] is True
    picture = tmp_path / "own.png"
    Image.new("L", (16, 12)).save(picture)
    asked = run(*sized, "--image", str(picture))
    assert asked.exit_code == 2
    assert "a picture fills one input, and the graph has 2" in asked.stderr


def _added(folder: Path, *more: str) -> str:
    """A 3x3 convolution of one input plus the others, all of one size that is free."""
    weights = numpy_helper.from_array(np.ones((1, 1, 3, 3), np.float32), "w")
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 1, "h", "w"]) for n in ("a", *more, "y")]
    conv = helper.make_node("Conv", ["a", "w"], ["c"], pads=[1, 1, 1, 1])
    graph = helper.make_graph(
        [conv, helper.make_node("Sum", ["c", *more], ["y"])], "sum", ends[:-1], ends[-1:], [weights]
    )
    file = folder / "sum.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), file)
    return str(file)


def test_the_picture_that_is_proven_on_is_not_drawn_over(tmp_path: Path) -> None:
    picture = tmp_path / "own.png"
    Image.new("L", (16, 12)).save(picture)
    before = picture.read_bytes()
    for option in ("--seams", "-o"):
        done = run("espcn-x2", "--prove", "--tiles", "8x8", "--image", str(picture), option, str(picture))
        assert done.exit_code == 2
        assert len(done.stderr.splitlines()) == 1
    assert picture.read_bytes() == before


# --- what the best is worth -------------------------------------------------------------------------------------------


def test_the_best_says_where_it_changes_the_result() -> None:
    """Nothing saved by compression, the paper's tiles by area are faster than the frame, and with their halo slower."""
    asked = ("sesr-m5-x2-hw", "--size", "1920x1080", "--tiles", "400x300", "--best")
    line = right(*asked)
    assert line.startswith("Best: 400x300 tiles with policy area, ")
    assert line.endswith("It changes the result; the fastest that does not is the whole frame, 31.22 ms a frame.\n")
    assert "changes" not in right(*asked, "--policy", "halo")
    assert "the result differs near seams: area; --prove" in right(*asked[:-1])
    assert "near seams" not in right(*asked[:-1], "--policy", "halo,halo:9")
    rows = csv.DictReader(io.StringIO(right(*asked[:-1], "--policy", "grid,halo:8,halo:9", "--format", "csv")))
    assert [row["exact"] for row in rows][:4] == ["True", "False", "False", "True"]


def test_times_without_an_operator_are_lower_bounds(tmp_path: Path) -> None:
    """Of an operator that nobody knows it is not known either how far it sees."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, "h", "w"]) for name in ("x", "y")]
    nodes = [helper.make_node("Relu", ["x"], ["r"]), helper.make_node("Magic", ["r"], ["y"], "magic", domain="own")]
    graph = helper.make_graph(nodes, "magic", ends[:1], ends[1:])
    file = tmp_path / "magic.onnx"
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), file)
    asked = (str(file), "--size", "32x32", "--tiles", "16x16", "--policy", "grid")
    assert "All times are lower bounds, since an operator is not known." in right(*asked, "--best", "-q")
    said = " ".join(right(*asked).split())
    assert "no halo of a tile is known to suffice" in said
    assert "tiles may change the result beyond their seams: own::Magic 'magic': npusim does not know" in said
    rows = csv.DictReader(io.StringIO(right(*asked, "--format", "csv")))
    assert {row["lower_bound"] for row in rows} == {"True"}


def test_what_tiles_compute_again_without_a_halo(tmp_path: Path) -> None:
    """A product behind a global mean runs once a tile: 4 more runs of it than once, and no halo is the reason."""
    weights = [
        numpy_helper.from_array(np.ones(s, np.float32), n)
        for n, s in (
            ("w", (8, 1, 3, 3)),
            (
                "v",
                (
                    8,
                    64,
                ),
            ),
        )
    ]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", [1, 1, 32, 32]), ("y", None))]
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("GlobalAveragePool", ["c"], ["g"]),
        helper.make_node("Flatten", ["g"], ["f"]), helper.make_node("MatMul", ["f", "v"], ["y"]),
    ]  # fmt: skip
    file = tmp_path / "class.onnx"
    graph = helper.make_graph(nodes, "class", ends[:1], ends[1:], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), file)
    line = right(str(file), "--tiles", "16x16", "--policy", "grid", "--best")
    assert "more MACs for what each tile computes anew" in line
    assert "halo" not in line


# --- faults -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "code"),
    [
        ((*SMALL,), "bad-option"),
        ((*SMALL, "--tiles", "0x32"), "bad-option"),
        ((*SMALL, "--tiles", "-4x32"), "bad-option"),
        ((*SMALL, "--tiles", "32"), "bad-option"),
        ((*SMALL, "--tiles", "32x32", "--policy", "none"), "bad-option"),
        ((*SMALL, "--sweep", "--policy", "grid,halo"), "bad-option"),
        ((*SMALL, "--sweep", "--least", "200x200"), "bad-option"),
        ((*SMALL, "--sweep", "--estimates", "0"), "bad-option"),
        ((*SMALL, "--tiles", "32x32", "--call-overhead", "50"), "bad-option"),
        ((*SMALL, "--tiles", "32x32", "--call-overhead", "-1us"), "bad-option"),
        ((*SMALL, "--tiles", "32x32", "--image", "x.png"), "bad-option"),
        ((*SMALL, "--tiles", "32x32", "--seams", "x.png"), "bad-option"),
        ((*SMALL, "--tiles", "32x32", "--format", "pdf"), "bad-option"),
        *(((*SMALL, "--tiles", "32x32", "--plot", f"x{end}"), "bad-option") for end in ("", ".txt", ".jpg", ".eps")),
        ((*SMALL, "--tiles", "32x32", "--prove", "--seams", "x.txt"), "bad-option"),
        ((*SMALL, "--tiles", "32x32", "--prove", "--policy", "area,halo"), "bad-option"),
        *(
            ((*SMALL, "--tiles", "32x32", "--prove", *more), "bad-option")
            for more in (("--sweep",), ("--best",), ("--plot", "a.png"), ("--call-overhead", "5us"), ("--least", "8x8"))
        ),
        ((*SMALL, "--prove"), "bad-option"),
        (("espcn-x2", "--prove", "--tiles", "16x16", "--image", "absent.png"), "not-found"),
        (("espcn-x2", "--tiles", "32x32"), "dynamic-dim"),
        (("imdn-x2", "--size", "64x64", "--tiles", "32x32", "--policy", "halo", *PLAIN), "global-receptive-field"),
        (("nothing-x2", "--size", "64x64", "--tiles", "32x32"), "unknown-model"),
        ((*SMALL, "--shape", "input=1x1x64x64", "--tiles", "32x32"), "bad-option"),
    ],
)  # fmt: skip
def test_faults_are_one_sentence(args: tuple[str, ...], code: str) -> None:
    done = run(*args)
    assert done.exit_code == 2
    said = done.stderr.strip().splitlines()
    assert len(said) == 1
    assert said[0].endswith(f"[{code}]")


def _strided(folder: Path) -> str:
    """A convolution of stride 2 over a frame of 32x32 that the file fixes."""
    weights = numpy_helper.from_array(np.ones((1, 1, 3, 3), np.float32), "w")
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", [1, 1, 32, 32]), ("y", None))]
    node = helper.make_node("Conv", ["x", "w"], ["y"], strides=[2, 2], pads=[1, 1, 1, 1])
    file = folder / "strided.onnx"
    graph = helper.make_graph([node], "strided", ends[:1], ends[1:], [weights])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), file)
    return str(file)


def test_tiles_that_strides_do_not_divide(tmp_path: Path) -> None:
    file = _strided(tmp_path)
    done = run(file, "--tiles", "15x16", "--policy", "halo", *PLAIN)
    assert done.exit_code == 2
    assert "15x16: a width of 15 does not start tiles where the network's strides do, every 2 pixels" in done.stderr
    said = right(file, "--tiles", "16x16", "--policy", "halo", *PLAIN)  # at the size that the file has
    assert "frame 32x32, tiles in pixels of the network's input, starting at multiples of 2x2" in said


def test_a_network_without_a_frame(tmp_path: Path) -> None:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "flat", ends[:1], ends[1:])
    file = tmp_path / "flat.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), file)
    for more in ((), ("--prove",)):
        done = run(str(file), "--tiles", "2x2", *more)
        assert done.exit_code == 2
        assert "has no input of four axes" in done.stderr
