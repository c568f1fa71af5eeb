"""Transposed convolutions: they take in what is done at each position, before them without a bias, or behind them."""

from __future__ import annotations

from npusim.model import Node
from npusim.ops.base import Array
from npusim.transform.collapse.affine import Affine, Refusal, Window, numbers
from npusim.transform.collapse.conv import kernel_and_bias
from npusim.transform.collapse.network import Network
from npusim.transform.collapse.rules import Terms, linear


@linear("transposed convolution", "ConvTranspose")
def transposed(node: Node, network: Network) -> Terms:
    """The kernel, outputs first; its window is kept as it is."""
    parameters = kernel_and_bias(node, network)
    if isinstance(parameters, Refusal):
        return parameters
    stored, bias = parameters
    groups, (inputs, outputs, *taps) = int(node.attrs.get("group", 1)), stored.shape
    kernel = numbers((outputs * groups, inputs // groups, *taps), lambda: outputs_first(stored.array, groups), stored)
    ones = (1,) * len(taps)
    strides = tuple(node.attrs.get("strides") or ones)
    window = Window(strides, ones, (), (), dict(node.attrs), op="ConvTranspose")
    return (Affine(node.inputs[0], kernel, bias, window, groups, place=node.place),)


def outputs_first(kernel: Array, groups: int) -> Array:
    """[inputs, outputs / groups, taps...] as [outputs, inputs / groups, taps...], and back."""
    first, second, *taps = kernel.shape
    split = kernel.reshape(groups, first // groups, second, *taps).swapaxes(1, 2)
    made: Array = split.reshape(groups * second, first // groups, *taps)
    return made
