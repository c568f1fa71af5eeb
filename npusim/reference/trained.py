"""Trained weights that ship with npusim: read from models/weights, collapsed by SESR of the paper, laid into graphs.

A file holds the expanded network in float16: ``first.wide``, ``first.narrow``, ``middle0.wide``, ``middle0.narrow``,
``middle0.slope``, ..., ``last.wide``, ``last.narrow``. The collapsed one is derived from it, and not stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath

import numpy as np

from npusim import resources
from npusim.errors import InputError
from npusim.model import Model
from npusim.ops.base import Array
from npusim.reference.sesr import Convolution, LinearBlock, Network, collapsed

FOLDER = "weights"
EXPANDED = "-expanded"  # how the zoo marks that form
CENTRE = 0.5  # what the zoo's graphs take from the image in front of the first block


def names() -> tuple[str, ...]:
    """The zoo networks that trained weights ship for, each of which has an expanded form too."""
    return tuple(PurePath(found.name).stem for found in resources.files("models", f"{FOLDER}/*.npz"))


def network(name: str) -> Network:
    """The expanded network in float32.

    Raises:
        InputError: no-trained-weights, with the names that have some.
    """
    if name not in names():
        has = ", ".join(each for base in names() for each in (base, base + EXPANDED))
        what = "no trained weights ship for it"
        raise InputError(what, code="no-trained-weights", where=name, fix=f"they do for {has or 'none'}")
    with np.load(resources.path("models", f"{FOLDER}/{name}.npz"), allow_pickle=False) as stored:
        arrays = {key: stored[key].astype(np.float32) for key in stored.files}
    count = sum(key.endswith(".slope") for key in arrays)
    return Network(
        _block(arrays, "first"), tuple(_block(arrays, f"middle{index}", True) for index in range(count)),
        _block(arrays, "last"), tuple(arrays[f"middle{index}.slope"] for index in range(count)), centre=CENTRE,
        clipped=True,
    )  # fmt: skip


def _block(arrays: Mapping[str, Array], name: str, short_skip: bool = False) -> LinearBlock:
    return LinearBlock(arrays[f"{name}.wide"], arrays[f"{name}.narrow"], short_skip=short_skip)


def parameters(model: Model) -> dict[str, Array]:
    """Trained arrays for the parameters of a zoo network, collapsed or expanded, by their names in it.

    Raises:
        InputError: as ``network``.
    """
    base = model.name.removesuffix(EXPANDED)
    held = network(base if base in names() else model.name)  # an error names what was asked for
    if model.name == base:
        held = collapsed(held)
    kernels: list[Array] = []
    for block in (held.first, *held.middle, held.last):
        if isinstance(block, Convolution):
            kernels.append(block.kernel)
        else:
            kernels += [block.wide, block.narrow[:, :, None, None]]
    slopes = [slope.reshape(-1, 1, 1) for slope in held.slopes or ()]
    convs = [node.inputs[1] for node in model.nodes if node.op == "Conv"]
    prelus = [node.inputs[1] for node in model.nodes if node.op == "PRelu"]
    return dict(zip((*convs, *prelus), (*kernels, *slopes), strict=True))
