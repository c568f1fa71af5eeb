"""Weights as the graph holds them, as the int8 values that the hardware would store."""

from __future__ import annotations

from typing import Any

import numpy as np

from npusim.counts import LayerWork
from npusim.ir import Graph, Layer
from npusim.targets.ethos_n.elements import Elements
from npusim.targets.ethos_n.lowering.builder import Builder
from npusim.targets.ethos_n.parts import Weights

Array = np.ndarray[Any, Any]
LARGEST = 127  # of a quantised weight; -128 is left out, as symmetric quantisation does

# Slots of the weights and of their zero point, which is None where the operator has none.
SLOTS: dict[str, tuple[int, int | None]] = {
    "Conv": (1, None), "com.microsoft::FusedConv": (1, None), "ConvInteger": (1, 3), "QLinearConv": (3, 5),
    "ConvTranspose": (1, None), "Gemm": (1, None), "com.microsoft::FusedGemm": (1, None), "MatMul": (1, None),
    "QLinearMatMul": (3, 5), "MatMulInteger": (1, 3),
}  # fmt: skip
MOVES = ("Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Identity")  # a weight stays as it is


def weights_of(builder: Builder, each: LayerWork) -> Weights:
    """The weights of a layer: with their values, where those are asked for and at hand."""
    if not builder.options.encode_weights:
        return Weights()
    given = _elements(builder.graph, each)
    if given is None:
        builder.notice("expected-weights", each.layer.name)
    return Weights(given=given)


def _elements(graph: Graph, each: LayerWork) -> Elements | None:
    """A layer's weights as rows, a row an output channel; None where the graph does not hold them."""
    assert each.work is not None
    slot, zero_slot = SLOTS[each.layer.op]
    names = each.layer.inputs
    name = names[slot] if slot < len(names) else ""
    if name not in graph.weights:
        return None
    values, own_scales = _integers(graph, name, each.layer)
    if zero_slot is not None and zero_slot < len(names) and names[zero_slot]:
        zero = graph.weights[names[zero_slot]].astype(np.int64)
        values = values - (zero if zero.size == 1 else zero.reshape(_along(each.layer, values.ndim)))
    rows = _rows(each.layer, values)
    nest = each.work.nests[0]
    expected = (nest.groups * nest.out_channels, int(np.prod(nest.kernel)) * nest.in_channels)
    return Elements(rows.astype(np.int16), own_scales=own_scales) if rows.shape == expected else None


def _integers(graph: Graph, name: str, layer: Layer) -> tuple[Array, bool]:
    """Weights as integers, and whether each output channel has a scale of its own.

    Integers are taken as they are, and so is what a DequantizeLinear makes reals of. Other reals are quantised
    symmetrically, with a scale for each output channel.
    """
    values = np.asarray(graph.weights[name])
    if values.dtype.kind in "iu":
        return values.astype(np.int64), False
    step = _step(graph, name)
    if step is not None:
        return np.rint(values / step).astype(np.int64), step.size > 1
    axes = tuple(axis for axis in range(values.ndim) if axis != _channel_axis(layer, values.ndim))
    largest = np.abs(values.astype(np.float64)).max(axis=axes, keepdims=True)
    return np.rint(values * (LARGEST / np.where(largest > 0, largest, 1))).astype(np.int64), True


def _step(graph: Graph, name: str) -> Array | None:
    """The scale of the DequantizeLinear that makes the weights, to be divided by; None where none does."""
    makers = {made: layer for layer in graph.folded for made in layer.outputs}
    moved = False
    while name in makers and makers[name].op in MOVES:
        name, moved = makers[name].inputs[0], True
    layer = makers.get(name)
    if layer is None or layer.op != "DequantizeLinear":
        return None
    scale = np.asarray(graph.weights[layer.inputs[1]], np.float64)
    if scale.size == 1:
        return scale.reshape(())
    rank = len(graph.tensors[name].shape)
    if moved or scale.ndim != 1:
        return None  # scales that moved with the weights, or lie in blocks
    shape = [1] * rank
    shape[int(layer.attrs.get("axis", 1)) % rank] = scale.size
    return scale.reshape(shape)


def _channel_axis(layer: Layer, rank: int) -> int:
    """The axis of the output channels."""
    if _is_product(layer):
        return rank - 2 if layer.attrs.get("transB") else rank - 1
    return 1 if layer.op == "ConvTranspose" else 0


def _is_product(layer: Layer) -> bool:
    return "Gemm" in layer.op or "MatMul" in layer.op


def _along(layer: Layer, rank: int) -> list[int]:
    shape = [1] * rank
    shape[_channel_axis(layer, rank)] = -1
    return shape


def _rows(layer: Layer, values: Array) -> Array:
    """[output channels, positions x input channels], the input channels of a position together."""
    if _is_product(layer):
        flat = values.reshape(-1, values.shape[-1])
        return flat if layer.attrs.get("transB") else flat.T
    if layer.op == "ConvTranspose":  # as a convolution of the stuffed input
        values = np.flip(values.swapaxes(0, 1), axis=tuple(range(2, values.ndim)))
    out, ins = values.shape[:2]
    return values.reshape(out, ins, -1).swapaxes(1, 2).reshape(out, -1)
