"""Pictures made larger: luma by a network of the zoo with trained weights, the rest bicubic."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import NamedTuple

import msgspec
import numpy as np

from npusim import zoo
from npusim.bind import bind
from npusim.errors import InputError
from npusim.model import Model
from npusim.ops.base import Array
from npusim.pictures import Picture, Plane, chroma, luma, resized, rgb
from npusim.reference import trained
from npusim.reference.executor import execute

MODEL = "sesr-m5-x2"
SCALE = 2
TILE = (480, 270)  # width and height run at once where nobody says otherwise: what a layer holds then stays in caches

Progress = Callable[[int, int], None]


class Window(NamedTuple):
    """Rows and columns of a frame: first, and one past the last."""

    top: int
    bottom: int
    left: int
    right: int


def upscale(
    picture: Picture, model: str = MODEL, *, tile: tuple[int, int] = TILE, workers: int = 1,
    progress: Progress | None = None,
) -> Picture:  # fmt: skip
    """A picture of twice the width and height.

    The colours of a picture with opacity are taken as they stand, so that what is fully transparent has a colour too.

    Args:
        model: a name of ``trained.names()``.
        tile: width and height of the pieces that the frame is run in, before scaling. They overlap by what the
            network sees around a pixel, so that the result does not depend on them.
        workers: tiles that are run at once. Threads that numpy's products start by themselves do less for such small
            ones: OMP_NUM_THREADS=1, set before numpy is loaded, keeps them from it.
        progress: called with the number of tiles done, and of all.

    Raises:
        InputError: no-trained-weights.
        EstimateError: too-large, where memory does not suffice.
    """
    y = luma(picture.planes)
    large = upscale_luma(y, model, tile=tile, workers=workers, progress=progress)
    height, width = large.shape
    planes: tuple[Plane, ...] = (large,)
    if len(picture.planes) == 3:
        cb, cr = (resized(plane, height, width) for plane in chroma(picture.planes, y))
        planes = rgb(large, cb, cr)
    alpha = None if picture.alpha is None else resized(picture.alpha, height, width)
    return msgspec.structs.replace(picture, planes=planes, alpha=alpha)


def upscale_luma(
    plane: Plane, model: str = MODEL, *, tile: tuple[int, int] = TILE, workers: int = 1,
    progress: Progress | None = None,
) -> Plane:  # fmt: skip
    """[h, w] from 0 to 1 to [2h, 2w]; otherwise as ``upscale``."""
    network = _prepared(model)
    height, width = plane.shape
    made = np.empty((height * SCALE, width * SCALE), np.float32)
    windows = list(_windows(height, width, tile))

    def run(inner: Window) -> None:
        outer = _around(inner, network.halo, height, width)
        result = network.run(plane[outer.top : outer.bottom, outer.left : outer.right])
        top, left = ((a - b) * SCALE for a, b in ((inner.top, outer.top), (inner.left, outer.left)))
        rows, columns = (inner.bottom - inner.top) * SCALE, (inner.right - inner.left) * SCALE
        into = made[inner.top * SCALE : inner.bottom * SCALE, inner.left * SCALE : inner.right * SCALE]
        into[:] = result[top : top + rows, left : left + columns]

    with ThreadPoolExecutor(workers) as pool:
        for done, _ in enumerate(pool.map(run, windows), 1):
            if progress is not None:
                progress(done, len(windows))
    return made


class _Prepared:
    """A network with its weights, bound to each frame that it is run on once.

    Attributes:
        halo: pixels that the network sees on each side of one.
    """

    def __init__(self, model: Model) -> None:
        self.weights = trained.parameters(model)
        self.halo = sum(kernel.shape[2] // 2 for kernel in self.weights.values() if kernel.ndim == 4)
        self.bound = lru_cache(maxsize=9)(lambda height, width: bind(model, size=(width, height)))

    def run(self, plane: Plane) -> Plane:
        graph = self.bound(*plane.shape)
        inputs: dict[str, Array] = {graph.inputs[0]: plane[None, None]}
        (result,) = execute(graph, inputs, self.weights).values()
        return np.asarray(result[0, 0])


def _prepared(name: str) -> _Prepared:
    if name not in trained.names():
        raise InputError(
            "no trained weights ship for it", code="no-trained-weights", where=name,
            fix=f"npusim upscale has {', '.join(trained.names())}",
        )  # fmt: skip
    return _Prepared(zoo.build(name))


def _windows(height: int, width: int, tile: tuple[int, int]) -> Iterator[Window]:
    """The frame cut into tiles from its first corner; those at the far edges are what is left."""
    for top in range(0, height, tile[1]):
        for left in range(0, width, tile[0]):
            yield Window(top, min(top + tile[1], height), left, min(left + tile[0], width))


def _around(inner: Window, halo: int, height: int, width: int) -> Window:
    """The window with the halo, as far as the frame has it: beyond its edges the network sees zeros in any case."""
    return Window(
        max(inner.top - halo, 0), min(inner.bottom + halo, height), max(inner.left - halo, 0),
        min(inner.right + halo, width),
    )  # fmt: skip
