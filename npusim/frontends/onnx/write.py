"""Model to ONNX. Constants without elements become ConstantOfShape nodes: a few bytes each, and any tool runs them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper
from onnx.shape_inference import infer_shapes

from npusim.bind.order import captured, ordered
from npusim.errors import InputError
from npusim.files import write_bytes
from npusim.frontends.onnx.types import NUMBERS
from npusim.ir import DType
from npusim.model import Array, Constant, Model, Node, Value

OPSET = 17  # where the model does not say its own; its nodes need none that is newer
FILL_SINCE = 9  # the opset that brought ConstantOfShape
MANY = 64  # elements; a smaller constant may be a setting, and is stored even in a file without weights

Weights = Literal["stored", "none"] | Mapping[str, Array]


def write_onnx(model: Model, path: Path | str, weights: Weights = "stored") -> None:
    """Writes the model; the same model gives the same bytes.

    Args:
        weights: ``stored`` writes the elements that constants carry, ``none`` leaves out those of large ones, and a
            mapping from name to array gives elements to those that it names. A constant without elements is written as
            a ConstantOfShape node, which makes zeros.

    Raises:
        InputError: unwritable; unsupported-type for what ONNX cannot make without elements; bad-shape for an array that
            is not of its constant's shape; not-writable for what only npusim knows.
    """
    write_bytes(Path(path), to_proto(model, weights).SerializeToString(deterministic=True))


def to_proto(model: Model, weights: Weights = "stored") -> ModelProto:
    """The model as a message: free dimensions keep their names, outputs whose shapes are not stated are inferred."""
    domains = sorted({domain for node in _all_nodes(model.nodes) if (domain := node.op.rpartition("::")[0])})
    if "npusim" in domains:
        raise InputError(
            "holds loops or branches that were counted and are nodes no more", code="not-writable", where=model.name
        )
    versions = {"": OPSET, **dict.fromkeys(domains, 1), **model.opsets}
    opsets = [helper.make_opsetid(domain, versions[domain]) for domain in ("", *domains)]
    # The oldest, so that older tools read the file; before 4 an initializer had to be an input as well.
    version = max(4, helper.find_min_ir_version_for(opsets, ignore_unknown=True))
    graph = _graph(model, weights)
    if versions[""] < FILL_SINCE and any(node.op_type == "ConstantOfShape" for node in graph.node):
        what = f"opset {versions['']} has no operator that makes weights of a shape alone"
        raise InputError(what, code="not-writable", where=model.name, fix="write the weights that are stored")
    return _with_outputs(helper.make_model(graph, opset_imports=opsets, ir_version=version, producer_name="npusim"))


def _with_outputs(proto: ModelProto) -> ModelProto:
    """ONNX wants a shape, known or not, for each output."""
    outputs = proto.graph.output
    if all(value.type.tensor_type.HasField("shape") for value in outputs):
        return proto
    try:
        inferred = {value.name: value for value in infer_shapes(proto).graph.output}
    except Exception:  # the library raises many kinds where nodes do not fit; the file is then as its model is
        return proto
    for value in outputs:
        if not value.type.tensor_type.HasField("shape"):
            value.CopyFrom(inferred[value.name])
    return proto


def _all_nodes(nodes: Iterable[Node]) -> Iterable[Node]:
    for node in nodes:
        yield node
        for value in node.attrs.values():
            if isinstance(value, Model):
                yield from _all_nodes(value.nodes)


def _graph(model: Model, weights: Weights) -> GraphProto:
    stored: list[TensorProto] = []
    made: list[NodeProto] = []
    shapes: dict[str, TensorProto] = {}
    for constant in model.constants.values():
        elements = _elements(constant, weights)
        if elements is not None:
            stored.append(numpy_helper.from_array(np.asarray(elements, order="C"), constant.name))
            continue
        shape = f"shape_{'x'.join(map(str, constant.shape)) or 'scalar'}"
        shapes.setdefault(shape, helper.make_tensor(shape, TensorProto.INT64, [len(constant.shape)], constant.shape))
        made.append(_of_shape(constant, shape))
    nodes = [_node(node, weights) for node in ordered(model, around=captured(model))]
    return helper.make_graph(
        [*made, *nodes], model.name, [_value(value) for value in model.inputs],
        [_value(model.declared.get(name, Value(name, None))) for name in model.outputs], [*shapes.values(), *stored],
    )  # fmt: skip


def _elements(constant: Constant, weights: Weights) -> Array | None:
    """What is to be stored of a constant; None where its shape is all."""
    given = None if isinstance(weights, str) else weights.get(constant.name)
    if given is not None:
        if given.shape != constant.shape:
            what = f"an array of shape {given.shape} is no constant of shape {constant.shape}"
            raise InputError(what, code="bad-shape", where=constant.name)
        return given
    if constant.read is None or (weights == "none" and constant.dtype in _FILLED and np.prod(constant.shape) > MANY):
        return None
    return constant.read()


# What ConstantOfShape makes of every opset that has it.
_FILLED = frozenset(
    each for each in NUMBERS if each.label.startswith(("int", "uint", "float", "bool")) and each.bits >= 8
)
_FILLED -= {DType.FLOAT8}


def _of_shape(constant: Constant, shape: str) -> NodeProto:
    if constant.dtype not in _FILLED:
        what = f"a constant of type {constant.dtype.label} cannot be written without its elements"
        raise InputError(what, code="unsupported-type", where=constant.name)
    zero = helper.make_tensor("value", NUMBERS[constant.dtype], [1], [0])
    return helper.make_node("ConstantOfShape", [shape], [constant.name], name=f"{constant.name}.zeros", value=zero)


def _node(node: Node, weights: Weights) -> NodeProto:
    domain, _, op = node.op.rpartition("::")
    made = helper.make_node(op, node.inputs, node.outputs, name=node.name, domain=domain or None)
    made.attribute.extend(_attr(name, value, weights) for name, value in node.attrs.items() if name != "opset")
    return made


def _attr(name: str, value: Any, weights: Weights) -> AttributeProto:
    if isinstance(value, Model):
        value = _graph(value, weights)
    elif value is DType.FLOAT8:
        raise InputError("which of the 8-bit floats is meant is not kept", code="unsupported-type", where=name)
    elif isinstance(value, DType):
        value = NUMBERS[value]
    elif isinstance(value, np.ndarray):
        value = numpy_helper.from_array(value)
    elif value == ():
        return helper.make_attribute(name, value, attr_type=AttributeProto.INTS)
    return helper.make_attribute(name, value)


def _value(value: Value) -> ValueInfoProto:
    return helper.make_tensor_value_info(value.name, NUMBERS[value.dtype], value.shape)
