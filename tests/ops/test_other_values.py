"""Values of sampling, spectra, losses, suppression and what else is left, with other settings than the samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from oracles import reference, run
from sample_kit import Arg, Sample, act, computed, const, fed, scale, weights

from npusim.errors import InputError

Array = np.ndarray[Any, Any]
MS = "com.microsoft::"


# --- sampling -------------------------------------------------------------------------------------------------------


def test_a_frame_of_one_position_reflects_to_itself() -> None:
    attrs = {"padding_mode": "reflection", "align_corners": 1}
    sample = Sample(attrs, (fed([[[[7.0]]]], "float32"), act(1, 2, 2, 2)), opset=20)
    assert computed("GridSample", sample)[0].tolist() == [[[[7, 7], [7, 7]]]]


def test_no_images_give_no_samples() -> None:
    sample = Sample({}, (act(0, 2, 3, 3), act(0, 4, 5, 2)), opset=20)
    assert computed("GridSample", sample)[0].shape == (0, 2, 4, 5)


def test_an_unknown_padding_is_one_error() -> None:
    with pytest.raises(InputError, match="magic"):
        computed("GridSample", Sample({"padding_mode": "magic"}, (act(1, 1, 2, 2), act(1, 2, 2, 2)), opset=20))


@pytest.mark.parametrize("size", [[2, 3, 4, 5], [2, 1, 2, 4]])
@pytest.mark.parametrize("aligned", [0, 1])
def test_affine_grids_as_onnx_computes_them(aligned: int, size: list[int]) -> None:
    sample = Sample({"align_corners": aligned}, (act(2, 2, 3), const(size)), opset=20)
    (mine,) = computed("AffineGrid", sample)
    np.testing.assert_allclose(mine, reference("AffineGrid", sample)[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("aligned", [0, 1])
def test_a_single_position_stands_in_the_middle(aligned: int) -> None:
    """The identity: x runs over a row of one, y over a column of two."""
    same = fed([[[1, 0, 0], [0, 1, 0]]], "float32")
    (made,) = computed("AffineGrid", Sample({"align_corners": aligned}, (same, const([1, 1, 2, 1])), opset=20))
    edge = 1.0 if aligned else 0.5
    assert made.tolist() == [[[[0, -edge]], [[0, edge]]]]


# --- spectra --------------------------------------------------------------------------------------------------------


def _by_sums(x: Array, length: int, sign: int) -> Array:
    """The definition: each frequency is a sum over the signal."""
    filled = np.concatenate([x, np.zeros(max(length - len(x), 0))])[:length]
    turns = np.exp(sign * 2j * np.pi * np.outer(np.arange(length), np.arange(length)) / length)
    return np.asarray(turns @ filled)


@pytest.mark.parametrize("length", [5, 8, 11])
def test_a_transform_is_its_sums(length: int) -> None:
    signal = act(1, 8, 2, dtype="float64")
    x = signal.value[0, :, 0] + 1j * signal.value[0, :, 1]
    (mine,) = computed("DFT", Sample({}, (signal, const(length), const(1)), opset=20))
    np.testing.assert_allclose(mine[0, :, 0] + 1j * mine[0, :, 1], _by_sums(x, length, -1), rtol=1e-10, atol=1e-10)
    (back,) = computed("DFT", Sample({"inverse": 1}, (signal, const(length), const(1)), opset=20))
    np.testing.assert_allclose(
        back[0, :, 0] + 1j * back[0, :, 1], _by_sums(x, length, 1) / length, rtol=1e-10, atol=1e-10
    )


def test_half_a_spectrum_turns_back_to_the_signal() -> None:
    x = act(2, 8, 1, dtype="float64")
    (half,) = computed("DFT", Sample({"onesided": 1}, (x, None, const(1)), opset=20))
    assert half.shape == (2, 5, 2)
    (again,) = computed("DFT", Sample({"onesided": 1, "inverse": 1}, (Arg(half), const(8), const(1)), opset=20))
    np.testing.assert_allclose(again, x.value, rtol=1e-10, atol=1e-12)


def test_a_spectrogram_as_onnxruntime_computes_it() -> None:
    sample = Sample({}, (act(2, 32, 1), const(5), weights(8)), opset=17)
    np.testing.assert_allclose(computed("STFT", sample)[0], run("STFT", sample)[0], rtol=1e-4, atol=1e-5)


def test_a_signal_without_a_last_axis() -> None:
    x = act(2, 16)
    with_axis = Sample({}, (Arg(x.value[..., None]), const(4), None, const(8)), opset=17)
    plain = Sample({}, (x, const(4), None, const(8)), opset=17)
    np.testing.assert_array_equal(computed("STFT", plain)[0], computed("STFT", with_axis)[0])


@pytest.mark.parametrize("bins", [4, 40])
def test_mel_weights_as_onnxruntime_computes_them(bins: int) -> None:
    """40 bins over 9 frequencies leave triangles with no width."""
    sample = Sample({}, (const(bins), const(16), const(8192), scale(0.0), scale(4096.0)), opset=17)
    np.testing.assert_allclose(computed("MelWeightMatrix", sample)[0], run("MelWeightMatrix", sample)[0], rtol=1e-5)


# --- losses ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ignored", [None, 1, -1])
@pytest.mark.parametrize("op", ["NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss"])
def test_losses_as_onnxruntime_computes_them(op: str, ignored: int | None, reduction: str, *, weighted: bool) -> None:
    targets = fed([[0, 2, 1, 1], [2, 1, 0, 2 if ignored is None else ignored]])
    ins = (act(2, 3, 4), targets, *([weights(3, low=0.1)] if weighted else []))
    sample = Sample({"reduction": reduction} | ({} if ignored is None else {"ignore_index": ignored}), ins)
    np.testing.assert_allclose(computed(op, sample)[0], run(op, sample)[0], rtol=1e-4, atol=1e-5)


def test_an_unknown_reduction_is_one_error() -> None:
    with pytest.raises(InputError, match="magic"):
        computed("NegativeLogLikelihoodLoss", Sample({"reduction": "magic"}, (act(2, 3), fed([0, 1]))))


# --- suppression ----------------------------------------------------------------------------------------------------


def test_boxes_of_no_area_overlap_nothing() -> None:
    ins = (fed([[[1, 1, 1, 1], [1, 1, 1, 1]]], "float32"), fed([[[0.5, 0.9]]], "float32"), const([2]))
    assert computed("NonMaxSuppression", Sample({}, ins))[0].tolist() == [[0, 0, 1], [0, 0, 0]]


# --- columns and sums -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attrs", "places"),
    [
        ({}, 12),  # (5 - 2 + 1) * (4 - 2 + 1)
        ({"strides": (2, 1)}, 6),  # 2 * 3
        ({"dilations": (2, 3)}, 3),  # (5 - 3 + 1) * (4 - 4 + 1)
        ({"pads": (1, 0, 1, 2)}, 30),  # (7 - 1) * (6 - 1)
    ],
)
def test_columns_become_images_as_onnxruntime_does(attrs: dict[str, Any], places: int) -> None:
    sample = Sample(attrs, (act(2, 3 * 4, places), const([5, 4]), const([2, 2])), opset=18)
    np.testing.assert_allclose(computed("Col2Im", sample)[0], run("Col2Im", sample)[0], rtol=1e-5, atol=1e-6)


SUMS = [
    (MS + "SkipLayerNormalization", (act(2, 3, 4), act(2, 3, 4), weights(4), weights(4), weights(4)), 4),
    (MS + "SkipLayerNormalization", (act(2, 3, 4), act(3, 4), weights(4)), 4),
    (MS + "SkipSimplifiedLayerNormalization", (act(2, 3, 4), act(2, 3, 4), weights(4), weights(4)), 4),
]


@pytest.mark.parametrize(("op", "ins", "outs"), SUMS)
def test_normalised_sums_as_onnxruntime_computes_them(op: str, ins: tuple[Arg, ...], outs: int) -> None:
    """The last output is the sum itself; onnxruntime leaves the statistics in between empty on the CPU."""
    sample = Sample({"epsilon": 1e-5}, ins, outs=outs)
    mine = computed(op, sample)
    theirs = run(op, Sample({"epsilon": 1e-5}, ins))
    np.testing.assert_allclose(mine[0], theirs[0], rtol=1e-4, atol=1e-5)
    total = ins[0].value + ins[1].value
    total = total if len(ins) < 4 else total + ins[-1].value
    np.testing.assert_allclose(mine[3], total, rtol=1e-6)
    rows = total - (total.mean(-1, keepdims=True) if "Simplified" not in op else 0)
    np.testing.assert_allclose(mine[2], 1 / np.sqrt((rows**2).mean(-1, keepdims=True) + 1e-5), rtol=1e-4)


def test_what_does_not_vary_is_centred_to_zeros() -> None:
    """Over axis 1: 7 and 7 have no deviation; 1 and 3 lie one deviation from their mean."""
    x = fed([[7.0, 7.0], [1.0, 3.0]], "float64")
    (y,) = computed("MeanVarianceNormalization", Sample({"axes": (1,)}, (x,)))
    assert y[0].tolist() == [0, 0]
    np.testing.assert_allclose(y[1], [-1, 1], rtol=2e-9)  # 1e-9 is added to the deviation


def test_statistics_are_as_wide_as_what_they_are_of() -> None:
    """The mean of 1 and 1 + 2^-30 is not one of float32, nor is the inverse of half their distance."""
    x = fed([[1.0, 1 + 2.0**-30]], "float64")
    scales = Arg(np.ones(2), constant=True)
    _, mean, inverse = computed("LayerNormalization", Sample({"epsilon": 0.0}, (x, scales), outs=3))
    assert mean.item() == 1 + 2.0**-31
    assert inverse.item() == 2.0**31


def test_embeddings_with_a_mask_and_places() -> None:
    ids, kept = fed([[1, 2, 0]], "int32"), fed([[1, 1, 0]], "int32")
    tables = (weights(5, 4), weights(6, 4), None, weights(4), weights(4))
    sample = Sample({}, (ids, None, *tables, kept, fed([[2, 1, 0]], "int32")), outs=3)
    y, words, total = computed(MS + "EmbedLayerNormalization", sample)
    word, place = tables[0], tables[1]
    assert word is not None
    assert place is not None
    np.testing.assert_array_equal(total, word.value[[[1, 2, 0]]] + place.value[[[2, 1, 0]]])
    assert words.tolist() == [2]
    assert y.shape == (1, 3, 4)


# --- what is left of control flow -----------------------------------------------------------------------------------


def test_turns_that_make_the_same_are_stacked() -> None:
    sample = Sample({"count": 3, "axis": 1}, (fed([[1], [2]]),))
    assert computed("npusim::Stack", sample)[0].tolist() == [[[1], [1], [1]], [[2], [2], [2]]]


def test_what_holds_parameters_makes_nothing() -> None:
    assert computed("npusim::Idle", Sample({}, (weights(3),), outs=0)) == []
