"""Functions of one element at a time: activations, roots and logarithms, rounding, trigonometry, tests of a value."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from npusim.ir import DType
from npusim.ops.arrays import as_type
from npusim.ops.base import Array, Call, Op, Spec, VectorWork, Work, array, optional, per_output, register, same, widens
from npusim.ops.reach import pointwise

# What fused operators may apply to their result (com.microsoft FusedConv, FusedGemm), and the kind of work it is.
_FUSED = {
    "Relu": "relu",
    "Clip": "relu",
    "LeakyRelu": "leaky",
    "HardSigmoid": "leaky",
    "Sigmoid": "sigmoid",
    "Tanh": "sigmoid",
}


def fused_activation(call: Call, count: int) -> tuple[VectorWork, ...]:
    """The work of the ``activation`` attribute on ``count`` elements; none where the node has no such attribute."""
    name = str(call.attrs.get("activation") or "")
    if not name:
        return ()
    if name not in _FUSED:
        raise call.error(f"activation {name!r} is not one of {', '.join(_FUSED)}", code="bad-node")
    return (VectorWork(_FUSED[name], count, count),)


# --- functions ------------------------------------------------------------------------------------------------------


def _erf(x: Array) -> Array:
    return np.asarray(np.frompyfunc(math.erf, 1, 1)(x), np.float64)


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), without overflow."""
    return np.asarray(np.exp(-np.logaddexp(0, -x)))


def _softplus(x: Array) -> Array:
    return np.asarray(np.logaddexp(0, x))


def _gelu(x: Array, *, tanh: bool) -> Array:
    if tanh:
        return np.asarray(0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))))
    return np.asarray(0.5 * x * (1 + _erf(x / math.sqrt(2))))


def _elu(x: Array, alpha: float) -> Array:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def _selu(x: Array, alpha: float, gamma: float) -> Array:
    return gamma * _elu(x, alpha)


def _celu(x: Array, alpha: float) -> Array:
    return np.asarray(np.maximum(x, 0) + np.minimum(0, alpha * np.expm1(x / alpha)))


def _hard_sigmoid(x: Array, alpha: float, beta: float) -> Array:
    return np.clip(alpha * x + beta, 0, 1)


def _shrink(x: Array, lambd: float, bias: float) -> Array:
    return np.where(x < -lambd, x + bias, np.where(x > lambd, x - bias, 0))


def _is_inf(x: Array, detect_negative: float, detect_positive: float) -> Array:
    return (np.isposinf(x) & bool(detect_positive)) | (np.isneginf(x) & bool(detect_negative))


# --- operators ------------------------------------------------------------------------------------------------------

# Kind of work, function; the attributes that it takes after the array, with their defaults (ONNX operator schemas).
_FUNCTIONS: dict[str, tuple[str, Callable[..., Any], dict[str, float]]] = {
    "Relu": ("relu", lambda x: np.maximum(x, 0), {}),
    "Abs": ("relu", np.abs, {}),
    "Neg": ("relu", np.negative, {}),
    "Sign": ("relu", np.sign, {}),
    "Floor": ("relu", np.floor, {}),
    "Ceil": ("relu", np.ceil, {}),
    "Round": ("relu", np.rint, {}),
    "BitwiseNot": ("relu", np.invert, {}),
    "ThresholdedRelu": ("relu", lambda x, alpha: np.where(x > alpha, x, 0), {"alpha": 1.0}),
    "Shrink": ("relu", _shrink, {"lambd": 0.5, "bias": 0.0}),
    "LeakyRelu": ("leaky", lambda x, alpha: np.where(x < 0, alpha * x, x), {"alpha": 0.01}),
    "HardSigmoid": ("leaky", _hard_sigmoid, {"alpha": 0.2, "beta": 0.5}),
    "HardSwish": ("leaky", lambda x: x * _hard_sigmoid(x, 1 / 6, 0.5), {}),
    "Elu": ("sigmoid", _elu, {"alpha": 1.0}),
    "Selu": ("sigmoid", _selu, {"alpha": 1.67326319217681884765625, "gamma": 1.05070102214813232421875}),
    "Celu": ("sigmoid", _celu, {"alpha": 1.0}),
    "Sigmoid": ("sigmoid", sigmoid, {}),
    "Tanh": ("sigmoid", np.tanh, {}),
    "Mish": ("sigmoid", lambda x: x * np.tanh(_softplus(x)), {}),
    "Softplus": ("sigmoid", _softplus, {}),
    "Softsign": ("sigmoid", lambda x: x / (1 + np.abs(x)), {}),
    "Swish": ("sigmoid", lambda x, alpha: x * sigmoid(alpha * x), {"alpha": 1.0}),
    "com.microsoft::QuickGelu": ("sigmoid", lambda x, alpha: x * sigmoid(alpha * x), {"alpha": 1.702}),
    "com.microsoft::Gelu": ("sigmoid", lambda x: _gelu(x, tanh=False), {}),
    "Erf": ("sigmoid", _erf, {}),
    "Exp": ("sigmoid", np.exp, {}),
    "Log": ("sigmoid", np.log, {}),
    "Sqrt": ("sigmoid", np.sqrt, {}),
    "Reciprocal": ("div", np.reciprocal, {}),
    "Sin": ("sigmoid", np.sin, {}),
    "Cos": ("sigmoid", np.cos, {}),
    "Tan": ("sigmoid", np.tan, {}),
    "Asin": ("sigmoid", np.arcsin, {}),
    "Acos": ("sigmoid", np.arccos, {}),
    "Atan": ("sigmoid", np.arctan, {}),
    "Sinh": ("sigmoid", np.sinh, {}),
    "Cosh": ("sigmoid", np.cosh, {}),
    "Asinh": ("sigmoid", np.arcsinh, {}),
    "Acosh": ("sigmoid", np.arccosh, {}),
    "Atanh": ("sigmoid", np.arctanh, {}),
}

