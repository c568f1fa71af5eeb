"""Costs of single passes, given what the reference planned: stripes, slots, formats, blocks and the sizes of weight
streams."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from npusim.targets.ethos_n.costs import (
    Box,
    Format,
    Transfer,
    block_multiplier,
    dma_time,
    input_transfer,
    mce_direct_cycles,
    mce_time,
    mce_winograd_cycles,
    metric,
    output_transfer,
    ple_cycles,
    ple_time,
    split,
    stripes_in,
    weight_reloads,
    weight_transfer,
)
from npusim.targets.ethos_n.machine import Floats, Ints, Machine, ceil_div
from npusim.validation.tables import Row

Values = Mapping[str, Any]  # arrays, one entry a pass, by quantity

QUANTITIES = ("mac_cycles", "vector_cycles", "ifm_bytes", "weight_bytes", "ofm_bytes", "cycles")
FORMATS = {
    "": Format.NHWCB, "NHWC": Format.NHWC, "NHWCB": Format.NHWCB, "FCAF_DEEP": Format.DEEP, "FCAF_WIDE": Format.WIDE
}  # fmt: skip
PROGRAMS = {
    "PASSTHROUGH": "passthrough", "ADDITION": "addition", "ADDITION_RESCALE": "addition_rescale",
    "AVGPOOL_3X3_1_1_UDMA": "avg_pool_3x3",
    "INTERLEAVE_2X2_2_2": "interleave_2x2", "LEAKY_RELU": "leaky_relu", "MAXPOOL1D": "max_pool_1d",
    "MAXPOOL_2X2_2_2": "max_pool_2x2",
    "MAXPOOL_3X3_2_2_EVEN": "max_pool_3x3", "MAXPOOL_3X3_2_2_ODD": "max_pool_3x3", "MEAN_XY_7X7": "mean",
    "MEAN_XY_8X8": "mean",
    "MULTIPLICATION": "multiplication", "SIGMOID": "sigmoid", "DOWNSAMPLE_2X2": "downsample_2x2",
}  # fmt: skip


class _Columns:
    """Rows as arrays."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows

    def ints(self, name: str, default: int = 0) -> Ints:
        return np.array([int(row[name] or default) for row in self.rows], np.int64)

    def box(self, name: str) -> Box:
        return self.ints(f"{name}_h"), self.ints(f"{name}_w"), self.ints(f"{name}_c")

    def stripe(self, name: str, take: slice = slice(3)) -> Box:
        """A column of ``height x width x channels``; ones where it is empty."""
        found = [tuple(map(int, row[name].split("x")))[take] if row[name] else (1, 1, 1) for row in self.rows]
        height, width, depth = np.array(found, np.int64).reshape(-1, 3).T
        return height, width, depth

    def where(self, name: str, value: str) -> Any:
        return np.array([row[name] == value for row in self.rows])

    def mapped(self, name: str, to: Callable[[str], Any]) -> Any:
        return np.array([to(row[name]) for row in self.rows])


def reference(rows: Sequence[Row]) -> Values:
    """What the table says of each pass."""
    of = _Columns(rows)
    total = {
        name: of.ints(f"{table}_dram_parallel_bytes") + of.ints(f"{table}_dram_nonparallel_bytes")
        for name, table in (("ifm_bytes", "input"), ("weight_bytes", "weight"), ("ofm_bytes", "output"))
    }
    return total | {
        "mac_cycles": of.ints("mce_cycles"), "vector_cycles": of.ints("ple_cycles"),
        "cycles": of.mapped("metric_cycles", float)
    }  # fmt: skip


def estimated(machine: Machine, saving: float, rows: Sequence[Row]) -> Values:
    """The same quantities by npusim's cost functions."""
    of = _Columns(rows)
    read, weights, written = _read(of, machine, saving), _weights(of, machine), _written(of, machine, saving)
    mac, mac_bound = _mac(of, machine)
    vector, vector_bound = _vector(of, machine)
    reads, stream = (dma_time(machine, moved, machine.read_bytes_per_cycle) for moved in (read, weights))
    writes = dma_time(machine, written, machine.write_bytes_per_cycle)
    return {
        "mac_cycles": mac, "vector_cycles": vector, "ifm_bytes": _bytes(read), "weight_bytes": _bytes(weights),
        "ofm_bytes": _bytes(written),
        "cycles": metric(reads, stream, writes, mac_bound, vector_bound, duplex=machine.duplex),
    }  # fmt: skip


def _read(of: _Columns, machine: Machine, saving: float) -> Transfer:
    """Both inputs of an element-wise operator; nothing where they stayed in SRAM."""
    tensor, stripe = of.box("in"), of.stripe("in_stripe")
    kernel, parts = (of.ints("kernel_h", 1), of.ints("kernel_w", 1)), split(tensor, stripe)
    edge = (parts[0] & (kernel[0] > 1)) | (parts[1] & (kernel[1] > 1))
    left, top, right, bottom = np.array([list(map(int, row["in_packed_boundary"].split("/"))) for row in of.rows]).T
    first = input_transfer(
        machine, tensor, stripe, of.ints("in_slots"), (top + bottom, left + right), of.ints("in_loads"), edge,
        of.mapped("in_dram_format", FORMATS.__getitem__), saving,
    )  # fmt: skip
    ones = np.ones(len(of.rows), np.int64)
    second = input_transfer(
        machine, of.box("in2"), stripe, 2 * ones, (0, 0), ones, ones == 0, of.mapped("in2_dram_format",
        FORMATS.__getitem__), saving
    )  # fmt: skip
    in_dram = of.where("in_loc", "Dram"), of.where("in2_loc", "Dram")
    return Transfer(*(in_dram[0] * a + in_dram[1] * b for a, b in zip(first, second, strict=True)))


