"""The exported graphs: up to date, small, valid for onnx, and run by onnxruntime."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from npusim import resources
from npusim.bind import bind
from npusim.counts import layer_works, params
from npusim.frontends.onnx import read_onnx
from npusim.ir import Graph
from npusim.zoo import build, export_all, names
from npusim.zoo.index import BY_NAME


def _models() -> dict[str, Path]:
    return {path.stem: path for path in resources.files("models", "*.onnx")}


def test_the_folder_holds_what_the_builders_write(tmp_path: Path) -> None:
    written = export_all(tmp_path / "models")
    assert [path.stem for path in written] == list(names())
    assert _models().keys() == set(names())
    for path in written:
        assert path.read_bytes() == resources.path("models", path.name).read_bytes(), path.name


def test_no_file_stores_weights() -> None:
    assert max(path.stat().st_size for path in _models().values()) < 200_000


@pytest.mark.parametrize("name", BY_NAME)
def test_onnx_finds_each_file_valid_and_onnxruntime_runs_it(name: str) -> None:
    path, scale = resources.path("models", f"{name}.onnx"), BY_NAME[name][1]
    onnx.checker.check_model(onnx.load(path), full_check=True)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    channels = session.get_inputs()[0].shape[1]
    (result,) = session.run(["output"], {"input": np.zeros((1, channels, 20, 24), np.float32)})
    assert result.shape == (1, channels, 20 * scale, 24 * scale)


def _summary(graph: Graph) -> tuple[object, ...]:
    works = layer_works(graph)
    totals = (sum(w.macs for w in works), sum(w.macs_dense for w in works), sum(w.ops for w in works))
    layers = [(layer.name, layer.op, layer.inputs, layer.outputs) for layer in graph.layers]
    return params(graph, works), totals, layers, graph.tensors["output"].shape, graph.warnings


@pytest.mark.parametrize("name", BY_NAME)
def test_a_file_read_back_is_the_network_that_was_built(name: str) -> None:
    read = bind(read_onnx(resources.path("models", f"{name}.onnx")), size=(61, 47))
    assert _summary(read) == _summary(bind(build(name), size=(61, 47)))
