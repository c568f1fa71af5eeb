"""A changed Model into the ONNX file that it was read from: what did not change stays as the file has it.

Names, documentation, metadata, stated types and nodes that npusim does not know are kept byte for byte.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from onnx import GraphProto, ModelProto, NodeProto, TensorProto
from onnx.external_data_helper import load_external_data_for_tensor

from npusim.errors import InputError
from npusim.files import write_bytes
from npusim.frontends.onnx.functions import inlined
from npusim.frontends.onnx.proto import parse, read_bytes
from npusim.frontends.onnx.types import is_external, is_there, leaves_folder, location
from npusim.frontends.onnx.write import to_proto
from npusim.model import Model, Node, Value


def patch_onnx(source: Path, before: Model, after: Model, target: Path) -> None:
    """Writes ``after``, a model made of ``before`` as it was read from ``source``; the two files may be one.

    External data stay where they are if the target lies in the same folder, and are stored in the file otherwise.

    Args:
        after: nodes that are those of ``before`` (the same objects) are kept as the file has them.

    Raises:
        InputError: changed-file, where the source is no longer what was read; what reading it raises; too-large for
            more than 2 GiB in one file; unwritable, and what ``write_onnx`` raises of the new nodes.
    """
    proto, sha256 = parse(read_bytes(source), str(source))
    if sha256 != before.sha256:
        raise InputError("the file has changed since it was read", code="changed-file", where=str(source))
    whole = ModelProto()
    whole.CopyFrom(inlined(proto, source.name))
    _patch(whole.graph, before, after)
    if source.resolve().parent != target.resolve().parent:
        _embed(whole.graph, source.parent)
    try:
        data = whole.SerializeToString(deterministic=True)
    except Exception as fault:  # protobuf's own kinds differ from version to version
        what = f"the model does not fit one file ({fault})"
        raise InputError(what, code="too-large", where=str(target), fix="write it beside its external data") from fault
    write_bytes(target, data)


def _patch(graph: GraphProto, before: Model, after: Model) -> None:
    stored = [node for node in graph.node if _is_filed(node, before)]
    files = [node for node in graph.node if not _is_filed(node, before)]
    own = {id(node): message for node, message in zip(before.nodes, files, strict=True)}
    new = [node for node in after.nodes if id(node) not in own]
    _drop_unmade(graph, before, after)
    made, fills = _messages(graph, before, after, new)
    nodes = [node for node in stored if node.output[0] in after.constants] + fills
    nodes += [made[id(node)] if id(node) in made else own[id(node)] for node in after.nodes]
    copies = [_copy(node) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)


def _drop_unmade(graph: GraphProto, before: Model, after: Model) -> None:
    """Takes out what the file says of tensors that are no more."""
    names, left = ({name for node in each.nodes for name in node.outputs} for each in (before, after))
    gone = (before.constants.keys() - after.constants.keys()) | (names - left)
    _drop(graph.initializer, [each for each in graph.initializer if each.name in gone])
    _drop(graph.sparse_initializer, [each for each in graph.sparse_initializer if each.values.name in gone])
    _drop(graph.input, [each for each in graph.input if each.name in gone])  # of files before IR version 4
    _drop(graph.value_info, [each for each in graph.value_info if each.name in gone])
    _drop(graph.quantization_annotation, [each for each in graph.quantization_annotation if each.tensor_name in gone])


def _is_filed(node: NodeProto, before: Model) -> bool:
    """Whether reading the file made a constant of the node."""
    return node.op_type == "Constant" and bool(node.output) and node.output[0] in before.constants


def _messages(
    graph: GraphProto, before: Model, after: Model, new: list[Node]
) -> tuple[dict[int, NodeProto], list[NodeProto]]:
    """The new nodes by identity, and those that make new constants without elements; others are stored in the graph."""
    constants = {name: each for name, each in after.constants.items() if name not in before.constants}
    makes = [name for node in new for name in node.outputs]
    outside = dict.fromkeys(
        name for node in new for name in node.inputs if name and name not in constants and name not in makes
    )
    part = Model(
        after.name, tuple(Value(name, ()) for name in outside), tuple(makes), tuple(new), constants,
        {name: Value(name, ()) for name in makes}, opsets=before.opsets,
    )  # fmt: skip
    messages = to_proto(part).graph
    fills, nodes = list(messages.node[: len(messages.node) - len(new)]), messages.node[len(messages.node) - len(new) :]
    taken = {name for node in after.nodes for name in (*node.inputs, *node.outputs)} | after.constants.keys()
    held = {each.name: each for each in graph.initializer}
    for tensor in messages.initializer:
        if tensor.name not in constants:  # the shape that some ConstantOfShape nodes share
            if held.get(tensor.name) == tensor:
                continue
            _rename(tensor, fills, taken)
        graph.initializer.append(tensor)
    return {id(node): message for node, message in zip(new, nodes, strict=True)}, fills


def _rename(tensor: TensorProto, readers: Iterable[NodeProto], taken: Collection[str]) -> None:
    """Gives a tensor a name that is not taken."""
    old = tensor.name
    while tensor.name in taken:
        tensor.name += "_"
    for node in readers:
        if node.input[0] == old:
            node.input[0] = tensor.name


def _copy(node: NodeProto) -> NodeProto:
    copied = NodeProto()
    copied.CopyFrom(node)
    return copied


def _drop(messages: object, gone: Iterable[object]) -> None:
    for each in gone:
        messages.remove(each)  # type: ignore[attr-defined]


def _embed(graph: GraphProto, folder: Path) -> None:
    """Puts external data into the file; what is not there, or must not be opened, keeps its reference."""
    for tensor in _tensors(graph):
        where = location(tensor) if is_external(tensor) else ""
        inside = where and not leaves_folder(where) and is_there(folder, where)
        if not inside or folder.resolve() not in (folder / where).resolve().parents:
            continue
        try:
            load_external_data_for_tensor(tensor, str(folder))
        except Exception as fault:
            raise InputError(f"its data cannot be read ({fault})", code="bad-weights", where=tensor.name) from fault
        tensor.data_location = TensorProto.DEFAULT
        del tensor.external_data[:]


def _tensors(graph: GraphProto) -> Iterable[TensorProto]:
    yield from graph.initializer
    for node in graph.node:
        for attr in node.attribute:
            if attr.HasField("t"):
                yield attr.t
            yield from attr.tensors
            for inner in (*([attr.g] if attr.HasField("g") else []), *attr.graphs):
                yield from _tensors(inner)
