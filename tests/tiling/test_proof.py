"""Tiles run in numpy beside the whole frame: the same with their halo, and wrong by what can be said without it."""

from __future__ import annotations

import numpy as np
import pytest
from net_kit import Chain, costs_of, fed

from npusim import zoo
from npusim.bind import bind
from npusim.errors import EstimateError, InputError
from npusim.model import Model
from npusim.receptive import Size, receptive_field
from npusim.reference.inputs import seeded_inputs
from npusim.resources import path
from npusim.tiling.policies import policy
from npusim.tiling.proof import SHIPPED, Frame, Proof, pictured_frame, prove
from npusim.tiling.study import tiling, whole_row

SMALL, TILE = (61, 37), (32, 24)
LEAST = (11, 7), (6, 7)


def framed(model: Model, size: Size) -> Frame:
    def frames(each: Size) -> object:
        return bind(model, size=each)

    graph = bind(model, size=size)
    return Frame(frames, size, seeded_inputs(graph, 1), {}, 0, receptive_field(frames, size))  # type: ignore[arg-type]


def proven(model: Model, size: Size, tile: Size, *policies: str) -> list[Proof]:
    return [each.proof for each in prove(framed(model, size), [tile], [policy(text) for text in policies])]


# --- the zoo ----------------------------------------------------------------------------------------------------------

# All of them on a small frame of odd sizes, the widest on the smallest.
FAMILIES = ("sesr-m", "sesr-xl", "fsrcnn", "espcn", "vdsr")
WIDE = ("sesr-xl", "vdsr")


@pytest.mark.parametrize("name", [name for name in zoo.names() if name.startswith(FAMILIES)])
def test_halo_is_exact(name: str) -> None:
    wide = name.startswith(WIDE) or name.endswith("-expanded")
    size, tile = LEAST if wide else (SMALL, TILE)
    (found,) = proven(zoo.build(name), size, tile, "halo")
    assert found.same
    assert found.max_ulp == 0
    assert found.runs == (2 if wide else 4)


@pytest.mark.parametrize("name", ["sesr-m5-x2", "sesr-m5-x4-hw", "fsrcnn-x3", "espcn-x2"])
def test_halo_is_exact_and_a_pixel_less_is_not(name: str) -> None:
    """A frame of 97x61 in tiles of 32x24: 4 columns by 3 rows, the last of them 1 pixel wide and 13 high."""
    model = zoo.build(name)
    side = framed(model, (97, 61)).field.sides[0]
    less = f"halo:{min(side.before, side.after) - 1}"
    exact, short, none = proven(model, (97, 61), (32, 24), "halo", less, "grid")
    assert exact.same
    assert exact.runs == 12
    assert not short.same
    assert short.psnr_db is not None
    assert none.psnr_db is not None
    assert none.psnr_db < short.psnr_db
    assert none.seam_psnr_db is not None
    assert none.seam_psnr_db <= none.psnr_db


# --- by hand ----------------------------------------------------------------------------------------------------------


def _box(pads: int = 1) -> Chain:
    """The sum of three by three pixels, of ones: 9 inside a frame, 6 at an edge, 4 in a corner."""
    chain = Chain()
    ones = chain.constant(np.ones((1, 1, 3, 3), np.float32))
    return chain.step("Conv", ones, pads=(pads,) * 4)


def _ones(chain: Chain, size: Size) -> Frame:
    model = chain.model()
    frames = chain.frames()
    graph = bind(model, size=size)
    inputs = {name: np.ones(graph.tensors[name].shape, np.float32) for name in graph.inputs}
    return Frame(frames, size, inputs, {}, 0, receptive_field(frames, size))


def test_the_error_of_a_seam_by_hand() -> None:
    """A frame of 8x4 in two tiles of 4x4. Beside the seam, columns 3 and 4 lack a third of their sum: 3 of 9 in two
    rows, 2 of 6 in two. Root mean square over the 32 elements: (4 x 3^2 + 4 x 2^2) / 32 = 1.625; of 9, 16.98 dB. Nearer
    than one pixel to the seam are those two columns: 52 / 8 = 6.5, 10.96 dB."""
    (found,) = prove(_ones(_box(), (8, 4)), [(4, 4)], [policy("grid")])
    assert found.proof.max_abs == 3
    assert found.proof.max_rel == pytest.approx(1 / 3)
    assert found.proof.psnr_db == pytest.approx(20 * np.log10(9 / np.sqrt(1.625)))
    assert found.proof.seam_psnr_db == pytest.approx(20 * np.log10(9 / np.sqrt(6.5)))
    assert not found.proof.same
    expected = np.zeros((4, 8))
    expected[:, 3:5] = np.array([2, 3, 3, 2])[:, None] / 9
    assert found.error == pytest.approx(expected)


def test_padding_a_tile_with_zeros_is_exact_for_one_layer() -> None:
    """One convolution pads its frame with zeros as well; two do not, since the first makes something of them."""
    one = Chain()
    one.step("Conv", one.constant(np.ones((1, 1, 3, 3), np.float32)), pads=(1,) * 4)
    two = Chain()
    for _ in range(2):
        two.step("Conv", two.constant(np.ones((1, 1, 3, 3), np.float32)), pads=(1,) * 4)
    (padded,) = prove(_ones(one, (6, 4)), [(8, 4)], [policy("pad")])
    assert padded.proof.same
    (wrong,) = prove(_ones(two, (6, 4)), [(8, 4)], [policy("pad")])
    assert not wrong.proof.same
    assert wrong.proof.seam_psnr_db is None  # one tile has no seams


