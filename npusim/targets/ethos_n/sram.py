"""Where buffers lie in the banks of the SRAM (PLANNER.md section 11), for many plans at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from npusim.targets.ethos_n.columns import Array
from npusim.targets.ethos_n.machine import Ints, Machine, round_up

NOWHERE = -1


def in_bank(machine: Machine, size_bytes: Ints) -> Ints:
    """What a buffer takes in each bank."""
    return round_up(size_bytes // machine.banks, machine.sram_granule_bytes)


def code_in_bank(machine: Machine) -> int:
    """What a program of the PLE takes in each bank."""
    return int(round_up(machine.code_bytes, machine.sram_granule_bytes))


def place(firsts: Array, ends: Array, size: Array, capacity: int, *, from_end: bool) -> tuple[Array, Array]:
    """The range (first, end) that first fit gives in each column, or NOWHERE where none is free.

    Args:
        firsts, ends: ranges that are occupied, a row a buffer, a column a plan; an empty range occupies nothing.
        size: to be placed. from_end: searched from the high end, at the high end of the range found.
    """
    count = size.shape[0]
    if from_end:
        starts = np.concatenate([np.full((1, count), capacity), firsts]) - size
    else:
        starts = np.concatenate([np.zeros((1, count), np.int64), ends])
    stops = starts + size
    free = (starts >= 0) & (stops <= capacity)
    for first, end in zip(firsts, ends, strict=True):
        free &= (starts >= end) | (stops <= first) | (first == end)
    if from_end:
        chosen = np.max(np.where(free, starts, NOWHERE), axis=0)
    else:
        chosen = np.min(np.where(free, starts, capacity), axis=0)
    found = np.any(free, axis=0)
    return np.where(found, chosen, NOWHERE), np.where(found, chosen + size, NOWHERE)


def fits_alone(machine: Machine, buffers: list[Ints], *, with_ple: bool) -> Any:
    """Whether a plan's buffers, and its program's code, can be placed in empty banks: they then lie one after
    another."""
    total: Ints = code_in_bank(machine) if with_ple else 0
    for size_bytes in buffers:
        total = total + in_bank(machine, size_bytes)
    return total <= machine.bank_bytes
