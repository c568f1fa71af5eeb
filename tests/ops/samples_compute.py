"""Samples of operators that multiply and accumulate, normalise or pool."""

from __future__ import annotations

import numpy as np
from sample_kit import Arg, Sample, act, const, fed, ints, scale, u8, weights, zero

CONV: dict[str, list[Sample]] = {
    "Conv": [
        Sample({"group": 3}, (act(1, 6, 5, 5), weights(12, 2, 3, 3), weights(12))),
        Sample({"strides": (2, 1), "pads": (0, 1, 2, 3), "dilations": (1, 2)}, (act(2, 4, 9, 8), weights(4, 4, 3, 2))),
        Sample({"auto_pad": "SAME_LOWER"}, (act(1, 3, 8, 8), weights(2, 3, 4, 4))),
        Sample({"auto_pad": "SAME_UPPER", "strides": (2, 2)}, (act(1, 3, 9, 8), weights(2, 3, 3, 3))),
        Sample({}, (act(1, 3, 9), weights(2, 3, 3))),
        Sample({}, (act(1, 3, 4, 5, 6), weights(2, 3, 3, 2, 2))),
        Sample({}, (act(1, 3, 5, 5), act(2, 3, 3, 3))),
    ],
    "ConvTranspose": [
        Sample({"strides": (2, 2)}, (act(1, 1, 2, 2), weights(1, 1, 2, 2))),
        Sample({"strides": (2, 2), "auto_pad": "SAME_UPPER"}, (act(1, 1, 3, 3), weights(1, 2, 3, 3))),
        Sample({"strides": (3, 2), "auto_pad": "SAME_LOWER"}, (act(1, 1, 3, 3), weights(1, 2, 3, 3))),
        Sample({"strides": (3, 2), "output_shape": (10, 8)}, (act(1, 1, 3, 3), weights(1, 2, 3, 3))),
        Sample(
            {"strides": (2, 2), "output_padding": (1, 1), "pads": (1, 1, 1, 1)}, (act(1, 2, 3, 3), weights(2, 1, 3, 3))
        ),
        Sample({"group": 3, "dilations": (2, 1)}, (act(2, 6, 4, 4), weights(6, 1, 3, 3), weights(3))),
        Sample({"strides": (2,), "auto_pad": "VALID"}, (act(1, 2, 3), weights(2, 1, 3))),
    ],
    "com.microsoft::FusedConv": [
        Sample({"activation": "Relu"}, (act(1, 3, 5, 5), weights(2, 3, 3, 3), weights(2))),
        Sample({"activation": "Relu"}, (act(1, 3, 5, 5), weights(2, 3, 3, 3), weights(2), act(1, 2, 3, 3))),
    ],
    "ConvInteger": [Sample({"pads": (1, 1, 1, 1)}, (u8(1, 1, 5, 5), u8(2, 1, 3, 3, constant=True), zero()))],
    "QLinearConv": [
        Sample(
            {},
            (
                u8(1, 2, 5, 5),
                scale(),
                zero(),
                u8(3, 2, 3, 3, constant=True),
                scale(),
                zero(),
                scale(),
                zero(),
                const([1, 2, 3], "int32"),
            ),
        )
    ],
    "DeformConv": [
        Sample({}, (act(1, 2, 5, 5), weights(3, 2, 3, 3), act(1, 18, 3, 3)), opset=19),
        Sample(
            {"group": 2},
            (act(1, 2, 5, 5), weights(4, 1, 3, 3), act(1, 18, 3, 3), weights(4), act(1, 9, 3, 3)),
            opset=19,
        ),
    ],
    "CausalConvWithState": [
        Sample({}, (act(2, 3, 7), weights(3, 1, 4), weights(3)), outs=2, opset=27),
        Sample({"activation": "silu"}, (act(2, 3, 7), weights(3, 1, 4), None, act(2, 3, 3)), outs=2, opset=27),
    ],
}

