"""IDN, information distillation network (arXiv 1803.09454; github.com/Zheng222/IDN-Caffe, IDN_x2_deploy.prototxt).

The Caffe graph ends a pixel short of the scale and leaves the sum with the bicubic image to its caller; here the
transposed convolution is padded to the whole size, and the sum is part of the network.
"""

from __future__ import annotations

from collections.abc import Mapping

from npusim.zoo.net import Builder, Net

SLOPE = 0.05
KEPT = 16  # channels that skip the second half of a block


def idn(net: Net, scale: int) -> str:
    image = net.input(1)
    x = _conv(net, _conv(net, image, 64), 64)
    for _ in range(4):
        x = _distillation_block(net, x)
    x = net.transposed_conv(x, 1, 17, stride=scale, pad=8, output_padding=scale - 1)
    return net.add(x, net.bicubic(image, scale))


def _distillation_block(net: Net, x: str) -> str:
    """Enhancement in two halves, then compression to 64 features."""
    y = _conv(net, _conv(net, _conv(net, x, 48), 32, groups=4), 64)
    kept, rest = net.split(y, KEPT)
    y = _conv(net, _conv(net, _conv(net, rest, 64), 48, groups=4), 64 + KEPT)
    return _conv(net, net.add(net.concat(x, kept), y), 64, kernel=1)


def _conv(net: Net, x: str, channels: int, *, kernel: int = 3, groups: int = 1) -> str:
    return net.leaky_relu(net.conv(x, channels, kernel, groups=groups), SLOPE)


NETWORKS: Mapping[str, Builder] = {"idn": idn}
