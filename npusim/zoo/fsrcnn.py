"""FSRCNN (arXiv 1608.00367; github.com/Lornatang/FSRCNN-PyTorch, model.py): shrink, map, expand, deconvolve.

The size of a network is (d, s, m): d features, shrunk to s, and m mapping layers.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from npusim.zoo.net import Activation, Builder, Net


def fsrcnn(net: Net, scale: int, *, d: int, s: int, m: int, activation: Activation = Net.prelu) -> str:
    x = activation(net, net.conv(net.input(1), d, 5))
    x = activation(net, net.conv(x, s, 1))
    for _ in range(m):
        x = activation(net, net.conv(x, s, 3))
    x = activation(net, net.conv(x, d, 1))
    return net.transposed_conv(x, 1, 9, stride=scale, pad=4, output_padding=scale - 1)


NETWORKS: Mapping[str, Builder] = {
    "fsrcnn": partial(fsrcnn, d=56, s=12, m=4),
    "fsrcnn-hw": partial(fsrcnn, d=56, s=12, m=4, activation=Net.relu),
    "fsrcnn-s": partial(fsrcnn, d=32, s=5, m=1),
}
