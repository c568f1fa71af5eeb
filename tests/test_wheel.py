"""The wheel is whole: built, installed in an empty environment, run from an empty folder."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an environment that holds nothing but the wheel and what it asks for."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", folder / "dist", ROOT], check=True, capture_output=True
    )
    (wheel,) = (folder / "dist").glob("*.whl")
    venv.create(folder / "env", with_pip=True)
    subprocess.run([folder / "env/bin/python", "-m", "pip", "install", "-q", wheel], check=True, capture_output=True)
    return folder / "env" / "bin"


def run(installed: Path, folder: Path, *args: str) -> str:
    done = subprocess.run([installed / "npusim", *args], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_main_job(installed: Path, tmp_path: Path) -> None:
    out = run(installed, tmp_path, "estimate", "sesr-m5-x2-hw", "--size", "1920x1080", "--format", "json")
    # 13,520 weights (paper, M5 x2), each used once a pixel of the 1080p input
    assert json.loads(out)["totals"]["macs"] == 13_520 * 1920 * 1080


def test_profiles_zoo_and_models_are_inside(installed: Path, tmp_path: Path) -> None:
    assert "ethos-n78" in run(installed, tmp_path, "profiles", "list")
    assert "sesr-m5-x2" in run(installed, tmp_path, "zoo", "list")
    code = "from npusim.resources import path; print(path('models', 'quality.csv').read_text()[:5])"
    done = subprocess.run([installed / "python", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "model"


def test_exported_graph_comes_back(installed: Path, tmp_path: Path) -> None:
    run(installed, tmp_path, "zoo", "export", "fsrcnn-x2", "-o", "fsrcnn.onnx")
    out = run(installed, tmp_path, "estimate", "fsrcnn.onnx", "--size", "640x360", "--format", "json")
    # MACs of FSRCNN (56,12,4) a low-resolution pixel: 5*5*56 + 56*12 + 4*9*12*12 + 12*56 + 9*9*56
    assert json.loads(out)["totals"]["macs"] == (1400 + 672 + 5184 + 672 + 4536) * 640 * 360


def test_the_page_has_its_template_style_and_script(installed: Path, tmp_path: Path) -> None:
    out = run(installed, tmp_path, "estimate", "sesr-m3-x2-hw", "--size", "64x64", "--format", "html")
    assert out.startswith("<!doctype html>")
    assert "--page:" in out
    assert "// --- sorting" in out
