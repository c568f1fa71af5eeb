"""What attention computes: softmax(scale Q K^T + bias) V for each head, and linear attention step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from npusim.ops.arrays import as_type
from npusim.ops.base import Array, Call, array, optional


def split_heads(x: Array, heads: int) -> Array:
    """[batch, positions, heads * size] to [batch, heads, positions, size]; four axes stay as they are."""
    return x if x.ndim == 4 else x.reshape(*x.shape[:2], heads, -1).transpose(0, 2, 1, 3)


def packed(x: Array) -> Array:
    """[batch, heads, positions, size] to [batch, positions, heads * size]."""
    return np.asarray(x.transpose(0, 2, 1, 3).reshape(x.shape[0], x.shape[2], -1))


def shared(x: Array, heads: int) -> Array:
    """Key or value heads, each repeated for the query heads that share it."""
    return np.repeat(x, heads // x.shape[1], axis=1)


def capped(scores: Array, cap: float) -> Array:
    return np.asarray(cap * np.tanh(scores / cap)) if cap else scores


def probabilities(scores: Array) -> Array:
    """Softmax over the last axis; a row that may look nowhere is zero."""
    if not scores.size:
        return scores
    largest = scores.max(axis=-1, keepdims=True)
    grown = np.exp(scores - np.where(np.isfinite(largest), largest, 0))
    total = grown.sum(axis=-1, keepdims=True)
    return np.asarray(grown / np.where(total == 0, 1, total))


def causal(queries: int, keys: int, offset: Array) -> Array:
    """Whether each query may look at each key: those up to its own place, ``offset`` [...] keys further on."""
    rows, columns = np.arange(queries)[:, None], np.arange(keys)
    return np.asarray(columns <= rows + np.asarray(offset)[..., None, None])


def attention(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    """The standard operator: output, key and value with the past in front, and the scores where they are asked for."""
    given = array(call, arrays, 0)
    q = split_heads(given, int(call.attrs.get("q_num_heads", 0)))
    k, v = (split_heads(array(call, arrays, at), int(call.attrs.get("kv_num_heads", 0))) for at in (1, 2))
    past_k, past_v = optional(arrays, 4), optional(arrays, 5)
    if past_k is not None and past_v is not None:
        k, v = np.concatenate([past_k, k], axis=2), np.concatenate([past_v, v], axis=2)
    heads = q.shape[1]
    scale = float(call.attrs.get("scale") or q.shape[-1] ** -0.5)
    raw = _inner(q) @ shared(_inner(k), heads).swapaxes(-1, -2) * scale
    soft = capped(raw, float(call.attrs.get("softcap", 0.0)))
    masked = soft + _bias(call, arrays, soft.shape, 0 if past_k is None else past_k.shape[2])
    chances = probabilities(masked)
    y = chances @ shared(_inner(v), heads)
    kept = (raw, soft, masked, chances)[_kept(call)]
    return [
        as_type(y if given.ndim == 4 else packed(y), call.dtype()), as_type(k, call.dtype(1)),
        as_type(v, call.dtype(2)), as_type(kept, call.dtype()),
    ]  # fmt: skip


def _inner(x: Array) -> Array:
    return x if x.dtype == np.float64 else x.astype(np.float32)


def _kept(call: Call) -> int:
    """Which scores are put out: raw, behind the soft cap, masked, or probabilities."""
    mode = int(call.attrs.get("qk_matmul_output_mode", 0))
    if not 0 <= mode <= 3:
        raise call.error(f"qk_matmul_output_mode {mode} is not one of 0, 1, 2, 3", code="bad-node")
    return mode


def _bias(call: Call, arrays: Sequence[Array | None], shape: tuple[int, ...], past: int) -> Array:
    """What is added to the scores [batch, heads, queries, keys]: the mask, and -inf where nothing may be looked at."""
    mask, valid = optional(arrays, 3), optional(arrays, 6)
    bias: Any = np.zeros(shape[-2:])
    if mask is not None:
        bias = np.where(mask, 0.0, -np.inf) if mask.dtype == bool else mask
        short = shape[-1] - bias.shape[-1]  # it may be shorter than a cache that is not full
        if short:
            bias = np.pad(bias, [(0, 0)] * (bias.ndim - 1) + [(0, short)], constant_values=-np.inf)
    if valid is not None:
        seen = np.arange(shape[-1]) < valid.reshape(-1, 1, 1, 1)
        bias = np.where(seen, bias, -np.inf)
    offset = np.array(past) if valid is None or past else valid.reshape(-1, 1) - shape[-2]
    left, right = (int(call.attrs.get(f"{side}_window_size", -1)) for side in ("left", "right"))
    if call.attrs.get("is_causal", 0):
        right = 0
    if right >= 0:
        bias = np.where(causal(shape[-2], shape[-1], offset + right), bias, -np.inf)
    if left >= 0:
        bias = np.where(causal(shape[-2], shape[-1], offset - left - 1), -np.inf, bias)
    return np.asarray(bias)


# --- linear attention -----------------------------------------------------------------------------------------------


def linear_attention(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    """The state [batch, heads, key size, value size] takes each step's key and value, and the query reads it.

    ``gated`` rules let it decay before, ``delta`` rules write the difference to what it holds for the key (ONNX).
    """
    q_heads, kv_heads = int(call.attrs["q_num_heads"]), int(call.attrs["kv_num_heads"])
    q = split_heads(array(call, arrays, 0), q_heads)
    k, v = (split_heads(array(call, arrays, slot), kv_heads) for slot in (1, 2))
    rule = str(call.attrs.get("update_rule", "gated_delta"))
    if rule not in ("linear", "gated", "delta", "gated_delta"):
        raise call.error(f"update_rule {rule!r} is not one of linear, gated, delta, gated_delta", code="bad-node")
    state = optional(arrays, 3)
    state = np.zeros((*k.shape[:2], k.shape[3], v.shape[3]), _inner(q).dtype) if state is None else _inner(state)
    scale = float(call.attrs.get("scale") or q.shape[3] ** -0.5)
    read = np.zeros((*q.shape[:3], v.shape[3]), state.dtype)
    for at in range(q.shape[2]):
        key, value = k[:, :, at, :, None], v[:, :, at, None, :]
        if rule.startswith("gated"):
            decay = array(call, arrays, 4)[:, at].reshape(q.shape[0], kv_heads, -1)
            state = state * np.exp(decay)[..., None]
        if rule.endswith("delta"):
            rate = array(call, arrays, 5)[:, at][..., None, None]
            value = rate * (value - key.swapaxes(-1, -2) @ state)
        state = state + key * value
        read[:, :, at] = (scale * q[:, :, at, None, :] @ shared(state, q_heads))[:, :, 0]
    return [as_type(packed(read), call.dtype()), as_type(state, call.dtype(3 if call.has(3) else 0))]
