"""Whether a convolution can be written down: numbers that are finite, and that the type of the network holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
import numpy as np

from npusim.ir import DType
from npusim.ops.arrays import held
from npusim.transform.collapse.affine import Affine, Numbers, Refusal
from npusim.transform.collapse.network import Network
from npusim.transform.collapse.partial import Partial
from npusim.transform.collapse.steps import Step

Way = tuple[str, tuple[str, ...]]  # the tensor that a convolution reads, and what it takes the place of


class Unfit(msgspec.Struct, frozen=True):
    """What cannot be written down.

    Attributes:
        steps: those whose own numbers are not finite, by output.
        ways: convolutions that nothing but their numbers is against, by output and way.
    """

    steps: Mapping[str, Refusal]
    ways: Mapping[tuple[str, Way], Refusal]

    def __bool__(self) -> bool:
        return bool(self.steps or self.ways)


def way_of(made: Affine) -> Way:
    return made.source, made.through


def unfit(found: Mapping[str, Affine | Partial], steps: Mapping[str, Step], network: Network) -> Unfit:
    """What of the convolutions that a search found cannot be written down."""
    away: dict[str, Refusal] = {}
    ways: dict[tuple[str, Way], Refusal] = {}
    for name, each in found.items():
        made = each if isinstance(each, Affine) else each.made
        why = _why_not(made, network.graph.tensors[network.sums.get(name, name)].dtype)
        if not why:
            continue
        culprits = [step for step in map(steps.__getitem__, made.through) if not _is_finite(step.terms)]
        away |= {step.output: Refusal(f"not all numbers of {step.place} are finite") for step in culprits}
        if not culprits:
            ways[name, way_of(made)] = Refusal(why)
    return Unfit(away, ways)


def _is_finite(terms: Iterable[Affine]) -> bool:
    return all(np.isfinite(part.array).all() for term in terms for part in _parts(term))


def _parts(made: Affine) -> tuple[Numbers, ...]:
    return (made.kernel,) if made.bias is None else (made.kernel, made.bias)


def _why_not(made: Affine, dtype: DType) -> str:
    """Why its numbers cannot be stored; empty where they can, each to a rounding of the largest."""
    for part in _parts(made):
        array = part.array
        largest = float(np.abs(array).max(initial=0))
        with np.errstate(all="ignore"):
            stored = array.astype(held(dtype)).astype(np.float64)
            lost = np.abs(stored - array).max(initial=0)
        if not np.isfinite(stored).all():
            return f"as one convolution its numbers reach {largest:.2g}, which {dtype.label} does not hold"
        if lost > np.finfo(held(dtype)).eps * largest:
            return f"as one convolution its numbers are {largest:.2g} at most, of which {dtype.label} keeps too little"
    return ""
