"""No command writes its text over what it was given to read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from npusim.cli import main
from npusim.frontends.onnx import write_onnx
from npusim.resources import path
from npusim.zoo import build

COMMANDS = (
    ("estimate", "MODEL"), ("explain", "MODEL"), ("validate", "MODEL"), ("compare", "MODEL", "sesr-m3-x2"),
    ("roofline", "MODEL"), ("validate", "sesr-m3-x2", "--against", "MODEL"), ("profiles", "show", "PROFILE"),
    ("estimate", "sesr-m3-x2", "--profile", "PROFILE"), ("report", "RESULT"), ("report", "RESULT", "--format", "html"),
)  # fmt: skip
FRAMELESS = ("report", "profiles")


def _run(args: Sequence[str]) -> tuple[int, str]:
    done = CliRunner().invoke(main, args)
    return done.exit_code, done.stderr


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("read")
    made = {"MODEL": folder / "net.onnx", "PROFILE": folder / "chip.toml", "RESULT": folder / "result.json"}
    write_onnx(build("sesr-m3-x2"), made["MODEL"])
    made["PROFILE"].write_text(path("hwprofiles", "ethos-u65.toml").read_text())
    assert _run(["estimate", "sesr-m3-x2", "--size", "24x16", "--format", "json", "-o", str(made["RESULT"])])[0] == 0
    return made


@pytest.mark.parametrize("args", COMMANDS)
@pytest.mark.parametrize("linked", [False, True])
def test_what_was_read_is_not_written_over(args: tuple[str, ...], linked: bool, files: dict[str, Path]) -> None:
    (read,) = (files[each] for each in args if each in files)
    target, before = read, read.read_bytes()
    if linked:
        target = read.with_name(f"link-to-{read.name}")
        target.unlink(missing_ok=True)
        target.symlink_to(read)
    frame = () if args[0] in FRAMELESS else ("--size", "24x16")
    code, said = _run([*(str(files.get(each, each)) for each in args), *frame, "-o", str(target)])
    assert code == 2, said
    assert said.endswith("what was read would be written over; choose another -o [unwritable]\n"), said
    assert read.read_bytes() == before


def test_what_stood_there_from_another_run_is_written_over(tmp_path: Path) -> None:
    into = tmp_path / "result.txt"
    for _ in range(2):
        assert _run(["estimate", "sesr-m3-x2", "--size", "24x16", "-o", str(into)])[0] == 0
