"""Weights as the graph holds them, as the int8 values that the hardware would store."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from npusim.counts import LayerWork
from npusim.errors import InputError
from npusim.ir import Graph, Layer
from npusim.ops.base import widens
from npusim.targets.ethos_n.elements import Elements
from npusim.targets.ethos_n.lowering.builder import Builder
from npusim.targets.ethos_n.parts import Weights

Array = np.ndarray[Any, Any]
LARGEST = 127  # of a quantised weight; -128 is left out, as symmetric quantisation does
ABSENT = ("missing-external-data", "unsafe-external-path")  # a file beside the model that reading it has warned of
MOVES = ("Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Identity")  # a weight stays as it is


class Slots(NamedTuple):
    """Where an operator has its weights and their zero point, which is None where it has none."""

    weights: int
    zero: int | None = None


SLOTS: dict[str, Slots] = {
    "Conv": Slots(1), "com.microsoft::FusedConv": Slots(1), "ConvInteger": Slots(1, 3), "QLinearConv": Slots(3, 5),
    "ConvTranspose": Slots(1), "Gemm": Slots(1), "com.microsoft::FusedGemm": Slots(1), "MatMul": Slots(1),
    "QLinearMatMul": Slots(3, 5), "MatMulInteger": Slots(1, 3),
}  # fmt: skip
# The same of products whose left operand is the weights.
LEFT_SLOTS: dict[str, Slots] = {
    "Gemm": Slots(0), "com.microsoft::FusedGemm": Slots(0), "MatMul": Slots(0), "QLinearMatMul": Slots(0, 2),
    "MatMulInteger": Slots(0, 2),
}  # fmt: skip


def weights_of(builder: Builder, each: LayerWork) -> Weights:
    """The weights of a layer: with their values, where those are asked for and can be encoded."""
    if not builder.options.encode_weights:
        return Weights()
    try:
        given = _elements(builder.graph, each)
    except InputError as fault:
        if fault.code not in ABSENT:
            raise
        given = "not at hand"
    if isinstance(given, str):
        builder.notice("expected-weights", f"{each.layer.name} ({given})")
        return Weights()
    return Weights(given=given)


def _elements(graph: Graph, each: LayerWork) -> Elements | str:
    """A layer's weights as rows, a row an output channel; why not, where they cannot be encoded.

    Integers of 8 bits and less are taken as they are, less their zero point, and so is what a DequantizeLinear makes
    reals of. Other numbers are quantised symmetrically, with a scale for each output channel.
    """
    layer = each.layer
    slots = _slots(graph, layer)
    name, zero_name = _named(layer, slots.weights), _named(layer, slots.zero)
    if name not in graph.weights:
        return "not at hand"
    if zero_name and zero_name not in graph.weights:
        return "their zero point is not at hand"
    values = np.asarray(graph.weights[name])
    if _is_narrow(graph, name):
        values = values.astype(np.int64)
        if zero_name:
            zero = _along(graph.weights[zero_name].astype(np.int64), _channel_axis(layer, slots), values.ndim)
            if not widens(zero.shape, values.shape):
                return "their zero point does not fit them"
            values = values - zero
        return _stored(_rows(layer, slots, values), False)
    values = values.astype(np.float64)
    if not np.isfinite(values).all():
        return "not all are finite numbers"
    step = _step(graph, name)
    if step is not None:
        return _stored(_rows(layer, slots, values / step), step.size > 1)
    rows = _rows(layer, slots, values)
    largest = np.abs(rows).max(axis=1, keepdims=True)
    return _stored(rows / np.where(largest > 0, largest, 1) * LARGEST, True)


def _stored(rows: Array, own_scales: bool) -> Elements:
    return Elements(np.rint(rows).astype(np.int16), own_scales=own_scales)


def _slots(graph: Graph, layer: Layer) -> Slots:
    right = SLOTS[layer.op]
    if layer.op not in LEFT_SLOTS or graph.tensors[layer.inputs[right.weights]].is_constant:
        return right
    return LEFT_SLOTS[layer.op]


def _named(layer: Layer, slot: int | None) -> str:
    return layer.inputs[slot] if slot is not None and slot < len(layer.inputs) else ""


def _is_narrow(graph: Graph, name: str) -> bool:
    """Whether a tensor's elements are integers that the hardware can store."""
    dtype = graph.tensors[name].dtype
    return dtype.bits <= 8 and dtype.label.lstrip("u").startswith("int")


def _step(graph: Graph, name: str) -> Array | None:
    """The scale of the DequantizeLinear that makes the weights of narrow integers, to be divided by; None where none
    does."""
    makers = {made: layer for layer in graph.folded for made in layer.outputs}
    moved = False
    while name in makers and makers[name].op in MOVES:
        name, moved = makers[name].inputs[0], True
    layer = makers.get(name)
    if layer is None or layer.op != "DequantizeLinear" or not _is_narrow(graph, layer.inputs[0]):
        return None
    scale = np.asarray(graph.weights[layer.inputs[1]], np.float64)
    if not scale.all():
        return None  # nothing tells what was stored
    if scale.size == 1:
        return scale.reshape(())
    if moved or scale.ndim != 1:
        return None  # scales that moved with the weights, or lie in blocks
    rank = len(graph.tensors[name].shape)
    return _along(scale, int(layer.attrs.get("axis", 1)) % rank, rank)


def _channel_axis(layer: Layer, slots: Slots) -> int:
    """The axis of the output channels; of a product counted from the last one."""
    if slots == LEFT_SLOTS.get(layer.op):
        return -1 if layer.attrs.get("transA") else -2
    if layer.op in LEFT_SLOTS:
        return -2 if layer.attrs.get("transB") else -1
    return 1 if layer.op == "ConvTranspose" else 0


def _along(numbers: Array, axis: int, rank: int) -> Array:
    """A number a channel along that axis; others as they are."""
    if numbers.ndim != 1 or numbers.size == 1:
        return numbers
    shape = [1] * rank
    shape[axis] = -1
    return numbers.reshape(shape)


def _rows(layer: Layer, slots: Slots, values: Array) -> Array:
    """[output channels, positions x input channels], the input channels of a position together."""
    axis = _channel_axis(layer, slots)
    if axis < 0:
        turned = axis == -1 and values.ndim > 1  # a vector is a row as it is
        return (values.swapaxes(-1, -2) if turned else values).reshape(-1, values.shape[-2 if turned else -1])
    if layer.op == "ConvTranspose":  # as a convolution of the stuffed input
        values = np.flip(values.swapaxes(0, 1), axis=tuple(range(2, values.ndim)))
    out, ins = values.shape[:2]
    return values.reshape(out, ins, -1).swapaxes(1, 2).reshape(out, -1)
