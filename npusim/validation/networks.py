"""Networks of the reference as graphs, and which of its runs a graph can express."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from math import prod
from typing import Any
from zlib import crc32

import numpy as np

from npusim.bind import bind
from npusim.ir import DType, Graph, Shape
from npusim.model import Constant, Model, Node, Value

Layers = Sequence[Mapping[str, Any]]

PLAIN = {
    "relu": "Relu", "leaky": "LeakyRelu", "sigmoid": "Sigmoid", "tanh": "Tanh", "add": "Add", "mul": "Mul",
    "meanxy": "GlobalAveragePool",
}  # fmt: skip
AXES = {1: 2, 2: 3, 3: 1}  # of [N, H, W, C] in [N, C, H, W]
NOT_COMPARED = ("mul", "s2d", "resize", "reshape")


def left_out(layers: Layers) -> str:
    """Why a network is not compared: what a graph without quantisation cannot say of it; empty where it is compared."""
    ops = {layer["op"] for layer in layers}
    adds = {bool(layer.get("rescale")) for layer in layers if layer["op"] == "add"}
    for op in NOT_COMPARED:
        if op in ops:
            return f"it has the operator {op}"
    if len(adds) > 1:
        return "some of its additions rescale and some do not"
    if adds == {False} and ops & {"sigmoid", "tanh"}:
        return "its activations have a scale of their own beside additions that do not rescale"
    if adds == {True} and "concat" in ops:
        return "its additions rescale beside a concatenation that does not"
    return ""


def equal_scales(layers: Layers) -> bool | None:
    """The option that says what the network's additions do; None (additions rescale) where it has none."""
    adds = {bool(layer.get("rescale")) for layer in layers if layer["op"] == "add"}
    return True if adds == {False} else None


def draws_weights(layers: Layers) -> bool:
    """Whether some weights are others than uniform random ones, so that their streams' real size is needed."""
    return any(layer.get("sparsity") for layer in layers)


def graph_of(name: str, layers: Layers, *, draw: bool = False, zeros: float | None = None) -> Graph:
    """The network as a graph of int8 tensors, [N, C, H, W].

    Args:
        draw: with weights, drawn as each layer says: uniform with a share of zeros, or, where its ``sparsity`` is
            negative, normal with that deviation. zeros: their share in all layers, whatever they say.
    """
    sheet = _Sheet(draw, zeros)
    for layer in layers:
        sheet.add(layer)
    read = {source for layer in layers if layer["op"] != "output" for source in layer["inputs"]}
    outputs = tuple(
        layer["name"] for layer in layers if layer["op"] not in ("input", "output") and layer["name"] not in read
    )
    return bind(Model(name, tuple(sheet.inputs), outputs, tuple(sheet.nodes), sheet.constants))


def drawn(name: str, shape: Shape, about: float) -> np.ndarray[Any, np.dtype[np.int8]]:
    """Random weights, the same for the same name: uniform with a share of zeros, or, below 0, normal with the
    deviation ``-about``."""
    draw = np.random.default_rng(crc32(name.encode()))
    if about < 0:
        return np.clip(np.rint(draw.normal(0, -about, shape)), -128, 127).astype(np.int8)
    return np.where(draw.random(shape) < about, 0, draw.integers(-127, 128, shape)).astype(np.int8)


def channels_first(shape: Sequence[int]) -> Shape:
    return (shape[0], shape[3], shape[1], shape[2])


