"""Samples of operators that make or reshape tensors, and of all others."""

from __future__ import annotations

import numpy as np
from sample_kit import Sample, act, const, fed, ints, scale, weights

from npusim.ir import DType

VIEW: dict[str, list[Sample]] = {
    "Reshape": [
        Sample({}, (act(2, 3, 4), const([0, -1]))),
        Sample({"allowzero": 1}, (act(0, 3), const([3, 0])), opset=14),
        Sample({}, (act(2, 3, 4), const([4, 0, 2]))),
        Sample({}, (act(1), const([], "int64"))),
    ],
    "Flatten": [
        Sample({"axis": 2}, (act(2, 3, 4, 5),)),
        Sample({}, (act(2, 3),)),
        Sample({"axis": 3}, (act(2, 3, 4),)),
        Sample({"axis": -1}, (act(2, 3, 4),)),
    ],
    "Squeeze": [
        Sample({"axes": (0, -1)}, (act(1, 3, 1),), opset=11),
        Sample({}, (act(1, 3, 1), const([2]))),
        Sample({}, (act(1, 3, 1),)),
    ],
    "Unsqueeze": [
        Sample({"axes": (0, 3)}, (act(2, 3),), opset=11),
        Sample({}, (act(2, 3), const([-1, 1]))),
    ],
    "Identity": [Sample({}, (act(2, 3),))],
    "Optional": [Sample({}, (act(2, 3),), ort="a graph output of optional type", onnx="optional type")],
    "OptionalGetElement": [Sample({}, (act(2, 3),))],
    "OptionalHasElement": [
        Sample({}, (act(2, 3),)),
        Sample({}, (None,), ort="an input that is left out", onnx="likewise"),
    ],
    "Dropout": [
        Sample({"ratio": 0.3}, (act(2, 3),), opset=7),
        Sample({}, (act(2, 3), scale(0.3), const(False, "bool")), outs=2),
        Sample({}, (act(2, 3), scale(0.3), const(True, "bool")), outs=2, values="drawn at random"),
    ],
    "Cast": [
        Sample({"to": DType.INT32}, (act(2, 3),)),
        Sample({"to": "float16"}, (act(2, 3),)),
        Sample({"to": DType.BOOL}, (fed([0, 1, -2]),)),
        Sample({"to": DType.BFLOAT16}, (act(4, 5),)),
        Sample({"to": DType.UINT8}, (fed([0.9, 1.1, 254.7], "float32"),)),
        Sample({"to": DType.FLOAT32}, (act(3),)),
    ],
    "CastLike": [Sample({}, (act(2, 3), ints(1, dtype="int32")))],
    "BitCast": [Sample({"to": DType.INT32}, (act(2, 3),), opset=26), Sample({"to": DType.UINT32}, (act(),), opset=26)],
}

CONSTANT: dict[str, list[Sample]] = {
    "Constant": [
        Sample({"value": np.array([[1, 2], [3, 4]], np.int8)}, ()),
        Sample({"value_int": 3}, ()),
        Sample({"value_ints": (3, 4)}, ()),
        Sample({"value_float": 1.5}, ()),
        Sample({"value_floats": (1.5, 2.5)}, ()),
        Sample({"value_string": "a"}, ()),
        Sample({"value_strings": ("a", "bc")}, ()),
    ],
    "ConstantOfShape": [
        Sample({"value": np.array([7], np.int64)}, (const([2, 3]),)),
        Sample({}, (const([4]),)),
        Sample({}, (const([], "int64"),)),
    ],
    "Range": [
        Sample({}, (const(1), const(10), const(3))),
        Sample({}, (scale(5.0), scale(0.0), scale(-0.5))),
        Sample({}, (const(3), const(3), const(1))),
    ],
    "EyeLike": [Sample({"k": 1, "dtype": DType.INT64}, (act(3, 4),)), Sample({}, (act(3, 3),))],
    "Shape": [
        Sample({}, (act(2, 3, 4),)),
        Sample({"start": 1}, (act(2, 3, 4),), opset=15),
        Sample({"start": -2, "end": 99}, (act(2, 3, 4),), opset=15),
        Sample({"end": -1}, (act(2, 3, 4),), opset=15),
    ],
    "Size": [Sample({}, (act(2, 3, 4),))],
    **{
        name: [Sample({}, (const(8),)), Sample({"periodic": 0}, (const(9),))]
        for name in ("HannWindow", "HammingWindow", "BlackmanWindow")
    },
    "RandomNormal": [Sample({"shape": (2, 3)}, (), opset=21, values="random")],
    "RandomUniform": [Sample({"shape": (2, 3), "dtype": DType.FLOAT64}, (), opset=21, values="random")],
    "RandomNormalLike": [Sample({}, (act(2, 3),), opset=21, values="random")],
    "RandomUniformLike": [Sample({"dtype": DType.FLOAT64}, (act(2, 3),), opset=21, values="random")],
    "Bernoulli": [Sample({}, (act(2, 3, low=0, high=1),), opset=21, values="random")],
    "Multinomial": [Sample({"sample_size": 5}, (act(2, 3),), opset=21, values="random")],
}

OTHER: dict[str, list[Sample]] = {
    "NonMaxSuppression": [
        Sample(
            {},
            (
                fed([[[0, 0, 1, 1], [0, 0.1, 1, 1.1], [0, 10, 1, 11]]], "float32"),
                act(1, 2, 3),
                const([2]),
                scale([0.5]),
                scale([0.0]),
            ),
        ),
        Sample({}, (act(1, 3, 4), act(1, 2, 3))),
    ],
    "NegativeLogLikelihoodLoss": [
        Sample({"reduction": "none"}, (act(2, 3, 4), ints(2, 4, low=0, high=3))),
        Sample({}, (act(2, 3), fed([0, 2]), weights(3))),
    ],
    "SoftmaxCrossEntropyLoss": [Sample({}, (act(2, 3), fed([0, 2])), outs=2)],
    "DFT": [
        Sample({"axis": 1}, (act(2, 8, 1),), opset=17),
        Sample({"onesided": 1}, (act(2, 8, 3, 1), None, const(1)), opset=20),
        Sample({}, (act(2, 8, 2), const(6), const(1)), opset=20),
        Sample({"inverse": 1}, (act(2, 8, 2), None, const(-2)), opset=20),
    ],
    "STFT": [
        Sample(
            {}, (act(2, 32, 1), const(4), None, const(8)), opset=17, onnx="takes the frame length for the frequencies"
        ),
        Sample({"onesided": 0}, (act(2, 32, 1), const(4), weights(8)), opset=17),
    ],
    "MelWeightMatrix": [Sample({}, (const(8), const(16), const(8192), scale(0.0), scale(4096.0)), opset=17)],
    "Det": [Sample({}, (act(2, 3, 3),)), Sample({}, (act(4, 4),))],
}
