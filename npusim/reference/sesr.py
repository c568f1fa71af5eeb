"""SESR from its paper alone (Bhardwaj et al., "Collapsible Linear Blocks for Super-Efficient Super Resolution",
MLSys 2022, arXiv 2103.09404), in plain numpy. It shares no code with the executor, so that one can check the other.

Images are [channels, height, width]; kernels are [output channels, input channels, k, k] with k odd, as for
cross-correlation with stride 1 and zeros around the image.
"""

from __future__ import annotations

from math import isqrt
from typing import Any

import msgspec
import numpy as np

from npusim.errors import InputError

Array = np.ndarray[Any, Any]


class Convolution(msgspec.Struct, frozen=True):
    """One k x k convolution; ``bias`` [output channels] or None."""

    kernel: Array
    bias: Array | None = None


class LinearBlock(msgspec.Struct, frozen=True):
    """The block of training: k x k to p channels and 1 x 1 back, with nothing between (section 3.1).

    Attributes:
        wide: [p, input channels, k, k].
        narrow: [output channels, p].
        wide_bias, narrow_bias: [p] and [output channels], or None.
        short_skip: the input is added, before any activation.
    """

    wide: Array
    narrow: Array
    wide_bias: Array | None = None
    narrow_bias: Array | None = None
    short_skip: bool = False


Block = Convolution | LinearBlock


class Network(msgspec.Struct, frozen=True):
    """A first 5 x 5 block, middle 3 x 3 blocks, a last 5 x 5 block to scale^2 channels, and depth to space (figure 2).

    Attributes:
        slopes: of the PReLU behind each middle block, [channels]; None for ReLU, as in the form for hardware.
        input_skip: the image is added to every channel of the last block; the form for hardware leaves it out.
        centre: taken from the image in front of the first block (the authors' code: 0.5; not in the paper).
        clipped: the result is limited to 0..1 (the authors' code).
    """

    first: Block
    middle: tuple[Block, ...]
    last: Block
    slopes: tuple[Array, ...] | None = None
    input_skip: bool = True
    centre: float = 0.0
    clipped: bool = False


# --- running --------------------------------------------------------------------------------------------------------


def upscale(network: Network, image: Array, seen: list[Array] | None = None) -> Array:
    """[1, H, W] to [1, scale * H, scale * W]: both long skips, and x4 as x2 twice (the authors' code).

    Args:
        seen: takes in what each convolution makes, in the order they run.
    """
    first = apply(network.first, image - network.centre if network.centre else image, seen)
    x = first
    for index, block in enumerate(network.middle):
        x = apply(block, x, seen)
        slope: Any = 0 if network.slopes is None else network.slopes[index].reshape(-1, 1, 1)
        x = np.maximum(x, 0) + slope * np.minimum(x, 0)
    x = apply(network.last, x + first, seen)
    if network.input_skip:
        x = x + image
    for factor in _factors(len(x)):
        x = depth_to_space(x, factor)
    return np.clip(x, 0, 1) if network.clipped else x


def apply(block: Block, x: Array, seen: list[Array] | None = None) -> Array:
    """What a block makes of an image; ``seen`` takes in what its convolutions make."""
    if isinstance(block, Convolution):
        y = convolve(x, block.kernel, block.bias)
        _note(seen, y)
        return y
    hidden = convolve(x, block.wide, block.wide_bias)
    y = convolve(hidden, block.narrow[:, :, None, None], block.narrow_bias)
    _note(seen, hidden, y)
    return y + x if block.short_skip else y


def _note(seen: list[Array] | None, *made: Array) -> None:
    if seen is not None:  # else each is let go when it has been read
        seen.extend(made)


