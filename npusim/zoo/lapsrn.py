"""LapSRN (arXiv 1704.03915; github.com/twtygqyy/pytorch-LapSRN, lapsrn.py): a pyramid, doubled level by level.

In each level ten 3x3 convolutions and a transposed one make features of twice the size; a 3x3 convolution makes detail
of them, which is added to the image, itself doubled by a transposed convolution. x4 is two levels.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from npusim.zoo.net import Builder, Net

DEPTH = 10
SLOPE = 0.2


def lapsrn(net: Net, scale: int, *, up: int) -> str:
    """``up``: kernel of the transposed convolution of features: 4, or 3 to reproduce the count in CARN's table."""
    image = net.input(1)
    x = net.leaky_relu(net.conv(image, 64, 3, bias=False), SLOPE)
    for _ in range(scale // 2):
        for _ in range(DEPTH):
            x = net.leaky_relu(net.conv(x, 64, 3, bias=False), SLOPE)
        x = net.transposed_conv(x, 64, up, stride=2, pad=1, output_padding=4 - up, bias=False)
        x = net.leaky_relu(x, SLOPE)
        detail = net.conv(x, 1, 3, bias=False)
        image = net.add(net.transposed_conv(image, 1, 4, stride=2, pad=1, bias=False), detail)
    return image


NETWORKS: Mapping[str, Builder] = {"lapsrn": partial(lapsrn, up=4), "lapsrn-k3count": partial(lapsrn, up=3)}