def _written(of: _Columns, machine: Machine, saving: float) -> Transfer:
    """A conversion writes the tensor that it read, even into a larger one."""
    converts = of.where("kind", "dma")
    tensor = tuple(np.where(converts, a, b) for a, b in zip(of.box("in"), of.box("out"), strict=True))
    moved = output_transfer(
        machine, (tensor[0], tensor[1], tensor[2]), of.stripe("out_stripe"), of.ints("out_slots"),
        of.mapped("out_dram_format", FORMATS.__getitem__), saving, of.box("out"),
    )  # fmt: skip
    return Transfer(*(of.where("out_loc", "Dram") * amount for amount in moved))


def _weights(of: _Columns, machine: Machine) -> Transfer:
    slot, slots = of.ints("weight_max_stripe_bytes"), of.ints("weight_slots")
    kernel = (of.ints("kernel_h", 1), of.ints("kernel_w", 1))
    again = weight_reloads(
        machine, of.box("in"), of.stripe("in_stripe"), _mce_out(of, machine)[2], kernel, slots * slot
    )
    return weight_transfer(
        of.ints("weight_bytes_compressed"), slot, slots, of.ints("weight_num_central_stripes"), again
    )


def _mce_out(of: _Columns, machine: Machine) -> Box:
    """What the MCE made: the pass's output, but for fused programs that make another size of it."""
    out, ins, grown = of.box("out"), of.box("in"), of.ints("upscale", 1)
    plain = of.where("ple_op", "PASSTHROUGH")
    depth = np.where(of.where("ple_op", "INTERLEAVE_2X2_2_2"), _before_interleave(machine, out[2]), out[2])
    return np.where(plain, out[0], ins[0] * grown), np.where(plain, out[1], ins[1] * grown), depth


def _before_interleave(machine: Machine, channels: Ints) -> Ints:
    """Channels of a tensor whose interleaved form has so many."""
    return channels // (4 * machine.banks) * machine.banks + channels % machine.banks


def _mac(of: _Columns, machine: Machine) -> tuple[Floats, Floats]:
    """MAC cycles, and the MCE's time for the pass."""
    kernel, out, ins = (of.ints("kernel_h", 1), of.ints("kernel_w", 1)), _mce_out(of, machine), of.ints("in_c")
    channels = np.where(of.ints("stride", 1) > 1, _before_interleave(machine, ins), ins)
    depthwise = of.where("mce_op", "DEPTHWISE_CONVOLUTION")
    block = (of.ints("block_w", 1), of.ints("block_h", 1))
    fast = mce_winograd_cycles(machine, out, channels, kernel, (np.maximum(block[0], 1), np.maximum(block[1], 1)))
    direct = mce_direct_cycles(machine, out, channels, kernel, depthwise)
    runs = ~of.where("mce_op", "")
    cycles = np.where(of.where("mce_algo", "WINOGRAD"), fast, direct) * runs
    count = stripes_in(out, of.stripe("mce_out_stripe")) * np.where(
        depthwise, 1, ceil_div(ins, of.stripe("in_stripe")[2])
    )
    return cycles, mce_time(machine, cycles, count) * runs


def _vector(of: _Columns, machine: Machine) -> tuple[Floats, Floats]:
    """Cycles of the vector unit, and its time for the pass."""
    cycles, bound = np.zeros(len(of.rows)), np.zeros(len(of.rows))
    for name, program in PROGRAMS.items():
        at = np.flatnonzero(of.where("ple_op", name))
        if len(at):
            some = _Columns([of.rows[int(index)] for index in at])
            alone = some.where("mce_op", "")
            ins, made = some.box("in"), _mce_out(some, machine)
            read = tuple(np.where(alone, ins[axis], made[axis]) for axis in range(3))
            block = (np.maximum(some.ints("block_w"), 1), np.maximum(some.ints("block_h"), 1))
            width = np.maximum(
                some.stripe("mce_out_stripe")[1], some.stripe("ple_out_stripe")[1] * (program == "passthrough")
            )
            times = block_multiplier(machine, program, block, width)
            cycles[at] = ple_cycles(
                machine, program, (read[0], read[1], read[2]), some.box("out"), block, times, as_vendor=True
            )
            count = stripes_in(some.box("out"), some.stripe("ple_out_stripe"))
            bound[at] = ple_time(machine, program, cycles[at], count, as_vendor=True)
    return cycles, bound


def _bytes(moved: Transfer) -> Ints:
    return moved.parallel_bytes + moved.serial_bytes
