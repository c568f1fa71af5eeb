"""Expanded SESR comes out as the zoo's collapsed SESR, with the weights that the paper's algorithms give."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from npusim.bind import bind
from npusim.counts import macs, params
from npusim.frontends.load import read
from npusim.frontends.onnx import read_onnx, write_onnx
from npusim.ir import DType, Graph
from npusim.model import Constant, Model, Node
from npusim.ops.base import Array
from npusim.reference import sesr
from npusim.reference.compare import compare
from npusim.reference.executor import execute
from npusim.reference.family import sesr_of
from npusim.reference.seeds import seeded_weights
from npusim.transform.collapse.engine import Collapsed, collapse
from npusim.transform.collapse.proof import prove
from npusim.zoo import build

FRAME = (13, 10)
SIZES = ("m3", "m5", "m7", "m11", "xl")
NAMES = (*(f"sesr-{size}-x2" for size in SIZES), "sesr-m5-x3", "sesr-m3-x4")


def _stored(model: Model, path: Path) -> Model:
    """The model with seeded weights, written as ONNX and read again."""
    write_onnx(model, path, seeded_weights(bind(model, size=FRAME)))
    return read_onnx(path)


def _expanded(name: str) -> Model:
    stem, scale = name.rsplit("-", 1)
    return build(f"{stem}-{scale}-expanded")


def _with_biases(model: Model) -> Model:
    """Both convolutions of each block with a bias."""
    nodes: list[Node] = []
    constants = dict(model.constants)
    for node in model.nodes:
        if node.op == "Conv":
            kernel, name = constants[node.inputs[1]], f"{node.name}.bias"
            constants[name] = Constant(name, kernel.shape[:1], kernel.dtype, None)
            nodes.append(msgspec.structs.replace(node, inputs=(*node.inputs, name)))
        else:
            nodes.append(node)
    return msgspec.structs.replace(model, nodes=tuple(nodes), constants=constants)


def _collapsed(model: Model) -> Collapsed:
    return collapse(model, bind(model, size=FRAME))


def _layers(graph: Graph) -> list[tuple[object, ...]]:
    """Operator, shapes of what it reads and makes, and the attributes that change what it computes."""
    kept = ("kernel_shape", "pads", "strides", "group", "blocksize", "mode")
    return [
        (
            layer.op,
            [graph.tensors[name].shape for name in (*layer.inputs[:2], *layer.outputs) if name],
            {key: layer.attrs[key] for key in kept if key in layer.attrs},
        )
        for layer in graph.layers
    ]


def _network(graph: Graph) -> sesr.Network:
    """The paper's network with the kernels and slopes of the graph."""
    read_by_layers = {name for layer in graph.layers for name in layer.inputs if name in graph.weights}
    found = sesr_of(graph, {name: graph.weights[name] for name in read_by_layers})
    assert found is not None
    return found.network


def _blocks(network: sesr.Network) -> list[sesr.Convolution]:
    made = [network.first, *network.middle, network.last]
    assert all(isinstance(block, sesr.Convolution) for block in made)
    return made  # type: ignore[return-value]


@pytest.mark.parametrize("name", NAMES)
def test_expanded_comes_out_as_the_collapsed_graph_of_the_zoo(name: str, tmp_path: Path) -> None:
    """Layers, MACs and parameters of the zoo's graph; kernels as Algorithms 1 and 2 give them, to 1e-6."""
    before = _stored(_expanded(name), tmp_path / "expanded.onnx")
    found = _collapsed(before)
    graph, after, wanted = (bind(each, size=FRAME) for each in (before, found.model, build(name)))
    assert _layers(after) == _layers(wanted)
    assert (macs(after), params(after)) == (macs(wanted), params(wanted))
    assert not found.weightless
    theirs = _blocks(sesr.collapsed(_network(graph)))
    for mine, block in zip(_blocks(_network(after)), theirs, strict=True):
        assert mine.kernel.shape == block.kernel.shape
        assert np.abs(mine.kernel - block.kernel).max() < 1e-6 * np.abs(block.kernel).max()
        assert mine.bias is None


@pytest.mark.parametrize("name", NAMES[:5])
def test_expanded_and_collapsed_compute_the_same(name: str, tmp_path: Path) -> None:
    """To 1e-5, the frame's border included: the graph after, that before, and the paper's expanded network.

    The weights after are float32. Sums are float64, since random weights make numbers that the last clip cuts off, and
    float32 loses more than that of them in either network.
    """
    before = _stored(_expanded(name), tmp_path / "expanded.onnx")
    found = _collapsed(before)
    graph, after = (bind(each, size=FRAME) for each in (before, found.model))
    image = np.random.default_rng(7).random((1, 1, *FRAME[::-1]))
    made, was = (execute(each, {"input": image}, precision=DType.FLOAT64)["output"] for each in (after, graph))
    expected = sesr.upscale(_network(graph), image[0])
    assert np.abs(made[0] - expected).max() < 1e-5
    assert compare("output", made, was).within(1e-5)


