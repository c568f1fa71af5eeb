"""Recurrence and attention as loops: float64, one number at a time, with the equations of ONNX."""

from __future__ import annotations

from math import exp, tanh
from typing import Any

import numpy as np
from draws_matmul import GATES
from sample_kit import Sample, values

Array = np.ndarray[Any, Any]


def _sigmoid(x: float) -> float:
    return 1 / (1 + exp(-x))


class _Cell:
    """One direction of a recurrent layer: parameters, and sums of one gate for one unit."""

    def __init__(self, op: str, sample: Sample, direction: int) -> None:
        _, w, r, bias, _, _, _, peep = values(sample, 8)
        self.op, self.attrs, self.hidden = op, sample.attrs, sample.attrs["hidden_size"]
        self.w, self.r = w[direction], r[direction]
        self.bias = np.zeros(2 * GATES[op] * self.hidden) if bias is None else bias[direction]
        self.peep = np.zeros(3 * self.hidden) if peep is None else peep[direction]

    def of_x(self, gate: int, j: int, x: Array) -> float:
        row = gate * self.hidden + j
        return float(sum(self.w[row, i] * x[i] for i in range(len(x))) + self.bias[row])

    def of_h(self, gate: int, j: int, h: list[float]) -> float:
        row = gate * self.hidden + j
        own = self.bias[GATES[self.op] * self.hidden + row]
        return float(sum(self.r[row, i] * h[i] for i in range(self.hidden)) + own)

    def kept(self, value: float) -> float:
        limit = self.attrs.get("clip", float("inf"))
        return float(min(max(value, -limit), limit))

    def seen(self, k: int, j: int, state: float) -> float:
        return float(self.peep[k * self.hidden + j] * state)

    def step(self, x: Array, h: list[float], c: list[float]) -> tuple[list[float], list[float]]:
        """Hidden and cell states after one step."""
        if self.op == "LSTM":
            return self.lstm(x, h, c)
        return (self.gru(x, h) if self.op == "GRU" else self.rnn(x, h)), c

    def rnn(self, x: Array, h: list[float]) -> list[float]:
        return [tanh(self.kept(self.of_x(0, j, x) + self.of_h(0, j, h))) for j in range(self.hidden)]

    def gru(self, x: Array, h: list[float]) -> list[float]:
        units = range(self.hidden)
        z, s = ([_sigmoid(self.kept(self.of_x(g, j, x) + self.of_h(g, j, h))) for j in units] for g in (0, 1))
        reset = [a * b for a, b in zip(s, h, strict=True)]
        made = []
        for j in units:
            inner = s[j] * self.of_h(2, j, h) if self.attrs["linear_before_reset"] else self.of_h(2, j, reset)
            made.append((1 - z[j]) * tanh(self.kept(self.of_x(2, j, x) + inner)) + z[j] * h[j])
        return made

    def lstm(self, x: Array, h: list[float], c: list[float]) -> tuple[list[float], list[float]]:
        new_h, new_c = [], []
        for j in range(self.hidden):
            i = _sigmoid(self.kept(self.of_x(0, j, x) + self.of_h(0, j, h) + self.seen(0, j, c[j])))
            f = _sigmoid(self.kept(self.of_x(2, j, x) + self.of_h(2, j, h) + self.seen(2, j, c[j])))
            f = 1 - i if self.attrs["input_forget"] else f
            new_c.append(f * c[j] + i * tanh(self.kept(self.of_x(3, j, x) + self.of_h(3, j, h))))
            o = _sigmoid(self.kept(self.of_x(1, j, x) + self.of_h(1, j, h) + self.seen(1, j, new_c[j])))
            new_h.append(o * tanh(new_c[j]))
        return new_h, new_c


def recurrent(op: str, sample: Sample) -> list[Array]:
    """Hidden states, last hidden states and, of an LSTM, last cell states."""
    x, w, _, _, lengths, h0, c0, _ = values(sample, 8)
    (steps, batch, _), hidden = x.shape, sample.attrs["hidden_size"]
    y = np.zeros((steps, len(w), batch, hidden))
    last = [np.zeros((len(w), batch, hidden)) for _ in range(2)]
    for d, b in np.ndindex(len(w), batch):
        cell = _Cell(op, sample, d)
        h, c = ([0.0] * hidden if first is None else [float(each) for each in first[d, b]] for first in (h0, c0))
        count = steps if lengths is None else int(lengths[b])
        back = sample.attrs["direction"] == "reverse" or d == 1
        for t in reversed(range(count)) if back else range(count):
            h, c = cell.step(x[t, b], h, c)
            y[t, d, b] = h
        last[0][d, b], last[1][d, b] = h, c
    return [y, *last][: sample.outs]


