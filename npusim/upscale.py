"""Pictures made larger: luma by a network of the zoo with trained weights, the rest bicubic."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import product

import msgspec
import numpy as np

from npusim import zoo
from npusim.bind import bind
from npusim.errors import InputError
from npusim.model import Model
from npusim.ops.base import Array
from npusim.pictures import Picture, Plane, chroma, luma, resized, rgb
from npusim.receptive import Size, receptive_field
from npusim.reference import trained
from npusim.reference.executor import execute
from npusim.tiling.policies import Cut, Piece, Policy, cuts

MODEL = "sesr-m5-x2"
SCALE = 2
TILE = (480, 270)  # width and height run at once where nobody says otherwise: what a layer holds then stays in caches

Progress = Callable[[int, int], None]


def upscale(
    picture: Picture, model: str = MODEL, *, tile: Size = TILE, workers: int = 1,
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
    plane: Plane, model: str = MODEL, *, tile: Size = TILE, workers: int = 1,
    progress: Progress | None = None,
) -> Plane:  # fmt: skip
    """[h, w] from 0 to 1 to [2h, 2w]; otherwise as ``upscale``."""
    network = _prepared(model)
    height, width = plane.shape
    made = np.empty((height * SCALE, width * SCALE), np.float32)
    across, down = network.cuts((width, height), tile)
    tiles = list(product(down.pieces(), across.pieces()))

    def run(pieces: tuple[Piece, Piece]) -> None:
        row, column = pieces
        result = network.run(plane[row.first : row.last, column.first : column.last])
        made[_scaled(row, 0), _scaled(column, 0)] = result[_scaled(row, row.first), _scaled(column, column.first)]

    with ThreadPoolExecutor(workers) as pool:
        for done, _ in enumerate(pool.map(run, tiles), 1):
            if progress is not None:
                progress(done, len(tiles))
    return made


class _Prepared:
    """A network with its weights, bound to each frame that it is run on once.

    Attributes:
        policy: what tiles read beyond what they make.
    """

    def __init__(self, model: Model) -> None:
        self.weights = trained.parameters(model)
        self.policy = Policy("halo")
        self.bound = lru_cache(maxsize=9)(lambda size: bind(model, size=size))

    def cuts(self, frame: Size, tile: Size) -> tuple[Cut, Cut]:
        """Width and height of the frame in pieces that read all that the network sees."""
        return cuts(frame, tile, self.policy, receptive_field(self.bound, frame))

    def run(self, plane: Plane) -> Plane:
        height, width = plane.shape
        graph = self.bound((width, height))
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


def _scaled(piece: Piece, origin: int) -> slice:
    """What a piece makes, in the network's result that begins at that pixel of the frame."""
    return slice((piece.start - origin) * SCALE, (piece.stop - origin) * SCALE)
