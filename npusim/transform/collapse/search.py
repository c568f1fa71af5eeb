"""Which chains to collapse: the fewest MACs, then the fewest nodes, by dynamic programming from inputs to outputs.

Where both are equal, a Pad in front of a convolution is better than a node that computes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from npusim.transform.collapse.affine import Affine, Refusal
from npusim.transform.collapse.algebra import compose, total
from npusim.transform.collapse.branches import KIND, RESIDUAL
from npusim.transform.collapse.network import Network
from npusim.transform.collapse.partial import Partial, leaves, partials
from npusim.transform.collapse.steps import Cost, Step, count_of, macs_of
from npusim.transform.collapse.storable import Way, way_of


class Rules(msgspec.Struct, frozen=True):
    """What the search may do.

    Attributes:
        pad_intermediate: borders that would differ are made right by other padding.
        always: the fewest nodes count, whatever MACs they cost.
    """

    pad_intermediate: bool = False
    always: bool = False


class Search:
    """Ways to have each tensor of one state of the network.

    Attributes:
        ways: for the output of each step, the convolution of each tensor further up that it is as well.
        best: the least that it costs to have it, from the nearest tensors that must be there anyway.
        chosen: what to put in its place; None where its node stays.
        barred: ways to have an output that cannot be written down.
    """

    def __init__(
        self, steps: Mapping[str, Step], network: Network, rules: Rules,
        barred: Mapping[tuple[str, Way], Refusal] | None = None,
    ) -> None:  # fmt: skip
        self.steps = steps
        self.network = network
        self.rules = rules
        self.barred = barred or {}
        self.readers = readers(steps, network)
        self.ways: dict[str, dict[str, Affine]] = {}
        self.best: dict[str, Cost] = {}
        self.chosen: dict[str, Affine | Partial | None] = {}
        for name, step in steps.items():
            self.ways[name] = self._ways(step)
            self._choose(step)

    def is_inner(self, name: str) -> bool:
        """Whether a tensor is made by a step, for one other step alone."""
        return name in self.steps and self.readers.get(name) == 1

    def collapses(self) -> dict[str, Affine | Partial]:
        """What to put in, by output: what the search chose, from the outputs back."""
        inner = {name for step in self.steps.values() for name in step.inputs if self.is_inner(name)}
        waiting = [name for name in self.steps if name not in inner]
        found: dict[str, Affine | Partial] = {}
        while waiting:
            name = waiting.pop()
            chosen = self.chosen[name]
            if chosen is not None:
                found[name] = chosen
            waiting += [each for each in self._sources(name, chosen) if self.is_inner(each)]
        return found

    def _sources(self, name: str, chosen: Affine | Partial | None) -> tuple[str, ...]:
        """What the output of a step is then made of."""
        if chosen is None:
            return self.steps[name].inputs
        if isinstance(chosen, Affine):
            return (chosen.source,)
        return (chosen.made.source, *(term.source for term in chosen.rest))

    def _ways(self, step: Step) -> dict[str, Affine]:
        """What the step is of each tensor from which all its terms come: sums over the terms."""
        choices = [self._ways_of(term) for term in step.terms]
        found = {}
        for source in choices[0]:
            parts = [ways[source] for ways in choices if source in ways]
            made = total(parts) if len(parts) == len(choices) else Refusal("")
            ending = made if isinstance(made, Refusal) else self._ending(made, step, parts)
            if not isinstance(ending, Refusal) and (step.output, way_of(ending)) not in self.barred:
                found[source] = ending
        if len(step.terms) == 1:
            found.pop(step.terms[0].source, None)  # that is the node as it stands
        return found

    def _ways_of(self, term: Affine) -> dict[str, Affine]:
        """What a term is of its own tensor, and of those further up."""
        behind = [self.behind(way, term) for way in self._all(term.source)] if self.is_inner(term.source) else []
        return {term.source: term} | {each.source: each for each in behind if not isinstance(each, Refusal)}

    def _all(self, name: str) -> list[Affine]:
        """The ways to have a tensor, its own step among them where that is one convolution."""
        step = self.steps[name]
        own = [self._ending(step.terms[0], step, [])] if len(step.terms) == 1 else []
        return [*own, *self.ways[name].values()]

    def behind(self, way: Affine, term: Affine) -> Affine | Refusal:
        return compose(way, term, pad_intermediate=self.rules.pad_intermediate)

    def _ending(self, made: Affine, step: Step, parts: list[Affine]) -> Affine:
        """The convolution with the step among those that it takes the place of."""
        kind = step.kind
        if kind == KIND and any(not part.through for part in parts):
            kind = RESIDUAL
        through = tuple(dict.fromkeys((*made.through, step.output)))
        return msgspec.structs.replace(made, place=step.place, through=through, kinds=(*made.kinds, kind))

    def _choose(self, step: Step) -> None:
        """The cheapest way; the node stays where none is cheaper."""
        best = self._cost(step.cost, self._sources(step.output, None))
        chosen: Affine | Partial | None = None
        options: list[Affine | Partial] = [*self.ways[step.output].values(), *self._partials(step)]
        for option in options:
            made, more = (option, 0) if isinstance(option, Affine) else (option.made, len(option.rest))
            if not any(self.steps[name].products for name in made.through):
                continue
            own = macs_of(made, step.output, self.network), count_of(made) + more, 1 + more
            cost = self._cost(own, self._sources(step.output, option))
            if self._key(cost) < self._key(best):
                best, chosen = cost, option
        self.best[step.output], self.chosen[step.output] = best, chosen

    def _partials(self, step: Step) -> list[Partial]:
        if len(step.terms) < 2:
            return []
        terms, joins = leaves(step, {name: each for name, each in self.steps.items() if self.is_inner(name)})
        found = partials(terms, [self._ways_of(term) for term in terms], joins) if len(terms) > 2 else ()
        return [each for each in found if (step.output, way_of(each.made)) not in self.barred]

    def _cost(self, own: Cost, sources: Iterable[str]) -> Cost:
        return _sum(own, *(self.best[name] for name in sources if self.is_inner(name)))

    def _key(self, cost: Cost) -> Cost:
        macs, count, computing = cost
        return (count, macs, computing) if self.rules.always else cost


def readers(steps: Mapping[str, Step], network: Network) -> dict[str, int]:
    """How often each tensor is read, as the network stands with these steps."""
    counts = dict(network.readers)
    for step in steps.values():
        if step.collapsed:
            for node in step.nodes:
                for name in node.inputs:
                    counts[name] = counts.get(name, 0) - 1
            for name in step.inputs:
                counts[name] = counts.get(name, 0) + 1
    return counts


def _sum(*costs: Cost) -> Cost:
    macs, count, computing = (sum(each[index] for each in costs) for index in range(3))
    return macs, count, computing
