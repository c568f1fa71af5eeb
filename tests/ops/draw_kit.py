"""What random calls are drawn with: sizes, choices, and arrays of random elements."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from sample_kit import Arg, Sample

T = TypeVar("T")
Shape = tuple[int, ...]


def some(most: int) -> settings:
    """As many calls of each operator, the same in every run; NPUSIM_EXAMPLES asks for that many others."""
    asked = os.environ.get("NPUSIM_EXAMPLES")
    return settings(
        max_examples=int(asked) if asked else most, derandomize=not asked, database=None, deadline=None,
        suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow, HealthCheck.data_too_large],
    )  # fmt: skip


class Pick:
    """Draws through Hypothesis: what it draws first, it shrinks first; elements come from one seed an array."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def size(self, low: int = 1, high: int = 4) -> int:
        return self._draw(st.integers(low, high))

    def sizes(self, count: int, low: int = 1, high: int = 4) -> Shape:
        return tuple(self.size(low, high) for _ in range(count))

    def shape(self, least: int = 0, most: int = 4, low: int = 1, high: int = 4) -> Shape:
        return self.sizes(self.size(least, most), low, high)

    def flag(self) -> bool:
        return self._draw(st.booleans())

    def of(self, *choices: T) -> T:
        return self._draw(st.sampled_from(choices))

    def order(self, count: int) -> Shape:
        return tuple(self._draw(st.permutations(range(count))))

    def some_of(self, count: int, least: int = 0) -> Shape:
        """Some of the numbers below ``count``, in any order."""
        return self.order(count)[: self.size(min(least, count), count)]

    def axis(self, rank: int) -> int:
        """An axis, counted from either end."""
        return self.size(-rank, rank - 1)

    def signed(self, axes: Shape, rank: int) -> Shape:
        """The axes, each counted from either end."""
        return tuple(axis - rank if self.flag() else axis for axis in axes)

    def maybe(self, make: Callable[[], T]) -> T | None:
        return make() if self.flag() else None

    def spread(self, shape: Shape) -> Shape:
        """A shape that broadcasts to this one."""
        kept = shape[self.size(0, len(shape)) :]
        return tuple(1 if self.size(0, 3) == 0 else size for size in kept)

    # --- arrays ---

    def rng(self) -> np.random.Generator:
        return np.random.default_rng(self._draw(st.integers(0, 2**32 - 1)))

    def real(
        self, *shape: int, low: float = -2, high: float = 2, dtype: str = "float32", constant: bool = False
    ) -> Arg:
        return Arg(np.asarray(self.rng().uniform(low, high, shape)).astype(dtype), constant)

    def weights(self, *shape: int, low: float = -2, high: float = 2, dtype: str = "float32") -> Arg:
        return self.real(*shape, low=low, high=high, dtype=dtype, constant=True)

    def whole(
        self, *shape: int, low: int = -9, high: int = 9, dtype: str = "int64", constant: bool = False
    ) -> Arg:  # fmt: skip
        """Whole numbers from ``low`` to ``high``, in any type."""
        return Arg(np.asarray(self.rng().integers(low, high, shape, endpoint=True)).astype(dtype), constant)

    def truth(self, *shape: int) -> Arg:
        return self.whole(*shape, low=0, high=1, dtype="bool")

    def any(self, *shape: int) -> Arg:
        """Elements of any type that is only moved."""
        dtype = self.of("float32", "int64", "int32", "uint8", "bool", "float64")
        return self.truth(*shape) if dtype == "bool" else self.whole(*shape, low=0, high=99, dtype=dtype)

    def bytes(self, *shape: int, dtype: str = "uint8", constant: bool = False) -> Arg:
        low = -128 if dtype == "int8" else 0
        return self.whole(*shape, low=low, high=low + 255, dtype=dtype, constant=constant)

    # --- quantisation ---

    def scale(self, *shape: int) -> Arg:
        """Powers of two: products with them are exact, and so is what lies half-way between two steps."""
        return Arg(np.asarray(2.0 ** self.rng().integers(-5, 1, shape)).astype(np.float32), constant=True)

    def zero(self, *shape: int, dtype: str = "uint8") -> Arg:
        low = -60 if dtype == "int8" else 60
        return self.whole(*shape, low=low, high=low + 100, dtype=dtype, constant=True)


Drawn = Callable[[Pick], Sample]


@st.composite
def calls(draw: st.DrawFn, drawn: Drawn) -> Sample:
    return drawn(Pick(draw))
