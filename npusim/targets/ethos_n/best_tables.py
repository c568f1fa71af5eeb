"""What the plans of a part cost at their best for every form that its tensors may have in DRAM."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from npusim.targets.ethos_n.candidates import expanded, fitting, records, weight_buffer
from npusim.targets.ethos_n.columns import C, Plans, joined
from npusim.targets.ethos_n.costs import Format, Time, Transfer, dma_time
from npusim.targets.ethos_n.lonely import all_lonely
from npusim.targets.ethos_n.machine import Floats, Machine
from npusim.targets.ethos_n.parts import Kind, Part
from npusim.targets.ethos_n.passes import (
    Bounds,
    Rules,
    mce_bound,
    moved_in,
    moved_out,
    pass_cycles,
    ple_bound,
    weight_time,
)
from npusim.targets.ethos_n.sram import fits_alone
from npusim.targets.ethos_n.standalone import height_plans
from npusim.targets.ethos_n.stores import NEVER, Store, accepted, read_forms, total

Choice = tuple[int, ...]  # which of a tensor's forms are stored at once


class Table(NamedTuple):
    """The least cycles for each format of each input from DRAM and each choice of stores.

    Attributes:
        cycles: an axis an input (``read_forms``), then one for the choices; NEVER where it cannot be.
        rows: the plan that takes them.
    """

    cycles: Floats
    rows: Any
    plans: Plans


def read_times(part: Part, machine: Machine, plans: Plans, rules: Rules, slots: Sequence[int]) -> Time:
    """Times of reading inputs from DRAM: an axis an input, over its forms (``read_forms``), before that of the plans;
    NEVER where illegal."""
    table, good = _reading(part, machine, plans, rules, slots[0])
    for slot in slots[1:]:
        more, legal = _reading(part, machine, plans, rules, slot)
        table = table[..., None, :, :] + more
        good = good[..., None, :] & legal
    sums = Transfer(table[..., 0, :], table[..., 1, :], table[..., 2, :])
    time = dma_time(machine, sums, machine.read_bytes_per_cycle)
    return Time(np.where(good, time.parallel, NEVER), np.where(good, time.serial, NEVER))


def _reading(part: Part, machine: Machine, plans: Plans, rules: Rules, slot: int) -> tuple[Any, Any]:
    """Bytes by form, quantity (Transfer) and plan; and which plans can read which form."""
    moved, legal = [], []
    packed = (plans[C.PACK_ROWS] > 0) | (plans[C.PACK_SIDES] > 0)
    forbidden = plans[C.WIDE_FORBIDDEN] == 1
    for store in read_forms(part, slot):
        bytes_moved = moved_in(part, machine, plans, store.fmt, rules, settled=True, dram=store.whole)
        moved.append(np.array([np.broadcast_to(amount, len(plans)) for amount in bytes_moved]))
        good = accepted(machine, part.ins[slot], plans.box(C.IN), store, packed=packed, forbidden=forbidden)
        if part.kind is Kind.FC:
            good = np.full(len(plans), store == Store(Format.NHWC))
        legal.append(good & (machine.fcaf or store.fmt < Format.DEEP))
    return np.array(moved), np.array(legal)


def write_times(
    part: Part, machine: Machine, plans: Plans, rules: Rules, stores: Sequence[Store], choices: Sequence[Choice]
) -> list[Time]:
    """Times of storing each choice; NEVER where a plan cannot."""
    moved = [moved_out(part, machine, plans, store.fmt, rules, dram=store.whole) for store in stores]
    good = [accepted(machine, part.out, plans.box(C.OUT), store) for store in stores]
    found = []
    for choice in choices:
        chosen = choice[-1:] if rules.as_vendor else choice  # the vendor's estimator counts the last store alone
        time = dma_time(machine, total([moved[index] for index in chosen]), machine.write_bytes_per_cycle)
        legal = np.logical_and.reduce([good[index] for index in choice])
        found.append(Time(np.where(legal, time.parallel, NEVER), np.where(legal, time.serial, NEVER)))
    return found


def lonely_table(
    part: Part, machine: Machine, rules: Rules, stores: Sequence[Store], choices: Sequence[Choice]
) -> Table:
    """The table of a part on its own, over all its legal plans."""
    plans = legal_plans(part, machine)
    slots = range(len(part.ins))
    shape = (*(len(read_forms(part, slot)) for slot in slots), len(choices))
    if not len(plans):
        return Table(np.full(shape, NEVER), np.zeros(shape, np.int64), plans)
    read = read_times(part, machine, plans, rules, slots)
    weights, mce = weight_time(part, machine, plans), mce_bound(part, machine, plans, rules)
    ple = ple_bound(part, machine, plans, rules)
    cycles, rows = [], []
    for written in write_times(part, machine, plans, rules, stores, choices):
        found = pass_cycles(machine, Bounds(read, weights, written, mce, ple))
        rows.append(np.argmin(found, axis=-1))
        cycles.append(np.min(found, axis=-1))
    return Table(np.stack(cycles, axis=-1), np.stack(rows, axis=-1), plans)


def legal_plans(part: Part, machine: Machine) -> Plans:
    """Every plan of the part on its own: those that the vendor's compiler would try, and those that it never comes
    to."""
    tables = [all_lonely(part, machine)]
    if part.kind is Kind.PLE:
        tables.append(height_plans(part, machine))
    elif part.kind is not Kind.FC:
        tables += _unwanted(part, machine)
    return joined(tables)


def _unwanted(part: Part, machine: Machine) -> list[Plans]:
    """Plans of low priority, which the compiler takes only where nothing else fits."""
    kept = records(part, machine, out_slots=None)
    if not np.any(kept.low):
        return []
    tables = [fitting(part, machine, expanded(kept.rows(kept.low)), slots) for slots in (1, 2)]
    plans = joined(tables)
    buffers = [plans[C.TILE_BYTES], weight_buffer(plans), plans[C.OUT_BYTES]]
    return [plans.take(fits_alone(machine, buffers, with_ple=True))]
