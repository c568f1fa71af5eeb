"""The examples in README.md and docs/: each ``$ npusim ...`` line of a console block is run, and its output compared.

python tests/docs_examples.py --write     puts the output of today's npusim under each command
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
WIDTH = "100"  # columns, so that the pages do not depend on who made them
# Of sums in float32, which each machine takes in an order of its own; a bound, as <1e-12, is none.
NOISE = re.compile(r"(?<![<\w.])\d(?:\.\d+)?e-\d\d")
RUNTIME = re.compile(r"(?<=onnxruntime )\d+\.\d+\.\d+")


class Example(NamedTuple):
    page: Path
    command: str
    output: str


def pages() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "reports").glob("*.md"))]


def examples(page: Path) -> list[Example]:
    """The commands of a page that begin with npusim (not those that install it), with the output shown there."""
    found = []
    for block in BLOCK.findall(page.read_text()):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            if command.startswith("npusim "):
                found.append(Example(page, command, output))
    return found


def run(command: str, folder: Path) -> str:
    """What a user sees: both streams, and the exit code where it is not 0."""
    env = os.environ | {"COLUMNS": WIDTH, "NO_COLOR": "1", "PYTHONPATH": str(ROOT)}
    argv = [sys.executable, "-m", "npusim", *shlex.split(command)[1:]]
    done = subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, timeout=400, check=False)
    text = done.stdout + done.stderr
    return text if done.returncode == 0 else f"{text}(exit code {done.returncode})\n"


def settled(text: str) -> str:
    """The text without what differs from machine to machine: rounding noise, with the other fractions of its line and
    the spaces between them, and onnxruntime's version.
    """
    lines = RUNTIME.sub("#", text).split("\n")
    return "\n".join(_settled(line) if NOISE.search(line) else line for line in lines)


def _settled(line: str) -> str:
    return re.sub(" +", " ", re.sub(r"\b\d+\.\d+", "#", NOISE.sub("#", line)))


def rewrite(page: Path, folder: Path) -> str:
    """The page with the output of each command as it is today."""

    def block(match: re.Match[str]) -> str:
        text = match.group(1)
        for example in examples_of(text):
            text = text.replace(f"$ {example[0]}\n{example[1]}", f"$ {example[0]}\n{run(example[0], folder)}", 1)
        return f"```console\n{text}```"

    return BLOCK.sub(block, page.read_text())


def examples_of(block: str) -> list[tuple[str, str]]:
    parts = (part.partition("\n") for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:])
    return [(command, output) for command, _, output in parts if command.startswith("npusim ")]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        for each in pages():
            if sys.argv[1:] == ["--write"]:
                each.write_text(rewrite(each, Path(scratch)))
            elif settled(rewrite(each, Path(scratch))) != settled(each.read_text()):
                sys.exit(f"{each.relative_to(ROOT)} shows output that npusim no longer gives: run with --write")
