"""The accuracy report: groups merged, differences in words, bounds held or missed, a plot that opens."""

from __future__ import annotations

from pathlib import Path

import pytest

from npusim.errors import InputError
from npusim.reports.accuracy import page, plain, rows
from npusim.reports.plots import save_accuracy
from npusim.reports.text import text
from npusim.validation import AccuracyReport, Check, Group, Point

POINTS = (Point("a saving 0", 100.0, 100.0), Point("b saving 0", 200.0, 202.0))
FOUND = AccuracyReport(
    groups=(
        Group("published", "4TOPS_4PLE", "net 4x4", "latency_ms", (Point("net 4x4", 20.0, 21.0),)),
        Group("networks", "4TOPS_4PLE", "paper", "cycles", POINTS[:1]),
        Group("networks", "4TOPS_4PLE", "paper", "cycles", POINTS[1:]),
        Group("passes", "4TOPS_4PLE", "micro", "mac_cycles", (Point("a pass 0", 5.0, 5.0),)),
    ),
    checks=(
        Check("networks", (), (), "cycles", "worst", 0.02, 0.01),
        Check("networks", (), (), "cycles", "share", 0.9, 0.5),
    ),
    left_out={"it has the operator mul": 3},
)


def test_text_tells_differences_bounds_and_what_was_left_out() -> None:
    shown = text(page(FOUND), 120)
    # Of 100 and 202 for 200, the differences are 0 and 1 %: median 0.5 %, 90th percentile 0.9 %, half are equal.
    row = next(line.split() for line in shown.splitlines() if line.startswith("4TOPS_4PLE  paper"))
    assert row[:8] == ["4TOPS_4PLE", "paper", "cycles", "2", "50.0", "0.500", "0.900", "1.000"]
    assert next(line.split() for line in shown.splitlines() if line.startswith("net 4x4"))[-3:] == [
        "20.00",
        "21.00",
        "+5.0",
    ]
    assert "MISSED" in shown
    assert "1 of 2 bounds are missed." in shown
    assert "3: it has the operator mul" in shown
    assert not FOUND.holds


def test_plain_values_and_rows() -> None:
    values = plain(FOUND)
    assert [len(group["points"]) for group in values["groups"]] == [1, 2, 1]
    assert [check["holds"] for check in values["checks"]] == [True, False]
    assert rows(FOUND)[1]["worst_at"] == "b saving 0"
    assert rows(FOUND)[1]["worst"] == pytest.approx(0.01)


@pytest.mark.parametrize(("name", "head"), [("a.png", b"\x89PNG"), ("a.svg", b"<?xml"), ("a.pdf", b"%PDF")])
def test_the_plot_is_written_the_same_each_time(tmp_path: Path, name: str, head: bytes) -> None:
    save_accuracy(FOUND, tmp_path / name)
    save_accuracy(FOUND, tmp_path / f"again-{name}")
    assert (tmp_path / name).read_bytes().startswith(head)
    assert (tmp_path / name).read_bytes() == (tmp_path / f"again-{name}").read_bytes()


def test_an_ending_that_is_no_picture(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"not written as \.xyz.*\[bad-option\]"):
        save_accuracy(FOUND, tmp_path / "a.xyz")
