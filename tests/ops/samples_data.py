"""Samples of operators that move, select and reduce data."""

from __future__ import annotations

from sample_kit import INT64_MAX, Sample, act, const, fed, ints, scale, truth, weights

from npusim.ops import OPS

REDUCE: dict[str, list[Sample]] = {
    **{
        name: [
            Sample({"axes": (1,), "keepdims": 0}, (act(2, 3, 4, low=0.5, high=2),), opset=11),
            Sample(
                {},
                (act(2, 3, 4, low=0.5, high=2), const([0, -1])),
                opset=20 if name in ("ReduceMax", "ReduceMin") else 18,
            ),
            Sample({"noop_with_empty_axes": 1}, (act(2, 3, low=0.5, high=2),), opset=20),
            Sample({"keepdims": 0}, (act(2, 3, low=0.5, high=2),), opset=20),
        ]
        for name in OPS
        if name.startswith("Reduce")
    },
    **{
        name: [
            Sample({"axis": 1, "keepdims": 0}, (act(2, 3, 4),)),
            Sample({}, (act(2, 3),)),
            Sample({"select_last_index": 1, "axis": -1}, (fed([[2, 2, 1], [1, 2, 2]], "float32"),)),
        ]
        for name in ("ArgMax", "ArgMin")
    },
    "CumSum": [
        Sample({}, (act(2, 3), const(1))),
        Sample({"exclusive": 1}, (act(2, 3), const(-1))),
        Sample({"exclusive": 1, "reverse": 1}, (act(2, 3), const(0))),
    ],
    "CumProd": [Sample({"reverse": 1, "exclusive": 1}, (act(2, 3), const(1)), opset=26)],
    "TopK": [
        Sample({"axis": 1}, (act(2, 5), const([3])), outs=2),
        Sample({"k": 2}, (act(3, 4),), outs=2, opset=7),
        Sample({"largest": 0, "axis": 0}, (act(6, 2), const([4])), outs=2),
        Sample({}, (act(2, 5), fed([3])), outs=2),
    ],
}

RESIZE: dict[str, list[Sample]] = {
    "Resize": [
        Sample({}, (act(1, 1, 2, 4), scale([1, 1, 0.6, 0.6])), opset=10),
        Sample({"mode": "linear"}, (act(1, 1, 2, 4), scale([1, 1, 2, 2])), opset=10),
        Sample({}, (act(1, 2, 3, 3), scale([]), scale([1, 1, 2, 3])), opset=11),
        Sample({}, (act(1, 2, 3, 3), scale([]), scale([]), const([1, 2, 7, 4])), opset=11),
        Sample({"nearest_mode": "ceil"}, (act(1, 2, 5, 5), None, scale([1, 1, 0.5, 1.7]))),
        Sample(
            {"nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"},
            (act(1, 2, 5, 5), None, scale([1, 1, 2, 1.7])),
        ),
        Sample({"nearest_mode": "round_prefer_ceil"}, (act(1, 2, 5, 5), None, None, const([1, 2, 8, 3]))),
        Sample({"mode": "linear"}, (act(1, 2, 5, 5), None, None, const([1, 2, 8, 3]))),
        Sample(
            {"mode": "linear", "coordinate_transformation_mode": "align_corners"},
            (act(1, 2, 5, 5), None, None, const([1, 2, 8, 1])),
        ),
        Sample(
            {"mode": "linear", "coordinate_transformation_mode": "pytorch_half_pixel"},
            (act(1, 2, 5, 5), None, None, const([1, 2, 8, 1])),
        ),
        Sample(
            {"mode": "linear", "coordinate_transformation_mode": "half_pixel_symmetric"},
            (act(1, 2, 5, 5), None, scale([1, 1, 1.7, 0.7])),
            opset=19,
        ),
        Sample({"mode": "cubic"}, (act(1, 2, 5, 5), None, scale([1, 1, 2, 2]))),
        Sample(
            {"mode": "cubic", "cubic_coeff_a": -0.5, "exclude_outside": 1},
            (act(1, 2, 5, 5), None, scale([1, 1, 2, 0.8])),
        ),
        Sample({"mode": "linear", "antialias": 1}, (act(1, 1, 6, 6), None, scale([1, 1, 0.5, 0.5]))),
        Sample({"mode": "cubic", "antialias": 1}, (act(1, 1, 6, 6), None, scale([1, 1, 0.5, 0.5]))),
        Sample({"axes": (2, 3)}, (act(1, 2, 5, 5), None, scale([2, 3])), opset=18),
        Sample(
            {"axes": (3, 2), "keep_aspect_ratio_policy": "not_larger"},
            (act(1, 2, 4, 6), None, None, const([7, 9])),
            opset=18,
        ),
        Sample(
            {"axes": (2, 3), "keep_aspect_ratio_policy": "not_smaller"},
            (act(1, 2, 4, 6), None, None, const([7, 9])),
            opset=18,
        ),
        Sample(
            {"mode": "linear", "coordinate_transformation_mode": "tf_crop_and_resize", "extrapolation_value": 9.0},
            (act(1, 1, 6, 6), scale([0, 0, 0.2, 0.4, 1, 1, 0.8, 1.3]), None, const([1, 1, 3, 4])),
        ),
    ],
    "Upsample": [
        Sample({"scales": (1.0, 1.0, 2.0, 3.0)}, (act(1, 2, 3, 3),), opset=7),
        Sample({"mode": "nearest"}, (act(1, 2, 4, 4), scale([1, 1, 2, 2])), opset=9),
        Sample({"mode": "linear"}, (act(1, 2, 4, 4), scale([1, 1, 2, 2])), opset=9),
    ],
    "GridSample": [
        Sample({"mode": "bilinear"}, (act(2, 3, 4, 5), act(2, 6, 7, 2)), opset=16),
        Sample({"mode": "nearest"}, (act(2, 3, 4, 5), act(2, 6, 7, 2))),
        Sample({"mode": "cubic"}, (act(2, 3, 4, 5), act(2, 6, 7, 2))),
    ],
    "AffineGrid": [Sample({}, (act(2, 2, 3), const([2, 3, 4, 5]))), Sample({}, (act(1, 3, 4), const([1, 3, 4, 5, 6])))],
}