def convolve(x: Array, kernel: Array, bias: Array | None = None) -> Array:
    """Cross-correlation that keeps the size: a sum over the taps of shifted images."""
    size, (height, width) = kernel.shape[2], x.shape[1:]
    edge = (size - 1) // 2
    padded = np.pad(x, ((0, 0), (edge, edge), (edge, edge)))
    y: Any = np.zeros((len(kernel), height, width), np.result_type(x, kernel))
    for u in range(size):
        for v in range(size):
            y += np.tensordot(kernel[:, :, u, v], padded[:, u : u + height, v : v + width], axes=1)
    return np.asarray(y if bias is None else y + bias.reshape(-1, 1, 1))


def depth_to_space(x: Array, factor: int) -> Array:
    """Channel (i * factor + j) * C + c to row i and column j of each pixel of channel c."""
    channels, (height, width) = len(x) // factor**2, x.shape[1:]
    y = np.empty((channels, height * factor, width * factor), x.dtype)
    for i in range(factor):
        for j in range(factor):
            start = (i * factor + j) * channels
            y[:, i::factor, j::factor] = x[start : start + channels]
    return y


def _factors(channels: int) -> tuple[int, ...]:
    scale = isqrt(channels)
    return (2, 2) if scale == 4 else (scale,)


# --- collapsing -----------------------------------------------------------------------------------------------------


def collapse(block: Block) -> Convolution:
    """Algorithms 1 and 2: the one convolution that equals the block everywhere, borders included.

    The 1 x 1 sees no padding, so that the product of both is exact; the skip is a delta in the kernel.
    """
    if isinstance(block, Convolution):
        return block
    kernel = np.tensordot(block.narrow, block.wide, axes=1)
    bias = block.narrow_bias
    if block.wide_bias is not None:
        carried = block.narrow @ block.wide_bias
        bias = carried if bias is None else carried + bias
    return Convolution(with_skip(kernel) if block.short_skip else kernel, bias)


def collapse_by_deltas(block: LinearBlock) -> Array:
    """Algorithm 1 as the paper runs it: the kernel is the block's answer to a 1 in each input channel, turned round.

    A channel's image is 2k - 1 wide with the 1 in its centre, and no zeros are added around it; biases and the short
    skip are left out.
    """
    size, channels = block.wide.shape[2], block.wide.shape[1]
    images = np.zeros((channels, channels, 2 * size - 1, 2 * size - 1), block.wide.dtype)
    images[range(channels), range(channels), size - 1, size - 1] = 1
    edge = (size - 1) // 2
    answers = []
    for image in images:
        hidden = convolve(image, block.wide)[:, edge : edge + size, edge : edge + size]  # where no padding is seen
        answers.append(np.tensordot(block.narrow, hidden, axes=1))
    return np.stack(answers, axis=1)[:, :, ::-1, ::-1]


def with_skip(kernel: Array) -> Array:
    """Algorithm 2: the kernel of ``y + x``: 1 is added at the centre of each channel's tap on itself.

    Raises:
        InputError: bad-shape, where the kernel is not square in channels or has no centre.
    """
    outputs, inputs, height, width = kernel.shape
    if outputs != inputs or height % 2 == 0 or width % 2 == 0:
        what = f"a kernel of shape {kernel.shape} cannot take in a skip"
        raise InputError(what, code="bad-shape", fix="it needs as many outputs as inputs, and an odd size")
    folded = kernel.copy()
    folded[range(outputs), range(outputs), height // 2, width // 2] += 1
    return folded


def collapsed(network: Network) -> Network:
    """The network of inference: each block one convolution."""
    blocks = {"first": collapse(network.first), "last": collapse(network.last)}
    return msgspec.structs.replace(network, middle=tuple(map(collapse, network.middle)), **blocks)


# --- counting -------------------------------------------------------------------------------------------------------


def weights(network: Network) -> int:
    """Weights of all kernels, biases and slopes left out, as the paper counts; also the MACs of each input pixel."""
    return sum(block_weights(block) for block in (network.first, *network.middle, network.last))


def block_weights(block: Block) -> int:
    return block.kernel.size if isinstance(block, Convolution) else block.wide.size + block.narrow.size
