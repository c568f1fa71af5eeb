"""Wrong input on the command line: exit code 2, one sentence on stderr with a code, no traceback, no file left."""

from __future__ import annotations

import re
from pathlib import Path

import onnx
import pytest
from click.testing import CliRunner, Result
from onnx import TensorProto, helper

from npusim.cli import main
from npusim.resources import path

SENTENCE = re.compile(r"[^\n]+ \[[a-z0-9-]+\]\n")
ZOO = ("estimate", "sesr-m5-x2-hw")
SIZED = (*ZOO, "--size", "32x32")


def run(*args: str) -> Result:
    return CliRunner().invoke(main, list(args))


def code_of(done: Result) -> str:
    """The code of the one sentence that a failed run prints."""
    assert done.stdout == ""
    assert SENTENCE.fullmatch(done.stderr), done.stderr
    assert "Traceback" not in done.stderr
    assert "Usage:" not in done.stderr
    return done.stderr.rstrip("]\n").rpartition("[")[2]


def model(tmp_path: Path, name: str, *nodes: onnx.NodeProto, shape: tuple[str | int, ...] = (1, 3, 8, 8)) -> str:
    """A file with these nodes between ``x`` and ``y``."""
    graph = helper.make_graph(
        list(nodes), "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )  # fmt: skip
    file = tmp_path / name
    file.write_bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    )
    return str(file)


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("estimate",), "bad-option"),
        (("estimate", "a", "b"), "bad-option"),
        (("nothing",), "bad-option"),
        (("zoo", "nothing"), "bad-option"),
        (("--nothing",), "bad-option"),
        ((*SIZED, "--nothing"), "bad-option"),
        ((*SIZED, "--siz", "1x1"), "bad-option"),
        ((*ZOO, "--size"), "bad-option"),
        ((*ZOO, "--size", "0x0"), "bad-option"),
        ((*ZOO, "--size", "-1x5"), "bad-option"),
        ((*ZOO, "--size", "5x-1"), "bad-option"),
        ((*ZOO, "--size", "99999999999x1"), "bad-option"),
        ((*ZOO, "--size", "1x" + "9" * 5000), "bad-option"),
        ((*ZOO, "--size", "abc"), "bad-option"),
        ((*ZOO, "--size", ""), "bad-option"),
        ((*ZOO, "--size", "12"), "bad-option"),
        ((*ZOO, "--size", "1.5x2"), "bad-option"),
        ((*ZOO, "--size", "1000000x1000000", "--batch", "1000000000"), "bad-option"),
        ((*ZOO, "--shape", "input"), "bad-option"),
        ((*ZOO, "--shape", "=1x1"), "bad-option"),
        ((*ZOO, "--shape", "input="), "bad-option"),
        ((*ZOO, "--shape", "input=1xax1x1"), "bad-option"),
        ((*ZOO, "--shape", "input=1x1x0x1"), "bad-option"),
        ((*ZOO, "--shape", "input=1x1"), "bad-option"),
        ((*ZOO, "--shape", "input=1x1x8x8", "--shape", "input=1x1x9x9"), "bad-option"),
        ((*SIZED, "--shape", "other=1x1x8x8"), "bad-option"),
        ((*SIZED, "--dim", "nothing=5"), "bad-option"),
        ((*SIZED, "--dim", "H"), "bad-option"),
        ((*SIZED, "--dim", "H=1", "--dim", "H=2"), "bad-option"),
        ((*SIZED, "--dim", "H=-4"), "bad-option"),
        ((*SIZED, "--batch", "0"), "bad-option"),
        ((*SIZED, "--batch", "two"), "bad-option"),
        ((*SIZED, "--top", "0"), "bad-option"),
        ((*SIZED, "--top", "-3"), "bad-option"),
        ((*SIZED, "--dtype", "int9"), "bad-option"),
        ((*SIZED, "--dtype", "string"), "bad-option"),
        (("explain", *SIZED[1:], "--dtype", "complex64"), "bad-option"),
        ((*SIZED, "--activation-compression", "much"), "bad-option"),
        ((*SIZED, "--activation-compression", "1.5"), "bad-option"),
        ((*SIZED, "--activation-compression", "-0.1"), "bad-option"),
        ((*SIZED, "--level", "exact"), "bad-option"),
        ((*SIZED, "--planner", "worst"), "bad-option"),
        ((*SIZED, "--format", "pdf"), "bad-option"),
        ((*SIZED, "--compare-planner"), "bad-option"),
        (("report", "no-such.json", "--against", "no-such.json"), "bad-option"),
        (("report", "no-such.json", "--against", "no-such.json", "--format", "html"), "bad-result"),
        (("zoo", "list", "--format", "png"), "bad-option"),
        ((*SIZED, "--profile", "nothing"), "unknown-profile"),
        ((*SIZED, "--profile", "nothing", "--variant", "big"), "unknown-profile"),
        ((*SIZED, "--profile", "no/such.toml"), "unknown-profile"),
        ((*SIZED, "--variant", "9tops"), "unknown-variant"),
        ((*SIZED, "--set", "clock"), "bad-option"),
        ((*SIZED, "--set", "nothing=1"), "bad-option"),
        ((*SIZED, "--set", "clock=fast"), "bad-option"),
        ((*SIZED, "--set", "clock=0Hz"), "bad-option"),
        ((*SIZED, "--set", "sram=-5KiB"), "bad-option"),
        ((*SIZED, "--set", "clock=1GHz", "--set", "clock=2GHz"), "bad-option"),
        (("estimate", "sesr-m6-x2"), "unknown-model"),
        (("estimate", "no-such.onnx"), "not-found"),
        (("zoo", "export"), "bad-option"),
        (("zoo", "export", "sesr-m5-x2"), "bad-option"),
        (("zoo", "export", "sesr-m5-x2", "--all", "-o", "x"), "bad-option"),
        (("zoo", "export", "nothing-x2", "-o", "x.onnx"), "unknown-model"),
        (("zoo", "export", "sesr-m5-x2", "--size", "0x1", "-o", "x.onnx"), "bad-option"),
        (("profiles", "show", "nothing"), "unknown-profile"),
        (("profiles", "show", "ethos-n78", "--variant", "9tops"), "unknown-variant"),
        (("profiles", "check", "no/such.toml"), "unknown-profile"),
        (("report", "no-such.json"), "bad-result"),
        (("report", "."), "bad-result"),
        (("report", "a\0b"), "bad-result"),
    ],
)
def test_a_wrong_option_is_one_sentence(
    args: tuple[str, ...], code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(*args)
    assert done.exit_code == 2
    assert code_of(done) == code
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "codes"),
    [
        (b"", {"empty-file"}),
        (b"just some text, not a graph at all\n", {"not-onnx"}),
        (b"\x00\xff" * 500, {"not-onnx", "truncated"}),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", {"git-lfs-pointer"}),
    ],
)
def test_a_file_that_is_no_model(tmp_path: Path, content: bytes, codes: set[str]) -> None:
    file, out = tmp_path / "bad.onnx", tmp_path / "out.json"
    file.write_bytes(content)
    done = run("estimate", str(file), "-o", str(out))
    assert done.exit_code == 2
    assert code_of(done) in codes
    assert not out.exists()


