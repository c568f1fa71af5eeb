"""The vendor's planner: lonely plans, sections, their combination, glue (PLANNER.md sections 9 to 13)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from npusim.errors import EstimateError
from npusim.ir import Notice
from npusim.schedule import Cut, combine
from npusim.targets.ethos_n.cleanup import remove_redundant
from npusim.targets.ethos_n.columns import Plans
from npusim.targets.ethos_n.glue import Chosen, Glued, glue
from npusim.targets.ethos_n.levels import LONGEST
from npusim.targets.ethos_n.lonely import best_lonely
from npusim.targets.ethos_n.machine import Machine
from npusim.targets.ethos_n.parts import Kind, Line, Part
from npusim.targets.ethos_n.passes import Rules
from npusim.targets.ethos_n.sections import Ends, Sections
from npusim.targets.ethos_n.settle import PassCosts, Settled, settle

MOST_REMEMBERED = 500  # parts and starts of sections, some tens of KiB each


class Planned(msgspec.Struct, frozen=True):
    """How a line runs.

    Attributes:
        chosen: for each part. passes: at their final cost. notices: what the search left out or found.
    """

    chosen: tuple[Chosen, ...]
    passes: tuple[Settled, ...]
    notices: tuple[Notice, ...] = ()


class VendorPlanner:
    """Plans lines for one machine; equal parts, and equal beginnings of sections, are planned once."""

    def __init__(self, machine: Machine, rules: Rules) -> None:
        self.machine = machine
        self.rules = rules
        self.sections = Sections(machine, rules)
        self.costs = PassCosts(machine, rules)
        self.alone: dict[Part, tuple[float, Plans] | None] = {}

    @property
    def is_full(self) -> bool:
        """Whether it remembers so much that a new one should take its place."""
        return len(self.sections.starts) + len(self.alone) > MOST_REMEMBERED

    def plan(self, line: Line) -> Planned:
        from_start = self.sections.over(line)
        chosen = self.choose(line, from_start)
        glued: Glued = glue(line, chosen, self.machine)
        remove_redundant(glued, self.machine)
        capped = any(from_start(number).cut_short for number in range(len(line.parts)))
        notices = (Notice("search-cap", f"sections of more than {LONGEST} parts were not searched"),) if capped else ()
        return Planned(tuple(chosen), tuple(settle(line, chosen, glued, self.costs)), notices)

    def choose(self, line: Line, from_start: Callable[[int], Ends]) -> list[Chosen]:
        """Section 12: the cheapest cut of the line; conversions between the pieces do not count.

        Raises:
            EstimateError: no-plan, where a part fits neither alone nor in a section.
        """
        count = len(line.parts)
        result = combine(count, lambda number: self._alone(line, number), lambda start: from_start(start).costs, 0.0)
        if result is None:
            raise self.no_plan(line)
        chosen: list[Chosen] = []
        for section, cut in enumerate(result[1]):
            chosen += self._pieces(line, cut, section, from_start)
        return chosen

    def lonely(self, part: Part) -> tuple[float, Plans] | None:
        if part not in self.alone:
            self.alone[part] = best_lonely(part, self.machine, self.rules)
        return self.alone[part]

    def _alone(self, line: Line, number: int) -> float | None:
        placed = line.parts[number]
        if not placed.part.kind.searched:
            return 0.0
        found = self.lonely(placed.part)
        return None if found is None else found[0] * placed.repeat

    def _pieces(self, line: Line, cut: Cut, section: int, from_start: Callable[[int], Ends]) -> Sequence[Chosen]:
        """What was chosen for the parts of one piece of the cut."""
        if cut.length == 1:
            part = line.parts[cut.start].part
            lonely = self.lonely(part) if part.kind.searched else None
            return [Chosen(lonely[1] if lonely else None, section)]
        plans = from_start(cut.start).by_length[cut.length].chosen
        pieces = []
        for number, (plan, taken) in enumerate(plans, cut.start):
            feeds = number < cut.start + cut.length - 1 and _feeds(line, number)
            pieces.append(Chosen(plan, section, feeds_ple=feeds, mce=_mce_before(line, number, cut), taken_bytes=taken))
        return pieces

    def no_plan(self, line: Line) -> EstimateError:
        """The error for a line that fits the SRAM in no way."""
        for placed in line.parts:
            if placed.part.kind.searched and self.lonely(placed.part) is None:
                return EstimateError(
                    f"no stripes of it fit the {self.machine.sram_bytes // 1024} KiB of SRAM", code="no-plan",
                    where=placed.name,
                    fix="take a larger variant, or smaller tiles of the frame",
                )  # fmt: skip
        return EstimateError("no way to run the network fits the SRAM", code="no-plan")


def _feeds(line: Line, number: int) -> bool:
    return line.feeds_ple[number] and line.parts[number].part.kind is Kind.MCE


def _mce_before(line: Line, number: int, cut: Cut) -> int | None:
    """The MCE part of the section whose pass a fused part completes; None where there is none."""
    placed = line.parts[number]
    if placed.part.kind is not Kind.FUSED or placed.inputs[0] < cut.start or not _feeds(line, placed.inputs[0]):
        return None
    return placed.inputs[0]
