"""What the pass of a plan costs: the bounds of its pieces, from a table of plans (PLANNER.md section 8)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from npusim.targets.ethos_n.candidates import weight_buffer
from npusim.targets.ethos_n.columns import C, Plans
from npusim.targets.ethos_n.costs import (
    NOTHING,
    Box,
    Format,
    Time,
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
from npusim.targets.ethos_n.formats import best_format
from npusim.targets.ethos_n.machine import Floats, Ints, Machine, ceil_div
from npusim.targets.ethos_n.parts import Kind, Part

AT_REST = Time(0.0, 0.0)


class Rules(NamedTuple):
    """How passes are costed: what compression saves, and whether to follow the vendor where it undercuts the
    hardware."""

    saving: float
    as_vendor: bool


def moved_in(
    part: Part,
    machine: Machine,
    plans: Plans,
    fmt: Any,
    rules: Rules,
    *,
    settled: bool = False,
    dram: Box | None = None,
) -> Transfer:
    """One input read from DRAM.

    Args:
        settled: the format is the final one, so that other formats than WIDE carry fewer packed columns (section 13,
            end).
        dram: shape of the DRAM buffer, where the input is a piece of it.
    """
    kernel, ins = part.spatial_kernel, plans.box(C.IN)
    high, wide, _ = split(part.ins[0], ins)
    edge = (high & (kernel[0] > 1)) | (wide & (kernel[1] > 1))
    narrow = settled & (fmt != Format.WIDE)
    columns = np.where(narrow, machine.packed_columns, machine.packed_columns_wide)
    pack = (plans[C.PACK_ROWS], plans[C.PACK_SIDES] * columns)
    return input_transfer(
        machine, part.ins[0], ins, plans[C.IN_SLOTS], pack, plans[C.LOADS], edge, fmt, rules.saving, dram
    )


def moved_weights(part: Part, machine: Machine, plans: Plans) -> Transfer:
    """The weights; nothing for a stand-alone program of the PLE."""
    if part.kind is Kind.PLE:
        return NOTHING
    buffer_bytes = weight_buffer(plans)
    again = weight_reloads(machine, part.mce_in, plans.box(C.IN), part.mce_out[2], part.spatial_kernel, buffer_bytes)
    return weight_transfer(
        plans[C.WEIGHT_BYTES], plans[C.WEIGHT_SLOT_BYTES], plans[C.WEIGHT_SLOTS], plans[C.WEIGHT_STRIPES], again
    )


def moved_out(
    part: Part, machine: Machine, plans: Plans, fmt: Any, rules: Rules, *, dram: Box | None = None
) -> Transfer:
    """The output written to DRAM; ``dram``: shape of the DRAM buffer, where the output is a piece of it."""
    return output_transfer(machine, part.out, plans.box(C.OUT), plans[C.OUT_SLOTS], fmt, rules.saving, dram)


def mce_cycles(part: Part, machine: Machine, plans: Plans, rules: Rules) -> Floats:
    """MAC cycles of a plan, stripes left out."""
    if part.kind is Kind.FC:
        return _connected_cycles(part, machine, rules)
    direct = mce_direct_cycles(machine, part.mce_out, part.channels, part.spatial_kernel, part.is_depthwise)
    if not np.any(plans[C.WINOGRAD]):
        return np.broadcast_to(direct, len(plans))
    fast = mce_winograd_cycles(machine, part.mce_out, part.channels, part.kernel, plans.block)
    return np.where(plans[C.WINOGRAD] == 1, fast, direct)


def _connected_cycles(part: Part, machine: Machine, rules: Rules) -> Floats:
    """A fully connected layer: the vendor counts the inputs as positions of bricks, beyond the array's peak (MODEL.md
    9.18)."""
    cycles = mce_direct_cycles(machine, part.out, part.ins[0][2], (1, 1), False)
    positions = machine.unroll_height * machine.unroll_width
    return cycles if rules.as_vendor else cycles * positions


def mce_bound(part: Part, machine: Machine, plans: Plans, rules: Rules) -> Floats:
    """Cycles of the MCE for a pass; 0 where it does nothing."""
    if part.kind is Kind.PLE:
        return 0.0
    count = stripes_in(part.mce_out, plans.box(C.MCE_OUT))
    if not part.is_depthwise:
        count = count * ceil_div(part.mce_in[2], plans[C.IN + 2])
    return mce_time(machine, mce_cycles(part, machine, plans, rules), count)


def multiplier(part: Part, machine: Machine, plans: Plans) -> Ints:
    return block_multiplier(machine, part.program, plans.block, plans[C.PLE_IN + 1])


def vector_cycles(part: Part, machine: Machine, plans: Plans, rules: Rules) -> Floats:
    """Cycles of the PLE of a plan, stripes left out."""
    tensor, times = part.ins[0] if part.kind is Kind.PLE else part.mce_out, multiplier(part, machine, plans)
    return ple_cycles(machine, part.program, tensor, part.out, plans.block, times, as_vendor=rules.as_vendor)


def ple_bound(part: Part, machine: Machine, plans: Plans, rules: Rules) -> Floats:
    """Cycles of the PLE for a pass."""
    count = stripes_in(part.out, plans.box(C.PLE_OUT))
    return ple_time(machine, part.program, vector_cycles(part, machine, plans, rules), count, as_vendor=rules.as_vendor)


class Bounds(NamedTuple):
    """The pieces of a pass: transfers as times, engines in cycles."""

    read: Time
    weights: Time
    written: Time
    mce: Floats
    ple: Floats


def pass_cycles(machine: Machine, bounds: Bounds) -> Floats:
    return metric(bounds.read, bounds.weights, bounds.written, bounds.mce, bounds.ple, duplex=machine.duplex)


def read_time(part: Part, machine: Machine, plans: Plans, fmt: Any, rules: Rules, inputs: int) -> Time:
    """``inputs`` operands read from DRAM in one format; bytes and stripes add up (section 8)."""
    moved = moved_in(part, machine, plans, fmt, rules)
    if inputs > 1:
        moved = Transfer(*(inputs * amount for amount in moved))
    return dma_time(machine, moved, machine.read_bytes_per_cycle)


def weight_time(part: Part, machine: Machine, plans: Plans) -> Time:
    if part.kind is Kind.PLE:
        return AT_REST
    return dma_time(machine, moved_weights(part, machine, plans), machine.read_bytes_per_cycle)


def write_time(part: Part, machine: Machine, plans: Plans, fmt: Any, rules: Rules) -> Time:
    return dma_time(machine, moved_out(part, machine, plans, fmt, rules), machine.write_bytes_per_cycle)


def lonely_metric(part: Part, machine: Machine, plans: Plans, rules: Rules) -> Floats:
    """Cycles of each plan of a part on its own, with the formats that its own buffers like best (section 9)."""
    return pass_cycles(machine, Bounds(
        read_time(part, machine, plans, input_formats(part, machine, plans), rules, len(part.ins)),
        weight_time(part, machine, plans),
        write_time(part, machine, plans, output_formats(part, machine, plans), rules),
        mce_bound(part, machine, plans, rules), ple_bound(part, machine, plans, rules),
    ))  # fmt: skip


def input_formats(part: Part, machine: Machine, plans: Plans) -> Ints:
    """best() of the input's buffer; a fully connected layer reads plain NHWC (section 6)."""
    if part.kind is Kind.FC:
        return np.full(len(plans), Format.NHWC)
    return best_format(machine, part.ins[0], plans.box(C.IN), plans[C.WIDE_FORBIDDEN])


def output_formats(part: Part, machine: Machine, plans: Plans) -> Ints:
    """best() of the output's buffer."""
    return best_format(machine, part.out, plans.box(C.OUT), False)
