"""Every operator on random shapes and attributes against onnxruntime, or a reason why not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from draw_kit import calls, some
from draws import NOT_RANDOM, RANDOM
from hypothesis import assume, given
from hypothesis import strategies as st
from oracles import run
from sample_kit import Sample, call_of, computed

from npusim.errors import InputError
from npusim.ops import OPS

HALF = 5e-5  # of the element and of the largest one: together never more than 1e-4 of the largest
EPSILON = 1.2e-7  # what float32 loses of numbers about 1, which may cancel
# Operators whose last step depends on how a sum is rounded on the way, in steps.
STEPS = {"com.microsoft::QLinearSoftmax": 1}


def test_no_operator_is_forgotten() -> None:
    assert not set(RANDOM) & set(NOT_RANDOM)
    assert {*RANDOM, *NOT_RANDOM} == set(OPS)
    assert all(NOT_RANDOM.values())


def _theirs(op: str, sample: Sample) -> list[np.ndarray[Any, Any]]:
    """What onnxruntime computes; skips what is newer than it."""
    try:
        return run(op, sample)
    except Exception as fault:
        newer = sample.opset >= 23 and ("NOT_IMPLEMENTED" in str(fault) or "opset" in str(fault))
        if not newer:
            raise
        pytest.skip(f"this onnxruntime does not have it: {fault}")


@pytest.mark.parametrize("op", RANDOM)
@some(12)
@given(data=st.data())
def test_as_onnxruntime_computes_it(op: str, data: st.DataObject) -> None:
    sample = data.draw(calls(RANDOM[op]))
    try:
        call = call_of(op, sample)
    except InputError:  # attributes that do not fit each other
        assume(False)
        raise
    theirs = _theirs(op, sample)
    mine = computed(op, sample)[: len(theirs)]
    may_be_less = OPS[op].bound_only
    bound = may_be_less is not None and may_be_less(call)
    for out, array, expected in zip(call.outs, mine, theirs, strict=True):
        assert array.dtype == expected.dtype
        assert array.shape == expected.shape
        assert bound or out.shape == expected.shape
        if op in STEPS:
            assert np.abs(array.astype(int) - expected).max() <= STEPS[op]
            continue
        if expected.dtype.kind != "f":
            assert array.tolist() == expected.tolist()
            continue
        largest = np.abs(expected[np.isfinite(expected)]).max(initial=0)
        np.testing.assert_allclose(array, expected, rtol=HALF, atol=HALF * largest + EPSILON)
