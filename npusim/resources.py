"""Where the data files are: at the root of the repository, or inside the installed package."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from npusim.errors import InputError

Kind = Literal["hwprofiles", "models", "validation"]

_PACKAGE = Path(__file__).parent
# A wheel carries the folders under npusim/data (pyproject.toml, force-include); a checkout has them beside npusim/.
_ROOTS = (_PACKAGE / "data", _PACKAGE.parent)


def folder(kind: Kind) -> Path:
    """The folder of that kind; InputError (missing-data) where the installation lacks it."""
    for root in _ROOTS:
        found = root / kind
        # The folder beside an installed package could be anybody's ``models``: only a checkout's counts.
        if found.is_dir() and (root == _ROOTS[0] or (root / "pyproject.toml").is_file()):
            return found
    raise _missing(f"the folder {kind}/ is not part of this installation")


def path(kind: Kind, name: str) -> Path:
    """The file ``name`` (with slashes for subfolders) of that kind.

    Raises:
        InputError: missing-data, where the installation lacks the file or the folder.
    """
    found = folder(kind) / name
    if not found.is_file():
        raise _missing(f"the file {kind}/{name} is not part of this installation")
    return found


def files(kind: Kind, pattern: str = "*") -> Iterator[Path]:
    """The files of that kind whose path within the folder matches the glob ``pattern``, in the order of their names."""
    yield from sorted(found for found in folder(kind).glob(pattern) if found.is_file())


def _missing(what: str) -> InputError:
    return InputError(what, code="missing-data", fix="install npusim again")