class _Sheet:
    """Nodes as the layers are read."""

    def __init__(self, draw: bool, zeros: float | None) -> None:
        self.draw, self.zeros = draw, zeros
        self.inputs: list[Value] = []
        self.nodes: list[Node] = []
        self.constants: dict[str, Constant] = {}
        self.shapes: dict[str, Shape] = {}

    def add(self, layer: Mapping[str, Any]) -> None:
        name, op = layer["name"], layer["op"]
        if op == "output":
            return
        self.shapes[name] = channels_first(layer["out_shape"])
        if op == "input":
            self.inputs.append(Value(name, self.shapes[name], DType.INT8))
        elif op in PLAIN:
            self.node(PLAIN[op], layer["inputs"], name)
        else:
            getattr(self, f"_{op}")(layer, name, self.shapes[name], self.shapes[layer["inputs"][0]])

    def node(self, op: str, inputs: Sequence[str], output: str, **attrs: Any) -> None:
        self.nodes.append(Node(output, op, tuple(inputs), (output,), attrs))

    def weights(self, layer: Mapping[str, Any], name: str, shape: Shape) -> str:
        """A constant, with elements where they are drawn."""
        about = float(layer.get("sparsity") or 0) if self.zeros is None else self.zeros
        self.constants[name] = Constant(
            name, shape, DType.INT8, partial(drawn, name, shape, about) if self.draw else None
        )
        return name

    def bias(self, name: str, shape: Shape) -> str:
        self.constants[name] = Constant(name, shape, DType.INT8, None)
        return name

    def numbers(self, name: str, values: Sequence[float], dtype: DType) -> str:
        array = np.array(values, np.int64 if dtype is DType.INT64 else np.float32)
        self.constants[name] = Constant(name, array.shape, dtype, lambda: array)
        return name

    def _conv(self, layer: Mapping[str, Any], name: str, out: Shape, ins: Shape, groups: int = 1) -> None:
        shape = (out[1], ins[1] // groups, *layer["kernel"])
        inputs = [layer["inputs"][0], self.weights(layer, f"{name}.w", shape), self.bias(f"{name}.b", (out[1],))]
        self.node("Conv", inputs, name, group=groups, **_window(layer))

    def _dwconv(self, layer: Mapping[str, Any], name: str, out: Shape, ins: Shape) -> None:
        self._conv(layer, name, out, ins, groups=ins[1])

    def _tconv(self, layer: Mapping[str, Any], name: str, out: Shape, ins: Shape) -> None:
        """Crops after the frame what the padding before it leaves; a crop below nothing is output padding."""
        kernel, step = layer["kernel"], _window(layer)["strides"]
        before = (layer["pad"][0], layer["pad"][2]) if layer.get("pad") else (0, 0)
        after = [(ins[2 + i] - 1) * step[i] + kernel[i] - before[i] - out[2 + i] for i in (0, 1)]
        inputs = [
            layer["inputs"][0],
            self.weights(layer, f"{name}.w", (ins[1], out[1], *kernel)),
            self.bias(f"{name}.b", (out[1],)),
        ]
        self.node(
            "ConvTranspose", inputs, name, kernel_shape=tuple(kernel), strides=step,
            pads=(*before, *(max(0, crop) for crop in after)), output_padding=tuple(max(0, -crop) for crop in after),
        )  # fmt: skip

    def _fc(self, layer: Mapping[str, Any], name: str, out: Shape, ins: Shape) -> None:
        features = prod(ins[1:])
        self.node("Flatten", layer["inputs"][:1], f"{name}.flat", axis=1)
        weights, bias = self.weights(layer, f"{name}.w", (out[1], features)), self.bias(f"{name}.b", (out[1],))
        inputs = [f"{name}.flat", weights, bias]
        self.node("Gemm", inputs, f"{name}.y", transB=1)
        self.node("Reshape", [f"{name}.y", self.numbers(f"{name}.shape", out, DType.INT64)], name)

    def _d2s(self, layer: Mapping[str, Any], name: str, out: Shape, ins: Shape) -> None:
        self.node("DepthToSpace", layer["inputs"], name, blocksize=out[2] // ins[2], mode="DCR")

    def _s2d(self, layer: Mapping[str, Any], name: str, out: Shape, ins: Shape) -> None:
        self.node("SpaceToDepth", layer["inputs"], name, blocksize=ins[2] // out[2])

    def _maxpool(self, layer: Mapping[str, Any], name: str, out: Shape, ins: Shape) -> None:  # noqa: ARG002
        self.node("MaxPool", layer["inputs"], name, **_window(layer))

    def _avgpool(self, layer: Mapping[str, Any], name: str, out: Shape, ins: Shape) -> None:  # noqa: ARG002
        self.node("AveragePool", layer["inputs"], name, count_include_pad=1, **_window(layer))

    def _concat(self, layer: Mapping[str, Any], name: str, out: Shape, ins: Shape) -> None:  # noqa: ARG002
        self.node("Concat", layer["inputs"], name, axis=AXES[layer.get("axis", 3)])

    def _resize(self, layer: Mapping[str, Any], name: str, out: Shape, ins: Shape) -> None:
        scales = (1.0, 1.0, out[2] / ins[2], out[3] / ins[3])
        mode = "linear" if str(layer.get("algo", "")).startswith("bilinear") else "nearest"
        inputs = [layer["inputs"][0], "", self.numbers(f"{name}.scales", scales, DType.FLOAT32)]
        self.node("Resize", inputs, name, mode=mode, coordinate_transformation_mode="asymmetric", nearest_mode="floor")

    def _reshape(self, layer: Mapping[str, Any], name: str, out: Shape, ins: Shape) -> None:  # noqa: ARG002
        self.node("Reshape", [layer["inputs"][0], self.numbers(f"{name}.shape", out, DType.INT64)], name)


def _window(layer: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes of a sliding window; a table's pad is top, bottom, left, right."""
    stride, pad = layer.get("stride") or 1, layer.get("pad") or (0, 0, 0, 0)
    steps = (stride, stride) if isinstance(stride, int) else tuple(stride)
    return {"kernel_shape": tuple(layer["kernel"]), "strides": steps, "pads": (pad[0], pad[2], pad[1], pad[3])}
