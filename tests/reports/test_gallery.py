"""The gallery: the data behind each picture are what npusim computes today, and each picture is shown and small."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest

from npusim.reports.gallery.__main__ import main
from npusim.reports.gallery.files import as_csv, stale
from npusim.reports.gallery.pictures import PICTURES, accuracy, tiled
from npusim.tiling.answer import Asked
from npusim.tiling.policies import policy

FOLDER = Path(__file__).parents[2] / "reports"
LARGEST_BYTES = 150_000
README = (FOLDER / "README.md").read_text()
RENEW = "run python -m npusim.reports.gallery"


@pytest.mark.parametrize("name", [name for name in PICTURES if name not in ("accuracy", "tiles-search")])
def test_the_data_are_up_to_date(name: str) -> None:
    assert stale((FOLDER / f"{name}.csv").read_text(), PICTURES[name]().rows) == [], RENEW


def test_a_part_of_the_accuracy_is_up_to_date() -> None:
    """All of it takes a minute; docs/accuracy.md and validation/bounds.toml hold the rest."""
    part = accuracy(("8TOPS_2PLE",), ("micro",))
    assert len(part.rows) > 50
    assert stale((FOLDER / "accuracy.csv").read_text(), part.rows, ("variant", "group")) == [], RENEW


def test_a_part_of_the_search_of_tiles_is_up_to_date() -> None:
    """The sizes that the search has estimated, the front among them; all of it takes long, and is of these alone."""
    stored = (FOLDER / "tiles-search.csv").read_text()
    known = [
        row for row in csv.DictReader(io.StringIO(stored)) if row["estimated"] == "True" and row["policy"] == "halo"
    ]
    sizes = tuple((int(row["tile_width"]), int(row["tile_height"])) for row in known)
    assert len(sizes) > 5
    found = tiled(Asked(sizes, (policy("halo"),)))
    assert [row.tile for row in found.rows] == list(sizes)
    for row, then in zip(found.rows, known, strict=True):
        assert row.latency_s == pytest.approx(float(then["latency_s"]), rel=1e-6), RENEW
        assert row.recompute == pytest.approx(float(then["recompute"]), rel=1e-6), RENEW


def test_each_picture_is_there_shown_and_small() -> None:
    assert set(re.findall(r"!\[[^\]]+\]\(([^)]+)\.png\)", README)) == set(PICTURES)
    assert set(re.findall(r"\[[^\]]+\]\(([^)/]+)\.csv\)", README)) == set(PICTURES)
    assert {path.stem for path in FOLDER.iterdir()} == {*PICTURES, "README"}
    for name in PICTURES:
        picture = (FOLDER / f"{name}.png").read_bytes()
        assert picture.startswith(b"\x89PNG")
        assert len(picture) < LARGEST_BYTES


def test_what_differs_is_told() -> None:
    rows = ({"a": 1, "b": 2.0}, {"a": 3, "b": "x"})
    stored = as_csv(rows)
    assert stale(stored, rows) == []
    assert stale(stored.replace("2.0", "2.0000001"), rows) == []  # as another machine may round
    assert stale(stored.replace("2.0", "2.1"), rows) == ["row 1, b: 2.1 is stored, 2.0 is computed"]
    assert stale(stored.replace("x", "y"), rows) == ["row 2, b: y is stored, x is computed"]
    assert stale(stored, rows[:1]) == ["2 rows are stored, 1 are computed"]
    assert stale(stored, rows[:1], ("a",)) == []


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["times-sesr-m5", "--folder", str(tmp_path)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["times-sesr-m5.csv", "times-sesr-m5.png"]
    assert (tmp_path / "times-sesr-m5.csv").read_text() == (FOLDER / "times-sesr-m5.csv").read_text()
    assert main(["times-sesr-m5", "--check", "--folder", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "up to date: 1\n"
    (tmp_path / "times-sesr-m5.csv").write_text("layer\n")
    assert main(["times-sesr-m5", "--check", "--folder", str(tmp_path)]) == 1
    assert capsys.readouterr().out == "times-sesr-m5: 0 rows are stored, 9 are computed\n"
    with pytest.raises(SystemExit) as fault:
        main(["none"])
    assert fault.value.code == 2
