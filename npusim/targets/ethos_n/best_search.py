"""What the best planner knows of parts and tensors, for any network on one machine."""

from __future__ import annotations

from collections.abc import Sequence

from npusim.targets.ethos_n.best_sections import BestSections
from npusim.targets.ethos_n.best_tables import Choice, Table, lonely_table
from npusim.targets.ethos_n.machine import Machine, Shape3
from npusim.targets.ethos_n.parts import Line, Part
from npusim.targets.ethos_n.passes import Rules
from npusim.targets.ethos_n.stores import Conversion, Store, cheapest_conversion, choices, stores_of


class BestSearch:
    """Tables that hold for any network on one machine."""

    def __init__(self, machine: Machine, rules: Rules) -> None:
        self.machine = machine
        self.rules = rules
        self.sections = BestSections(machine, rules)
        self.tables: dict[tuple[Part, tuple[Store, ...], tuple[Choice, ...]], Table] = {}
        self.copies: dict[tuple[Shape3, Store, Store], Conversion | None] = {}

    def stores(self, line: Line, number: int) -> tuple[list[Store], list[Choice]]:
        """The forms that a part may store its output in, and which of them at once."""
        found = stores_of(line, number, self.machine)
        return found, choices(found, len(line.parts[number].consumers))

    def table(self, part: Part, stores: Sequence[Store], chosen: Sequence[Choice]) -> Table:
        key = (part, tuple(store._replace(reader=None) for store in stores), tuple(chosen))
        if key not in self.tables:
            self.tables[key] = lonely_table(part, self.machine, self.rules, stores, chosen)
        return self.tables[key]

    def conversion(self, shape: Shape3, source: Store, target: Store) -> Conversion | None:
        key = (shape, source, target._replace(reader=None))
        if key not in self.copies:
            self.copies[key] = cheapest_conversion(self.machine, shape, source, target, self.rules.saving)
        return self.copies[key]
