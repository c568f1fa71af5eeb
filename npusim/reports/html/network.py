"""The network of a result as nodes and edges: its layers with the passes that serve them, and what is not costed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from npusim.explain import owners
from npusim.result import Estimate, LayerResult


class Node(msgspec.Struct, frozen=True):
    """What a box of the diagram shows.

    Attributes:
        kind: ``layer``, ``unknown`` (not costed), ``input`` or ``output``.
        row: place in the result's layers of the pass that takes longest; None where there is no pass.
        passes: how many there are.
        resource: what limits that pass.
    """

    kind: str
    name: str
    op: str = ""
    row: int | None = None
    passes: int = 0
    cycles: float = 0.0
    resource: str = "none"


class Network(msgspec.Struct, frozen=True):
    """Nodes in topological order; ``named`` is false where the result does not say which tensors a pass reads."""

    nodes: tuple[Node, ...]
    edges: tuple[tuple[int, int], ...]
    named: bool


class _Part(msgspec.Struct, frozen=True):
    """A node with the names of its tensors."""

    node: Node
    reads: tuple[str, ...]
    makes: tuple[str, ...]


def network(result: Estimate) -> Network:
    """The network of a result; where its tensors are not named, its layers in the order they run."""
    layers = list(_layers(result.layers))
    if result.layers and not any(row.reads or row.makes for row in result.layers):
        nodes = tuple(part.node for part in layers)
        return Network(nodes, tuple((at, at + 1) for at in range(len(nodes) - 1)), named=False)
    unknown = [_Part(Node("unknown", row.name, row.op), row.reads, row.makes) for row in result.unsupported]
    parts = [
        *(_Part(Node("input", name), (), (name,)) for name in result.model.inputs),
        *_sorted([*layers, *unknown]),
        *(_Part(Node("output", name), (name,), ()) for name in result.model.outputs),
    ]
    maker = {name: at for at, part in enumerate(parts) for name in part.makes}
    edges = {(maker[name], at) for at, part in enumerate(parts) for name in part.reads if maker.get(name, at) < at}
    return Network(tuple(part.node for part in parts), tuple(sorted(edges)), named=True)


def _layers(rows: Sequence[LayerResult]) -> Iterator[_Part]:
    """A node a layer of the graph: conversions belong to the layer that they serve."""
    groups: dict[str, list[int]] = {}
    for at, owner in enumerate(owners(rows)):
        groups.setdefault(owner, []).append(at)
    for owner, members in groups.items():
        slowest = max(members, key=lambda at: rows[at].cycles)
        main = next((rows[at] for at in members if rows[at].name == owner), rows[slowest])
        yield _Part(
            Node(
                "layer", owner, main.op, slowest, len(members), sum(rows[at].cycles for at in members),
                rows[slowest].bound_by,
            ),
            tuple(name for at in members for name in rows[at].reads),
            tuple(name for at in members for name in rows[at].makes),
        )  # fmt: skip


def _sorted(parts: Sequence[_Part]) -> list[_Part]:
    """Topological order, without recursion; parts that wait for each other keep their places at the end."""
    maker: Mapping[str, int] = {name: at for at, part in enumerate(parts) for name in part.makes}
    waits = [{maker[name] for name in part.reads if maker.get(name, at) != at} for at, part in enumerate(parts)]
    readers: list[list[int]] = [[] for _ in parts]
    for at, sources in enumerate(waits):
        for source in sources:
            readers[source].append(at)
    ready = [at for at, sources in enumerate(waits) if not sources]
    left, order = [len(sources) for sources in waits], list[int]()
    for at in ready:  # grows while it is walked
        order.append(at)
        for reader in readers[at]:
            left[reader] -= 1
            if not left[reader]:
                ready.append(reader)
    done = set(order)
    return [parts[at] for at in (*order, *(at for at in range(len(parts)) if at not in done))]
