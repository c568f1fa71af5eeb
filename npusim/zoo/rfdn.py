"""RFDN, residual feature distillation network (arXiv 2009.11551; github.com/njulj/RFDN, RFDN.py and block.py).

The challenge model has four blocks of 50 features (``rfdn-nf50``, read in the code); the six blocks of 48, and of 52
for RFDN-L, are recalled.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from npusim.zoo.attention import spatial_attention
from npusim.zoo.net import Builder, Net

SLOPE = 0.05


def rfdn(net: Net, scale: int, *, width: int, blocks: int) -> str:
    first = x = net.conv(net.input(3), width, 3)
    made = []
    for _ in range(blocks):
        x = _block(net, x)
        made.append(x)
    x = net.leaky_relu(net.conv(net.concat(*made), width, 1), SLOPE)
    x = net.add(net.conv(x, width, 3), first)
    return net.shuffle(net.conv(x, 3 * scale**2, 3), scale)


def _block(net: Net, x: str) -> str:
    """Three steps distil half the features by a 1x1 and go on with a residual 3x3; a fourth ends; attention follows."""
    width, kept = net.channels(x), []
    for _ in range(3):
        kept.append(net.leaky_relu(net.conv(x, width // 2, 1), SLOPE))
        x = net.leaky_relu(net.add(net.conv(x, width, 3), x), SLOPE)
    kept.append(net.leaky_relu(net.conv(x, width // 2, 3), SLOPE))
    return spatial_attention(net, net.conv(net.concat(*kept), width, 1), width // 4, convs=3)


NETWORKS: Mapping[str, Builder] = {
    "rfdn-nf50": partial(rfdn, width=50, blocks=4),
    "rfdn": partial(rfdn, width=48, blocks=6),
    "rfdn-l": partial(rfdn, width=52, blocks=6),
}
