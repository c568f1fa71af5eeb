"""Each network against a count of the same layers made apart from npusim (see README.md): layers, parameters, MACs."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from npusim.bind import bind
from npusim.counts import layer_works
from npusim.ir import Graph, Layer
from npusim.zoo import build
from npusim.zoo.catalogue import LOW_RESOLUTION
from npusim.zoo.index import BY_NAME

with (Path(__file__).parent / "architectures.csv").open(newline="") as file:
    EXPECTED = {
        (row["network"], int(row["scale"])): {key: int(row[key]) for key in row if key not in ("network", "scale")}
        for row in csv.DictReader(file)
    }
CONVS = ("Conv", "ConvTranspose")


def _graph(name: str) -> Graph:
    return bind(build(name), size=LOW_RESOLUTION[BY_NAME[name][1]])


def _stored(graph: Graph, ops: tuple[str, ...], slots: slice) -> int:
    """Elements of the distinct constants in these slots of these operators."""
    names = {name for layer in graph.layers if layer.op in ops for name in layer.inputs[slots]}
    return sum(graph.tensors[name].elements for name in names)


def _elementwise(graph: Graph) -> Iterator[Layer]:
    """Additions, and products of two different tensors; not the parts of SiLU and of a standard deviation."""
    for layer in graph.layers:
        if layer.op not in ("Add", "Mul") or graph.tensors[layer.outputs[0]].shape[2:] == (1, 1):
            continue
        first, second = layer.inputs
        maker = graph.producer(second)
        if first == second or (maker is not None and maker.op == "Sigmoid" and maker.inputs[0] == first):
            continue
        yield layer


def _found(graph: Graph) -> dict[str, int]:
    works = layer_works(graph)
    elements = {name: tensor.elements for name, tensor in graph.tensors.items()}
    convs = [layer for layer in graph.layers if layer.op in CONVS]
    _, channels, height, width = graph.tensors["output"].shape
    return {
        "convs": len(convs),
        "weights": _stored(graph, CONVS, slice(1, 2)),
        "biases": _stored(graph, CONVS, slice(2, 3)),
        "slopes": _stored(graph, ("PRelu",), slice(1, 2)),
        "norm": _stored(graph, ("BatchNormalization",), slice(1, 3)),  # scale and shift; not mean and variance
        "macs": sum(work.macs for work in works),
        "macs_dense": sum(work.macs_dense for work in works),
        "elementwise": sum(elements[layer.outputs[0]] for layer in _elementwise(graph)),
        "conv_outputs": sum(elements[layer.outputs[0]] for layer in convs),
        "out_c": channels,
        "out_h": height,
        "out_w": width,
    }


@pytest.mark.parametrize(("label", "scale"), EXPECTED)
def test_layers_parameters_and_macs(label: str, scale: int) -> None:
    name = next(name for name, (network, s) in BY_NAME.items() if (network.label, s) == (label, scale))
    expected = dict(EXPECTED[label, scale])
    if BY_NAME[name][0].form == "expanded" and "aimet" not in name:
        assert expected.pop("biases") > 0  # the code has them; the paper's count, and the zoo, do not
        expected["biases"] = 0
    assert _found(_graph(name)) == expected


def test_every_network_has_a_count_apart_from_the_form_that_is_counted_by_hand() -> None:
    labels = {(network.label, scale) for network, scale in BY_NAME.values()}
    assert labels - EXPECTED.keys() == {("fsrcnn-hw", scale) for scale in (2, 3, 4)}
    assert EXPECTED.keys() <= labels


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_hardware_form_of_fsrcnn_lacks_the_slopes_alone(scale: int) -> None:
    assert _found(_graph(f"fsrcnn-x{scale}-hw")) == EXPECTED["fsrcnn", scale] | {"slopes": 0}


def test_nothing_in_the_zoo_is_unknown_or_left_out() -> None:
    for name in BY_NAME:
        graph = bind(build(name), size=(64, 48))
        assert not graph.warnings, name
        assert all(work.work is not None for work in layer_works(graph)), name


@pytest.mark.parametrize("name", BY_NAME)
def test_the_output_is_the_input_times_the_scale_at_an_odd_size(name: str) -> None:
    scale = BY_NAME[name][1]
    graph = bind(build(name), size=(61, 47))
    assert graph.tensors["output"].shape[2:] == (47 * scale, 61 * scale)


@pytest.mark.parametrize(
    ("name", "size", "macs", "macs_dense"),
    [
        # arXiv 2103.09404, its table on the NPU, inputs of 1080p: 54 G, 28 G, 38 G; a tile of 400x300 1.62 G.
        # FSRCNN: 7,928 weights before the 9x9 one, at 1920x1080; 9 * 9 * 56 there, or at 3840x2160.
        ("fsrcnn-x2-hw", (1920, 1080), (7_928 + 4_536) * 2_073_600, 7_928 * 2_073_600 + 4_536 * 8_294_400),
        ("sesr-m5-x2-hw", (1920, 1080), 13_520 * 2_073_600, 13_520 * 2_073_600),
        ("sesr-m5-x4-hw", (1920, 1080), 18_320 * 2_073_600, 18_320 * 2_073_600),
        ("sesr-m5-x2-hw", (400, 300), 13_520 * 120_000, 13_520 * 120_000),
    ],
)
def test_macs_of_the_paper_on_the_npu(name: str, size: tuple[int, int], macs: int, macs_dense: int) -> None:
    works = layer_works(bind(build(name), size=size))
    assert sum(work.macs for work in works) == macs
    assert sum(work.macs_dense for work in works) == macs_dense
