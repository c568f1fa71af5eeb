"""Whether a graph is a SESR, and if so which, by its parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from npusim.ir import Graph, Layer
from npusim.ops.base import Array
from npusim.reference.sesr import Block, Convolution, LinearBlock, Network, upscale

OPERATORS = {"Sub", "Conv", "PRelu", "Relu", "Add", "DepthToSpace", "Clip", "Identity"}
SCALES = {4: 2, 9: 3, 16: 4}  # channels of the last block


class Found(NamedTuple):
    """The paper's network with the graph's parameters, and what to call it: middle blocks x features, scale, form.

    Attributes:
        convolutions: the tensors that the graph's convolutions make, in the order of its layers.
    """

    network: Network
    label: str
    convolutions: tuple[str, ...]


class _Parameters(NamedTuple):
    blocks: tuple[Block, ...]
    slopes: tuple[Array, ...] | None


def sesr_of(graph: Graph, weights: Mapping[str, Array]) -> Found | None:
    """The SESR that has the graph's kernels; None where they are not those of one.

    How the layers hang together is not looked at, so that a graph that is wired wrongly is still held against the
    network that it should be.

    Args:
        weights: every constant of the graph, by the name that layers read.
    """
    if {layer.op for layer in graph.layers} - OPERATORS or len(graph.inputs) != 1 or len(graph.outputs) != 1:
        return None
    parameters = _parameters(graph, weights)
    if parameters is None or graph.tensors[graph.inputs[0]].shape[1] != 1:
        return None
    (first, *middle, last), slopes = parameters
    centre, clipped = _centre(graph, weights), any(layer.op == "Clip" for layer in graph.layers)
    network = Network(first, tuple(middle), last, slopes, slopes is not None, centre, clipped)
    form = "expanded" if isinstance(first, LinearBlock) else "collapsed" if slopes is not None else "hardware"
    scale = SCALES[_shape(last)[0]]
    convolutions = tuple(layer.outputs[0] for layer in graph.layers if layer.op == "Conv")
    return Found(network, f"{len(middle)} x {_shape(first)[0]}, x{scale}, {form}", convolutions)


def run(found: Found, images: Array) -> Array:
    """[batch, 1, H, W] to [batch, 1, scale * H, scale * W]."""
    return np.stack([upscale(found.network, image) for image in images])


def inside(found: Found, images: Array) -> dict[str, Array]:
    """What each convolution of the paper's network makes, by the name of the graph's tensor."""
    seen: list[list[Array]] = [[] for _ in images]
    for image, each in zip(images, seen, strict=True):
        upscale(found.network, image, each)
    made = (np.stack(steps) for steps in zip(*seen, strict=True))
    return dict(zip(found.convolutions, made, strict=True))


def _parameters(graph: Graph, weights: Mapping[str, Array]) -> _Parameters | None:
    convs = [layer for layer in graph.layers if layer.op == "Conv"]
    if not all(_is_plain(layer) for layer in convs):
        return None
    kernels = [weights[layer.inputs[1]] for layer in convs]
    biases = [weights[layer.inputs[2]] if len(layer.inputs) > 2 and layer.inputs[2] else None for layer in convs]
    slopes = tuple(weights[layer.inputs[1]].reshape(-1) for layer in graph.layers if layer.op == "PRelu")
    rectified = sum(layer.op == "Relu" for layer in graph.layers)
    blocks = _blocks(kernels, biases)
    if blocks is None or len(blocks) < 3 or not _are_sizes([_shape(block) for block in blocks]):
        return None
    if (len(slopes), rectified) == (len(blocks) - 2, 0):
        return _Parameters(blocks, slopes)
    return _Parameters(blocks, None) if (len(slopes), rectified) == (0, len(blocks) - 2) else None


def _is_plain(layer: Layer) -> bool:
    every = (*layer.attrs.get("strides", ()), *layer.attrs.get("dilations", ()), layer.attrs.get("group", 1))
    return all(value == 1 for value in every)


def _blocks(kernels: Sequence[Array], biases: Sequence[Array | None]) -> tuple[Block, ...] | None:
    """Convolutions as blocks: each one, or each with the 1 x 1 behind it."""
    if not any(kernel.shape[2:] == (1, 1) for kernel in kernels):
        return tuple(Convolution(kernel, bias) for kernel, bias in zip(kernels, biases, strict=True))
    if len(kernels) % 2 or any(kernel.shape[2:] != (1, 1) for kernel in kernels[1::2]):
        return None
    count = len(kernels) // 2
    return tuple(
        LinearBlock(
            kernels[2 * at], kernels[2 * at + 1][:, :, 0, 0], biases[2 * at], biases[2 * at + 1],
            short_skip=0 < at < count - 1,
        )
        for at in range(count)
    )  # fmt: skip


def _shape(block: Block) -> tuple[int, ...]:
    """Of the kernel that the block is or collapses to."""
    if isinstance(block, Convolution):
        return tuple(block.kernel.shape)
    return (len(block.narrow), *block.wide.shape[1:])


def _are_sizes(shapes: Sequence[tuple[int, ...]]) -> bool:
    """5 x 5 from one channel, 3 x 3 between, 5 x 5 to a scale squared."""
    first, *middle, last = shapes
    width = first[0]
    return (
        first == (width, 1, 5, 5)
        and all(shape == (width, width, 3, 3) for shape in middle)
        and last[1:] == (width, 5, 5)
        and last[0] in SCALES
    )


def _centre(graph: Graph, weights: Mapping[str, Array]) -> float:
    """What a first layer takes from the image."""
    for layer in graph.layers:
        if layer.op == "Sub" and layer.inputs[1] in weights:
            return float(weights[layer.inputs[1]].reshape(-1)[0])
    return 0.0
