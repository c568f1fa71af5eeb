"""Batch normalisation at inference: a factor and a bias for each channel."""

from __future__ import annotations

import numpy as np

from npusim.model import Node
from npusim.transform.collapse.affine import Refusal, numbers, scaling
from npusim.transform.collapse.network import Network
from npusim.transform.collapse.rules import Terms, linear


@linear("batch norm", "BatchNormalization")
def batch_norm(node: Node, network: Network) -> Terms:
    """scale / sqrt(variance + epsilon) * (x - mean) + bias (ONNX BatchNormalization)."""
    before_seven = not node.attrs.get("is_test", 1)  # opsets below 7 train unless they say that they do not
    if any(node.outputs[1:]) or node.attrs.get("training_mode", 0) or before_seven:
        return Refusal(f"{node.place} takes its statistics from the data")
    if not node.attrs.get("spatial", 1):
        return Refusal(f"{node.place} has other statistics at each position")
    if not all(map(network.is_constant, node.inputs[1:5])):
        return Refusal(f"the statistics of {node.place} are computed from data")
    scale, bias, mean, variance = (network.numbers(name) for name in node.inputs[1:5])
    epsilon = float(node.attrs.get("epsilon", 1e-5))
    factor = numbers(scale.shape, lambda: scale.array / np.sqrt(variance.array + epsilon), scale, variance)
    shift = numbers(bias.shape, lambda: bias.array - mean.array * factor.array, bias, mean, factor)
    return (scaling(node.inputs[0], len(network.shape(node.inputs[0])), factor, shift, node.place),)
