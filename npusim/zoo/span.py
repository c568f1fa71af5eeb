"""SPAN, swift parameter-free attention network (arXiv 2311.12770; github.com/hongyuanyu/SPAN, span_arch.py).

The form that runs: each Conv3XC (1x1, 3x3, 1x1 and a 1x1 skip while training) is one 3x3 convolution.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from npusim.zoo.net import Builder, Net

BLOCKS = 6


def span(net: Net, scale: int, *, width: int) -> str:
    first = x = net.conv(net.input(3), width, 3)
    made = []  # each block's output, and what its first convolution made
    for _ in range(BLOCKS):
        made.append(_block(net, x))
        x = made[-1][0]
    x = net.conv(x, width, 3)
    # Beside the ends of the body: what the first block made, and what the last block's first convolution did.
    x = net.conv(net.concat(first, x, made[0][0], made[-1][1]), width, 1)
    return net.shuffle(net.conv(x, 3 * scale**2, 3), scale)


def _block(net: Net, x: str) -> tuple[str, str]:
    """Three convolutions; their result, with a skip, is weighed by its own sigmoid, which has no parameters.

    The repository applies SiLU in place, so that what the first convolution made leaves the block activated.
    """
    width = net.channels(x)
    entry = net.silu(net.conv(x, width, 3))
    y = net.conv(net.silu(net.conv(entry, width, 3)), width, 3)
    attention = net.sub_scalar(net.sigmoid(y), 0.5)
    return net.mul(net.add(y, x), attention), entry


NETWORKS: Mapping[str, Builder] = {"span": partial(span, width=52), "span-s": partial(span, width=48)}
