"""Values of attention: scores of each kind, caches that are not full, and cases worked by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from oracles import reference
from sample_kit import Arg, Sample, act, computed, fed

from npusim.errors import InputError

Array = np.ndarray[Any, Any]


@pytest.mark.parametrize("mode", [1, 2, 3])
def test_the_scores_of_each_mode_as_onnx_computes_them(mode: int) -> None:
    """Behind the cap, masked, probabilities. Raw scores (0) are held against onnxruntime: the reference caps them."""
    attrs = {"qk_matmul_output_mode": mode, "softcap": 2.0, "is_causal": 1}
    sample = Sample(attrs, tuple(act(1, 2, 3, 4) for _ in range(3)), outs=4, opset=24)
    np.testing.assert_allclose(computed("Attention", sample)[3], reference("Attention", sample)[3], rtol=1e-5)


def test_a_cache_that_is_not_full_is_read_as_far_as_it_goes() -> None:
    """One query, causal, cache of 4: with 1 valid key it sees the first value alone, with 2 equal ones their mean.

    A query that comes before every valid key (2 queries, 1 key) sees nothing, and is zero.
    """
    k, v = np.zeros((2, 1, 4, 1), np.float32), np.arange(8, dtype=np.float32).reshape(2, 1, 4, 1)
    q, valid = np.zeros((2, 1, 1, 1), np.float32), fed([1, 2])
    ins = (Arg(q), Arg(k), Arg(v), None, None, None, valid)
    assert computed("Attention", Sample({"is_causal": 1}, ins, opset=24))[0].reshape(-1).tolist() == [0.0, 4.5]
    two = (Arg(np.zeros((2, 1, 2, 1), np.float32)), *ins[1:])
    y = computed("Attention", Sample({"is_causal": 1}, two, opset=24))[0]
    assert y.reshape(2, 2).tolist() == [[0.0, 0.0], [4.0, 4.5]]


def test_a_window_lets_each_query_see_its_neighbours() -> None:
    """The drawing of ONNX (Attention-25): 2 to the left, 1 to the right; equal scores give the mean of the values."""
    q, k = np.zeros((1, 1, 4, 1), np.float32), np.zeros((1, 1, 6, 1), np.float32)
    ins = (Arg(q), Arg(k), fed([[[[0], [6], [12], [18], [24], [30]]]], "float32"))
    (y, *_) = computed("Attention", Sample({"left_window_size": 2, "right_window_size": 1}, ins, opset=25))
    assert y.reshape(-1).tolist() == [3, 6, 9, 15]  # of 0, 6; 0, 6, 12; 0 to 18; 6 to 24
    causal = Sample({"left_window_size": 1, "right_window_size": 3, "is_causal": 1}, ins, opset=25)
    assert computed("Attention", causal)[0].reshape(-1).tolist() == [0, 3, 9, 15]


def test_a_mask_may_be_as_short_as_what_is_valid() -> None:
    """Keys beyond the mask are not seen: the mean of the first 2 of 4 values."""
    ins = (
        Arg(np.zeros((1, 1, 1, 1), np.float32)), Arg(np.zeros((1, 1, 4, 1), np.float32)),
        fed([[[[1], [3], [50], [70]]]], "float32"), Arg(np.ones((1, 2), bool)), None, None, fed([2]),
    )  # fmt: skip
    assert computed("Attention", Sample({}, ins, opset=24))[0].item() == 2.0


def test_no_positions_give_no_output() -> None:
    sample = Sample({}, (act(1, 1, 0, 4), act(1, 1, 2, 4), act(1, 1, 2, 3)), opset=24)
    assert computed("Attention", sample)[0].shape == (1, 1, 0, 3)


@pytest.mark.parametrize(
    ("op", "attrs", "match"),
    [
        ("Attention", {"qk_matmul_output_mode": 4}, "qk_matmul_output_mode 4"),
        ("LinearAttention", {"q_num_heads": 1, "kv_num_heads": 1, "update_rule": "magic"}, "magic"),
    ],
)
def test_an_unknown_choice_is_one_error(op: str, attrs: dict[str, Any], match: str) -> None:
    shape = (1, 1, 2, 3) if op == "Attention" else (1, 2, 3)
    with pytest.raises(InputError, match=match):
        computed(op, Sample(attrs, (act(*shape), act(*shape), act(*shape)), opset=27))
