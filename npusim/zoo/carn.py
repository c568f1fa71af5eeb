"""CARN and CARN-M (arXiv 1803.08664; github.com/nmhkahn/CARN-pytorch, carn/model): cascades of residual blocks.

A cascade runs three units; after each, everything made so far is concatenated and a 1x1 convolution returns to 64
features. The network is a cascade of cascades. The fixed shift of the image's mean, before and after, is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from npusim.zoo.net import Builder, Net, upsample

WIDTH = 64
UNITS = 3


def carn(net: Net, scale: int, *, mobile: bool = False) -> str:
    """``mobile``: CARN-M: grouped convolutions, and one set of weights for the three units of a cascade."""
    first = net.conv(net.input(3), WIDTH, 3)

    def block(x: str, index: int) -> str:
        unit = partial(_efficient_block, name=f"block{index}") if mobile else _residual_block
        return _cascade(net, x, lambda y, _: unit(net, y))

    x = upsample(net, _cascade(net, first, block), scale, groups=4 if mobile else 1, activation=Net.relu)
    return net.conv(x, 3, 3)


def _cascade(net: Net, x: str, unit: Callable[[str, int], str]) -> str:
    gathered = x
    for index in range(UNITS):
        gathered = net.concat(gathered, unit(x, index))
        x = net.relu(net.conv(gathered, WIDTH, 1))
    return x


def _residual_block(net: Net, x: str) -> str:
    y = net.conv(net.relu(net.conv(x, WIDTH, 3)), WIDTH, 3)
    return net.relu(net.add(y, x))


def _efficient_block(net: Net, x: str, *, name: str) -> str:
    y = net.relu(net.conv(x, WIDTH, 3, groups=4, weights=f"{name}.conv1"))
    y = net.relu(net.conv(y, WIDTH, 3, groups=4, weights=f"{name}.conv2"))
    return net.relu(net.add(net.conv(y, WIDTH, 1, weights=f"{name}.conv3"), x))


NETWORKS: Mapping[str, Builder] = {"carn": carn, "carn-m": partial(carn, mobile=True)}
