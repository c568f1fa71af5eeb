"""ESPCN (arXiv 1609.05158): three convolutions at low resolution and a pixel shuffle, which the paper introduced."""

from __future__ import annotations

from collections.abc import Mapping

from npusim.zoo.net import Builder, Net


def espcn(net: Net, scale: int) -> str:
    """Hyperbolic tangents, as in the paper; many ports have ReLU in their place."""
    x = net.tanh(net.conv(net.input(1), 64, 5))
    x = net.tanh(net.conv(x, 32, 3))
    return net.shuffle(net.conv(x, scale**2, 3), scale)


NETWORKS: Mapping[str, Builder] = {"espcn": espcn}
