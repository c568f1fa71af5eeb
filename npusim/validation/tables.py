"""The reference tables as the installation has them."""

from __future__ import annotations

import csv
import gzip
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from npusim.resources import path

Row = Mapping[str, str]


def profile_variant(name: str) -> str:
    """A variant as the profile writes it: 4TOPS_4PLE is 4tops-4ple."""
    return name.lower().replace("_", "-")


def networks() -> dict[str, dict[str, Any]]:
    """Networks by name, as layers (see validation/ethos-n/README.md)."""
    found: dict[str, dict[str, Any]] = msgspec.json.decode(
        gzip.decompress(path("validation", "ethos-n/nets.json.gz").read_bytes())
    )
    return found


def runs() -> list[Row]:
    """The totals of each run."""
    return list(_rows("ethos-n/networks.csv.gz"))


def passes() -> list[Row]:
    """The passes of each run."""
    return list(_rows("ethos-n/passes.csv.gz"))


def published() -> list[Row]:
    """The rows of the paper on SESR, with how sure each is."""
    with path("validation", "published.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def bounds() -> list[dict[str, Any]]:
    """How far the model may be from the tables."""
    found: list[dict[str, Any]] = tomllib.loads(path("validation", "bounds.toml").read_text())["bound"]
    return found


def _rows(name: str) -> Iterator[Row]:
    with gzip.open(path("validation", name), "rt", newline="") as stream:
        yield from csv.DictReader(stream)
