"""Files are written whole or not at all; what is no file is written into."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from npusim import files
from npusim.errors import InputError


def test_a_link_stays_one_and_its_file_is_written(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    link = tmp_path / "link"
    link.symlink_to(Path("folder", "file"))
    for text in ("first", "second"):  # where there is no file yet, and over one
        files.write_text(link, text)
        assert link.is_symlink()
        assert (tmp_path / "folder" / "file").read_text() == text


def test_a_pipe_is_written_into_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        files.write_text(pipe, "words")
        assert os.read(reader, 100) == b"words"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_permissions_of_a_file_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o640)
    files.write_text(path, "new")
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("new", 0o640)


@pytest.mark.parametrize("fault", [KeyboardInterrupt, OSError])
def test_nothing_half_written_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: type[BaseException]
) -> None:
    def interrupted(*_: object) -> None:
        raise fault

    path = tmp_path / "file"
    path.write_text("old")
    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(InputError if fault is OSError else fault):
        files.write_text(path, "new")
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("file", "old")]


def test_links_in_a_circle_are_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "one"
    path.symlink_to("one")
    with pytest.raises(InputError, match="cannot be written") as caught:
        files.write_text(path, "words")
    assert caught.value.code == "unwritable"
