"""``npusim validate``: what it prints, planted faults that it finds, pictures, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from npusim.bind import bind
from npusim.cli import main
from npusim.frontends.onnx import write_onnx
from npusim.model import Model
from npusim.reference import seeded_weights
from npusim.zoo import build

SIZE = "14x11"


def run(*args: str) -> Result:
    return CliRunner(env={"COLUMNS": "120"}).invoke(main, ["validate", *args])


# --- what it prints -------------------------------------------------------------------------------------------------


def test_a_row_an_output() -> None:
    done = run("sesr-m3-x2", "--size", SIZE, "--layers")
    assert done.exit_code == 0, done.stderr
    assert "SESR of the paper (3 x 16, x2, collapsed)" in done.stdout
    assert "SESR of the paper (3 x 16, x2, collapsed): none of the 5 tensors inside differs." in done.stdout
    assert "none of the 13 tensors inside differs" in done.stdout
    assert "input 1x1x11x14, seeded (0)" in done.stdout
    assert done.stdout.rstrip().endswith("It computes what it should.")


def test_other_networks_differ() -> None:
    done = run("sesr-m3-x2", "--against", "sesr-m3-x2-hw", "--size", SIZE, "--layers")
    assert done.exit_code == 1
    assert "DIFFERS" in done.stdout
    assert "the first layer that differs is" in done.stdout
    assert done.stderr.rstrip().endswith("[differs]")
    shapes = run("sesr-m3-x2", "--against", "sesr-m3-x3", "--size", SIZE)
    assert shapes.exit_code == 1
    assert "is not (1, 1, 33, 42)" in shapes.stdout


def test_json_and_markdown() -> None:
    found = json.loads(run("sesr-m3-x2-hw", "--size", SIZE, "--format", "json").stdout)
    assert found["holds"] is True
    assert found["inputs"] == {"input": [1, 1, 11, 14]}
    assert found["inputs_from"] == "seeded (0)"
    assert found["comparisons"][0]["outputs"][0]["name"] == "output"
    assert "| SESR of the paper" in run("sesr-m3-x2-hw", "--size", SIZE, "--format", "md").stdout


# --- planted faults -------------------------------------------------------------------------------------------------


def _planted(model: Model, layer: str, **fields: Any) -> Model:
    """The model with one node changed; attributes are added to those that it has."""
    nodes = list(model.nodes)
    (at,) = [index for index, node in enumerate(nodes) if node.name == layer]
    attrs = nodes[at].attrs | fields.pop("attrs", {})
    nodes[at] = msgspec.structs.replace(nodes[at], attrs=attrs, **fields)
    return msgspec.structs.replace(model, nodes=tuple(nodes))


def _files(folder: Path, name: str, layer: str, **fields: Any) -> tuple[str, str]:
    """A network with seeded weights stored, and one with a fault, as files."""
    model = build(name)
    weights = seeded_weights(bind(model, size=(14, 11)))
    right, wrong = folder / "right.onnx", folder / "wrong.onnx"
    write_onnx(model, right, weights)
    if "kernel" in fields:
        turned = weights[fields["kernel"]].swapaxes(2, 3)
        write_onnx(model, wrong, weights | {fields["kernel"]: np.ascontiguousarray(turned)})
    else:
        write_onnx(_planted(model, layer, **fields), wrong, weights)
    return str(right), str(wrong)


# The network, the layer at fault, the fault, and where it shows first among the paper's convolutions; empty where they
# are all as they should be, so that it lies behind them (or in a kernel, which the paper's network is given as it is).
FAULTS = {
    "a kernel transposed": ("sesr-m3-x2-hw", "conv4", {"kernel": "conv4.weight"}, None),
    "CRD for DCR": ("sesr-m3-x4-hw", "shuffle10", {"attrs": {"mode": "CRD"}}, ""),
    "pad off by one": ("sesr-m3-x2-hw", "conv6", {"attrs": {"pads": (2, 1, 0, 1)}}, "conv6"),
    "the first long skip left out": ("sesr-m3-x2", "conv10", {"inputs": ("act8", "conv10.weight")}, "conv10"),
    "the first long skip a copy": ("sesr-m3-x2", "add9", {"op": "Identity", "inputs": ("act8",)}, "conv10"),
    "the image's skip left out": ("sesr-m3-x2", "shuffle12", {"inputs": ("conv10",)}, ""),
}


@pytest.mark.parametrize(("name", "layer", "fields", "_paper"), FAULTS.values(), ids=list(FAULTS))
def test_a_planted_fault_is_found_by_its_layer(
    tmp_path: Path, name: str, layer: str, fields: dict[str, Any], _paper: str
) -> None:
    """Against the file without it."""
    right, wrong = _files(tmp_path, name, layer, **fields)
    sound = run(right, "--against", right, "--size", SIZE, "--layers")
    assert sound.exit_code == 0, sound.stdout
    assert "of the graph's own" in sound.stdout
    done = run(wrong, "--against", right, "--size", SIZE, "--layers")
    assert done.exit_code == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.rstrip().endswith("[differs]")
    found = [line for line in done.stdout.splitlines() if line.startswith("right.onnx: the first layer that differs")]
    assert len(found) == 1
    assert f" is {layer}, by " in found[0]
    assert "It does not compute what it should." in done.stdout


@pytest.mark.parametrize(
    ("name", "layer", "fields", "paper"),
    [case for case in FAULTS.values() if case[3] is not None],
    ids=[fault for fault, case in FAULTS.items() if case[3] is not None],
)
def test_the_paper_alone_finds_it(tmp_path: Path, name: str, layer: str, fields: dict[str, Any], paper: str) -> None:
    """Without another file: the first convolution whose result is another, or none, and the output all the same."""
    _, wrong = _files(tmp_path, name, layer, **fields)
    done = run(wrong, "--size", SIZE, "--layers", "--format", "json")
    assert done.exit_code == 1
    (first, *_) = json.loads(done.stdout)["comparisons"]
    assert first["against"].startswith("SESR of the paper")
    assert not first["outputs"][0]["max_rel"] < 1e-3
    assert first["first_layer"] == paper
    assert first["layers"] == 5


# --- pictures -------------------------------------------------------------------------------------------------------


@pytest.fixture
def picture(tmp_path: Path) -> str:
    """24 x 20, in colour."""
    pixels = np.random.default_rng(0).integers(0, 256, (20, 24, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return str(tmp_path / "photo.png")


def test_a_network_runs_on_a_picture(picture: str) -> None:
    """At the picture's size where it has none of its own; the middle of the picture where the user asks for less."""
    done = run("sesr-m3-x2", "--image", picture)
    assert done.exit_code == 0, done.stderr
    assert "input 1x1x20x24, luma of photo.png (24x20)\n" in done.stdout
    middle = run("sesr-m3-x2", "--image", picture, "--size", SIZE)
    assert "input 1x1x11x14, luma of photo.png (24x20, its middle)" in middle.stdout
    colours = run("imdn-x2", "--image", picture, "--size", "32x32", "--format", "json")
    assert json.loads(colours.stdout)["inputs_from"] == "red, green and blue of photo.png (24x20, resized)"


