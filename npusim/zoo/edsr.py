"""EDSR, the baseline size (arXiv 1707.02921; github.com/sanghyun-son/EDSR-PyTorch, src/model/edsr.py).

Residual blocks without batch normalisation. The fixed shift of the image's mean, before and after, is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from npusim.zoo.net import Builder, Net, upsample


def edsr(net: Net, scale: int, *, blocks: int, width: int) -> str:
    first = x = net.conv(net.input(3), width, 3)
    for _ in range(blocks):
        x = net.add(net.conv(net.relu(net.conv(x, width, 3)), width, 3), x)
    x = net.add(net.conv(x, width, 3), first)
    return net.conv(upsample(net, x, scale), 3, 3)


NETWORKS: Mapping[str, Builder] = {"edsr-baseline": partial(edsr, blocks=16, width=64)}
