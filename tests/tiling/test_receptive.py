"""The receptive field: by hand, and as perturbing single pixels finds it."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from net_kit import Chain

from npusim import zoo
from npusim.bind import bind
from npusim.errors import InputError
from npusim.ir import DType
from npusim.model import Node, Value
from npusim.receptive import Field, receptive_field
from npusim.reference.executor import execute

SIZE = (24, 20)


def field_of(chain: Chain, size: tuple[int, int] = SIZE) -> Field:
    return receptive_field(chain.frames(), size)


def sides(chain: Chain) -> tuple[int, int, int]:
    """Before, after and step along the width, which are those along the height as well."""
    across, down = field_of(chain).sides
    assert (across.before, across.after, across.step) == (down.before, down.after, down.step)
    return across.before, across.after, across.step


@pytest.mark.parametrize(
    ("chain", "expected"),
    [
        # A window of k positions with (k - 1) / 2 of padding sees (k - 1) / 2 on either side.
        (Chain().conv(1, 5), (2, 2, 1)),
        (Chain().conv(1, 3, dilation=2), (2, 2, 1)),
        # Padding 0 before and 2 after: output x reads x to x + 2.
        (Chain().conv(1, 3, pads=(0, 0, 2, 2)), (0, 2, 1)),
        # Without padding the same; the frame of the output is two smaller.
        (Chain().conv(1, 3, pads=(0, 0, 0, 0)), (0, 2, 1)),
        # Stride 2, output x reads 2x - 1 to 2x + 1: of the tile 0..7 (outputs 0..3) -1 to 7. Tiles start at 2n.
        (Chain().conv(1, 3, stride=2), (1, 0, 2)),
        # Input i adds to outputs 2i - 1 to 2i + 1: outputs 0..7 of pixels 0..3 are made of 0 to 4.
        (Chain().transposed(1, 3, 2, 1, 1), (0, 1, 1)),
        (Chain(4).step("DepthToSpace", blocksize=2, channels=1).conv(1, 3), (1, 1, 1)),
        (Chain().step("SpaceToDepth", blocksize=2, channels=4).conv(1, 1), (0, 0, 2)),
        # Two strides of 2: 4 pixels a step; 1 + 2 x 1 before.
        (Chain().conv(1, 3, stride=2).conv(1, 3, stride=2), (3, 0, 4)),
        (Chain().step("MaxPool", kernel_shape=(2, 2), strides=(2, 2)), (0, 0, 2)),
        # Origin (x + 1/2) / 2 - 1/2 of x = 0 is -1/4, between -1 and 0; of cubic also -2 and 1.
        (Chain().resize(2, "linear", "half_pixel"), (1, 1, 1)),
        (Chain().resize(2, "cubic", "half_pixel"), (2, 2, 1)),
        # Origin x / 2: outputs 0..7 lie at 0 .. 3.5, between pixels 3 and 4.
        (Chain().resize(2, "linear", "asymmetric"), (0, 1, 1)),
        (Chain().resize(2, "nearest", "asymmetric"), (0, 0, 1)),
        # Output x reads 2x alone, but a piece must be 2 pixels long to make one output.
        (Chain().resize(0.5, "nearest", "asymmetric"), (0, 0, 2)),
    ],
)
def test_by_hand(chain: Chain, expected: tuple[int, int, int]) -> None:
    assert sides(chain) == expected


def test_sesr_by_hand() -> None:
    """SESR-M5: a 5x5, five 3x3 and a 5x5 convolution see 2 + 5 + 2 pixels; each pixel becomes two."""
    model = zoo.build("sesr-m5-x2")
    field = receptive_field(lambda size: bind(model, size=size), (96, 64))
    assert [(side.before, side.after, side.step) for side in field.sides] == [(9, 9, 1), (9, 9, 1)]
    assert {side.rates[field.outputs[0]].rate for side in field.sides} == {Fraction(2)}


def test_fsrcnn_is_not_symmetric() -> None:
    """FSRCNN x3 sees 2 (5x5) and 4 (four 3x3), and 9x9 transposed by 3 with 3 cut off at each side (3 x 1 - 2 x 3 + 9 =
    6, and 3 of output padding or cutting make it 3 a pixel): input i adds to 3i - 3 to 3i + 5, so that output 0 is made
    of inputs from -1 and output 2 of inputs to 1."""
    model = zoo.build("fsrcnn-x3")
    (across, _) = receptive_field(lambda size: bind(model, size=size), (96, 64)).sides
    assert (across.before, across.after) == (7, 8)


# --- what no halo suffices for ----------------------------------------------------------------------------------------


def test_global_pooling_names_the_layer() -> None:
    chain = Chain(2).conv(2, 3)
    chain.nodes.append(Node("mean", "GlobalAveragePool", (chain.last,), ("mean",)))
    chain.step("Mul", "mean")
    with pytest.raises(InputError, match=r"GlobalAveragePool 'mean' reads all of it") as caught:
        field_of(chain)
    assert caught.value.code == "global-receptive-field"


def test_a_resize_to_a_fixed_size_does_not_follow_the_frame() -> None:
    chain = Chain()
    sizes = chain.constant(np.array([1, 1, 40, 48]))
    chain.step("Resize", "", "", sizes, mode="linear").conv(1, 3)
    with pytest.raises(InputError, match=r"Resize 't0': sees the whole width") as caught:
        field_of(chain)
    assert caught.value.code == "global-receptive-field"


def test_aligned_corners_depend_on_where_the_frame_ends() -> None:
    with pytest.raises(InputError, match="Resize 't0' reads all of it"):
        field_of(Chain().resize(2, "linear", "align_corners"))


def test_attention_over_positions_is_global() -> None:
    chain = Chain(2)
    chain.step("Reshape", chain.constant(np.array([1, 2, -1])))
    rows = chain.last
    chain.step("Transpose", perm=(0, 2, 1)).step("MatMul", rows)
    pairs = chain.last
    chain.last = rows
    chain.step("MatMul", pairs)
    with pytest.raises(InputError, match="MatMul 't3' reads all of it") as caught:
        field_of(chain)
    assert caught.value.code == "global-receptive-field"


def test_an_operator_that_nobody_has_spoken_for_says_so() -> None:
    chain = Chain()
    chain.step("Trilu")
    with pytest.raises(InputError, match="how far Trilu sees") as caught:
        field_of(chain)
    assert caught.value.code == "no-receptive-field"


def test_padding_that_depends_on_the_frame_is_told() -> None:
    """SAME_UPPER at stride 2 pads 7 positions by 2, one on each side, and 8 by 1, at the end alone."""
    chain = Chain()
    chain.step("Conv", chain.weights(1, 1, 3, 3), auto_pad="SAME_UPPER", strides=(2, 2))
    assert field_of(chain, (8, 8)).sides[0].step == 2
    with pytest.raises(InputError) as caught:
        field_of(chain, (7, 7))
    assert caught.value.code == "untileable"


def test_networks_without_a_frame() -> None:
    chain = Chain()
    chain.inputs = [Value("input", (1, 1, 8, 8))]
    chain.conv(1, 3)
    model = chain.model()
    with pytest.raises(InputError) as caught:
        receptive_field(lambda _: bind(model), (8, 8))
    assert caught.value.code == "no-frame"


def test_pixel_shuffle_by_reshape_is_followed() -> None:
    """[1, 4, H, W] to [1, 1, 2, 2, H, W] to [1, 1, H, 2, W, 2] to [1, 1, 2H, 2W], at the sizes of this frame."""
    chain = Chain(4)

    def frames(size: tuple[int, int]) -> Any:
        made = Chain(4)
        w, h = size
        made.step("Reshape", made.constant(np.array([1, 1, 2, 2, h, w])))
        made.step("Transpose", perm=(0, 1, 4, 2, 5, 3))
        made.step("Reshape", made.constant(np.array([1, 1, 2 * h, 2 * w])), channels=1).conv(1, 3)
        return bind(made.model(), size=size)

    across, down = receptive_field(frames, SIZE).sides
    assert (across.before, across.after, down.before, down.after) == (1, 1, 1, 1)
    assert chain.channels == 4


# --- by perturbing single pixels --------------------------------------------------------------------------------------


@st.composite
def chains(draw: st.DrawFn) -> Chain:
    """Up to five steps that keep, halve or double the frame, with a skip over some of them."""
    chain = Chain()
    halved = doubled = 0
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["conv", "conv", "dilated", "uneven", "pool", "halve", "double", "skip"]))
        if kind == "conv":
            chain.conv(draw(st.integers(1, 2)), draw(st.sampled_from([1, 3, 5])))
        elif kind == "dilated":
            chain.conv(1, 3, dilation=2)
        elif kind == "uneven":
            before = draw(st.integers(0, 2))
            chain.conv(1, 3, pads=(before, before, 2 - before, 2 - before))
        elif kind == "pool":
            name = draw(st.sampled_from(["MaxPool", "AveragePool"]))
            chain.step(name, kernel_shape=(3, 3), pads=(1, 1, 1, 1))
        elif kind == "halve" and not halved:
            halved = 1
            _halve(chain, draw(st.sampled_from(["conv", "max", "depth"])))
        elif kind == "double" and not doubled:
            doubled = 1
            _double(chain, draw(st.sampled_from(["depth", "transposed", "nearest", "linear", "cubic"])))
        elif kind == "skip":
            source = chain.last
            chain.conv(chain.channels, 3).step("Relu").step("Add", source)
    return chain if chain.nodes else chain.conv(1, 3)


def _halve(chain: Chain, how: str) -> None:
    if how == "conv":
        chain.conv(1, 3, stride=2)
    elif how == "max":
        chain.step("MaxPool", kernel_shape=(2, 2), strides=(2, 2))
    else:
        chain.step("SpaceToDepth", blocksize=2, channels=4 * chain.channels)


def _double(chain: Chain, how: str) -> None:
    if how == "depth":
        chain.conv(4, 1).step("DepthToSpace", blocksize=2, channels=1)
    elif how == "transposed":
        chain.transposed(1, 4, 2, 1)
    else:
        chain.resize(2, how, "half_pixel")


@settings(max_examples=40, deadline=None)
@given(chain=chains())
def test_equals_what_perturbed_pixels_change(chain: Chain) -> None:
    """Each pixel in turn is made much larger, all in one batch; those that change a tile's result are what it sees.

    Weights are positive and the network is linear but for maxima, so that no change cancels. Cubic interpolation has
    negative weights too: a maximum behind it may hide a pixel that is larger, and not one that is smaller.
    """
    size = (20, 18)
    field = receptive_field(chain.frames(), size)
    model = chain.model()
    width, height = size
    count = width * height
    graph = bind(model, size=size, batch=2 * count + 1)
    frame = np.random.default_rng(1).uniform(0.1, 1, (1, 1, height, width))
    batch = np.repeat(frame, 2 * count + 1, 0)
    for at in range(count):
        batch[at + 1, 0, at // width, at % width] += 1e4
        batch[at + 1 + count, 0, at // width, at % width] -= 1e4
    (made,) = execute(graph, {"input": batch}, precision=DType.FLOAT64).values()
    start, stop = 6, 14
    found = []
    for side, axis in zip(field.sides, (3, 2), strict=True):
        rate = side.rates[field.outputs[0]].rate
        taken = slice(int(start * rate), int(stop * rate))
        made = made[(slice(None),) * axis + (taken,)]
        assert start % side.step == stop % side.step == 0
    changed = (np.abs(made[1:] - made[:1]).reshape(2, count, -1).max((0, 2)) > 1e-9).reshape(height, width)
    for side, across in zip(field.sides, (0, 1), strict=True):
        seen = np.flatnonzero(changed.any(across))
        length = size[0] if across == 0 else size[1]
        expected = max(start - side.before, 0), min(stop + side.after, length) - 1
        found.append((int(seen[0]), int(seen[-1])))
        assert found[-1] == expected
