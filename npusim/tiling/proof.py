"""Whether tiles give the picture that the whole frame gives: both are run in numpy, and compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from math import log10
from pathlib import PurePath
from typing import Any, NamedTuple

import msgspec
import numpy as np

from npusim import resources
from npusim.errors import EstimateError, InputError
from npusim.ir import DType, Graph
from npusim.model import Model
from npusim.ops.base import Array
from npusim.pictures import Picture, read
from npusim.receptive import Field, Frames, Side, Size, framed, receptive_field
from npusim.reference import trained
from npusim.reference.executor import execute
from npusim.reference.inputs import Fed, pictured, seeded
from npusim.reference.validate import constants
from npusim.tiling.policies import Cut, Piece, Policy, cuts

PRECISION = DType.FLOAT64  # of all that is computed; the results are compared in it, and as float32
SHIPPED = "pictures/chelsea.png"  # models/pictures/README.md says where it is from
SEED = 0  # of weights that neither ship nor stand in the file, and of inputs that no picture fills
ROUNDING = 1e-12  # of the largest element: what sums in another order differ by in float64
Progress = Callable[[int, int], None]


class Proof(msgspec.Struct, frozen=True):
    """A frame in tiles beside the frame in one run.

    Attributes:
        max_abs: the largest difference of two elements of an output. max_rel: the same over the largest element.
        max_ulp: the largest difference in units of the last place, where both are rounded to float32.
        psnr_db: 20 log10 of the largest element over the root mean square of the differences; None for no difference.
        seam_psnr_db: the same over the elements that stand nearer to where tiles meet than the network sees.
        runs: of the network.
    """

    tile: Size
    policy: str
    runs: int
    max_abs: float
    max_rel: float
    max_ulp: int
    psnr_db: float | None
    seam_psnr_db: float | None

    @property
    def same(self) -> bool:
        """Whether the tiles give what the whole frame gives, but for the order of sums."""
        return self.max_rel <= ROUNDING


class Proved(NamedTuple):
    """A proof, and the differences of the first output: absolute values over the largest element, [height, width]."""

    proof: Proof
    error: Array


class Frame(NamedTuple):
    """What is run.

    Attributes:
        frames: binds the network to a size. inputs, weights: arrays by name; ``seed`` of weights that it lacks.
    """

    frames: Frames
    size: Size
    inputs: Mapping[str, Array]
    weights: Mapping[str, Array]
    seed: int
    field: Field


def pictured_frame(
    model: Model, frames: Callable[[Size | None], Graph], size: Size | None, image: str | None
) -> tuple[Frame, str, str]:  # fmt: skip
    """The network on a picture, with trained weights where some ship, its own where it has some, else seeded ones.

    Where no picture is given and the one that ships does not fit its inputs, it runs on seeded ones.

    Args:
        frames: binds the network to a size, or to its own.
        size: of the frame; the network's own or else the picture's where left out.
        image: a file; the picture that ships where left out.

    Returns:
        What to run, where its input is from, and where its weights are.

    Raises:
        InputError: as ``pictures.read``, ``inputs.pictured``, ``framed`` and ``receptive_field``.
    """
    picture = read(resources.path("models", SHIPPED) if image is None else image)
    try:
        graph = frames(size)
    except InputError as fault:
        if fault.code != "dynamic-dim" or size is not None:
            raise
        try:
            graph = frames(picture.size)
        except InputError:
            raise fault from None
    frame = framed(graph)
    fed = _fed(graph, picture, image)
    names = trained.names()
    has = model.name.removesuffix(trained.EXPANDED) in names
    given = trained.parameters(model) if has else {}
    source = "trained" if has else constants(graph, given, SEED)[1]
    field = receptive_field(frames, frame)
    return Frame(frames, frame, fed.arrays, given, SEED, field), fed.source, source


def _fed(graph: Graph, picture: Picture, image: str | None) -> Fed:
    """The picture; where nobody asked for one and it does not fit, seeded elements."""
    try:
        return pictured(graph, picture, PurePath(image or SHIPPED).name)
    except InputError as fault:
        if image is not None or fault.code != "no-picture-input":
            raise
        return seeded(graph, SEED)


def prove(
    frame: Frame, tiles: Sequence[Size], policies: Sequence[Policy], progress: Progress | None = None
) -> list[Proved]:
    """Each tile with each policy, of which ``area`` is none: it has no tiles that could be run.

    Raises:
        InputError: bad-tile; as ``execute``.
        EstimateError: no-cover, where tiles do not make every element of an output.
    """
    chosen = [(tile, how) for tile in tiles for how in policies]
    pairs = [cuts(frame.size, tile, how, frame.field) for tile, how in chosen]
    total = 1 + sum(int(across.runs * down.runs) for across, down in pairs)
    tell = progress or (lambda *_: None)
    runner = _Runner(frame, lambda done: tell(done, total))
    whole = runner.run(frame.size, frame.inputs)
    found = []
    for (tile, how), (across, down) in zip(chosen, pairs, strict=True):
        tiled = _tiled(frame, runner, across, down, whole)
        found.append(_compared(frame, tile, how, (across, down), whole, tiled))
    return found


class _Runner:
    """Runs a network, bound to each size once."""

    def __init__(self, frame: Frame, progress: Callable[[int], None]) -> None:
        self.frame = frame
        self.progress = progress
        self.done = 0
        self.bound: dict[Size, tuple[Graph, dict[str, Array]]] = {}

    def run(self, size: Size, inputs: Mapping[str, Array]) -> dict[str, Array]:
        if size not in self.bound:
            graph = self.frame.frames(size)
            self.bound[size] = graph, constants(graph, self.frame.weights, self.frame.seed)[0]
        graph, weights = self.bound[size]
        made = execute(graph, inputs, weights, precision=PRECISION)
        self.done += 1
        self.progress(self.done)
        return made


def _tiled(frame: Frame, runner: _Runner, across: Cut, down: Cut, whole: Mapping[str, Array]) -> dict[str, Array]:
    """The outputs put together from tiles."""
    made = {name: np.full(array.shape, np.nan) for name, array in whole.items()}
    for column in across.pieces():
        for row in down.pieces():
            size = column.last - column.first, row.last - row.first
            outputs = runner.run(size, _cropped(frame, column, row))
            for name, array in outputs.items():
                _place(made[name], array, frame, name, ((column, across), (row, down)))
    holes = [name for name, array in made.items() if np.isnan(array).any() and not np.isnan(whole[name]).any()]
    if holes:
        raise EstimateError(f"tiles do not make all of the output {holes[0]!r}", code="no-cover")
    return made


def _cropped(frame: Frame, column: Piece, row: Piece) -> dict[str, Array]:
    """The inputs as a tile reads them, with zeros where they end."""
    found = dict(frame.inputs)
    for name in frame.field.inputs:
        array = frame.inputs[name]
        for piece, side in ((column, frame.field.sides[0]), (row, frame.field.sides[1])):
            axis = side.rates[name].axis
            array = array[(slice(None),) * axis + (slice(piece.first, piece.last),)]
            lacking = piece.last - piece.first - array.shape[axis]
            if lacking:
                array = np.pad(array, [(0, lacking if at == axis else 0) for at in range(array.ndim)])
        found[name] = array
    return found


def _place(made: Array, array: Array, frame: Frame, name: str, pieces: Sequence[tuple[Piece, Cut]]) -> None:
    """Writes what a tile covers of an output into it."""
    into: list[Any] = [slice(None)] * made.ndim
    taken: list[Any] = [slice(None)] * made.ndim
    for (piece, cut), side in zip(pieces, frame.field.sides, strict=True):
        axis, rate = side.rates[name].axis, side.rates[name].rate
        start, stop = _covered(piece, rate, cut.length, made.shape[axis])
        offset = int(piece.first * rate)
        into[axis], taken[axis] = slice(start, stop), slice(start - offset, stop - offset)
    part = array[tuple(taken)]
    target = made[tuple(into)]
    if part.shape == target.shape:
        target[...] = part


def _covered(piece: Piece, rate: Fraction, length: int, made: int) -> tuple[int, int]:
    """The output positions that a tile stands for; the last tile's are all that are left."""
    start, stop = int(piece.start * rate), made if piece.stop == length else min(int(piece.stop * rate), made)
    return min(start, stop), stop


