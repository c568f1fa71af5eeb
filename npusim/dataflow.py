"""Which tensors are the same bytes, who makes them and who reads them: a graph without its views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from npusim.counts import LayerWork
from npusim.ir import DType, Graph, Tensor


class Flow(msgspec.Struct, frozen=True):
    """The bytes behind the tensors. A view's output is the same bytes as its input: both have one root.

    Attributes:
        root: tensor name to the name of the tensor whose bytes it shares (its own, unless a view made it).
        readers: root to the indices of the layers that read it, views left out, in order, each once.
        makers: root to the index of the layer that writes it; inputs and constants are not there.
        outputs: roots of the graph's outputs.
    """

    root: Mapping[str, str]
    readers: Mapping[str, Sequence[int]]
    makers: Mapping[str, int]
    outputs: frozenset[str]


def flow(graph: Graph, works: Sequence[LayerWork]) -> Flow:
    """The flow of a graph, worked out once; layers of unknown operators read and write like others."""
    kept = graph.__dict__
    if works is not kept.get("layer_works"):
        return _flow(graph, works)
    if "flow" not in kept:
        kept["flow"] = _flow(graph, works)
    found: Flow = kept["flow"]
    return found


def _flow(graph: Graph, works: Sequence[LayerWork]) -> Flow:
    root: dict[str, str] = {}
    readers: dict[str, list[int]] = {}
    makers: dict[str, int] = {}
    for index, each in enumerate(works):
        layer = each.layer
        source = view_source(each)
        if source is not None:
            root.update(dict.fromkeys(layer.outputs, root.get(source, source)))
            continue
        for name in dict.fromkeys(root.get(name, name) for name in layer.inputs if name):
            if not graph.tensors[name].is_constant:
                readers.setdefault(name, []).append(index)
        makers.update(dict.fromkeys((name for name in layer.outputs if name), index))
    full = {name: root.get(name, name) for name in graph.tensors}
    return Flow(full, readers, makers, frozenset(full[name] for name in graph.outputs))


def view_source(each: LayerWork) -> str | None:
    """The tensor that a view shows: its first input that is no constant; None where the layer is no view."""
    if each.work is None or not each.work.view:
        return None
    names = [name for name in each.layer.inputs if name]
    data = (
        name for name, tensor in zip(each.layer.inputs, each.call.ins, strict=True) if tensor and not tensor.is_constant
    )
    return next(data, names[0] if names else None)


def touched_elements(each: LayerWork, tensor: Tensor) -> int:
    """Elements of an operand that a layer reads or writes, once.

    Layers with multiply-accumulates touch all of it; others at most as many as their largest operand or result that
    their vector work passes over (a slice reads what it copies, a gather the rows it takes).
    """
    if each.work is None or each.work.nests:
        return tensor.elements
    return min(tensor.elements, max((part.elements for part in each.work.vector), default=0))


def packed_bytes(elements: int, dtype: DType) -> int:
    """Bytes of so many elements, packed."""
    return -(-elements * dtype.bits // 8)
