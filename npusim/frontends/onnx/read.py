"""ONNX to Model. Weights are never read: their shapes stand in the graph, and an estimate needs no more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, ValueInfoProto

from npusim.errors import InputError
from npusim.frontends.onnx.functions import inlined
from npusim.frontends.onnx.infer import Fallback, is_standard
from npusim.frontends.onnx.proto import parse, read_bytes
from npusim.frontends.onnx.types import (
    array,
    constant,
    dtype_of,
    is_external,
    is_there,
    leaves_folder,
    location,
    shape_of,
    sparse_constant,
    text,
)
from npusim.ir import Attr, Notice
from npusim.model import Constant, FreeShape, Model, Node, Value
from npusim.ops import OPS

STANDARD = ("", "ai.onnx")
TYPES = (AttributeProto.TYPE_PROTO, AttributeProto.TYPE_PROTOS)  # of optional values that hold nothing
TYPE_ATTRS = ("to", "dtype", "output_dtype", "output_datatype")
BY_OPSET = ("Softmax", "LogSoftmax", "Hardmax")  # what their ``axis`` means changed with opset 13


def read_onnx(source: str | Path | bytes | ModelProto) -> Model:
    """Reads a model from a file, its bytes or the parsed message.

    Raises:
        InputError: not-found, unreadable, empty-file, git-lfs-pointer, truncated, not-onnx for what is no model;
            no-opset-import, unknown-op, duplicate-output, bad-type, bad-shape, bad-function for one that is not valid.
    """
    folder, name, sha256 = None, "", ""
    if isinstance(source, ModelProto):
        model = source
    elif isinstance(source, bytes):
        model, sha256 = parse(source, "model")
    else:
        path = Path(source)
        folder, name = path.parent, path.name
        model, sha256 = parse(read_bytes(path), str(path))
    return _Reader(inlined(model, name), folder).model(text(model.graph.name, "graph") or name, sha256)


class _Reader:
    """What the parts of a model share: its opsets, its folder, and what was noticed."""

    def __init__(self, model: ModelProto, folder: Path | None) -> None:
        self.proto = model
        self.folder = folder
        self.opsets = {_domain(text(entry.domain, "opset_import")): entry.version for entry in model.opset_import}
        self.absent: dict[str, list[str]] = {"missing-external-data": [], "unsafe-external-path": []}
        self.fallback = Fallback(self.opsets, model.ir_version)

    def model(self, name: str, sha256: str) -> Model:
        for value in self.proto.graph.input:
            _check_input(value)
        read = self.graph(self.proto.graph, name)
        return Model(
            read.name, read.inputs, read.outputs, read.nodes, read.constants, read.declared, self.fallback,
            sha256=sha256, warnings=tuple(self.notices()), opsets=self.opsets,
        )  # fmt: skip

    def notices(self) -> Iterator[Notice]:
        whys = {
            "missing-external-data": "stored in files that are not there; shapes are known, so nothing is lost here",
            "unsafe-external-path": "stored outside the model's folder; those files are not opened",
        }
        for code, names in self.absent.items():
            if names:
                yield Notice(code, f"{len(names)} constant(s) are {whys[code]}: {', '.join(names[:3])}")

    def graph(self, graph: GraphProto, name: str) -> Model:
        constants: dict[str, Constant] = {}
        for tensor in graph.initializer:
            self.external(tensor.name, tensor)
            _file(constants, constant(text(tensor.name, "an initializer"), tensor, self.folder))
        for sparse in graph.sparse_initializer:
            _file(constants, sparse_constant(text(sparse.values.name, "an initializer"), sparse))
        given = [_value(value) for value in graph.input]
        inputs = tuple(value for value in given if value.name not in constants)
        if len({value.name for value in inputs}) < len(inputs):
            raise InputError("two inputs of the graph have one name", code="duplicate-output", where=name)
        nodes = tuple(self.nodes(graph.node, constants))
        stated = (*graph.value_info, *graph.output)
        declared = {value.name: _value(value) for value in stated if value.type.HasField("tensor_type")}
        outputs = tuple(text(value.name, "an output") for value in graph.output)
        return Model(name, inputs, outputs, nodes, constants, declared)

    def external(self, name: str, tensor: object) -> None:
        if is_external(tensor):  # type: ignore[arg-type]
            where = location(tensor)  # type: ignore[arg-type]
            if leaves_folder(where):
                self.absent["unsafe-external-path"].append(name)
            elif not is_there(self.folder, where):
                self.absent["missing-external-data"].append(name)

    def nodes(self, nodes: Iterable[NodeProto], constants: dict[str, Constant]) -> Iterator[Node]:
        for index, node in enumerate(nodes):
            _check_names(node, index)
            domain = _domain(node.domain)
            name = node.name or next((out for out in node.output if out), "") or f"{node.op_type}_{index}"
            if domain not in self.opsets:
                raise InputError(
                    f"operator {node.op_type} is of domain {domain or 'ai.onnx'}, which the file does not import",
                    code="no-opset-import", where=name, fix="add the domain to opset_import",
                )  # fmt: skip
            if node.op_type == "Constant" and not domain and self.stored(node, constants):
                continue
            if not domain and node.op_type not in OPS and not is_standard(node.op_type):
                raise InputError(
                    f"operator {node.op_type} of domain ai.onnx does not exist in ONNX", code="unknown-op", where=name,
                    fix="check its spelling, or the version of the exporter",
                )  # fmt: skip
            attrs = {each.name: self.attr(each, name) for each in node.attribute if each.type not in TYPES}
            if node.op_type in BY_OPSET and not domain:
                attrs["opset"] = self.opsets[domain]
            op = f"{domain}::{node.op_type}" if domain else node.op_type
            yield Node(name, op, tuple(node.input), tuple(node.output), attrs)

    def stored(self, node: NodeProto, constants: dict[str, Constant]) -> bool:
        """Files a Constant node that holds a tensor under the constants; others are left to the operator's rule."""
        for each in node.attribute:
            if each.name == "value" and node.output:
                self.external(node.output[0], each.t)
                _file(constants, constant(node.output[0], each.t, self.folder))
                return True
            if each.name == "sparse_value" and node.output:
                _file(constants, sparse_constant(node.output[0], each.sparse_tensor))
                return True
        return False

    def attr(self, attr: AttributeProto, where: str) -> Attr:
        kind = attr.type
        value: Attr
        if kind == AttributeProto.INT:
            value = dtype_of(attr.i, where) if attr.name in TYPE_ATTRS else attr.i
        elif kind == AttributeProto.INTS:
            value = tuple(attr.ints)
        elif kind == AttributeProto.FLOAT:
            value = attr.f
        elif kind == AttributeProto.STRING:
            value = attr.s.decode(errors="replace")
        elif kind == AttributeProto.FLOATS:
            value = tuple(attr.floats)
        elif kind == AttributeProto.STRINGS:
            value = tuple(each.decode(errors="replace") for each in attr.strings)
        elif kind == AttributeProto.GRAPH:
            value = self.graph(attr.g, text(attr.g.name, where))
        elif kind == AttributeProto.TENSOR:
            shape_of(attr.t)
            value = array(attr.t, self.folder)
        else:
            what = f"attribute {attr.name!r} is of a kind that npusim does not read"
            raise InputError(what, code="bad-node", where=where)
        return value