# --- attention ------------------------------------------------------------------------------------------------------


def _heads(x: Array, heads: int) -> Array:
    return x if x.ndim == 4 else np.stack(np.split(x, heads, axis=2), axis=1)


def attention(sample: Sample) -> list[Array]:
    """Each score on its own: scaled, capped, masked, grown and shared out."""
    q, k, v, mask, past_k, past_v = values(sample, 6)
    attrs, packed = sample.attrs, q.ndim == 3
    q, k, v = (_heads(x, attrs.get(n, 0)) for x, n in ((q, "q_num_heads"), (k, "kv_num_heads"), (v, "kv_num_heads")))
    offset = 0 if past_k is None else past_k.shape[2]
    if past_k is not None:
        k, v = np.concatenate([past_k, k], 2), np.concatenate([past_v, v], 2)
    share, size = q.shape[1] // k.shape[1], q.shape[3]
    seen = None if mask is None else np.broadcast_to(mask, (*q.shape[:3], k.shape[2]))
    y = np.zeros((*q.shape[:3], v.shape[3]))
    for b, h, i in np.ndindex(*q.shape[:3]):
        grown = []
        for j in range(k.shape[2]):
            score = sum(q[b, h, i, d] * k[b, h // share, j, d] for d in range(size)) * attrs.get("scale", size**-0.5)
            score = attrs["softcap"] * tanh(score / attrs["softcap"]) if attrs["softcap"] else score
            allowed = not attrs["is_causal"] or j <= i + offset
            left, right = attrs.get("left_window_size", -1), attrs.get("right_window_size", -1)
            allowed = allowed and (left < 0 or j >= i + offset - left) and (right < 0 or j <= i + offset + right)
            if seen is not None and seen.dtype == bool:
                allowed = allowed and bool(seen[b, h, i, j])
            elif seen is not None:
                score += seen[b, h, i, j]
            grown.append(exp(score) if allowed else 0.0)
        for d in range(v.shape[3]):
            y[b, h, i, d] = sum(g / (sum(grown) or 1) * v[b, h // share, j, d] for j, g in enumerate(grown))
    if packed:
        y = y.transpose(0, 2, 1, 3).reshape(*y.shape[:1], y.shape[2], -1)
    return [y, k, v]


def linear(sample: Sample) -> list[Array]:
    """The recurrence of each head: forget, correct, add, and read."""
    q, k, v, state, decay, beta = values(sample, 6)
    attrs = sample.attrs
    heads, own_heads, rule = attrs["q_num_heads"], attrs["kv_num_heads"], attrs["update_rule"]
    q, k, v = _heads(q, heads), _heads(k, own_heads), _heads(v, own_heads)
    size, v_size = k.shape[3], v.shape[3]
    y, last = np.zeros((*q.shape[:3], v_size)), np.zeros((len(q), own_heads, size, v_size))
    for b, h in np.ndindex(*q.shape[:2]):
        own = h // (heads // own_heads)
        held = np.zeros((size, v_size)) if state is None else state[b, own].copy()
        for t in range(q.shape[2]):
            if rule.startswith("gated"):
                each = decay[b, t].reshape(own_heads, -1)[own]
                held = np.array([[held[i, j] * exp(each[i % len(each)]) for j in range(v_size)] for i in range(size)])
            value = v[b, own, t]
            if rule.endswith("delta"):
                rate = beta[b, t, own % beta.shape[2]]
                told = [sum(held[i, j] * k[b, own, t, i] for i in range(size)) for j in range(v_size)]
                value = [rate * (value[j] - told[j]) for j in range(v_size)]
            for i, j in np.ndindex(size, v_size):
                held[i, j] += k[b, own, t, i] * value[j]
            for j in range(v_size):
                read = sum(q[b, h, t, i] * held[i, j] for i in range(size))
                y[b, h, t, j] = attrs.get("scale", size**-0.5) * read
        last[b, own] = held
    return [y.transpose(0, 2, 1, 3).reshape(len(q), q.shape[2], -1), last]
