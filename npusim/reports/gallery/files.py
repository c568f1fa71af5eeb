"""The gallery's files: a picture and its data each; and whether the data are still what npusim computes."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from npusim.files import write_text
from npusim.reports.data import table
from npusim.reports.gallery.pictures import PICTURES, Row

CLOSE = 1e-6  # share by which numbers may differ from one machine to the next


def write(folder: Path, names: Iterable[str]) -> None:
    """Draws these pictures and writes their data."""
    for name in names:
        picture = PICTURES[name]()
        write_text(folder / f"{name}.csv", as_csv(picture.rows))
        picture.draw(folder / f"{name}.png")


def as_csv(rows: Sequence[Row]) -> str:
    return table(list(rows[0]), [list(row.values()) for row in rows])


def stale(stored: str, rows: Sequence[Row], keys: Sequence[str] = ()) -> list[str]:
    """What differs between the data of a picture as stored and as computed now, line by line.

    Args:
        keys: columns; where given, only the stored rows that agree in them with one of ``rows`` are compared.
    """
    now = list(csv.DictReader(io.StringIO(as_csv(rows))))
    then = list(csv.DictReader(io.StringIO(stored)))
    if keys:
        wanted = {tuple(row[key] for key in keys) for row in now}
        then = [row for row in then if tuple(row[key] for key in keys) in wanted]
    if len(now) != len(then):
        return [f"{len(then)} rows are stored, {len(now)} are computed"]
    return [
        f"row {at}, {key}: {old.get(key)} is stored, {new[key]} is computed"
        for at, (old, new) in enumerate(zip(then, now, strict=True), 1)
        for key in new
        if not _same(old.get(key), new[key])
    ]


def _same(old: str | None, new: str) -> bool:
    if old == new or old is None:
        return old == new
    try:
        first, second = float(old), float(new)
    except ValueError:
        return False
    return abs(first - second) <= CLOSE * max(abs(first), abs(second))
