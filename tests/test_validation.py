"""The model against the reference tables: every bound of validation/bounds.toml, on all of them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

import npusim
from npusim import resources
from npusim.validation import accuracy, tables
from npusim.validation.statistics import Group, Point, checks

STATISTICS = {"share", "median", "p90", "worst"}


PAGE = (Path(npusim.__file__).parent.parent / "docs" / "accuracy.md").read_text()


def _compared(title: str) -> int:
    """Runs whose cycles a table of the page compares."""
    table = PAGE.partition(f"\n{title}")[2].partition("\n\n")[0]
    rows = (line.split() for line in table.splitlines())
    return sum(int(words[3]) for words in rows if len(words) > 3 and words[2] == "cycles")


def test_every_bound_holds_on_all_runs() -> None:
    """The page is what `npusim accuracy` prints, and ends with its exit code where that is not 0: tests/test_docs.py
    runs it."""
    assert PAGE.count("  holds\n") == sum(len(set(bound) & STATISTICS) for bound in tables.bounds()) == 26
    assert "\nEvery bound holds.\n```" in PAGE
    assert _compared("Totals of networks") > 1500
    assert _compared("The same with weights") == 90


def test_a_group_of_networks_with_drawn_weights() -> None:
    found = accuracy(["1TOPS_4PLE"], ["micro"])
    by = {(group.of, group.quantity): group for group in found.groups}
    assert len(by["drawn", "cycles"].points) == 3
    assert by["drawn", "cycles"].worst < 0.005
    assert all(why and count > 0 for why, count in found.left_out.items())


def test_the_tables_are_whole() -> None:
    nets = json.loads(gzip.decompress(resources.path("validation", "ethos-n/nets.json.gz").read_bytes()))
    assert {entry["group"] for entry in nets.values()} >= {"paper", "sr", "micro", "cls"}


def test_statistics_by_hand() -> None:
    points = tuple(Point(name, 100.0, value) for name, value in (("a", 100.0), ("b", 101.0), ("c", 98.0), ("d", 100.0)))
    group = Group("networks", "V", "g", "cycles", points)
    assert (group.median, group.worst, group.worst_at) == (pytest.approx(0.005), pytest.approx(0.02), "c")
    assert group.share_within(0.0) == 0.5
    bound = {"of": "networks", "quantity": "cycles", "within": 0.01, "share": 0.8, "worst": 0.02}
    share, worst = checks([group], [bound])
    assert (share.statistic, share.found, share.holds) == ("share", 0.75, False)
    assert (worst.statistic, worst.holds) == ("worst", True)
    assert not checks([group], [{"of": "passes", "quantity": "cycles", "worst": 0.1}])
