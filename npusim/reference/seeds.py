"""Weights for graphs that have none: random, the same for the same seed and name, and of a size that keeps signals."""

from __future__ import annotations

from math import prod, sqrt
from zlib import crc32

import numpy as np

from npusim.counts import LayerWork, layer_works
from npusim.ir import Graph
from npusim.ops import OPS
from npusim.ops.arrays import held
from npusim.ops.base import Array

SPREAD = 0.1  # of biases around 0 and of scales around 1
SLOPES = (0.05, 0.45)  # of a PReLU
RECTIFIERS = ("Relu", "PRelu", "LeakyRelu", "Clip")
VARIANCES = (0.5, 1.5)  # of a batch normalisation


def seeded_weights(graph: Graph, seed: int = 0) -> dict[str, Array]:
    """An array for every real constant that stands in the place of a parameter, by the name that layers read.

    The weights of a product are normal, with a variance that keeps the size of a signal: 1 / (products an output sums),
    twice that in front of a rectifier (He et al. 2015, arXiv 1502.01852). The draw depends on the seed and the name
    alone, so that graphs which share names share weights.
    """
    made: dict[str, Array] = {}
    for each in layer_works(graph):
        op = OPS.get(each.layer.op)
        for slot, name in enumerate(each.layer.inputs):
            if op is None or not name or name in made or not _is_parameter(graph, each, slot, name):
                continue
            made[name] = _drawn(graph, each, slot, name, seed)
    return made


def _is_parameter(graph: Graph, each: LayerWork, slot: int, name: str) -> bool:
    tensor, op = graph.tensors[name], OPS[each.layer.op]
    if not tensor.is_constant or not tensor.dtype.is_float or not op.takes_parameter(slot):
        return False
    return bool(op.parameters((None,) * slot + (tensor,), graph.tensors))


def _drawn(graph: Graph, each: LayerWork, slot: int, name: str, seed: int) -> Array:
    tensor = graph.tensors[name]
    rng = np.random.default_rng([seed, crc32(name.encode())])
    if each.layer.op == "PRelu":
        drawn = rng.uniform(*SLOPES, tensor.shape)
    elif each.layer.op == "BatchNormalization" and slot == 4:
        drawn = rng.uniform(*VARIANCES, tensor.shape)
    elif each.work is not None and each.work.nests and len(tensor.shape) > 1:
        gain = 2 if any(layer.op in RECTIFIERS for layer in graph.consumers(each.layer.outputs[0])) else 1
        drawn = rng.normal(0, sqrt(gain / max(_fan_in(each), 1)), tensor.shape)
    else:
        centre = 1.0 if each.layer.op.endswith("Normalization") and slot == 1 else 0.0
        drawn = rng.normal(centre, SPREAD, tensor.shape)
    return np.asarray(drawn, held(tensor.dtype))


def _fan_in(each: LayerWork) -> float:
    """How many products an output element sums; of a transposed convolution, on average over the stride."""
    assert each.work is not None
    nest = each.work.nests[0]
    products = nest.in_channels * prod(nest.kernel)
    return products / prod(nest.stride) if nest.transposed else float(products)
