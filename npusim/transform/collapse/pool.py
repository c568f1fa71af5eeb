"""Average pooling: each channel by a kernel of equal taps."""

from __future__ import annotations

from math import prod

import numpy as np

from npusim.model import Node
from npusim.transform.collapse.affine import Affine, Numbers, Refusal, Window
from npusim.transform.collapse.network import Network
from npusim.transform.collapse.rules import Terms, linear


@linear("average pooling", "AveragePool")
def average(node: Node, network: Network) -> Terms:
    """1 / taps each, where the padding is counted, or there is none."""
    channels, *frame = network.shape(node.inputs[0])[1:]
    taps, attrs = tuple(node.attrs["kernel_shape"]), node.attrs
    ones = (1,) * len(frame)
    pads = tuple(attrs.get("pads") or (0,) * (2 * len(taps)))
    if attrs.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID") or attrs.get("ceil_mode", 0):
        return Refusal(f"the last windows of {node.place} depend on the frame (auto_pad or ceil_mode)")
    if any(pads) and not attrs.get("count_include_pad", 0):
        return Refusal(f"{node.place} averages over fewer taps at the border (count_include_pad is 0)")
    kernel = Numbers((channels, 1, *taps), lambda: np.full((channels, 1, *taps), 1 / prod(taps)))
    window = Window(
        tuple(attrs.get("strides") or ones), tuple(attrs.get("dilations") or ones), pads[: len(taps)], pads[len(taps) :]
    )
    return (Affine(node.inputs[0], kernel, None, window, channels, place=node.place),)