def _file(constants: dict[str, Constant], found: Constant) -> None:
    if found.name in constants:
        raise InputError("two constants have this name", code="duplicate-output", where=found.name)
    constants[found.name] = found


def _check_names(node: NodeProto, index: int) -> None:
    """Names are text, as those of damaged files may not be (bad-name)."""
    names = (node.op_type, node.domain, node.name, *node.input, *node.output)
    try:
        "".join(names)
    except TypeError:
        for name in names:
            text(name, f"node {index}")
    for attr in node.attribute:
        text(attr.name, f"node {index}")


def _domain(domain: str) -> str:
    return "" if domain in STANDARD else domain


def _check_input(value: ValueInfoProto) -> None:
    kind = value.type.optional_type.elem_type if value.type.HasField("optional_type") else value.type
    if kind.HasField("sequence_type") or kind.HasField("map_type"):
        raise InputError(
            "this input holds tensors whose number is not known before the graph runs", code="unsupported-type",
            where=text(value.name, "an input"), fix="export the model with tensors as inputs",
        )  # fmt: skip


def _value(value: ValueInfoProto) -> Value:
    """An input or a stated type. Optional and sequence types keep the element's shape where they state one."""
    name, kind = text(value.name, "an input or output"), value.type
    while kind.HasField("optional_type") or kind.HasField("sequence_type"):
        kind = kind.optional_type.elem_type if kind.HasField("optional_type") else kind.sequence_type.elem_type
    tensor = kind.tensor_type
    if not tensor.elem_type:
        return Value(name, None)
    shape: FreeShape | None = None
    if tensor.HasField("shape"):
        # A size below 0 is no size: exporters write -1 for a free dimension.
        shape = tuple(
            dim.dim_value if dim.HasField("dim_value") and dim.dim_value >= 0 else (text(dim.dim_param, name) or None)
            for dim in tensor.shape.dim
        )
    return Value(name, shape, dtype_of(tensor.elem_type, name))
