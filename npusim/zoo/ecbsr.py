"""ECBSR (ACM MM 2021; github.com/xindongzhang/ECBSR, models/plainsr.py): a plain chain of 3x3 convolutions.

The form that runs: each edge-oriented block of training is one 3x3 convolution. M<m>C<c> has m middle convolutions of c
features. The sizes M6 and M16C64 are recalled.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from npusim.zoo.net import Builder, Net


def ecbsr(net: Net, scale: int, *, m: int, c: int) -> str:
    image = x = net.input(1)
    for _ in range(1 + m):
        x = net.prelu(net.conv(x, c, 3))
    return net.shuffle(net.add(net.conv(x, scale**2, 3), image), scale)


_SIZES = ((4, 8), (4, 16), (6, 8), (6, 16), (10, 16), (10, 32), (16, 64))

NETWORKS: Mapping[str, Builder] = {f"ecbsr-m{m}c{c}": partial(ecbsr, m=m, c=c) for m, c in _SIZES}
