"""Enhanced spatial attention (ESA), the block that RFDN and RLFN share."""

from __future__ import annotations

from npusim.zoo.net import Net


def spatial_attention(net: Net, x: str, width: int, *, convs: int) -> str:
    """Weighs each pixel by what a small branch sees around it.

    The branch shrinks to a sixth (a convolution of stride 2, a 7x7 maximum of stride 3), runs ``convs`` 3x3
    convolutions there with ReLU between them, and is resized to the features, whatever their size.
    """
    reduced = net.conv(x, width, 1)
    y = net.max_pool(net.conv(reduced, width, 3, stride=2, pad=0), 7, 3)
    for index in range(convs):
        y = net.conv(net.relu(y) if index else y, width, 3)
    y = net.add(net.bilinear_like(y, x), net.conv(reduced, width, 1))
    return net.mul(x, net.sigmoid(net.conv(y, net.channels(x), 1)))
