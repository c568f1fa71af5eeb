"""Other shapes and types of the same elements, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from rows import Bad, Row, check, check_bad, ids
from sample_kit import Sample, act, call_of, const, fed, ints, scale

from npusim.errors import InputError
from npusim.ir import DType
from npusim.ops import OPS

ROWS = [
    Row("Reshape", {}, (act(2, 3, 4), const([0, -1])), (2, 12), view=True),
    Row("Reshape", {}, (act(2, 3, 4), const([4, 0, 2])), (4, 3, 2), view=True),
    Row("Reshape", {"shape": (6, 4)}, (act(2, 3, 4),), (6, 4), view=True),
    Row("Reshape", {"allowzero": 1}, (act(0, 3), const([3, 0])), (3, 0), view=True),
    Row("Reshape", {}, (act(1), const([], "int64")), (), view=True),
    Row("Flatten", {}, (act(2, 3, 4),), (2, 12), view=True),
    Row("Flatten", {"axis": 0}, (act(2, 3, 4),), (1, 24), view=True),
    Row("Flatten", {"axis": 3}, (act(2, 3, 4),), (24, 1), view=True),
    Row("Flatten", {"axis": -1}, (act(2, 3, 4),), (6, 4), view=True),
    Row("Squeeze", {"axes": (0, -1)}, (act(1, 3, 1),), (3,), view=True),
    Row("Squeeze", {}, (act(1, 3, 1),), (3,), view=True),
    Row("Unsqueeze", {}, (act(2, 3), const([-1, 1])), (2, 1, 3, 1), view=True),
    Row("Identity", {}, (act(2, 3),), (2, 3), view=True),
    Row("OptionalGetElement", {}, (act(2, 3),), (2, 3), view=True),
    Row("OptionalHasElement", {}, (None,), (), view=True),
    Row("Dropout", {}, (act(2, 3),), [(2, 3), (2, 3)], view=True),
    # in training it scales each element
    Row("Dropout", {}, (act(2, 3), scale(0.5), const(True, "bool")), (2, 3), ops=6),
    Row("Cast", {"to": DType.INT8}, (act(2, 3),), (2, 3), ops=6, kinds=("relu",)),
    Row("Cast", {"to": "float32"}, (act(2, 3),), (2, 3), view=True),
    Row("CastLike", {}, (act(2, 3), ints(1)), (2, 3), ops=6),
    Row("BitCast", {"to": DType.INT32}, (act(2, 3),), (2, 3), view=True),
]

BAD = [
    Bad("Reshape", {}, (act(2, 3), const([4, -1])), "6 elements"),
    Bad("Reshape", {}, (act(2, 3), const([-1, -1])), "6 elements"),
    Bad("Reshape", {}, (act(2, 3), const([2, 3, 0])), "no such axis"),
    Bad("Reshape", {}, (act(2, 3), const([-2, -3])), "6 elements"),
    Bad("Reshape", {}, (act(2, 3), fed([6])), "computed from data", "data-dependent-shape"),
    Bad("Flatten", {"axis": 4}, (act(2, 3, 4),), "axis 4"),
    Bad("Squeeze", {"axes": (1,)}, (act(1, 3),), "not all of size 1"),
    Bad("Unsqueeze", {"axes": (0, 0)}, (act(1, 3),), "twice"),
    Bad("Unsqueeze", {"axes": (5,)}, (act(1, 3),), "axis 5"),
    Bad("Cast", {"to": 1}, (act(3),), "no element type", "bad-node"),
    Bad("BitCast", {"to": DType.INT8}, (act(3),), "not of one width"),
]


@pytest.mark.parametrize("row", ROWS, ids=ids(ROWS))
def test_row(row: Row) -> None:
    check(row)


@pytest.mark.parametrize("bad", BAD, ids=ids(BAD))
def test_bad_call_is_one_clear_error(bad: Bad) -> None:
    check_bad(bad)


def test_masks_of_dropout_keep_all() -> None:
    execute = OPS["Dropout"].execute
    assert execute is not None
    y, mask = execute(call_of("Dropout", Sample({}, (act(3),), outs=2)), [act(3).value])
    assert (y == act(3).value).all()
    assert mask.tolist() == [True, True, True]


def test_training_cannot_be_computed() -> None:
    ins = (act(3), scale(0.5), const(True, "bool"))
    execute = OPS["Dropout"].execute
    assert execute is not None
    with pytest.raises(InputError, match="at random"):
        execute(call_of("Dropout", Sample({}, ins)), [arg.value for arg in ins])


def test_bits_of_types_that_numpy_lacks_cannot_be_shown() -> None:
    execute = OPS["BitCast"].execute
    assert execute is not None
    x = act(3, dtype="float16")
    with pytest.raises(InputError, match="bfloat16"):
        execute(call_of("BitCast", Sample({"to": DType.BFLOAT16}, (x,))), [x.value])


def test_shape_from_what_data_has_computed() -> None:
    """An executor has all elements, whatever was known before: (2, 3) to the shape that arrives."""
    execute = OPS["Reshape"].execute
    assert execute is not None
    call = call_of("Reshape", Sample({}, (act(2, 3), fed([3, 2]))), inferred=False)
    (y,) = execute(call, [act(2, 3).value, np.array([3, 2])])
    assert y.shape == (3, 2)
