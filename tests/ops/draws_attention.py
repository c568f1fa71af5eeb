"""Random calls of attention and rotary embeddings."""

from __future__ import annotations

from typing import Any

from draw_kit import Drawn, Pick, Shape
from sample_kit import Arg, Sample, const

MS = "com.microsoft::"


def attention(pick: Pick, dtype: str = "float32") -> Sample:
    """Heads packed or apart, shared or not, with a mask of either kind, and with keys kept from before: then a single
    query has a single new key, as onnxruntime lets it see all of them, causal or not.
    """
    batch, queries, keys, past, size, v_size, kv_heads = pick.sizes(7, 1, 3)
    cached = pick.flag()
    keys = 1 if cached and queries == 1 else keys
    heads = kv_heads * pick.size(1, 2)
    attrs: dict[str, Any] = {
        "is_causal": pick.size(0, 1),
        "softcap": pick.of(0.0, 1.5),
        "qk_matmul_output_mode": pick.of(0, 3),
    }
    if pick.flag():
        attrs["scale"] = 0.3
    if dtype == "float64":  # from opset 25 on, which onnxruntime does not have
        attrs |= {f"{side}_window_size": pick.size(-1, 2) for side in ("left", "right") if pick.flag()}
    shapes: list[Shape] = [
        (batch, heads, queries, size), (batch, kv_heads, keys, size), (batch, kv_heads, keys, v_size)
    ]  # fmt: skip
    if pick.flag():  # heads packed in the last axis
        attrs |= {"q_num_heads": heads, "kv_num_heads": kv_heads}
        shapes = [(b, s, n * width) for b, n, s, width in shapes]
    total = keys + (past if cached else 0)
    mask = _mask(pick, pick.of((), (1,), (heads,)), queries, total, dtype)
    kept = [pick.real(batch, kv_heads, past, width, dtype=dtype) if cached else None for width in (size, v_size)]
    return Sample(attrs, (*(pick.real(*shape, dtype=dtype) for shape in shapes), mask, *kept), outs=4, opset=24)


def _mask(pick: Pick, lead: Shape, queries: int, total: int, dtype: str) -> Arg | None:
    """Some key is seen by each query: of none, onnxruntime and ONNX make different things."""
    kind = pick.of("none", "float", "bool")
    if kind == "float":
        return pick.real(*lead, queries, total, dtype=dtype)
    if kind == "none":
        return None
    seen = pick.truth(*lead, queries, total).value.copy()
    seen[..., 0] = True
    return Arg(seen)


def linear(pick: Pick, dtype: str = "float32") -> Sample:
    batch, steps, size, v_size, kv_heads = pick.sizes(5, 1, 3)
    heads = kv_heads * pick.size(1, 2)
    rule = pick.of("linear", "gated", "delta", "gated_delta")
    attrs: dict[str, Any] = {"q_num_heads": heads, "kv_num_heads": kv_heads, "update_rule": rule}
    if pick.flag():
        attrs["scale"] = 0.7
    state = pick.maybe(lambda: pick.real(batch, kv_heads, size, v_size, dtype=dtype))
    decay = pick.real(batch, steps, kv_heads * pick.of(1, size), low=-1, high=0, dtype=dtype)
    beta = pick.real(batch, steps, pick.of(1, kv_heads), low=0, high=1, dtype=dtype)
    extra = {"linear": (), "gated": (decay,), "delta": (None, beta), "gated_delta": (decay, beta)}[rule]
    ins = (
        pick.real(batch, steps, heads * size, dtype=dtype),
        pick.real(batch, steps, kv_heads * size, dtype=dtype),
        pick.real(batch, steps, kv_heads * v_size, dtype=dtype),
        *((state, *extra) if extra or state else ()),
    )
    return Sample(attrs, ins, outs=2, opset=27)


# --- rotary ---------------------------------------------------------------------------------------------------------