MATMUL: dict[str, list[Sample]] = {
    "MatMul": [
        Sample({}, (act(2, 3), act(4, 3, 5))),
        Sample({}, (act(3, 1, 2, 4), act(5, 4, 6))),
        Sample({}, (act(4), weights(4, 5))),
        Sample({}, (act(2, 3, 4), weights(4))),
        Sample({}, (act(4), act(4))),
        Sample({}, (weights(5, 4), act(2, 4, 3))),
    ],
    "com.microsoft::FusedMatMul": [
        Sample({"transA": 1, "alpha": 0.5}, (act(2, 4, 3), weights(4, 5))),
        Sample({"transB": 1}, (act(2, 3, 4), act(2, 5, 4))),
    ],
    "com.microsoft::TransposeMatMul": [Sample({"transB": 1}, (act(2, 3, 4), act(2, 5, 4)))],
    "Gemm": [
        Sample({"transA": 1, "transB": 1, "alpha": 0.5, "beta": 2.0}, (act(6, 4), weights(5, 6), weights(5))),
        Sample({}, (act(4, 6), weights(6, 5))),
        Sample({}, (act(4, 6), weights(6, 5), weights(4, 1))),
    ],
    "com.microsoft::FusedGemm": [Sample({"activation": "Relu", "transB": 1}, (act(4, 6), weights(5, 6), weights(5)))],
    "MatMulInteger": [
        Sample({}, (u8(2, 3, 4), u8(4, 5, constant=True), zero(), zero(4))),
        Sample({}, (u8(3, 4), u8(4, 5))),
        Sample({}, (u8(3, 4), u8(4, 2), zero(1), zero([4, 5]))),
    ],
    "com.microsoft::MatMulIntegerToFloat": [
        Sample({}, (u8(2, 4), u8(4, 5, constant=True), scale(), scale(0.25), zero(), zero(), weights(5)))
    ],
    "com.microsoft::DynamicQuantizeMatMul": [
        Sample({}, (act(2, 3, 4), u8(4, 5, constant=True), scale(), zero(), weights(5)))
    ],
    "QLinearMatMul": [
        Sample({}, (u8(2, 3, 8), scale(), zero(), u8(8, 4, constant=True), scale(), zero(), scale(), zero()))
    ],
    "com.microsoft::QGemm": [
        Sample(
            {"transB": 1},
            (u8(2, 4), scale(), zero(), u8(5, 4, constant=True), scale(), zero(), const([1] * 5, "int32")),
        ),
        Sample({}, (u8(2, 4), scale(), zero(), u8(4, 5, constant=True), scale(), zero(), None, scale(), zero())),
    ],
    "com.microsoft::MatMulNBits": [
        Sample(
            {"K": 32, "N": 4, "bits": 4, "block_size": 16},
            (act(3, 32), u8(4, 2, 8, constant=True), weights(4, 2)),
        )
    ],
    "Einsum": [
        Sample({"equation": "bij,bjk->bik"}, (act(2, 3, 4), act(2, 4, 5))),
        Sample({"equation": "...ij,...jk->...ik"}, (act(2, 1, 3, 4), act(1, 6, 4, 5))),
        Sample({"equation": "ij,jk"}, (act(3, 4), weights(4, 5))),
        Sample({"equation": "ii->i"}, (act(4, 4),)),
        Sample({"equation": "ij->ji"}, (act(3, 4),)),
        Sample({"equation": "ij->"}, (act(3, 4),)),
        Sample({"equation": "i,j->ij"}, (act(3), act(4))),
        Sample({"equation": "ij, jk, kl -> il"}, (act(2, 3), act(3, 4), act(4, 5))),
        Sample({"equation": "ij,jk->k"}, (act(2, 3), act(3, 4))),
    ],
}

