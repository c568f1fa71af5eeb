"""What recurrent layers compute, step by step (ONNX LSTM, GRU and RNN)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np

from npusim.ops.arrays import as_type
from npusim.ops.base import Array, Call, array, optional
from npusim.ops.functions import named, parameters_of

Function = Callable[[Array], Array]
State = tuple[Array, ...]  # hidden, and of an LSTM the cell

_DEFAULTS = {"LSTM": ("Sigmoid", "Tanh", "Tanh"), "GRU": ("Sigmoid", "Tanh"), "RNN": ("Tanh",)}


class _Cell(msgspec.Struct, frozen=True):
    """The weights of one direction.

    Attributes:
        w: [gates * hidden, inputs].
        r: [gates * hidden, hidden].
        w_bias, r_bias: [gates * hidden].
        peepholes: [3 * hidden]: input, output and forget gate.
        functions: of the gates, of the cell or candidate, of the output.
        clip: limits what goes into each function.
    """

    w: Array
    r: Array
    w_bias: Array
    r_bias: Array
    peepholes: Array
    functions: tuple[Function, ...]
    clip: float

    def apply(self, index: int, x: Array) -> Array:
        return self.functions[index](np.clip(x, -self.clip, self.clip) if self.clip else x)


def recurrent(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    """Every hidden state, the last one, and of an LSTM the last cell state."""
    batch_first = bool(call.attrs.get("layout", 0))
    x = array(call, arrays, 0)
    x = x.transpose(1, 0, 2) if batch_first else x
    lengths = optional(arrays, 4)
    lengths = np.full(x.shape[1], x.shape[0]) if lengths is None else lengths
    states = (5, 6) if call.op == "LSTM" else (5,)
    every, last = [], []
    for index, backwards in enumerate(_directions(call)):
        cell = _cell(call, arrays, index)
        zeros = np.zeros((x.shape[1], cell.r.shape[1]), x.dtype)
        start = tuple(_start(optional(arrays, slot), index, zeros, batch_first=batch_first) for slot in states)
        made, state = _walk(call, cell, x, start, lengths, backwards=backwards)
        every.append(made)
        last.append(state)
    y = np.stack(every, axis=1)
    ends = [np.stack(parts) for parts in zip(*last, strict=True)]
    if batch_first:
        y, ends = y.transpose(2, 0, 1, 3), [end.transpose(1, 0, 2) for end in ends]
    return [as_type(each, call.dtype()) for each in (y, *ends)]


def _directions(call: Call) -> tuple[bool, ...]:
    """Whether each direction runs backwards."""
    known = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}
    direction = str(call.attrs.get("direction", "forward"))
    if direction not in known:
        raise call.error(f"direction {direction!r} is not one of {', '.join(known)}", code="bad-node")
    return known[direction]


def _start(given: Array | None, index: int, zeros: Array, *, batch_first: bool) -> Array:
    if given is None:
        return zeros
    return np.asarray(given[:, index] if batch_first else given[index])


def _cell(call: Call, arrays: Sequence[Array | None], index: int) -> _Cell:
    w, r = array(call, arrays, 1)[index], array(call, arrays, 2)[index]
    bias, peepholes = optional(arrays, 3), optional(arrays, 7)
    both = np.zeros(2 * len(w), w.dtype) if bias is None else bias[index]
    return _Cell(
        w, r, both[: len(w)], both[len(w) :],
        np.zeros(3 * r.shape[1], w.dtype) if peepholes is None else peepholes[index],
        _functions(call)[index], float(call.attrs.get("clip", 0.0)),
    )  # fmt: skip


def _functions(call: Call) -> list[tuple[Function, ...]]:
    """The functions of each direction; alphas and betas are given in order to those that take them."""
    each, directions = _DEFAULTS[call.op], len(_directions(call))
    names = tuple(call.attrs.get("activations") or each * directions)
    if len(names) != len(each) * directions:
        raise call.error(f"activations {names} are not {len(each)} for each of {directions} direction(s)")
    alphas, betas = (list(call.attrs.get(f"activation_{name}", ())) for name in ("alpha", "beta"))
    made = []
    for name in names:
        given = [values.pop(0) for values in (alphas, betas)[: parameters_of(name)] if values]
        made.append(named(call, name, given))
    return [tuple(made[at : at + len(each)]) for at in range(0, len(made), len(each))]


def _walk(
    call: Call, cell: _Cell, x: Array, state: State, lengths: Array, *, backwards: bool
) -> tuple[Array, State]:  # fmt: skip
    """Hidden states [steps, batch, hidden] and the last state; a sequence that is shorter ends, or starts, earlier."""
    step, every = _STEPS[call.op], np.zeros((len(x), *state[0].shape), x.dtype)
    order = range(len(x) - 1, -1, -1) if backwards else range(len(x))
    for at in order:
        runs = (at < lengths)[:, None]
        following = step(call, cell, x[at], state)
        state = tuple(np.where(runs, new, old) for new, old in zip(following, state, strict=True))
        every[at] = np.where(runs, state[0], 0)
    return every, state


def _lstm(call: Call, cell: _Cell, x: Array, state: State) -> State:
    """Gates in the order input, output, forget, cell."""
    hidden, memory = state
    sums = x @ cell.w.T + hidden @ cell.r.T + (cell.w_bias + cell.r_bias)
    i, o, f, c = np.split(sums, 4, axis=1)
    peep_i, peep_o, peep_f = np.split(cell.peepholes, 3)
    i = cell.apply(0, i + peep_i * memory)
    f = 1 - i if call.attrs.get("input_forget", 0) else cell.apply(0, f + peep_f * memory)
    memory = f * memory + i * cell.apply(1, c)
    o = cell.apply(0, o + peep_o * memory)
    return o * cell.functions[2](memory), memory


def _gru(call: Call, cell: _Cell, x: Array, state: State) -> State:
    """Gates in the order update, reset, hidden; the reset gate acts before the recurrent product or behind it."""
    (hidden,) = state
    size = hidden.shape[1]
    from_x = x @ cell.w.T + cell.w_bias
    gates = cell.apply(0, from_x[:, : 2 * size] + hidden @ cell.r[: 2 * size].T + cell.r_bias[: 2 * size])
    update, reset = gates[:, :size], gates[:, size:]
    matrix, bias = cell.r[2 * size :].T, cell.r_bias[2 * size :]
    if call.attrs.get("linear_before_reset", 0):
        inner: Any = reset * (hidden @ matrix + bias)
    else:
        inner = (reset * hidden) @ matrix + bias
    candidate = cell.apply(1, from_x[:, 2 * size :] + inner)
    return ((1 - update) * candidate + update * hidden,)


def _rnn(call: Call, cell: _Cell, x: Array, state: State) -> State:  # noqa: ARG001 - the signature of every step
    return (cell.apply(0, x @ cell.w.T + state[0] @ cell.r.T + (cell.w_bias + cell.r_bias)),)


_STEPS: dict[str, Callable[[Call, _Cell, Array, State], State]] = {"LSTM": _lstm, "GRU": _gru, "RNN": _rnn}
