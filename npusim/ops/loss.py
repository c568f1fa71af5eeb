"""Losses: NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss."""

from __future__ import annotations

from npusim.ir import Shape
from npusim.ops.base import Call, Op, Spec, VectorWork, Work, later, register
from npusim.ops.softmax import STEPS


def _out(call: Call) -> Shape:
    """One loss a target, or one in all where it is reduced. Scores are [N, classes, ...], targets [N, ...]."""
    scores, targets = call.shape(0), call.shape(1)
    if len(scores) < 2 or targets != (scores[0], *scores[2:]):
        raise call.error(f"scores {scores} and targets {targets} do not fit")
    return targets if call.attrs.get("reduction", "mean") == "none" else ()


def _infer(call: Call) -> list[Spec]:
    return [(_out(call), call.dtype())]


def _infer_softmax(call: Call) -> list[Spec]:
    """The second output holds the logarithms of the probabilities."""
    return [*_infer(call), (call.shape(0), call.dtype())]


def _work(call: Call) -> Work:
    """One score is picked for each target, weighted, and added to the rest."""
    count = call.tensor(1).elements
    scores = call.tensor(0).elements
    first = (VectorWork("softmax", scores, STEPS * scores),) if call.op == "SoftmaxCrossEntropyLoss" else ()
    weighted = (VectorWork("mul", count, count),) if call.has(2) else ()
    summed = (VectorWork("reduce", count, count),) if call.attrs.get("reduction", "mean") != "none" else ()
    return Work(vector=(*first, VectorWork("copy", count), *weighted, *summed))


_VALUES = "loss_execute"  # the module that computes them

register(
    Op("NegativeLogLikelihoodLoss", _infer, _work, params=(2,), execute=later(_VALUES, "log_likelihood")),
    Op("SoftmaxCrossEntropyLoss", _infer_softmax, _work, params=(2,), execute=later(_VALUES, "cross_entropy")),
)
