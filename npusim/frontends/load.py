"""From what a user names to a Graph: a file, the bytes or message of a model, or a network of the zoo."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from npusim.bind import bind
from npusim.ir import Graph, Shape
from npusim.model import Model
from npusim.zoo import build

if TYPE_CHECKING:
    from onnx import ModelProto


def load(
    source: str | Path | bytes | ModelProto,
    *,
    size: tuple[int, int] | None = None,
    shapes: Mapping[str, Shape] | None = None,
    dims: Mapping[str, int] | None = None,
    batch: int | None = None,
) -> Graph:
    """Reads a network and binds its free dimensions.

    Args:
        source: the path of an ONNX file, its bytes, a parsed message, or the name of a zoo network (``sesr-m5-x2``).
        size: width and height of the frame, pixels.
        shapes: whole input shapes by input name.
        dims: free dimensions by name, or as ``"input:axis"``.
        batch: the first axis of every input.

    Raises:
        InputError: what is wrong with the file or the name, or which dimensions are still free (dynamic-dim).
    """
    return bind(read(source), size=size, shapes=shapes, dims=dims, batch=batch)


def read(source: str | Path | bytes | ModelProto) -> Model:
    """The model with its dimensions as free as its author left them."""
    if isinstance(source, str) and not is_path(source):
        model = build(source)
        return msgspec.structs.replace(model, sha256=_digest(model))
    from npusim.frontends.onnx import read_onnx  # noqa: PLC0415 - onnx is heavy, and the zoo does without it

    return read_onnx(source)


def is_path(source: str) -> bool:
    """Whether the user means a file: it exists, ends as ONNX files do, or has a folder in it."""
    if source.endswith(".onnx") or "/" in source or "\\" in source or not source:
        return True
    try:
        return Path(source).exists()
    except (OSError, ValueError):  # no file can have such a name
        return False


def _digest(model: Model) -> str:
    """What a zoo network is told apart by: its inputs, nodes and the shapes of its constants."""
    parts = (
        model.name,
        [(value.name, value.shape) for value in model.inputs],
        [(node.op, node.inputs, node.outputs, sorted(map(repr, node.attrs.items()))) for node in model.nodes],
        [(constant.name, constant.shape, constant.dtype.label) for constant in model.constants.values()],
    )  # fmt: skip
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()
