"""Networks of the reference tables as graphs, and which are compared."""

from __future__ import annotations

from typing import Any

import pytest

from npusim.validation.networks import drawn, draws_weights, equal_scales, graph_of, left_out

Layer = dict[str, Any]


def layer(op: str, name: str, inputs: str = "", out: tuple[int, ...] = (1, 8, 8, 16), **more: Any) -> Layer:
    return {"op": op, "name": name, "inputs": inputs.split(), "out_shape": out, **more}


INPUT = layer("input", "x")


@pytest.mark.parametrize(
    ("layers", "why"),
    [
        ([layer("conv", "c"), layer("relu", "r")], ""),
        ([layer("mul", "m")], "it has the operator mul"),
        ([layer("reshape", "r")], "it has the operator reshape"),
        ([layer("add", "a", rescale=True), layer("add", "b", rescale=False)], "some of its additions rescale and some"),
        ([layer("add", "a", rescale=False), layer("tanh", "t")], "a scale of their own"),
        ([layer("add", "a", rescale=True), layer("tanh", "t")], ""),
        ([layer("add", "a", rescale=True), layer("concat", "c")], "beside a concatenation"),
        ([layer("add", "a", rescale=False), layer("concat", "c")], ""),
    ],
)
def test_what_is_not_compared(layers: list[Layer], why: str) -> None:
    assert (why in left_out(layers)) if why else (left_out(layers) == "")


def test_weights_that_are_not_uniform_are_drawn_as_the_layer_says() -> None:
    conv = layer("conv", "c", "x", kernel=[3, 3], pad=[1, 1, 1, 1], in_shapes=[(1, 8, 8, 16)], sparsity=0.75)
    assert draws_weights([INPUT, conv])
    assert not draws_weights([INPUT, layer("conv", "c")])
    held = graph_of("n", [INPUT, conv], draw=True).weights["c.w"]
    assert held.shape == (16, 16, 3, 3)
    assert 0.7 < (held == 0).mean() < 0.8  # 2304 weights: a deviation is 0.009
    assert "c.w" not in graph_of("n", [INPUT, conv]).weights
    overridden = graph_of("n", [INPUT, conv], draw=True, zeros=0.0).weights["c.w"]
    assert (overridden == 0).mean() < 0.02


def test_normal_weights_have_their_deviation() -> None:
    found = drawn("w", (100, 100), -20.0)
    assert 19 < found.std() < 21
    assert drawn("w", (100, 100), -20.0).tolist() == found.tolist()
    assert drawn("v", (100, 100), -20.0).tolist() != found.tolist()


@pytest.mark.parametrize(
    ("layers", "option"),
    [
        ([layer("conv", "c")], None),
        ([layer("add", "a", rescale=True)], None),  # what additions do where nothing is said
        ([layer("add", "a", rescale=False)], True),
    ],
)
def test_what_additions_do(layers: list[Layer], option: bool | None) -> None:
    assert equal_scales(layers) is option


def shapes(*layers: Layer) -> dict[str, tuple[str, tuple[int, ...]]]:
    """The graph's layers: operator and shape of the output."""
    graph = graph_of("net", [INPUT, *layers])
    return {each.name: (each.op, graph.tensors[each.outputs[0]].shape) for each in graph.layers}


