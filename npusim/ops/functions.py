"""Functions that an operator names in an attribute: the end of fused operators, the gates of recurrent layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from npusim.ops.activation import sigmoid
from npusim.ops.base import Array, Call

# The function of the array and its parameters, and the defaults of those (ONNX RNN; ONNX operators of the same name).
_NAMED: dict[str, tuple[Callable[..., Any], tuple[float, ...]]] = {
    "relu": (lambda x: np.maximum(x, 0), ()),
    "tanh": (np.tanh, ()),
    "sigmoid": (sigmoid, ()),
    "affine": (lambda x, a, b: a * x + b, (1.0, 0.0)),
    "leakyrelu": (lambda x, a: np.where(x < 0, a * x, x), (0.01,)),
    "thresholdedrelu": (lambda x, a: np.where(x > a, x, 0), (1.0,)),
    "scaledtanh": (lambda x, a, b: a * np.tanh(b * x), (1.0, 1.0)),
    "hardsigmoid": (lambda x, a, b: np.clip(a * x + b, 0, 1), (0.2, 0.5)),
    "elu": (lambda x, a: np.where(x > 0, x, a * np.expm1(np.minimum(x, 0))), (1.0,)),
    "softsign": (lambda x: x / (1 + np.abs(x)), ()),
    "softplus": (lambda x: np.logaddexp(0, x), ()),
    "clip": (np.clip, (-np.inf, np.inf)),
    "silu": (lambda x: x * sigmoid(x), ()),
    "swish": (lambda x: x * sigmoid(x), ()),
}


def parameters_of(name: str) -> int:
    """How many parameters the function takes; none for a name that is not known."""
    return len(_NAMED.get(name.lower(), (None, ()))[1])


def named(call: Call, name: str, given: Sequence[float] = ()) -> Callable[[Array], Array]:
    """The function of that name, with its first parameters as given; InputError (bad-node) where there is none."""
    if name.lower() not in _NAMED:
        raise call.error(f"activation {name!r} is not one of {', '.join(_NAMED)}", code="bad-node")
    function, defaults = _NAMED[name.lower()]
    settings = (*given[: len(defaults)], *defaults[len(given) :])
    return lambda x: np.asarray(function(x, *settings)).astype(x.dtype, copy=False)


def fused(call: Call, y: Array, given: Sequence[float]) -> Array:
    """The ``activation`` attribute applied; ``y`` itself where the node has none."""
    name = str(call.attrs.get("activation") or "")
    return named(call, name, given)(y) if name else y
