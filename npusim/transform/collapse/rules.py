"""The table of what is linear: a rule an operator, which says as what sum of convolutions its output depends on inputs.

To add one, write ``rule(node, network)`` in a file of this folder, decorate it with ``linear(kind, op, ...)`` and name
the file in ``FILES``. What follows from it (chains, branches, borders, costs) is the same for all.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import msgspec

from npusim.model import Node
from npusim.registry import Registry
from npusim.transform.collapse.affine import Affine, Refusal
from npusim.transform.collapse.network import Network

FILES = ("conv", "transposed", "gemm", "batch_norm", "scale", "branches", "identity", "pad", "pool")

# The terms of the sum, each of one of the node's inputs; a Refusal where the operator is linear and this node is not;
# None where it has nothing of that kind.
Terms = tuple[Affine, ...] | Refusal | None
Apply = Callable[[Node, Network], Terms]


class Rule(msgspec.Struct, frozen=True):
    """What a kind of node is called in a report, and its terms."""

    kind: str
    apply: Apply


RULES: Registry[Rule] = Registry("linear operator")


def linear(kind: str, *ops: str) -> Callable[[Apply], Apply]:
    """Files a rule under the operators that it is for."""

    def file(rule: Apply) -> Apply:
        for op in ops:
            RULES.add(op, Rule(kind, rule))
        return rule

    return file


def terms(node: Node, network: Network) -> tuple[str, Terms]:
    """The kind of the node and the terms of its output; None where it is not linear."""
    load()
    rule = RULES.get(node.op)
    if rule is None or network.is_folded(node.outputs[0]):
        return "", None
    if not network.is_real(node.outputs[0]):
        tensor = network.tensor(node.outputs[0])
        if tensor is None or not tensor.dtype.is_float:
            return "", None
        return rule.kind, Refusal(f"{node.place} computes in {tensor.dtype.label}, in which no kernel is written")
    return rule.kind, rule.apply(node, network)


def load() -> None:
    """Imports the files of the rules, which fill the table."""
    for name in FILES:
        import_module(f"npusim.transform.collapse.{name}")
