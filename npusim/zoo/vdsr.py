"""VDSR (arXiv 1511.04587; github.com/twtygqyy/pytorch-vdsr, vdsr.py): twenty 3x3 convolutions on a bicubic image."""

from __future__ import annotations

from collections.abc import Mapping

from npusim.zoo.net import Builder, Net

DEPTH = 20


def vdsr(net: Net, scale: int) -> str:
    """The convolutions make the detail that the bicubic image lacks; none has a bias."""
    image = x = net.bicubic(net.input(1), scale)
    for _ in range(DEPTH - 1):
        x = net.relu(net.conv(x, 64, 3, bias=False))
    return net.add(net.conv(x, 1, 3, bias=False), image)


NETWORKS: Mapping[str, Builder] = {"vdsr": vdsr}
