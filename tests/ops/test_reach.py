"""How far operators see: nothing beyond what the rule says changes an output, for every operator that has one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from draw_kit import calls, some
from draws import RANDOM
from hypothesis import assume, given
from hypothesis import strategies as st
from samples import SAMPLES, Sample, call_of

from npusim.errors import InputError
from npusim.ops import OPS
from npusim.ops.base import Box, Call, Seen
from npusim.ops.reach import reduced, regrouped, scattered, window

Array = np.ndarray[Any, Any]

# An operator without a rule is one of these; a new one either gets a rule or stands here with the others.
UNSAID = {
    "AffineGrid", "Bernoulli", "BlackmanWindow", "CenterCropPad", "Col2Im", "Compress", "Constant", "ConstantOfShape",
    "DFT", "Det", "Einsum", "EyeLike", "GatherElements", "GatherND", "HammingWindow", "HannWindow", "MelWeightMatrix",
    "Multinomial", "NegativeLogLikelihoodLoss", "NonMaxSuppression", "NonZero", "OneHot", "OptionalHasElement",
    "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Range", "ReverseSequence",
    "RotaryEmbedding", "STFT", "Scatter", "ScatterElements", "ScatterND", "Shape", "Size", "SoftmaxCrossEntropyLoss",
    "TensorScatter", "Trilu", "Unique", "com.microsoft::EmbedLayerNormalization", "com.microsoft::MatMulNBits",
    "com.microsoft::RotaryEmbedding", "com.microsoft::SkipLayerNormalization",
    "com.microsoft::SkipSimplifiedLayerNormalization", "com.microsoft::Trilu", "npusim::Idle", "npusim::Stack",
}  # fmt: skip

CASES = [
    pytest.param(op, sample, id=f"{op}-{at}")
    for op, samples in SAMPLES.items()
    for at, sample in enumerate(samples)
    if OPS[op].reach is not None and OPS[op].execute is not None and "random" not in sample.values
]


def test_operators_without_a_rule_are_known() -> None:
    assert {op for op in OPS if OPS[op].reach is None} == UNSAID


@pytest.mark.parametrize(("op", "sample"), CASES)
def test_what_lies_beyond_does_not_matter(op: str, sample: Sample) -> None:
    """All elements of the inputs that a few elements of an output do not depend on are exchanged for others."""
    _check(op, sample)


@pytest.mark.parametrize("op", [op for op in RANDOM if OPS[op].reach is not None and OPS[op].execute is not None])
@some(6)
@given(data=st.data())
def test_what_lies_beyond_does_not_matter_at_random(op: str, data: st.DataObject) -> None:
    sample = data.draw(calls(RANDOM[op]))
    try:
        call_of(op, sample)
    except InputError:  # attributes that do not fit each other
        assume(False)
    _check(op, sample)


def _check(op: str, sample: Sample) -> None:
    call, rng = call_of(op, sample), np.random.default_rng(0)
    arrays = [None if arg is None else arg.value for arg in sample.ins]
    made = _execute(call, arrays)
    for number in range(len(call.outs)):
        shape = made[number].shape
        if 0 in shape:
            continue
        for _ in range(3):
            place = tuple(int(rng.integers(size)) for size in shape)
            box = tuple((at, at + 1) for at in place)
            seen = _seen(call, number, box)
            assert len(seen) == len(call.ins)
            others = [_beyond(array, part, arg, rng) for array, part, arg in zip(arrays, seen, sample.ins, strict=True)]
            again = _execute(call, others)
            assert again[number].shape == shape
            np.testing.assert_allclose(
                np.asarray(again[number][place], np.float64), np.asarray(made[number][place], np.float64), rtol=1e-5,
                atol=1e-6,
            )  # fmt: skip


def _seen(call: Call, number: int, box: Box) -> list[Seen | None]:
    """What the rule says; everything, where it refuses since the padding depends on the frame."""
    reach = OPS[call.op].reach
    assert reach is not None
    if call.attrs.get("auto_pad", "").startswith("SAME"):
        try:
            return list(reach(call, number, box))
        except InputError:
            return [None] * len(call.ins)
    return list(reach(call, number, box))


def _execute(call: Call, arrays: list[Array | None]) -> list[Array]:
    execute = OPS[call.op].execute
    assert execute is not None
    with np.errstate(all="ignore"):
        return [np.asarray(each) for each in execute(call, arrays)]


def _beyond(array: Array | None, part: Seen | None, arg: Any, rng: np.random.Generator) -> Array | None:
    """The array with elements from elsewhere in it outside the part; constants and settings stay."""
    if array is None or part is None or arg.constant or array.dtype.kind not in "fiu":
        return array
    inside = tuple(_inside(entry, size) for entry, size in zip(part, array.shape, strict=True))
    mixed = rng.permutation(array.reshape(-1)).reshape(array.shape)
    mixed[inside] = array[inside]
    return mixed


def _inside(entry: tuple[int, int] | str | None, size: int) -> slice:
    """Positions of the axis; those beyond it stand for its edge."""
    if entry is None or isinstance(entry, str):
        return slice(None)
    low = min(max(entry[0], 0), size - 1)
    return slice(low, max(min(entry[1], size), low + 1))


# --- by hand ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "arguments", "expected"),
    [
        # stride, padding before, span: outputs 2 and 3 of a 3x3 with stride 2 read 2x2-1 to 2x3+1.
        ((2, 4), (2, 1, 3), (3, 8)),
        ((0, 1), (1, 2, 5), (-2, 3)),
        ("", (1, 2, 5), ""),
    ],
)
def test_windows(entry: tuple[int, int] | str, arguments: tuple[int, int, int], expected: Any) -> None:
    assert window(entry, *arguments) == expected


@pytest.mark.parametrize(
    ("entry", "arguments", "expected"),
    [
        # stride 2, cropped 1, span 4, 2 outputs a pixel: outputs 2i - 1 to 2i + 2. Output 0 is of -1 and 0.
        ((0, 2), (2, 1, 4, 2), (-1, 2)),
        ((4, 5), (2, 1, 4, 2), (1, 3)),
        # Cropped 4 at the end of 5: the last pixel makes one output alone, so that outputs to 9 need a sixth.
        ((0, 10), (2, 0, 5, 1), (-2, 6)),
        ("Conv 'c'", (2, 1, 4, 2), "Conv 'c'"),
    ],
)
def test_scattered_windows(entry: tuple[int, int] | str, arguments: tuple[int, int, int, int], expected: Any) -> None:
    assert scattered(entry, *arguments) == expected


@pytest.mark.parametrize(
    ("shape", "made", "box", "expected"),
    [
        ((1, 4, 6, 8), (1, 4, 6, 8), ("", "", (1, 3), (2, 4)), ("", "", (1, 3), (2, 4))),
        # Rows in pairs: rows 2 and 3 of the output's first axis are rows 4 to 7; and back.
        ((8, 5), (4, 2, 5), ((2, 4), "", (0, 1)), ((4, 8), (0, 1))),
        ((4, 2, 5), (8, 5), ((3, 6), (0, 1)), ((1, 3), "", (0, 1))),
        # Channels split, positions kept; axes of one position come and go.
        ((1, 8, 6, 6), (2, 2, 2, 6, 6), ("", "", "", (1, 2), ""), ("", "", (1, 2), "")),
        ((6, 1, 5), (6, 5), ((1, 2), (3, 4)), ((1, 2), "", (3, 4))),
        # A cut through columns of merged rows and columns is not followed.
        ((6, 5), (30,), ((7, 9),), ((1, 2), "")),
        ((30,), (6, 5), ("", (1, 2)), (None,)),
        ((30,), (6, 5), ("ReduceMax 'm'", ""), ("ReduceMax 'm'",)),
    ],
)
def test_reshapes(shape: tuple[int, ...], made: tuple[int, ...], box: Box, expected: Seen) -> None:
    assert regrouped(shape, made, box) == expected


def test_reductions() -> None:
    sample = SAMPLES["ReduceMean"][0]
    call = call_of("ReduceMean", sample)
    rank = len(call.shape(0))
    kept = tuple((at, at + 1) for at in range(rank))
    assert reduced(call, (1,), kept) == tuple(None if at == 1 else kept[at] for at in range(rank))
    assert reduced(call, (1,), (*kept[:1], *kept[2:])) == tuple(None if at == 1 else kept[at] for at in range(rank))
