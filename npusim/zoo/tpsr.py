"""TPSR-NoGAN (arXiv 2007.04356; github.com/royson/tpsr, model.py and blocks.py): a cell that a search found.

Each convolution is followed by a PReLU with one slope for all channels. The fixed shift of the image's mean is left
out.
"""

from __future__ import annotations

from collections.abc import Mapping

from npusim.zoo.net import Builder, Net

WIDTH = 16


def tpsr(net: Net, scale: int) -> str:
    """The image enters by a 3x3 convolution, goes through the cell, and doubles once or twice."""
    x = _cell(net, net.conv(net.input(3), WIDTH, 3))
    for _ in range(scale // 2):
        x = net.shuffle(net.conv(x, 12, 3), 2)
    return x


def _cell(net: Net, x: str) -> str:
    stem = _conv(net, _conv(net, _separable(net, x, 5), 7), 7)
    left = _separable(net, _conv(net, _conv(net, stem, 3), 5), 3)
    right = _conv(net, _conv(net, _conv(net, stem, 3), 5), 3)
    return _act(net, net.add(net.add(_conv(net, x, 7), right), left))


def _conv(net: Net, x: str, kernel: int) -> str:
    return _act(net, net.conv(x, WIDTH, kernel))


def _separable(net: Net, x: str, kernel: int) -> str:
    x = _act(net, net.conv(x, WIDTH, kernel, groups=WIDTH, bias=False))
    return _conv(net, x, 1)


def _act(net: Net, x: str) -> str:
    return net.prelu(x, one_slope=True)


NETWORKS: Mapping[str, Builder] = {"tpsr-nogan": tpsr}
