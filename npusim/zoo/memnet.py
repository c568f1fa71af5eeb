"""MemNet (ICCV 2017; github.com/tyshiwo/MemNet, MemNet_M6R6_80C64 deploy.prototxt): memory blocks with gates.

A memory block runs one residual unit six times; its gate, a 1x1 convolution, makes the block's memory of the outputs of
the six runs and of all memories before. Batch normalisations are not shared. The basic version, without the extra
outputs that supervise training.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from npusim.zoo.net import Builder, Net

WIDTH = 64


def memnet(net: Net, scale: int, *, blocks: int, runs: int) -> str:
    image = net.bicubic(net.input(1), scale)
    memories = [_conv(net, image, WIDTH, 3)]
    for block in range(blocks):
        memories.append(_memory_block(net, memories, runs, f"block{block}"))
    return net.add(_conv(net, memories[-1], 1, 3), image)


def _memory_block(net: Net, memories: list[str], runs: int, name: str) -> str:
    x, made = memories[-1], []
    for _ in range(runs):
        y = _conv(net, x, WIDTH, 3, weights=f"{name}.conv1")
        x = net.add(_conv(net, y, WIDTH, 3, weights=f"{name}.conv2"), x)
        made.append(x)
    return _conv(net, net.concat(*memories, *made), WIDTH, 1)


def _conv(net: Net, x: str, channels: int, kernel: int, *, weights: str = "") -> str:
    return net.conv(net.relu(net.batch_norm(x)), channels, kernel, weights=weights)


NETWORKS: Mapping[str, Builder] = {"memnet-m6r6": partial(memnet, blocks=6, runs=6)}
