"""QuickSRNet (arXiv 2303.04336; github.com/quic/aimet-model-zoo, quicksrnet/model/models.py): a plain chain, clipped.

Each activation clips to 0..1, so that eight bits hold it without loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from npusim.zoo.net import Builder, Net


def quicksrnet(net: Net, scale: int, *, width: int, middle: int, anchor: bool = False) -> str:
    """``anchor``: the input goes to the output by a 1x1 convolution."""
    image = x = net.input(3)
    for _ in range(1 + middle):
        x = net.clip(net.conv(x, width, 3), 0, 1, kind="act")
    x = net.conv(x, 3 * scale**2, 3)
    if anchor:
        x = net.add(net.conv(image, 3 * scale**2, 1), x)
    return net.shuffle(net.clip(x, 0, 1), scale)


NETWORKS: Mapping[str, Builder] = {
    "quicksrnet-small": partial(quicksrnet, width=32, middle=2),
    "quicksrnet-medium": partial(quicksrnet, width=32, middle=5),
    "quicksrnet-large": partial(quicksrnet, width=64, middle=11, anchor=True),
}
