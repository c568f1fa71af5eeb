"""Values of recurrent layers: against scalars one at a time, and against onnxruntime with random attributes."""

from __future__ import annotations

from math import exp, tanh
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracles import run
from sample_kit import Arg, Sample, act, call_of, fed, weights

from npusim.errors import InputError
from npusim.ops import OPS

_SOME = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
Array = np.ndarray[Any, Any]
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
STEPS, BATCH, INPUTS, HIDDEN = 4, 2, 3, 2


def _computed(op: str, sample: Sample) -> list[Array]:
    execute = OPS[op].execute
    assert execute is not None
    call = call_of(op, sample)
    made = list(execute(call, [arg and arg.value for arg in sample.ins]))
    assert [each.shape for each in made] == [out.shape for out in call.outs]
    return made


@st.composite
def _layers(draw: st.DrawFn, op: str, dtype: str = "float32") -> Sample:
    direction = draw(st.sampled_from(["forward", "reverse", "bidirectional"]))
    count, rows = (2 if direction == "bidirectional" else 1), GATES[op] * HIDDEN
    attrs: dict[str, Any] = {"hidden_size": HIDDEN, "direction": direction}
    if draw(st.booleans()):
        attrs["clip"] = 0.75
    if op == "LSTM":
        attrs["input_forget"] = draw(st.integers(0, 1))
    if op == "GRU":
        attrs["linear_before_reset"] = draw(st.integers(0, 1))
    state = (count, BATCH, HIDDEN)
    ins: list[Arg | None] = [
        act(STEPS, BATCH, INPUTS, dtype=dtype),
        weights(count, rows, INPUTS, dtype=dtype),
        weights(count, rows, HIDDEN, dtype=dtype),
        draw(st.sampled_from([None, weights(count, 2 * rows, dtype=dtype)])),
        draw(st.sampled_from([None, fed([STEPS, 2], "int32")])),
        draw(st.sampled_from([None, act(*state, dtype=dtype)])),
    ]
    if op == "LSTM":
        ins.append(draw(st.sampled_from([None, act(*state, low=-1, high=1, dtype=dtype)])))
        ins.append(draw(st.sampled_from([None, weights(count, 3 * HIDDEN, dtype=dtype)])))
    return Sample(attrs, tuple(ins), outs=3 if op == "LSTM" else 2)


@pytest.mark.parametrize("op", GATES)
@_SOME
@given(data=st.data())
def test_float32_as_onnxruntime_computes_it(op: str, data: st.DataObject) -> None:
    sample = data.draw(_layers(op))
    for mine, theirs in zip(_computed(op, sample), run(op, sample), strict=True):
        assert mine.dtype == np.float32
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)


def _sigmoid(x: float) -> float:
    return 1 / (1 + exp(-x))


def _by_scalars(op: str, sample: Sample) -> list[Array]:
    """Hidden states and last states, one number at a time, with the equations of ONNX."""
    attrs = sample.attrs
    x, w, r, bias, lengths, h0, c0, peep = (
        *(None if arg is None else arg.value for arg in sample.ins), *(None,) * (8 - len(sample.ins)),
    )  # fmt: skip
    assert x is not None
    assert w is not None
    assert r is not None
    count, limit = len(w), attrs.get("clip", float("inf"))
    y, last_h = np.zeros((STEPS, count, BATCH, HIDDEN)), np.zeros((count, BATCH, HIDDEN))
    last_c = np.zeros_like(last_h)
    for d in range(count):
        back = attrs["direction"] == "reverse" or d == 1
        for b in range(BATCH):
            h = [0.0] * HIDDEN if h0 is None else list(h0[d, b])
            c = [0.0] * HIDDEN if c0 is None else list(c0[d, b])
            length = STEPS if lengths is None else lengths[b]
            for t in range(length - 1, -1, -1) if back else range(length):

                def from_x(gate: int, j: int, t: int = t, d: int = d, b: int = b) -> float:
                    row = gate * HIDDEN + j
                    total = sum(w[d, row, i] * x[t, b, i] for i in range(INPUTS))
                    return float(total + (bias[d, row] if bias is not None else 0))

                def from_h(gate: int, j: int, state: list[float], d: int = d) -> float:
                    row = gate * HIDDEN + j
                    total = sum(r[d, row, i] * state[i] for i in range(HIDDEN))
                    return float(total + (bias[d, GATES[op] * HIDDEN + row] if bias is not None else 0))

                def seen(k: int, j: int, state: float, d: int = d) -> float:
                    return float(peep[d, k * HIDDEN + j] * state) if peep is not None else 0.0

                def held(value: float) -> float:
                    return min(max(value, -limit), limit)

                new_h, new_c = [0.0] * HIDDEN, [0.0] * HIDDEN
                if op == "GRU":
                    z, s = ([_sigmoid(held(from_x(g, j) + from_h(g, j, h))) for j in range(HIDDEN)] for g in (0, 1))
                for j in range(HIDDEN):
                    if op == "LSTM":
                        i = _sigmoid(held(from_x(0, j) + from_h(0, j, h) + seen(0, j, c[j])))
                        f = _sigmoid(held(from_x(2, j) + from_h(2, j, h) + seen(2, j, c[j])))
                        f = 1 - i if attrs["input_forget"] else f
                        new_c[j] = f * c[j] + i * tanh(held(from_x(3, j) + from_h(3, j, h)))
                        o = _sigmoid(held(from_x(1, j) + from_h(1, j, h) + seen(1, j, new_c[j])))
                        new_h[j] = o * tanh(new_c[j])
                    elif op == "GRU":
                        inner = (
                            s[j] * from_h(2, j, h)
                            if attrs["linear_before_reset"]
                            else from_h(2, j, [a * q for a, q in zip(s, h, strict=True)])
                        )
                        new_h[j] = (1 - z[j]) * tanh(held(from_x(2, j) + inner)) + z[j] * h[j]
                    else:
                        new_h[j] = tanh(held(from_x(0, j) + from_h(0, j, h)))
                h, c = new_h, new_c
                y[t, d, b] = h
            last_h[d, b], last_c[d, b] = h, c
    return [y, last_h, last_c][: sample.outs]


