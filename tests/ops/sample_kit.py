"""What sample calls are made of, and the Call that operator rules see."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from npusim.ir import Role, Tensor
from npusim.ops import OPS, Call
from npusim.ops.arrays import dtype_of

INT64_MAX = 2**63 - 1


class Arg(NamedTuple):
    """An input: its elements, and whether they are stored in the graph."""

    value: np.ndarray[Any, Any]
    constant: bool = False


class Sample(NamedTuple):
    """One call: attributes, inputs by slot (None where left out), outputs, and the opset that its form belongs to.

    Attributes:
        ort: why onnxruntime cannot run it or answers otherwise; empty where it must agree.
        onnx: the same for the shape inference of onnx.
        values: why the values cannot be compared, where only they cannot.
    """

    attrs: dict[str, Any]
    ins: tuple[Arg | None, ...]
    outs: int = 1
    opset: int = 22
    ort: str = ""
    onnx: str = ""
    values: str = ""


def act(*shape: int, low: float = -2.0, high: float = 2.0, dtype: str = "float32") -> Arg:
    """An activation; its elements are the same in every run."""
    count = int(np.prod(shape))
    raw = np.random.default_rng(count + len(shape)).uniform(low, high, shape)
    return Arg(np.asarray(raw).astype(dtype))


def weights(*shape: int, dtype: str = "float32", low: float = -2.0, high: float = 2.0) -> Arg:
    return Arg(act(*shape, dtype=dtype, low=low, high=high).value, constant=True)


def fed(values: Any, dtype: str = "int64") -> Arg:
    """An activation of given elements."""
    return Arg(np.array(values, dtype))


def const(values: Any, dtype: str = "int64") -> Arg:
    return Arg(np.array(values, dtype), constant=True)


def ints(*shape: int, low: int = -9, high: int = 10, dtype: str = "int64") -> Arg:
    return Arg(np.random.default_rng(7).integers(low, high, shape).astype(dtype))


def truth(*shape: int) -> Arg:
    return Arg(np.random.default_rng(3).integers(0, 2, shape).astype(bool))


def u8(*shape: int, constant: bool = False) -> Arg:
    return Arg(np.random.default_rng(5).integers(0, 256, shape).astype(np.uint8), constant)


def scale(value: Any = 0.5) -> Arg:
    return const(value, "float32")


def zero(value: Any = 3, dtype: str = "uint8") -> Arg:
    return const(value, dtype)


def call_of(op: str, sample: Sample, *, inferred: bool = True) -> Call:
    """The sample as operator rules see it, with its outputs unless told otherwise."""
    ins: list[Tensor | None] = []
    for slot, arg in enumerate(sample.ins):
        if arg is None:
            ins.append(None)
            continue
        role = Role.WEIGHTS if arg.constant else Role.ACTIVATION
        dtype = dtype_of(arg.value)
        ins.append(Tensor(f"in{slot}", arg.value.shape, dtype, role, stored=(f"in{slot}",) if arg.constant else ()))
    values = tuple(arg.value if arg is not None and arg.constant else None for arg in sample.ins)
    attrs = sample.attrs if "opset" in sample.attrs else sample.attrs | {"opset": sample.opset}
    call = Call("sample", op, attrs, tuple(ins), values, n_outs=sample.outs)
    if not inferred:
        return call
    specs = list(OPS[op].infer(call))[: sample.outs]
    outs = tuple(Tensor(f"out{at}", shape, dtype) for at, (shape, dtype) in enumerate(specs))
    return Call("sample", op, attrs, tuple(ins), values, outs, sample.outs)


def values(sample: Sample, count: int) -> list[Any]:
    """The arrays of the first inputs; None for those that are left out."""
    given = [None if arg is None else arg.value for arg in sample.ins[:count]]
    return given + [None] * (count - len(given))


def computed(op: str, sample: Sample) -> list[np.ndarray[Any, Any]]:
    """What npusim computes of the call: of the shapes that it infers, or within them where data decide."""
    rules, call = OPS[op], call_of(op, sample)
    assert rules.execute is not None
    made = list(rules.execute(call, [arg and arg.value for arg in sample.ins]))
    shapes = [(each.shape, out.shape) for each, out in zip(made, call.outs, strict=False)]
    bound = rules.bound_only is not None and rules.bound_only(call)
    assert all(mine == told or (bound and np.all(np.less_equal(mine, told))) for mine, told in shapes)
    return made
