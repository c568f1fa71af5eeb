"""What README.md and docs/ show is what npusim prints."""

from __future__ import annotations

from pathlib import Path

import docs_examples
import pytest

EXAMPLES = [example for page in docs_examples.pages() for example in docs_examples.examples(page)]


def test_readme_shows_commands() -> None:
    assert any(example.page.name == "README.md" for example in EXAMPLES)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example.page.stem}: {example.command[7:60]}")
def test_example_is_up_to_date(example: docs_examples.Example, tmp_path: Path) -> None:
    assert docs_examples.run(example.command, tmp_path) == example.output
