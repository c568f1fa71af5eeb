"""Model to ONNX. Constants without elements become ConstantOfShape nodes: a few bytes each, and any tool runs them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from npusim.files import write_bytes
from npusim.frontends.onnx.types import NUMBERS
from npusim.ir import DType
from npusim.model import Constant, Model, Node, Value

OPSET = 17
IR_VERSION = 8  # the oldest that opset 17 is defined for, so that older tools read the file


def write_onnx(model: Model, path: Path | str) -> None:
    """Writes the model, the same model as the same bytes; InputError (unwritable) where the file cannot be written."""
    write_bytes(Path(path), to_proto(model).SerializeToString(deterministic=True))


def to_proto(model: Model) -> ModelProto:
    """The model as a message: free dimensions keep their names."""
    domains = sorted({domain for node in _all_nodes(model.nodes) if (domain := node.op.rpartition("::")[0])})
    opsets = [helper.make_opsetid("", OPSET), *(helper.make_opsetid(domain, 1) for domain in domains)]
    return helper.make_model(_graph(model), opset_imports=opsets, ir_version=IR_VERSION, producer_name="npusim")


def _all_nodes(nodes: Iterable[Node]) -> Iterable[Node]:
    for node in nodes:
        yield node
        for value in node.attrs.values():
            if isinstance(value, Model):
                yield from _all_nodes(value.nodes)


def _graph(model: Model) -> GraphProto:
    stored: list[TensorProto] = []
    made: list[NodeProto] = []
    shapes: dict[str, TensorProto] = {}
    for constant in model.constants.values():
        if constant.read is not None:
            stored.append(numpy_helper.from_array(np.asarray(constant.read(), order="C"), constant.name))
            continue
        shape = f"shape_{'x'.join(map(str, constant.shape)) or 'scalar'}"
        shapes.setdefault(shape, helper.make_tensor(shape, TensorProto.INT64, [len(constant.shape)], constant.shape))
        made.append(_of_shape(constant, shape))
    return helper.make_graph(
        [*made, *(_node(node) for node in model.nodes)], model.name, [_value(value) for value in model.inputs],
        [_value(model.declared.get(name, Value(name, None))) for name in model.outputs], [*shapes.values(), *stored],
    )  # fmt: skip


def _of_shape(constant: Constant, shape: str) -> NodeProto:
    zero = helper.make_tensor("value", NUMBERS[constant.dtype], [1], [0])
    return helper.make_node("ConstantOfShape", [shape], [constant.name], name=f"{constant.name}.zeros", value=zero)


def _node(node: Node) -> NodeProto:
    domain, _, op = node.op.rpartition("::")
    made = helper.make_node(op, node.inputs, node.outputs, name=node.name, domain=domain or None)
    made.attribute.extend(_attr(name, value) for name, value in node.attrs.items() if name != "opset")
    return made


def _attr(name: str, value: Any) -> AttributeProto:
    if isinstance(value, Model):
        value = _graph(value)
    elif isinstance(value, DType):
        value = NUMBERS[value]
    elif isinstance(value, np.ndarray):
        value = numpy_helper.from_array(value)
    elif value == ():
        return helper.make_attribute(name, value, attr_type=AttributeProto.INTS)
    return helper.make_attribute(name, value)


def _value(value: Value) -> ValueInfoProto:
    return helper.make_tensor_value_info(value.name, NUMBERS[value.dtype], value.shape)
