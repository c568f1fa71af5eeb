"""Weights whose values are at hand."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

Rows = np.ndarray[Any, np.dtype[np.int16]]


class Elements:
    """Quantised weights of a part, less their zero point; two are equal where all their weights are.

    Attributes:
        rows: [output channels, positions of the kernel times input channels], the input channels of a position
            together; of a depthwise convolution [channels, positions].
        own_scales: whether each output channel has a scale of its own, which the stream then repeats.
    """

    __slots__ = ("_digest", "own_scales", "rows")

    def __init__(self, rows: Rows, *, own_scales: bool) -> None:
        self.rows = np.ascontiguousarray(rows, np.int16)
        self.own_scales = own_scales
        told = repr((self.rows.shape, own_scales)).encode()
        self._digest = hashlib.blake2b(self.rows.tobytes() + told, digest_size=16).digest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Elements) and self._digest == other._digest

    def __hash__(self) -> int:
        return hash(self._digest)
