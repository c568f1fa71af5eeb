"""Attention and rotary embedding, of the standard and of com.microsoft."""

from __future__ import annotations

from math import prod

import msgspec

from npusim.ir import Shape
from npusim.loopnest import LoopNest
from npusim.ops.base import Call, Op, Spec, VectorWork, Work, later, register, same
from npusim.ops.matmul import product_nest
from npusim.ops.reach import everywhere
from npusim.ops.softmax import STEPS


class _Heads(msgspec.Struct, frozen=True):
    """The sizes of one attention: a query looks at ``keys`` positions; query heads may share keys and values."""

    batch: int
    q_heads: int
    kv_heads: int
    queries: int
    keys: int
    head: int
    v_head: int

    @property
    def scores(self) -> int:
        return self.batch * self.q_heads * self.queries * self.keys

    def nests(self, *, k_varies: bool = True, v_varies: bool = True) -> tuple[LoopNest, LoopNest]:
        """Scores = Q K^T and output = P V; the query heads that share a key head are more rows of one product.

        Positions that a mask or a causal rule takes away count, as padding does.
        """
        groups = self.batch * self.kv_heads
        rows = self.queries * (self.q_heads // max(self.kv_heads, 1))
        return (
            product_nest(groups=groups, rows=rows, inner=self.head, columns=self.keys, weights_vary=k_varies),
            product_nest(groups=groups, rows=rows, inner=self.keys, columns=self.v_head, weights_vary=v_varies),
        )

    def vector(self, *, masked: bool, capped: bool) -> tuple[VectorWork, ...]:
        """Scaling, soft cap, mask and softmax of the scores."""
        count = self.scores
        capping = (VectorWork("sigmoid", count, count),) if capped else ()
        masking = (VectorWork("add", count, count),) if masked else ()
        return (VectorWork("mul", count, count), *capping, *masking, VectorWork("softmax", count, STEPS * count))


def _checked(call: Call, heads: _Heads) -> _Heads:
    if heads.q_heads < 1 or heads.kv_heads < 1 or heads.q_heads % heads.kv_heads:
        raise call.error(f"{heads.q_heads} query heads do not share {heads.kv_heads} key and value heads")
    return heads


def _split(call: Call, slot: int, heads: int) -> Shape:
    """[batch, heads, positions, head size] of an operand given so, or with its heads packed in the last of 3 axes."""
    shape = call.shape(slot)
    if len(shape) == 4:
        return shape
    if len(shape) != 3 or heads < 1 or shape[2] % heads:
        raise call.error(f"input {slot} of shape {shape} does not hold {heads} heads")
    return shape[0], heads, shape[1], shape[2] // heads


def _past(call: Call, slot: int, axis: int = 2) -> int:
    """Positions kept from earlier calls."""
    if not call.has(slot):
        return 0
    if len(call.shape(slot)) <= axis:
        raise call.error(f"past (input {slot}) has shape {call.shape(slot)}")
    return call.shape(slot)[axis]


# --- ai.onnx Attention ----------------------------------------------------------------------------------------------


def _standard(call: Call) -> _Heads:
    q = _split(call, 0, int(call.attrs.get("q_num_heads", 0)))
    k, v = (_split(call, slot, int(call.attrs.get("kv_num_heads", 0))) for slot in (1, 2))
    if k[:3] != v[:3] or q[0] != k[0] or q[3] != k[3]:
        raise call.error(f"query {q}, key {k} and value {v} do not fit each other")
    return _checked(call, _Heads(q[0], q[1], k[1], q[2], k[2] + _past(call, 4), q[3], v[3]))


def _infer_standard(call: Call) -> list[Spec]:
    h, dtype = _standard(call), call.dtype()
    packed = len(call.shape(0)) == 3
    out = (h.batch, h.queries, h.q_heads * h.v_head) if packed else (h.batch, h.q_heads, h.queries, h.v_head)
    kept = h.batch, h.kv_heads, h.keys
    return [
        (out, dtype), ((*kept, h.head), call.dtype(1)), ((*kept, h.v_head), call.dtype(2)),
        ((h.batch, h.q_heads, h.queries, h.keys), dtype),
    ]  # fmt: skip


def _work_standard(call: Call) -> Work:
    h = _standard(call)
    masked = call.has(3) or call.has(6) or bool(call.attrs.get("is_causal", 0))
    k_varies, v_varies = (call.has(4) or not call.tensor(slot).is_constant for slot in (1, 2))
    nests = h.nests(k_varies=k_varies, v_varies=v_varies)
    return Work(nests=nests, vector=h.vector(masked=masked, capped=bool(call.attrs.get("softcap", 0.0))))


# --- com.microsoft --------------------------------------------------------------------------------------------------


def _projected(call: Call) -> tuple[_Heads, int]:
    """com.microsoft::Attention projects its input to query, key and value itself; their sizes together."""
    x, w, heads = call.shape(0), call.shape(1), int(call.attrs["num_heads"])
    if len(x) != 3 or len(w) != 2 or x[2] != w[0]:
        raise call.error(f"input {x} and weights {w} do not fit")
    sizes = call.ints("qkv_hidden_sizes") or (w[1] // 3,) * 3
    if heads < 1 or sum(sizes) != w[1] or any(size % heads for size in sizes):
        raise call.error(f"weights {w} do not hold query, key and value of {heads} heads")
    keys = x[1] + _past(call, 4, 3)
    return _Heads(x[0], heads, heads, x[1], keys, sizes[0] // heads, sizes[2] // heads), w[1]


def _infer_projected(call: Call) -> list[Spec]:
    h, _ = _projected(call)
    return [
        ((h.batch, h.queries, h.q_heads * h.v_head), call.dtype()),
        ((2, h.batch, h.q_heads, h.keys, h.head), call.dtype()),
    ]


def _work_projected(call: Call) -> Work:
    h, columns = _projected(call)
    projection = product_nest(
        groups=1, rows=h.batch * h.queries, inner=call.shape(1)[0], columns=columns, bias=call.has(2),
        weights_vary=not call.tensor(1).is_constant,
    )  # fmt: skip
    masked = call.has(3) or call.has(5) or bool(call.attrs.get("unidirectional", 0))
    return Work(nests=(projection, *h.nests()), vector=h.vector(masked=masked, capped=False))


def _multi_head(call: Call) -> _Heads:
    """Query, key and value apart, packed [B, S, heads, 3, size], or key and value packed [B, S, heads, 2, size]."""
    heads, q = int(call.attrs["num_heads"]), call.shape(0)
    if len(q) == 5:
        return _checked(call, _Heads(q[0], heads, heads, q[1], q[1] + _past(call, 6), q[4], q[4]))
    b, _, queries, size = _split(call, 0, heads)
    k = call.shape(1)
    if len(k) == 5:
        return _checked(call, _Heads(b, heads, heads, queries, k[1] + _past(call, 6), size, k[4]))
    _, _, keys, k_size = _split(call, 1, heads)
    _, _, _, v_size = _split(call, 2, heads)
    if k_size != size:
        raise call.error(f"query {q} and key {k} differ in head size")
    return _checked(call, _Heads(b, heads, heads, queries, keys + _past(call, 6), size, v_size))


def _infer_multi_head(call: Call) -> list[Spec]:
    h, dtype = _multi_head(call), call.dtype()
    kept = h.batch, h.q_heads, h.keys
    return [
        ((h.batch, h.queries, h.q_heads * h.v_head), dtype), ((*kept, h.head), dtype), ((*kept, h.v_head), dtype),
        ((h.batch, h.q_heads, h.queries, h.keys), dtype),
    ]  # fmt: skip


def _work_multi_head(call: Call) -> Work:
    h = _multi_head(call)
    count = h.batch * h.q_heads * (h.queries * h.head + (h.keys - _past(call, 6)) * (h.head + h.v_head))
    biased = (VectorWork("add", count, count),) if call.has(3) else ()
    masked = call.has(4) or call.has(5) or bool(call.attrs.get("unidirectional", 0))
    return Work(nests=h.nests(), vector=biased + h.vector(masked=masked, capped=False))


def _grouped(call: Call) -> _Heads:
    """Query alone may hold all three. What is kept from before need not fill its buffer: the buffer is the bound."""
    q_heads, kv_heads, x = int(call.attrs["num_heads"]), int(call.attrs["kv_num_heads"]), call.shape(0)
    together = q_heads if call.has(1) else q_heads + 2 * kv_heads
    if len(x) != 3 or together < 1 or x[2] % together:
        raise call.error(f"query {x} does not hold {together} heads")
    total = call.value(6)
    keys = _past(call, 3) + x[1] if total is None else max(int(total.reshape(-1)[0]), _past(call, 3))
    size = x[2] // together
    return _checked(call, _Heads(x[0], q_heads, kv_heads, x[1], keys, size, size))


def _infer_grouped(call: Call) -> list[Spec]:
    h, dtype = _grouped(call), call.dtype()
    kept = ((h.batch, h.kv_heads, h.keys, h.head), call.dtype(3) if call.has(3) else dtype)
    scores = (h.batch, h.q_heads, h.queries, h.keys)
    return [((h.batch, h.queries, h.q_heads * h.head), dtype), kept, kept, (scores, dtype)]


def _work_grouped(call: Call) -> Work:
    h = _grouped(call)
    rotated = h.batch * h.queries * (h.q_heads + h.kv_heads) * h.head if call.attrs.get("do_rotary", 0) else 0
    first = (VectorWork("mul", rotated, ROTATION * rotated),) if rotated else ()
    capped = bool(call.attrs.get("softcap", 0.0))
    return Work(nests=h.nests(), vector=first + h.vector(masked=bool(call.attrs.get("causal", 1)), capped=capped))


# --- linear attention -----------------------------------------------------------------------------------------------

_DELTA = ("delta", "gated_delta")


def _linear(call: Call) -> tuple[_Heads, Shape]:
    """Sizes, with ``keys`` unused, and the state [batch, key and value heads, key size, value size]."""
    q_heads, kv_heads = int(call.attrs["q_num_heads"]), int(call.attrs["kv_num_heads"])
    q, k, v = (_split(call, slot, heads) for slot, heads in ((0, q_heads), (1, kv_heads), (2, kv_heads)))
    if k[:3] != v[:3] or (q[0], q[2], q[3]) != (k[0], k[2], k[3]):
        raise call.error(f"query {q}, key {k} and value {v} do not fit each other")
    return _checked(call, _Heads(q[0], q_heads, kv_heads, q[2], 0, q[3], v[3])), (q[0], kv_heads, q[3], v[3])


def _infer_linear(call: Call) -> list[Spec]:
    h, state = _linear(call)
    return [((h.batch, h.queries, h.q_heads * h.v_head), call.dtype()), (state, call.dtype(3 if call.has(3) else 0))]


def _work_linear(call: Call) -> Work:
    """At each step the state takes k v^T, and every query head reads q^T S; the delta rules read k^T S as well."""
    h, state = _linear(call)
    rule, groups, updates = call.attrs.get("update_rule", "gated_delta"), h.batch * h.kv_heads, h.queries * prod(state)
    reads = [h.queries * (h.q_heads // h.kv_heads)] + ([h.queries] if rule in _DELTA else [])
    nests = [
        product_nest(groups=groups, rows=rows, inner=h.head, columns=h.v_head, weights_vary=True) for rows in reads
    ]
    nests.append(product_nest(groups=groups, rows=h.head, inner=h.queries, columns=h.v_head, weights_vary=True))
    decay = (VectorWork("mul", updates, updates),) if rule in ("gated", "gated_delta") else ()
    change = h.batch * h.queries * h.kv_heads * h.v_head
    delta = (VectorWork("add", change, change), VectorWork("mul", change, change)) if rule in _DELTA else ()
    return Work(nests=tuple(nests), vector=decay + delta)


# --- rotary embedding -----------------------------------------------------------------------------------------------

ROTATION = 3  # operations a rotated element: two products and a sum


def _rotary(call: Call) -> tuple[int, int]:
    """The size of a head, and how much of it is turned."""
    x, cosines = call.shape(0), call.shape(2 if call.op.startswith("com.") else 1)
    heads = int(call.attrs.get("num_heads", 0)) or 1
    if len(x) not in (3, 4) or not cosines or heads < 1 or x[-1] % heads:
        raise call.error(f"input {x} in {heads} head(s) and cosines {cosines} do not fit")
    size = x[3] if len(x) == 4 else x[2] // heads
    turned = int(call.attrs.get("rotary_embedding_dim", 0)) or min(size, 2 * cosines[-1])
    if not 0 <= turned <= size:
        raise call.error(f"{turned} elements of a head of {size} cannot be turned")
    return size, turned


def _infer_rotary(call: Call) -> list[Spec]:
    _rotary(call)
    return same(call)


def _work_rotary(call: Call) -> Work:
    (size, turned), count = _rotary(call), call.tensor(0).elements
    return Work(vector=(VectorWork("mul", count, ROTATION * (count // max(size, 1) * turned)),))


register(
    Op(
        "Attention", _infer_standard, _work_standard, params=(0, 1, 2),
        execute=later("attention_execute", "attention"), reach=everywhere,
    ),
    Op(
        "com.microsoft::Attention", _infer_projected, _work_projected, params=(1, 2), settings=(6,),
        execute=later("attention_ms_execute", "projected"), reach=everywhere,
    ),
    Op(
        "com.microsoft::MultiHeadAttention", _infer_multi_head, _work_multi_head, params=(0, 1, 2, 3), settings=(8,),
        execute=later("attention_ms_execute", "multi_head"), reach=everywhere,
    ),
    Op(
        "com.microsoft::GroupQueryAttention", _infer_grouped, _work_grouped, settings=(5, 6),
        execute=later("attention_ms_execute", "grouped"), reach=everywhere,
    ),
    Op(
        "LinearAttention", _infer_linear, _work_linear, execute=later("attention_execute", "linear_attention"),
        reach=everywhere,
    ),
    Op("RotaryEmbedding", _infer_rotary, _work_rotary, execute=later("rotary_execute", "rotary")),
    Op(
        "com.microsoft::RotaryEmbedding", _infer_rotary, _work_rotary, execute=later("rotary_execute", "rotary_by_ids")
    ),
)  # fmt: skip
