"""Other shapes and other types of the same elements: Reshape and its kin, Identity, Dropout, Cast, optional values."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from npusim.ir import DType, Shape
from npusim.ops.arrays import as_type, held
from npusim.ops.base import (
    Array,
    Box,
    Call,
    Op,
    Seen,
    Spec,
    Work,
    array,
    known,
    no_work,
    optional,
    passes,
    register,
    same,
)
from npusim.ops.reach import first_pointwise, pointwise, regrouped
from npusim.ops.reduce import axes_of

# --- shapes ---------------------------------------------------------------------------------------------------------


def _reshaped(call: Call) -> Shape:
    """0 copies the size at that axis unless ``allowzero``; one -1 is what is left (ONNX Reshape)."""
    shape, wanted = call.shape(0), list(call.ints("shape", 1) or ())
    if not call.attrs.get("allowzero", 0):
        for axis, size in enumerate(wanted):
            if size == 0:
                if axis >= len(shape):
                    raise call.error(f"shape {tuple(wanted)} copies axis {axis} of {shape}, which has no such axis")
                wanted[axis] = shape[axis]
    known, total = prod(size for size in wanted if size != -1), prod(shape)
    if wanted.count(-1) == 1 and known > 0:
        wanted[wanted.index(-1)] = total // known
    if min(wanted, default=0) < 0 or prod(wanted) != total:
        raise call.error(f"{total} elements of shape {shape} do not fill {call.ints('shape', 1)}")
    return tuple(wanted)


def _infer_reshape(call: Call) -> list[Spec]:
    return [(_reshaped(call), call.dtype())]


def _infer_flatten(call: Call) -> list[Spec]:
    shape, axis = call.shape(0), int(call.attrs.get("axis", 1))
    if not -len(shape) <= axis <= len(shape):  # it may stand behind the last axis
        raise call.error(f"axis {axis} is outside a tensor of rank {len(shape)}")
    axis += len(shape) if axis < 0 else 0
    return [((prod(shape[:axis]), prod(shape[axis:])), call.dtype())]


def _infer_squeeze(call: Call) -> list[Spec]:
    shape = call.shape(0)
    given = call.ints("axes", 1)
    axes = axes_of(call, given, len(shape)) if given else tuple(axis for axis, size in enumerate(shape) if size == 1)
    if any(shape[axis] != 1 for axis in axes):
        raise call.error(f"axes {axes} of {shape} are not all of size 1")
    return [(tuple(size for axis, size in enumerate(shape) if axis not in axes), call.dtype())]


def _infer_unsqueeze(call: Call) -> list[Spec]:
    given = call.ints("axes", 1) or ()
    rank = len(call.shape(0)) + len(given)
    axes = axes_of(call, given, rank)
    if len(set(axes)) < len(axes):
        raise call.error(f"axes {given} name one axis twice")
    sizes = iter(call.shape(0))
    return [(tuple(1 if axis in axes else next(sizes) for axis in range(rank)), call.dtype())]


def _execute_shape(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    x = array(call, arrays, 0)
    ((shape, _),) = _SHAPES[call.op](known(call, arrays))
    return [x.reshape(shape)]


def _reach_shape(call: Call, number: int, box: Box) -> list[Seen | None]:  # noqa: ARG001 - as every rule
    return [regrouped(call.shape(0), call.outs[0].shape, box), *(None for _ in call.ins[1:])]


_SHAPES = {
    "Reshape": _infer_reshape,
    "Flatten": _infer_flatten,
    "Squeeze": _infer_squeeze,
    "Unsqueeze": _infer_unsqueeze,
}

# --- the same -------------------------------------------------------------------------------------------------------


def _execute_same(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    return [array(call, arrays, 0)]


def _is_training(call: Call) -> bool:
    """Dropout acts only where its third input is known to be true."""
    mode = call.value(2)
    return mode is not None and bool(mode.reshape(-1)[0])


def _infer_dropout(call: Call) -> list[Spec]:
    return [*same(call), (call.shape(0), DType.BOOL)]


def _work_dropout(call: Call) -> Work:
    return passes(call, "mul", call.tensor(0).elements) if _is_training(call) else no_work(call)


def _execute_dropout(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    """Inference: the input, and a mask that keeps all of it."""
    mode = optional(arrays, 2)
    if mode is not None and mode.reshape(-1)[0]:
        raise call.error("training mode draws at random, so its values cannot be computed", code="unsupported-type")
    x = array(call, arrays, 0)
    return [x, np.ones(x.shape, bool)]


# --- types ----------------------------------------------------------------------------------------------------------


def type_of(call: Call, attr: str, default: DType) -> DType:
    """An attribute that names an element type, as a DType or its label."""
    found = call.attrs.get(attr, default)
    if isinstance(found, str):
        return DType.parse(found)
    if not isinstance(found, DType):
        raise call.error(f"{attr} is {found!r}, no element type", code="bad-node")
    return found


def _target(call: Call) -> DType:
    return call.dtype(1) if call.op == "CastLike" else type_of(call, "to", call.dtype())


def _infer_cast(call: Call) -> list[Spec]:
    return [(call.shape(0), _target(call))]


def _work_cast(call: Call) -> Work:
    return no_work(call) if _target(call) is call.dtype() else passes(call, "relu")


def _execute_cast(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    return [as_type(array(call, arrays, 0), _target(call))]


def _infer_bit_cast(call: Call) -> list[Spec]:
    to = type_of(call, "to", call.dtype())
    if to.bits != call.dtype().bits:
        raise call.error(f"{call.dtype().label} and {to.label} are not of one width")
    return [(call.shape(0), to)]


def _execute_bit_cast(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    to = type_of(call, "to", call.dtype())
    if any(held(dtype).name != dtype.label for dtype in (to, call.dtype())):
        raise call.error(f"npusim does not compute values of type {to.label}", code="unsupported-type")
    x = array(call, arrays, 0)
    return [np.ascontiguousarray(x).view(held(to)).reshape(x.shape)]


# --- optional values ------------------------------------------------------------------------------------------------


def _infer_has(call: Call) -> list[Spec]:  # noqa: ARG001 - the signature of every shape rule
    return [((), DType.BOOL)]


def _execute_has(call: Call, arrays: Sequence[Array | None]) -> list[Array]:  # noqa: ARG001 - known without them
    return [np.array(call.has(0))]


register(
    *(
        Op(name, infer, no_work, settings=(1,), execute=_execute_shape, reach=_reach_shape)
        for name, infer in _SHAPES.items()
    ),
    Op("Identity", same, no_work, execute=_execute_same, reach=pointwise),
    Op("Optional", same, no_work, execute=_execute_same, reach=pointwise),
    Op("OptionalGetElement", same, no_work, execute=_execute_same, reach=pointwise),
    Op("OptionalHasElement", _infer_has, no_work, settings=(0,), execute=_execute_has),
    Op("Dropout", _infer_dropout, _work_dropout, settings=(1, 2), execute=_execute_dropout, reach=first_pointwise),
    Op("Cast", _infer_cast, _work_cast, execute=_execute_cast, reach=pointwise),
    Op("CastLike", _infer_cast, _work_cast, settings=(1,), execute=_execute_cast, reach=first_pointwise),
    Op("BitCast", _infer_bit_cast, no_work, execute=_execute_bit_cast, reach=pointwise),
)
