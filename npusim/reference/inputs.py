"""What a graph is run on: seeded elements, or a picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from npusim.errors import InputError
from npusim.ir import DType, Graph, Tensor
from npusim.ops.arrays import held
from npusim.ops.base import Array
from npusim.pictures import Picture, Plane, luma, resized

COLOURS = {1: "luma", 3: "red, green and blue"}  # channels of an input that a picture fills
BYTE = 255  # the white of an input of bytes; of reals it is 1


class Fed(NamedTuple):
    """An array for each input of a graph, and where they are from."""

    arrays: Mapping[str, Array]
    source: str


def seeded(graph: Graph, seed: int) -> Fed:
    return Fed(seeded_inputs(graph, seed), f"seeded ({seed})")


def seeded_inputs(graph: Graph, seed: int) -> dict[str, Array]:
    """Reals from 0 to 1; whole numbers and truth values 0 or 1, which any table has a row for."""
    rng = np.random.default_rng(seed)
    made: dict[str, Array] = {}
    for name in graph.inputs:
        tensor = graph.tensors[name]
        if tensor.dtype is DType.STRING:
            raise InputError("npusim makes no text to run a graph on", code="unsupported-type", where=name)
        drawn: Any = rng.random(tensor.shape, np.float32) if tensor.dtype.is_float else rng.integers(0, 2, tensor.shape)
        made[name] = np.asarray(drawn, held(tensor.dtype))
    return made


def pictured(graph: Graph, picture: Picture, name: str) -> Fed:
    """The picture as the graph's one input: luma or colours, as its channels ask; each element of a batch the same.

    A frame is cut from the picture's middle; where the picture is smaller, it is resized to the frame.

    Args:
        name: of the picture, to say where the input is from.

    Raises:
        InputError: no-picture-input, where the graph has several inputs, or one that a picture cannot fill.
    """
    tensor = _input(graph)
    batch, channels, height, width = tensor.shape
    planes = (luma(picture.planes),) if channels == 1 else picture.planes * (3 // len(picture.planes))
    framed, how = _framed(planes, (width, height), picture.size)
    array: Array = np.broadcast_to(np.stack(framed), (batch, channels, height, width))
    if tensor.dtype is DType.UINT8:
        array = np.rint(array * BYTE)
    given = "x".join(map(str, picture.size))
    without = ", without its opacity" if picture.alpha is not None else ""
    source = f"{COLOURS[channels]} of {name} ({given}{how}{without})"
    return Fed({tensor.name: np.ascontiguousarray(array.astype(held(tensor.dtype)))}, source)


def _input(graph: Graph) -> Tensor:
    """What the picture goes into."""
    fix = "leave --image out, and it runs on seeded inputs"
    if len(graph.inputs) != 1:
        what = f"a picture fills one input, and the graph has {len(graph.inputs)}"
        raise InputError(what, code="no-picture-input", where=graph.name, fix=fix)
    tensor = graph.tensors[graph.inputs[0]]
    fits = len(tensor.shape) == 4 and tensor.shape[1] in COLOURS and min(tensor.shape) > 0
    if not fits or not (tensor.dtype.is_float or tensor.dtype is DType.UINT8):
        shape = "x".join(map(str, tensor.shape)) or "no axes"
        what = (
            f"a picture fills 1 or 3 channels (N, C, height, width) of reals or bytes, not {shape} {tensor.dtype.label}"
        )
        raise InputError(what, code="no-picture-input", where=tensor.name, fix=fix)
    return tensor


def _framed(
    planes: tuple[Plane, ...], frame: tuple[int, int], size: tuple[int, int]
) -> tuple[tuple[Plane, ...], str]:  # fmt: skip
    """The planes at the size of the frame, width and height, and what was done to them."""
    (width, height), (had_width, had_height) = frame, size
    if frame == size:
        return planes, ""
    if had_width < width or had_height < height:
        return tuple(np.clip(resized(plane, height, width), 0, 1) for plane in planes), ", resized"
    top, left = (had_height - height) // 2, (had_width - width) // 2
    return tuple(plane[top : top + height, left : left + width] for plane in planes), ", its middle"
