"""What operator rules share: calls, broadcasting, parameters, the registry."""

from __future__ import annotations

import numpy as np
import pytest
from sample_kit import Sample, act, call_of, const, fed, weights

from npusim.errors import InputError
from npusim.ir import DType, Role, Shape, Tensor
from npusim.ops import OPS, Op, Work
from npusim.ops.base import broadcast, known, no_work, register, same, widens, work_of

CALL = call_of("Relu", Sample({}, (act(2, 3),)))


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        (((2, 1), (3,)), (2, 3)),
        (((), (4, 5)), (4, 5)),
        (((1, 1), (0, 3)), (0, 3)),
        (((2, 3), (2, 1), (1,)), (2, 3)),
        ((), ()),
    ],
)
def test_broadcast(shapes: tuple[Shape, ...], expected: Shape) -> None:
    assert broadcast(CALL, *shapes) == expected


def test_shapes_that_clash_are_both_named() -> None:
    with pytest.raises(InputError, match=r"\(2, 3\) and \(2, 4\)") as raised:
        broadcast(CALL, (2, 3), (2, 4))
    assert raised.value.code == "shape-mismatch"


@pytest.mark.parametrize(
    ("shape", "to", "expected"),
    [((3, 1), (2, 3, 4), True), ((), (2,), True), ((2,), (1,), False), ((1, 3), (3,), False), ((3,), (4,), False)],
)
def test_widens(shape: Shape, to: Shape, expected: bool) -> None:
    assert widens(shape, to) is expected


def test_settings_come_from_attribute_or_constant_input() -> None:
    assert call_of("ReduceSum", Sample({"axes": (1,)}, (act(2, 3),))).ints("axes", 1) == (1,)
    assert call_of("ReduceSum", Sample({"axes": 1}, (act(2, 3),)), inferred=False).ints("axes", 1) == (1,)
    call = call_of("ReduceSum", Sample({}, (act(2, 3), const([1]))))
    assert call.ints("axes", 1) == (1,)
    assert call.floats("axes", 1) == (1.0,)
    assert call.floats("other") is None
    assert call_of("Relu", Sample({"alpha": 2}, (act(3),))).floats("alpha") == (2.0,)
    assert call_of("Relu", Sample({"alpha": (2, 0.5)}, (act(3),))).floats("alpha") == (2.0, 0.5)


@pytest.mark.parametrize("read", ["ints", "floats"])
def test_settings_from_data_are_an_error(read: str) -> None:
    call = call_of("ReduceSum", Sample({}, (act(2, 3), fed([1]))), inferred=False)
    with pytest.raises(InputError, match="computed from data") as raised:
        getattr(call, read)("axes", 1)
    assert raised.value.code == "data-dependent-shape"
    assert getattr(known(call, [None, np.array([1])]), read)("axes", 1) == (1,)


def test_a_missing_input_is_named() -> None:
    with pytest.raises(InputError, match="input 1 is missing") as raised:
        CALL.tensor(1)
    assert raised.value.code == "missing-input"
    assert not CALL.has(1)
    assert CALL.value(1) is None


def test_a_missing_array_is_named() -> None:
    execute = OPS["Relu"].execute
    assert execute is not None
    with pytest.raises(InputError, match="input 0 is missing"):
        execute(CALL, [None])


@pytest.mark.parametrize("axis", [2, -3])
def test_axis_out_of_range(axis: int) -> None:
    with pytest.raises(InputError, match=f"axis {axis} is outside a tensor of rank 2"):
        call_of("Relu", Sample({"axis": axis}, (act(2, 3),))).axis(0)


def test_a_scalar_has_axis_zero() -> None:
    assert call_of("Relu", Sample({}, (act(),))).axis(0) == 0


# --- parameters -----------------------------------------------------------------------------------------------------


def _constant(name: str, shape: Shape, dtype: DType = DType.FLOAT32, made_of: tuple[str, ...] = ()) -> Tensor:
    return Tensor(name, shape, dtype, Role.WEIGHTS, stored=made_of or (name,))


TENSORS = {
    tensor.name: tensor
    for tensor in (
        Tensor("x", (2, 3)),
        _constant("w", (3,)),
        _constant("one", ()),
        _constant("wide", (2, 3), made_of=("one",)),  # a scalar that was expanded
        _constant("turned", (3, 2), made_of=("w", "v")),
        _constant("v", (3,)),
        _constant("indices", (2, 3), DType.INT64),
        _constant("mask", (2, 3), DType.BOOL),
    )
}


@pytest.mark.parametrize(
    ("op", "names", "expected"),
    [
        ("Add", ("x", "w"), ("w",)),
        ("Add", ("w", "x"), ("w",)),
        ("Add", ("x", "one"), ()),
        ("Add", ("x", "wide"), ()),
        ("Add", ("x", "indices"), ()),
        ("Where", ("mask", "x", "w"), ("w",)),
        # what a constant is made of counts, not what it became
        ("MatMul", ("x", "turned"), ("w", "v")),
        # a weight counts even where it is one element
        ("MatMul", ("x", "one"), ("one",)),
        # every operand of a variadic operator, each once
        ("Sum", ("x", "w", "", "v", "w"), ("w", "v")),
        # slot 1 of Clip is a setting
        ("Clip", ("x", "w"), ()),
    ],
)
def test_parameters(op: str, names: tuple[str, ...], expected: tuple[str, ...]) -> None:
    ins = [TENSORS[name] if name else None for name in names]
    assert OPS[op].parameters(ins, TENSORS) == expected


def test_a_second_rule_for_an_operator_is_refused() -> None:
    with pytest.raises(ValueError, match="'Relu' is registered twice"):
        register(Op("Relu", same, no_work))


def test_no_work_counts_nothing() -> None:
    assert (Work(view=True).macs, Work().ops, no_work(CALL).view) == (0, 0, True)


def test_weights_on_either_side_may_be_parameters() -> None:
    assert OPS["MatMul"].takes_parameter(0)
    assert OPS["MatMul"].takes_parameter(1)
    assert not OPS["MatMul"].takes_parameter(2)
    assert OPS["Sum"].takes_parameter(99)
    call = call_of("MatMul", Sample({}, (weights(2, 3), act(3, 2))))
    assert OPS["MatMul"].parameters(call.ins, {"in0": TENSORS["w"]}) == ("in0",)


def test_work_of_a_call_that_makes_no_sense_is_one_error() -> None:
    """The ratio is read by the work rule alone, not for the shape."""
    ins = (act(2, 3, 8, 8), act(1, 4), fed([0]))
    sensible, nonsense = (call_of("RoiAlign", Sample({"sampling_ratio": ratio}, ins)) for ratio in (1, "many"))
    assert work_of(OPS["RoiAlign"], sensible) == OPS["RoiAlign"].work(sensible)
    with pytest.raises(InputError, match="does not make sense") as raised:
        work_of(OPS["RoiAlign"], nonsense)
    assert raised.value.code == "bad-node"
