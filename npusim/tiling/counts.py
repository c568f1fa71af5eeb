"""MACs of a network at many sizes at once: a layer's grow with the width of what it makes, and with its height."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from npusim.counts import layer_works
from npusim.receptive import Size
from npusim.tiling.study import Costs

Counts = np.ndarray[Any, Any]


def macs_at(costs: Costs, widths: Sequence[int], heights: Sequence[int]) -> Counts:
    """MACs at each of the widths and each of the heights: int64 [widths, heights].

    Each layer's are counted at all widths beside one height, and at all heights beside one width; their product over
    the count at both is the count anywhere, which is checked at the largest size. Where that does not hold, as where
    the positions of a frame attend to each other, every size is counted.
    """
    base = max(widths), max(heights)
    across = np.array([_layers(costs, (width, base[1])) for width in widths], np.float64)
    down = np.array([_layers(costs, (base[0], height)) for height in heights], np.float64)
    both = np.array(_layers(costs, base), np.float64)
    counted = both > 0
    product = across[:, counted] @ (down[:, counted] / both[counted]).T
    found: Counts = np.rint(product).astype(np.int64)
    ends = {
        (at, to) for at in (0, len(widths) // 2, len(widths) - 1) for to in (0, len(heights) // 2, len(heights) - 1)
    }
    if all(found[at, to] == sum(_layers(costs, (widths[at], heights[to]))) for at, to in ends):
        return found
    return np.array([[sum(_layers(costs, (w, h))) for h in heights] for w in widths], np.int64)


def _layers(costs: Costs, size: Size) -> list[int]:
    return [each.macs for each in layer_works(costs.graph(size))]


def recomputed(whole: int, macs: Fraction | int) -> float:
    return float(Fraction(macs) / whole - 1) if whole else 0.0
