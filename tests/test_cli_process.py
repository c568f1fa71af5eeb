"""The command line as a process: what it imports, closed pipes, full disks, terminals that cannot show a letter."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from npusim import __version__

ROOT = Path(__file__).parent.parent
SIZED = ("estimate", "sesr-m5-x2", "--size", "64x32")
HEAVY = {"onnx", "rich", "pandas", "matplotlib", "networkx", "jinja2", "google.protobuf", "PIL"}


def process(*args: str, **more: Any) -> subprocess.CompletedProcess[bytes]:
    env = os.environ | {"PYTHONPATH": str(ROOT)} | more.pop("env", {})
    options: dict[str, Any] = {"capture_output": True} | more
    return subprocess.run([sys.executable, "-m", "npusim", *args], env=env, check=False, **options)


def imported(*args: str) -> set[str]:
    """What a run of these arguments has imported when it ends."""
    code = (
        "import sys, io; from npusim.cli import main; sys.stdout = io.StringIO()\n"
        f"try: main({list(args)!r})\n"
        "except SystemExit as done: assert done.code == 0, done.code\n"
        "sys.stderr.write('\\n'.join(sys.modules))"
    )
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True)
    return set(done.stderr.split())


@pytest.mark.parametrize("form", ["text", "json", "csv", "md"])
def test_a_network_of_the_zoo_needs_no_heavy_library(form: str) -> None:
    found = imported(*SIZED, "--format", form)
    assert "npusim.estimate" in found
    assert not found & HEAVY


def test_help_needs_neither_numpy_nor_a_command() -> None:
    found = imported("--help")
    assert "npusim.cli" in found
    assert not found & (HEAVY | {"numpy", "npusim.cli.estimate", "npusim.ops", "npusim.reports"})


def test_a_closed_pipe_is_no_error() -> None:
    for args in (SIZED, ("--help",), ("zoo", "--help")):
        reader, writer = os.pipe()
        os.close(reader)
        done = process(*args, stdout=writer, stderr=subprocess.PIPE, capture_output=False)
        os.close(writer)
        assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("args", [SIZED, ("--help",)])
def test_a_full_disk_is_one_sentence(args: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = process(*args, stdout=full, stderr=subprocess.PIPE, capture_output=False)
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1
    assert done.stderr.endswith(b"[unwritable]\n")


def test_no_standard_output_is_no_error() -> None:
    """As under a scheduler that closes it: there is nobody to print for."""
    code = "import sys; sys.stdout = None; from npusim.cli import main; main(sys.argv[1:])"
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code, *SIZED], capture_output=True, env=env, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_an_encoding_that_lacks_letters_is_no_error() -> None:
    for encoding in ("ascii", "iso-8859-1"):
        done = process("estimate", "\u043d\u0435\u0442-x2", env={"PYTHONIOENCODING": encoding})
        assert done.returncode == 2
        assert done.stderr.endswith(b"-x2'; npusim zoo list shows the names [unknown-model]\n")
        narrow = process(*SIZED, env={"PYTHONIOENCODING": encoding, "COLUMNS": "60"})
        assert narrow.returncode == 0
    assert b"\\u043d\\u0435\\u0442-x2" in done.stderr


def test_a_pipe_gets_no_colour() -> None:
    done = process(*SIZED, env={"TERM": "xterm-256color", "COLUMNS": "80"})
    assert done.returncode == 0
    assert b"\x1b" not in done.stdout


def test_the_package_runs_as_a_module(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["npusim", "--version"])
    with pytest.raises(SystemExit) as done:
        runpy.run_module("npusim", run_name="__main__")
    assert done.value.code == 0
    assert capsys.readouterr().out == f"npusim {__version__}\n"
