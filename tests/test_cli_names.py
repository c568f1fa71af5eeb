"""Names that could move a cursor, break a line or a table: exact in csv and json, harmless everywhere else."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from pathlib import Path

import onnx
import pytest
from click.testing import CliRunner, Result
from onnx import TensorProto, helper

from npusim.cli import main

NAMES = (
    "[bold red]x[/]", "\x1b[31mred\x1b[0m", "n" * 5000, "\u5c64" * 40, "\u0645\u0631\u062d\u0628\u0627", "two\nlines",
    "a|b", "<b>bold</b>", "tab\there", "\U0001f600" * 30, "\u202ereversed", "`code`", "=cell()",
    'quo"te,comma', "back\\slash",
)  # fmt: skip


def run(*args: str) -> Result:
    return CliRunner().invoke(main, list(args), env={"COLUMNS": "80"})


PLAIN = ("--set", "target=generic")  # a row a layer; by the vendor's rules there are conversions beside them


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A chain of ReLUs with these names, and an operator that nobody knows at its end."""
    tensors = [f"t{at}" for at in range(len(NAMES) + 1)]
    nodes = [
        helper.make_node("Relu", [tensors[at]], [tensors[at + 1]], name=name) for at, name in enumerate(NAMES)
    ]  # fmt: skip
    nodes.append(helper.make_node("Foo[red]", [tensors[-1]], ["y"], name="odd\x1b[1m", domain="my|domain"))
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4, 8, 8]) for name in ("t0", "y")]
    graph = helper.make_graph(nodes, "g\x1b[31m", ends[:1], ends[1:])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("my|domain", 1)]
    file = tmp_path_factory.mktemp("named") / "named.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), file)
    return str(file)


def test_csv_and_json_hold_them_exactly(named: str) -> None:
    rows = list(csv.DictReader(io.StringIO(run("estimate", named, *PLAIN, "--format", "csv").stdout, newline="")))
    assert tuple(row["name"] for row in rows) == NAMES
    layers = json.loads(run("estimate", named, *PLAIN, "--format", "json").stdout)["layers"]
    assert tuple(layer["name"] for layer in layers) == NAMES


@pytest.mark.parametrize(
    "args", [("estimate",), ("estimate", "--format", "md"), ("explain",), ("estimate", "--top", "3")]
)
def test_pages_hold_no_controls(args: tuple[str, ...], named: str) -> None:
    done = run(args[0], named, *args[1:])
    assert done.exit_code == 0
    assert all(letter.isprintable() or letter == "\n" for letter in done.stdout)
    assert "[bold red]x[/]" in done.stdout.replace("\\", "")


def test_a_table_keeps_its_width(named: str) -> None:
    """Wide letters take two columns of a terminal, so the lines of the table end in the same one."""
    lines = run("estimate", named, *PLAIN).stdout.splitlines()
    rules = [at for at, line in enumerate(lines) if line.startswith("---")]
    assert len(rules) == 2
    assert rules[1] - rules[0] - 1 == len(NAMES)
    wide = [sum(2 if unicodedata.east_asian_width(letter) == "W" else 1 for letter in line) for line in lines]
    assert {wide[at] for at in range(rules[0], rules[1] + 1)} == {len(lines[rules[0]])}
    assert len(lines[rules[0]]) <= 80


def test_a_markdown_table_has_a_row_a_layer(named: str) -> None:
    lines = run("estimate", named, *PLAIN, "--format", "md").stdout.splitlines()
    table = [line for line in lines if line.startswith("| ")]
    bars = [line.replace("\\|", "").count("|") for line in table[: len(NAMES) + 2]]
    assert len(set(bars)) == 1


def test_messages_hold_no_controls(named: str) -> None:
    for args in (
        ("estimate", "nothing\x1b[31m.onnx"),
        ("estimate", "two\nlines"),
        ("estimate", named, "--strict"),
        ("estimate", named, "--profile", "\x1b[2J"),
        ("estimate", named, "--set", "\x1b[2J=3"),
        ("estimate", named, "--\x1b[2J"),
        ("explain", named, "--layer", "\x1b[2J"),
        ("explain", named, "--layer", "odd\x1b[1m"),
    ):
        done = run(*args)
        assert done.exit_code in {1, 2}
        assert done.stdout == ""
        assert all(letter.isprintable() for letter in done.stderr.removesuffix("\n"))
        assert done.stderr.endswith("]\n")


def test_a_failed_run_leaves_what_was_there(named: str, tmp_path: Path) -> None:
    kept = tmp_path / "kept.txt"
    kept.write_text("before")
    assert run("estimate", named, "--strict", "-o", str(kept)).exit_code == 1
    assert run("estimate", named, "--variant", "nothing", "-o", str(kept)).exit_code == 2
    assert kept.read_text() == "before"
    assert list(tmp_path.iterdir()) == [kept]
    done = run("estimate", named, "-o", "")
    assert (done.exit_code, done.stdout, done.stderr) == (2, "", "the file has no name; give -o FILE [unwritable]\n")
