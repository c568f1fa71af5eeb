"""SESR from the paper: worked by hand, expanded against collapsed, against the executor, and the paper's counts."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from npusim.bind import bind
from npusim.errors import InputError
from npusim.reference import execute, seeded_weights, sesr
from npusim.reference.sesr import Convolution, LinearBlock, Network
from npusim.zoo import build

Array = np.ndarray[Any, Any]
# Middle blocks, features, and features of a block in training (section 5.1; 64 for the two largest).
SIZES = {"m3": (3, 16, 256), "m5": (5, 16, 256), "m7": (7, 16, 256), "m11": (11, 16, 64), "xl": (11, 32, 64)}


def _block(
    rng: np.random.Generator, outputs: int, inputs: int, size: int, p: int, *, skip: bool, biased: bool, dtype: str
) -> LinearBlock:
    wide = rng.normal(0, (inputs * size**2) ** -0.5, (p, inputs, size, size)).astype(dtype)
    narrow = rng.normal(0, p**-0.5, (outputs, p)).astype(dtype)
    biases = (rng.normal(0, 0.3, count).astype(dtype) if biased else None for count in (p, outputs))
    return LinearBlock(wide, narrow, *biases, short_skip=skip)


def _network(name: str, scale: int = 2, *, biased: bool = False, dtype: str = "float64") -> Network:
    m, f, p = SIZES[name]
    rng = np.random.default_rng(m * f)
    kinds = [(f, 1, 5, False), *[(f, f, 3, True)] * m, (scale**2, f, 5, False)]
    first, *middle, last = (_block(rng, o, i, k, p, skip=s, biased=biased, dtype=dtype) for o, i, k, s in kinds)
    slopes = tuple(rng.uniform(0, 0.5, f).astype(dtype) for _ in range(m))
    return Network(first, tuple(middle), last, slopes)


# --- by hand --------------------------------------------------------------------------------------------------------


def _line(*rows: list[float]) -> Array:
    """Kernels of one dimension as 3 x 3 ones with the line in the middle row."""
    made = np.zeros((len(rows), 1, 3, 3))
    made[:, 0, 1] = rows
    return made


def test_three_numbers() -> None:
    """x = [1, 2, 3]; W1 rows [1, 2, 3] and [0, 1, -1] give [8, 14, 8] and [-1, -1, 3]; 2 h1 - h2 = [17, 29, 13];
    plus x = [18, 31, 16]. Collapsed: 2 [1, 2, 3] - [0, 1, -1] = [2, 3, 7], plus the delta [2, 4, 7].
    """
    x, wide, narrow = np.array([[[1.0, 2.0, 3.0]]]), _line([1, 2, 3], [0, 1, -1]), np.array([[2.0, -1.0]])
    block = LinearBlock(wide, narrow, short_skip=True)
    assert sesr.convolve(x, wide).tolist() == [[[8, 14, 8]], [[-1, -1, 3]]]
    assert sesr.apply(block, x).tolist() == [[[18, 31, 16]]]
    one = sesr.collapse(block)
    assert one.kernel[0, 0, 1].tolist() == [2, 4, 7]
    assert one.bias is None
    assert sesr.apply(one, x).tolist() == [[[18, 31, 16]]]


def test_three_numbers_with_biases() -> None:
    """b1 = [1, 1] and b2 = 0.5 make 2 * 1 - 1 * 1 + 0.5 = 1.5 everywhere, borders included."""
    x, wide, narrow = np.array([[[1.0, 2.0, 3.0]]]), _line([1, 2, 3], [0, 1, -1]), np.array([[2.0, -1.0]])
    block = LinearBlock(wide, narrow, np.ones(2), np.array([0.5]), short_skip=True)
    one = sesr.collapse(block)
    assert one.bias is not None
    assert one.bias.tolist() == [1.5]
    assert sesr.apply(block, x).tolist() == sesr.apply(one, x).tolist() == [[[19.5, 32.5, 17.5]]]


def test_depth_to_space_by_hand() -> None:
    """Two channels of 2 x 2 positions a pixel: channels 0 and 1 stand at the upper left, 6 and 7 at the lower right."""
    y = sesr.depth_to_space(np.arange(8.0).reshape(8, 1, 1), 2)
    assert y.tolist() == [[[0, 2], [4, 6]], [[1, 3], [5, 7]]]


def test_a_network_of_single_weights_by_hand() -> None:
    """One channel, every kernel a centre tap. Image -2: first 3 * -2 = -6; middle 0.5 * -6 = -3, PReLU 0.25: -0.75;
    plus the first skip -6.75; last taps 1, 2, 3, 4: -6.75, -13.5, -20.25, -27; plus the image: two less each.
    """

    def tap(*values: float, size: int) -> Convolution:
        kernel = np.zeros((len(values), 1, size, size))
        kernel[:, 0, size // 2, size // 2] = values
        return Convolution(kernel)

    net = Network(tap(3, size=5), (tap(0.5, size=3),), tap(1, 2, 3, 4, size=5), (np.array([0.25]),))
    image = np.full((1, 1, 1), -2.0)
    assert sesr.upscale(net, image).tolist() == [[[-8.75, -15.5], [-22.25, -29.0]]]
    hardware = Network(net.first, net.middle, net.last, None, input_skip=False)
    # ReLU gives 0, the first skip -6: -6, -12, -18, -24
    assert sesr.upscale(hardware, image).tolist() == [[[-6, -12], [-18, -24]]]


# --- collapsing -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("name", SIZES)
def test_expanded_equals_collapsed_borders_included(name: str, *, biased: bool) -> None:
    expanded = _network(name, biased=biased, dtype="float32")
    image = np.random.default_rng(5).random((1, 13, 10), np.float32)
    mine, theirs = sesr.upscale(expanded, image), sesr.upscale(sesr.collapsed(expanded), image)
    assert mine.shape == (1, 26, 20)
    np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-5 * np.abs(theirs).max())


@pytest.mark.parametrize(("outputs", "inputs", "size"), [(16, 1, 5), (16, 16, 3), (4, 16, 5)])
def test_the_product_is_what_deltas_answer(outputs: int, inputs: int, size: int) -> None:
    rng = np.random.default_rng(2)
    block = _block(rng, outputs, inputs, size, 32, skip=False, biased=False, dtype="float64")
    np.testing.assert_allclose(sesr.collapse_by_deltas(block), sesr.collapse(block).kernel, rtol=1e-12, atol=1e-12)


def test_a_convolution_collapses_to_itself() -> None:
    one = Convolution(np.ones((2, 2, 3, 3)))
    assert sesr.collapse(one) is one


@pytest.mark.parametrize("shape", [(4, 2, 3, 3), (2, 2, 2, 2)])
def test_a_skip_that_no_kernel_can_take_in_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError) as raised:
        sesr.with_skip(np.zeros(shape))
    assert raised.value.code == "bad-shape"


def test_a_skip_leaves_the_kernel_as_it_was() -> None:
    kernel = np.zeros((1, 1, 3, 3))
    assert sesr.with_skip(kernel)[0, 0, 1, 1] == 1
    assert kernel[0, 0, 1, 1] == 0


# --- against the executor -------------------------------------------------------------------------------------------


def _as_paper(name: str, form: str, held: dict[str, Array]) -> Network:
    """The zoo's weights, in the order in which they were made, as the paper's network."""
    order = sorted(held, key=lambda key: int("".join(c for c in key.split(".")[0] if c.isdigit())))
    kernels = [held[key] for key in order if key.endswith("weight")]
    slopes = tuple(held[key].reshape(-1) for key in order if key.endswith("slope"))
    m, f, p = SIZES[name]
    if form == "expanded":
        pairs = list(zip(kernels[::2], kernels[1::2], strict=True))
        assert all(len(wide) == p for wide, _ in pairs)
        blocks = [
            LinearBlock(wide, narrow[:, :, 0, 0], short_skip=0 < at <= m) for at, (wide, narrow) in enumerate(pairs)
        ]
    else:
        blocks = [Convolution(kernel) for kernel in kernels]
    first, *middle, last = blocks
    assert len(middle) == m
    if form == "hw":
        return Network(first, tuple(middle), last, None, input_skip=False)
    assert all(len(slope) == f for slope in slopes)
    return Network(first, tuple(middle), last, slopes, centre=0.5, clipped=True)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("form", ["", "hw", "expanded"])
@pytest.mark.parametrize("name", SIZES)
def test_the_zoo_computes_what_the_paper_says(name: str, form: str, scale: int) -> None:
    label = f"sesr-{name}-x{scale}" + (f"-{form}" if form else "")
    graph = bind(build(label), size=(12, 9))
    held = seeded_weights(graph)
    image = np.random.default_rng(scale).random((1, 1, 9, 12), np.float32)
    inside = "output" if form == "hw" else graph.layers[-1].inputs[0]  # in front of the clip
    made = execute(graph, {"input": image}, held, wanted=["output", inside])
    network = _as_paper(name, form, held)
    paper = sesr.upscale(network, image[0])
    largest = np.abs(made[inside]).max()
    np.testing.assert_allclose(made["output"][0], paper, rtol=1e-4, atol=1e-5 * largest)
    if form != "hw":
        open_end = Network(network.first, network.middle, network.last, network.slopes, centre=0.5)
        np.testing.assert_allclose(made[inside][0], sesr.upscale(open_end, image[0]), rtol=1e-4, atol=1e-5 * largest)


def test_the_reference_shares_no_code_with_what_it_checks() -> None:
    tree = ast.parse(Path(sesr.__file__).read_text(encoding="utf-8"))
    modules = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    assert [module for module in modules if module.startswith("npusim")] == ["npusim.errors"]


# --- counts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "scale", "count"),
    [  # 25 f + 9 m f^2 + 25 f s^2
        ("m3", 2, 8_912),  # 400 + 6,912 + 1,600
        ("m5", 2, 13_520),  # 400 + 11,520 + 1,600
        ("m7", 2, 18_128),  # 400 + 16,128 + 1,600
        ("m11", 2, 27_344),  # 400 + 25,344 + 1,600
        ("xl", 2, 105_376),  # 800 + 101,376 + 3,200
        ("m5", 4, 18_320),  # 400 + 11,520 + 6,400
    ],
)
def test_weights_as_the_paper_counts_them(name: str, scale: int, count: int) -> None:
    assert sesr.weights(sesr.collapsed(_network(name, scale))) == count


def test_macs_of_a_step_of_training() -> None:
    """SESR-M5, 32 crops of 64 x 64: 41.77 G expanded, as published. A pixel: 6,400 + 4,096 for the first block,
    5 * (36,864 + 4,096) and 102,400 + 1,024. Collapsed at each step it takes 1.84 G: 13,520 a pixel, and for each block
    its input channels times k^2 positions of deltas through k^2 Cin p + p Cout: 262,400 + 5 * 5,898,240 + 41,369,600.
    """
    network, pixels = _network("m5"), 32 * 64 * 64
    assert sesr.weights(network) == 318_720
    expanded = sesr.weights(network) * pixels
    assert round(expanded / 1e9, 2) == 41.78  # 41.775, which the paper cuts to 41.77
    blocks = [network.first, *network.middle, network.last]
    deltas = sum(
        block.wide.shape[1] * block.wide.shape[2] ** 2 * sesr.block_weights(block)
        for block in blocks
        if isinstance(block, LinearBlock)
    )
    assert deltas == 262_400 + 5 * 5_898_240 + 41_369_600
    online = sesr.weights(sesr.collapsed(network)) * pixels + deltas
    assert round(online / 1e9, 2) == 1.84
    assert round(expanded / online, 1) == 22.7