RECURRENT: dict[str, list[Sample]] = {
    "LSTM": [
        Sample({"hidden_size": 4}, (act(5, 2, 3), weights(1, 16, 3), weights(1, 16, 4), weights(1, 32)), outs=3),
        Sample(
            {"hidden_size": 4, "direction": "bidirectional"},
            (act(5, 2, 3), weights(2, 16, 3), weights(2, 16, 4), None, None, None, None, weights(2, 12)),
            outs=3,
        ),
        Sample(
            {"hidden_size": 4, "layout": 1},
            (act(2, 5, 3), weights(1, 16, 3), weights(1, 16, 4)),
            outs=3,
            ort="layout 1 is not done",
        ),
    ],
    "GRU": [
        Sample({"hidden_size": 4}, (act(5, 2, 3), weights(1, 12, 3), weights(1, 12, 4), weights(1, 24)), outs=2),
        Sample(
            {"hidden_size": 4, "direction": "reverse"}, (act(5, 2, 3), weights(1, 12, 3), weights(1, 12, 4)), outs=2
        ),
    ],
    "RNN": [
        Sample({"hidden_size": 4}, (act(5, 2, 3), weights(1, 4, 3), weights(1, 4, 4), weights(1, 8)), outs=2),
        Sample(
            {"hidden_size": 4, "direction": "bidirectional"}, (act(5, 2, 3), weights(2, 4, 3), weights(2, 4, 4)), outs=2
        ),
    ],
}

ATTENTION: dict[str, list[Sample]] = {
    "Attention": [
        Sample({}, (act(1, 4, 5, 8), act(1, 2, 6, 8), act(1, 2, 6, 8)), opset=23),
        Sample({"q_num_heads": 4, "kv_num_heads": 2}, (act(2, 5, 32), act(2, 6, 16), act(2, 6, 12)), opset=23),
        Sample(
            {"is_causal": 1, "softcap": 2.0},
            (act(2, 3, 4, 8), act(2, 3, 4, 8), act(2, 3, 4, 8), act(4, 9), act(2, 3, 5, 8), act(2, 3, 5, 8)),
            outs=4,
            opset=23,
        ),
    ],
    "com.microsoft::Attention": [
        Sample({"num_heads": 2}, (act(2, 3, 8), weights(8, 24), weights(24)), outs=1),
        Sample(
            {"num_heads": 2, "unidirectional": 1},
            (act(2, 3, 8), weights(8, 24), weights(24), None, act(2, 2, 2, 5, 4)),
            outs=2,
        ),
    ],
    "com.microsoft::MultiHeadAttention": [
        Sample({"num_heads": 2}, (act(2, 3, 8), act(2, 5, 8), act(2, 5, 12), weights(28))),
        Sample({"num_heads": 2}, (act(2, 3, 2, 3, 4),), ort="packed operands are for CUDA"),
        Sample({"num_heads": 2}, (act(2, 3, 8), act(2, 5, 2, 2, 4)), ort="packed operands are for CUDA"),
        Sample(
            {"num_heads": 2},
            (act(2, 3, 8), act(2, 5, 8), act(2, 5, 8), None, None, None, act(2, 2, 4, 4), act(2, 2, 4, 4)),
            outs=3,
        ),
    ],
    "com.microsoft::GroupQueryAttention": [
        Sample(
            {"num_heads": 4, "kv_num_heads": 2},
            (act(2, 3, 32), act(2, 3, 16), act(2, 3, 16), None, None, const([2, 2], "int32"), const(3, "int32")),
            outs=3,
        ),
        Sample(
            {"num_heads": 4, "kv_num_heads": 2},
            (act(1, 1, 64), None, None, act(1, 2, 7, 8), act(1, 2, 7, 8), const([7], "int32"), const(8, "int32")),
            outs=3,
        ),
        Sample(
            {"num_heads": 4, "kv_num_heads": 2, "do_rotary": 1},
            (
                act(1, 3, 64),
                act(1, 3, 32),
                act(1, 3, 32),
                None,
                None,
                const([2], "int32"),
                const(3, "int32"),
                weights(3, 8),
                weights(3, 8),
            ),
            outs=3,
        ),
    ],
    "LinearAttention": [
        Sample(
            {"q_num_heads": 4, "kv_num_heads": 2, "update_rule": "linear"},
            (act(2, 3, 32), act(2, 3, 16), act(2, 3, 10)),
            outs=2,
            opset=27,
        ),
        Sample(
            {"q_num_heads": 2, "kv_num_heads": 2},
            (act(2, 3, 16), act(2, 3, 16), act(2, 3, 10), act(2, 2, 8, 5), act(2, 3, 2), act(2, 3, 2)),
            outs=2,
            opset=27,
        ),
    ],
    "RotaryEmbedding": [
        Sample({}, (act(2, 3, 4, 8), act(10, 4), act(10, 4), fed([[0, 1, 2, 3], [4, 5, 6, 7]])), opset=23),
        Sample({"num_heads": 3, "interleaved": 1}, (act(2, 4, 24), act(2, 4, 4), act(2, 4, 4)), opset=23),
        Sample({"num_heads": 3, "rotary_embedding_dim": 4}, (act(2, 4, 24), act(2, 4, 2), act(2, 4, 2)), opset=23),
    ],
    "com.microsoft::RotaryEmbedding": [
        Sample({}, (act(2, 3, 4, 8), fed([[0, 1, 2, 3], [4, 5, 6, 7]]), weights(10, 4), weights(10, 4)))
    ],
}

