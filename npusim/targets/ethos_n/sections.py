"""Sections: parts that run without returning to DRAM, searched from each start (PLANNER.md section 10).

The search goes part by part; the states after a part are a table, in the order in which the compiler, depth first,
meets them.
What a start and the parts behind it lead to depends on their geometry and connections alone, so equal beginnings are
searched once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from npusim.targets.ethos_n.candidates import WEIGHT_SLOTS, start_plans, weight_buffer
from npusim.targets.ethos_n.columns import Array, C, Plans
from npusim.targets.ethos_n.joins import Found, Held, Joining, join_fused, join_mce, join_ple
from npusim.targets.ethos_n.levels import LONGEST, End, Level, Place, by_window, may_join, outside, place_of, sign
from npusim.targets.ethos_n.machine import Floats, Machine, ceil_div
from npusim.targets.ethos_n.parts import Kind, Line
from npusim.targets.ethos_n.passes import (
    AT_REST,
    Bounds,
    Rules,
    input_formats,
    mce_bound,
    multiplier,
    output_formats,
    pass_cycles,
    ple_bound,
    read_time,
    weight_time,
    write_time,
)
from npusim.targets.ethos_n.sram import place as first_fit
from npusim.targets.ethos_n.standalone import ple_plans
from npusim.targets.ethos_n.state import Pending, Placing, State, allocate, hand_on, programs

NO_BLOCK = (16, 16)  # section 5: a section that a stand-alone program starts goes on with this block
OUTPUT_SLOTS = (1, 2)


class Ends(NamedTuple):
    """The best section of each length from a part.

    Attributes:
        by_length: the ends. costs: of the same sections, (length, cycles with all repetitions).
        cut_short: longer sections may exist, beyond the length that is searched.
    """

    by_length: dict[int, End]
    costs: list[tuple[int, float]]
    cut_short: bool = False


class Sections:
    """The search with its memory."""

    def __init__(self, machine: Machine, rules: Rules) -> None:
        self.machine = machine
        self.rules = rules
        self.flavours: dict[tuple[str, str], int] = {}
        self.starts: dict[Hashable, Level | None] = {}
        self.signs: dict[Hashable, int] = {}
        self.windows: dict[bytes, Ends] = {}

    def over(self, line: Line) -> Callable[[int], Ends]:
        """The best sections from each part of a line; where the line looks the same from two parts, they are searched
        once."""
        signs = [sign(placed, line) for placed in line.parts]
        return by_window(self._numbers(signs), self.windows, lambda start: self.from_start(line, start))

    def _numbers(self, signs: list[Hashable]) -> Array:
        """A number for each part, equal where the search knows the same of them."""
        return np.array([self.signs.setdefault(each, len(self.signs)) for each in signs], np.int64)

    def from_start(self, line: Line, start: int) -> Ends:
        """The best section of each length from a part; a fault of the estimator discards them all."""
        found: dict[int, End] = {}
        cut_short = False
        if not line.parts[start].part.joins:
            return Ends(found, [])
        level = self._start(place_of(line, start, start))
        for at in range(start + 1, len(line.parts)):
            if level is None or not len(level.state) or not may_join(line, start, at):
                break
            if at - start >= LONGEST:
                cut_short = True
                break
            place = place_of(line, start, at)
            end = self._end(level, place)
            if end is not None:
                if level.doubled:
                    return Ends({}, [])
                found[at - start + 1] = end
            level = self._continue(level, place)
        costs = [(length, end.cycles * line.parts[start].repeat) for length, end in found.items()]
        return Ends(found, costs, cut_short)

    # --- start ------------------------------------------------------------------------------------------------------

    def _start(self, place: Place) -> Level | None:
        key = (place.part, place.consumers, place.feeds_ple, place.border_slots, place.from_end)
        if key not in self.starts:
            self.starts[key] = self._started(place)
        return self.starts[key]

    def _started(self, place: Place) -> Level | None:
        part, machine = place.part, self.machine
        if part.kind is Kind.PLE:
            plans = ple_plans(part, machine, border_slots=place.border_slots)
            block = (np.full(len(plans), NO_BLOCK[0]), np.full(len(plans), NO_BLOCK[1]))
        else:
            plans = start_plans(part, machine, place.border_slots, feeds_ple=place.feeds_ple)
            block = plans.block
        slots = plans[C.WEIGHT_SLOTS] if place.weighted else np.ones(len(plans), np.int64)
        state = State(block, slots, np.zeros(len(plans)))
        buffers = [plans[C.TILE_BYTES]] * len(part.ins)
        buffers += self._own_buffers(place, plans, with_weights=place.weighted)
        good = allocate(machine, state, self._code(place, plans), buffers, self._placing(place))
        state, plans = state.take(good), plans.take(good)
        read = self._read(place, plans)
        self._costed(state, place, plans, read, weights=True)
        self._held(state, place, plans, len(buffers))
        return Level(place, plans, state, None, np.arange(len(plans)))

    def _placing(self, place: Place) -> Placing:
        """Section 11: even parts are placed from the low end of the banks, odd ones from the high end."""
        return partial(first_fit, from_end=place.from_end)

    # --- one more part ----------------------------------------------------------------------------------------------

    def _continue(self, level: Level, place: Place) -> Level | None:
        key = (place.part, place.inputs, place.consumers, place.feeds_ple, place.border_slots)
        if key not in level.after:
            level.after[key] = self._continued(level, place)
        return level.after[key]

    def _continued(self, level: Level, place: Place) -> Level | None:
        """One plan a state; two while the number of weight slots is open, the last one explored first."""
        rows, slots = self._variants(level, place)
        if len(WEIGHT_SLOTS) > 1 and not level.decided and place.weighted:
            order = np.lexsort((-slots, rows))
            rows, slots = rows[order], slots[order]
        joined = self._joined(level, place, rows, slots, last=False, out_slots=slots)
        if joined is None:
            return None
        plans, state, rows = joined
        self._costed(state, place, plans, self._read(place, plans), weights=not self._behind_mce(level, place))
        return Level(place, plans, state, level, rows)

    def _end(self, level: Level, place: Place) -> End | None:
        """The best plan that ends the section here; None where an open tensor remains or nothing fits."""
        key = (place.part, place.inputs)
        taken = {(n, place.number, slot) for slot, n in enumerate(place.inputs) if n is not None}
        if level.open - taken:
            return None
        if key not in level.ends:
            level.ends[key] = self._ended(level, place)
        found: End | None = level.ends[key]
        return found

    def _endings(self, level: Level, place: Place) -> tuple[Plans, State, Array] | None:
        """All plans that end the section with a part: with one output slot and with two."""
        rows, slots = self._variants(level, place)
        many = len(OUTPUT_SLOTS)
        rows, slots = np.repeat(rows, many), np.repeat(slots, many)
        out_slots = np.tile(np.array(OUTPUT_SLOTS), len(rows) // many)
        return self._joined(level, place, rows, slots, last=True, out_slots=out_slots)

    def _ended(self, level: Level, place: Place) -> End | None:
        place = place._replace(feeds_ple=False, consumers=())
        joined = self._endings(level, place)
        if joined is None:
            return None
        plans, state, rows = joined
        written = write_time(
            place.part, self.machine, plans, output_formats(place.part, self.machine, plans), self.rules
        )
        weights = not self._behind_mce(level, place)
        cycles = state.cost + self._pass(state, place, plans, self._read(place, plans), written, weights)
        best = int(np.argmin(cycles))
        return End(float(cycles[best]), plans.take(slice(best, best + 1)), level, int(rows[best]))

    def _variants(self, level: Level, place: Place) -> tuple[Array, Array]:
        """States with the weight slots to try: the section's where they are settled, else both."""
        count = len(level.state)
        if level.decided or not place.weighted:
            return np.arange(count), level.state.weight_slots
        many = len(WEIGHT_SLOTS)
        return np.repeat(np.arange(count), many), np.tile(np.array(WEIGHT_SLOTS), count)

    def _joined(
        self, level: Level, place: Place, rows: Array, slots: Array, *, last: bool, out_slots: Array
    ) -> tuple[Plans, State, Array] | None:
        """Legal plans that can be placed, their states, and the rows of the level that they continue."""
        inside = [n for n in dict.fromkeys(place.inputs) if n is not None]
        if any(level.state.held[n].in_ple for n in inside) and place.part.kind is not Kind.FUSED:
            return None
        helds = [_held_rows(level.state.held[n], rows) for n in inside]
        block = (level.state.block[0][rows], level.state.block[1][rows])
        how = Joining(last, block, slots, out_slots, place.border_slots, place.feeds_ple)
        plans, good = self._plans(place, helds, how)
        good = good & self._room(level.state, rows, plans)
        rows, slots, plans = rows[good], slots[good], plans.take(good)
        state = level.state.take(rows)
        state.weight_slots = slots
        buffers = [plans[C.TILE_BYTES]] * len(outside(place))
        buffers += self._own_buffers(place, plans, with_weights=place.weighted and not helds[0].in_ple)
        code = None if place.feeds_ple else self._code(place, plans)
        good = allocate(self.machine, state, code, buffers, self._placing(place))
        if not np.any(good):
            return None
        rows, plans, state = rows[good], plans.take(good), state.take(good)
        if not last:
            self._held(state, place, plans, len(buffers))
        return plans, state, rows

    def _plans(self, place: Place, helds: list[Held], how: Joining) -> Found:
        if place.part.kind is Kind.PLE:
            return join_ple(place.part, self.machine, helds, how)
        join = join_mce if place.part.kind is Kind.MCE else join_fused
        return join(place.part, self.machine, helds[0], how)

    def _room(self, state: State, rows: Array, plans: Plans) -> Any:
        """A quick test that spares most states the placing: the new output and weights must fit beside what is
        taken."""
        used = state.taken[rows]
        wanted = ceil_div(plans[C.OUT_BYTES] + weight_buffer(plans), self.machine.banks)
        return used + wanted <= self.machine.bank_bytes + self.machine.sram_granule_bytes

    # --- what a part adds -------------------------------------------------------------------------------------------

    def _own_buffers(self, place: Place, plans: Plans, *, with_weights: bool) -> list[Array]:
        buffers = [weight_buffer(plans)] if with_weights else []
        return buffers if place.feeds_ple else [*buffers, plans[C.OUT_BYTES]]

    def _code(self, place: Place, plans: Plans) -> Array | None:
        if place.feeds_ple:
            return None
        part = place.part
        name = (part.program, part.flavour)
        number = self.flavours.setdefault(name, len(self.flavours))
        return programs(plans, number, multiplier(part, self.machine, plans))

    def _held(self, state: State, place: Place, plans: Plans, new_buffers: int) -> None:
        """Hands buffers on, and remembers what the coming parts find."""
        if place.feeds_ple:
            whole: Any = np.zeros(len(plans), np.bool_)
            state.held[place.number] = Held(plans.box(C.MCE_OUT), plans[C.OUT_SLOTS], True)
        else:
            out, box = place.part.out, plans.box(C.OUT)
            whole = (box[0] >= out[0]) & (box[1] >= out[1]) & (box[2] >= out[2])
            state.held[place.number] = Held(box, plans[C.OUT_SLOTS], False)
        consumers = list(dict.fromkeys(consumer for consumer, _ in place.consumers))
        hand_on(state, place.number, new_buffers, whole, consumers, has_output=not place.feeds_ple)

    def _read(self, place: Place, plans: Plans) -> Any:
        count = len(outside(place))
        if not count:
            return AT_REST
        formats = input_formats(place.part, self.machine, plans)
        return read_time(place.part, self.machine, plans, formats, self.rules, count)

    def _behind_mce(self, level: Level, place: Place) -> bool:
        first = place.inputs[0]
        return first is not None and level.state.held[first].in_ple

    def _costed(self, state: State, place: Place, plans: Plans, read: Any, *, weights: bool) -> None:
        """Adds the part's pass to the cost; a pass that a fused part will complete is kept."""
        if place.feeds_ple:
            part, machine = place.part, self.machine
            state.pending[place.number] = Pending(
                read, weight_time(part, machine, plans), mce_bound(part, machine, plans, self.rules)
            )
            return
        state.cost = outer(state.cost, self._pass(state, place, plans, read, AT_REST, weights))

    def _pass(self, state: State, place: Place, plans: Plans, read: Any, written: Any, weights: bool) -> Any:
        part, machine, rules = place.part, self.machine, self.rules
        ple = ple_bound(part, machine, plans, rules)
        first = place.inputs[0] if place.inputs else None
        if not weights and first is not None:
            before = state.pending[first]
            return pass_cycles(machine, Bounds(before.read, before.weights, written, before.mce, ple))
        return pass_cycles(
            machine,
            Bounds(read, weight_time(part, machine, plans), written, mce_bound(part, machine, plans, rules), ple),
        )


def outer(cost: Floats, more: Floats) -> Floats:
    """Sums for each state and each choice behind either operand; the last axis is the states' in both."""
    return cost.reshape(*cost.shape[:-1], *(1,) * (np.ndim(more) - 1), -1) + more


def _held_rows(held: Held, rows: Array) -> Held:
    return Held((held.box[0][rows], held.box[1][rows], held.box[2][rows]), held.slots[rows], held.in_ple)
