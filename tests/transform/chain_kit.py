"""Graphs of linear blocks in a few words, what onnxruntime computes of them, and what they collapse to."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
from onnx import ModelProto, TensorProto, helper, numpy_helper

from npusim.bind import bind
from npusim.frontends.onnx import read_onnx
from npusim.frontends.onnx.write import to_proto
from npusim.transform.collapse.engine import Collapsed, collapse
from npusim.transform.collapse.search import Rules

Array = np.ndarray[Any, Any]


class Sheet:
    """One operator a call, on random constants; each returns the name of what it makes.

    Args:
        shape: of the input ``x``; names stand for free dimensions.
    """

    def __init__(self, *shape: int | str, seed: int = 0, opset: int = 17, dtype: str = "float32") -> None:
        self.rng = np.random.default_rng(seed)
        self.shape = shape
        self.opset = opset
        self.dtype = dtype
        self.nodes: list[Any] = []
        self.stored: list[TensorProto] = []

    def node(self, op: str, *inputs: str, name: str = "", **attrs: Any) -> str:
        name = name or f"{op.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], name=name, **attrs))
        return name

    def constant(self, value: Any, dtype: str = "") -> str:
        name = f"c{len(self.stored)}"
        self.stored.append(numpy_helper.from_array(np.asarray(value, dtype or self.dtype), name))
        return name

    def random(self, *shape: int) -> str:
        return self.constant(self.rng.normal(size=shape))

    def conv(
        self, x: str, inputs: int, outputs: int, kernel: int | tuple[int, ...], *, bias: bool = False,
        pad: int | tuple[int, ...] | None = None, groups: int = 1, **attrs: Any,
    ) -> str:  # fmt: skip
        """Zero padding keeps the size unless ``pad`` is given: one number, or all of ``pads``."""
        taps = (kernel, kernel) if isinstance(kernel, int) else kernel
        same = tuple(size // 2 for size in taps)
        pads = (*same, *same) if pad is None else (pad,) * (2 * len(taps)) if isinstance(pad, int) else pad
        constants = [self.random(outputs, inputs // groups, *taps), *([self.random(outputs)] if bias else [])]
        if "auto_pad" not in attrs:
            attrs["pads"] = pads
        return self.node("Conv", x, *constants, group=groups, **attrs)

    def batch_norm(self, x: str, channels: int) -> str:
        parts = [self.random(channels) for _ in range(3)]
        variance = self.constant(self.rng.uniform(0.5, 1.5, channels))
        return self.node("BatchNormalization", x, *parts, variance, epsilon=1e-3)

    def add(self, *parts: str) -> str:
        total = parts[0]
        for each in parts[1:]:
            total = self.node("Add", total, each)
        return total

    def model(self, *outputs: str) -> ModelProto:
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(self.dtype))
        graph = helper.make_graph(
            self.nodes, "sheet", [helper.make_tensor_value_info("x", kind, self.shape)],
            [helper.make_tensor_value_info(name, kind, None) for name in outputs], self.stored,
        )  # fmt: skip
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8)


def collapsed(proto: ModelProto, *, size: tuple[int, int] | None = None, **rules: bool) -> Collapsed:
    model = read_onnx(proto)
    return collapse(model, bind(model, size=size), Rules(**rules))


def after(found: Collapsed) -> ModelProto:
    return to_proto(found.model)


def ops(found: Collapsed) -> list[str]:
    return [node.op for node in found.model.nodes]


def difference(before: ModelProto, after_: ModelProto, shape: tuple[int, ...] | None = None, seed: int = 1) -> float:
    """The largest difference of what onnxruntime computes of the two, as a share of the largest element, or of 1."""
    shape = shape or tuple(dim.dim_value for dim in before.graph.input[0].type.tensor_type.shape.dim)
    x = np.random.default_rng(seed).normal(size=shape)
    was, now = ([np.asarray(a, np.float64) for a in _run(each, x)] for each in (before, after_))
    assert [a.shape for a in was] == [a.shape for a in now]
    return max(float(np.abs(a - b).max() / max(np.abs(a).max(), 1.0)) for a, b in zip(was, now, strict=True))


def _run(proto: ModelProto, x: Array) -> list[Array]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    kind = helper.tensor_dtype_to_np_dtype(proto.graph.input[0].type.tensor_type.elem_type)
    made: list[Array] = session.run(None, {"x": x.astype(kind)})
    return made