_TESTS: dict[str, tuple[Callable[..., Any], dict[str, float]]] = {
    "Not": (np.logical_not, {}),
    "IsNaN": (np.isnan, {}),
    "IsInf": (_is_inf, {"detect_negative": 1, "detect_positive": 1}),
}


def _unary(
    name: str, kind: str, function: Callable[..., Any], attrs: dict[str, float], dtype: DType | None = None
) -> Op:
    def infer(call: Call) -> list[Spec]:
        return [(call.shape(0), dtype or call.dtype())]

    def execute(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
        given = [call.attrs.get(attr, default) for attr, default in attrs.items()]
        with np.errstate(all="ignore"):  # NaN and infinity are results here, as in the standard
            return [as_type(function(array(call, arrays, 0), *given), dtype or call.dtype())]

    return Op(name, infer, per_output(kind), execute=execute, reach=pointwise)


def _execute_gelu(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    tanh = call.attrs.get("approximate", "none") == "tanh"
    return [as_type(_gelu(array(call, arrays, 0), tanh=tanh), call.dtype())]


def _biased_gelu(*, tanh: bool) -> Callable[[Call, Sequence[Array | None]], list[Array]]:
    def execute(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
        x, bias = array(call, arrays, 0), optional(arrays, 1)
        return [as_type(_gelu(x if bias is None else x + bias, tanh=tanh), call.dtype())]

    return execute


def _infer_biased(call: Call) -> list[Spec]:
    if call.has(1) and not widens(call.shape(1), call.shape(0)):
        raise call.error(f"bias {call.shape(1)} cannot be broadcast to {call.shape(0)}")
    return same(call)


def _biased_work(call: Call) -> Work:
    count = call.outs[0].elements
    added = (VectorWork("add", count, count),) if call.has(1) else ()
    return Work(vector=(*added, VectorWork("sigmoid", count, count)))


def _execute_clip(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    x = array(call, arrays, 0)
    low = call.attrs.get("min") if "min" in call.attrs else optional(arrays, 1)
    high = call.attrs.get("max") if "max" in call.attrs else optional(arrays, 2)
    if low is not None:
        x = np.maximum(x, low)
    if high is not None:
        x = np.minimum(x, high)
    return [as_type(x, call.dtype())]


def _infer_prelu(call: Call) -> list[Spec]:
    if not widens(call.shape(1), call.shape(0)):
        raise call.error(f"slopes {call.shape(1)} cannot be broadcast to {call.shape(0)}")
    return same(call)


def _execute_prelu(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    x, slope = array(call, arrays, 0), array(call, arrays, 1)
    return [as_type(np.where(x < 0, slope * x, x), call.dtype())]


def _infer_swiglu(call: Call) -> list[Spec]:
    if call.shape(0) != call.shape(1):
        raise call.error(f"gate {call.shape(0)} and value {call.shape(1)} differ in shape")
    return same(call)


def _work_swiglu(call: Call) -> Work:
    count = call.outs[0].elements
    return Work(vector=(VectorWork("sigmoid", count, count), VectorWork("mul", count, count)))


def _execute_swiglu(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    gate, value = array(call, arrays, 0), array(call, arrays, 1)
    return [as_type(gate * sigmoid(float(call.attrs.get("alpha", 1.0)) * gate) * value, call.dtype())]


register(
    *(_unary(name, *rest) for name, rest in _FUNCTIONS.items()),
    *(_unary(name, "relu", function, attrs, DType.BOOL) for name, (function, attrs) in _TESTS.items()),
    Op("Gelu", same, per_output("sigmoid"), execute=_execute_gelu, reach=pointwise),
    *(
        Op(f"com.microsoft::{name}", _infer_biased, _biased_work, params=(1,), execute=execute, reach=pointwise)
        for name, execute in (("FastGelu", _biased_gelu(tanh=True)), ("BiasGelu", _biased_gelu(tanh=False)))
    ),
    Op("Clip", same, per_output("relu"), settings=(1, 2), execute=_execute_clip, reach=pointwise),
    Op("PRelu", _infer_prelu, per_output("leaky"), params=(1,), execute=_execute_prelu, reach=pointwise),
    Op("SwiGLU", _infer_swiglu, _work_swiglu, execute=_execute_swiglu, reach=pointwise),
)
