"""Normalisations that learn no scale and no bias: over neighbouring channels, to a length, to a mean and a variance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from npusim.ops.arrays import as_type
from npusim.ops.base import Array, Call, Op, Spec, Work, array, passes, per_output, register, same
from npusim.ops.normalisation import CENTRE_AND_SCALE, SCALE_ONLY
from npusim.ops.reach import across

LEAST = 1e-9  # of a deviation (ONNX, function body of MeanVarianceNormalization-13)


def _size(call: Call) -> int:
    """How many channels are summed."""
    size = int(call.attrs["size"])
    if size < 1:
        raise call.error(f"size {size} is no number of channels")
    return size


def _infer_lrn(call: Call) -> list[Spec]:
    _size(call)
    return same(call)


def _work_lrn(call: Call) -> Work:
    """A square, a sum over ``size`` channels, factor, bias, power and division."""
    return passes(call, "norm", (_size(call) + 5) * call.tensor(0).elements)


def _execute_lrn(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    x, size = array(call, arrays, 0), _size(call)
    before, after = (min(reach, x.shape[1]) for reach in ((size - 1) // 2, size - 1 - (size - 1) // 2))
    padded = np.pad(x * x, [(0, 0), (before, after)] + [(0, 0)] * (x.ndim - 2))
    sums: Any = sum(padded[:, tap : tap + x.shape[1]] for tap in range(before + 1 + after))
    alpha, beta, bias = (float(call.attrs.get(n, d)) for n, d in (("alpha", 1e-4), ("beta", 0.75), ("bias", 1.0)))
    return [as_type(x / (bias + alpha / size * sums) ** beta, call.dtype())]


def _execute_lp(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    x, axis = array(call, arrays, 0), call.axis(-1)
    if int(call.attrs.get("p", 2)) == 1:
        length = np.abs(x).sum(axis=axis, keepdims=True)
    else:
        length = np.sqrt((x * x).sum(axis=axis, keepdims=True))
    return [as_type(np.divide(x, length, out=np.zeros_like(x), where=length != 0), call.dtype())]


def _execute_mean_variance(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    """What does not vary becomes zeros: ONNX's own function adds LEAST to the deviation."""
    x, axes = array(call, arrays, 0), tuple(call.ints("axes") or (0, 2, 3))
    away = x - x.mean(axis=axes, keepdims=True)
    deviation = np.sqrt((away * away).mean(axis=axes, keepdims=True))
    return [as_type(away / (deviation + LEAST), call.dtype())]


register(
    Op("LRN", _infer_lrn, _work_lrn, execute=_execute_lrn, reach=across(lambda _: (1,))),
    Op(
        "LpNormalization",
        same,
        per_output("norm", SCALE_ONLY),
        execute=_execute_lp,
        reach=across(lambda call: (call.axis(-1),)),
    ),
    Op(
        "MeanVarianceNormalization",
        same,
        per_output("norm", CENTRE_AND_SCALE),
        execute=_execute_mean_variance,
        reach=across(lambda call: call.ints("axes") or (0, 2, 3)),
    ),
)
