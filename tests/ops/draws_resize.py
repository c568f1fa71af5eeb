"""Random calls of operators that sample a frame at other places."""

from __future__ import annotations

from typing import Any

import numpy as np
from draw_kit import Drawn, Pick, Shape
from sample_kit import Arg, Sample, const

_NEAREST = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
_FRAMES = ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel", "half_pixel_symmetric")


def _factors(pick: Pick, count: int) -> list[float]:
    """Odd ones, so that rounding never decides between two equal neighbours, and such that every size of 2 or more
    changes: onnxruntime copies a frame whose size does not, whatever the factor.
    """
    drawn = pick.rng().uniform(0, 1, count)
    return [float(np.float32(0.4 + 0.4 * each if each < 0.5 else 1.1 + 1.5 * each - 0.3)) for each in drawn]


def resize(pick: Pick, dtype: str = "float32") -> Sample:
    """Of a frame of two axes, by factors or to sizes, with every way of counting positions."""
    mode = pick.of("nearest", "linear", "cubic")
    shape = (*pick.sizes(2, 1, 2), *pick.sizes(2, 2, 6))
    attrs: dict[str, Any] = {"mode": mode, "coordinate_transformation_mode": pick.of(*_FRAMES)}
    if mode == "nearest":
        attrs["nearest_mode"] = pick.of(*_NEAREST)
    if mode == "cubic":
        attrs |= {"cubic_coeff_a": pick.of(-0.5, -0.75), "exclude_outside": pick.size(0, 1)}
    x = pick.real(*shape, dtype=dtype)
    if pick.flag():
        return Sample(attrs, (x, None, const([1, 1, *_factors(pick, 2)], "float32")), opset=19)
    return Sample(attrs, (x, None, None, const([*shape[:2], *pick.sizes(2, 1, 9)])), opset=19)


def _resized(pick: Pick) -> Sample:
    """The plain ones, and those that are smoothed, along some axes, keep their shape, or are of old opsets."""
    form = pick.of("plain", "plain", "smooth", "axes", "old", "cropped")
    drawn = resize(pick)
    x = drawn.ins[0]
    assert x is not None
    if form == "smooth":
        attrs = {"mode": pick.of("linear", "cubic"), "antialias": 1, "exclude_outside": 1}
        return Sample(attrs, (x, None, None, const([*x.value.shape[:2], *pick.sizes(2, 1, 9)])), opset=19)
    if form == "axes":
        attrs = drawn.attrs | {"axes": pick.of((2, 3), (3, 2))}
        policy = pick.of("stretch", "not_larger", "not_smaller")
        attrs |= {"keep_aspect_ratio_policy": policy}
        return Sample(attrs, (x, None, None, const(pick.sizes(2, 2, 9))), opset=19)
    if form == "old":
        factors = const([1, 1, *_factors(pick, 2)], "float32")
        return Sample({"mode": pick.of("nearest", "linear")}, (x, factors), opset=10)
    if form == "cropped":
        edges = [0, 0, *(float(np.float32(each)) for each in pick.rng().uniform(0, 0.4, 2))]
        region = const([*edges, 1, 1, *(1.2 - edge for edge in edges[2:])], "float32")
        frame = {"coordinate_transformation_mode": "tf_crop_and_resize", "extrapolation_value": 9.0}
        # An axis that keeps its size onnxruntime does not crop.
        wanted = [one + (one == size) for one, size in zip(pick.sizes(2, 1, 6), x.value.shape[2:], strict=True)]
        sizes = const([*x.value.shape[:2], *wanted])
        return Sample({"mode": "linear"} | frame, (x, region, None, sizes), opset=19)
    return drawn


def _upsampled(pick: Pick) -> Sample:
    mode, x = pick.of("nearest", "linear"), pick.real(*pick.sizes(4))
    factors = [1.0, 1.0, *(float(pick.of(1, 2, 3)) for _ in range(2))]
    if pick.flag():
        return Sample({"scales": tuple(factors), "mode": mode}, (x,), opset=7)
    return Sample({"mode": mode}, (x, const(factors, "float32")), opset=9)


def grid(pick: Pick, dtype: str = "float32") -> Sample:
    """Places run to 2.2, well outside, but for reflected cubic ones, whose taps onnxruntime mirrors once."""
    mode, padding = pick.of("linear", "nearest", "cubic"), pick.of("zeros", "border", "reflection")
    reach = 1.0 if (mode, padding) == ("cubic", "reflection") else 2.2
    attrs = {"mode": mode, "padding_mode": padding, "align_corners": pick.size(0, 1)}
    rank = 3 if mode != "cubic" and pick.size(0, 3) == 0 else 2
    batch, channels, *frame = pick.sizes(2 + rank)
    frame = [size + 1 for size in frame]
    places = pick.real(batch, *pick.sizes(rank), rank, low=-reach, high=reach, dtype=dtype)
    return Sample(attrs, (pick.real(batch, channels, *frame, dtype=dtype), places), opset=20)


def _affine(pick: Pick) -> Sample:
    rank, batch = pick.of(2, 3), pick.size(1, 2)
    size: Shape = (batch, pick.size(), *pick.sizes(rank, 2, 4))
    return Sample({"align_corners": pick.size(0, 1)}, (pick.real(batch, rank, rank + 1), const(size)), opset=20)


def _suppressed(pick: Pick) -> Sample:
    batch, boxes, classes = pick.sizes(3)
    centred = pick.size(0, 1)
    corners = np.sort(pick.rng().uniform(0, 4, (batch, boxes, 2, 2)), axis=2).reshape(batch, boxes, 4)
    given = pick.real(batch, boxes, 4, low=0.1, high=4) if centred else Arg(corners.astype(np.float32))
    scores = pick.real(batch, classes, boxes, low=0, high=1)
    limits = (const([pick.size(1, 4)]), *(const([pick.of(0.0, 0.3, 0.7)], "float32") for _ in range(2)))
    return Sample({"center_point_box": centred}, (given, scores, *limits[: pick.size(1, 3)]))


RESIZE: dict[str, Drawn] = {
    "Resize": _resized,
    "Upsample": _upsampled,
    "GridSample": grid,
    "AffineGrid": _affine,
    "NonMaxSuppression": _suppressed,
}
