"""Random calls of convolutions and pooling: one to three axes, few channels, every attribute."""

from __future__ import annotations

from typing import Any

import numpy as np
from draw_kit import Drawn, Pick, Shape
from hypothesis import assume
from sample_kit import Arg, Sample

MS = "com.microsoft::"


def _window(pick: Pick, rank: int) -> dict[str, Any]:
    """Strides, dilation and padding; some are left to their defaults."""
    attrs: dict[str, Any] = {}
    if pick.flag():
        attrs["strides"] = pick.sizes(rank, 1, 3)
    if pick.flag():
        attrs["dilations"] = pick.sizes(rank, 1, 2)
    auto = pick.of("NOTSET", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID")
    if auto != "NOTSET":
        attrs["auto_pad"] = auto
    elif pick.flag():
        attrs["pads"] = pick.sizes(2 * rank, 0, 2)
    return attrs


def _spans(attrs: dict[str, Any], kernel: Shape) -> Shape:
    """How far each axis of a kernel reaches."""
    dilation = attrs.get("dilations", (1,) * len(kernel))
    return tuple((k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True))


def _fits(attrs: dict[str, Any], kernel: Shape, frame: Shape) -> bool:
    """Whether each axis has an output."""
    rank = len(kernel)
    pads = attrs.get("pads", (0,) * 2 * rank)
    room = [size + pads[at] + pads[rank + at] for at, size in enumerate(frame)]
    same = attrs.get("auto_pad", "").startswith("SAME")
    return same or all(span <= size for span, size in zip(_spans(attrs, kernel), room, strict=True))


def conv(pick: Pick, dtype: str = "float32", ranks: Shape = (1, 2, 3)) -> Sample:
    rank, groups, each, count = pick.of(*ranks), pick.size(1, 3), pick.size(1, 2), pick.size(1, 2)
    kernel, frame, attrs = pick.sizes(rank, 1, 3), pick.sizes(rank, 1, 6), _window(pick, rank)
    if attrs.get("auto_pad", "").startswith("SAME") and dtype == "float32":
        attrs.pop("dilations", None)  # onnxruntime takes only one of the two
    assume(_fits(attrs, kernel, frame))
    if groups > 1 or pick.flag():
        attrs["group"] = groups
    if pick.flag():
        attrs["kernel_shape"] = kernel
    x = pick.real(pick.size(1, 2), groups * each, *frame, dtype=dtype)
    bias = pick.maybe(lambda: pick.weights(groups * count, dtype=dtype))
    return Sample(attrs, (x, pick.weights(groups * count, each, *kernel, dtype=dtype), bias))


def conv_transpose(pick: Pick, dtype: str = "float32") -> Sample:
    """SAME makes outputs that no input reaches where a kernel is shorter than its step; onnxruntime leaves them out."""
    rank, groups, each, count = pick.size(1, 3), pick.size(1, 3), pick.size(1, 2), pick.size(1, 2)
    kernel, frame, attrs = pick.sizes(rank, 1, 3), pick.sizes(rank, 1, 6), _window(pick, rank)
    if groups > 1 or pick.flag():
        attrs["group"] = groups
    strides = attrs.get("strides", (1,) * rank)
    gaps = any(span < stride for span, stride in zip(_spans(attrs, kernel), strides, strict=True))
    assume(not gaps or not attrs.get("auto_pad", "").startswith("SAME"))
    if pick.flag():
        attrs["output_padding"] = tuple(pick.size(0, stride - 1) for stride in strides)
    x = pick.real(pick.size(1, 2), groups * each, *frame, dtype=dtype)
    bias = pick.maybe(lambda: pick.weights(groups * count, dtype=dtype))
    return Sample(attrs, (x, pick.weights(groups * each, count, *kernel, dtype=dtype), bias))


def _fused(pick: Pick) -> Sample:
    """Two axes: onnxruntime fuses no others."""
    drawn = conv(pick, ranks=(2,))
    name = pick.of("Relu", "Tanh", "Sigmoid", "LeakyRelu", "HardSigmoid", "Clip")
    given = {"LeakyRelu": (0.25,), "HardSigmoid": (0.1, 0.4), "Clip": (-1.0, 2.0)}.get(name)
    attrs = {"activation": name} | ({"activation_params": given} if given else {})
    return drawn._replace(attrs=drawn.attrs | attrs)


def _quantised(pick: Pick, drawn: Sample) -> tuple[Arg, Arg]:
    """Bytes of the shapes of a convolution's input and weights."""
    x, w = drawn.ins[:2]
    assert x is not None
    assert w is not None
    return pick.bytes(*x.value.shape), pick.bytes(*w.value.shape, constant=True)


def _conv_integer(pick: Pick) -> Sample:
    drawn = conv(pick)
    x, w = _quantised(pick, drawn)
    zeros = (pick.zero(), *([pick.zero()] if pick.flag() else [])) if pick.flag() else ()
    return Sample(drawn.attrs, (x, w, *zeros))


def _qlinear_conv(pick: Pick) -> Sample:
    drawn = conv(pick)
    x, w = _quantised(pick, drawn)
    each = (len(w.value),) if pick.flag() else ()
    bias = pick.maybe(lambda: pick.whole(len(w.value), low=-999, high=999, dtype="int32", constant=True))
    ins = (x, pick.scale(), pick.zero(), w, pick.scale(*each), pick.zero(), pick.scale(), pick.zero(), bias)
    return Sample(drawn.attrs, ins)


def deform(pick: Pick, dtype: str = "float32") -> Sample:
    """Two axes; offsets of up to 2 positions, beyond the edges as well."""
    groups, offset_groups, each, count = pick.size(1, 2), pick.size(1, 2), pick.size(1, 2) * 2, pick.size(1, 2)
    kernel, frame, attrs = pick.sizes(2, 1, 3), pick.sizes(2, 1, 6), _window(pick, 2)
    attrs.pop("auto_pad", None)
    attrs.setdefault("strides", (1, 1))
    attrs.setdefault("pads", (0, 0, 0, 0))
    attrs |= {"group": groups, "offset_group": offset_groups}
    assume(_fits(attrs, kernel, frame))
    spans = _spans(attrs, kernel)
    out = tuple(
        (frame[at] + attrs["pads"][at] + attrs["pads"][2 + at] - spans[at]) // attrs["strides"][at] + 1 for at in (0, 1)
    )
    batch, taps = pick.size(1, 2), offset_groups * kernel[0] * kernel[1]
    ins = (
        pick.real(batch, groups * each, *frame, dtype=dtype),
        pick.weights(groups * count, each, *kernel, dtype=dtype),
        pick.real(batch, 2 * taps, *out, dtype=dtype),
        pick.maybe(lambda: pick.weights(groups * count, dtype=dtype)),
        pick.maybe(lambda: pick.real(batch, taps, *out, dtype=dtype)),
    )
    return Sample(attrs, ins, opset=19)


def causal(pick: Pick, dtype: str = "float32") -> Sample:
    batch, channels, taps = pick.size(), pick.size(), pick.size(1, 4)
    state = (batch, channels, taps - 1)
    attrs = {"activation": pick.of("none", "silu", "swish")} if pick.flag() else {}
    ins = (
        pick.real(batch, channels, pick.size(1, 6), dtype=dtype),
        pick.weights(channels, 1, taps, dtype=dtype),
        pick.maybe(lambda: pick.weights(channels, dtype=dtype)),
        pick.maybe(lambda: pick.real(*state, dtype=dtype)) if taps > 1 else None,
    )
    return Sample(attrs, ins, outs=2, opset=27)


CONV: dict[str, Drawn] = {
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    MS + "FusedConv": _fused,
    "ConvInteger": _conv_integer,
    "QLinearConv": _qlinear_conv,
    "DeformConv": deform,
    "CausalConvWithState": causal,
}


# --- pooling --------------------------------------------------------------------------------------------------------


def pool(pick: Pick, dtype: str = "float32", ranks: Shape = (1, 2, 3), *, dilated: bool = True) -> Sample:
    """Padding is smaller than the kernel, as ONNX wants it."""
    rank = pick.of(*ranks)
    kernel = pick.sizes(rank, 1, 3)
    attrs: dict[str, Any] = {"kernel_shape": kernel, "ceil_mode": pick.size(0, 1)} | _window(pick, rank)
    if not dilated:
        attrs.pop("dilations", None)
    if "auto_pad" in attrs and attrs["auto_pad"].startswith("SAME"):
        # Where a kernel is shorter than its step onnxruntime pads SAME by less than nothing; ONNX pads by nothing.
        steps = zip(kernel, attrs.get("strides", (1,) * rank), strict=True)
        attrs["strides"] = tuple(min(k, s) for k, s in steps)
        attrs.pop("dilations", None)  # onnxruntime sizes SAME pads by the kernel before dilation
    elif "pads" in attrs:
        attrs["pads"] = tuple(min(pad, k - 1) for pad, k in zip(attrs["pads"], (*kernel, *kernel), strict=True))
    frame = pick.sizes(rank, 2, 7)
    assume(_fits(attrs, kernel, frame))
    return Sample(attrs, (pick.real(pick.size(1, 2), 2, *frame, dtype=dtype),))


def _max_pool(pick: Pick) -> Sample:
    """Equal elements are wanted, so that the first of them must be chosen."""
    drawn = pool(pick)
    assert drawn.ins[0] is not None
    attrs = drawn.attrs | {"storage_order": pick.size(0, 1)}
    return Sample(attrs, (Arg(np.round(drawn.ins[0].value)),), outs=pick.of(1, 2))


def average(pick: Pick, dtype: str = "float32") -> Sample:
    drawn = pool(pick, dtype)
    return drawn._replace(attrs=drawn.attrs | {"count_include_pad": pick.size(0, 1)})


def lp_pool(pick: Pick, dtype: str = "float32") -> Sample:
    drawn = pool(pick, dtype)
    return drawn._replace(attrs=drawn.attrs | {"p": pick.size(1, 3)})


def _channels_last(pick: Pick) -> Sample:
    """Of an average over bytes: two axes, and no dilation. Beyond the padding, where ceil_mode reaches, onnxruntime
    counts positions that its own average of reals does not count. Scales are no powers of two: what lies half-way
    between two steps it rounds in two ways.
    """
    drawn = pool(pick, ranks=(2,), dilated=False)
    x = drawn.ins[0]
    assert x is not None
    shape, last = x.value.shape, pick.size(0, 1)
    frame = pick.bytes(*((shape[0], *shape[2:], shape[1]) if last else shape))
    attrs = drawn.attrs | {"channels_last": last} | pick.of({"ceil_mode": 0, "count_include_pad": 1}, {})
    scales = [Arg(np.asarray(each), constant=True) for each in pick.real(2, low=0.04, high=0.2).value]
    return Sample(attrs, (frame, scales[0], pick.zero(), scales[1], pick.zero()))


def _global(pick: Pick, **attrs: Any) -> Sample:
    return Sample(attrs, (pick.real(*pick.sizes(2), *pick.shape(1, 3)),), opset=21)


def _quantised_global(pick: Pick) -> Sample:
    last = pick.size(0, 1)
    ins = (pick.bytes(*pick.sizes(4)), pick.scale(), pick.zero(), pick.scale(), pick.zero())
    return Sample({"channels_last": last}, ins)


def _boxes(pick: Pick, count: int, reach: float) -> np.ndarray[Any, Any]:
    """x1, y1, x2, y2."""
    corners = np.sort(pick.rng().uniform(0, reach, (count, 2, 2)), axis=1)
    return np.asarray(corners.reshape(count, 4), np.float32)


def _roi_align(pick: Pick) -> Sample:
    batch, count = pick.size(1, 2), pick.size(1, 3)
    attrs: dict[str, Any] = {
        "mode": pick.of("avg", "max"),
        "coordinate_transformation_mode": pick.of("half_pixel", "output_half_pixel"),
        "sampling_ratio": pick.size(0, 2),
        "spatial_scale": pick.of(1.0, 0.5),
    }
    if pick.flag():
        attrs |= {"output_height": pick.size(), "output_width": pick.size()}
    rois, which = Arg(_boxes(pick, count, 12)), pick.whole(count, low=0, high=batch - 1)
    return Sample(attrs, (pick.real(batch, 2, *pick.sizes(2, 2, 7)), rois, which), opset=16)


def _max_roi_pool(pick: Pick) -> Sample:
    batch, count = pick.size(1, 2), pick.size(1, 3)
    which = pick.whole(count, 1, low=0, high=batch - 1, dtype="float32").value
    rois = Arg(np.concatenate([which, _boxes(pick, count, 9)], axis=1))
    attrs = {"pooled_shape": pick.sizes(2, 1, 3), "spatial_scale": pick.of(1.0, 0.5)}
    return Sample(attrs, (pick.real(batch, 2, *pick.sizes(2, 2, 9)), rois), opset=21)


def _unpool(pick: Pick) -> Sample:
    """Places of what the geometry gives; none twice, as it would hold either."""
    rank = pick.size(1, 3)
    kernel, strides = pick.sizes(rank, 1, 3), pick.sizes(rank, 1, 3)
    frame, lead = pick.sizes(rank, 1, 3), pick.sizes(2, 1, 2)
    whole = [(size - 1) * s + k for size, s, k in zip(frame, strides, kernel, strict=True)]
    count = int(np.prod((*lead, *frame)))
    places = pick.rng().permutation(int(np.prod((*lead, *whole))))[:count].reshape(*lead, *frame)
    return Sample({"kernel_shape": kernel, "strides": strides}, (pick.real(*lead, *frame), Arg(places)))


POOL: dict[str, Drawn] = {
    "MaxPool": _max_pool,
    "AveragePool": average,
    "LpPool": lp_pool,
    MS + "QLinearAveragePool": _channels_last,
    "GlobalMaxPool": _global,
    "GlobalAveragePool": _global,
    "GlobalLpPool": lambda pick: _global(pick, p=pick.size(1, 3)),
    MS + "QLinearGlobalAveragePool": _quantised_global,
    "MaxRoiPool": _max_roi_pool,
    "RoiAlign": _roi_align,
    "MaxUnpool": _unpool,
}