@pytest.mark.parametrize(
    "chain",
    [
        Chain().conv(2, 3, stride=2).transposed(1, 4, 2, 1),
        Chain().conv(2, 3, pads=(0, 0, 0, 0)).conv(1, 3, pads=(0, 0, 0, 0)),
        Chain().step("MaxPool", kernel_shape=(2, 2), strides=(2, 2)).resize(2, "linear", "half_pixel"),
        Chain().resize(3, "cubic", "half_pixel").conv(1, 3),
        Chain().step("SpaceToDepth", blocksize=2, channels=4).conv(4, 3).step("DepthToSpace", blocksize=2, channels=1),
        Chain().conv(1, 5, pads=(0, 1, 4, 3)),
    ],
    ids=repr,
)
@pytest.mark.parametrize("tile", [(4, 8), (6, 2), (24, 16), (100, 100)])
def test_halo_is_exact_whatever_the_geometry(chain: Chain, tile: Size) -> None:
    (found,) = proven(chain.model(), (24, 16), tile, "halo")
    assert found.same


def test_tiles_narrower_than_their_halo_are_exact() -> None:
    """ESPCN sees 4 pixels: a tile of 3x2 reads up to 11x10."""
    (found,) = proven(zoo.build("espcn-x2"), (11, 7), (3, 2), "halo")
    assert found.same
    assert found.runs == 4 * 4


def test_mirrored_padding_is_exact() -> None:
    chain = Chain()
    chain.step("Pad", chain.constant([0, 0, 2, 2, 0, 0, 2, 2]), mode="reflect").conv(1, 5, pads=(0, 0, 0, 0))
    (found,) = proven(chain.model(), (23, 17), (5, 4), "halo")
    assert found.same


def test_several_outputs_and_inputs() -> None:
    """LapSRN x4 has an output at twice and one at four times the size."""
    (found,) = proven(zoo.build("lapsrn-x4"), (13, 9), (8, 8), "halo")
    assert found.same


@pytest.mark.parametrize("text", ["area", "grid", "pad", "halo", "halo:0", "halo:3", "halo:4", "halo:9"])
@pytest.mark.parametrize("chain", [Chain().conv(2, 5).conv(1, 5), Chain().conv(2, 1).step("Relu")])
def test_tilings_that_are_said_to_be_exact_are(chain: Chain, text: str) -> None:
    """Two 5x5 see 4 pixels, and a 1x1 none. What area counts is cut as grid cuts it."""
    model = chain.model()
    frame = framed(model, (20, 16))
    costs, how = costs_of(model, target="generic"), policy(text)
    whole = whole_row(frame.size, costs.cost(frame.size), 0.0)
    for tile in ((10, 8), (8, 16)):
        told = tiling(costs, frame.size, tile, how, frame.field, whole).exact
        (found,) = proven(model, frame.size, tile, "grid" if text == "area" else text)
        assert told is found.same, tile
    assert tiling(costs, frame.size, frame.size, how, frame.field, whole).exact  # one run of all of it


# --- what it is run on ------------------------------------------------------------------------------------------------


def test_the_picture_that_ships() -> None:
    model = zoo.build("sesr-m5-x2")
    frame, source, weights = pictured_frame(model, lambda size: bind(model, size=size), None, None)
    assert frame.size == (160, 108)
    assert source == "luma of chelsea.png (160x108)"
    assert weights == "trained"
    done: list[tuple[int, int]] = []
    (found,) = prove(frame, [(160, 54)], [policy("halo")], lambda *at: done.append(at))
    assert found.proof.same
    assert done == [(1, 3), (2, 3), (3, 3)]


def test_weights_that_do_not_ship_are_seeded() -> None:
    model = zoo.build("espcn-x2")
    frame, source, weights = pictured_frame(model, lambda size: bind(model, size=size), (40, 30), None)
    assert frame.size == (40, 30)
    assert "its middle" in source
    assert "seeded (0)" in weights


def test_a_network_that_no_picture_fills() -> None:
    model = Chain(7).conv(1, 3).model()
    found, source, _ = pictured_frame(model, lambda size: bind(model, size=size), (16, 12), None)
    assert (found.inputs["input"].shape, source) == ((1, 7, 12, 16), "seeded (0)")
    with pytest.raises(InputError) as caught:
        pictured_frame(model, lambda size: bind(model, size=size), (16, 12), str(path("models", SHIPPED)))
    assert caught.value.code == "no-picture-input"


def test_tiles_that_leave_a_hole_are_told() -> None:
    """With a rate that is not the network's, tiles stand where they should not."""
    chain = _box()
    frame = _ones(chain, (8, 4))
    graph = bind(chain.model(), size=(8, 4))
    name = graph.outputs[0]
    across, down = frame.field.sides
    followed = across.rates[name]
    wrong = type(followed)(followed.axis, followed.rate / 2)
    side = type(across)(across.before, across.after, across.step, {**across.rates, name: wrong})
    broken = frame._replace(field=type(frame.field)((side, down), frame.field.outputs, frame.field.inputs))
    with pytest.raises(EstimateError, match="do not make all of the output"):
        prove(broken, [(4, 4)], [policy("grid")])
    assert fed(graph)
