"""What is left of control flow in a graph: a loop's results stacked, one slice a trip, and branches not taken."""

from __future__ import annotations

from npusim.ops.base import Call, Op, Spec, moves, no_work, register


def _stacked(call: Call) -> list[Spec]:
    shape, count = call.shape(0), int(call.attrs["count"])
    axis = call.axis(0, len(shape) + 1)
    return [((*shape[:axis], count, *shape[axis:]), call.dtype(0))]


register(
    Op("npusim::Stack", _stacked, moves),
    # Holds the parameters of a branch that is not counted.
    Op("npusim::Idle", lambda _: [], no_work, params=(0,), variadic=True),
)