# --- how far apart ----------------------------------------------------------------------------------------------------


def _compared(
    frame: Frame, tile: Size, how: Policy, pair: tuple[Cut, Cut], whole: Mapping[str, Array], tiled: Mapping[str, Array]
) -> Proved:
    largest = max((float(np.abs(array).max(initial=0)) for array in whole.values()), default=0.0)
    away = {name: np.abs(tiled[name] - array) for name, array in whole.items()}
    most = max((float(each.max(initial=0)) for each in away.values()), default=0.0)
    ulps = max((_ulps(tiled[name], array) for name, array in whole.items()), default=0)
    near = [each[_near_seams(frame, name, pair, each)] for name, each in away.items()]
    proof = Proof(
        tile, str(how), int(pair[0].runs * pair[1].runs), most, most / largest if largest else most, ulps,
        _psnr([each.reshape(-1) for each in away.values()], largest), _psnr(near, largest),
    )  # fmt: skip
    return Proved(proof, _picture(frame, next(iter(away)), away) / (largest or 1.0))


def _psnr(away: Sequence[Array], largest: float) -> float | None:
    count = sum(each.size for each in away)
    square = sum(float((each.astype(np.float64) ** 2).sum()) for each in away)
    return 20 * log10(largest / (square / count) ** 0.5) if count and square and largest else None


def _ulps(one: Array, other: Array) -> int:
    """The most float32 numbers that lie between two elements."""
    return int(np.abs(_ordered(one) - _ordered(other)).max(initial=0))


def _ordered(array: Array) -> Array:
    """Integers in the order of the float32 numbers, one apart for neighbours."""
    bits = np.asarray(array, np.float32).view(np.int32).astype(np.int64)
    return np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)


def _near_seams(frame: Frame, name: str, pair: tuple[Cut, Cut], array: Array) -> Array:
    """Which elements of an output stand nearer to a seam than the network sees."""
    near = np.zeros(array.shape, bool)
    for cut, side in zip(pair, frame.field.sides, strict=True):
        axis, rate = side.rates[name].axis, side.rates[name].rate
        at = np.arange(array.shape[axis])
        close = np.zeros(array.shape[axis], bool)
        for piece in cut.pieces()[1:]:
            low, high = (piece.start - _reach(side)) * rate, (piece.start + _reach(side)) * rate
            close |= (at >= low) & (at < high)
        near |= close.reshape([-1 if a == axis else 1 for a in range(array.ndim)])
    return near


def _reach(side: Side) -> int:
    return max(side.before, side.after, 1)


def _picture(frame: Frame, name: str, away: Mapping[str, Array]) -> Array:
    """The largest difference at each place of an output, over everything but its height and width."""
    array = away[name]
    axes = tuple(side.rates[name].axis for side in reversed(frame.field.sides))
    rest = tuple(axis for axis in range(array.ndim) if axis not in axes)
    flat = array.max(axis=rest) if rest else array
    return flat if axes[0] < axes[1] else flat.T
