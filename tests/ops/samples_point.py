"""Samples of operators that work element by element."""

from __future__ import annotations

import numpy as np
from sample_kit import Arg, Sample, act, const, fed, ints, scale, truth, u8, weights, zero

from npusim.ir import DType


def _unary(names: str, *, low: float = -2.0, high: float = 2.0) -> dict[str, list[Sample]]:
    return {name: [Sample({}, (act(2, 3, 4, low=low, high=high),))] for name in names.split()}


ACTIVATION: dict[str, list[Sample]] = {
    **_unary("Relu Abs Neg Sign Floor Ceil Round Sigmoid Tanh Mish Softplus Softsign Erf Exp HardSwish Sin Cos Tan"),
    **_unary("Atan Sinh Cosh Asinh"),
    **_unary("Log Sqrt Reciprocal", low=0.1, high=5),
    **_unary("Asin Acos Atanh", low=-0.9, high=0.9),
    **_unary("Acosh", low=1.1, high=9),
    "BitwiseNot": [Sample({}, (ints(3, 4, dtype="int32"),))],
    "ThresholdedRelu": [Sample({"alpha": 0.5}, (act(3, 4),)), Sample({}, (act(3, 4),))],
    "Shrink": [Sample({"lambd": 1.0, "bias": 0.5}, (act(3, 4),)), Sample({}, (act(5),))],
    "LeakyRelu": [Sample({"alpha": 0.2}, (act(1, 3, 4, 4),)), Sample({}, (act(7),))],
    "HardSigmoid": [Sample({"alpha": 0.3, "beta": 0.4}, (act(3, 4),)), Sample({}, (act(3, 4, low=-5, high=5),))],
    "Elu": [Sample({"alpha": 1.5}, (act(3, 4),)), Sample({}, (act(5),))],
    "Selu": [Sample({}, (act(3, 4),)), Sample({"alpha": 2.0, "gamma": 3.0}, (act(3, 4),))],
    "Celu": [Sample({"alpha": 2.0}, (act(3, 4),))],
    "Swish": [Sample({"alpha": 0.7}, (act(3, 4),), opset=24), Sample({}, (act(3, 4),), opset=24)],
    "Gelu": [Sample({"approximate": "tanh"}, (act(3, 4),)), Sample({}, (act(3, 4),))],
    "com.microsoft::Gelu": [Sample({}, (act(3, 4),))],
    "com.microsoft::QuickGelu": [Sample({"alpha": 1.5}, (act(3, 4),)), Sample({}, (act(3, 4),))],
    "com.microsoft::FastGelu": [Sample({}, (act(2, 3, 4), weights(4))), Sample({}, (act(2, 3, 4),))],
    "com.microsoft::BiasGelu": [Sample({}, (act(2, 3, 4), weights(4)))],
    "Clip": [
        Sample({"min": -1.0, "max": 1.0}, (act(3, 4),), opset=7),
        Sample({}, (act(3, 4), scale(-1.0), None)),
        Sample({}, (act(3, 4), None, scale(0.5))),
        Sample({}, (act(3, 4),)),
    ],
    "PRelu": [Sample({}, (act(2, 3, 4, 4), weights(3, 1, 1))), Sample({}, (act(2, 3), weights(1)))],
    "SwiGLU": [Sample({"alpha": 1.5}, (act(2, 3), act(2, 3)), opset=28, ort="newer than this onnxruntime")],
    "Not": [Sample({}, (truth(2, 3),))],
    "IsNaN": [Sample({}, (fed([1.0, np.nan, np.inf], "float32"),))],
    "IsInf": [
        Sample({}, (fed([1.0, np.nan, np.inf, -np.inf], "float32"),)),
        Sample({"detect_negative": 0}, (fed([np.inf, -np.inf], "float32"),)),
        Sample({"detect_positive": 0}, (fed([np.inf, -np.inf], "float32"),)),
    ],
}

ELEMENTWISE: dict[str, list[Sample]] = {
    **{
        name: [
            Sample({}, (act(2, 3, 4, low=0.5, high=4), act(3, 1, low=0.5, high=4))),
            Sample({}, (act(2, 1, 4), weights(3, 1, low=0.5, high=3)))
            if name != "Pow"
            else Sample({}, (act(3), scale(2.0))),
            Sample({}, (fed([7, -7, 7, -7]), fed([2, 2, -2, -2])))
            if name != "Pow"
            else Sample({}, (fed([2, 3, -2]), fed([3, 2, 5]))),
        ]
        for name in ("Add", "Sub", "Mul", "Div", "Pow")
    },
    "Mod": [
        Sample({}, (fed([7, -7, 7, -7]), fed([2, 2, -2, -2]))),
        Sample({"fmod": 1}, (act(2, 3), act(2, 3, low=0.5, high=1))),
    ],
    "BitShift": [
        Sample({"direction": "LEFT"}, (u8(4), fed([1, 2, 3, 0], "uint8"))),
        Sample({"direction": "RIGHT"}, (u8(4), fed([1], "uint8"))),
    ],
    **{
        f"Bitwise{name}": [Sample({}, (ints(2, 3, dtype="int32"), ints(3, dtype="int32")))]
        for name in ("And", "Or", "Xor")
    },
    **{name: [Sample({}, (truth(2, 3), truth(3)))] for name in ("And", "Or", "Xor")},
    **{
        name: [Sample({}, (ints(2, 3, 4), ints(4))), Sample({}, (act(2, 3), act(2, 3)))]
        for name in ("Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual")
    },
    **{
        name: [Sample({}, (act(2, 3), act(3), weights(2, 1))), Sample({}, (act(2, 3),))]
        for name in ("Max", "Min", "Sum", "Mean")
    },
    "Where": [Sample({}, (truth(2, 1), act(3), weights(2, 3))), Sample({}, (truth(2, 1), ints(2, 3), const(-1)))],
}

