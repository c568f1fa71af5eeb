"""Recurrent layers: LSTM, GRU, RNN."""

from __future__ import annotations

import msgspec

from npusim.loopnest import LoopNest
from npusim.ops.base import Call, Op, Spec, VectorWork, Work, later, register
from npusim.ops.reach import everywhere


class _Cell(msgspec.Struct, frozen=True):
    """A kind of cell: its gates, and its operations for each hidden element and time step (ONNX equations).

    Attributes:
        adds: sums, the one of input and recurrent product of each gate included.
        muls: products of gates and states.
        acts: activation functions.
        peepholes: products with the cell state where the node has peephole weights.
        state: whether there is a cell state besides the hidden state.
    """

    gates: int
    adds: int
    muls: int
    acts: int
    peepholes: int = 0
    state: bool = False


_CELLS = {
    # c = f * c + i * g, h = o * tanh(c): 4 gate sums and 1; 3 products; 3 sigmoids, 2 tanh
    "LSTM": _Cell(gates=4, adds=5, muls=3, acts=5, peepholes=3, state=True),
    # r * h, h = (1 - z) * n + z * h: 3 gate sums, 1 difference and 1 sum; 3 products; 2 sigmoids, 1 tanh
    "GRU": _Cell(gates=3, adds=5, muls=3, acts=3),
    "RNN": _Cell(gates=1, adds=1, muls=0, acts=1),
}


class _Sizes(msgspec.Struct, frozen=True):
    steps: int
    batch: int
    directions: int
    inputs: int
    hidden: int
    batch_first: bool


def _sizes(call: Call) -> _Sizes:
    x, w, r, cell = call.shape(0), call.shape(1), call.shape(2), _CELLS[call.op]
    if len(x) != 3 or len(w) != 3 or len(r) != 3:
        raise call.error(f"input {x}, weights {w} and recurrent weights {r} are not all of rank 3")
    batch_first = bool(call.attrs.get("layout", 0))
    steps, batch = (x[1], x[0]) if batch_first else (x[0], x[1])
    hidden = int(call.attrs.get("hidden_size", r[2]))
    directions = 2 if call.attrs.get("direction", "forward") == "bidirectional" else 1
    if w != (directions, cell.gates * hidden, x[2]) or r != (directions, cell.gates * hidden, hidden):
        raise call.error(
            f"weights {w} and {r} are not {cell.gates} gates of {hidden} in {directions} direction(s) for {x[2]} inputs"
        )
    return _Sizes(steps, batch, directions, x[2], hidden, batch_first)


def _infer(call: Call) -> list[Spec]:
    s, dtype = _sizes(call), call.dtype()
    if s.batch_first:
        every, last = (s.batch, s.steps, s.directions, s.hidden), (s.batch, s.directions, s.hidden)
    else:
        every, last = (s.steps, s.directions, s.batch, s.hidden), (s.directions, s.batch, s.hidden)
    return [(every, dtype), (last, dtype), *([(last, dtype)] if _CELLS[call.op].state else [])]


def _nests(call: Call, s: _Sizes) -> tuple[LoopNest, ...]:
    """For each direction, the products of the input at every step, and those of the hidden state."""
    columns = _CELLS[call.op].gates * s.hidden
    return tuple(
        LoopNest(
            batch=s.batch, groups=1, in_channels=channels, out_channels=columns, out=(s.steps,), kernel=(1,),
            ifm=(s.steps,), bias=call.has(3), weights_vary=not call.tensor(slot).is_constant,
        )
        for _ in range(s.directions)
        for channels, slot in ((s.inputs, 1), (s.hidden, 2))
    )  # fmt: skip


def _work(call: Call) -> Work:
    s, cell = _sizes(call), _CELLS[call.op]
    count = s.steps * s.batch * s.directions * s.hidden
    muls = cell.muls + (cell.peepholes if call.has(7) else 0)
    adds = cell.adds + (cell.peepholes if call.has(7) else 0)
    steps = (("add", adds), ("sigmoid", cell.acts), ("mul", muls))
    vector = tuple(VectorWork(kind, times * count, times * count) for kind, times in steps if times)
    return Work(nests=_nests(call, s), vector=vector)


_VALUES = later("recurrent_execute", "recurrent")

register(
    Op("LSTM", _infer, _work, params=(1, 2, 3, 7), settings=(4,), execute=_VALUES, reach=everywhere),
    Op("GRU", _infer, _work, params=(1, 2, 3), settings=(4,), execute=_VALUES, reach=everywhere),
    Op("RNN", _infer, _work, params=(1, 2, 3), settings=(4,), execute=_VALUES, reach=everywhere),
)
