"""Values of attention: each score on its own, against onnxruntime and onnx's reference, and cases worked by hand."""

from __future__ import annotations

from math import exp, tanh
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracles import reference, run
from sample_kit import Arg, Sample, act, call_of, fed

from npusim.errors import InputError
from npusim.ops import OPS

_SOME = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
Array = np.ndarray[Any, Any]
BATCH, QUERIES, KEYS, PAST, SIZE, V_SIZE = 2, 3, 4, 2, 4, 3


def _computed(op: str, sample: Sample) -> list[Array]:
    execute = OPS[op].execute
    assert execute is not None
    call = call_of(op, sample)
    made = list(execute(call, [arg and arg.value for arg in sample.ins]))
    assert [each.shape for each in made][: sample.outs] == [out.shape for out in call.outs]
    return made


@st.composite
def _attentions(draw: st.DrawFn, dtype: str) -> Sample:
    kv_heads = draw(st.integers(1, 2))
    heads = kv_heads * draw(st.integers(1, 2))
    cached = draw(st.booleans())
    attrs: dict[str, Any] = {
        "is_causal": draw(st.integers(0, 1)),
        "softcap": draw(st.sampled_from([0.0, 1.5])),
        "qk_matmul_output_mode": draw(st.sampled_from([0, 3])),
    }
    if draw(st.booleans()):
        attrs["scale"] = 0.3
    shapes = [(BATCH, heads, QUERIES, SIZE), (BATCH, kv_heads, KEYS, SIZE), (BATCH, kv_heads, KEYS, V_SIZE)]
    if draw(st.booleans()):  # heads packed in the last axis
        attrs |= {"q_num_heads": heads, "kv_num_heads": kv_heads}
        shapes = [(b, s, n * size) for b, n, s, size in shapes]
    mask = draw(st.sampled_from([None, "float", "bool"]))
    total = KEYS + (PAST if cached else 0)
    given_mask = {
        None: None,
        "float": act(QUERIES, total, dtype=dtype),
        "bool": Arg(np.arange(heads * QUERIES * total).reshape(heads, QUERIES, total) % 3 > 0),
    }[mask]
    past = [act(BATCH, kv_heads, PAST, size, dtype=dtype) if cached else None for size in (SIZE, V_SIZE)]
    return Sample(attrs, (*(act(*shape, dtype=dtype) for shape in shapes), given_mask, *past), outs=4, opset=24)


@_SOME
@given(_attentions("float32"))
def test_float32_as_onnxruntime_computes_it(sample: Sample) -> None:
    for mine, theirs in zip(_computed("Attention", sample), run("Attention", sample), strict=True):
        assert mine.dtype == np.float32
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)


def _heads_of(x: Array, heads: int) -> Array:
    return x if x.ndim == 4 else np.stack(np.split(x, heads, axis=2), axis=1)


