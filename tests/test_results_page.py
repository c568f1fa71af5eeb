"""docs/results.md explains every warning and every resource that a result can hold, and none that it cannot."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import npusim
from npusim import explain
from npusim.reports import facts

PACKAGE = Path(npusim.__file__).parent
PAGE = (PACKAGE.parent / "docs" / "results.md").read_text()
MAKERS = ("Notice", "notice")  # the value, and the methods that gather them; the code is the first argument
# Functions whose notices take their codes from a table inside them, or hand on those of others.
BY_TABLE = {"notices", "sentences"}
HANDED_ON = {"notice", "_gathered"}
CODE = re.compile(r"[a-z]+(-[a-z]+)+")


def _section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def _first_cells(section: str) -> set[str]:
    """Every name in backticks in the first column of a table; headings have none."""
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("|")]
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def _codes() -> set[str]:
    """What the package can put into ``warnings``."""
    found: set[str] = set()
    for file in PACKAGE.rglob("*.py"):
        for function in _functions(ast.parse(file.read_text())):
            for call in (node for node in ast.walk(function) if isinstance(node, ast.Call) and node.args):
                name = getattr(call.func, "attr", getattr(call.func, "id", ""))
                first = call.args[0]
                if name not in MAKERS:
                    continue
                if isinstance(first, ast.Constant):
                    found.add(str(first.value))
                    continue
                assert function.name in BY_TABLE | HANDED_ON, f"{file.name} {function.name} makes codes of its own"
                if function.name in BY_TABLE:
                    keys = [key for table in ast.walk(function) if isinstance(table, ast.Dict) for key in table.keys]
                    found |= {str(key.value) for key in keys if isinstance(key, ast.Constant)}
    return found


def test_every_code_is_explained() -> None:
    codes = _codes()
    assert len(codes) > 10
    assert all(CODE.fullmatch(code) or code == "planner" for code in codes)
    assert _first_cells(_section("What is not a number")) == codes


def test_every_resource_is_explained() -> None:
    """The page, the words of the reports and those of the explanations have the same ones."""
    assert _first_cells(_section("Resources")) == set(facts.RESOURCES) == set(explain.RESOURCES)


@pytest.mark.parametrize("profile", ["ethos-n78", "ethos-u65", "nvdla"])
def test_results_have_no_other_resources(profile: str) -> None:
    """A kernel of 9 x 9 runs off the arrays; reads and writes have a bus each on the first, one on the others."""
    graph = npusim.load("srcnn-915-x2", size=(64, 32))
    named = {
        name
        for level in ("mapped", "roofline")
        for row in npusim.estimate(graph, profile, level=level).layers
        for name in row.bounds
    }
    assert "mac" in named
    assert named <= _first_cells(_section("Resources"))
