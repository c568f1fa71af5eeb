"""Normalisations. Operations are counted an element and step of the definition; what is done once a channel is not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import numpy as np

from npusim.ir import DType, Shape
from npusim.ops.arrays import as_type
from npusim.ops.base import (
    Array,
    Box,
    Call,
    Op,
    Seen,
    Spec,
    VectorWork,
    Work,
    array,
    later,
    optional,
    passes,
    register,
    same,
    widens,
)
from npusim.ops.reach import across, everywhere, first_pointwise

CENTRE_AND_SCALE = 5  # mean, difference, square, mean of squares, division by the root
SCALE_ONLY = 3  # square, mean of squares, division by the root


def _counted(steps: int, *extras: int) -> Callable[[Call], Work]:
    """The work rule of a normalisation: so many steps, and one more for each of the optional inputs that is there."""

    def work(call: Call) -> Work:
        return passes(call, "norm", (steps + sum(call.has(slot) for slot in extras)) * call.tensor(0).elements)

    return work


def _channelwise(call: Call, slot: int, channels: int) -> None:
    """The scale, bias, mean or variance must have one element a channel."""
    if prod(call.shape(slot)) != channels:
        raise call.error(f"input {slot} has shape {call.shape(slot)}, not one element for each of {channels} channels")


def _channels(call: Call) -> int:
    """The size of axis 1; a tensor of rank 1 has a single channel (ONNX BatchNormalization)."""
    if not call.shape(0):
        raise call.error("a scalar has no channels")
    return call.shape(0)[1] if len(call.shape(0)) > 1 else 1


def _spread(x: Array, a: Array) -> Array:
    """One element a channel, made to broadcast against [N, C, ...]."""
    return a.reshape(1, -1, *(1,) * (x.ndim - 2)) if x.ndim > 1 else a.reshape(-1)


def _standardised(
    x: Array, axes: tuple[int, ...], epsilon: float, *, centred: bool = True
) -> tuple[Array, Array, Array]:
    """The normalised array, its mean and the inverse of its deviation, over axes."""
    mean = x.mean(axis=axes, keepdims=True) if centred else np.zeros((1,) * x.ndim, x.dtype)
    away = x - mean
    inverse = 1 / np.sqrt((away * away).mean(axis=axes, keepdims=True) + epsilon)
    return away * inverse, mean, inverse


# --- over the batch -------------------------------------------------------------------------------------------------


def _infer_batch(call: Call) -> list[Spec]:
    flat = call.attrs.get("spatial", 1)  # 0 (opset 7): one statistic for each position too
    size = _channels(call) if flat else prod(call.shape(0)[1:])
    for slot in range(1, 5):
        _channelwise(call, slot, size)
    return [*same(call), *[(call.shape(slot), call.dtype(slot)) for slot in (3, 4, 3, 4)]]


def _work_batch(call: Call) -> Work:
    """At inference a multiplication and an addition an element, by constants; in training the statistics as well."""
    count = call.tensor(0).elements
    if call.attrs.get("training_mode", 0) or call.n_outs > 3:
        return passes(call, "norm", (2 + CENTRE_AND_SCALE) * count)
    spread = call.attrs.get("spatial", 1) and all(call.tensor(slot).is_constant for slot in range(1, 5))
    return Work(vector=(VectorWork("mul", count, 2 * count),), folds="weights" if spread else "")


def _execute_batch(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    x, scale, bias, mean, variance = (array(call, arrays, slot) for slot in range(5))
    epsilon, momentum = (
        float(call.attrs.get(name, default)) for name, default in (("epsilon", 1e-5), ("momentum", 0.9))
    )
    if not call.attrs.get("spatial", 1):
        folded = scale / np.sqrt(variance + epsilon)
        return [as_type((x - mean) * folded + bias, call.dtype()), mean, variance]
    used = mean, variance
    if call.attrs.get("training_mode", 0):
        axes = (0, *range(2, x.ndim))
        used = x.mean(axis=axes), x.var(axis=axes)
        mean, variance = (
            old * momentum + new * (1 - momentum) for old, new in zip((mean, variance), used, strict=True)
        )
    folded = scale / np.sqrt(used[1] + epsilon)
    y = (x - _spread(x, used[0])) * _spread(x, folded) + _spread(x, bias)
    return [as_type(y, call.dtype()), as_type(mean, call.dtype(3)), as_type(variance, call.dtype(4))]


# --- over an instance or a group of channels ------------------------------------------------------------------------


def _infer_instance(call: Call) -> list[Spec]:
    for slot in (1, 2):
        _channelwise(call, slot, _channels(call))
    return same(call)


def _execute_instance(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    x = array(call, arrays, 0)
    y, _, _ = _standardised(x, tuple(range(2, x.ndim)), float(call.attrs.get("epsilon", 1e-5)))
    return [as_type(y * _spread(x, array(call, arrays, 1)) + _spread(x, array(call, arrays, 2)), call.dtype())]


def _infer_group(call: Call) -> list[Spec]:
    channels, groups = _channels(call), int(call.attrs["num_groups"])
    if groups < 1 or channels % groups:
        raise call.error(f"{channels} channels do not make {groups} groups")
    for slot in (1, 2):  # one element a group in opset 18, one a channel from 21
        _channelwise(call, slot, groups if prod(call.shape(slot)) == groups else channels)
    return same(call)


def _execute_group(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    x, scale, bias, groups = (*(array(call, arrays, slot) for slot in range(3)), int(call.attrs["num_groups"]))
    parts = x.reshape(x.shape[0], groups, prod(x.shape[1:]) // groups)
    y, _, _ = _standardised(parts, (2,), float(call.attrs.get("epsilon", 1e-5)))
    scale, bias = (np.repeat(a, x.shape[1] // groups) if a.size == groups else a for a in (scale, bias))
    return [as_type(y.reshape(x.shape) * _spread(x, scale) + _spread(x, bias), call.dtype())]


# --- over the last axes ---------------------------------------------------------------------------------------------


def _infer_layer(call: Call) -> list[Spec]:
    axis, shape = call.axis(-1), call.shape(0)
    for slot in (1, 2):
        if call.has(slot) and not widens(call.shape(slot), shape):
            raise call.error(f"input {slot} of shape {call.shape(slot)} cannot be broadcast to {shape}")
    statistic: Shape = (*shape[:axis], *(1,) * (len(shape) - axis))
    return [*same(call), (statistic, DType.FLOAT32), (statistic, DType.FLOAT32)]


def _layer(
    *, centred: bool, scale: int = 1, bias: int | None = 2
) -> Callable[[Call, Sequence[Array | None]], list[Array]]:
    def execute(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
        x = array(call, arrays, 0)
        inner = (
            x if x.dtype == np.float64 else x.astype(np.float32)
        )  # stash_type: statistics are never of half precision
        axes = tuple(range(call.axis(-1), x.ndim))
        y, mean, inverse = _standardised(inner, axes, float(call.attrs.get("epsilon", 1e-5)), centred=centred)
        y = y * array(call, arrays, scale)
        shift = optional(arrays, bias) if bias is not None else None
        statistics = (mean, inverse) if centred else (inverse,)
        return [as_type(y if shift is None else y + shift, call.dtype()), *statistics]

    return execute


def _infer_rms(call: Call) -> list[Spec]:
    return _infer_layer(call)[:1]


def _infer_simplified(call: Call) -> list[Spec]:
    y, _, inverse = _infer_layer(call)
    return [y, inverse]


def _infer_skip(call: Call) -> list[Spec]:
    shape = call.shape(0)
    if not widens(call.shape(1), shape):
        raise call.error(f"skip input {call.shape(1)} cannot be broadcast to {shape}")
    statistic = ((*shape[:-1], 1), DType.FLOAT32)
    return [*same(call), statistic, statistic, *same(call)]


def _infer_embed(call: Call) -> list[Spec]:
    ids, table = call.shape(0), call.shape(2)
    if len(ids) != 2 or len(table) != 2:
        raise call.error(f"input ids {ids} and embedding {table} are not both of rank 2")
    out = ((*ids, table[1]), call.dtype(2))
    return [out, ((ids[0],), DType.INT32), out]


def _work_embed(call: Call) -> Work:
    """Two or three embeddings are added, and the sum is normalised, scaled and shifted."""
    return passes(call, "norm", (1 + call.has(4) + CENTRE_AND_SCALE + 2) * call.outs[0].elements)


_RMS = _layer(centred=False, bias=None)

_VALUES = "normalisation_execute"  # the module that computes those that add first


def _reach_batch(call: Call, number: int, box: Box) -> list[Seen | None]:
    """At the same place, unless the statistics are those of the input itself."""
    return (everywhere if call.attrs.get("training_mode", 0) else first_pointwise)(call, number, box)


_FROM_CHANNELS = across(lambda call: range(1, len(call.shape(0))))
_FROM_AXIS = across(lambda call: range(call.axis(-1), len(call.shape(0))))

register(
    Op(
        "BatchNormalization",
        _infer_batch,
        _work_batch,
        params=(1, 2, 3, 4),
        execute=_execute_batch,
        reach=_reach_batch,
    ),
    Op(
        "InstanceNormalization",
        _infer_instance,
        _counted(CENTRE_AND_SCALE, 1, 2),
        params=(1, 2),
        execute=_execute_instance,
        reach=across(lambda call: range(2, len(call.shape(0)))),
    ),
    Op(
        "GroupNormalization",
        _infer_group,
        _counted(CENTRE_AND_SCALE, 1, 2),
        params=(1, 2),
        execute=_execute_group,
        reach=_FROM_CHANNELS,
    ),
    Op(
        "LayerNormalization",
        _infer_layer,
        _counted(CENTRE_AND_SCALE, 1, 2),
        params=(1, 2),
        execute=_layer(centred=True),
        reach=_FROM_AXIS,
    ),
    Op("RMSNormalization", _infer_rms, _counted(SCALE_ONLY, 1), params=(1,), execute=_RMS, reach=_FROM_AXIS),
    Op(
        "SimplifiedLayerNormalization",
        _infer_simplified,
        _counted(SCALE_ONLY, 1),
        params=(1,),
        execute=_RMS,
        reach=_FROM_AXIS,
    ),
    Op(
        "com.microsoft::SkipLayerNormalization",
        _infer_skip,
        _counted(CENTRE_AND_SCALE, 1, 2, 3, 4),
        params=(2, 3, 4),
        execute=later(_VALUES, "skip_layer"),
    ),
    Op(
        "com.microsoft::SkipSimplifiedLayerNormalization",
        _infer_skip,
        _counted(SCALE_ONLY, 1, 2, 3),
        params=(2, 3),
        execute=later(_VALUES, "skip_simplified"),
    ),
    Op(
        "com.microsoft::EmbedLayerNormalization",
        _infer_embed,
        _work_embed,
        params=(2, 3, 4, 5, 6),
        settings=(7,),
        execute=later(_VALUES, "embed_layer"),
    ),
)
