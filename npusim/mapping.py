"""Mappings as arrays: how axes are cut into stripes, and candidates with one column a field.

Columns are float64, exact for integers below 2**53; the helpers accept plain numbers as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from npusim.ir import Shape
from npusim.profile import Winograd

Column = npt.NDArray[np.float64]
AXES = 3  # spatial axes are padded in front to depth, height and width


def padded(axes: Shape, fill: int = 1) -> tuple[int, int, int]:
    """One to three spatial values as (depth, height, width)."""
    full = (fill,) * (AXES - len(axes)) + tuple(axes)
    return full[0], full[1], full[2]


def ceil_div(a: Any, b: Any) -> Any:
    """The quotient rounded up; exact, of columns below 2**53 as well (a quotient that is no integer stays apart)."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return np.ceil(a / b)
    return -(-a // b)


def round_up(a: Any, multiple: Any) -> Any:
    return ceil_div(a, multiple) * multiple


def stripe_sizes(size: int, base: int) -> list[int]:
    """The sizes that an axis is cut into: base times powers of two below the whole, then the whole."""
    found = []
    step = base
    while step < size:
        found.append(step)
        step *= 2
    return [*found, size]


def cut_sum(size: Any, stripe: Any, granule: Any) -> Any:
    """Sum over the stripes of an axis of their extents, each in whole granules; the last stripe is as ragged as it is.

    Of 88 in stripes of 10 with granule 1 it is 88, with granule 4 it is 8 * 12 + 8 = 104.
    """
    whole = ceil_div(size, stripe) - 1
    total: Any = whole * round_up(stripe, granule) + round_up(size - whole * stripe, granule)
    return total


def grid(*tables: Sequence[Sequence[float]]) -> list[list[Column]]:
    """All combinations of one row of each table, the last table running fastest: for each table, its columns."""
    arrays = [np.array(table, dtype=np.float64) for table in tables]
    rows = np.indices([len(table) for table in arrays]).reshape(len(arrays), -1)
    return [list(array[index].T) for array, index in zip(arrays, rows, strict=True)]


def product(columns: Sequence[Any]) -> Any:
    """Elementwise product; 1 of none."""
    result: Any = 1
    for column in columns:
        result = result * column
    return result


class WinogradTile(msgspec.Struct, frozen=True):
    """The tile of outputs that a fast convolution makes of one kernel, and what it multiplies for it.

    Attributes:
        height, width: outputs of a tile.
        multiplications: for one tile, input channel and output channel; every sub-kernel and depth tap included.
        sub_kernels: how many sub-kernels the kernel is run as, depth taps included.
    """

    height: int
    width: int
    multiplications: int
    sub_kernels: int


def winograd_tile(fast: Winograd, kernel: tuple[int, int, int]) -> WinogradTile | None:
    """The tile for a kernel of depth, height and width taps; None where both sides in the plane are 1."""
    depth, high, wide = kernel
    if high == 1 and wide == 1:
        return None
    one_sided = high == 1 or wide == 1
    # Along the axis without taps a one-sided kernel needs no overlap, so more outputs fit the same multiplications.
    height = fast.output_tile_1d if high == 1 else fast.output_tile_2d
    width = fast.output_tile_1d if one_sided and wide == 1 else fast.output_tile_2d
    subs = depth * product([ceil_div(side, fast.sub_kernel) for side in (high, wide) if side > 1])
    return WinogradTile(height, width, fast.macs_per_tile * subs, subs)
