"""What graphs are run on: pictures as frames, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.bind import bind
from npusim.errors import InputError
from npusim.ir import DType, Graph
from npusim.model import Model, Node, Value
from npusim.pictures import Picture
from npusim.reference.inputs import pictured, seeded


def _graph(*shape: int, dtype: DType = DType.FLOAT32) -> Graph:
    return bind(Model("m", (Value("x", shape, dtype),), ("y",), (Node("same", "Identity", ("x",), ("y",)),)))


def _sum() -> Graph:
    inputs = (Value("x", (1, 1, 3, 4)), Value("z", (1, 1, 3, 4)))
    return bind(Model("m", inputs, ("y",), (Node("sum", "Add", ("x", "z"), ("y",)),)))


RAMP = np.arange(12, dtype=np.float32).reshape(3, 4) / 16  # 3 rows of 4
GREY = Picture((RAMP,))
COLOURS = Picture((RAMP, RAMP + 0.125, RAMP + 0.25), alpha=np.ones((3, 4), np.float32))


def test_a_grey_picture_is_its_own_luma() -> None:
    fed = pictured(_graph(1, 1, 3, 4), GREY, "p.png")
    assert fed.arrays["x"].tolist() == [[RAMP.tolist()]]
    assert fed.source == "luma of p.png (4x3)"


def test_colours_weigh_in_luma() -> None:
    """0.299 r + 0.587 (r + 1/8) + 0.114 (r + 1/4) = r + 0.101875."""
    fed = pictured(_graph(1, 1, 3, 4), COLOURS, "p.png")
    np.testing.assert_allclose(fed.arrays["x"][0, 0], RAMP + 0.101875, atol=1e-6)
    assert fed.source == "luma of p.png (4x3, without its opacity)"


def test_three_channels_are_red_green_and_blue() -> None:
    assert pictured(_graph(1, 3, 3, 4), COLOURS, "p.png").arrays["x"][0].tolist() == [
        plane.tolist() for plane in COLOURS.planes
    ]
    grey = pictured(_graph(1, 3, 3, 4), GREY, "p.png").arrays["x"][0]
    assert grey.tolist() == [RAMP.tolist()] * 3


def test_the_middle_is_cut_out() -> None:
    """Of 4 columns the middle 2, of 3 rows the first of them: (3 - 2) // 2 = 0 above."""
    fed = pictured(_graph(1, 1, 2, 2), GREY, "p.png")
    assert (fed.arrays["x"] * 16).tolist() == [[[[1, 2], [5, 6]]]]
    assert fed.source == "luma of p.png (4x3, its middle)"


def test_a_small_picture_is_resized() -> None:
    """One side is too small, so that both are resized; a flat picture stays flat."""
    flat = Picture((np.full((3, 9), 0.25, np.float32),))
    fed = pictured(_graph(1, 1, 6, 6), flat, "p.png")
    np.testing.assert_allclose(fed.arrays["x"], np.full((1, 1, 6, 6), 0.25), atol=1e-6)
    assert fed.source == "luma of p.png (9x3, resized)"


def test_each_of_a_batch_is_the_same() -> None:
    array = pictured(_graph(2, 1, 3, 4), GREY, "p.png").arrays["x"]
    assert array.shape == (2, 1, 3, 4)
    assert array[0].tolist() == array[1].tolist()
    assert array.flags.writeable


def test_an_input_of_bytes_runs_to_255() -> None:
    """1/2 is 127.5, which rounds to the even 128; an input of half precision has what it can hold."""
    half = Picture((np.array([[0.0, 0.5, 1.0]], np.float32),))
    made = pictured(_graph(1, 1, 1, 3, dtype=DType.UINT8), half, "p.png").arrays["x"]
    assert made.dtype == np.uint8
    assert made.tolist() == [[[[0, 128, 255]]]]
    assert pictured(_graph(1, 1, 1, 3, dtype=DType.FLOAT16), half, "p.png").arrays["x"].dtype == np.float16


@pytest.mark.parametrize(
    ("graph", "match"),
    [
        (_graph(1, 2, 3, 4), "not 1x2x3x4 float32"),
        (_graph(3, 4), "not 3x4 float32"),
        (_graph(1, 1, 3, 4, dtype=DType.INT64), "not 1x1x3x4 int64"),
        (_sum(), "the graph has 2"),
    ],
)
def test_what_a_picture_cannot_fill_is_one_error(graph: Graph, match: str) -> None:
    with pytest.raises(InputError, match=match) as raised:
        pictured(graph, GREY, "p.png")
    assert raised.value.code == "no-picture-input"


def test_seeded_inputs_say_their_seed() -> None:
    assert seeded(_graph(1, 1, 3, 4), 7).source == "seeded (7)"