@pytest.mark.parametrize(
    ("row", "op", "shape"),
    [
        # pad: top, bottom, left, right; the table's shapes are [N, H, W, C]
        (layer("conv", "y", "x", (1, 7, 9, 32), kernel=(3, 3), pad=(1, 0, 1, 2)), "Conv", (1, 32, 7, 9)),
        (layer("conv", "y", "x", (1, 4, 4, 32), kernel=(1, 1), stride=2), "Conv", (1, 32, 4, 4)),
        (layer("dwconv", "y", "x", (1, 8, 8, 16), kernel=(3, 3), pad=(1, 1, 1, 1)), "Conv", (1, 16, 8, 8)),
        (layer("maxpool", "y", "x", (1, 4, 4, 16), kernel=(2, 2), stride=2), "MaxPool", (1, 16, 4, 4)),
        (layer("maxpool", "y", "x", (1, 8, 7, 16), kernel=(1, 2), stride=(1, 1)), "MaxPool", (1, 16, 8, 7)),
        (layer("avgpool", "y", "x", kernel=(3, 3), stride=1, pad=(1, 1, 1, 1)), "AveragePool", (1, 16, 8, 8)),
        (layer("meanxy", "y", "x", (1, 1, 1, 16)), "GlobalAveragePool", (1, 16, 1, 1)),
        (layer("relu", "y", "x"), "Relu", (1, 16, 8, 8)),
        (layer("leaky", "y", "x"), "LeakyRelu", (1, 16, 8, 8)),
        (layer("d2s", "y", "x", (1, 16, 16, 4)), "DepthToSpace", (1, 4, 16, 16)),
        (layer("s2d", "y", "x", (1, 4, 4, 64)), "SpaceToDepth", (1, 64, 4, 4)),
        (layer("resize", "y", "x", (1, 16, 16, 16), algo="bilinear"), "Resize", (1, 16, 16, 16)),
        (layer("reshape", "y", "x", (1, 1, 1, 1024)), "Reshape", (1, 1024, 1, 1)),
    ],
)
def test_one_layer(row: Layer, op: str, shape: tuple[int, ...]) -> None:
    assert shapes(row)["y"] == (op, shape)


@pytest.mark.parametrize(
    ("pad", "out", "pads", "extra"),
    [
        ((2, 1, 2, 1), 16, (2, 2, 0, 0), (1, 1)),  # 7 x 2 + 3 - 2 = 15: one more behind
        ((0, 0, 0, 0), 17, (0, 0, 0, 0), (0, 0)),  # 7 x 2 + 3
        ((1, 1, 1, 1), 15, (1, 1, 1, 1), (0, 0)),
    ],
)
def test_transposed_convolutions(pad: tuple[int, ...], out: int, pads: tuple[int, ...], extra: tuple[int, ...]) -> None:
    """3x3 with a stride of 2 on 8 rows: what is cropped behind the frame follows from its size."""
    row = layer("tconv", "y", "x", (1, out, out, 4), kernel=(3, 3), stride=2, pad=pad)
    (found,) = graph_of("net", [INPUT, row]).layers
    assert (found.op, found.attrs["pads"], found.attrs["output_padding"]) == ("ConvTranspose", pads, extra)
    assert shapes(row)["y"] == ("ConvTranspose", (1, 4, out, out))


def test_a_fully_connected_layer() -> None:
    found = shapes(layer("fc", "y", "x", (1, 1, 1, 10)))
    assert [op for op, _ in found.values()] == ["Flatten", "Gemm", "Reshape"]
    assert found["y"] == ("Reshape", (1, 10, 1, 1))


@pytest.mark.parametrize(("axis", "shape"), [(1, (1, 16, 16, 8)), (2, (1, 16, 8, 16)), (3, (1, 32, 8, 8))])
def test_concatenations_along_the_axes_of_the_table(axis: int, shape: tuple[int, ...]) -> None:
    height, width, depth = shape[2], shape[3], shape[1]
    row = layer("concat", "y", "x r", (1, height, width, depth), axis=axis)
    assert shapes(layer("relu", "r", "x"), row)["y"] == ("Concat", shape)


def test_outputs_are_what_nothing_reads() -> None:
    """A row for the output says nothing more: r and m are read by no layer."""
    rows = [layer("conv", "c", "x", kernel=(1, 1)), layer("relu", "r", "c"), layer("meanxy", "m", "c", (1, 1, 1, 16))]
    graph = graph_of("net", [INPUT, *rows, layer("output", "o", "r")])
    assert graph.outputs == ("r", "m")
    assert graph.inputs == ("x",)
    assert all(tensor.dtype.bits in (8, 32, 64) for tensor in graph.tensors.values())
