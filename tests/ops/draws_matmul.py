"""Random calls of matrix products and recurrent layers."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from draw_kit import Drawn, Pick, Shape
from sample_kit import Arg, Sample

MS = "com.microsoft::"


# --- products -------------------------------------------------------------------------------------------------------


def _stacks(pick: Pick) -> tuple[Shape, Shape]:
    """Leading axes of two operands that go together."""
    lead = pick.shape(0, 2, high=3)
    return pick.spread(lead), pick.spread(lead)


def matmul(pick: Pick, dtype: str = "float32") -> Sample:
    rows, inner, columns = pick.sizes(3)
    left, right = _stacks(pick)
    a = (inner,) if pick.size(0, 5) == 0 else (*left, rows, inner)
    b = (inner,) if pick.size(0, 5) == 0 else (*right, inner, columns)
    return Sample({}, (pick.real(*a, dtype=dtype), Arg(pick.real(*b, dtype=dtype).value, pick.flag())))


def _turned(shape: Shape, *, turn: bool, batch: bool = False) -> Shape:
    """What becomes the shape when its last two axes, and with ``batch`` the first and the last but one, are turned."""
    shape = (*shape[:-2], shape[-1], shape[-2]) if turn else shape
    return (*shape[1:-1], shape[0], shape[-1]) if batch else shape


def _fused_matmul(pick: Pick) -> Sample:
    """Of one shape of leading axes, as onnxruntime turns batches of no others."""
    rows, inner, columns = pick.sizes(3)
    lead = pick.shape(1, 2, high=3)
    trans = {name: pick.flag() for name in ("transA", "transB", "transBatchA", "transBatchB")}
    a = _turned((*lead, rows, inner), turn=trans["transA"], batch=trans["transBatchA"])
    b = _turned((*lead, inner, columns), turn=trans["transB"], batch=trans["transBatchB"])
    attrs: dict[str, Any] = {name: int(value) for name, value in trans.items() if value or pick.flag()}
    if pick.flag():
        attrs["alpha"] = 0.5
    return Sample(attrs, (pick.real(*a), pick.real(*b)))


def _transposed_matmul(pick: Pick) -> Sample:
    rows, inner, columns = pick.sizes(3)
    lead = pick.shape(0, 2, high=3)
    flags = pick.flag(), pick.flag()
    a = _turned((*lead, rows, inner), turn=flags[0])
    b = _turned((*lead, inner, columns), turn=flags[1])
    attrs = {"transA": int(flags[0]), "transB": int(flags[1]), "alpha": 0.5}
    return Sample(attrs, (pick.real(*a), pick.real(*b)))


def gemm(pick: Pick, dtype: str = "float32") -> Sample:
    rows, inner, columns = pick.sizes(3)
    flags = pick.flag(), pick.flag()
    attrs: dict[str, Any] = {"transA": int(flags[0]), "transB": int(flags[1])}
    if pick.flag():
        attrs |= {"alpha": 0.5, "beta": 2.0}
    bias = pick.maybe(lambda: pick.weights(*pick.spread((rows, columns)), dtype=dtype))
    a, b = _turned((rows, inner), turn=flags[0]), _turned((inner, columns), turn=flags[1])
    return Sample(attrs, (pick.real(*a, dtype=dtype), pick.weights(*b, dtype=dtype), *([bias] if bias else [])))


def _fused_gemm(pick: Pick) -> Sample:
    drawn, name = gemm(pick), pick.of("Relu", "Sigmoid", "Tanh", "LeakyRelu")
    attrs = drawn.attrs | {"activation": name} | ({"activation_alpha": 0.25} if name == "LeakyRelu" else {})
    return drawn._replace(attrs=attrs)


def _bytes_product(pick: Pick) -> tuple[Arg, Arg]:
    """A stack of matrices, and one that all are multiplied by."""
    rows, inner, columns = pick.sizes(3)
    lead = pick.shape(0, 1, high=3)
    return pick.bytes(*lead, rows, inner), pick.bytes(inner, columns, constant=True)


def _matmul_integer(pick: Pick) -> Sample:
    a, b = _bytes_product(pick)
    each = (b.value.shape[1],) if pick.flag() else ()
    zeros = pick.of((), (pick.zero(),), (pick.zero(), pick.zero(*each)))
    return Sample({}, (a, b, *zeros))


def _to_float(pick: Pick) -> Sample:
    a, b = _bytes_product(pick)
    each = (b.value.shape[1],) if pick.flag() else ()
    bias = [pick.weights(b.value.shape[1])] if pick.flag() else []
    return Sample({}, (a, b, pick.scale(), pick.scale(*each), pick.zero(), pick.zero(*each), *bias))


def _dynamic(pick: Pick) -> Sample:
    a, b = _bytes_product(pick)
    each = (b.value.shape[1],) if pick.flag() else ()
    zero = pick.zero(*each) if pick.flag() else None
    bias = [pick.weights(b.value.shape[1])] if pick.flag() else []
    return Sample({}, (pick.real(*a.value.shape), b, pick.scale(*each), *([zero, *bias] if zero or bias else [])))


def _qlinear_matmul(pick: Pick) -> Sample:
    a, b = _bytes_product(pick)
    each = (b.value.shape[1],) if pick.flag() else ()
    ins = (a, pick.scale(), pick.zero(), b, pick.scale(*each), pick.zero(*each), pick.scale(), pick.zero())
    return Sample({}, ins)


def _qgemm(pick: Pick) -> Sample:
    rows, inner, columns = pick.sizes(3)
    flags = pick.flag(), pick.flag()
    a = pick.bytes(*_turned((rows, inner), turn=flags[0]))
    b = pick.bytes(*_turned((inner, columns), turn=flags[1]), constant=True)
    each = (columns,) if pick.flag() else ()
    bias = pick.maybe(lambda: pick.whole(columns, low=-999, high=999, dtype="int32", constant=True))
    out = (pick.scale(), pick.zero()) if pick.flag() else ()
    attrs = {"transA": int(flags[0]), "transB": int(flags[1]), "alpha": pick.of(1.0, 0.5)}
    return Sample(attrs, (a, pick.scale(), pick.zero(), b, pick.scale(*each), pick.zero(*each), bias, *out))


def _n_bits(pick: Pick) -> Sample:
    inner, columns, bits, block = pick.size(1, 40), pick.size(), pick.of(4, 8), pick.of(16, 32)
    blocks = -(-inner // block)
    stored = pick.bytes(columns, blocks, block * bits // 8, constant=True)
    packed = pick.bytes(columns, -(-blocks * bits // 8), constant=True)
    reals = [pick.weights(columns, blocks, low=0, high=9)] if bits == 4 else []  # as onnxruntime has it
    zeros = pick.of(None, packed, *reals)
    ins = (pick.real(*pick.shape(1, 2), inner), stored, pick.weights(columns, blocks), zeros)
    bias = pick.maybe(lambda: pick.weights(columns))
    attrs = {"K": inner, "N": columns, "bits": bits, "block_size": block}
    return Sample(attrs, (*ins, *([None, bias] if bias else [])))


def einsum(pick: Pick, dtype: str = "float32") -> Sample:
    """One to three operands over four letters; each letter of the result stands in some operand."""
    letters = dict(zip("abcd", pick.sizes(4, 1, 3), strict=True))
    terms = ["".join(pick.of(*letters) for _ in range(pick.size(1, 3))) for _ in range(pick.size(1, 3))]
    terms = ["".join(dict.fromkeys(term)) for term in terms]
    known = "".join(sorted(set("".join(terms))))
    kept = "".join(known[at] for at in pick.some_of(len(known)))
    equation = f"{','.join(terms)}->{kept}" if pick.size(0, 3) else ",".join(terms)
    return Sample({"equation": equation}, tuple(pick.real(*(letters[x] for x in term), dtype=dtype) for term in terms))


MATMUL: dict[str, Drawn] = {
    "MatMul": matmul,
    MS + "FusedMatMul": _fused_matmul,
    MS + "TransposeMatMul": _transposed_matmul,
    "Gemm": gemm,
    MS + "FusedGemm": _fused_gemm,
    "MatMulInteger": _matmul_integer,
    MS + "MatMulIntegerToFloat": _to_float,
    MS + "DynamicQuantizeMatMul": _dynamic,
    "QLinearMatMul": _qlinear_matmul,
    MS + "QGemm": _qgemm,
    MS + "MatMulNBits": _n_bits,
    "Einsum": einsum,
}


# --- recurrence -----------------------------------------------------------------------------------------------------

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
_ALONE = ("Relu", "Tanh", "Sigmoid", "Softsign")  # onnxruntime's Softplus overflows


def recurrent(op: str, pick: Pick, dtype: str = "float32", *, named: bool = True) -> Sample:
    """Of every attribute but ``layout``, which onnxruntime does not do; ``named``: with functions of other names."""
    steps, batch, inputs, hidden = pick.sizes(4)
    direction = pick.of("forward", "reverse", "bidirectional")
    count, rows = (2 if direction == "bidirectional" else 1), GATES[op] * hidden
    attrs: dict[str, Any] = {"hidden_size": hidden, "direction": direction}
    if pick.flag():
        attrs["clip"] = 0.75
    if op == "LSTM":
        attrs["input_forget"] = pick.size(0, 1)
    if op == "GRU":
        attrs["linear_before_reset"] = pick.size(0, 1)
    if named and pick.flag():
        functions = {"LSTM": 3, "GRU": 2, "RNN": 1}[op] * count
        attrs["activations"] = tuple(pick.of(*_ALONE) for _ in range(functions))
    state = (count, batch, hidden)
    lengths = pick.rng().integers(1, steps, batch, endpoint=True).astype(np.int32)
    ins: list[Arg | None] = [
        pick.real(steps, batch, inputs, dtype=dtype),
        pick.weights(count, rows, inputs, dtype=dtype),
        pick.weights(count, rows, hidden, dtype=dtype),
        pick.maybe(lambda: pick.weights(count, 2 * rows, dtype=dtype)),
        pick.maybe(lambda: Arg(lengths)),
        pick.maybe(lambda: pick.real(*state, dtype=dtype)),
    ]
    if op == "LSTM":
        ins.append(pick.maybe(lambda: pick.real(*state, low=-1, high=1, dtype=dtype)))
        ins.append(pick.maybe(lambda: pick.weights(count, 3 * hidden, dtype=dtype)))
    return Sample(attrs, tuple(ins), outs=3 if op == "LSTM" else 2)


RECURRENT: dict[str, Drawn] = {op: partial(recurrent, op) for op in GATES}