@pytest.mark.parametrize("size", SIZES)
def test_biases_come_out_on_top(size: str, tmp_path: Path) -> None:
    """M5 has 16 (1 + 5) + 4 = 100 of them more: one an output of each of its m + 2 convolutions."""
    name = f"sesr-{size}-x2"
    before = _stored(_with_biases(_expanded(name)), tmp_path / "expanded.onnx")
    found = _collapsed(before)
    after, wanted = (bind(each, size=FRAME) for each in (found.model, build(name)))
    assert [(op, shapes[0], attrs) for op, shapes, attrs in _layers(after)] == [  # type: ignore[index]
        (op, shapes[0], attrs)
        for op, shapes, attrs in _layers(wanted)  # type: ignore[index]
    ]
    blocks = {"m3": 3, "m5": 5, "m7": 7, "m11": 11, "xl": 11}[size]
    features = 32 if size == "xl" else 16
    more = features * (1 + blocks) + 4
    assert params(after) == params(wanted) + more
    assert size != "m5" or more == 100
    assert macs(after) == macs(wanted)
    proof = prove(found, bind(before, size=FRAME))
    assert proof.whole
    assert proof.holds
    for mine, block in zip(
        _blocks(_network(after)), _blocks(sesr.collapsed(_network(bind(before, size=FRAME)))), strict=True
    ):
        assert mine.bias is not None
        assert block.bias is not None
        assert np.abs(mine.bias - block.bias).max() < 1e-6 * np.abs(block.bias).max()


def test_weightless_graphs_collapse_to_weightless_ones(tmp_path: Path) -> None:
    """The exported file has zeros of ConstantOfShape in the place of its weights, and so has what comes out."""
    write_onnx(build("sesr-m5-x2-expanded"), tmp_path / "a.onnx")
    model = read_onnx(tmp_path / "a.onnx")
    found = _collapsed(model)
    assert found.weightless
    assert len(found.chains) == 7
    assert all(constant.read is None for name, constant in found.model.constants.items() if name.endswith(".weight"))
    assert prove(found, bind(model, size=FRAME)).holds
    write_onnx(found.model, tmp_path / "b.onnx")
    after, wanted = (bind(read(each), size=FRAME) for each in (str(tmp_path / "b.onnx"), "sesr-m5-x2"))
    assert _layers(after) == _layers(wanted)


def test_the_rgb_rendering_collapses_with_its_biases() -> None:
    found = _collapsed(build("sesr-m5-aimet-rgb-x2-expanded"))
    after, wanted = (bind(each, size=FRAME) for each in (found.model, build("sesr-m5-aimet-rgb-x2")))
    assert [op for op, *_ in _layers(after)] == [op for op, *_ in _layers(wanted)]
    assert (macs(after), params(after)) == (macs(wanted), params(wanted))


def test_the_published_cost_of_training() -> None:
    """41.77 GMAC expanded and 1.84 GMAC collapsed, for a batch of 32 images of 64 x 64 (the SESR repository's README).

    Collapsed, a step runs the network's convolutions, and works out each kernel from its block. In the form that the
    repository runs, k x k images of each input channel go through the block: positions * (k k Cin p + p Cout) each.
    """
    batch = {"size": (64, 64), "batch": 32}
    expanded, collapsed = (macs(bind(build(name), **batch)) for name in ("sesr-m5-x2-expanded", "sesr-m5-x2"))  # type: ignore[arg-type]
    assert expanded == 32 * 64 * 64 * 318_720
    assert round(expanded / 1e9, 3) == 41.775
    assert round(collapsed / 1e9, 4) == 1.7721
    blocks = [(1, 16, 5), *[(16, 16, 3)] * 5, (16, 4, 5)]
    deltas = sum(i * k * k * (k * k * i * 256 + 256 * o) for i, o, k in blocks)
    products = sum(256 * o * i * k * k for i, o, k in blocks)
    assert (round(deltas / 1e6, 2), round(products / 1e6, 2)) == (71.12, 3.46)
    assert round((collapsed + deltas) / 1e9, 2) == 1.84
    assert round(expanded / (collapsed + deltas), 1) == 22.7
    assert round(expanded / (collapsed + products), 1) == 23.5


def test_the_delta_form_of_the_paper_gives_the_same_kernels(tmp_path: Path) -> None:
    before = _stored(_expanded("sesr-m3-x2"), tmp_path / "expanded.onnx")
    network = _network(bind(before, size=FRAME))
    assert isinstance(network.first, sesr.LinearBlock)
    found = _collapsed(before)
    made: Array = found.emitted.arrays[found.model.nodes[1].inputs[1]].array
    assert np.abs(made - sesr.collapse_by_deltas(network.first)).max() < 1e-6 * np.abs(made).max()
