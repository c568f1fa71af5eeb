"""Values of the attention operators of com.microsoft: other settings than the samples, against onnxruntime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from oracles import agree
from sample_kit import Arg, Sample, act, computed, const, fed, weights

from npusim.errors import InputError

Array = np.ndarray[Any, Any]
MS = "com.microsoft::"


def _ints(values: Any) -> Arg:
    return fed(values, "int32")


def _attention(attrs: dict[str, Any], *more: Arg | None, outs: int = 1) -> tuple[str, Sample]:
    ins = (act(2, 3, 8), weights(8, 24), weights(24), *more)
    return MS + "Attention", Sample({"num_heads": 2} | attrs, ins, outs=outs)


def _multi(attrs: dict[str, Any], *more: Arg | None, outs: int = 1, keys: int = 5) -> tuple[str, Sample]:
    ins = (act(2, 3, 8), act(2, keys, 8), act(2, keys, 12), *more)
    return MS + "MultiHeadAttention", Sample({"num_heads": 2} | attrs, ins, outs=outs)


def _grouped(
    attrs: dict[str, Any], last: list[int], total: int, past: int, *, new: int = 1, rotary: bool = False
) -> tuple[str, Sample]:
    kept = (act(2, 2, past, 16), act(2, 2, past, 16)) if past else (None, None)
    tables = (weights(12, 8), weights(12, 8)) if rotary else ()
    ins = (
        act(2, new, 64), act(2, new, 32), act(2, new, 32), *kept, const(last, "int32"), const(total, "int32"), *tables,
    )  # fmt: skip
    base = {"num_heads": 4, "kv_num_heads": 2, "do_rotary": int(rotary)}
    return MS + "GroupQueryAttention", Sample(base | attrs, ins, outs=3)


MASK = _ints([[1, 1, 0], [1, 0, 0]])
CASES = [
    _attention({"scale": 0.3}, MASK),
    _attention({"mask_filter_value": -50.0}, _ints([2, 3])),
    _attention({}, _ints([[[1, 0, 0], [1, 1, 0], [1, 1, 1]]] * 2)),
    _attention({"unidirectional": 1}, None, None, act(2, 2, 3, 3)),
    _attention({}, MASK, None, act(1, 2, 3, 3)),
    (
        MS + "Attention",
        Sample({"num_heads": 2, "qkv_hidden_sizes": (8, 8, 12)}, (act(2, 3, 8), weights(8, 28), weights(28))),
    ),
    _multi({"scale": 0.3, "unidirectional": 1}, weights(28), keys=3),
    _multi({}, None, _ints([5, 3])),
    _multi({"mask_filter_value": -20.0}, weights(28), _ints([[1, 1, 0, 1, 0], [1, 1, 1, 1, 0]]), act(2, 2, 3, 5)),
    _grouped({}, [6, 6], 7, 6),
    _grouped({"scale": 0.2, "softcap": 3.0}, [5, 5], 6, 5),
    _grouped({"local_window_size": 3}, [7, 7], 8, 7),
    _grouped({"rotary_interleaved": 1}, [6, 6], 7, 6, rotary=True),
    _grouped({}, [3, 3], 4, 0, new=4, rotary=True),
    _grouped({"local_window_size": 2}, [3, 3], 4, 0, new=4),
    (
        MS + "RotaryEmbedding",
        Sample({"interleaved": 1}, (act(2, 4, 8), fed([3]), weights(10, 4), weights(10, 4))),
    ),
    (
        MS + "RotaryEmbedding",
        Sample({"num_heads": 2, "rotary_embedding_dim": 4}, (act(2, 4, 16), fed([1]), weights(10, 2), weights(10, 2))),
    ),
]


@pytest.mark.parametrize(("op", "sample"), CASES)
def test_as_onnxruntime_computes_it(op: str, sample: Sample) -> None:
    agree(op, sample)


def test_a_cache_filled_to_different_places() -> None:
    """The batch elements hold 1 and 3 keys; equal scores give the mean of the values, the new one included:
    (2 + 10) / 2 and (2 + 3 + 4 + 10) / 4.
    """
    past_k, past_v = np.zeros((2, 1, 4, 2)), np.repeat(np.array([2.0, 3, 4, 99])[None, None, :, None], 2, axis=0)
    past_v = np.repeat(past_v, 2, axis=3)
    new = np.zeros((2, 1, 2))
    sample = Sample(
        {"num_heads": 1, "kv_num_heads": 1},
        (
            Arg(new), Arg(new), Arg(new + 10), Arg(past_k), Arg(past_v), const([1, 3], "int32"), const(4, "int32"),
        ),
        outs=3,
    )  # fmt: skip
    y, _, values, _ = computed(MS + "GroupQueryAttention", sample)
    assert y[:, 0, 0].tolist() == [6.0, 4.75]
    assert values[0, 0, :, 0].tolist() == [2, 10, 0, 0]
    assert values[1, 0, :, 0].tolist() == [2, 3, 4, 10]


def test_packed_operands_are_the_same_apart() -> None:
    q, k, v = (act(2, 3, 2, 4).value + shift for shift in (0, 0.5, 1))
    apart = Sample({"num_heads": 2}, tuple(Arg(x.reshape(2, 3, 8)) for x in (q, k, v)))
    op = MS + "MultiHeadAttention"
    (expected, *_) = computed(op, apart)
    all_packed = Sample({"num_heads": 2}, (Arg(np.stack([q, k, v], axis=3)),))
    np.testing.assert_array_equal(computed(op, all_packed)[0], expected)
    two = Sample({"num_heads": 2}, (Arg(q.reshape(2, 3, 8)), Arg(np.stack([k, v], axis=3))))
    np.testing.assert_array_equal(computed(op, two)[0], expected)


def test_turning_is_scaled() -> None:
    """A quarter turn takes (1, 2) to (-2, 1); times 3."""
    sample = Sample(
        {"scale": 3.0}, (Arg(np.array([[[1.0, 2.0]]])), fed([0]), Arg(np.zeros((1, 1))), Arg(np.ones((1, 1))))
    )
    assert computed(MS + "RotaryEmbedding", sample)[0].tolist() == [[[-6.0, 3.0]]]


@pytest.mark.parametrize(
    ("op", "sample", "match"),
    [
        (*_attention({"do_rotary": 1}), "do_rotary"),
        (*_attention({}, _ints([0, 1, 2, 3])), "mask of shape"),
        (*_grouped({"smooth_softmax": 1}, [6, 6], 7, 6), "smooth_softmax"),
    ],
)
def test_what_is_not_computed_is_one_error(op: str, sample: Sample, match: str) -> None:
    with pytest.raises(InputError, match=match) as raised:
        computed(op, sample)
    assert raised.value.code == "no-execute"
