"""What detectors do with boxes."""

from __future__ import annotations

from npusim.ir import DType
from npusim.ops.base import Call, Op, Spec, VectorWork, Work, later, register


def _boxes(call: Call) -> tuple[int, int, int]:
    """Batch elements times classes, boxes of each, and how many of them may be kept."""
    boxes, scores = call.shape(0), call.shape(1)
    if len(boxes) != 3 or len(scores) != 3 or boxes[2] != 4 or boxes[0] != scores[0] or boxes[1] != scores[2]:
        raise call.error(f"boxes {boxes} and scores {scores} do not fit")
    limit = call.value(2)
    kept = boxes[1] if limit is None and call.has(2) else 0 if limit is None else int(limit.reshape(-1)[0])
    return scores[0] * scores[1], boxes[1], max(min(kept, boxes[1]), 0)


def _infer(call: Call) -> list[Spec]:
    """At most ``max_output_boxes_per_class`` for each class and batch element; (batch, class, box) for each."""
    lists, _, kept = _boxes(call)
    return [((lists * kept, 3), DType.INT64)]


def _work(call: Call) -> Work:
    """Each list is sorted by score, and every box that is kept is compared with all others."""
    lists, boxes, kept = _boxes(call)
    count = lists * boxes
    return Work(vector=(VectorWork("sort", count, count), VectorWork("mul", count, count * kept)))


def _bounded(call: Call) -> bool:
    return any(tensor is not None and not tensor.is_constant for tensor in call.ins[:2])


_VALUES = later("detection_execute", "non_maximum")

register(Op("NonMaxSuppression", _infer, _work, settings=(2, 3, 4), bound_only=_bounded, execute=_VALUES))