NORMALISATION: dict[str, list[Sample]] = {
    "BatchNormalization": [
        Sample({}, (act(2, 3, 4, 4), weights(3), weights(3), weights(3), weights(3, low=0.5))),
        Sample({"epsilon": 1e-3}, (act(2, 3, 4), weights(3), weights(3), weights(3), weights(3, low=0.5)), opset=7),
        Sample(
            {"training_mode": 1, "momentum": 0.7},
            (act(2, 3, 4), weights(3), weights(3), weights(3), weights(3, low=0.5)),
            outs=3,
        ),
    ],
    "InstanceNormalization": [Sample({"epsilon": 1e-3}, (act(2, 3, 4, 4), weights(3), weights(3)))],
    "GroupNormalization": [
        Sample({"num_groups": 2}, (act(2, 4, 3, 3), weights(4), weights(4))),
        Sample({"num_groups": 2}, (act(2, 4, 3, 3), weights(2), weights(2)), opset=18),
    ],
    "LayerNormalization": [
        Sample({"axis": 1}, (act(2, 3, 4), weights(3, 4), weights(3, 4)), outs=3),
        Sample({}, (act(2, 3, 4), weights(4))),
    ],
    "RMSNormalization": [
        Sample({"axis": -2}, (act(2, 3, 4), weights(3, 4)), opset=23),
        Sample({}, (act(2, 3, 4), weights(4)), opset=23),
    ],
    "SimplifiedLayerNormalization": [
        Sample({}, (act(2, 3, 4), weights(4)), outs=2, opset=17, onnx="an operator of onnxruntime")
    ],
    "com.microsoft::SkipLayerNormalization": [
        Sample({}, (act(2, 3, 4), act(2, 3, 4), weights(4), weights(4), weights(4))),
        Sample({}, (act(2, 3, 4), act(2, 3, 4), weights(4)), outs=1),
    ],
    "com.microsoft::SkipSimplifiedLayerNormalization": [Sample({}, (act(2, 3, 4), act(2, 3, 4), weights(4)))],
    "com.microsoft::EmbedLayerNormalization": [
        Sample(
            {},
            (
                fed([[1, 2, 3]], "int32"),
                fed([[0, 1, 1]], "int32"),
                weights(9, 4),
                weights(5, 4),
                weights(2, 4),
                weights(4),
                weights(4),
            ),
            outs=2,
        )
    ],
    "LRN": [
        Sample({"size": 3, "alpha": 0.1, "beta": 0.5, "bias": 2.0}, (act(2, 5, 3, 3),)),
        Sample({"size": 5}, (act(1, 6, 2, 2),)),
    ],
    "LpNormalization": [Sample({"p": 1, "axis": 1}, (act(2, 3, 4),)), Sample({}, (act(2, 3),))],
    "MeanVarianceNormalization": [
        Sample({}, (act(2, 3, 4, 4),), onnx="its function body lacks the default axes"),
        Sample({"axes": (2, 3)}, (act(2, 3, 4, 4),)),
    ],
}

