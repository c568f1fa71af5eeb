"""Operators that do arithmetic, in float64 against loops of one number at a time: no further off than 1e-10."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import draws_attention
import draws_conv
import draws_data
import draws_matmul
import draws_normal
import draws_point
import draws_resize
import draws_shape
import loops_conv
import loops_frame
import loops_matrix
import loops_sequence
import numpy as np
import pytest
from draw_kit import Drawn, Pick, calls, some
from hypothesis import assume, given
from hypothesis import strategies as st
from oracles import run
from sample_kit import Arg, Sample, call_of, computed, values

from npusim.errors import InputError
from npusim.ops import OPS

Array = np.ndarray[Any, Any]


class Loop(NamedTuple):
    """How a call is drawn, and what is to come of it; fewer outputs than there are stand for the first ones."""

    drawn: Drawn
    oracle: Callable[[Sample], list[Array]]


def _wide(drawn: Callable[..., Sample], **options: Any) -> Drawn:
    return lambda pick: drawn(pick, dtype="float64", **options)


def _max_pool(pick: Pick) -> Sample:
    return draws_conv.pool(pick, "float64")


def _placed(pick: Pick) -> Sample:
    """Cubic grids are held against onnxruntime alone."""
    drawn = draws_resize.grid(pick, "float64")
    assume(drawn.attrs["mode"] != "cubic")
    return drawn


LOOPS: dict[str, Loop] = {
    "Conv": Loop(_wide(draws_conv.conv), loops_conv.conv),
    "ConvTranspose": Loop(_wide(draws_conv.conv_transpose), loops_conv.conv_transpose),
    "DeformConv": Loop(_wide(draws_conv.deform), loops_conv.deform),
    "CausalConvWithState": Loop(_wide(draws_conv.causal), loops_conv.causal),
    "MaxPool": Loop(_max_pool, partial(loops_conv.pool, "MaxPool")),
    "AveragePool": Loop(_wide(draws_conv.average), partial(loops_conv.pool, "AveragePool")),
    "LpPool": Loop(_wide(draws_conv.lp_pool), partial(loops_conv.pool, "LpPool")),
    "MatMul": Loop(_wide(draws_matmul.matmul), loops_matrix.matmul),
    "Gemm": Loop(_wide(draws_matmul.gemm), loops_matrix.gemm),
    "Einsum": Loop(_wide(draws_matmul.einsum), loops_matrix.einsum),
    "Det": Loop(_wide(draws_shape.determinant), loops_matrix.determinant),
    "Softmax": Loop(_wide(draws_point.softmax), loops_matrix.softmax),
    "LogSoftmax": Loop(_wide(draws_point.softmax), partial(loops_matrix.softmax, logarithm=True)),
    "BatchNormalization": Loop(_wide(draws_normal.batch), loops_matrix.batch),
    "InstanceNormalization": Loop(_wide(draws_normal.instance), loops_matrix.instance),
    "GroupNormalization": Loop(_wide(draws_normal.group), loops_matrix.group),
    "LayerNormalization": Loop(_wide(draws_normal.layer), loops_matrix.layer),
    "RMSNormalization": Loop(_wide(draws_normal.rms), partial(loops_matrix.layer, centred=False)),
    "com.microsoft::SkipLayerNormalization": Loop(_wide(draws_normal.skip), loops_matrix.skip),
    "com.microsoft::SkipSimplifiedLayerNormalization": Loop(
        _wide(draws_normal.skip, simple=True), partial(loops_matrix.skip, centred=False)
    ),
    "LRN": Loop(_wide(draws_normal.lrn), loops_matrix.lrn),
    "LpNormalization": Loop(_wide(draws_normal.lp), loops_matrix.lp),
    "MeanVarianceNormalization": Loop(_wide(draws_normal.mean_variance), loops_matrix.mean_variance),
    **{
        op: Loop(_wide(partial(draws_data.reduction, op)), partial(loops_matrix.reduction, op))
        for op in OPS
        if op.startswith("Reduce")
    },
    "CumSum": Loop(_wide(draws_data.running), loops_matrix.running),
    "CumProd": Loop(_wide(draws_data.running, opset=26), partial(loops_matrix.running, product_of=True)),
    "DepthToSpace": Loop(_wide(draws_data.to_space), loops_frame.to_space),
    "SpaceToDepth": Loop(_wide(draws_data.to_depth), loops_frame.to_depth),
    "Resize": Loop(_wide(draws_resize.resize), loops_frame.resize),
    "GridSample": Loop(_placed, loops_frame.grid),
    "DFT": Loop(_wide(draws_shape.transform), loops_frame.transform),
    "NegativeLogLikelihoodLoss": Loop(_wide(draws_shape.loss), loops_frame.loss),
    **{
        op: Loop(
            _wide(partial(draws_matmul.recurrent, op), named=False), partial(loops_sequence.recurrent, op)
        )
        for op in draws_matmul.GATES
    },
    "Attention": Loop(_wide(draws_attention.attention), loops_sequence.attention),
    "LinearAttention": Loop(_wide(draws_attention.linear), loops_sequence.linear),
}  # fmt: skip


@pytest.mark.parametrize("op", LOOPS)
@some(25)
@given(data=st.data())
def test_float64_one_number_at_a_time(op: str, data: st.DataObject) -> None:
    sample = data.draw(calls(LOOPS[op].drawn))
    try:
        call_of(op, sample)
    except InputError:  # attributes that do not fit each other
        assume(False)
        raise
    for mine, expected in zip(computed(op, sample)[: sample.outs], LOOPS[op].oracle(sample), strict=False):
        assert mine.dtype == np.float64
        assert mine.shape == expected.shape
        largest = np.abs(expected).max(initial=0)
        np.testing.assert_allclose(mine, expected, rtol=5e-11, atol=5e-11 * largest + 1e-14)


# --- what onnxruntime does not have ---------------------------------------------------------------------------------


def _gated(pick: Pick) -> Sample:
    shape, attrs = pick.shape(), {"alpha": pick.of(0.5, 1.0, 1.702)}
    return Sample(attrs, tuple(pick.real(*shape, dtype="float64") for _ in range(2)), opset=28)


@some(20)
@given(calls(_gated))
def test_gated_swish_as_its_formula(sample: Sample) -> None:
    """x / (1 + exp(-alpha x)) times the gate."""
    x, gate = values(sample, 2)
    expected = x / (1 + np.exp(-sample.attrs["alpha"] * x)) * gate
    np.testing.assert_allclose(computed("SwiGLU", sample)[0], expected, rtol=1e-10)


def _bytes_pooled(pick: Pick) -> Sample:
    drawn = draws_conv.pool(pick, ranks=(2,))
    (x,) = values(drawn, 1)
    return drawn._replace(ins=(pick.bytes(*x.shape, dtype="int8"),))


@some(20)
@given(calls(_bytes_pooled))
def test_channels_last_as_the_pool_of_channels_first(sample: Sample) -> None:
    (x,) = values(sample, 1)
    turned = sample._replace(ins=(Arg(x.transpose(0, 2, 3, 1)),))
    mine = computed("com.microsoft::NhwcMaxPool", turned)[0].transpose(0, 3, 1, 2)
    assert mine.tolist() == run("MaxPool", sample)[0].tolist()


def _bytes_averaged(pick: Pick) -> Sample:
    """Scales are no powers of two, so that no mean lies half-way between two steps."""
    shape = pick.shape(1)
    axes = pick.some_of(len(shape), least=1)
    scales = [pick.weights(low=0.04, high=0.09), pick.weights(low=0.1, high=0.2)]
    return Sample({"axes": axes, "keepdims": 1}, (pick.bytes(*shape), scales[0], pick.zero(), scales[1], pick.zero()))


@some(20)
@given(calls(_bytes_averaged))
def test_means_of_bytes_as_their_definition(sample: Sample) -> None:
    x, scale, zero, out_scale, out_zero = values(sample, 5)
    mean = ((x.astype(float) - zero) * scale).mean(axis=sample.attrs["axes"], keepdims=True)
    expected = np.clip(np.rint(mean / out_scale) + out_zero, 0, 255)
    assert computed("com.microsoft::QLinearReduceMean", sample)[0].tolist() == expected.tolist()
