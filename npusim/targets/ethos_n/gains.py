"""Where the best plan gains on the vendor's: stretches of the line between cuts that both plans make."""

from __future__ import annotations

from typing import NamedTuple

from npusim.cost import LayerCost
from npusim.targets.ethos_n.parts import Line
from npusim.targets.ethos_n.planner import Planned
from npusim.targets.ethos_n.settle import Settled


class Gain(NamedTuple):
    """Cycles that a stretch of parts, from ``first`` to ``last``, takes less in the second plan; below 0: more."""

    first: int
    last: int
    cycles: float


def gains(line: Line, before: Planned, after: Planned) -> list[Gain]:
    """The gain of each stretch, in the order of the line."""
    found, first = [], 0
    differences = _by_part(line, before, 1) + _by_part(line, after, -1)
    cycles = [0.0] * len(line.parts)
    for number, amount in differences:
        cycles[number] += amount
    for last in range(len(line.parts)):
        if last + 1 == len(line.parts) or all(_is_cut(each, last) for each in (before, after)):
            found.append(Gain(first, last, sum(cycles[first : last + 1])))
            first = last + 1
    return found


def _by_part(line: Line, planned: Planned, sign: int) -> list[tuple[int, float]]:
    return [(each.after, sign * pass_cycles(line, each)) for each in planned.passes]


def _is_cut(planned: Planned, number: int) -> bool:
    return planned.chosen[number].section != planned.chosen[number + 1].section


def gain_sentence(line: Line, found: list[Gain], cycles: float, most: int) -> str:
    """What is gained in all, and the stretches that gain most; ``cycles``: of the plan that is compared with."""
    total = sum(gain.cycles for gain in found)
    if total <= cycles * 1e-9:  # the same passes, summed in another order
        return "no plan is cheaper than the vendor's"
    largest = sorted((gain for gain in found if gain.cycles > 0), key=lambda gain: (-gain.cycles, gain.first))[:most]
    places = ", ".join(f"{100 * gain.cycles / cycles:.1f} % in {_where(line, gain)}" for gain in largest)
    return f"{100 * total / cycles:.1f} % fewer cycles than the vendor's plan: {places}"


def _where(line: Line, gain: Gain) -> str:
    first, last = line.parts[gain.first].name, line.parts[gain.last].name
    return first if first == last else f"{first} to {last}"


def total_cycles(line: Line, planned: Planned) -> float:
    """Cycles of all passes, repetitions included."""
    return float(sum(pass_cycles(line, each) for each in planned.passes))


def pass_cycles(line: Line, each: Settled) -> float:
    return LayerCost(each.bounds).cycles * line.parts[each.after].repeat
