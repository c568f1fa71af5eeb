"""Shapes by the onnx library, for standard operators that npusim has no rule for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from onnx import TensorProto, TypeProto, defs, helper, numpy_helper, shape_inference

from npusim.frontends.onnx.types import DTYPES, NUMBERS
from npusim.ir import DType
from npusim.model import Array, Model, Node, Spec


@cache
def _names() -> frozenset[str]:
    return frozenset(schema.name for schema in defs.get_all_schemas_with_history() if not schema.domain)


def is_standard(op: str) -> bool:
    """Whether any version of ONNX has an operator of that name in its own domain."""
    return defs.has(op) or op in _names()  # the list of all versions takes a while to make, and is seldom needed


class Fallback:
    """Called with a node, its inputs' shapes and types and their values where known; None where onnx cannot tell."""

    def __init__(self, opsets: Mapping[str, int], ir_version: int) -> None:
        self.opsets = opsets
        self.ir_version = ir_version

    def __call__(self, node: Node, inputs: list[Spec | None], values: list[Array | None]) -> list[Spec] | None:
        domain, _, op = node.op.rpartition("::")
        try:
            schema = defs.get_schema(op, self.opsets[domain], domain)
            proto = helper.make_node(op, node.inputs, node.outputs, domain=domain, **_attrs(node))
            types = {name: _type(*spec) for name, spec in zip(node.inputs, inputs, strict=True) if spec is not None}
            data = {name: _tensor(value) for name, value in zip(node.inputs, values, strict=True) if value is not None}
            opsets = [helper.make_opsetid(each, version) for each, version in self.opsets.items()]
            found = shape_inference.infer_node_outputs(
                schema, proto, types, data, opset_imports=opsets, ir_version=self.ir_version
            )
            return [_spec(found[name]) for name in node.outputs]
        except Exception:  # the library raises many kinds where it cannot tell, and none of them is the user's fault
            return None


def _attrs(node: Node) -> dict[str, Any]:
    attrs: dict[str, Any] = {}
    for name, value in node.attrs.items():
        if isinstance(value, Model) or name == "opset":
            continue
        if isinstance(value, DType):
            attrs[name] = NUMBERS[value]
        else:
            attrs[name] = _tensor(value) if isinstance(value, np.ndarray) else value
    return attrs


def _type(shape: tuple[int, ...], dtype: DType) -> TypeProto:
    return helper.make_tensor_type_proto(NUMBERS[dtype], shape)


def _tensor(value: Array) -> TensorProto:
    return numpy_helper.from_array(np.asarray(value, order="C"))


def _spec(found: TypeProto) -> Spec:
    dims = found.tensor_type.shape.dim
    if not found.tensor_type.HasField("shape") or not all(dim.HasField("dim_value") for dim in dims):
        raise ValueError("a size is not known")
    return tuple(dim.dim_value for dim in dims), DTYPES[found.tensor_type.elem_type]
