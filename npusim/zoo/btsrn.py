"""BTSRN, balanced two-stage residual network (also written NTSRN): six residual blocks at low resolution, four at high.

Derived: the blocks follow from the published 410 K parameters and 207.7, 176.2 and 165.2 GMAC (CARN's table); the first
and last convolutions and the upsampling between the stages are recalled.
"""

from __future__ import annotations

from collections.abc import Mapping

from npusim.zoo.net import Builder, Net

WIDTH = 64


def btsrn(net: Net, scale: int) -> str:
    x = net.conv(net.input(3), WIDTH, 3)
    for _ in range(6):
        x = _block(net, x)
    x = net.nearest(x, scale)
    for _ in range(4):
        x = _block(net, x)
    return net.conv(x, 3, 3)


def _block(net: Net, x: str) -> str:
    """A 1x1 and a 3x3 convolution, each after its activation."""
    y = net.conv(net.relu(x), WIDTH, 1)
    return net.add(net.conv(net.relu(y), WIDTH, 3), x)


NETWORKS: Mapping[str, Builder] = {"btsrn": btsrn}
