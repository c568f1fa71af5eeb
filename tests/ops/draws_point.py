"""Random calls of operators that work element by element."""

from __future__ import annotations

from functools import partial

import numpy as np
from draw_kit import Drawn, Pick
from sample_kit import Arg, Sample

MS = "com.microsoft::"


# --- one operand ----------------------------------------------------------------------------------------------------


def _unary(pick: Pick, low: float = -4, high: float = 4) -> Sample:
    return Sample({}, (pick.real(*pick.shape(0, 4, low=pick.of(1, 1, 1, 0)), low=low, high=high),))


def _rounded(pick: Pick) -> Sample:
    """Halves, which round to even numbers."""
    x = pick.whole(*pick.shape(), low=-9, high=9).value / 2
    return Sample({}, (Arg(x.astype(np.float32)),))


def _signed(pick: Pick, *dtypes: str) -> Sample:
    shape, dtype = pick.shape(), pick.of("float32", *dtypes)
    return Sample({}, (pick.real(*shape) if dtype == "float32" else pick.whole(*shape, dtype=dtype),))


def _sloped(pick: Pick, **ranges: tuple[float, float]) -> Sample:
    """Attributes drawn from their ranges, or left to their defaults."""
    attrs = {}
    for name, (low, high) in ranges.items():
        if pick.flag():
            attrs[name] = float(pick.real(low=low, high=high).value)
    return Sample(attrs, (pick.real(*pick.shape(), low=-4, high=4),))


def _swish(pick: Pick) -> Sample:
    return _sloped(pick, alpha=(0.2, 2))._replace(opset=24)


def _gelu(pick: Pick) -> Sample:
    attrs = {"approximate": pick.of("none", "tanh")} if pick.flag() else {}
    return Sample(attrs, _unary(pick).ins)


def _biased(pick: Pick, *, may_lack: bool) -> Sample:
    shape = pick.shape(1)
    bias = None if may_lack and pick.flag() else pick.weights(shape[-1])
    return Sample({}, (pick.real(*shape), *([bias] if bias else [])))


def _clip(pick: Pick) -> Sample:
    x, low, high = pick.real(*pick.shape()), pick.real(high=0), pick.real(low=0)
    if pick.flag():
        attrs = {"min": float(low.value), "max": float(high.value)}
        return Sample({name: attrs[name] for name in attrs if pick.flag()}, (x,), opset=7)
    return Sample({}, (x, pick.maybe(lambda: low), pick.maybe(lambda: high)))


def _prelu(pick: Pick) -> Sample:
    shape = pick.shape(1)
    return Sample({}, (pick.real(*shape), pick.weights(*pick.spread(shape), low=0, high=1)))


def _odd(pick: Pick, *values: float) -> Arg:
    """Reals among which some are these."""
    x = pick.real(*pick.shape(1, low=2)).value
    places = pick.rng().random(x.shape) < 0.6
    return Arg(np.where(places, pick.rng().choice(values, x.shape), x).astype(np.float32))


def _is_inf(pick: Pick) -> Sample:
    attrs = {name: pick.size(0, 1) for name in ("detect_negative", "detect_positive") if pick.flag()}
    return Sample(attrs, (_odd(pick, np.inf, -np.inf, np.nan),))


_PLAIN = (
    "Floor", "Ceil", "Sigmoid", "Tanh", "Mish", "Softplus", "Softsign", "Erf", "Exp", "HardSwish", "Sin", "Cos", "Atan",
    "Sinh", "Cosh", "Asinh",
)  # fmt: skip
ACTIVATION: dict[str, Drawn] = {
    **dict.fromkeys(_PLAIN, _unary),
    **dict.fromkeys(("Abs", "Neg", "Sign"), lambda pick: _signed(pick, "int32", "int64")),
    "Relu": lambda pick: _signed(pick, "int32"),
    **dict.fromkeys(("Log", "Sqrt", "Reciprocal"), partial(_unary, low=0.1)),
    **dict.fromkeys(("Asin", "Acos", "Atanh"), partial(_unary, low=-0.95, high=0.95)),
    "Tan": partial(_unary, low=-1.4, high=1.4),
    "Acosh": partial(_unary, low=1.05, high=9),
    "Round": _rounded,
    "BitwiseNot": lambda pick: Sample({}, (pick.whole(*pick.shape(), dtype=pick.of("int32", "int64")),)),
    "ThresholdedRelu": partial(_sloped, alpha=(-1, 2)),
    "Shrink": partial(_sloped, lambd=(0, 2), bias=(-1, 1)),
    "LeakyRelu": partial(_sloped, alpha=(-0.5, 0.5)),
    "HardSigmoid": partial(_sloped, alpha=(0.1, 0.5), beta=(0.2, 0.7)),
    "Elu": partial(_sloped, alpha=(0.2, 2)),
    "Selu": partial(_sloped, alpha=(0.5, 2), gamma=(0.5, 2)),
    "Celu": partial(_sloped, alpha=(0.5, 2)),
    "Swish": _swish,
    MS + "QuickGelu": partial(_sloped, alpha=(0.5, 2)),
    MS + "Gelu": _unary,
    "Gelu": _gelu,
    MS + "FastGelu": partial(_biased, may_lack=True),
    MS + "BiasGelu": partial(_biased, may_lack=False),
    "Clip": _clip,
    "PRelu": _prelu,
    "Not": lambda pick: Sample({}, (pick.truth(*pick.shape()),)),
    "IsNaN": lambda pick: Sample({}, (_odd(pick, np.nan, np.inf),)),
    "IsInf": _is_inf,
}


