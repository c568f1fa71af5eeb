"""Networks in a few words, for the tests of tiles: a chain of steps on a frame whose height and width are free."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from npusim.bind import bind
from npusim.ir import DType, Graph
from npusim.model import Constant, Model, Node, Value
from npusim.profiles.load import load
from npusim.receptive import Frames, Size
from npusim.tiling.study import Costs

Array = np.ndarray[Any, Any]


class Chain:
    """Nodes one after the other; each takes the last tensor. All weights are positive, so that nothing cancels."""

    def __init__(self, channels: int = 1) -> None:
        self.nodes: list[Node] = []
        self.constants: dict[str, Constant] = {}
        self.inputs = [Value("input", (1, channels, "h", "w"))]
        self.last, self.channels = "input", channels

    def __repr__(self) -> str:
        return " ".join(f"{node.op}{dict(node.attrs)}" for node in self.nodes)

    def step(self, op: str, *others: str, channels: int | None = None, **attrs: Any) -> Chain:
        name = f"t{len(self.nodes)}"
        self.nodes.append(Node(name, op, (self.last, *others), (name,), attrs))
        self.last, self.channels = name, channels or self.channels
        return self

    def constant(self, values: Any) -> str:
        name, array = f"c{len(self.constants)}", np.asarray(values)
        kind = DType.INT64 if array.dtype.kind == "i" else DType.FLOAT32
        array = array if kind is DType.INT64 else array.astype(np.float32)
        self.constants[name] = Constant(name, array.shape, kind, lambda: array)
        return name

    def weights(self, *shape: int) -> str:
        drawn = np.random.default_rng(len(self.constants)).uniform(0.1, 1, shape) / np.prod(shape[1:])
        return self.constant(drawn)

    def conv(
        self, channels: int, kernel: int, stride: int = 1, dilation: int = 1, pads: Sequence[int] | None = None
    ) -> Chain:
        pad = (kernel - 1) * dilation // 2
        weights = self.weights(channels, self.channels, kernel, kernel)
        return self.step(
            "Conv", weights, channels=channels, strides=(stride, stride), dilations=(dilation, dilation),
            pads=tuple(pads) if pads is not None else (pad,) * 4,
        )  # fmt: skip

    def transposed(self, channels: int, kernel: int, stride: int, pad: int, extra: int = 0) -> Chain:
        weights = self.weights(self.channels, channels, kernel, kernel)
        return self.step(
            "ConvTranspose", weights, channels=channels, strides=(stride, stride), pads=(pad,) * 4,
            output_padding=(extra, extra),
        )  # fmt: skip

    def resize(self, scale: float, mode: str, place: str) -> Chain:
        """Of the nearest, the one below where positions start at the same corner, else the one that is nearer."""
        scales = self.constant(np.array([1, 1, scale, scale], np.float32))
        near = "floor" if place == "asymmetric" else "round_prefer_floor"
        return self.step("Resize", "", scales, mode=mode, coordinate_transformation_mode=place, nearest_mode=near)

    def model(self, name: str = "chain") -> Model:
        return Model(name, tuple(self.inputs), (self.last,), tuple(self.nodes), self.constants, opsets={"": 17})

    def frames(self) -> Frames:
        model = self.model()
        return lambda size: bind(model, size=size)


def fed(graph: Graph, seed: int = 0) -> Mapping[str, Array]:
    rng = np.random.default_rng(seed)
    return {name: rng.uniform(0.1, 1, graph.tensors[name].shape).astype(np.float32) for name in graph.inputs}


HALF: Mapping[str, Any] = {"activation_compression": 0.5, "equal_scales": True}


def costs_of(model: Model, *, target: str = "", overhead_s: float = 0.0, batch: int | None = None) -> Costs:
    hardware = load("ethos-n78", None, {"target": target} if target else None)

    def frames(size: Size, runs: int | None) -> Graph:
        return bind(model, size=size, batch=runs)

    return Costs(frames, hardware, HALF, overhead_s, batch)
