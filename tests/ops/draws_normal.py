"""Random calls of normalisation."""

from __future__ import annotations

from typing import Any

import numpy as np
from draw_kit import Drawn, Pick
from sample_kit import Arg, Sample

MS = "com.microsoft::"


def _epsilon(pick: Pick) -> dict[str, Any]:
    return {"epsilon": pick.of(1e-5, 1e-3, 0.5)} if pick.flag() else {}


def _apart(pick: Pick, *shape: int, dtype: str) -> Arg:
    """Elements of which neighbours differ: onnxruntime makes a variance of the difference of two sums."""
    x = pick.real(*shape, dtype=dtype).value
    return Arg(x + (5 * (np.arange(x.size) % 2)).reshape(shape).astype(dtype))


def batch(pick: Pick, dtype: str = "float32") -> Sample:
    """Of every opset; in training, statistics of the batch come with it."""
    shape, opset = pick.shape(2, 5, high=3), pick.of(7, 9, 14, 15)
    each = [pick.weights(shape[1], dtype=dtype) for _ in range(3)]
    variance = pick.weights(shape[1], low=0.3, high=2, dtype=dtype)
    trained = opset >= 14 and dtype == "float32" and pick.flag()
    attrs = _epsilon(pick) | ({"training_mode": 1, "momentum": 0.7} if trained else {})
    ins = (pick.real(*shape, dtype=dtype), *each, variance)
    return Sample(attrs, ins, outs=3 if trained else 1, opset=opset)


def instance(pick: Pick, dtype: str = "float32") -> Sample:
    """Of two positions or more: of one, onnxruntime subtracts what it has divided by almost nothing."""
    shape = (*pick.shape(2, 4), pick.size(2, 5))
    ins = (_apart(pick, *shape, dtype=dtype), *(pick.weights(shape[1], dtype=dtype) for _ in range(2)))
    return Sample(_epsilon(pick), ins)


def group(pick: Pick, dtype: str = "float32") -> Sample:
    """Scales are those of groups until opset 18, and of channels after."""
    groups, each, opset = pick.size(1, 3), pick.size(1, 3), pick.of(18, 21)
    channels = groups * each
    scales = channels if opset == 21 else groups
    ins = (
        _apart(pick, pick.size(), channels, *pick.shape(0, 2), pick.size(2, 5), dtype=dtype),
        *(pick.weights(scales, dtype=dtype) for _ in range(2)),
    )
    return Sample({"num_groups": groups} | _epsilon(pick), ins, opset=opset)


def layer(pick: Pick, dtype: str = "float32") -> Sample:
    shape = pick.shape(1)
    axis = pick.axis(len(shape))
    own = shape[axis:]
    attrs: dict[str, Any] = _epsilon(pick) | ({"axis": axis} if len(own) > 1 or pick.flag() else {})
    bias = [pick.weights(*own, dtype=dtype)] if pick.flag() else []
    return Sample(attrs, (pick.real(*shape, dtype=dtype), pick.weights(*own, dtype=dtype), *bias), outs=pick.size(1, 3))


def rms(pick: Pick, dtype: str = "float32") -> Sample:
    drawn = layer(pick, dtype)
    return drawn._replace(ins=drawn.ins[:2], outs=1, opset=23)


def _simplified(pick: Pick) -> Sample:
    drawn = layer(pick)
    return drawn._replace(ins=drawn.ins[:2], outs=pick.size(1, 2), opset=17)


def skip(pick: Pick, dtype: str = "float32", *, simple: bool = False) -> Sample:
    """The addend may be one for the whole batch; the last output is the sum."""
    shape = pick.shape(3, 3)
    added = shape if pick.flag() else pick.of((1, *shape[1:]), shape[1:])
    each = [pick.weights(shape[-1], dtype=dtype) for _ in range(2 if simple else 3)]
    kept = each[: pick.size(1, len(each))]
    return Sample(_epsilon(pick), (pick.real(*shape, dtype=dtype), pick.real(*added, dtype=dtype), *kept))


def _embedded(pick: Pick) -> Sample:
    """Words, places and perhaps segments, of rows of tables."""
    rows, steps, width = pick.sizes(3)
    words, segments = pick.size(), pick.size()

    def ids(high: int) -> Arg:
        return pick.whole(rows, steps, low=0, high=high - 1, dtype="int32")

    parted = pick.flag()
    ins = (
        ids(words), ids(segments) if parted else None, pick.weights(words, width), pick.weights(steps + 1, width),
        pick.weights(segments, width) if parted else None, pick.weights(width), pick.weights(width),
        pick.maybe(lambda: Arg(np.ones((rows, steps), np.int32))),
    )  # fmt: skip
    return Sample(_epsilon(pick), ins, outs=2)


def lrn(pick: Pick, dtype: str = "float32") -> Sample:
    attrs: dict[str, Any] = {"size": pick.of(1, 3, 5)}
    attrs |= {"alpha": pick.of(0.1, 1.0), "beta": pick.of(0.5, 0.75), "bias": pick.of(1.0, 2.0)} if pick.flag() else {}
    return Sample(attrs, (pick.real(*pick.sizes(2), *pick.sizes(2), dtype=dtype),))


def lp(pick: Pick, dtype: str = "float32") -> Sample:
    shape = pick.shape(1)
    attrs = {name: value for name, value in (("axis", pick.axis(len(shape))), ("p", pick.size(1, 2))) if pick.flag()}
    return Sample(attrs, (pick.real(*shape, dtype=dtype),))


def mean_variance(pick: Pick, dtype: str = "float32") -> Sample:
    attrs: dict[str, Any] = {"axes": tuple(sorted(pick.some_of(4, least=1)))} if pick.flag() else {}
    return Sample(attrs, (_apart(pick, *pick.sizes(4, 2, 4), dtype=dtype),))


NORMALISATION: dict[str, Drawn] = {
    "BatchNormalization": batch,
    "InstanceNormalization": instance,
    "GroupNormalization": group,
    "LayerNormalization": layer,
    "RMSNormalization": rms,
    "SimplifiedLayerNormalization": _simplified,
    MS + "SkipLayerNormalization": skip,
    MS + "SkipSimplifiedLayerNormalization": lambda pick: skip(pick, simple=True),
    MS + "EmbedLayerNormalization": _embedded,
    "LRN": lrn,
    "LpNormalization": lp,
    "MeanVarianceNormalization": mean_variance,
}