def _rotary(pick: Pick) -> Sample:
    """Four axes, or three with the heads packed; all of a head turned, or its first part."""
    batch, steps, heads, half = pick.sizes(4, 1, 3)
    part = 2 * pick.size(1, half)
    size, attrs = 2 * half, {"interleaved": pick.size(0, 1)}
    if part != size or pick.flag():
        attrs["rotary_embedding_dim"] = part
    packed = pick.flag()
    if packed:
        attrs["num_heads"] = heads
    x = pick.real(*((batch, steps, heads * size) if packed else (batch, heads, steps, size)))
    if pick.flag():
        tables = [pick.real(batch, steps, part // 2) for _ in range(2)]
        return Sample(attrs, (x, *tables), opset=23)
    rows = steps + pick.size(0, 3)
    tables = [pick.real(rows, part // 2) for _ in range(2)]
    return Sample(attrs, (x, *tables, pick.whole(batch, steps, low=0, high=rows - 1)), opset=23)


def _ms_rotary(pick: Pick) -> Sample:
    """Places given one by one, or the first of each row of them."""
    batch, steps, heads, half = pick.sizes(4, 1, 3)
    part = 2 * pick.size(1, half)
    size, attrs = 2 * half, {"interleaved": pick.size(0, 1)}
    packed = part != size or pick.flag()
    if packed:  # onnxruntime wants the heads where a part of each is turned
        attrs |= {"num_heads": heads} | ({"rotary_embedding_dim": part} if part != size else {})
    x = pick.real(*((batch, steps, heads * size) if packed else (batch, heads, steps, size)))
    rows = steps + 3
    at = pick.whole(batch, steps, low=0, high=rows - 1) if pick.flag() else pick.whole(1, low=0, high=3)
    return Sample(attrs, (x, at, *(pick.weights(rows, part // 2) for _ in range(2))))


# --- onnxruntime's own ----------------------------------------------------------------------------------------------


def _counts(pick: Pick, batch: int, most: int) -> Arg:
    return pick.whole(batch, low=1, high=most, dtype="int32")


def _ms_attention(pick: Pick) -> Sample:
    """One product makes queries, keys and values; masks by count, by key and by pair."""
    batch, steps, inputs, heads, size = pick.sizes(5, 1, 3)
    width = heads * size
    v_width = heads * pick.size(1, 3) if pick.flag() else width
    attrs: dict[str, Any] = {"num_heads": heads, "unidirectional": pick.size(0, 1)}
    if v_width != width:
        attrs["qkv_hidden_sizes"] = (width, width, v_width)
    if pick.flag():
        attrs["scale"] = 0.3
    masks = [
        None, _counts(pick, batch, steps), _seen(pick, batch, steps), _seen(pick, batch, steps, steps)
    ]  # fmt: skip
    added = pick.maybe(lambda: pick.real(*pick.of((1,), (batch,)), heads, steps, steps))
    total = 2 * width + v_width
    ins = (pick.real(batch, steps, inputs), pick.weights(inputs, total), pick.weights(total), pick.of(*masks))
    return Sample(attrs, (*ins, None, added) if added else ins)


def _seen(pick: Pick, *shape: int) -> Arg:
    """0 and 1; the first key is always seen."""
    seen = pick.whole(*shape, low=0, high=1, dtype="int32").value.copy()
    seen[..., 0] = 1
    return Arg(seen)


def _multi_head(pick: Pick) -> Sample:
    batch, steps, keys, heads, size, v_size = pick.sizes(6, 1, 3)
    causal = pick.flag()
    keys = steps if causal else keys
    width, v_width = heads * size, heads * v_size
    attrs: dict[str, Any] = {"num_heads": heads} | ({"unidirectional": 1} if causal else {})
    if pick.flag():
        attrs["scale"] = 0.3
    bias = pick.maybe(lambda: pick.weights(2 * width + v_width))
    mask = pick.of(None, _counts(pick, batch, keys), _seen(pick, batch, keys))
    added = pick.maybe(lambda: pick.real(*pick.of((1,), (batch,)), heads, steps, keys))
    ins = [pick.real(batch, steps, width), pick.real(batch, keys, width), pick.real(batch, keys, v_width)]
    return Sample(attrs, (*ins, bias, mask, added))


def _grouped(pick: Pick) -> Sample:
    """One step with keys kept from before, or several without; all rows are as long."""
    batch, kv_heads, share = pick.sizes(3, 1, 2)
    size, past = 16, pick.size(0, 4)
    new = 1 if past else pick.size(1, 4)
    total, heads = past + new, kv_heads * share
    rotary = pick.flag()
    attrs: dict[str, Any] = {"num_heads": heads, "kv_num_heads": kv_heads, "do_rotary": int(rotary)}
    if rotary:
        attrs["rotary_interleaved"] = pick.size(0, 1)
    if pick.flag():
        attrs["scale"] = 0.2
    if pick.flag():
        attrs["softcap"] = 3.0
    if pick.flag():
        attrs["local_window_size"] = pick.size(1, 4)
    kept = [pick.real(batch, kv_heads, past, size) if past else None for _ in range(2)]
    tables = [pick.weights(total + 2, size // 2) for _ in range(2)] if rotary else []
    ins = (
        pick.real(batch, new, heads * size), pick.real(batch, new, kv_heads * size),
        pick.real(batch, new, kv_heads * size), *kept, const([total - 1] * batch, "int32"),
        const(total, "int32"), *tables,
    )  # fmt: skip
    return Sample(attrs, ins, outs=3)


ATTENTION: dict[str, Drawn] = {
    "Attention": attention,
    "LinearAttention": linear,
    "RotaryEmbedding": _rotary,
    MS + "RotaryEmbedding": _ms_rotary,
    MS + "Attention": _ms_attention,
    MS + "MultiHeadAttention": _multi_head,
    MS + "GroupQueryAttention": _grouped,
}
