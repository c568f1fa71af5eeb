"""Why linear nodes stay: what the rules say of each of them and what it reads, as the network stands in the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from npusim.transform.collapse.affine import Affine, Refusal
from npusim.transform.collapse.search import Search
from npusim.transform.collapse.steps import PRODUCTS, Step, count_of, macs_of


class Left(msgspec.Struct, frozen=True):
    """A linear node that stays, though what it reads is linear too."""

    node: str
    why: str


def left_alone(search: Search, refused: Mapping[str, Refusal]) -> Iterator[Left]:
    """Nodes and reasons, in the order they run; element-wise steps among themselves are no matter."""
    places = {node.outputs[0]: node for node in search.network.nodes if node.outputs}
    for name, node in places.items():
        step = search.steps.get(name)
        if step is not None:
            why = _why(step, search)
            if why:
                yield Left(step.place, why)
        elif name in refused:
            readers = [each for each in search.steps.values() if name in each.inputs]
            sides = [search.steps[each] for each in node.inputs if each in search.steps] + readers
            if node.op in PRODUCTS or any(side.products for side in sides):
                yield Left(node.place, refused[name].why)


def _why(step: Step, search: Search) -> str:
    """The reason that the step stays, where a product is on one of the sides of it; empty where there is none."""
    before = [search.steps[name] for name in step.inputs if name in search.steps]
    if not before or not (step.products or any(each.products for each in before)):
        return ""
    barred = [refusal.why for (output, _), refusal in search.barred.items() if output == step.output]
    if barred:
        return "; ".join(dict.fromkeys(barred))
    dear = _dear(step, search)
    if dear:
        return dear
    reasons = [why for term in step.terms if (why := _between(term, search))]
    if not reasons and len(step.terms) > 1:
        return f"what it adds does not come from one tensor ({', '.join(dict.fromkeys(step.inputs))})"
    return "; ".join(dict.fromkeys(reasons))


def _between(term: Affine, search: Search) -> str:
    """Why a term and the step that it reads are not one convolution."""
    before = search.steps.get(term.source)
    if before is None:
        return ""
    if term.source in search.network.model.outputs:
        return f"{before.place} makes an output of the graph"
    if not search.is_inner(term.source):
        return f"what {before.place} makes is read {search.readers[term.source]} times"
    if len(before.terms) > 1:
        return f"{before.place} adds what does not come from one tensor"
    made = search.behind(before.terms[0], term)
    return made.why if isinstance(made, Refusal) else ""


def _dear(step: Step, search: Search) -> str:
    """What the cheapest convolution would cost, where there is one that was not worth it."""
    ways = [
        way for way in search.ways[step.output].values() if any(search.steps[each].products for each in way.through)
    ]
    if not ways:
        return ""
    way = min(ways, key=lambda each: macs_of(each, step.output, search.network))
    macs = macs_of(way, step.output, search.network)
    now = sum(search.steps[name].macs for name in way.through)
    if macs > now:
        return f"one convolution would take {macs:,} MACs where these take {now:,} (--always does it)"
    return f"it would take {count_of(way)} nodes, a Pad among them, and {macs:,} MACs: no fewer than now"