LAYOUT: dict[str, list[Sample]] = {
    "Concat": [Sample({"axis": 1}, (act(2, 3, 4), act(2, 5, 4), weights(2, 1, 4))), Sample({"axis": -1}, (act(2, 3),))],
    "Split": [
        Sample({"axis": 1, "split": (1, 3)}, (act(2, 4),), outs=2, opset=11),
        Sample({"axis": 1}, (act(2, 4),), outs=2, opset=13),
        Sample({"axis": 1}, (act(2, 4), const([1, 1, 2])), outs=3),
        Sample({"axis": 0, "num_outputs": 3}, (act(7, 2),), outs=3, opset=18),
    ],
    "Transpose": [
        Sample({"perm": (0, 2, 1)}, (act(2, 3, 4),)),
        Sample({}, (act(2, 3, 4),)),
        Sample({"perm": (1, 0)}, (act(1, 3),)),
    ],
    "Tile": [Sample({}, (act(2, 3), const([2, 1]))), Sample({}, (act(2, 3), const([1, 1])))],
    "Expand": [Sample({}, (act(3, 1), const([2, 1, 6]))), Sample({}, (act(2, 3), const([1])))],
    "DepthToSpace": [Sample({"blocksize": 2, "mode": mode}, (act(1, 8, 2, 3),)) for mode in ("DCR", "CRD")]
    + [Sample({"blocksize": 2}, (act(1, 4, 2, 3),), opset=7)],
    "SpaceToDepth": [Sample({"blocksize": 2}, (act(1, 2, 4, 6),))],
    "Col2Im": [Sample({}, (act(1, 8, 9), const([4, 4]), const([2, 2])))],
    "ReverseSequence": [
        Sample({}, (act(4, 3), const([4, 2, 1]))),
        Sample({"batch_axis": 0, "time_axis": 1}, (act(3, 4, 2), const([1, 3, 4]))),
    ],
    "Slice": [
        Sample({"starts": (1, -2), "ends": (INT64_MAX, -1)}, (act(4, 5),), opset=9),
        Sample({"starts": (0,), "ends": (2,), "axes": (1,)}, (act(4, 5),), opset=9),
        Sample({}, (act(4, 5), const([1]), const([INT64_MAX]), const([-1]), const([2]))),
        Sample({}, (act(9, 3), const([-1, 0]), const([-INT64_MAX, 2]), const([0, 1]), const([-1, 1]))),
        Sample({}, (act(4, 5), const([0, 3]), const([9, 3]))),
        Sample({}, (act(6, 2), const([-100]), const([-200]), const([0]), const([-1]))),
        Sample({}, (act(6, 2), fed([1]), fed([4]))),
    ],
    "Pad": [
        Sample({"pads": (0, 1, 2, 0), "value": 1.5}, (act(2, 3),), opset=7),
        Sample({}, (act(2, 3), const([0, 1, 2, 0]), scale(2.5)), opset=11),
        Sample({}, (act(4, 5), const([-1, 1, -1, -2]))),
        Sample({"mode": "reflect"}, (act(4, 5), const([2, 1, 1, 3]))),
        Sample({"mode": "edge"}, (act(4, 5), const([2, 1, 1, 3]))),
        Sample({"mode": "wrap"}, (act(4, 5), const([2, 1, 1, 3])), opset=19),
        Sample({}, (act(2, 3, 4), const([1, 2]), None, const([-1])), opset=18),
    ],
    "CenterCropPad": [
        Sample({}, (act(5, 4), const([3, 7]))),
        Sample({"axes": (1,)}, (act(5, 4), const([3]))),
    ],
    "Trilu": [Sample({}, (act(4, 5),)), Sample({"upper": 0}, (act(2, 4, 4), const(-1)))],
    "com.microsoft::Trilu": [Sample({"upper": 0}, (act(3, 4), const(1)))],
}

