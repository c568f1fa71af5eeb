"""The ending of ``-o`` says the format where nobody says otherwise, and no text is written under a picture's name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from npusim.cli import main

SIZED = ("espcn-x2", "--size", "24x16")
COMMANDS = {
    "estimate": SIZED, "explain": SIZED, "compare": SIZED, "tile": (*SIZED, "--tiles", "12x8"), "validate": SIZED,
    "roofline": SIZED, "frontier": ("--regime", "small"), "zoo": ("list",), "profiles": ("list",),
}  # fmt: skip
DRAWN = ("roofline", "frontier")


def run(*args: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, args)
    assert not done.stdout
    return done.exit_code, done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_the_ending_says_the_format(name: str, tmp_path: Path) -> None:
    told, files = tmp_path / "told", {kind: tmp_path / f"a.{kind}" for kind in ("JSON", "md", "txt")}
    for file in files.values():
        assert run(name, *COMMANDS[name], "-o", str(file))[0] == 0
    assert isinstance(json.loads(files["JSON"].read_text()), dict | list)
    assert run(name, *COMMANDS[name], "--format", "md", "-o", str(told))[0] == 0
    assert told.read_text() == files["md"].read_text() != files["txt"].read_text()


def test_what_is_said_counts(tmp_path: Path) -> None:
    for kind, start in (("text", "espcn-x2 on "), ("json", "{")):
        file = tmp_path / "a.csv"
        assert run("estimate", *SIZED, "-o", str(file), "--format", kind)[0] == 0
        assert file.read_text().startswith(start)


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in DRAWN])
def test_text_is_not_written_under_the_name_of_a_picture(name: str, tmp_path: Path) -> None:
    for ending in (".png", ".JPG", ".pdf"):
        file = tmp_path / f"a{ending}"
        code, said = run(name, *COMMANDS[name], "-o", str(file))
        assert code == 2
        assert said.endswith("a file of that name is a picture; choose another -o [bad-option]\n")
        assert not file.exists()


@pytest.mark.parametrize("name", DRAWN)
def test_a_page_of_what_has_none_is_refused(name: str, tmp_path: Path) -> None:
    code, said = run(name, *COMMANDS[name], "-o", str(tmp_path / "a.html"))
    assert code == 2
    assert said == "--format: 'html' is no format here; choose from text, json, csv, md [bad-option]\n"
