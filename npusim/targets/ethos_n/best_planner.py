"""The best plan as passes: never dearer than the vendor's."""

from __future__ import annotations

from collections.abc import Sequence

from npusim.cost import LayerCost
from npusim.errors import EstimateError
from npusim.targets.ethos_n.best import BestSearch, Convert, LineSearch, Step
from npusim.targets.ethos_n.columns import Plans
from npusim.targets.ethos_n.glue import Chosen
from npusim.targets.ethos_n.machine import Machine
from npusim.targets.ethos_n.parts import Kind, Line
from npusim.targets.ethos_n.passes import Rules
from npusim.targets.ethos_n.planner import Planned, VendorPlanner
from npusim.targets.ethos_n.settle import End, Settled, conversion, operation
from npusim.targets.ethos_n.stores import NEVER


class BestPlanner:
    """Plans lines for one machine at the least cost; it remembers what it found, as the vendor's planner does."""

    def __init__(self, machine: Machine, rules: Rules) -> None:
        self.machine = machine
        self.rules = rules
        self.vendor = VendorPlanner(machine, rules)
        self.search = BestSearch(machine, rules)

    @property
    def is_full(self) -> bool:
        return self.vendor.is_full

    def plan(self, line: Line) -> Planned:
        """The cheapest plan; the vendor's own where nothing is cheaper.

        Raises:
            EstimateError: no-plan, where a part fits neither alone nor in a section.
        """
        known, most = self._vendors(line)
        steps = LineSearch(line, self.search, most).run()
        if steps is None:
            if known is None:
                raise self.vendor.no_plan(line)
            return known
        found = _Assembly(line, self.machine, self.rules, self.search).all(steps)
        return found if known is None or total_cycles(line, found) <= most else known

    def _vendors(self, line: Line) -> tuple[Planned | None, float]:
        try:
            found = self.vendor.plan(line)
        except EstimateError:  # where first fit finds no place, a better packing may
            return None, NEVER
        return found, total_cycles(line, found)


def total_cycles(line: Line, planned: Planned) -> float:
    """Cycles of all passes, repetitions included."""
    return float(sum(pass_cycles(line, each) for each in planned.passes))


def pass_cycles(line: Line, each: Settled) -> float:
    return LayerCost(each.bounds).cycles * line.parts[each.after].repeat


class _Assembly:
    """Steps of the search as passes."""

    def __init__(self, line: Line, machine: Machine, rules: Rules, search: BestSearch) -> None:
        self.line, self.machine, self.rules, self.search = line, machine, rules, search
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
        reads = {(number, slot): End(fmt, None) for number, slot, fmt in step.reads}
        for number in range(step.start, step.start + step.length):
            if self.line.parts[number].part.kind.searched and not self.chosen[number].feeds_ple:
                last = number == step.start + step.length - 1
                targets = [End(store.fmt, store.whole) for store in step.stored] if last else []
                front = self.chosen[number].mce
                reader = number if front is None else front
                sources = [reads.get((reader, slot)) for slot in range(len(self.line.parts[reader].inputs))]
                self.passes.append(
                    operation(self.line, self.chosen, number, sources, targets, self.machine, self.rules)
                )

    def _plans(self, step: Step) -> Sequence[tuple[Plans | None, int]]:
        """The plan of each part of a step, with the bytes of a bank that are taken when it begins."""
        if step.index is None:
            return [(None, 0)]
        if step.end is not None:
            return step.end.closed(step.index).chosen()
        table = self.search.table(
            self.line.parts[step.start].part, *self.search.stores(self.line, step.start)
        )
        row = int(table.rows[step.index])
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
        return conversion(self.machine, found.read, found.written, each.source, each.target.fmt, each.before)

