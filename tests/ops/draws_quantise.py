"""Random calls of quantisation, and of operators between quantised tensors."""

from __future__ import annotations

from math import prod
from typing import Any

from draw_kit import Drawn, Pick
from sample_kit import Sample

from npusim.ir import DType

MS = "com.microsoft::"


def _scales(pick: Pick, shape: tuple[int, ...], dtype: str) -> tuple[dict[str, Any], list[Any], int]:
    """Attributes, scale and zero point, of the tensor, of each entry of an axis, or of each block of one; the opset."""
    form = pick.of("tensor", "axis", "block") if shape else "tensor"
    low, high = {"int8": (-60, 60), "uint8": (60, 160), "int16": (-99, 99), "uint16": (60, 999)}[dtype]
    opset = 21 if form == "block" or "16" in dtype else pick.of(13, 19, 21)

    def pair(*own: int) -> list[Any]:
        zero = pick.whole(*own, low=low, high=high, dtype=dtype, constant=True)
        return [pick.scale(*own), zero]

    if form == "tensor":
        return {}, pair(), opset if opset > 13 or pick.flag() else 10
    axis = pick.axis(len(shape))
    if form == "axis":
        return {"axis": axis}, pair(shape[axis]), opset
    block = pick.size(1, shape[axis])
    blocks = -(-shape[axis] // block)
    axis %= len(shape)
    if prod(shape) // shape[axis] * blocks == 1:
        return {}, pair(), opset  # a single block is the tensor
    return {"axis": axis, "block_size": block}, pair(*shape[:axis], blocks, *shape[axis + 1 :]), opset


def _quantised(pick: Pick) -> Sample:
    """A zero point of another type says what comes out; without one an attribute may."""
    shape, dtype = pick.shape(), pick.of("uint8", "int8", "int16", "uint16")
    attrs, pair, opset = _scales(pick, shape, dtype)
    x = pick.real(*shape, low=-60, high=60)
    if "axis" not in attrs and pick.size(0, 3) == 0:
        return Sample({"output_dtype": DType.parse(dtype)}, (x, pair[0]), opset=21)
    return Sample(attrs, (x, *pair), opset=opset)


def _real(pick: Pick) -> Sample:
    shape, dtype = pick.shape(), pick.of("uint8", "int8", "int16", "uint16")
    attrs, pair, opset = _scales(pick, shape, dtype)
    x = pick.bytes(*shape, dtype=dtype)
    if "axis" not in attrs and pick.size(0, 3) == 0:
        return Sample({}, (pick.whole(*shape, low=-999, high=999, dtype="int32"), pair[0]), opset=opset)
    return Sample(attrs, (x, *pair), opset=opset)


def _ms(pick: Pick, *, back: bool) -> Sample:
    shape, dtype = pick.shape(), pick.of("uint8", "int8")
    form, axis = (pick.of("tensor", "axis"), pick.size(0, len(shape) - 1)) if shape else ("tensor", 0)
    own = (shape[axis],) if form == "axis" else ()
    attrs = {"axis": axis} if own else {}
    x = pick.bytes(*shape, dtype=dtype) if back else pick.real(*shape, low=-60, high=60)
    return Sample(attrs, (x, pick.scale(*own), pick.zero(*own, dtype=dtype)))


def _dynamic(pick: Pick) -> Sample:
    low = pick.of(-3.0, 0.5)
    return Sample({}, (pick.real(*pick.shape(1), low=low, high=pick.of(4.0, 1.0)),), outs=3)


def _tensor(pick: Pick, *shape: int) -> list[Any]:
    return [pick.bytes(*shape), pick.scale(), pick.zero()]


def _pair(pick: Pick) -> Sample:
    shape = pick.shape(1)
    ins = [each for _ in range(2) for each in _tensor(pick, *pick.spread(shape))]
    return Sample({}, (*ins, pick.scale(), pick.zero()))


def _product(pick: Pick) -> Sample:
    """Scales are no powers of two: what lies half-way between two steps depends on what is multiplied first."""
    drawn = _pair(pick)
    ins = list(drawn.ins)
    for at in (1, 4, 6):
        ins[at] = pick.weights(low=0.05, high=0.3)
    return drawn._replace(ins=tuple(ins))


def _where(pick: Pick) -> Sample:
    shape = pick.shape(1)
    drawn = [each for _ in range(2) for each in _tensor(pick, *pick.spread(shape))]
    return Sample({}, (pick.truth(*pick.spread(shape)), *drawn, pick.scale(), pick.zero()))


def _function(pick: Pick, **attrs: Any) -> Sample:
    return Sample(attrs, (*_tensor(pick, *pick.shape(1)), pick.weights(low=0.01, high=0.1), pick.zero()))


def _softmax(pick: Pick) -> Sample:
    """Of the axis alone from opset 13 on, of all from it on before."""
    shape = pick.shape(1)
    opset = pick.of(11, 13)
    attrs = {"axis": pick.axis(len(shape)), "opset": opset}
    x = [pick.bytes(*shape), pick.weights(low=0.01, high=0.1), pick.zero()]
    out = [pick.weights(low=1 / 300, high=1 / 250), pick.zero()]
    return Sample(attrs, (*x, *out))


def _concat(pick: Pick) -> Sample:
    shape = pick.shape(1)
    axis = pick.size(0, len(shape) - 1)
    parts = [
        each
        for _ in range(pick.size(1, 3))
        for each in _tensor(pick, *shape[:axis], pick.size(1, 3), *shape[axis + 1 :])
    ]
    return Sample({"axis": axis}, (pick.scale(), pick.zero(), *parts))


QUANTISE: dict[str, Drawn] = {
    "QuantizeLinear": _quantised,
    "DequantizeLinear": _real,
    MS + "QuantizeLinear": lambda pick: _ms(pick, back=False),
    MS + "DequantizeLinear": lambda pick: _ms(pick, back=True),
    "DynamicQuantizeLinear": _dynamic,
    MS + "QLinearAdd": _pair,
    MS + "QLinearMul": _product,
    MS + "QLinearWhere": _where,
    MS + "QLinearLeakyRelu": lambda pick: _function(pick, alpha=pick.of(0.1, 0.3)),
    MS + "QLinearSigmoid": _function,
    MS + "QLinearSoftmax": _softmax,
    MS + "QLinearConcat": _concat,
}
