"""Values of recurrent layers: batches first, functions of every name, and attributes that make no sense."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from draws_matmul import GATES
from oracles import agree
from sample_kit import Arg, Sample, act, computed, weights

from npusim.errors import InputError

Array = np.ndarray[Any, Any]
STEPS, BATCH, INPUTS, HIDDEN = 4, 2, 3, 2


@pytest.mark.parametrize("op", GATES)
def test_batch_first_is_the_same_turned(op: str) -> None:
    rows = GATES[op] * HIDDEN
    x, w, r, h = act(STEPS, BATCH, INPUTS), weights(2, rows, INPUTS), weights(2, rows, HIDDEN), act(2, BATCH, HIDDEN)
    outs, attrs = (3 if op == "LSTM" else 2), {"direction": "bidirectional"}
    plain = computed(op, Sample(attrs, (x, w, r, None, None, h), outs=outs))
    turned_in = (Arg(x.value.transpose(1, 0, 2)), w, r, None, None, Arg(h.value.transpose(1, 0, 2)))
    turned = computed(op, Sample(attrs | {"layout": 1}, turned_in, outs=outs))
    np.testing.assert_array_equal(turned[0], plain[0].transpose(2, 0, 1, 3))
    for end, same in zip(turned[1:], plain[1:], strict=True):
        np.testing.assert_array_equal(end, same.transpose(1, 0, 2))


# Two for each direction of a GRU; LeakyRelu and ScaledTanh take the first alphas, and ScaledTanh the first beta.
_NAMES = ("Sigmoid", "LeakyRelu", "HardSigmoid", "ScaledTanh")


@pytest.mark.parametrize(
    ("op", "attrs"),
    [
        ("RNN", {"activations": ("Relu",)}),
        ("RNN", {"activations": ("Affine",), "activation_alpha": (0.5,), "activation_beta": (0.25,)}),
        ("RNN", {"activations": ("ThresholdedRelu",), "activation_alpha": (0.5,)}),
        ("RNN", {"activations": ("Elu",), "activation_alpha": (0.5,)}),
        ("RNN", {"activations": ("Softsign",)}),
        ("RNN", {"activations": ("Softplus",)}),
        (
            "GRU",
            {
                "direction": "bidirectional",
                "activations": _NAMES,
                "activation_alpha": (0.1, 0.3, 0.7),
                "activation_beta": (0.4, 0.6),
            },
        ),
    ],
)
def test_named_functions_as_onnxruntime_applies_them(op: str, attrs: dict[str, Any]) -> None:
    count, rows = (2 if "direction" in attrs else 1), GATES[op] * HIDDEN
    ins = (act(STEPS, BATCH, INPUTS), weights(count, rows, INPUTS), weights(count, rows, HIDDEN))
    sample = Sample(attrs | {"hidden_size": HIDDEN}, ins, outs=2)
    agree(op, sample)


@pytest.mark.parametrize(
    ("attrs", "match"),
    [
        ({"activations": ("Magic",)}, "Magic"),
        ({"activations": ("Tanh", "Tanh")}, "not 1 for each of 1"),
        ({"direction": "sideways"}, "sideways"),
    ],
)
def test_attributes_that_make_no_sense_are_one_error(attrs: dict[str, Any], match: str) -> None:
    ins = (act(STEPS, BATCH, INPUTS), weights(1, HIDDEN, INPUTS), weights(1, HIDDEN, HIDDEN))
    with pytest.raises(InputError, match=match):
        computed("RNN", Sample(attrs, ins, outs=2))
