"""What the attention operators of com.microsoft compute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from npusim.ops.arrays import as_type
from npusim.ops.attention_execute import capped, causal, packed, probabilities, shared, split_heads
from npusim.ops.base import Array, Call, array, optional
from npusim.ops.rotary_execute import rotated


def _refuse(call: Call, arrays: Sequence[Array | None], slots: Sequence[int], attrs: Sequence[str]) -> None:
    """InputError (no-execute) where the node uses what is not computed here."""
    used = [f"input {slot}" for slot in slots if optional(arrays, slot) is not None]
    used += [name for name in attrs if call.attrs.get(name)]
    if used:
        raise call.error(f"npusim does not compute it with {', '.join(used)}", code="no-execute")


def _scores(call: Call, q: Array, k: Array, bias: Array | None, seen: Array | None) -> Array:
    """Scaled products [batch, heads, queries, keys], -inf where a query does not look."""
    scale = float(call.attrs.get("scale") or q.shape[-1] ** -0.5)
    scores = q @ shared(k, q.shape[1]).swapaxes(-1, -2) * scale
    scores = capped(scores, float(call.attrs.get("softcap", 0.0)))
    if bias is not None:
        scores = scores + bias
    return scores if seen is None else np.where(seen, scores, -np.inf)


def _padding(call: Call, mask: Array | None, batch: int, keys: int) -> Array | None:
    """What a mask adds to the scores: ``mask_filter_value`` where a key is padding.

    The mask has a 1 for each key that counts ([batch, keys] or [batch, queries, keys]), or a length a batch element.
    """
    if mask is None:
        return None
    if mask.shape == (batch,):
        counts: Any = np.arange(keys) < mask[:, None]
    elif mask.ndim in (2, 3) and mask.shape[0] == batch and mask.shape[-1] == keys:
        counts = mask != 0
    else:
        raise call.error(f"npusim does not compute it with a mask of shape {mask.shape}", code="no-execute")
    filtered = np.where(counts, np.float32(0), np.float32(call.attrs.get("mask_filter_value", -10000.0)))
    return filtered[:, None, None] if counts.ndim == 2 else filtered[:, None]


def _added(*parts: Array | None) -> Array | None:
    there = [part for part in parts if part is not None]
    return np.asarray(sum(there[1:], there[0])) if there else None


def _joined(past: Array | None, new: Array) -> Array:
    return new if past is None else np.concatenate([past, new], axis=2)


def projected(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    """Attention: query, key and value are columns of one product of the input; ``past`` holds both of them."""
    _refuse(call, arrays, (6,), ("do_rotary", "past_present_share_buffer"))
    x, weights, bias = array(call, arrays, 0), array(call, arrays, 1), optional(arrays, 2)
    heads, past = int(call.attrs["num_heads"]), optional(arrays, 4)
    sizes = call.ints("qkv_hidden_sizes") or (weights.shape[1] // 3,) * 3
    product = x @ weights if bias is None else x @ weights + bias
    q, k, v = (split_heads(part, heads) for part in np.split(product, np.cumsum(sizes[:2]), axis=2))
    k, v = (_joined(None if past is None else past[index], new) for index, new in ((0, k), (1, v)))
    seen = (
        causal(q.shape[2], k.shape[2], np.array(k.shape[2] - q.shape[2])) if call.attrs.get("unidirectional") else None
    )
    added = _added(_padding(call, optional(arrays, 3), x.shape[0], k.shape[2]), optional(arrays, 5))
    y = probabilities(_scores(call, q, k, added, seen)) @ v
    made = [packed(y)] if call.n_outs == 1 else [packed(y), np.stack([k, v])]
    return [as_type(each, call.dtype()) for each in made]


def multi_head(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    """MultiHeadAttention: operands apart, or packed as [B, S, heads, 3, size]; key and value as [..., 2, size]."""
    _refuse(call, arrays, (8, 9), ())
    q, k, v = _operands(call, arrays)
    k, v = _joined(optional(arrays, 6), k), _joined(optional(arrays, 7), v)
    seen = (
        causal(q.shape[2], k.shape[2], np.array(k.shape[2] - q.shape[2])) if call.attrs.get("unidirectional") else None
    )
    added = _added(_padding(call, optional(arrays, 4), q.shape[0], k.shape[2]), optional(arrays, 5))
    scores = _scores(call, q, k, added, seen)
    y = packed(probabilities(scores) @ v)
    return [as_type(each, call.dtype()) for each in (y, k, v, scores)]


def _operands(call: Call, arrays: Sequence[Array | None]) -> tuple[Array, Array, Array]:
    """Query, key and value as [batch, heads, positions, size], each with its part of the bias."""
    heads, first = int(call.attrs["num_heads"]), array(call, arrays, 0)
    if first.ndim == 5:
        q, k, v = (first[:, :, :, index].transpose(0, 2, 1, 3) for index in range(3))
    else:
        q, second = split_heads(first, heads), array(call, arrays, 1)
        if second.ndim == 5:
            k, v = (second[:, :, :, index].transpose(0, 2, 1, 3) for index in range(2))
        else:
            k, v = split_heads(second, heads), split_heads(array(call, arrays, 2), heads)
    bias = optional(arrays, 3)
    if bias is not None:
        sizes = [heads * part.shape[3] for part in (q, k, v)]
        parts = np.split(bias, np.cumsum(sizes)[:2])
        q, k, v = (each + part.reshape(heads, 1, -1) for each, part in zip((q, k, v), parts, strict=True))
    return q, k, v


def grouped(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    """GroupQueryAttention: causal, with caches of which each batch element has filled its own part.

    Input 5 gives the last valid place of each batch element once the new positions are in.
    """
    _refuse(call, arrays, (9, 10, 11), ("smooth_softmax", "qk_output", "k_quant_type", "v_quant_type"))
    q_heads, kv_heads = int(call.attrs["num_heads"]), int(call.attrs["kv_num_heads"])
    q, k, v = _new_operands(call, arrays, q_heads, kv_heads)
    batch, positions, total = len(q), q.shape[2], int(array(call, arrays, 6).reshape(-1)[0])
    filled = np.broadcast_to(array(call, arrays, 5).reshape(-1) + 1, batch)
    before = filled * 0 if positions == total else filled - positions
    if call.attrs.get("do_rotary", 0):
        at, woven = before[:, None] + np.arange(positions), bool(call.attrs.get("rotary_interleaved", 0))
        tables = array(call, arrays, 7)[at], array(call, arrays, 8)[at]
        q, k = (rotated(x.swapaxes(1, 2), *tables, woven=woven).swapaxes(1, 2) for x in (q, k))
    keys, values = (_cached(optional(arrays, slot), new, before, total) for slot, new in ((3, k), (4, v)))
    seen = causal(positions, keys.shape[2], before[:, None])
    window = int(call.attrs.get("local_window_size", -1))
    if window > 0:
        seen = seen & ~causal(positions, keys.shape[2], before[:, None] - window)
    scores = _scores(call, q, keys, None, seen)
    y = packed(probabilities(scores) @ shared(values, q_heads))
    return [as_type(each, call.dtype()) for each in (y, keys, values, scores)]


def _new_operands(
    call: Call, arrays: Sequence[Array | None], q_heads: int, kv_heads: int
) -> tuple[Array, Array, Array]:  # fmt: skip
    """Query, key and value of the new positions, which the first input may hold all three."""
    first = array(call, arrays, 0)
    if optional(arrays, 1) is not None:
        k, v = (split_heads(array(call, arrays, slot), kv_heads) for slot in (1, 2))
        return split_heads(first, q_heads), k, v
    every = split_heads(first, q_heads + 2 * kv_heads)
    return every[:, :q_heads], every[:, q_heads : q_heads + kv_heads], every[:, q_heads + kv_heads :]


def _cached(past: Array | None, new: Array, before: Array, total: int) -> Array:
    """The cache [batch, heads, places, size] with the new positions behind those of each batch element."""
    places = total if past is None else max(total, past.shape[2])
    held = np.zeros((*new.shape[:2], places, new.shape[3]), new.dtype)
    for index, start in enumerate(before):
        if past is not None:
            held[index, :, :start] = past[index, :, :start]
        held[index, :, start : start + new.shape[2]] = new[index]
    return held
