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
        size: to be placed. from_end: searched from the high end, at the high end of the gap found.
    """
    border = np.zeros((1, size.shape[0]), np.int64)
    begins = np.concatenate([border, np.sort(ends, axis=0)])  # of the gaps before, between and behind the ranges
    stops = np.concatenate([np.sort(firsts, axis=0), border + capacity])
    wide = stops - begins >= size
    gap = (len(wide) - 1 - np.argmax(wide[::-1], axis=0) if from_end else np.argmax(wide, axis=0))[None]
    found = np.take_along_axis(wide, gap, axis=0)[0]
    first = (np.take_along_axis(stops, gap, axis=0) - size if from_end else np.take_along_axis(begins, gap, axis=0))[0]
    return np.where(found, first, NOWHERE), np.where(found, first + size, NOWHERE)


def fits_alone(machine: Machine, buffers: list[Ints], *, with_ple: bool) -> Any:
    """Whether a plan's buffers, and its program's code, can be placed in empty banks: they then lie one after
    another."""
    total: Ints = code_in_bank(machine) if with_ple else 0
    for size_bytes in buffers:
        total = total + in_bank(machine, size_bytes)
    return total <= machine.bank_bytes
