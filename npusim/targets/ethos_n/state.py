"""The states of a section while it is searched, a row a state: SRAM, programs, open tensors, cost (PLANNER.md sections
10 and 11)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from npusim.targets.ethos_n.columns import Array, C, Plans
from npusim.targets.ethos_n.costs import Time
from npusim.targets.ethos_n.joins import Held
from npusim.targets.ethos_n.machine import Floats, Machine
from npusim.targets.ethos_n.sram import NOWHERE, code_in_bank, in_bank

Ranges = tuple[Array, Array]  # first, end; a row a buffer, a column a state


class Pending:
    """A pass that is not complete: an MCE operation whose output a fused part will read."""

    __slots__ = ("mce", "read", "weights")

    def __init__(self, read: Time, weights: Time, mce: Floats) -> None:
        self.read = read
        self.weights = weights
        self.mce = mce

    def take(self, rows: Any) -> Pending:
        read, weights = (Time(*(_rows(x, rows) for x in time)) for time in (self.read, self.weights))
        return Pending(read, weights, _rows(self.mce, rows))


class State:
    """Everything that a later part of the section depends on.

    Attributes:
        block, weight_slots: a row a state. cost: the same, behind an axis for each input whose format is open.
        held: what each part with open consumers left, by its number. pending: of such parts, where their pass is not
            complete.
        firsts, ends: ranges of buffers in a bank. owners: which buffers each coming part owns.
        code_firsts, code_ends, codes: ranges of the PLE's programs, and which program each holds.
    """

    __slots__ = (
        "block", "code_ends", "code_firsts", "codes", "cost", "ends", "firsts", "held", "owners", "pending",
        "weight_slots"
    )  # fmt: skip

    def __init__(self, block: tuple[Array, Array], weight_slots: Array, cost: Floats) -> None:
        empty = np.zeros((0, len(weight_slots)), np.int64)
        self.block, self.weight_slots, self.cost = block, weight_slots, cost
        self.held: dict[int, Held] = {}
        self.pending: dict[int, Pending] = {}
        self.firsts, self.ends = empty, empty
        self.owners: dict[int, Any] = {}
        self.code_firsts, self.code_ends, self.codes = empty, empty, empty

    def __len__(self) -> int:
        return len(self.weight_slots)

    @property
    def taken(self) -> Array:
        """Bytes of a bank that each state occupies."""
        used: Array = np.sum(self.ends - self.firsts, axis=0) + np.sum(self.code_ends - self.code_firsts, axis=0)
        return used

    def take(self, rows: Any) -> State:
        """The states of an index array or a mask; rows may repeat."""
        new = State((self.block[0][rows], self.block[1][rows]), self.weight_slots[rows], self.cost[..., rows])
        new.held = {
            n: Held((h.box[0][rows], h.box[1][rows], h.box[2][rows]), h.slots[rows], h.in_ple)
            for n, h in self.held.items()
        }
        new.pending = {n: pending.take(rows) for n, pending in self.pending.items()}
        new.firsts, new.ends = self.firsts[:, rows], self.ends[:, rows]
        new.owners = {n: owned[:, rows] for n, owned in self.owners.items()}
        new.code_firsts, new.code_ends = self.code_firsts[:, rows], self.code_ends[:, rows]
        new.codes = self.codes[:, rows]
        return new


Placing = Callable[[Array, Array, Array, int], Ranges]  # occupied firsts and ends, size, capacity: as sram.place


def allocate(machine: Machine, state: State, code: Array | None, buffers: list[Array], placing: Placing) -> Any:
    """Places the program and the buffers of a part (section 11); returns which states had room for all.

    Args:
        code: which program each state needs; None where the part has none. One that is loaded already is not placed
            again.
        buffers: bytes of each new buffer, in the order of section 4, in all banks together.
    """
    good = np.ones(len(state), np.bool_)
    if code is not None:
        loaded = np.any(state.codes == code, axis=0)
        if not np.all(loaded):
            size = np.where(loaded, 0, code_in_bank(machine))
            first, end = _place(machine, state, size, placing)
            good &= first != NOWHERE
            state.code_firsts, state.code_ends = _with_row(state.code_firsts, first), _with_row(state.code_ends, end)
            state.codes = _with_row(state.codes, code)
    for size_bytes in buffers:
        first, end = _place(machine, state, in_bank(machine, size_bytes), placing)
        good &= first != NOWHERE
        state.firsts, state.ends = _with_row(state.firsts, first), _with_row(state.ends, end)
    return good


def _place(machine: Machine, state: State, size: Array, placing: Placing) -> Ranges:
    firsts = np.concatenate([state.firsts, state.code_firsts])
    ends = np.concatenate([state.ends, state.code_ends])
    return placing(firsts, ends, size, machine.bank_bytes)


def hand_on(state: State, number: int, new_buffers: int, whole: Any, consumers: list[int], *, has_output: bool) -> None:
    """Owners after a part is placed (section 11): it hands its buffers on, the output alone where that is whole; the
    rest is freed."""
    count = len(state.firsts)
    owned = _grown(state.owners.pop(number, None), count, len(state))
    owned[count - new_buffers :] = True
    passed = owned & ~np.asarray(whole)
    if has_output:
        passed[-1] |= owned[-1]
    for other in list(state.owners):
        state.owners[other] = _grown(state.owners[other], count, len(state))
    for consumer in consumers:
        state.owners[consumer] = passed | state.owners[consumer] if consumer in state.owners else passed
    kept = np.zeros_like(owned)
    for holders in state.owners.values():
        kept |= holders
    used = np.any(kept, axis=1)
    state.firsts, state.ends = np.where(kept, state.firsts, 0)[used], np.where(kept, state.ends, 0)[used]
    state.owners = {other: holders[used] for other, holders in state.owners.items()}


def _grown(owned: Any, count: int, states: int) -> Any:
    """Ownership with rows for buffers that came since."""
    grown = np.zeros((count, states), np.bool_)
    if owned is not None:
        grown[: len(owned)] = owned
    return grown


def programs(plans: Plans, program: int, times: Array) -> Array:
    """A number for each program that must be in SRAM by itself: operation, block and multiplier (section 11)."""
    return ((program * 64 + plans[C.BLOCK_W]) * 64 + plans[C.BLOCK_H]) * 8 + times


def _with_row(table: Array, row: Array) -> Array:
    return np.concatenate([table, row[None]])


def _rows(values: Any, rows: Any) -> Any:
    return values if np.ndim(values) == 0 else values[..., rows]
