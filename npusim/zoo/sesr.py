"""SESR, super-efficient super resolution (arXiv 2103.09404; github.com/ARM-software/sesr, models/sesr.py).

A 5x5 convolution to f features, m 3x3 convolutions with a PReLU each, a long skip around them, a 5x5 convolution to
the scale squared, the input added to all its channels, and a depth-to-space by 2, once or twice. Trained with each
convolution expanded to a linear block: k x k to p features, 1x1 back, and a short skip around the 3x3 ones. Collapsed,
a block is one k x k convolution. The paper counts no biases, and neither form has any here.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from npusim.zoo.net import Activation, Builder, Net


def sesr(net: Net, scale: int, *, m: int, f: int = 16, p: int = 0) -> str:
    """Quality form; collapsed, or with linear blocks of ``p`` features."""
    image = net.input(1)
    first = linear_block(net, net.sub_scalar(image, 0.5), f, 5, p)
    x = net.add(_body(net, first, m, p, Net.prelu), first)
    x = net.add(linear_block(net, x, scale**2, 5, p), image)
    return net.clip(_to_space(net, x, scale), 0, 1)


def sesr_hardware(net: Net, scale: int, *, m: int, f: int = 16) -> str:
    """Hardware form: ReLU in place of PReLU, and no skip from the input to the output."""
    first = linear_block(net, net.input(1), f, 5, 0)
    x = net.add(_body(net, first, m, 0, Net.relu), first)
    return _to_space(net, linear_block(net, x, scale**2, 5, 0), scale)


def linear_block(net: Net, x: str, channels: int, kernel: int, p: int, *, bias: bool = False) -> str:
    """One convolution, or k x k to ``p`` features and 1x1 back; a bias then stands in the 1x1 one."""
    if p:
        return net.conv(net.conv(x, p, kernel, bias=False), channels, 1, bias=bias)
    return net.conv(x, channels, kernel, bias=bias)


def _body(net: Net, x: str, m: int, p: int, activation: Activation, *, bias: bool = False) -> str:
    for _ in range(m):
        y = linear_block(net, x, net.channels(x), 3, p, bias=bias)
        if p:  # the collapse folds the short skip into the kernel
            y = net.add(y, x)
        x = activation(net, y)
    return x


def _to_space(net: Net, x: str, scale: int) -> str:
    """TensorFlow's depth_to_space; x4 is x2 twice, whose pixels stand in another order than those of x4 at once."""
    for block in {2: (2,), 3: (3,), 4: (2, 2)}[scale]:
        x = net.shuffle(x, block, order="DCR")
    return x


def sesr_rgb(net: Net, scale: int, *, m: int, p: int = 0) -> str:
    """Qualcomm's rendering (github.com/quic/aimet-model-zoo): RGB, ReLU, biases, the input through a 1x1."""
    image = net.input(3)
    first = net.relu(linear_block(net, image, 16, 5, p, bias=True))
    x = net.add(_body(net, first, m, p, Net.relu, bias=True), first)
    x = linear_block(net, x, 3 * scale**2, 5, p, bias=True)
    return net.shuffle(net.add(x, net.conv(image, 3 * scale**2, 1)), scale)


# Middle blocks, features, and features of a linear block while training (256 in the paper; 64 for the two deepest).
_SIZES = {
    "sesr-m3": (3, 16, 256),
    "sesr-m5": (5, 16, 256),
    "sesr-m7": (7, 16, 256),
    "sesr-m11": (11, 16, 64),
    "sesr-xl": (11, 32, 64),
}

NETWORKS: Mapping[str, Builder] = {
    **{name: partial(sesr, m=m, f=f) for name, (m, f, _) in _SIZES.items()},
    **{f"{name}-hw": partial(sesr_hardware, m=m, f=f) for name, (m, f, _) in _SIZES.items()},
    **{f"{name}-expanded": partial(sesr, m=m, f=f, p=p) for name, (m, f, p) in _SIZES.items()},
    "sesr-m5-aimet-rgb": partial(sesr_rgb, m=5),
    "sesr-m5-aimet-rgb-expanded": partial(sesr_rgb, m=5, p=256),
}
