"""Writing files whole: beside the target, then renamed over it, so that no half-written file is ever seen."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from npusim.errors import InputError


def write_text(path: Path, text: str) -> None:
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Writes the file or raises InputError (unwritable) and leaves what was there."""
    partial = None
    try:
        handle, partial = tempfile.mkstemp(dir=path.parent or Path(), prefix=f".{path.name}.", suffix=".partial")
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        os.chmod(partial, 0o666 & ~_umask())
        os.replace(partial, path)
    except (OSError, ValueError) as fault:  # a ValueError for a name with a zero byte
        if partial is not None and os.path.exists(partial):
            os.unlink(partial)
        raise InputError(
            f"the file cannot be written ({getattr(fault, 'strerror', None) or fault})",
            code="unwritable",
            where=str(path),
            fix="choose another -o",
        ) from fault


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
