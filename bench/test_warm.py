"""Warm calls inside one process; run with ``python -m pytest bench --benchmark-only``."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import npusim

LIGHT = Path(onnx.__file__).parent / "backend/test/data/light"


@pytest.mark.parametrize("name", ["resnet50", "densenet121", "vgg19"])
def test_estimate(benchmark: BenchmarkFixture, name: str) -> None:
    graph = npusim.load(str(LIGHT / f"light_{name}.onnx"))
    assert benchmark(npusim.estimate, graph).macs > 0


def test_load(benchmark: BenchmarkFixture) -> None:
    assert benchmark(npusim.load, str(LIGHT / "light_resnet50.onnx")).layers


@pytest.mark.parametrize("name", ["sesr-m5-x2-hw", "fsrcnn-x2-hw"])
def test_full_frame(benchmark: BenchmarkFixture, name: str) -> None:
    graph = npusim.load(name, size=(1920, 1080))
    assert benchmark(npusim.estimate, graph, activation_compression=0.5).latency_s > 0
