"""What the hardware cannot run as such, and why: read from the profile's numbers and the loop nests alone."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

from npusim.loopnest import LoopNest
from npusim.ops import VectorWork
from npusim.profile import HardwareProfile


def nest_reason(nest: LoopNest, profile: HardwareProfile) -> str:
    """Why the MAC array does not run the nest; empty where it does."""
    array = profile.mac_array
    sides = sorted(set(nest.kernel) - set(array.kernel_sides)) if array.kernel_sides else []
    if sides:
        return f"the MAC array runs kernel sides {_list(array.kernel_sides)}, not {_list(sides)}"
    if not nest.transposed and max(nest.stride) > array.max_stride:
        return f"stride {max(nest.stride)} is above {array.max_stride}"
    product = is_product(nest)
    if nest.groups > 1 and not (nest.is_depthwise or array.grouped or product):
        return f"the MAC array runs no convolution in groups ({nest.groups})"
    if nest.batch > array.max_batch and not product:
        return f"batch {nest.batch} is above {array.max_batch}"
    return ""


def is_product(nest: LoopNest) -> bool:
    """A product of matrices: one tap, positions along one axis at most. Its batch is rows, its groups are products."""
    is_pointwise = prod(nest.kernel) == prod(nest.stride) == 1 and nest.ifm == nest.out and not nest.transposed
    return is_pointwise and (len(nest.out) == 1 or prod(nest.out) == 1)


def vector_reason(vector: Iterable[VectorWork], profile: HardwareProfile) -> str:
    """Why the vector unit does not run the work; empty where it does."""
    prices = profile.vector_unit.step_cycles
    unpriced = sorted({part.kind for part in vector if part.kind not in prices})
    return f"the vector unit has no {' and no '.join(unpriced)}" if unpriced else ""


def upsamples(nest: LoopNest, profile: HardwareProfile) -> bool:
    """Whether the input path stuffs the zeros of a transposed convolution with stride."""
    array = profile.mac_array
    fits = max(nest.kernel) <= array.upsample_max_kernel
    return nest.transposed and fits and all(stride == array.upsample_factor for stride in nest.stride)


def stuffs(nest: LoopNest, profile: HardwareProfile) -> bool:
    """Whether the zero-stuffed input of a transposed convolution goes through DRAM."""
    return nest.transposed and max(nest.stride) > 1 and not upsamples(nest, profile)


def _list(sizes: Iterable[int]) -> str:
    return ", ".join(map(str, sizes))
