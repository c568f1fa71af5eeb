"""What Col2Im computes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from npusim.loopnest import span
from npusim.ops.base import Array, Call, array, known
from npusim.ops.frames import region, taps


def col2im(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    """Each column [block] is added to the image where its block stands; blocks run along the last axis first."""
    x, known_call = array(call, arrays, 0), known(call, arrays)
    image, block = known_call.ints("image_shape", 1) or (), known_call.ints("block_shape", 2) or ()
    rank = len(image)
    strides, dilations = (call.ints(name) or (1,) * rank for name in ("strides", "dilations"))
    pads = call.ints("pads") or (0,) * (2 * rank)
    padded = [size + pads[axis] + pads[rank + axis] for axis, size in enumerate(image)]
    out = tuple((size - span(k, d)) // s + 1 for size, k, d, s in zip(padded, block, dilations, strides, strict=True))
    channels = x.shape[1] // prod(block)
    columns = x.reshape(x.shape[0], channels, *block, *out)
    y = np.zeros((x.shape[0], channels, *padded), x.dtype)
    for tap, places in taps(block, out, strides, dilations):
        target: tuple[Any, ...] = (slice(None), slice(None), *places)
        source: tuple[Any, ...] = (slice(None), slice(None), *tap)
        y[target] += columns[source]
    return [region(y, pads[:rank], [p + size for p, size in zip(pads, image, strict=False)])]
