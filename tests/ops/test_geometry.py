"""Random windows, crops, slices and products: shapes (and values) against onnxruntime."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from oracles import run
from sample_kit import Arg, Sample, act, call_of, scale

from npusim.errors import InputError
from npusim.ops import OPS

_SOME = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow]
)
_AUTO = st.sampled_from(["NOTSET", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"])


def _agree(op: str, sample: Sample) -> None:
    """Shapes are those that onnxruntime computes, where it takes the call."""
    try:
        theirs = run(op, sample)
    except Exception:
        assume(False)
        raise
    ours = call_of(op, sample).outs
    assert [out.shape for out in ours] == [value.shape for value in theirs]


def _axes(draw: st.DrawFn, rank: int, low: int, high: int) -> tuple[int, ...]:
    return tuple(draw(st.integers(low, high)) for _ in range(rank))


@_SOME
@given(st.data())
def test_product(data: st.DataObject) -> None:
    """Batch axes of sizes 1 to 3 that broadcast; the count is the output's elements times the inner size."""
    inner, rank = data.draw(st.integers(1, 4)), data.draw(st.integers(0, 2))
    batch = _axes(data.draw, rank, 1, 3)
    left, right = (tuple(data.draw(st.sampled_from([1, size])) for size in batch) for _ in range(2))
    left, right = left[data.draw(st.integers(0, rank)) :], right[data.draw(st.integers(0, rank)) :]
    a = (*left, *data.draw(st.sampled_from([(), (2,), (3,)])), inner)
    b = (*right, inner, 3)
    assume(len(a) > 1 or not left)
    sample = Sample({}, (act(*a), act(*b)))
    _agree("MatMul", sample)
    call = call_of("MatMul", sample)
    assert OPS["MatMul"].work(call).macs == call.outs[0].elements * inner


@_SOME
@given(st.data(), st.sampled_from(["nearest", "linear", "cubic"]))
def test_resize_by_scales(data: st.DataObject, mode: str) -> None:
    factors = [data.draw(st.sampled_from([0.5, 0.7, 1.0, 1.3, 2.0, 2.5])) for _ in range(2)]
    where = data.draw(st.sampled_from(["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"]))
    attrs = {"mode": mode, "coordinate_transformation_mode": where}
    x = act(1, 1, *_axes(data.draw, 2, 4, 6))
    sample = Sample(attrs, (x, None, scale([1, 1, *factors])))
    _agree("Resize", sample)
    execute = OPS["Resize"].execute
    assert execute is not None
    (ours,) = execute(call_of("Resize", sample), [arg and arg.value for arg in sample.ins])
    if mode != "nearest":  # ties between two neighbours fall as the last bit of a float32 has it
        np.testing.assert_allclose(ours, run("Resize", sample)[0], rtol=1e-3, atol=1e-4)


@_SOME
@given(st.data())
def test_einsum_counts_as_the_product_of_its_letters(data: st.DataObject) -> None:
    """Two operands with labels of random sizes: values by numpy, MACs by the letters where something is summed."""
    sizes = {label: data.draw(st.integers(1, 3)) for label in "abcde"}
    left = data.draw(st.permutations("abc"))
    right = data.draw(st.permutations("bcde"))
    out = data.draw(st.permutations(data.draw(st.sampled_from(["ade", "abde", "acde", "abcde"]))))
    equation = f"{''.join(left)},{''.join(right)}->{''.join(out)}"
    ins = tuple(act(*(sizes[label] for label in labels)) for labels in (left, right))
    sample = Sample({"equation": equation}, ins)
    _agree("Einsum", sample)
    call = call_of("Einsum", sample)
    summed = set("bc") - set(out)
    letters = int(np.prod([sizes[label] for label in "abcde"]))
    assert OPS["Einsum"].work(call).macs == (letters if summed else 0)
    assert call.outs[0].shape == np.einsum(equation, *(arg.value for arg in ins)).shape


@_SOME
@given(st.lists(st.sampled_from([-1, 0, 1, 2, 3, 4, 6, 12]), min_size=1, max_size=3))
def test_reshape_takes_and_refuses_the_same_shapes(wanted: list[int]) -> None:
    sample = Sample({}, (act(2, 3, 4), Arg(np.array(wanted), constant=True)))
    try:
        (theirs,) = run("Reshape", sample)
    except Exception:
        with pytest.raises(InputError):
            call_of("Reshape", sample)
    else:
        assert call_of("Reshape", sample).outs[0].shape == theirs.shape
