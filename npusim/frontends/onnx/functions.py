"""Local functions: their bodies take the place of the nodes that call them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from onnx import AttributeProto, FunctionProto, ModelProto, NodeProto, inliner

from npusim.errors import InputError

DEEP = 50  # functions that call one another; the library follows them by recursion
LARGE = 2_000_000  # nodes of the model without functions

_Key = tuple[str, str]


def inlined(model: ModelProto, where: str) -> ModelProto:
    """The model without local functions; InputError (bad-function) where it cannot be had."""
    if not model.functions:
        return model
    _check(model, where)
    try:
        return inliner.inline_local_functions(model)
    except Exception as fault:
        raise InputError(
            f"its local functions cannot be inlined ({fault})", code="bad-function", where=where
        ) from fault


def _check(model: ModelProto, where: str) -> None:
    """Refuses functions that call themselves, go too deep or grow beyond bounds: the library would follow them."""
    functions: dict[_Key, list[FunctionProto]] = {}
    for function in model.functions:
        functions.setdefault((function.domain, function.name), []).append(function)
    sizes: dict[_Key, int] = {}

    def size(key: _Key, callers: tuple[_Key, ...]) -> int:
        if key in callers or len(callers) > DEEP:
            how = "calls itself" if key in callers else f"stands behind more than {DEEP} others"
            raise InputError(f"the local function {key[1]!r} {how}", code="bad-function", where=where)
        if key not in sizes:
            sizes[key] = max(whole(_nodes(each.node), (*callers, key)) for each in functions[key])
        return sizes[key]

    def whole(nodes: Iterable[NodeProto], callers: tuple[_Key, ...]) -> int:
        calls = ((node.domain, node.op_type) for node in nodes)
        return sum(size(key, callers) if key in functions else 1 for key in calls)

    total = whole(_nodes(model.graph.node), ())
    if total > LARGE:
        raise InputError(
            f"its local functions are {total:,} nodes when each stands where it is called", code="bad-function",
            where=where, fix=f"export a model of at most {LARGE:,} nodes",
        )  # fmt: skip


def _nodes(nodes: Iterable[NodeProto]) -> Iterator[NodeProto]:
    """The nodes and those of their subgraphs."""
    for node in nodes:
        yield node
        for attr in node.attribute:
            if attr.type == AttributeProto.GRAPH:
                yield from _nodes(attr.g.node)
