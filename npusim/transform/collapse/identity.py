"""Nodes that change nothing at inference."""

from __future__ import annotations

import numpy as np

from npusim.model import Node
from npusim.transform.collapse.affine import Refusal, identity
from npusim.transform.collapse.network import Network
from npusim.transform.collapse.rules import Terms, linear


@linear("identity", "Identity", "Dropout")
def same(node: Node, network: Network) -> Terms:
    """x; a Dropout in training mode, or one whose mask is read, is none."""
    if any(node.outputs[1:]):
        return Refusal(f"the mask of {node.place} is read")
    training = node.inputs[2] if len(node.inputs) > 2 else ""
    if training and not (network.is_constant(training) and not np.any(network.array(training))):
        return Refusal(f"{node.place} drops at random")
    x = node.inputs[0]
    return (identity(x, network.shape(x), network.shape(x)[1], node.place),)
