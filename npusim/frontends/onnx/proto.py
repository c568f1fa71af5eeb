"""From a file to a parsed message, with one clear sentence for each way in which a file is not a model."""

from __future__ import annotations

import hashlib
from pathlib import Path

from google.protobuf.message import DecodeError
from onnx import ModelProto

from npusim.errors import InputError

LFS_HEAD = b"version https://git-lfs.github.com/spec/"
FIELDS = {
    1: 0,
    2: 2,
    3: 2,
    4: 2,
    5: 0,
    6: 2,
    7: 2,
    8: 2,
    14: 2,
    20: 2,
    25: 2,
    26: 2,
}  # of ModelProto: wire type by number


def read_bytes(path: Path) -> bytes:
    """The bytes of the file; InputError (not-found, unreadable, empty-file, git-lfs-pointer) where there are none."""
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as fault:
        raise InputError("there is no such file", code="not-found", where=str(path), fix="check the path") from fault
    except IsADirectoryError as fault:
        raise InputError(
            "this is a folder", code="unreadable", where=str(path), fix="give the .onnx file in it"
        ) from fault
    except (OSError, ValueError) as fault:
        why = fault.strerror if isinstance(fault, OSError) else str(fault)
        raise InputError(f"the file cannot be read ({why})", code="unreadable", where=str(path)) from fault
    if not data:
        raise InputError("the file is empty", code="empty-file", where=str(path), fix="export or download it again")
    if data.startswith(LFS_HEAD):
        raise InputError(
            "this is a git-lfs pointer, not the model it stands for", code="git-lfs-pointer", where=str(path),
            fix="fetch it with git lfs pull",
        )  # fmt: skip
    return data


def parse(data: bytes, where: str) -> tuple[ModelProto, str]:
    """The message in the bytes and their sha256; InputError (truncated, not-onnx) where they are no model."""
    model = ModelProto()
    try:
        model.ParseFromString(data)
    except (DecodeError, ValueError, RecursionError) as fault:
        if _is_cut_off(data):
            raise InputError(
                "the file ends before the model does", code="truncated", where=where, fix="export or download it again"
            ) from fault
        raise InputError(
            "this is not an ONNX model", code="not-onnx", where=where, fix="give a file that an ONNX exporter wrote"
        ) from fault
    if not model.HasField("graph"):
        raise InputError("there is no graph in this file", code="not-onnx", where=where, fix="give an ONNX model")
    return model, hashlib.sha256(data).hexdigest()


def _is_cut_off(data: bytes) -> bool:
    """Whether the bytes are fields of a model up to one that says it is longer than what is left."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        if FIELDS.get(tag >> 3) != tag & 7:
            return False
        length, at = _varint(data, at)
        if at < 0:
            return True
        if tag & 7:
            at += length
    return at > len(data)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The number that starts there and where the next field begins; -1 where the bytes end within it."""
    number = shift = 0
    while 0 <= at < len(data) and shift < 70:
        byte = data[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at
    return number, -1