POOL: dict[str, list[Sample]] = {
    "MaxPool": [
        Sample({"kernel_shape": (2, 2), "dilations": (2, 2)}, (act(1, 2, 7, 7),), outs=2),
        Sample({"kernel_shape": (3, 2), "strides": (2, 2), "pads": (1, 0, 1, 1), "ceil_mode": 1}, (act(1, 2, 8, 8),)),
        Sample({"kernel_shape": (3,), "auto_pad": "SAME_LOWER", "strides": (2,)}, (act(2, 3, 9),)),
        Sample({"kernel_shape": (2, 2, 2)}, (act(1, 1, 3, 4, 5),)),
    ],
    "AveragePool": [
        Sample({"kernel_shape": (2, 2), "strides": (2, 2), "pads": (0, 0, 1, 1), "ceil_mode": 1}, (act(1, 3, 17, 17),)),
        Sample({"kernel_shape": (3, 3), "auto_pad": "VALID"}, (act(1, 3, 6, 6),)),
    ],
    "LpPool": [Sample({"kernel_shape": (2, 2), "p": 2}, (act(1, 3, 6, 6),))],
    "com.microsoft::NhwcMaxPool": [
        Sample({"kernel_shape": (2, 2)}, (Arg(ints(1, 6, 7, 2).value.astype(np.int8)),), ort="for XNNPACK")
    ],
    "com.microsoft::QLinearAveragePool": [
        Sample({"kernel_shape": (2, 2)}, (u8(1, 3, 6, 6), scale(), zero(), scale(), zero())),
        Sample({"kernel_shape": (2, 2), "channels_last": 1}, (u8(1, 6, 6, 3), scale(), zero(), scale(), zero())),
    ],
    **{
        name: [Sample({}, (act(2, 3, 4, 5),), opset=21)]
        for name in ("GlobalMaxPool", "GlobalAveragePool", "GlobalLpPool")
    },
    "com.microsoft::QLinearGlobalAveragePool": [Sample({}, (u8(2, 3, 4, 5), scale(), zero(), scale(), zero()))],
    "MaxRoiPool": [
        Sample(
            {"pooled_shape": (2, 3)}, (act(2, 3, 8, 8), fed([[0, 0, 0, 4, 4], [1, 2, 2, 7, 7]], "float32")), opset=21
        )
    ],
    "RoiAlign": [
        Sample(
            {"output_height": 2, "output_width": 3, "sampling_ratio": 2},
            (act(2, 3, 8, 8), fed([[0, 0, 4, 4], [2, 2, 7, 7]], "float32"), fed([0, 1])),
            opset=16,
        ),
        Sample({}, (act(2, 3, 8, 8), fed([[0, 0, 4, 4]], "float32"), fed([0])), opset=16),
    ],
    "MaxUnpool": [
        Sample({"kernel_shape": (2, 2), "strides": (2, 2)}, (act(1, 1, 2, 2), fed([[[[0, 3], [8, 11]]]]))),
        Sample(
            {"kernel_shape": (2, 2), "strides": (2, 2)},
            (act(1, 1, 2, 2), fed([[[[0, 3], [8, 11]]]]), const([1, 1, 5, 5])),
            ort="counts the places in the output asked for; ONNX in the one of the geometry",
        ),
    ],
}
