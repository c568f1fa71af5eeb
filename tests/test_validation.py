"""The model against the reference tables: every bound of validation/bounds.toml, on all of them."""

from __future__ import annotations

import gzip
import json

import pytest

from npusim import resources
from npusim.validation import accuracy
from npusim.validation.statistics import Group, Point, checks


def test_every_bound_holds_on_all_runs() -> None:
    found = accuracy()
    missed = [check for check in found.checks if not check.holds]
    assert not missed
    assert len(found.checks) == 26
    compared = sum(len(group.points) for group in found.groups if (group.of, group.quantity) == ("networks", "cycles"))
    assert compared > 1500
    assert sum(len(group.points) for group in found.groups if (group.of, group.quantity) == ("drawn", "cycles")) == 90
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
