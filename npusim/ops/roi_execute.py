"""What pooling over regions computes: MaxRoiPool and RoiAlign."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from npusim.ops.arrays import as_type
from npusim.ops.base import Array, Call, array
from npusim.ops.sampled import read


def max_roi_pool(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    """The largest element of each bin of each region [image, x1, y1, x2, y2]; corners are rounded, both included."""
    x, rois = array(call, arrays, 0), array(call, arrays, 1)
    factor, size = float(call.attrs.get("spatial_scale", 1.0)), call.outs[0].shape[2:]
    y = np.zeros((len(rois), x.shape[1], *size), x.dtype)
    for image, made in zip(rois, y, strict=True):
        left, top, right, bottom = (int(np.floor(corner * factor + 0.5)) for corner in image[1:])
        rows = _bins(top, max(bottom - top + 1, 1), size[0], x.shape[2])
        columns = _bins(left, max(right - left + 1, 1), size[1], x.shape[3])
        for (i, (a, b)), (j, (c, d)) in _pairs(rows, columns):
            if b > a and d > c:
                made[:, i, j] = x[int(image[0]), :, a:b, c:d].max(axis=(1, 2))
    return [as_type(y, call.dtype())]


def _bins(start: int, length: int, count: int, size: int) -> list[tuple[int, int]]:
    """Each bin's first position and the one after its last, within the frame."""
    edges = [(index * length // count, -(-(index + 1) * length // count)) for index in range(count)]
    return [(min(max(a + start, 0), size), min(max(b + start, 0), size)) for a, b in edges]


def _pairs(rows: list[Any], columns: list[Any]) -> list[Any]:
    return [(row, column) for row in enumerate(rows) for column in enumerate(columns)]


def roi_align(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    """The mean (or the largest) of bilinear samples in each bin of each region (Mask R-CNN; ONNX RoiAlign)."""
    x, rois, images = (array(call, arrays, slot) for slot in range(3))
    opset_half = "half_pixel" if int(call.attrs.get("opset", 16)) >= 16 else "output_half_pixel"
    half = 0.5 if call.attrs.get("coordinate_transformation_mode", opset_half) == "half_pixel" else 0.0
    factor, size = float(call.attrs.get("spatial_scale", 1.0)), call.outs[0].shape[2:]
    y = np.zeros((len(rois), x.shape[1], *size), np.result_type(x.dtype, np.float32))
    for index, (roi, image) in enumerate(zip(rois.astype(np.float64), images, strict=True)):
        left, top, right, bottom = roi * factor - half
        high, wide = bottom - top, right - left
        if not half:  # a region is then at least one position large
            high, wide = max(high, 1.0), max(wide, 1.0)
        rows, columns = _points(call, top, high, size[0]), _points(call, left, wide, size[1])
        y[index] = _align(call, x[int(image)], rows, columns)
    return [as_type(y, call.dtype())]


def _points(call: Call, start: float, length: float, count: int) -> Array:
    """[bins, points]: where the samples of each bin stand on an axis."""
    ratio = int(call.attrs.get("sampling_ratio", 0)) or int(np.ceil(length / count))
    steps = (np.arange(max(ratio, 0)) + 0.5) / max(ratio, 1)
    return np.asarray(start + (np.arange(count)[:, None] + steps) * (length / count))


def _align(call: Call, x: Array, rows: Array, columns: Array) -> Array:
    """[C, bins, bins] of one image."""
    shape = (*rows.shape, *columns.shape)
    if 0 in shape:
        return np.zeros((x.shape[0], rows.shape[0], columns.shape[0]), x.dtype)
    grid = np.broadcast_arrays(rows[:, :, None, None], columns)
    beyond: Any = np.zeros(shape, bool)
    first, part = [], []
    for at, size in zip(grid, x.shape[1:], strict=True):
        beyond = beyond | (at < -1) | (at > size)  # further out than a position: zero
        held = np.clip(at, 0, size - 1)
        first.append(np.minimum(np.floor(held).astype(np.int64), max(size - 2, 0)))
        part.append(held - first[-1])
    corners = [
        np.where(beyond, 0, (part[0] if i else 1 - part[0]) * (part[1] if j else 1 - part[1]))
        * read(x, [first[0] + i, first[1] + j])
        for i in (0, 1)
        for j in (0, 1)
    ]
    if call.attrs.get("mode", "avg") == "max":
        return np.asarray(np.max(corners, axis=0).max(axis=(2, 4)))
    return np.asarray(np.sum(corners, axis=0).mean(axis=(2, 4)))
