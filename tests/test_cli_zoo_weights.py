"""``npusim zoo export --weights``: the file holds the arrays, and computes what the reference does."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner, Result
from onnx import numpy_helper

from npusim.bind import bind
from npusim.cli import main
from npusim.reference import seeded_weights, sesr, trained
from npusim.zoo import build

SENTENCE = re.compile(r"[^\n]+ \[([a-z0-9-]+)\]\n")


def export(*args: str | Path) -> Result:
    return CliRunner().invoke(main, ["zoo", "export", *map(str, args)])


def stored(file: Path) -> dict[str, np.ndarray]:
    """The parameters that a file holds, by name."""
    found = {each.name: numpy_helper.to_array(each) for each in onnx.load(file).graph.initializer}
    return {name: array for name, array in found.items() if name.endswith(("weight", "bias", "slope"))}


@pytest.mark.parametrize("form", ["", "-expanded"])
@pytest.mark.parametrize("base", ["sesr-m3-x2", "sesr-m5-x2"])
def test_a_trained_network_runs_in_onnxruntime_as_the_paper_s(base: str, form: str, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    file = tmp_path / "net.onnx"
    done = export(base + form, "--weights", "trained", "-o", file)
    assert (done.exit_code, done.output) == (0, "")
    onnx.checker.check_model(onnx.load(file), full_check=True)
    x = np.random.default_rng(2).random((1, 1, 21, 33), np.float32)
    (found,) = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"]).run(None, {"input": x})
    assert found[0] == pytest.approx(sesr.upscale(trained.network(base), x[0]), abs=2e-5)


@pytest.mark.parametrize(("seed", "option"), [(0, ()), (7, ("--seed", "7"))])
def test_seeded_weights_are_those_of_validate(seed: int, option: tuple[str, ...], tmp_path: Path) -> None:
    """Of any frame: the draw depends on the seed and the name alone."""
    file = tmp_path / "net.onnx"
    assert export("fsrcnn-x2", "--weights", "seeded", *option, "--size", "48x16", "-o", file).exit_code == 0
    expected = seeded_weights(bind(build("fsrcnn-x2"), size=(20, 10)), seed)
    found = stored(file)
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[name], expected[name]) for name in expected)
    sides = onnx.load(file).graph.input[0].type.tensor_type.shape.dim
    assert [side.dim_value for side in sides] == [1, 1, 16, 48]


def test_no_weights_are_stored_unless_asked_for(tmp_path: Path) -> None:
    plain, none = tmp_path / "plain.onnx", tmp_path / "none.onnx"
    assert export("sesr-m5-x2", "-o", plain).exit_code == 0
    assert export("sesr-m5-x2", "--weights", "none", "-o", none).exit_code == 0
    assert plain.read_bytes() == none.read_bytes()
    assert stored(plain) == {}


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("sesr-m5-x2-hw", "--weights", "trained"), "no-trained-weights", "sesr-m5-x2-hw: .* sesr-m5-x2-expanded"),
        (("fsrcnn-x2", "--weights", "trained"), "no-trained-weights", "fsrcnn-x2: .* sesr-m3-x2, sesr-m3-x2-expanded"),
        (("--all", "--weights", "trained"), "bad-option", "--all: .* NAME"),
        (("sesr-m5-x2", "--weights", "some"), "bad-option", "--weights: .* none, seeded, trained"),
        (("sesr-m5-x2", "--seed", "1"), "bad-option", "--seed: .* --weights seeded"),
        (("sesr-m5-x2", "--weights", "trained", "--seed", "1"), "bad-option", "--seed: .* --weights seeded"),
        (("sesr-m5-x2", "--weights", "seeded", "--seed", "-1"), "bad-option", "--seed: .*whole number from 0"),
        (("sesr-m5-x2", "--weights", "seeded", "--seed", "1.5"), "bad-option", "--seed: .*whole number from 0"),
        (("sesr-m5-x2", "--weights", "seeded", "--seed", "9" * 5000), "bad-option", "--seed: .*whole number from 0"),
        (("sesr-m5-x2", "--weights", "seeded", "--seed", "4294967296"), "bad-option", "--seed: .*whole number from 0"),
    ],
)
def test_weights_that_there_are_not(args: tuple[str, ...], code: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "net.onnx"
    done = export(*args, "-o", file)
    assert (done.exit_code, done.stdout) == (2, "")
    found = SENTENCE.fullmatch(done.stderr)
    assert found is not None, done.stderr
    assert found[1] == code
    assert re.search(words, done.stderr), done.stderr
    assert not file.exists()


def test_a_file_without_a_name_is_refused() -> None:
    done = export("sesr-m5-x2", "-o", "")
    assert (done.exit_code, done.stderr) == (2, "the file has no name; give -o FILE [unwritable]\n")
