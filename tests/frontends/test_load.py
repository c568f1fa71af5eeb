"""What a user may name: a file, bytes, a message, a network of the zoo."""

from __future__ import annotations

from pathlib import Path

import pytest
from onnx_kit import model, node, weights

import npusim
from npusim.counts import macs
from npusim.errors import InputError
from npusim.frontends.load import is_path, read

CONV = model([node("Conv", "x w", "y")], [weights("w", 2, 4, 3, 3)], x=("N", 4, "H", "W"))
ONE = 6 * 6 * 2 * 4 * 9  # an 8 x 8 frame


@pytest.mark.parametrize(
    "given",
    [
        {"size": (8, 8), "batch": 1},
        {"dims": {"N": 1, "H": 8, "W": 8}},
        {"shapes": {"x": (1, 4, 8, 8)}},
        {"size": (8, 8), "dims": {"x:0": 1}},
    ],
)
def test_sizes_reach_the_graph(given: dict[str, object]) -> None:
    assert macs(npusim.load(CONV, **given)) == ONE  # type: ignore[arg-type]


def test_path_text_bytes_and_message(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(CONV.SerializeToString())
    for source in (path, str(path), CONV.SerializeToString(), CONV):
        assert macs(npusim.load(source, size=(8, 8), batch=2)) == 2 * ONE


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("sesr-m5-x2", False),
        ("net.onnx", True),
        ("a/net", True),
        ("a\\net", True),
        ("", True),
        (".", True),
        ("nul\0", False),
        ("x" * 5000, False),
    ],
)
def test_what_is_taken_for_a_file(text: str, path: bool) -> None:
    assert is_path(text) is path


def test_a_file_without_an_ending_is_a_file_where_it_exists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "net").write_bytes(CONV.SerializeToString())
    monkeypatch.chdir(tmp_path)
    assert macs(npusim.load("net", shapes={"x": (1, 4, 8, 8)})) == ONE


def test_an_unknown_name_is_one_error() -> None:
    with pytest.raises(InputError, match=r"sesr-m5-x9.*\[[a-z-]+\]$"):
        npusim.load("sesr-m5-x9")


def test_a_zoo_network_has_a_digest_of_its_own() -> None:
    one, again, other = read("sesr-m5-x2"), read("sesr-m5-x2"), read("sesr-m5-x3")
    assert one.sha256 == again.sha256 != other.sha256
    assert len(one.sha256) == 64
