"""python -m npusim.reports.gallery [NAME ...] draws the gallery again; with --check it says what is out of date."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from npusim.reports.gallery.files import stale, write
from npusim.reports.gallery.pictures import PICTURES


def main(args: Sequence[str] | None = None) -> int:
    """Draws or checks; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m npusim.reports.gallery", description="Draws the pictures of reports/."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these pictures")
    parser.add_argument("--folder", type=Path, default=Path("reports"), help="where they are (reports)")
    parser.add_argument("--check", action="store_true", help="compare the stored data, and draw nothing")
    given = parser.parse_args(args)
    unknown = [name for name in given.names if name not in PICTURES]
    if unknown:
        parser.error(f"no picture is called {unknown[0]!r}; there are {', '.join(PICTURES)}")
    names = given.names or list(PICTURES)
    if not given.check:
        write(given.folder, names)
        return 0
    faults = [
        f"{name}: {fault}"
        for name in names
        for fault in stale((given.folder / f"{name}.csv").read_text(), PICTURES[name]().rows)[:1]
    ]
    print("\n".join(faults) or f"up to date: {len(names)}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
