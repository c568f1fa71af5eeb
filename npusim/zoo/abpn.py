"""ABPN, anchor-based plain net (arXiv 2105.09750): detail added to the input pixel, repeated over its block.

``abpn`` is the authors' (github.com/NJU-Jet/SR_Mobile_Quantization, solvers/networks/base7.py), published for x3;
``abpn-aimet-*`` is Qualcomm's rendering (github.com/quic/aimet-model-zoo, ABPNRelease).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from npusim.zoo.net import Builder, Net


def abpn(net: Net, scale: int) -> str:
    image = x = net.input(3)
    for _ in range(5):
        x = net.relu(net.conv(x, 28, 3))
    detail = 3 * scale**2
    x = net.conv(net.relu(net.conv(x, detail, 3)), detail, 3)
    return net.clip(_on_anchor(net, image, x, scale), 0, 255)


def abpn_aimet(net: Net, scale: int, *, width: int) -> str:
    image = x = net.input(3)
    for _ in range(6):
        x = net.relu(net.conv(x, width, 3))
    return _on_anchor(net, image, net.conv(x, 3 * scale**2, 3), scale)


def _on_anchor(net: Net, image: str, detail: str, scale: int) -> str:
    """The image's channels, once a pixel of the block, plus the detail.

    Images concatenated go with TensorFlow's order. AIMET repeats channels by a frozen 1x1 convolution and has PyTorch's
    order: the same function, with the channels of the last convolution in another order.
    """
    anchor = net.concat(*(image,) * scale**2)
    return net.shuffle(net.add(anchor, detail), scale, order="DCR")


NETWORKS: Mapping[str, Builder] = {
    "abpn": abpn,
    "abpn-aimet-28": partial(abpn_aimet, width=28),
    "abpn-aimet-32": partial(abpn_aimet, width=32),
}