@pytest.mark.parametrize("op", GATES)
@_SOME
@given(data=st.data())
def test_float64_one_number_at_a_time(op: str, data: st.DataObject) -> None:
    sample = data.draw(_layers(op, "float64"))
    for mine, theirs in zip(_computed(op, sample), _by_scalars(op, sample), strict=True):
        assert mine.dtype == np.float64
        np.testing.assert_allclose(mine, theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("op", GATES)
def test_batch_first_is_the_same_turned(op: str) -> None:
    rows = GATES[op] * HIDDEN
    x, w, r, h = act(STEPS, BATCH, INPUTS), weights(2, rows, INPUTS), weights(2, rows, HIDDEN), act(2, BATCH, HIDDEN)
    outs, attrs = (3 if op == "LSTM" else 2), {"direction": "bidirectional"}
    plain = _computed(op, Sample(attrs, (x, w, r, None, None, h), outs=outs))
    turned_in = (Arg(x.value.transpose(1, 0, 2)), w, r, None, None, Arg(h.value.transpose(1, 0, 2)))
    turned = _computed(op, Sample(attrs | {"layout": 1}, turned_in, outs=outs))
    np.testing.assert_array_equal(turned[0], plain[0].transpose(2, 0, 1, 3))
    for end, same in zip(turned[1:], plain[1:], strict=True):
        np.testing.assert_array_equal(end, same.transpose(1, 0, 2))


# Two for each direction of a GRU; LeakyRelu and ScaledTanh take the first alphas, and ScaledTanh the first beta.
_NAMES = ("Sigmoid", "LeakyRelu", "HardSigmoid", "ScaledTanh")


@pytest.mark.parametrize(
    ("op", "attrs"),
    [
        ("RNN", {"activations": ("Relu",)}),
        ("RNN", {"activations": ("Affine",), "activation_alpha": (0.5,), "activation_beta": (0.25,)}),
        ("RNN", {"activations": ("ThresholdedRelu",), "activation_alpha": (0.5,)}),
        ("RNN", {"activations": ("Elu",), "activation_alpha": (0.5,)}),
        ("RNN", {"activations": ("Softsign",)}),
        ("RNN", {"activations": ("Softplus",)}),
        (
            "GRU",
            {
                "direction": "bidirectional",
                "activations": _NAMES,
                "activation_alpha": (0.1, 0.3, 0.7),
                "activation_beta": (0.4, 0.6),
            },
        ),
    ],
)
def test_named_functions_as_onnxruntime_applies_them(op: str, attrs: dict[str, Any]) -> None:
    count, rows = (2 if "direction" in attrs else 1), GATES[op] * HIDDEN
    ins = (act(STEPS, BATCH, INPUTS), weights(count, rows, INPUTS), weights(count, rows, HIDDEN))
    sample = Sample(attrs | {"hidden_size": HIDDEN}, ins, outs=2)
    for mine, theirs in zip(_computed(op, sample), run(op, sample), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("attrs", "match"),
    [
        ({"activations": ("Magic",)}, "Magic"),
        ({"activations": ("Tanh", "Tanh")}, "not 1 for each of 1"),
        ({"direction": "sideways"}, "sideways"),
    ],
)
def test_attributes_that_make_no_sense_are_one_error(attrs: dict[str, Any], match: str) -> None:
    ins = (act(STEPS, BATCH, INPUTS), weights(1, HIDDEN, INPUTS), weights(1, HIDDEN, HIDDEN))
    with pytest.raises(InputError, match=match):
        _computed("RNN", Sample(attrs, ins, outs=2))
