"""The order in which nodes run, and which of them an output needs."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from npusim.errors import InputError
from npusim.model import Model, Node


def captured(model: Model) -> dict[str, None]:
    """Names that a subgraph reads from around it, in order."""
    own = {value.name for value in model.inputs} | set(model.constants)
    own.update(name for node in model.nodes for name in node.outputs)
    wanted = (name for node in model.nodes for name in reads(node))
    return dict.fromkeys(name for name in (*wanted, *model.outputs) if name not in own)


def reads(node: Node) -> Iterable[str]:
    """Names that a node needs: its inputs, and what its subgraphs capture."""
    inner = [value for value in node.attrs.values() if isinstance(value, Model)]
    names = [name for name in node.inputs if name]
    return names if not inner else dict.fromkeys([*names, *(name for model in inner for name in captured(model))])


def ordered(model: Model, around: Iterable[str] = ()) -> Sequence[Node]:
    """Nodes in topological order: as the file has them where that is one.

    Args:
        around: names that are made outside (a subgraph captures them).

    Raises:
        InputError: duplicate-output, undefined-value, cycle.
    """
    made = set(model.constants) | {value.name for value in model.inputs}
    maker = _makers(model, made)
    made.update(around)
    for name in model.outputs:
        if name not in maker and name not in made:
            raise InputError("nothing makes this graph output", code="undefined-value", where=name)
    seen = set(made)
    for node in model.nodes:
        if not all(name in seen for name in reads(node)):
            return _sorted(model.nodes, maker, made)
        seen.update(node.outputs)
    return model.nodes


def _makers(model: Model, made: set[str]) -> dict[str, Node]:
    maker: dict[str, Node] = {}
    for node in model.nodes:
        for name in node.outputs:
            if name and (name in made or name in maker):
                raise InputError(f"makes {name!r}, which is made already", code="duplicate-output", where=node.place)
            if name:
                maker[name] = node
    return maker


def _sorted(nodes: Sequence[Node], maker: dict[str, Node], made: set[str]) -> list[Node]:
    waiting: dict[int, int] = {}
    readers: dict[str, list[Node]] = {}
    for node in nodes:
        missing = {name for name in reads(node) if name not in made}
        for name in missing:
            if name not in maker:
                raise InputError(f"reads {name!r}, which nothing makes", code="undefined-value", where=node.place)
            readers.setdefault(name, []).append(node)
        waiting[id(node)] = len(missing)
    ready = deque(node for node in nodes if not waiting[id(node)])
    order: list[Node] = []
    while ready:
        node = ready.popleft()
        order.append(node)
        for reader in (reader for name in node.outputs for reader in readers.get(name, ())):
            waiting[id(reader)] -= 1
            if not waiting[id(reader)]:
                ready.append(reader)
    if len(order) < len(nodes):
        stuck = next(node for node in nodes if waiting[id(node)])
        raise InputError(
            "the graph has a cycle through this node", code="cycle", where=stuck.place,
            fix="a node may not need its own output",
        )  # fmt: skip
    return order


def needed(order: Sequence[Node], outputs: Sequence[str]) -> tuple[Sequence[Node], list[str]]:
    """The nodes that some output needs, and the names of the others."""
    wanted, kept, dead = set(outputs), [], []
    for node in reversed(order):
        if wanted.isdisjoint(node.outputs):
            dead.append(node.name)
        else:
            kept.append(node)
            wanted.update(reads(node))
    return kept[::-1], dead[::-1]
