"""The weights that ship: their size, that both forms compute the same, and that the gain on their card is theirs."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from npusim import pictures, resources
from npusim.bind import bind
from npusim.errors import InputError
from npusim.reference import execute, sesr, trained
from npusim.reference.sesr import LinearBlock
from npusim.upscale import upscale_luma
from npusim.zoo import build

ROOT = Path(__file__).parents[2]
NAMES = ("sesr-m3-x2", "sesr-m5-x2")
CAMERA = ROOT / "tests" / "data" / "camera.png"


def image(height: int = 23, width: int = 31) -> np.ndarray[Any, Any]:
    return np.random.default_rng(5).random((1, height, width), np.float32)


def test_two_networks_ship_in_less_than_two_megabytes() -> None:
    assert trained.names() == NAMES
    stored = list(resources.files("models", "weights/*"))
    assert sum(file.stat().st_size for file in stored) < 2_000_000
    assert {file.suffix for file in stored} == {".npz", ".md"}


@pytest.mark.parametrize(("name", "blocks"), [("sesr-m3-x2", 3), ("sesr-m5-x2", 5)])
def test_shapes_are_the_paper_s(name: str, blocks: int) -> None:
    """5 x 5 and 3 x 3 to 256 features and 1 x 1 back; 16 features between, four channels for x2."""
    network = trained.network(name)
    made = (network.first, *network.middle, network.last)
    shapes = [(b.wide.shape, b.narrow.shape, b.short_skip) for b in made if isinstance(b, LinearBlock)]
    middle = ((256, 16, 3, 3), (16, 256), True)
    ends = ((256, 1, 5, 5), (16, 256), False), ((256, 16, 5, 5), (4, 256), False)
    assert shapes == [ends[0], *[middle] * blocks, ends[1]]
    assert network.slopes is not None
    assert [slope.shape for slope in network.slopes] == [(16,)] * blocks
    assert (network.centre, network.clipped, network.input_skip) == (0.5, True, True)


@pytest.mark.parametrize("name", NAMES)
def test_the_file_is_float16_and_finite(name: str) -> None:
    with np.load(resources.path("models", f"weights/{name}.npz")) as stored:
        arrays = {key: stored[key] for key in stored.files}
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.float16)}
    assert all(np.isfinite(array).all() for array in arrays.values())


@pytest.mark.parametrize("name", NAMES)
def test_collapsed_is_expanded(name: str) -> None:
    network, x = trained.network(name), image()
    expanded, collapsed = sesr.upscale(network, x), sesr.upscale(sesr.collapsed(network), x)
    assert expanded.dtype == collapsed.dtype == np.float32
    assert collapsed == pytest.approx(expanded, abs=1e-5)
    assert np.ptp(expanded) > 0.5  # and not one value everywhere


@pytest.mark.parametrize("form", ["", "-expanded"])
@pytest.mark.parametrize("name", NAMES)
def test_the_zoo_s_graph_is_the_paper_s_network(name: str, form: str) -> None:
    model = build(name + form)
    graph, x = bind(model, size=(31, 23)), image()
    found = execute(graph, {"input": x[None]}, trained.parameters(model))["output"][0]
    assert found == pytest.approx(sesr.upscale(trained.network(name), x), abs=1e-5)


def test_what_has_no_trained_weights_is_refused_with_what_has() -> None:
    for name in ("sesr-m5-x2-hw", "sesr-m5-x4", "sesr-m7-x2-expanded", "fsrcnn-x2"):
        with pytest.raises(
            InputError, match=f"^{name}: no trained weights ship for it; .*sesr-m5-x2-expanded"
        ) as caught:
            trained.parameters(build(name))
        assert caught.value.code == "no-trained-weights"


# --- the card -------------------------------------------------------------------------------------------------------

CARD = (resources.folder("models") / "weights" / "README.md").read_text()


def _card(name: str) -> dict[str, tuple[float, float]]:
    """PSNR of bicubic and of the network, dB, by picture, as the card has them."""
    column = NAMES.index(name) + 1
    rows = (line.strip("| ").split(" | ") for line in CARD.splitlines() if re.match(r"\| (\w+\.\w+|mean) \|", line))
    return {cells[0]: (float(cells[2].split()[0]), float(cells[2 + column].split()[0])) for cells in rows}


def _psnr(found: np.ndarray[Any, Any], expected: np.ndarray[Any, Any]) -> float:
    """Over luma from 0 to 1, without the two outer pixels."""
    away = np.clip(found, 0, 1)[2:-2, 2:-2].astype(np.float64) - expected[2:-2, 2:-2]
    return float(10 * np.log10(1 / (away**2).mean()))


@pytest.mark.parametrize("name", NAMES)
def test_the_gain_on_a_picture_held_out_is_as_the_card_says(name: str) -> None:
    """camera.png, made half as large in steps of 1/255 and brought back."""
    (large,) = pictures.read(CAMERA).planes
    small = np.rint(np.clip(pictures.resized(large, 256, 256), 0, 1) * 255).astype(np.float32) / np.float32(255)
    plain, made = pictures.resized(small, 512, 512), upscale_luma(small, name)
    assert (_psnr(plain, large), _psnr(made, large)) == pytest.approx(_card(name)["camera.png"], abs=0.006)
    assert _psnr(made, large) - _psnr(plain, large) > 0.5


def test_m5_gains_half_a_decibel_on_every_picture_held_out() -> None:
    sets = _sets()
    card = _card("sesr-m5-x2")
    assert all(card[name][1] - card[name][0] >= 0.5 for name in sets["HELD_OUT"])


def _sets() -> dict[str, dict[str, Any]]:
    """The sets of training/dataset.py, by name, without running it."""
    tree = ast.parse((ROOT / "training" / "dataset.py").read_text())
    assigned = {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and isinstance(node.value, ast.Dict)
    }
    return {
        name: {ast.literal_eval(key): None for key in value.keys if key is not None} for name, value in assigned.items()
    }


def test_no_picture_is_in_two_sets_and_each_is_on_the_card() -> None:
    sets = _sets()
    assert sorted(sets) == ["HELD_OUT", "TRAINING", "VALIDATION"]
    every = [name for chosen in sets.values() for name in chosen]
    assert len(every) == len(set(every)) >= 15
    assert [name for name in every if f"`{name}`" not in CARD] == []
