"""RLFN, residual local feature network (arXiv 2205.07514; github.com/bytedance/RLFN, model/rlfn.py and block.py)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from npusim.zoo.attention import spatial_attention
from npusim.zoo.net import Builder, Net

SLOPE = 0.05
BLOCKS = 6


def rlfn(net: Net, scale: int, *, width: int) -> str:
    first = x = net.conv(net.input(3), width, 3)
    for _ in range(BLOCKS):
        x = _block(net, x)
    x = net.add(net.conv(x, width, 3), first)
    return net.shuffle(net.conv(x, 3 * scale**2, 3), scale)


def _block(net: Net, x: str) -> str:
    """Three convolutions, a skip, a 1x1, and attention of 16 channels."""
    width, y = net.channels(x), x
    for _ in range(3):
        y = net.leaky_relu(net.conv(y, width, 3), SLOPE)
    return spatial_attention(net, net.conv(net.add(y, x), width, 1), 16, convs=1)


NETWORKS: Mapping[str, Builder] = {"rlfn": partial(rlfn, width=52), "rlfn-s": partial(rlfn, width=48)}
