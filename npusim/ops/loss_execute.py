"""What losses compute."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from npusim.ops.arrays import as_type
from npusim.ops.base import Array, Call, array, optional


def log_likelihood(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    """Minus the score of each target, weighted by its class; targets of ``ignore_index`` count for nothing."""
    return [as_type(_loss(call, array(call, arrays, 0), arrays), call.dtype())]


def cross_entropy(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    scores = array(call, arrays, 0)
    shifted = scores - scores.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return [as_type(_loss(call, logs, arrays), call.dtype()), as_type(logs, call.dtype())]


def _loss(call: Call, logs: Array, arrays: Sequence[Array | None]) -> Array:
    targets, weights = array(call, arrays, 1).astype(np.int64), optional(arrays, 2)
    ignored = np.zeros(targets.shape, bool)
    if "ignore_index" in call.attrs:
        ignored = targets == int(call.attrs["ignore_index"])
    held = np.where(ignored, 0, targets)
    each = np.ones(targets.shape, logs.dtype) if weights is None else weights[held]
    each = np.where(ignored, 0, each)
    losses = -np.take_along_axis(logs, held[:, None], axis=1)[:, 0] * each
    reduction = str(call.attrs.get("reduction", "mean"))
    if reduction not in ("none", "sum", "mean"):
        raise call.error(f"reduction {reduction!r} is not one of none, sum, mean", code="bad-node")
    if reduction == "none":
        return np.asarray(losses)
    return np.asarray(losses.sum() if reduction == "sum" else losses.sum() / each.sum())