def test_two_networks_on_one_picture(picture: str) -> None:
    done = run("sesr-m3-x2", "--against", "sesr-m3-x2-hw", "--image", picture)
    assert done.exit_code == 1
    assert "input 1x1x20x24, luma" in done.stdout


def test_a_size_of_its_own_goes_before_the_pictures(tmp_path: Path, picture: str) -> None:
    model = build("sesr-m3-x2-hw")
    fixed = msgspec.structs.replace(model.inputs[0], shape=(1, 1, 8, 10))
    path = tmp_path / "fixed.onnx"
    write_onnx(msgspec.structs.replace(model, inputs=(fixed,), declared={}), path, "none")
    done = run(str(path), "--image", picture)
    assert done.exit_code == 0, done.stderr
    assert "input 1x1x8x10, luma of photo.png (24x20, its middle)" in done.stdout


# --- what it refuses ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("sesr-m3-x2", "--size", SIZE, "--tolerance", "much"), "bad-option"),
        (("sesr-m3-x2", "--size", SIZE, "--seed", "-1"), "bad-option"),
        (("sesr-m3-x2", "--size", SIZE, "--seed", "1.5"), "bad-option"),
        (("sesr-m3-x2", "--size", SIZE, "--weights", "nowhere.npz"), "bad-weights"),
        (("sesr-m3-x2", "--size", SIZE, "--format", "csv"), "bad-option"),
        (("sesr-m3-x2", "--image", "nowhere.png"), "not-found"),
        (("sesr-m3-x2", "--image", __file__), "not-a-picture"),
        (("sesr-m3-x2",), "dynamic-dim"),
        (("no-such-network", "--size", SIZE), "unknown-model"),
    ],
)
def test_wrong_input_is_one_line(args: tuple[str, ...], code: str) -> None:
    done = run(*args)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert f"[{code}]" in done.stderr


def test_channels_that_a_picture_does_not_have_are_one_line(tmp_path: Path, picture: str) -> None:
    model = build("sesr-m3-x2-hw")
    wide = msgspec.structs.replace(model.inputs[0], shape=(1, 2, 8, 10))
    path = tmp_path / "two.onnx"
    nodes = (msgspec.structs.replace(model.nodes[2], inputs=("input",), outputs=model.outputs),)
    write_onnx(msgspec.structs.replace(model, inputs=(wide,), nodes=nodes, constants={}, declared={}), path)
    done = run(str(path), "--image", picture)
    assert done.exit_code == 2
    assert "1 or 3 channels (N, C, height, width) of reals or bytes, not 1x2x8x10 float32" in done.stderr
    assert done.stderr.rstrip().endswith("[no-picture-input]")
