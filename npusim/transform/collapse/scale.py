"""Element-wise steps by constants that are one number a channel, or one for all: factors and shifts."""

from __future__ import annotations

import numpy as np

from npusim.model import Node
from npusim.transform.collapse.affine import Numbers, Refusal, identity, numbers, scaling
from npusim.transform.collapse.network import Network
from npusim.transform.collapse.rules import Terms, linear

SCALE = "scale"


@linear(SCALE, "Mul", "Div")
def scaled(node: Node, network: Network) -> Terms:
    """x * c, c * x or x / c."""
    found = operands(node, network)
    if found is None or isinstance(found, Refusal) or (node.op == "Div" and found[0] == 1):
        return found if isinstance(found, Refusal) else None
    slot, numbers_by_channel = found
    x, constant = node.inputs[slot], numbers_by_channel
    factor = constant
    if node.op == "Div":
        factor = numbers(constant.shape, lambda: 1 / constant.array, constant)
    return (scaling(x, len(network.shape(x)), factor, None, node.place),)


@linear(SCALE, "Neg")
def negated(node: Node, network: Network) -> Terms:
    """-x."""
    x = node.inputs[0]
    return (identity(x, network.shape(x), network.shape(x)[1], node.place, -1.0),)


def shifted(node: Node, network: Network) -> Terms:
    """x + c, c + x, x - c or c - x: called by the rule of additions, whose operators these are."""
    found = operands(node, network)
    if found is None or isinstance(found, Refusal):
        return found
    slot, constant = found
    x = node.inputs[slot]
    turned = node.op == "Sub" and slot == 1
    bias = constant
    if node.op == "Sub" and slot == 0:
        bias = numbers(constant.shape, lambda: -constant.array, constant)
    (channels,) = constant.shape
    factor = Numbers((channels,), lambda: np.full(channels, -1.0 if turned else 1.0))
    return (scaling(x, len(network.shape(x)), factor, bias, node.place),)


def operands(node: Node, network: Network) -> tuple[int, Numbers] | Refusal | None:
    """The slot of the data and the constant by channel; None where there are not one of each."""
    if len(node.inputs) != 2 or "broadcast" in node.attrs or "axis" in node.attrs:
        return None
    constant = [network.is_constant(name) for name in node.inputs]
    if sum(constant) != 1:
        return None
    slot = constant.index(False)
    x, c = node.inputs[slot], node.inputs[1 - slot]
    if not network.is_real(x) or network.shape(x) != network.shape(node.outputs[0]):
        return None
    shape, rank = network.shape(c), len(network.shape(x))
    whole = (1,) * (rank - len(shape)) + shape
    channels = network.shape(x)[1]
    if any(size != 1 for axis, size in enumerate(whole) if axis != 1) or whole[1] not in (1, channels):
        return Refusal(f"{node.place} takes another number at each position")
    if c in network.quantised:
        return Refusal(f"the constant of {node.place} is quantised: collapse before quantising")
    stored = network.numbers(c)
    spread = numbers((channels,), lambda: np.broadcast_to(stored.array.reshape(-1), (channels,)), stored)
    return slot, spread
