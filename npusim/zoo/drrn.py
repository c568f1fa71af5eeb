"""DRRN (CVPR 2017; github.com/tyshiwo/DRRN_CVPR17, deploy.prototxt): one residual unit, run again and again.

Every unit has the same two convolutions, each after its own batch normalisation and ReLU, and adds what the first
convolution of the block made. One recursive block of U units is written B1U<U>.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from npusim.zoo.net import Builder, Net

WIDTH = 128


def drrn(net: Net, scale: int, *, units: int) -> str:
    image = net.bicubic(net.input(1), scale)
    first = x = _conv(net, image, WIDTH)
    for _ in range(units):
        y = _conv(net, x, WIDTH, weights="unit.conv1")
        x = net.add(_conv(net, y, WIDTH, weights="unit.conv2"), first)
    return net.add(_conv(net, x, 1), image)


def _conv(net: Net, x: str, channels: int, *, weights: str = "") -> str:
    return net.conv(net.relu(net.batch_norm(x)), channels, 3, weights=weights)


NETWORKS: Mapping[str, Builder] = {"drrn-b1u9": partial(drrn, units=9), "drrn-b1u25": partial(drrn, units=25)}
