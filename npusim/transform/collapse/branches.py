"""Additions: of branches of one tensor, of a tensor and what is made of it (a residual), or of a constant."""

from __future__ import annotations

from npusim.model import Node
from npusim.transform.collapse.affine import Affine, Refusal, identity
from npusim.transform.collapse.network import Network
from npusim.transform.collapse.rules import Terms, linear
from npusim.transform.collapse.scale import shifted

KIND = "branches"
RESIDUAL = "residual"  # what the same is called where one branch is the tensor itself


@linear(KIND, "Add", "Sub", "Sum")
def branches(node: Node, network: Network) -> Terms:
    """Each operand once; the second of a Sub with the other sign."""
    if any(map(network.is_constant, node.inputs)):
        return shifted(node, network)
    if "broadcast" in node.attrs or "axis" in node.attrs or not all(map(network.is_real, node.inputs)):
        return None
    made = network.shape(node.outputs[0])
    terms: list[Affine] = []
    for slot, name in enumerate(node.inputs):
        shape = network.shape(name)
        if (shape[0], *shape[2:]) != (made[0], *made[2:]):
            return Refusal(f"{node.place} adds {_text(shape)} to each part of {_text(made)}")
        sign = -1.0 if node.op == "Sub" and slot else 1.0
        terms.append(identity(name, shape, made[1], node.place, sign))
    return tuple(terms)


def _text(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
