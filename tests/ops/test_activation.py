"""Activations and other functions of one element, worked by hand."""

from __future__ import annotations

import pytest
from rows import Bad, Row, check, check_bad, ids
from sample_kit import Sample, act, call_of, fed, scale, truth, weights

from npusim.ops import OPS

ROWS = [
    Row("Relu", {}, (act(2, 3, 4),), (2, 3, 4), ops=24, kinds=("relu",)),
    Row("LeakyRelu", {}, (act(2, 3),), (2, 3), ops=6, kinds=("leaky",)),
    Row("Sigmoid", {}, (act(2, 3),), (2, 3), ops=6, kinds=("sigmoid",)),
    Row("Reciprocal", {}, (act(2, 3, low=1),), (2, 3), ops=6, kinds=("div",)),
    # slopes are parameters, one for all included
    Row("PRelu", {}, (act(2, 3, 4, 4), weights(3, 1, 1)), (2, 3, 4, 4), ops=96, params=3, kinds=("leaky",)),
    Row("PRelu", {}, (act(2, 3), weights(1)), (2, 3), ops=6, params=1),
    # limits are settings
    Row("Clip", {}, (act(3, 4), scale(0.0), scale(6.0)), (3, 4), ops=12),
    Row("Clip", {"min": 0.0, "max": 6.0}, (act(3, 4),), (3, 4), ops=12),
    # the sum with the bias first: 24 + 24
    Row(
        "com.microsoft::BiasGelu", {}, (act(2, 3, 4), weights(4)), (2, 3, 4), ops=48, params=4, kinds=("add", "sigmoid")
    ),
    Row("com.microsoft::FastGelu", {}, (act(2, 3, 4),), (2, 3, 4), ops=24),
    Row("SwiGLU", {}, (act(2, 3), act(2, 3)), (2, 3), ops=12, kinds=("sigmoid", "mul")),
    Row("Not", {}, (truth(2, 3),), (2, 3), ops=6),
    Row("Relu", {}, (act(0, 3),), (0, 3)),
    Row("Tanh", {}, (act(),), (), ops=1),
]

BAD = [
    Bad("PRelu", {}, (act(2, 3), weights(4)), "slopes"),
    Bad("PRelu", {}, (act(3), weights(2, 3)), "slopes"),
    Bad("com.microsoft::BiasGelu", {}, (act(2, 5), weights(4)), "bias"),
    Bad("SwiGLU", {}, (act(2, 3), act(3)), "differ in shape"),
    Bad("Relu", {}, (), "input 0 is missing", "missing-input"),
]


@pytest.mark.parametrize("row", ROWS, ids=ids(ROWS))
def test_row(row: Row) -> None:
    check(row)


@pytest.mark.parametrize("bad", BAD, ids=ids(BAD))
def test_bad_call_is_one_clear_error(bad: Bad) -> None:
    check_bad(bad)


def _value(op: str, attrs: dict[str, float], x: list[float]) -> list[float]:
    ins = (fed(x, "float64"),)
    execute = OPS[op].execute
    assert execute is not None
    (y,) = execute(call_of(op, Sample(attrs, ins)), [ins[0].value])
    return [float(each) for each in y]


@pytest.mark.parametrize(
    ("op", "attrs", "x", "expected"),
    [
        ("LeakyRelu", {"alpha": 0.25}, [-4.0, 4.0], [-1.0, 4.0]),
        ("HardSigmoid", {"alpha": 0.25, "beta": 0.5}, [-4.0, 1.0, 4.0], [0.0, 0.75, 1.0]),
        ("HardSwish", {}, [-4.0, 3.0, 6.0], [0.0, 3.0, 6.0]),  # x * clamp(x / 6 + 1 / 2)
        ("Shrink", {"lambd": 1.0, "bias": 0.5}, [-2.0, 0.5, 2.0], [-1.5, 0.0, 1.5]),
        ("Round", {}, [0.5, 1.5, 2.5, -0.5], [0.0, 2.0, 2.0, 0.0]),  # halves to even
        ("Sigmoid", {}, [0.0, -1000.0, 1000.0], [0.5, 0.0, 1.0]),  # no overflow
        ("Softplus", {}, [-1000.0, 1000.0], [0.0, 1000.0]),
        ("ThresholdedRelu", {"alpha": 1.0}, [1.0, 1.5], [0.0, 1.5]),
    ],
)
def test_value(op: str, attrs: dict[str, float], x: list[float], expected: list[float]) -> None:
    assert _value(op, attrs, x) == pytest.approx(expected, abs=1e-12)