# --- several --------------------------------------------------------------------------------------------------------


def _pair(pick: Pick, low: float, high: float) -> tuple[Arg, Arg]:
    shape = pick.shape()
    first, second = (pick.real(*pick.spread(shape), low=low, high=high) for _ in range(2))
    return first, Arg(second.value, constant=pick.flag())


def _whole_pair(pick: Pick, dtype: str, low: int = -9, high: int = 9) -> tuple[Arg, Arg]:
    shape = pick.shape()
    first, second = (pick.whole(*pick.spread(shape), low=low, high=high, dtype=dtype) for _ in range(2))
    return first, second


def _arithmetic(pick: Pick, low: float = -4) -> Sample:
    if pick.flag():
        return Sample({}, _pair(pick, low, 4))
    return Sample({}, _whole_pair(pick, pick.of("int32", "int64")))


def _divided(pick: Pick) -> Sample:
    """Whole numbers are cut towards zero; none is divided by zero."""
    if pick.flag():
        return Sample({}, _pair(pick, 0.5, 4))
    x, y = _whole_pair(pick, pick.of("int32", "int64"))
    return Sample({}, (x, Arg(np.where(y.value == 0, -3, y.value).astype(y.value.dtype))))


def _remainder(pick: Pick) -> Sample:
    if pick.flag():
        x, y = _pair(pick, 0.5, 4)
        return Sample({"fmod": 1}, (Arg(-x.value if pick.flag() else x.value), y))
    return _divided_whole(pick, {"fmod": pick.size(0, 1)})


def _divided_whole(pick: Pick, attrs: dict[str, int]) -> Sample:
    x, y = _whole_pair(pick, pick.of("int32", "int64", "int8"))
    return Sample(attrs, (x, Arg(np.where(y.value == 0, -3, y.value).astype(y.value.dtype))))


def _power(pick: Pick) -> Sample:
    """Of positive reals to any, of any to a whole number, and of small whole numbers."""
    shape = pick.shape()
    base, exponent = pick.spread(shape), pick.spread(shape)
    kind = pick.of("reals", "squares", "whole")
    if kind == "reals":
        return Sample({}, (pick.real(*base, low=0.2), pick.real(*exponent)))
    if kind == "squares":
        return Sample({}, (pick.real(*base), pick.whole(*exponent, low=0, high=3, dtype=pick.of("int64", "float32"))))
    dtype = pick.of("int32", "int64")
    return Sample({}, (pick.whole(*base, low=-3, high=3, dtype=dtype), pick.whole(*exponent, low=0, high=4)))


def _shifted(pick: Pick) -> Sample:
    dtype = pick.of("uint8", "uint32", "uint64")
    x, by = _whole_pair(pick, dtype, 0, 7)
    return Sample({"direction": pick.of("LEFT", "RIGHT")}, (Arg(x.value * np.array(31, dtype)), by))


def _compared(pick: Pick) -> Sample:
    """Few whole numbers, so that some are equal."""
    return Sample({}, _whole_pair(pick, pick.of("int32", "int64", "float32"), -2, 2))


def _many(pick: Pick) -> Sample:
    shape = pick.shape()
    return Sample({}, tuple(pick.real(*pick.spread(shape)) for _ in range(pick.size(1, 4))))


def _where(pick: Pick) -> Sample:
    shape = pick.shape()
    dtype = pick.of("float32", "int64", "uint8")
    chosen = [pick.whole(*pick.spread(shape), low=0, dtype=dtype) for _ in range(2)]
    return Sample({}, (pick.truth(*pick.spread(shape)), *chosen))


def _logical(pick: Pick) -> Sample:
    shape = pick.shape()
    return Sample({}, (pick.truth(*pick.spread(shape)), pick.truth(*pick.spread(shape))))


ELEMENTWISE: dict[str, Drawn] = {
    **dict.fromkeys(("Add", "Sub", "Mul"), _arithmetic),
    "Div": _divided,
    "Mod": _remainder,
    "Pow": _power,
    "BitShift": _shifted,
    **dict.fromkeys(
        ("BitwiseAnd", "BitwiseOr", "BitwiseXor"), lambda pick: Sample({}, _whole_pair(pick, pick.of("int32", "int64")))
    ),
    **dict.fromkeys(("And", "Or", "Xor"), _logical),
    **dict.fromkeys(("Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual"), _compared),
    **dict.fromkeys(("Max", "Min", "Sum", "Mean"), _many),
    "Where": _where,
}


# --- along an axis --------------------------------------------------------------------------------------------------


def softmax(pick: Pick, dtype: str = "float32") -> Sample:
    """Until opset 12 over all axes from the one given on."""
    shape, opset = pick.shape(1), pick.of(7, 11, 13, 22)
    attrs = {"axis": pick.axis(len(shape)) if opset > 7 else pick.size(0, len(shape) - 1)}
    if len(shape) > 1 and pick.flag():
        attrs = {}
    return Sample(attrs, (pick.real(*shape, low=-6, high=6, dtype=dtype),), opset=opset)


def _hardmax(pick: Pick) -> Sample:
    """Equal elements are wanted: the first of them is the largest."""
    drawn = softmax(pick)
    assert drawn.ins[0] is not None
    return drawn._replace(ins=(Arg(np.round(drawn.ins[0].value / 3)),))


SOFTMAX: dict[str, Drawn] = {"Softmax": softmax, "LogSoftmax": softmax, "Hardmax": _hardmax}
