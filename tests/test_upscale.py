"""Pictures made larger: tiles change nothing, grey and colour agree, opacity and 16 bits are kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from npusim import pictures
from npusim.errors import InputError
from npusim.pictures import Picture
from npusim.reference import sesr, trained
from npusim.tiling.policies import Policy
from npusim.upscale import upscale, upscale_luma

NAMES = ("sesr-m3-x2", "sesr-m5-x2")


def noise(*shape: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(11).random(shape, np.float32)


@pytest.mark.parametrize("name", NAMES)
def test_luma_is_that_of_the_paper_s_network(name: str) -> None:
    x = noise(19, 26)
    expected = sesr.upscale(trained.network(name), x[None])[0]
    assert upscale_luma(x, name) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("tile", [(16, 16), (7, 5), (100, 3), (1, 100), (33, 29), (34, 31)])
def test_tiles_give_the_whole_frame(tile: tuple[int, int]) -> None:
    """Also where a tile is smaller than the nine pixels that M5 sees on each side."""
    x = noise(31, 34)
    whole, calls = upscale_luma(x, "sesr-m5-x2", tile=(34, 31)), []
    found = upscale_luma(x, "sesr-m5-x2", tile=tile, progress=lambda done, count: calls.append((done, count)))
    assert found == pytest.approx(whole, abs=1e-6)
    count = -(-34 // tile[0]) * -(-31 // tile[1])
    assert calls == [(done, count) for done in range(1, count + 1)]


def test_tiles_may_run_at_once() -> None:
    x = noise(40, 50)
    alone, together = (upscale_luma(x, "sesr-m3-x2", tile=(8, 8), workers=workers) for workers in (1, 3))
    assert np.array_equal(alone, together)


def test_a_halo_one_pixel_smaller_would_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """The receptive field of M3 reaches 2 + 3 + 2 = 7 pixels; with 6 the tiles are not those of the frame."""
    from npusim import upscale as module  # noqa: PLC0415 - the module and not its function

    x = noise(8, 40)
    whole = upscale_luma(x, "sesr-m3-x2", tile=(40, 8))
    prepared = module._prepared("sesr-m3-x2")
    for side in prepared.cuts((40, 8), (20, 8)):
        assert (side.before, side.after) == (7, 7)
    prepared.policy = Policy("halo", 6)
    monkeypatch.setattr(module, "_prepared", lambda *_: prepared)
    assert np.abs(upscale_luma(x, "sesr-m3-x2", tile=(20, 8)) - whole).max() > 1e-6


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 2)])
def test_the_smallest_pictures(size: tuple[int, int]) -> None:
    found = upscale(Picture((noise(*size),)))
    assert found.planes[0].shape == (2 * size[0], 2 * size[1])


def test_grey_in_colour_is_grey() -> None:
    grey = noise(9, 12)
    (alone,) = upscale(Picture((grey,))).planes
    for plane in upscale(Picture((grey, grey, grey))).planes:
        assert plane == pytest.approx(alone, abs=1e-5)


def test_colours_are_bicubic_beside_the_network_s_luma() -> None:
    planes = tuple(noise(3, 9, 12))
    y = pictures.luma(planes)
    found = upscale(Picture(planes)).planes
    large = pictures.luma(found)
    assert large == pytest.approx(upscale_luma(y), abs=1e-5)
    for mine, given in zip(pictures.chroma(found, large), pictures.chroma(planes, y), strict=True):
        assert mine == pytest.approx(pictures.resized(given, 18, 24), abs=1e-5)


def test_opacity_is_bicubic_and_leaves_colours_alone() -> None:
    *planes, alpha = noise(4, 9, 12)
    found = upscale(Picture(tuple(planes), alpha))
    assert found.alpha is not None
    assert np.array_equal(found.alpha, pictures.resized(alpha, 18, 24))
    plain = upscale(Picture(tuple(planes)))
    assert plain.alpha is None
    assert all(np.array_equal(a, b) for a, b in zip(found.planes, plain.planes, strict=True))


def test_bits_and_colour_profile_are_kept() -> None:
    found = upscale(Picture((noise(4, 4),), bits=16, colour_profile=b"icc"))
    assert (found.bits, found.colour_profile, found.size) == (16, b"icc", (8, 8))


def test_networks_without_trained_weights_are_refused() -> None:
    for name in ("sesr-m5-x2-hw", "sesr-m5-x2-expanded", "nothing"):
        with pytest.raises(InputError, match=f"^{name}: no trained weights .* has sesr-m3-x2, sesr-m5-x2") as caught:
            upscale(Picture((noise(4, 4),)), name)
        assert caught.value.code == "no-trained-weights"
