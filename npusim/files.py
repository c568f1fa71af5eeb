"""Writing files whole: beside the target, then renamed over it, so that no half-written file is ever seen."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from npusim.errors import InputError


def write_text(path: Path, text: str) -> None:
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Writes the file or raises InputError (unwritable) and leaves what was there.

    A link stays a link to the file that is written. What is no file, as /dev/stdout or a named pipe, is written into:
    renaming would put a file in its place, for all who use it.
    """
    try:
        where = path.resolve() if path.is_symlink() else path
        if _takes_a_stream(path):
            with open(path, "wb") as stream:
                stream.write(data)
        else:
            _replace(where, data)
    except (OSError, ValueError, RuntimeError) as fault:  # a zero byte in a name; links in a circle
        raise InputError(
            f"the file cannot be written ({getattr(fault, 'strerror', None) or fault})",
            code="unwritable",
            where=str(path),
            fix="choose another -o",
        ) from fault


def _takes_a_stream(path: Path) -> bool:
    """Whether something other than a file or a folder is there."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _replace(path: Path, data: bytes) -> None:
    """Writes beside the file and renames; what was begun goes away, also where the user interrupts it."""
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o666 & ~_umask()
    handle, partial = tempfile.mkstemp(dir=path.parent or Path(), prefix=f".{path.name}.", suffix=".partial")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        os.chmod(partial, mode)
        os.replace(partial, path)
    except BaseException:
        os.unlink(partial)
        raise


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