SOFTMAX: dict[str, list[Sample]] = {
    name: [
        Sample({"axis": 1}, (act(2, 3, 4),)),
        Sample({}, (act(2, 3, 4),)),
        Sample({"axis": 1}, (act(2, 3, 4),), opset=11),
        Sample({}, (act(2, 3, 4),), opset=7),
    ]
    for name in ("Softmax", "LogSoftmax", "Hardmax")
}

QUANTISE: dict[str, list[Sample]] = {
    "QuantizeLinear": [
        Sample({}, (act(3, 4, low=-90, high=90), scale(0.5), zero(100))),
        Sample({}, (act(3, 4), scale(0.5)), opset=13),
        Sample({"axis": 1}, (act(2, 3, 4, low=-90, high=90), scale([0.5, 0.25, 1.0]), zero([1, 2, 3], "int8"))),
        Sample(
            {"axis": 1, "block_size": 2},
            (act(2, 4), scale([[0.5, 0.25], [1.0, 2.0]]), zero([[1, 2], [3, 4]])),
            opset=21,
        ),
        Sample({"output_dtype": DType.INT16}, (act(3, 4), scale(0.1)), opset=21),
        Sample({"output_dtype": DType.INT4}, (act(3, 4, low=-9, high=9), scale(0.5)), opset=21),
    ],
    "DequantizeLinear": [
        Sample({}, (u8(3, 4), scale(0.5), zero(100))),
        Sample({}, (u8(3, 4), scale(0.5))),
        Sample({"axis": 0}, (u8(3, 4), scale([0.5, 0.25, 1.0]), zero([1, 2, 3]))),
        Sample(
            {"axis": 1, "block_size": 2}, (u8(2, 4), scale([[0.5, 0.25], [1.0, 2.0]]), zero([[1, 2], [3, 4]])), opset=21
        ),
        Sample({}, (Arg(ints(5, dtype="int32").value, constant=True), scale(0.5))),
    ],
    "com.microsoft::QuantizeLinear": [Sample({}, (act(3, 4), scale(0.1), zero(9, "uint16")))],
    "com.microsoft::DequantizeLinear": [
        Sample({}, (Arg(u8(3, 4).value.astype(np.uint16)), scale(0.1), zero(9, "uint16")))
    ],
    "DynamicQuantizeLinear": [Sample({}, (act(3, 4),), outs=3), Sample({}, (act(5, low=1, high=3),), outs=3)],
    "com.microsoft::QLinearAdd": [
        Sample({}, (u8(2, 3, 4), scale(), zero(), u8(3, 1, constant=True), scale(), zero(), scale(), zero())),
        Sample({}, (u8(2, 3), scale(), zero(), u8(2, 3), scale(0.25), zero(), scale(), zero())),
    ],
    "com.microsoft::QLinearMul": [Sample({}, (u8(2, 3, 4), scale(), zero(), u8(4), scale(), zero(), scale(), zero()))],
    "com.microsoft::QLinearWhere": [
        Sample({}, (truth(2, 1), u8(2, 3), scale(), zero(), u8(3), scale(), zero(), scale(), zero()))
    ],
    "com.microsoft::QLinearLeakyRelu": [Sample({"alpha": 0.1}, (u8(2, 3), scale(), zero(), scale(), zero()))],
    "com.microsoft::QLinearSigmoid": [Sample({}, (u8(2, 3), scale(), zero(), scale(), zero()))],
    "com.microsoft::QLinearSoftmax": [
        Sample({"axis": -1, "opset": 13}, (u8(2, 3), scale(0.1), zero(), scale(1 / 256), zero(0)))
    ],
    "com.microsoft::QLinearReduceMean": [
        Sample(
            {"axes": (2, 3), "keepdims": 1},
            (u8(2, 3, 4, 5), scale(), zero(), scale(), zero()),
            ort="not in this onnxruntime",
        )
    ],
    "com.microsoft::QLinearConcat": [
        Sample({"axis": 1}, (scale(), zero(), u8(2, 3), scale(), zero(), u8(2, 5), scale(0.25), zero(1)))
    ],
}
