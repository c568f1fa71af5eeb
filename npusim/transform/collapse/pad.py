"""Explicit padding by one number: a window whose kernel is one tap."""

from __future__ import annotations

import msgspec
import numpy as np

from npusim.model import Node
from npusim.transform.collapse.affine import Refusal, identity
from npusim.transform.collapse.network import Network
from npusim.transform.collapse.rules import Terms, linear


@linear("padding", "Pad")
def pad(node: Node, network: Network) -> Terms:
    """x with a border; pads as an attribute (up to opset 10) or as an input."""
    if node.attrs.get("mode", "constant") != "constant":
        return Refusal(f"{node.place} pads with what lies inside (mode {node.attrs['mode']})")
    if any(node.inputs[3:]) or not all(network.is_constant(name) for name in node.inputs[1:] if name):
        return Refusal(f"the sizes of {node.place} depend on the frame or on data, or are given by axis")
    x = node.inputs[0]
    rank = len(network.shape(x))
    pads = node.attrs.get("pads", node.attrs.get("paddings"))
    if pads is None:
        pads = network.array(node.inputs[1]).reshape(-1)
    before, after = (tuple(map(int, side)) for side in (pads[:rank], pads[rank:]))
    if any((*before[:2], *after[:2])) or min(*before, *after) < 0:
        return Refusal(f"{node.place} pads channels or crops (pads {[*before, *after]})")
    value = float(node.attrs.get("value", 0.0))
    if len(node.inputs) > 2 and node.inputs[2]:
        value = float(np.asarray(network.array(node.inputs[2])).reshape(-1)[0])
    made = identity(x, network.shape(x), network.shape(x)[1], node.place)
    window = msgspec.structs.replace(made.window, before=before[2:], after=after[2:])
    return (msgspec.structs.replace(made, window=window, border=value),)