@_SOME
@given(_attentions("float64"))
def test_float64_one_score_at_a_time(sample: Sample) -> None:
    attrs = sample.attrs
    q, k, v, mask, past_k, past_v = (None if arg is None else arg.value for arg in sample.ins)
    assert q is not None
    assert k is not None
    assert v is not None
    q, k, v = (_heads_of(x, attrs.get(n, 0)) for x, n in ((q, "q_num_heads"), (k, "kv_num_heads"), (v, "kv_num_heads")))
    if past_k is not None:
        k, v = np.concatenate([past_k, k], 2), np.concatenate([past_v, v], 2)
    share, offset = q.shape[1] // k.shape[1], 0 if past_k is None else PAST
    y = np.zeros((*q.shape[:3], V_SIZE))
    for b, h, i in np.ndindex(*q.shape[:3]):
        grown = []
        for j in range(k.shape[2]):
            score = sum(q[b, h, i, d] * k[b, h // share, j, d] for d in range(SIZE)) * attrs.get("scale", 0.5)
            score = attrs["softcap"] * tanh(score / attrs["softcap"]) if attrs["softcap"] else score
            allowed = not attrs["is_causal"] or j <= i + offset
            if mask is not None and mask.dtype == bool:
                allowed = allowed and bool(mask[h, i, j])
            elif mask is not None:
                score += mask[i, j]
            grown.append(exp(score) if allowed else 0.0)
        total = sum(grown) or 1.0
        for d in range(V_SIZE):
            y[b, h, i, d] = sum(g / total * v[b, h // share, j, d] for j, g in enumerate(grown))
    mine = _heads_of(_computed("Attention", sample)[0], q.shape[1])
    np.testing.assert_allclose(mine, y, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("mode", [1, 2, 3])
def test_the_scores_of_each_mode_as_onnx_computes_them(mode: int) -> None:
    """Behind the cap, masked, probabilities. Raw scores (0) are held against onnxruntime: the reference caps them."""
    attrs = {"qk_matmul_output_mode": mode, "softcap": 2.0, "is_causal": 1}
    sample = Sample(attrs, tuple(act(1, 2, 3, 4) for _ in range(3)), outs=4, opset=24)
    np.testing.assert_allclose(_computed("Attention", sample)[3], reference("Attention", sample)[3], rtol=1e-5)


def test_a_cache_that_is_not_full_is_read_as_far_as_it_goes() -> None:
    """One query, causal, cache of 4: with 1 valid key it sees the first value alone, with 2 equal ones their mean.

    A query that comes before every valid key (2 queries, 1 key) sees nothing, and is zero.
    """
    k, v = np.zeros((2, 1, 4, 1), np.float32), np.arange(8, dtype=np.float32).reshape(2, 1, 4, 1)
    q, valid = np.zeros((2, 1, 1, 1), np.float32), fed([1, 2])
    ins = (Arg(q), Arg(k), Arg(v), None, None, None, valid)
    assert _computed("Attention", Sample({"is_causal": 1}, ins, opset=24))[0].reshape(-1).tolist() == [0.0, 4.5]
    two = (Arg(np.zeros((2, 1, 2, 1), np.float32)), *ins[1:])
    y = _computed("Attention", Sample({"is_causal": 1}, two, opset=24))[0]
    assert y.reshape(2, 2).tolist() == [[0.0, 0.0], [4.0, 4.5]]


def test_a_mask_may_be_as_short_as_what_is_valid() -> None:
    """Keys beyond the mask are not seen: the mean of the first 2 of 4 values."""
    ins = (
        Arg(np.zeros((1, 1, 1, 1), np.float32)), Arg(np.zeros((1, 1, 4, 1), np.float32)),
        fed([[[[1], [3], [50], [70]]]], "float32"), Arg(np.ones((1, 2), bool)), None, None, fed([2]),
    )  # fmt: skip
    assert _computed("Attention", Sample({}, ins, opset=24))[0].item() == 2.0


def test_no_positions_give_no_output() -> None:
    sample = Sample({}, (act(1, 1, 0, 4), act(1, 1, 2, 4), act(1, 1, 2, 3)), opset=24)
    assert _computed("Attention", sample)[0].shape == (1, 1, 0, 3)


@pytest.mark.parametrize("rule", ["linear", "gated", "delta", "gated_delta"])
def test_linear_attention_step_by_step(rule: str) -> None:
    """The recurrence of ONNX written for one batch element and head at a time."""
    batch, steps, q_heads, kv_heads, size, v_size = 2, 3, 4, 2, 3, 2
    q, k, v, state, decay, beta = (
        act(batch, steps, q_heads * size, dtype="float64"), act(batch, steps, kv_heads * size, dtype="float64"),
        act(batch, steps, kv_heads * v_size, dtype="float64"), act(batch, kv_heads, size, v_size, dtype="float64"),
        act(batch, steps, kv_heads * size, low=-1, high=0, dtype="float64"),
        act(batch, steps, 1, low=0, high=1, dtype="float64"),
    )  # fmt: skip
    attrs = {"q_num_heads": q_heads, "kv_num_heads": kv_heads, "update_rule": rule, "scale": 0.7}
    y, last = _computed("LinearAttention", Sample(attrs, (q, k, v, state, decay, beta), outs=2, opset=27))
    for b, h in np.ndindex(batch, q_heads):
        own = h // 2
        held = state.value[b, own].copy()
        for t in range(steps):
            key, value = k.value[b, t, own * size :][:size], v.value[b, t, own * v_size :][:v_size]
            if rule.startswith("gated"):
                held = held * np.exp(decay.value[b, t, own * size :][:size])[:, None]
            if rule.endswith("delta"):
                value = beta.value[b, t, 0] * (value - held.T @ key)
            held = held + np.outer(key, value)
            expected = 0.7 * q.value[b, t, h * size :][:size] @ held
            np.testing.assert_allclose(y[b, t, h * v_size :][:v_size], expected, rtol=1e-10)
        np.testing.assert_allclose(last[b, own], held, rtol=1e-10)


@pytest.mark.parametrize(
    ("op", "attrs", "match"),
    [
        ("Attention", {"qk_matmul_output_mode": 4}, "qk_matmul_output_mode 4"),
        ("LinearAttention", {"q_num_heads": 1, "kv_num_heads": 1, "update_rule": "magic"}, "magic"),
    ],
)
def test_an_unknown_choice_is_one_error(op: str, attrs: dict[str, Any], match: str) -> None:
    shape = (1, 1, 2, 3) if op == "Attention" else (1, 2, 3)
    with pytest.raises(InputError, match=match):
        _computed(op, Sample(attrs, (act(*shape), act(*shape), act(*shape)), opset=27))
