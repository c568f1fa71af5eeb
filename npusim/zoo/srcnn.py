"""SRCNN, the first convolutional network for the task (arXiv 1501.00092): three convolutions on a bicubic image.

The authors trained it without padding; here zero padding keeps the size, as in every table that counts its MACs.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from npusim.zoo.net import Builder, Net


def srcnn(net: Net, scale: int, *, middle: int) -> str:
    """9x9 to 64 features, ``middle`` x ``middle`` to 32, 5x5 to the image."""
    x = net.bicubic(net.input(1), scale)
    x = net.relu(net.conv(x, 64, 9))
    x = net.relu(net.conv(x, 32, middle))
    return net.conv(x, 1, 5)


NETWORKS: Mapping[str, Builder] = {"srcnn-915": partial(srcnn, middle=1), "srcnn-955": partial(srcnn, middle=5)}
