"""XLSR (arXiv 2105.10288), as Qualcomm renders it (github.com/quic/aimet-model-zoo): grouped 3x3, and 1x1."""

from __future__ import annotations

from collections.abc import Mapping

from npusim.zoo.net import Builder, Net


def xlsr(net: Net, scale: int) -> str:
    image = net.input(3)
    shallow = net.conv(image, 16, 3)
    x = net.conv(net.relu(net.conv(image, 32, 3)), 32, 1)
    for _ in range(3):
        x = net.conv(net.relu(net.conv(x, 32, 3, groups=4)), 32, 1)
    x = net.relu(net.conv(net.concat(x, shallow), 32, 1))
    return net.clip(net.shuffle(net.conv(x, 3 * scale**2, 3), scale), 0, 1)


NETWORKS: Mapping[str, Builder] = {"xlsr": xlsr}
