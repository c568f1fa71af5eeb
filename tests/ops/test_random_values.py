"""Every operator on random shapes and attributes against onnxruntime, or a reason why not."""

from __future__ import annotations

import pytest
from draw_kit import calls, some
from draws import NOT_RANDOM, RANDOM
from hypothesis import assume, given
from hypothesis import strategies as st
from oracles import agree
from sample_kit import call_of

from npusim.errors import InputError
from npusim.ops import OPS

NEW = 23  # opsets from here on may be unknown to an onnxruntime in use
# Operators whose last step depends on how a sum is rounded on the way, in steps.
STEPS = {"com.microsoft::QLinearSoftmax": 1}


def test_no_operator_is_forgotten() -> None:
    assert not set(RANDOM) & set(NOT_RANDOM)
    assert {*RANDOM, *NOT_RANDOM} == set(OPS)
    assert all(NOT_RANDOM.values())


@pytest.mark.parametrize("op", RANDOM)
@some(25)
@given(data=st.data())
def test_as_onnxruntime_computes_it(op: str, data: st.DataObject) -> None:
    """What is newer than the onnxruntime at hand is skipped."""
    sample = data.draw(calls(RANDOM[op]))
    try:
        call_of(op, sample)
    except InputError:  # attributes that do not fit each other
        assume(False)
    try:
        agree(op, sample, steps=STEPS.get(op, 0))
    except Exception as fault:
        if sample.opset < NEW or not any(word in str(fault) for word in ("NOT_IMPLEMENTED", "opset")):
            raise
        pytest.skip(f"this onnxruntime does not have it: {fault}")
