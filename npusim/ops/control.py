"""What is left of control flow in a graph: a loop's results stacked, one slice a trip, and branches not taken."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from npusim.ops.base import Array, Call, Op, Spec, array, moves, no_work, register


def _stacked(call: Call) -> list[Spec]:
    shape, count = call.shape(0), int(call.attrs["count"])
    axis = call.axis(0, len(shape) + 1)
    return [((*shape[:axis], count, *shape[axis:]), call.dtype(0))]


def _execute_stack(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    """Turns that make the same, or a single one; what differs from turn to turn is in layers that repeat."""
    x = array(call, arrays, 0)
    return [np.stack([x] * int(call.attrs["count"]), axis=call.axis(0, x.ndim + 1))]


register(
    Op("npusim::Stack", _stacked, moves, execute=_execute_stack),
    # Holds the parameters of a branch that is not counted, or of a body that never runs.
    Op("npusim::Idle", lambda _: [], no_work, params=(0,), variadic=True, execute=lambda *_: []),
)