INDEX: dict[str, list[Sample]] = {
    "Gather": [
        Sample({"axis": 1}, (act(3, 4, 2), fed([[0, -1], [2, 2]]))),
        Sample({}, (weights(20, 6), fed([[1, 2, 3]]))),
        Sample({}, (act(3), fed(1))),
    ],
    "GatherElements": [
        Sample({"axis": 1}, (act(3, 4), fed([[0, -1], [2, 2]]))),
        Sample({}, (act(3, 2), fed([[0, 2]]))),
    ],
    "GatherND": [
        Sample({}, (act(2, 3, 4), fed([[0, 1], [1, -1]]))),
        Sample({"batch_dims": 1}, (act(2, 3, 4), fed([[1], [0]]))),
        Sample({"batch_dims": 1}, (act(2, 3, 4), fed([[[1, 2], [0, 0], [2, 3]], [[0, 1], [1, 1], [2, 0]]]))),
    ],
    "Scatter": [Sample({"axis": 1}, (act(2, 4), fed([[1, 3], [0, 2]]), act(2, 2)), opset=9)],
    "ScatterElements": [
        Sample({"axis": 1}, (act(2, 4), fed([[1, -1], [0, 2]]), act(2, 2))),
        Sample({"reduction": "add"}, (act(3, 2), fed([[1, 1], [1, 0]]), act(2, 2)), opset=18),
        Sample({"reduction": "max"}, (act(3, 2), fed([[1, 1], [1, 0]]), act(2, 2)), opset=18),
    ],
    "ScatterND": [
        Sample({}, (act(4, 3), fed([[1], [3]]), act(2, 3))),
        Sample({"reduction": "mul"}, (act(4, 3), fed([[1, 2], [1, 2]]), act(2)), opset=18),
    ],
    "TensorScatter": [
        Sample({}, (act(2, 3, 5, 4), act(2, 3, 2, 4), fed([1, 3])), opset=24),
        Sample({"mode": "circular"}, (act(2, 3, 5, 4), act(2, 3, 2, 4), fed([4, 3])), opset=24),
        Sample({"axis": 1}, (act(2, 5, 4), act(2, 2, 4)), opset=24),
    ],
    "OneHot": [
        Sample({}, (fed([0, 2, -1]), const(4), scale([0.0, 1.0]))),
        Sample({"axis": 1}, (fed([[0, 2], [7, 1]]), const([3]), scale([2.0, 5.0]))),
    ],
    "Compress": [
        Sample({"axis": 1}, (act(2, 4), fed([True, False, True], "bool"))),
        Sample({}, (act(2, 4), const([True, False, True], "bool"))),
    ],
    "NonZero": [Sample({}, (truth(3, 4),)), Sample({}, (const([[1, 0], [1, 1]]),))],
    "Unique": [
        Sample({}, (ints(3, 4, low=0, high=4),), outs=4),
        Sample({"sorted": 0}, (ints(12, low=0, high=4),), outs=4),
        Sample({"axis": 1}, (ints(2, 9, low=0, high=2),), outs=4),
        Sample({"axis": 0, "sorted": 0}, (const([[3, 1], [2, 0], [3, 1]]),), outs=4),
    ],
}
