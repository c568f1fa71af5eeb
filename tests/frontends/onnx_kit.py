"""ONNX messages in a few words, for the tests of reading and writing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import FunctionProto, ModelProto, NodeProto, SparseTensorProto, TensorProto, helper, numpy_helper

FLOAT, INT8, INT64 = TensorProto.FLOAT, TensorProto.INT8, TensorProto.INT64
value = helper.make_tensor_value_info


def node(op: str, inputs: str, outputs: str, **attrs: Any) -> NodeProto:
    """Inputs and outputs are separated by blanks; ``-`` stands for one that is left out."""
    names = [["" if name == "-" else name for name in text.split()] for text in (inputs, outputs)]
    return helper.make_node(op, names[0], names[1], **attrs)


def array(name: str, values: Any, dtype: str = "int64") -> TensorProto:
    return numpy_helper.from_array(np.asarray(values, dtype), name)


def weights(name: str, *shape: int, dtype: str = "float32") -> TensorProto:
    return numpy_helper.from_array(np.ones(shape, dtype), name)


def model(
    nodes: Sequence[NodeProto], stored: Sequence[TensorProto] = (), *, x: Sequence[int | str | None] = (1, 4, 8, 8),
    outputs: str = "y", opset: int = 17, ir_version: int = 8, domains: Sequence[str] = (),
    functions: Sequence[FunctionProto] = (), sparse: Sequence[SparseTensorProto] = (), **graph: Any,
) -> ModelProto:  # fmt: skip
    """One input ``x`` and outputs of unstated shape."""
    made = helper.make_graph(
        nodes, "g", [value("x", FLOAT, x)], [value(name, FLOAT, None) for name in outputs.split()], list(stored),
        sparse_initializer=list(sparse), **graph,
    )  # fmt: skip
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    return helper.make_model(made, opset_imports=opsets, ir_version=ir_version, functions=list(functions))
