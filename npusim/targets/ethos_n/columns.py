"""Candidates as a table: a column a field, a row a plan."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np

from npusim.targets.ethos_n.costs import Box

Array = np.ndarray[Any, np.dtype[np.int64]]


class C(IntEnum):
    """Columns. Stripes take three (height, width, channels), starting at the one that is named."""

    IN = 0  # the input's stripe, in the engine and in memory
    IN_SLOTS = 3
    PACK_ROWS = 4  # packed boundary, rows above and below together
    PACK_SIDES = 5  # how many of left and right have some
    LOADS = 6
    TILE_BYTES = 7  # one input's buffer
    WIDE_FORBIDDEN = 8
    MCE_OUT = 9
    BLOCK_W = 12
    BLOCK_H = 13
    WINOGRAD = 14
    WEIGHT_SLOTS = 15
    WEIGHT_SLOT_BYTES = 16
    WEIGHT_BYTES = 17  # of the whole stream
    WEIGHT_STRIPES = 18
    PLE_IN = 19
    PLE_OUT = 22
    OUT = 25  # the output's stripe in memory
    OUT_SLOTS = 28
    OUT_BYTES = 29  # its buffer
    COUNT = 30


class Plans:
    """A table of plans of one part; ``data`` has a row a column (C) and a column a plan."""

    __slots__ = ("data",)

    def __init__(self, data: Array) -> None:
        self.data = data

    @classmethod
    def empty(cls, count: int) -> Plans:
        return cls(np.zeros((C.COUNT, count), np.int64))

    def __len__(self) -> int:
        return int(self.data.shape[1])

    def __getitem__(self, column: int) -> Array:
        found: Array = self.data[column]
        return found

    def __setitem__(self, column: int, value: Any) -> None:
        self.data[column] = value

    def box(self, column: C) -> Box:
        return self.data[column], self.data[column + 1], self.data[column + 2]

    def set_box(self, column: C, box: Box) -> None:
        self.data[column], self.data[column + 1], self.data[column + 2] = box

    def take(self, rows: Any) -> Plans:
        """The plans of an index array or a mask."""
        return Plans(self.data[:, rows])

    @property
    def block(self) -> tuple[Array, Array]:
        return self.data[C.BLOCK_W], self.data[C.BLOCK_H]


def joined(tables: list[Plans]) -> Plans:
    return tables[0] if len(tables) == 1 else Plans(np.concatenate([table.data for table in tables], axis=1))
