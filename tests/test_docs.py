"""What README.md and docs/ show is what npusim prints."""

from __future__ import annotations

from pathlib import Path

import docs_examples
import onnx
import pytest

EXAMPLES = [example for page in docs_examples.pages() for example in docs_examples.examples(page)]


def test_readme_shows_commands() -> None:
    assert any(example.page.name == "README.md" for example in EXAMPLES)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example.page.stem}: {example.command[7:60]}")
def test_example_is_up_to_date(example: docs_examples.Example, tmp_path: Path) -> None:
    assert docs_examples.settled(docs_examples.run(example.command, tmp_path)) == docs_examples.settled(example.output)


def test_noise_is_left_out_and_nothing_else() -> None:
    """A line with noise loses its fractions; bounds and other lines keep theirs."""
    assert docs_examples.settled("onnxruntime 1.32.0  a") == "onnxruntime #  a"
    assert docs_examples.settled("x  1.6e-06  9e-07  136.0  3 x 16") == "x # # # 3 x 16"
    for kept in ("y      1.6   0.69", "z  0.8  <1e-12"):
        assert docs_examples.settled(kept) == kept


def test_a_planted_fault_looks_as_shown(tmp_path: Path) -> None:
    """docs/validate.md: a pad off by one, in files that the page's own command cannot make."""
    docs_examples.run("npusim zoo export sesr-m3-x2-hw --weights seeded -o right.onnx", tmp_path)
    model = onnx.load(tmp_path / "right.onnx")
    (conv,) = [node for node in model.graph.node if node.name == "conv6"]
    (pads,) = [attr for attr in conv.attribute if attr.name == "pads"]
    pads.ints[:] = [2, 1, 0, 1]
    onnx.save(model, tmp_path / "wrong.onnx")
    page = (docs_examples.ROOT / "docs" / "validate.md").read_text()
    block = page.partition("```text\n$ ")[2].partition("```")[0]
    command, _, output = block.partition("\n")
    assert command.startswith("npusim validate wrong.onnx --against right.onnx")
    assert docs_examples.settled(docs_examples.run(command, tmp_path)) == docs_examples.settled(output)
