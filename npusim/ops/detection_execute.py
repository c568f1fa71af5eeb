"""What non-maximum suppression keeps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from npusim.ops.base import Array, Call, array, optional


def non_maximum(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    """(batch, class, box) of each box that no better one of its class overlaps by more than the threshold."""
    boxes, scores = array(call, arrays, 0), array(call, arrays, 1)
    most, overlap, least = (optional(arrays, slot) for slot in (2, 3, 4))
    limit = 0 if most is None else int(most.reshape(-1)[0])
    allowed = 0.0 if overlap is None else float(overlap.reshape(-1)[0])
    corners = _corners(boxes.astype(np.float64), centred=bool(call.attrs.get("center_point_box", 0)))
    kept = []
    for batch, each in np.ndindex(scores.shape[:2]):
        line = scores[batch, each]
        found: list[int] = []
        for index in np.argsort(-line, kind="stable"):
            if len(found) == limit:
                break
            if least is not None and not line[index] > float(least.reshape(-1)[0]):
                continue
            if all(_overlap(corners[batch, index], corners[batch, other]) <= allowed for other in found):
                found.append(int(index))
        kept += [(batch, each, index) for index in found]
    return [np.array(kept, np.int64).reshape(-1, 3)]


def _corners(boxes: Array, *, centred: bool) -> Array:
    """The lower and the upper corner of each box, [..., 4]."""
    first, second = boxes[..., :2], boxes[..., 2:]
    if centred:
        return np.concatenate([first - second / 2, first + second / 2], axis=-1)
    return np.concatenate([np.minimum(first, second), np.maximum(first, second)], axis=-1)


def _overlap(a: Array, b: Array) -> float:
    """Intersection over union."""
    shared = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None).prod()
    union = (a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - shared
    return float(shared / union) if union > 0 else 0.0