def test_a_truncated_file(tmp_path: Path) -> None:
    whole = path("models", "sesr-m5-x2.onnx").read_bytes()
    file = tmp_path / "cut.onnx"
    file.write_bytes(whole[: len(whole) * 2 // 3])
    done = run("estimate", str(file), "--size", "32x32")
    assert done.exit_code == 2
    assert code_of(done) in {"truncated", "not-onnx"}


def test_a_cycle(tmp_path: Path) -> None:
    nodes = (helper.make_node("Add", ["x", "b"], ["a"]), helper.make_node("Relu", ["a"], ["b"]),
             helper.make_node("Relu", ["b"], ["y"]))  # fmt: skip
    done = run("estimate", model(tmp_path, "cycle.onnx", *nodes))
    assert done.exit_code == 2
    assert code_of(done) == "cycle"


def test_free_dimensions_are_all_asked_for_at_once(tmp_path: Path) -> None:
    """P19: at the start, by their names, with the options that bind them."""
    file = model(tmp_path, "free.onnx", helper.make_node("Relu", ["x"], ["y"]), shape=("N", 3, "height", "width"))
    done = run("estimate", file)
    assert done.exit_code == 2
    assert code_of(done) == "dynamic-dim"
    for word in ("N", "height", "width", "--size", "--dim", "--shape", "--batch"):
        assert word in done.stderr
    assert run("estimate", file, "--size", "8x4", "--dim", "N=2").exit_code == 0


def test_an_unknown_operator_is_listed_and_fails_when_strict(tmp_path: Path) -> None:
    """P18: listed once with exit code 0, the totals a lower bound; exit code 1 with --strict."""
    foo = helper.make_node("Foo", ["x"], ["f"], domain="acme")
    nodes = (foo, helper.make_node("Relu", ["f"], ["y"]))
    file = model(tmp_path, "foo.onnx", *nodes)
    proto = onnx.load(file)
    proto.opset_import.append(helper.make_opsetid("acme", 1))
    proto.graph.value_info.append(helper.make_tensor_value_info("f", TensorProto.FLOAT, (1, 3, 8, 8)))
    onnx.save(proto, file)
    done = run("estimate", file)
    assert done.exit_code == 0
    assert done.stdout.count("not costed") == 1 + done.stdout.count("what is not costed")
    assert "at least" in done.stdout
    strict = run("estimate", file, "--strict", "-o", str(tmp_path / "out.txt"))
    assert strict.exit_code == 1
    assert code_of(strict) == "unknown-op"
    assert not (tmp_path / "out.txt").exists()


def test_a_model_that_costs_nothing_is_loud(tmp_path: Path) -> None:
    """P14: no table of zeros without a word."""
    file = model(tmp_path, "free.onnx", helper.make_node("Identity", ["x"], ["y"]))
    done = run("estimate", file, "--set", "target=generic")  # the vendor's compiler copies an input to an output
    assert done.exit_code == 0
    assert "[nothing-costed]" in done.stdout


@pytest.mark.parametrize("target", ["no/such/folder/out.txt", "."])
@pytest.mark.parametrize("args", [SIZED, ("profiles", "list"), ("zoo", "export", "sesr-m5-x2")])
def test_an_output_that_cannot_be_written(
    args: tuple[str, ...], target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(*args, "-o", target)
    assert done.exit_code == 2
    assert code_of(done) == "unwritable"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = run("zoo", "export", "--all", "-o", str(tmp_path / "file" / "folder"))
    assert done.exit_code == 2
    assert code_of(done) == "unwritable"


def test_a_damaged_result(tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    for content in (b"{}", b"[1", b"\xff\xfe", b'{"npusim": 1}'):
        file.write_bytes(content)
        done = run("report", str(file))
        assert done.exit_code == 2
        assert code_of(done) == "bad-result"


def test_every_fault_of_a_profile_is_told(tmp_path: Path) -> None:
    text = path("hwprofiles", "nvdla.toml").read_text()
    file = tmp_path / "bad.toml"
    file.write_text(text.replace('unit = "GHz"', 'unit = "KiB"', 1).replace("[dma]", "[dmaa]", 1))
    done = run("profiles", "check", str(file))
    assert done.exit_code == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) >= 2
    for line in done.stderr.splitlines(keepends=True):
        assert SENTENCE.fullmatch(line)
        assert f"{file}, line " in line
    used = run(*SIZED, "--profile", str(file))
    assert used.exit_code == 2
    assert code_of(used) == "bad-profile"
