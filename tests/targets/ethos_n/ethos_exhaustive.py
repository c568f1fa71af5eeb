"""All ways to run a line on the Ethos-N78, tried one by one: cuts, plans, formats, stores, conversions; none is
dropped."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import product

from npusim.cost import LayerCost
from npusim.targets.ethos_n.best_search import BestSearch
from npusim.targets.ethos_n.best_sections import BestSections, _single
from npusim.targets.ethos_n.best_tables import legal_plans
from npusim.targets.ethos_n.columns import C, Plans
from npusim.targets.ethos_n.costs import Format
from npusim.targets.ethos_n.dram import Buffer
from npusim.targets.ethos_n.glue import Chosen
from npusim.targets.ethos_n.levels import may_join, place_of
from npusim.targets.ethos_n.machine import Machine
from npusim.targets.ethos_n.parts import Kind, Line
from npusim.targets.ethos_n.passes import Rules
from npusim.targets.ethos_n.settle import End, PassCosts
from npusim.targets.ethos_n.stores import NEVER, Store, formats_of

Stores = frozenset[Store]
State = tuple[tuple[int, Stores], ...]  # of each tensor that is still to be read, by number: the forms it lies in


class Exhaustive:
    """The least cycles of a line without concatenations and work beside the hardware."""

    def __init__(self, line: Line, machine: Machine, rules: Rules) -> None:
        self.line, self.machine, self.rules = line, machine, rules
        self.search = BestSearch(machine, rules)
        self.costs = PassCosts(machine, rules)
        self.tried = 0

    def cycles(self) -> float:
        @cache
        def least(cut: int, state: State) -> float:
            if cut == len(self.line.parts):
                return 0.0
            return min(
                (cost + least(stop, after) for cost, stop, after in self._steps(cut, dict(state))), default=NEVER
            )

        return least(0, ())

    def _steps(self, cut: int, forms: dict[int, Stores]) -> Iterator[tuple[float, int, State]]:
        placed = self.line.parts[cut]
        if placed.part.kind is Kind.INPUT:
            yield 0.0, cut + 1, self._left(cut + 1, forms | {cut: frozenset({Store(Format.NHWC)})})
        elif placed.part.kind is Kind.OUTPUT:
            (source,) = placed.inputs
            own = Store(Format.NHWC, reader=(cut, 0))
            yield self._changed(source, forms[source], own), cut + 1, self._left(cut + 1, forms)
        else:
            for length, cycles in self._ways(cut):
                for (read, stored), cost in cycles.items():
                    now, extra = dict(forms), 0.0
                    for source, fmt in read:
                        extra += self._changed(source, now[source], Store(fmt))
                        now[source] |= {Store(fmt)}
                    now[cut + length - 1] = stored
                    yield cost + extra, cut + length, self._left(cut + length, now)

    def _left(self, cut: int, forms: dict[int, Stores]) -> State:
        """Without tensors that nothing reads any more."""
        return tuple(
            (number, forms[number]) for number in sorted(forms)
            if any(reader >= cut for reader, _ in self.line.parts[number].consumers)
        )  # fmt: skip

    def _changed(self, number: int, forms: Stores, wanted: Store) -> float:
        if wanted in forms:
            return 0.0
        shape = self.line.parts[number].part.out
        found = [self.search.conversion(shape, store, wanted) for store in forms if store.reader is None]
        return min((each.cycles for each in found if each is not None), default=NEVER)

    @cache  # noqa: B019 - one line, one test
    def _ways(self, start: int) -> list[tuple[int, dict[tuple[tuple[tuple[int, Format], ...], Stores], float]]]:
        """Of each number of parts from here, the least cycles for each way to read and to store."""
        alone = legal_plans(self.line.parts[start].part, self.machine)
        found = [(1, self._least(start, [[row] for row in _rows(alone)]))]
        sections = BestSections(self.machine, self.rules)
        level = sections._start(_single(place_of(self.line, start, start)))
        for at in range(start + 1, len(self.line.parts)):
            if level is None or not may_join(self.line, start, at):
                break
            place = _single(place_of(self.line, start, at))
            last = place._replace(feeds_ple=False, consumers=())
            taken = {(n, place.number, slot) for slot, n in enumerate(place.inputs) if n is not None}
            joined = sections._endings(level, last) if not level.open - taken else None
            if joined is not None:
                plans, _, parents = joined
                chains = []
                for row, parent in zip(_rows(plans), parents.tolist(), strict=True):
                    chain, above, index = [row], level, parent
                    while above is not None:
                        chain.insert(0, above.plans.take(slice(index, index + 1)))
                        above, index = above.before, int(above.parents[index])
                    chains.append(chain)
                found.append((at - start + 1, self._least(start, chains)))
            level = sections._continue(level, place)
        return found

    def _least(
        self, start: int, chains: list[list[Plans]]
    ) -> dict[tuple[tuple[tuple[int, Format], ...], Stores], float]:
        found: dict[tuple[tuple[tuple[int, Format], ...], Stores], float] = {}
        for chain in chains:
            numbers = range(start, start + len(chain))
            outside = [
                (number, slot, source) for number in numbers
                for slot, source in enumerate(self.line.parts[number].inputs) if source < start
            ]  # fmt: skip
            for formats in product(formats_of(self.machine), repeat=len(outside)):
                reads = {(number, slot): fmt for (number, slot, _), fmt in zip(outside, formats, strict=True)}
                if not all(
                    self._reads(chain[number - start], number, slot, fmt) for (number, slot), fmt in reads.items()
                ):
                    continue
                for stored in self._stored(chain[-1], numbers[-1]):
                    self.tried += 1
                    key = (tuple((source, reads[number, slot]) for number, slot, source in outside), frozenset(stored))
                    found[key] = min(found.get(key, NEVER), self._run(start, chain, reads, stored))
        return found

    def _reads(self, plan: Plans, number: int, slot: int, fmt: Format) -> bool:
        row = plan.data[:, 0].tolist()
        stripe = (row[C.IN], row[C.IN + 1], row[C.IN + 2])
        packed, forbidden = bool(row[C.PACK_ROWS] or row[C.PACK_SIDES]), bool(row[C.WIDE_FORBIDDEN])
        tile = Buffer(self.line.parts[number].part.ins[slot], stripe=stripe, packed=packed, wide_forbidden=forbidden)
        return tile.accepts(self.machine, fmt)

    def _stored(self, plan: Plans, number: int) -> Iterator[tuple[Store, ...]]:
        row, stores = plan.data[:, 0].tolist(), self.search.stores(self.line, number)[0]
        tile = Buffer(self.line.parts[number].part.out, stripe=(row[C.OUT], row[C.OUT + 1], row[C.OUT + 2]))
        good = [store for store in stores if tile.accepts(self.machine, store.fmt, store.whole, store.offset)]
        yield from ((store,) for store in good)
        if len(self.line.parts[number].consumers) > 1:
            yield from ((a, b) for at, a in enumerate(good) for b in good[at + 1 :])

    def _run(
        self, start: int, chain: list[Plans], reads: dict[tuple[int, int], Format], stored: tuple[Store, ...]
    ) -> float:
        """Cycles of the passes of a part or a section, each at the cost that a plan shows."""
        stop, total = start + len(chain), 0.0
        feeds = {number: self._feeds(number) and number + 1 < stop for number in range(start, stop)}
        chosen = [Chosen(None, 0)] * start
        for number, plan in enumerate(chain, start):
            source = self.line.parts[number].inputs[0]
            mce = source if feeds.get(source) and self.line.parts[number].part.kind is Kind.FUSED else None
            chosen.append(Chosen(plan, 0, feeds_ple=feeds[number], mce=mce))
        for number in range(start, stop):
            if not feeds[number]:
                front = chosen[number].mce
                reader = number if front is None else front
                ends = [reads.get((reader, slot)) for slot in range(len(self.line.parts[reader].inputs))]
                sources = [None if fmt is None else End(fmt, None) for fmt in ends]
                targets = [End(store.fmt, store.whole) for store in stored] if number == stop - 1 else []
                total += LayerCost(self.costs.operation(self.line, chosen, number, sources, targets).bounds).cycles
        return total

    def _feeds(self, number: int) -> bool:
        placed = self.line.parts[number]
        return placed.part.kind is Kind.MCE and self.line.feeds_ple[number] and len(placed.consumers) == 1


def _rows(plans: Plans) -> Iterator[Plans]:
    return (plans.take(slice(row, row + 1)) for row in range(len(plans)))
