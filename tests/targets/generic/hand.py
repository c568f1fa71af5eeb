"""A small NPU whose costs are worked out by hand, and networks of a few layers for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from npusim.bind import bind
from npusim.ir import DType, Graph, Shape
from npusim.model import Constant, Model, Node, Value
from npusim.options import Options
from npusim.profile import (
    Compression,
    Dma,
    Fallback,
    HardwareProfile,
    Layout,
    MacArray,
    Memory,
    VectorUnit,
    WeightStream,
    Winograd,
)

# 4 input channels x 4 output channels x 2 rows x 2 columns = 64 MAC a cycle; 8 B a cycle each way; nothing is rounded
# in memory, nothing costs more than its bytes, so that a worked example has few terms.
WINOGRAD = Winograd(output_tile_2d=2, output_tile_1d=4, sub_kernel=3, macs_per_tile=16, transform_cycles=0)
HAND = HardwareProfile(
    name="hand", variant="hand", vendor="nobody", target="generic", source="made up", confidence="none",
    native_dtype="int8", clock_hz=1e9,
    mac_array=MacArray(
        macs_per_cycle=64, unroll_in_channels=4, unroll_out_channels=4, unroll_height=2, unroll_width=2,
        depthwise_channels=4, max_stride=2, max_batch=1, grouped=False, upsample_factor=2, upsample_max_kernel=4,
        stripe_cycles=0, stripe_min_cycles=0, kernel_sides=(1, 2, 3, 4, 5, 7),
    ),
    vector_unit=VectorUnit(
        step_height=2, step_width=2, step_channels=4, fused=("relu",), stripe_cycles=0, stripe_min_cycles=0,
        step_cycles={"passthrough": 1, "relu": 1, "add": 2, "copy": 1, "max_pool": 4, "leaky": 8},
    ),
    fallback=Fallback(name="host", macs_per_cycle=2, elements_per_cycle=1),
    sram=Memory(size_bytes=1 << 20),
    dram=Memory(read_bytes_per_cycle=8, write_bytes_per_cycle=8),
    dma=Dma(stripe_cycles=0, stripe_min_cycles=0),
    layout=Layout(sram_height=1, sram_width=1, sram_channels=1, dram_height=1, dram_width=1, dram_channels=1),
    compression=Compression(available=True, default_saving=0),
    weight_stream=WeightStream(bits_per_weight=8, channel_bits=0, channel_multiple=1, stream_multiple_bytes=1),
)  # fmt: skip
# A layer of a hand-made network: operator, names of inputs, names of outputs, attributes.
Row = tuple[str, str, str, Mapping[str, Any]]
PLAIN = Options()
BEST = Options(planner="best")


def hand(**tables: Mapping[str, Any]) -> HardwareProfile:
    """The small NPU with other numbers: ``hand(sram={"size_bytes": 512}, mac_array={"winograd": WINOGRAD})``."""
    changed = {name: msgspec.structs.replace(getattr(HAND, name), **table) for name, table in tables.items()}
    return msgspec.structs.replace(HAND, **changed)


def network(
    inputs: Mapping[str, Shape], nodes: Sequence[Row], outputs: str,
    weights: Mapping[str, Shape] | None = None,
) -> Graph:  # fmt: skip
    """A graph from rows (op, inputs, outputs, attributes), names parted by spaces; a node is called as its output."""
    rows = [
        Node(made.split()[0], op, tuple(read.split()), tuple(made.split()), attrs) for op, read, made, attrs in nodes
    ]
    constants = {name: Constant(name, shape, DType.FLOAT32, None) for name, shape in (weights or {}).items()}
    values = tuple(Value(name, shape) for name, shape in inputs.items())
    return bind(Model("hand-made", values, tuple(outputs.split()), tuple(rows), constants))


def conv(
    ifm: Shape, weights: Shape, *, op: str = "Conv", relu: bool = False, **attrs: Any
) -> Graph:  # fmt: skip
    """A convolution of ``x`` by ``w`` to ``y``; pads keep the size unless given."""
    sides = weights[2:]
    if "pads" not in attrs:
        attrs["pads"] = tuple((side - 1) // 2 for side in sides) * 2
    nodes: list[Row] = [(op, "x w", "c", attrs)]
    nodes.append(("Relu", "c", "y", {}) if relu else ("Identity", "c", "y", {}))
    return network({"x": ifm}, nodes, "y", {"w": weights})
