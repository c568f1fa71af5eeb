"""IMDN, information multi-distillation network (arXiv 1909.11856; github.com/Zheng222/IMDN, model/architecture.py)."""

from __future__ import annotations

from collections.abc import Mapping

from npusim.zoo.net import Builder, Net

WIDTH = 64
KEPT = WIDTH // 4  # channels that each step of a block sets aside
SLOPE = 0.05
BLOCKS = 6


def imdn(net: Net, scale: int) -> str:
    first = x = net.conv(net.input(3), WIDTH, 3)
    made = []
    for _ in range(BLOCKS):
        x = _block(net, x)
        made.append(x)
    x = net.leaky_relu(net.conv(net.concat(*made), WIDTH, 1), SLOPE)
    x = net.add(net.conv(x, WIDTH, 3), first)
    return net.shuffle(net.conv(x, 3 * scale**2, 3), scale)


def _block(net: Net, x: str) -> str:
    """Progressive refinement: three steps set channels aside, a fourth ends; attention weighs what was gathered."""
    kept, rest = [], x
    for _ in range(3):
        aside, rest = net.split(net.leaky_relu(net.conv(rest, WIDTH, 3), SLOPE), KEPT)
        kept.append(aside)
    gathered = net.concat(*kept, net.conv(rest, KEPT, 3))
    return net.add(net.conv(_contrast_attention(net, gathered), WIDTH, 1), x)


def _contrast_attention(net: Net, x: str) -> str:
    """Channels weighed by the sum of their mean and standard deviation."""
    mean = net.mean(x)
    centred = net.sub(x, mean)
    contrast = net.add(net.sqrt(net.mean(net.mul(centred, centred))), mean)
    weights = net.conv(net.relu(net.conv(contrast, WIDTH // 16, 1)), WIDTH, 1)
    return net.mul(x, net.sigmoid(weights))


NETWORKS: Mapping[str, Builder] = {"imdn": imdn}
