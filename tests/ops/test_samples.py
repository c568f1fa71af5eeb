"""Every operator of the registry against onnx's shape inference, onnxruntime and onnx's reference."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import onnx
import pytest
from oracles import ELEMENT, inferred, reference, run
from samples import SAMPLES, Sample, call_of

from npusim.ir import DType
from npusim.ops import OPS
from npusim.ops.arrays import dtype_of, held
from npusim.ops.base import KINDS

CASES = [
    pytest.param(op, sample, id=f"{op}-{at}") for op, samples in SAMPLES.items() for at, sample in enumerate(samples)
]
# Types that onnxruntime cannot hand to Python, and that the reference of onnx shows as another.
_HIDDEN = (DType.BFLOAT16, DType.INT4)


def _known_to_onnx(op: str, sample: Sample) -> bool:
    return not op.startswith("com.") and not sample.onnx and sample.opset <= onnx.defs.onnx_opset_version()


def _truth(op: str, sample: Sample) -> list[np.ndarray[Any, Any]]:
    """What onnxruntime computes, or else the reference of onnx; skips where neither has the operator."""
    if not sample.ort:
        try:
            return run(op, sample)
        except Exception as fault:
            if (
                "NOT_IMPLEMENTED" not in str(fault)
                and "corresponding Numpy type" not in str(fault)
                and sample.opset < 23
            ):
                raise
    if not _known_to_onnx(op, sample):
        pytest.skip(f"nothing to compare with: {sample.ort}")
    try:
        return reference(op, sample)
    except Exception as fault:
        pytest.skip(f"nothing to compare with: {fault}")


def test_every_operator_has_a_sample() -> None:
    """Those under ``npusim::`` come from the binding of loops, and no file has them."""
    assert {op for op, samples in SAMPLES.items() if samples} == {op for op in OPS if not op.startswith("npusim::")}


@pytest.mark.parametrize(("op", "sample"), CASES)
def test_shapes_as_onnx_infers_them(op: str, sample: Sample) -> None:
    if not _known_to_onnx(op, sample):
        pytest.skip(sample.onnx or "unknown to this onnx")
    call = call_of(op, sample)
    bound = OPS[op].bound_only is not None and OPS[op].bound_only(call)
    theirs = inferred(op, sample)
    assert len(theirs) == len(call.outs) == sample.outs
    for out, (shape, element) in zip(call.outs, theirs, strict=True):
        assert element in (0, ELEMENT[out.dtype])  # 0: onnx leaves it open
        if shape is not None and not bound:
            assert len(shape) == len(out.shape)
            assert all(size in (None, ours) for size, ours in zip(shape, out.shape, strict=True))


@pytest.mark.parametrize(("op", "sample"), CASES)
def test_shapes_and_values_as_computed(op: str, sample: Sample) -> None:
    call, rules, truth = call_of(op, sample), OPS[op], _truth(op, sample)
    bound = rules.bound_only is not None and rules.bound_only(call)
    for out, value in zip(call.outs, truth, strict=True):
        assert len(out.shape) == value.ndim
        assert out.shape == value.shape or (bound and all(np.array(out.shape) >= value.shape))
        assert out.dtype in _HIDDEN or dtype_of(value) is out.dtype
    if rules.execute is None or sample.values:
        return
    mine = rules.execute(call, [arg and arg.value for arg in sample.ins])
    assert len(mine) >= sample.outs
    for out, computed, value in zip(call.outs, mine, truth, strict=False):
        assert computed.shape == value.shape
        assert computed.dtype == held(out.dtype)
        if value.dtype.kind == "f":
            np.testing.assert_allclose(computed, value, rtol=1e-4, atol=1e-5)
        else:
            assert computed.tolist() == np.asarray(value, computed.dtype).tolist()


@pytest.mark.parametrize(("op", "sample"), CASES)
def test_work_is_counted_in_whole_numbers(op: str, sample: Sample) -> None:
    work = OPS[op].work(call_of(op, sample))
    counts = [
        work.macs,
        work.macs_dense,
        work.ops,
        *(count for part in work.vector for count in (part.elements, part.ops)),
    ]
    assert all(type(count) is int and count >= 0 for count in counts)
    assert work.macs <= work.macs_dense or any(nest.transposed for nest in work.nests)
    assert all(part.kind in KINDS for part in work.vector)
    assert bool(work.nests or work.vector) != work.view


@pytest.mark.parametrize("op", SAMPLES)
def test_no_slot_is_parameter_and_setting(op: str) -> None:
    assert not set(OPS[op].params) & set(OPS[op].settings)


@pytest.mark.parametrize(("op", "sample"), CASES)
def test_names_do_not_matter(op: str, sample: Sample) -> None:
    """The same call under another name gives the same shapes and work."""
    call = call_of(op, sample)
    renamed = msgspec.structs.replace(call, name="another")
    assert OPS[op].infer(renamed) == OPS[op].infer(call)
    assert OPS[op].work(renamed) == OPS[op].work(call)
