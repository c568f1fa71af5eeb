"""The best plan as passes: never dearer than the vendor's."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from npusim.errors import EstimateError
from npusim.ir import Notice
from npusim.targets.ethos_n.best import best_steps
from npusim.targets.ethos_n.best_search import BestSearch
from npusim.targets.ethos_n.best_sections import MOST_AXES
from npusim.targets.ethos_n.best_steps import Convert, Step
from npusim.targets.ethos_n.columns import Plans
from npusim.targets.ethos_n.gains import gain_sentence, gains, total_cycles
from npusim.targets.ethos_n.glue import Chosen
from npusim.targets.ethos_n.levels import LONGEST
from npusim.targets.ethos_n.machine import Machine
from npusim.targets.ethos_n.parts import Kind, Line
from npusim.targets.ethos_n.passes import Rules
from npusim.targets.ethos_n.planner import MOST_REMEMBERED, Planned, VendorPlanner
from npusim.targets.ethos_n.settle import End, PassCosts, Settled, conversion
from npusim.targets.ethos_n.stores import NEVER, with_views

MOST_PARTS = 2000  # of a line whose best plan is searched
MOST_PLACES = 3  # that a notice names


class BestPlanner:
    """Plans lines for one machine at the least cost; it remembers what it found, as the vendor's planner does."""

    def __init__(self, machine: Machine, rules: Rules) -> None:
        self.machine = machine
        self.rules = rules
        self.vendor = VendorPlanner(machine, rules)
        self.search = BestSearch(machine, rules)

    @property
    def is_full(self) -> bool:
        """Whether it remembers so much that a new one should take its place."""
        return self.vendor.is_full or len(self.search.tables) + len(self.search.sections.starts) > MOST_REMEMBERED

    def plan(self, line: Line) -> Planned:
        """The cheapest plan; the vendor's own where nothing is cheaper.

        Raises:
            EstimateError: no-plan, where a part fits neither alone nor in a section.
        """
        known, most = self._vendors(line)
        if known is not None and len(line.parts) > MOST_PARTS:
            text = f"a line of {len(line.parts)} parts is too long to search for the best plan: this is the vendor's"
            return msgspec.structs.replace(known, notices=(*known.notices, Notice("search-cap", text)))
        viewed = with_views(line)
        best, capped = best_steps(viewed, self.search, most)
        if best is None:
            if known is None:
                raise self.vendor.no_plan(line)
            return msgspec.structs.replace(known, notices=_notices(line, known, known, capped=capped))
        found = _Assembly(viewed, self.machine, self.search, self.vendor.costs).all(best.steps)
        if known is not None and total_cycles(line, found) > most:
            found = known
        return msgspec.structs.replace(found, notices=_notices(line, known, found, capped=capped))

    def _vendors(self, line: Line) -> tuple[Planned | None, float]:
        try:
            found = self.vendor.plan(line)
        except EstimateError:  # where first fit finds no place, a better packing may
            return None, NEVER
        return found, total_cycles(line, found)


def _notices(line: Line, known: Planned | None, found: Planned, *, capped: bool) -> tuple[Notice, ...]:
    notices = []
    if known is None:
        notices.append(Notice("best-plan", "the vendor's planner finds no plan that fits"))
    else:
        sentence = gain_sentence(line, gains(line, known, found), total_cycles(line, known), MOST_PLACES)
        notices.append(Notice("best-plan", sentence))
    if capped:
        text = (
            f"the search was cut off, at {LONGEST} parts or {MOST_AXES} inputs of a section, or among too many formats"
        )
        notices.append(Notice("search-cap", text))
    return tuple(notices)


class _Assembly:
    """Steps of the search as passes."""

    def __init__(self, line: Line, machine: Machine, search: BestSearch, costs: PassCosts) -> None:
        self.line, self.machine, self.search, self.costs = line, machine, search, costs
        self.chosen: list[Chosen] = []
        self.passes: list[Settled] = []

    def all(self, steps: Sequence[Step]) -> Planned:
        for section, step in enumerate(steps):
            self._add(section, step)
        return Planned(tuple(self.chosen), tuple(self.passes))

    def _add(self, section: int, step: Step) -> None:
        self.passes += [self._converted(each) for each in step.converts]
        plans = self._plans(step)
        for number, (plan, taken) in enumerate(plans, step.start):
            last = number == step.start + step.length - 1
            feeds = not last and self._feeds(number)
            self.chosen.append(Chosen(plan, section, feeds_ple=feeds, mce=self._mce(step, number), taken_bytes=taken))
        reads = {(number, slot): End(form.fmt, form.whole) for number, slot, form in step.reads}
        for number in range(step.start, step.start + step.length):
            if self.line.parts[number].part.kind.searched and not self.chosen[number].feeds_ple:
                last = number == step.start + step.length - 1
                targets = [End(store.fmt, store.whole) for store in step.stored] if last else []
                front = self.chosen[number].mce
                reader = number if front is None else front
                sources = [reads.get((reader, slot)) for slot in range(len(self.line.parts[reader].inputs))]
                self.passes.append(self.costs.operation(self.line, self.chosen, number, sources, targets))

    def _plans(self, step: Step) -> Sequence[tuple[Plans | None, int]]:
        """The plan of each part of a step, with the bytes of a bank that are taken when it begins."""
        if step.entry is None:
            return [(None, 0)]
        if step.end is not None:
            return step.end.closed(step.entry).chosen
        table = self.search.table(self.line.parts[step.start].part, *self.search.stores(self.line, step.start))
        row = int(table.rows[step.entry])
        return [(table.plans.take(slice(row, row + 1)), 0)]

    def _feeds(self, number: int) -> bool:
        placed = self.line.parts[number]
        return placed.part.kind is Kind.MCE and self.line.feeds_ple[number] and len(placed.consumers) == 1

    def _mce(self, step: Step, number: int) -> int | None:
        placed = self.line.parts[number]
        if placed.part.kind is not Kind.FUSED or placed.inputs[0] < step.start or not self._feeds(placed.inputs[0]):
            return None
        return placed.inputs[0]

    def _converted(self, each: Convert) -> Settled:
        shape = self.line.parts[each.tensor].part.out
        found = self.search.conversion(shape, each.source, each.target)
        assert found is not None  # the step would not have been taken
        return conversion(self.machine, found.read, found.written, each.source.fmt, each.target.fmt, each.before)
