"""One-node ONNX models of the samples, for the shape inference and the reference of onnx, and for onnxruntime."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from sample_kit import Sample, computed

from npusim.ir import DType
from npusim.ops.arrays import dtype_of

NOT_ONNX_ATTRS = {"opset"}
ELEMENT = {
    dtype: getattr(TensorProto, name)
    for dtype in DType
    if hasattr(TensorProto, name := {"float64": "DOUBLE", "float32": "FLOAT"}.get(dtype.label, dtype.label.upper()))
}
HALF = 5e-5  # of the element and of the largest one: together never more than 1e-4 of the largest
EPSILON = 1.2e-7  # what float32 loses of numbers about 1, which may cancel
_IR_VERSION = 10  # what each opset used here may be stored in, and every onnxruntime in use can read
_IR_SINCE_25 = 11


def _attribute(name: str, value: Any) -> Any:
    if name in ("to", "dtype", "output_dtype", "output_datatype"):
        return ELEMENT[DType.parse(value) if isinstance(value, str) else value]
    return numpy_helper.from_array(value) if isinstance(value, np.ndarray) else value


def model_of(op: str, sample: Sample) -> onnx.ModelProto:
    """The sample as a model: constants as initializers, activations as inputs."""
    domain, _, name = op.rpartition("::")
    names = [f"in{slot}" if arg is not None else "" for slot, arg in enumerate(sample.ins)]
    outs = [f"out{at}" for at in range(sample.outs)]
    attrs = {k: _attribute(k, v) for k, v in sample.attrs.items() if k not in NOT_ONNX_ATTRS or domain}
    node = helper.make_node(name, names, outs, name="sample", domain=domain, **attrs)
    inputs, stored = [], []
    for name_in, arg in zip(names, sample.ins, strict=True):
        if arg is not None and arg.constant:
            stored.append(numpy_helper.from_array(arg.value, name_in))
        elif arg is not None:
            inputs.append(helper.make_tensor_value_info(name_in, ELEMENT[dtype_of(arg.value)], arg.value.shape))
    graph = helper.make_graph([node], "sample", inputs, [onnx.ValueInfoProto(name=out) for out in outs], stored)
    opsets = [helper.make_opsetid("", sample.opset)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    return helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION if sample.opset < 24 else _IR_SINCE_25)


def feeds(sample: Sample) -> dict[str, np.ndarray[Any, Any]]:
    return {
        f"in{slot}": np.asarray(arg.value)
        for slot, arg in enumerate(sample.ins)
        if arg is not None and not arg.constant
    }


def inferred(op: str, sample: Sample) -> list[tuple[tuple[int | None, ...] | None, int]]:
    """Shape (None where onnx does not say, in whole or for a size) and element type of each output."""
    model = onnx.shape_inference.infer_shapes(model_of(op, sample), strict_mode=True, data_prop=True)
    found: list[tuple[tuple[int | None, ...] | None, int]] = []
    for out in model.graph.output:
        kind = out.type.tensor_type
        if kind.HasField("shape"):
            shape = tuple(d.dim_value if d.HasField("dim_value") else None for d in kind.shape.dim)
            found.append((shape, kind.elem_type))
        else:
            found.append((None, kind.elem_type))
    return found


def run(op: str, sample: Sample) -> list[np.ndarray[Any, Any]]:
    """What onnxruntime computes."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model_of(op, sample).SerializeToString(), options, ["CPUExecutionProvider"])
    return [np.asarray(value) for value in session.run(None, feeds(sample))]


def agree(op: str, sample: Sample, *, steps: int = 0) -> None:
    """npusim computes what onnxruntime does: reals to 1e-4 of the largest, whole numbers equal or so many steps off."""
    theirs = run(op, sample)
    for mine, expected in zip(computed(op, sample)[: len(theirs)], theirs, strict=True):
        assert mine.dtype == expected.dtype
        assert mine.shape == expected.shape
        if expected.dtype.kind == "f":
            largest = np.abs(expected[np.isfinite(expected)]).max(initial=0)
            np.testing.assert_allclose(mine, expected, rtol=HALF, atol=HALF * largest + EPSILON)
        elif steps:
            assert np.abs(mine.astype(int) - expected).max(initial=0) <= steps
        else:
            assert mine.tolist() == expected.tolist()


def reference(op: str, sample: Sample) -> list[np.ndarray[Any, Any]]:
    """What the reference implementation of onnx computes."""
    from onnx.reference import ReferenceEvaluator  # noqa: PLC0415 - heavy, and only for those that ask

    return [np.asarray(value) for value in ReferenceEvaluator(model_of(op, sample)).run(None, feeds(sample))]
