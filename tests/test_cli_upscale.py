"""``npusim upscale``: right pictures are written, wrong input is one sentence with a code and leaves no file."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from npusim.cli import main, outputs

SENTENCE = re.compile(r"[^\n]+ \[([a-z0-9-]+)\]\n")
CAMERA = Path(__file__).parent / "data" / "camera.png"


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(main, ["upscale", *map(str, args)])


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A piece of 40 x 30 of the picture that tests have."""
    file = tmp_path / "photo.png"
    Image.open(CAMERA).crop((200, 60, 240, 90)).save(file)
    return file


def test_a_picture_becomes_twice_as_large_and_stays_what_it_is(photo: Path, tmp_path: Path) -> None:
    """Averaged over 2 x 2, it is the picture it was made from, but for what lies between the pixels."""
    into = tmp_path / "large.png"
    done = run(photo, "-o", into)
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == f"{photo} of 40x30 is {into} of 80x60: luma by sesr-m5-x2, the rest bicubic\n"
    small, large = (np.asarray(Image.open(file)).astype(float) for file in (photo, into))
    assert large.shape == (60, 80)
    assert np.abs(large.reshape(30, 2, 40, 2).mean(axis=(1, 3)) - small).mean() < 3


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P", "1", "I;16"])
def test_every_kind_of_picture(mode: str, photo: Path, tmp_path: Path) -> None:
    image = Image.open(photo)
    given = image.convert("I").point(lambda v: v * 257).convert("I;16") if mode == "I;16" else image.convert(mode)
    given.save(photo)
    into = tmp_path / "large.png"
    assert run(photo, "-o", into, "--model", "sesr-m3-x2", "--quiet").stderr == ""
    made = Image.open(into)
    assert made.mode == {"1": "L", "P": "RGB"}.get(mode, mode)
    assert made.size == (80, 60)


def test_tiles_and_models_are_taken(photo: Path, tmp_path: Path) -> None:
    files = [tmp_path / f"{index}.png" for index in range(3)]
    for file, more in zip(files, ((), ("--tile", "16x9"), ("--model", "sesr-m3-x2")), strict=True):
        assert run(photo, "-o", file, *more).exit_code == 0
    whole, tiled, smaller = (np.asarray(Image.open(file)).astype(int) for file in files)
    assert np.abs(tiled - whole).max() <= 1  # a half may be rounded up or down
    assert (tiled != whole).mean() < 0.001
    assert (smaller != whole).any()


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("photo.png",), "bad-option"),
        (("photo.png", "-o", ""), "bad-option"),
        (("photo.png", "-o", "large.jpg"), "bad-option"),
        (("photo.png", "-o", "large"), "bad-option"),
        (("photo.png", "-o", "photo.png"), "bad-option"),
        (("photo.png", "-o", "link.png"), "bad-option"),
        (("photo.png", "-o", "a\0b.png"), "unwritable"),
        (("photo.png", "-o", "no/such/large.png"), "unwritable"),
        (("photo.png", "-o", "folder.png"), "unwritable"),
        (("photo.png", "-o", "large.png", "--tile", "0x5"), "bad-option"),
        (("photo.png", "-o", "large.png", "--tile", "16"), "bad-option"),
        (("photo.png", "-o", "large.png", "--tile", "-1x5"), "bad-option"),
        (("photo.png", "-o", "large.png", "--model", "fsrcnn-x2"), "no-trained-weights"),
        (("photo.png", "-o", "large.png", "--model", ""), "no-trained-weights"),
        (("photo.png", "-o", "large.png", "--nothing"), "bad-option"),
        (("photo.png", "more.png", "-o", "large.png"), "bad-option"),
        (("-o", "large.png"), "bad-option"),
        (("no.png", "-o", "large.png"), "not-found"),
        (("", "-o", "large.png"), "unreadable"),
        (("a\0b", "-o", "large.png"), "unreadable"),
        (("folder.png", "-o", "large.png"), "unreadable"),
        (("text.png", "-o", "large.png"), "not-a-picture"),
        (("empty.png", "-o", "large.png"), "empty-file"),
        (("cmyk.jpg", "-o", "large.png"), "unsupported-picture"),
    ],
)
def test_wrong_input_is_one_sentence(
    args: tuple[str, ...], code: str, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("link.png").symlink_to(photo)
    Path("folder.png").mkdir()
    Path("text.png").write_text("no picture\n")
    Path("empty.png").touch()
    Image.new("CMYK", (4, 4)).save("cmyk.jpg")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    done = run(*args)
    assert (done.exit_code, done.stdout) == (2, "")
    found = SENTENCE.fullmatch(done.stderr)
    assert found is not None, done.stderr
    assert found[1] == code, done.stderr
    assert "--tile" in done.stderr or "--tile" not in args
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


def test_a_bar_fills_on_a_terminal_and_is_wiped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(outputs, "PATIENCE_S", 0.0)
    with outputs.bar("upscaling", quiet=False) as progress:
        progress(1, 2)
    assert capsys.readouterr().err == ""  # this is no terminal
    monkeypatch.setattr(outputs, "_is_terminal", lambda _: True)
    with outputs.bar("upscaling", quiet=True) as progress:
        progress(1, 2)
    assert capsys.readouterr().err == ""
    with outputs.bar("up\x1bscaling", quiet=False) as progress:
        progress(1, 4)
        progress(4, 4)
    half, full, end = capsys.readouterr().err.removeprefix("\r\033[K").split("\r\033[K")
    assert half.endswith(f" [{'#' * 7}{'-' * 23}] 25 %")
    assert full.endswith(f" [{'#' * 30}] 100 %")
    assert (end, "\x1b" in half) == ("", False)


def test_a_bar_waits_before_it_is_shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(outputs, "PATIENCE_S", 1e9)
    monkeypatch.setattr(outputs, "_is_terminal", lambda _: True)
    with outputs.bar("upscaling", quiet=False) as progress:
        progress(1, 1)
    assert capsys.readouterr().err == ""
