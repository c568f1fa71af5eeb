"""Graph to line of parts (PLANNER.md section 1): the layers in order, then selectors that melt, then the numbering."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from npusim.counts import LayerWork
from npusim.ir import Graph, Notice
from npusim.options import Options
from npusim.targets.ethos_n.lowering import convolution, shape, vector  # noqa: F401 - they register their rules
from npusim.targets.ethos_n.lowering.builder import RULES, Builder, Draft, sentences
from npusim.targets.ethos_n.machine import Machine
from npusim.targets.ethos_n.parts import Coded, Kind, Line, Part, Placed, Weights


class Lowered(msgspec.Struct, frozen=True):
    """The line of parts of a graph.

    Attributes:
        unowned: layers that no part accounts for, since they cost nothing and read the graph's inputs.
    """

    line: Line
    unowned: tuple[str, ...]
    notices: tuple[Notice, ...]


def lower(graph: Graph, works: Sequence[LayerWork], machine: Machine, options: Options) -> Lowered:
    """The parts of a graph; layers of unknown operators are left out, what they make comes from outside."""
    builder = Builder(graph, works, machine, options)
    for name in graph.inputs:
        builder.makers[name] = _source(builder, name)
    for each in works:
        _visit(builder, each)
    for name in graph.outputs:
        if name in builder.makers:
            made = builder.shape(name)
            draft = Draft(Part(Kind.OUTPUT, (made,), made), [builder.maker(name)], (), name)
            draft.repeat = builder.frames
            builder.drafts.append(draft)
    return Lowered(number(melt(builder.drafts)), tuple(builder.unowned), sentences(builder))


def _source(builder: Builder, tensor: str) -> Draft:
    draft = Draft(Part(Kind.INPUT, (), builder.shape(tensor)), (), (), tensor)
    builder.drafts.append(draft)
    return draft


def _visit(builder: Builder, each: LayerWork) -> None:
    if each.work is None:
        for name in each.layer.outputs:
            builder.makers[name] = _source(builder, name)
    elif each.work.view and not any(each.layer.outputs):
        builder.unowned.append(each.layer.name)  # it holds parameters, and nothing runs
    elif not builder.data(each):
        builder.off(each, f"{each.layer.op} makes its output from nothing")
    elif each.layer.op in RULES:
        RULES[each.layer.op](builder, each)
    elif each.work.view:
        RULES["Reshape"](builder, each)
    else:
        builder.off(each, f"{each.layer.op} does not run on this hardware")


def melt(drafts: list[Draft]) -> list[Draft]:
    """Rules 5 and 15: a selector goes into the only convolution that reads it, unless that takes more MACs than
    both."""
    readers: dict[int, list[Draft]] = {}
    for draft in drafts:
        for source in draft.inputs:
            readers.setdefault(id(source), []).append(draft)
    gone: set[int] = set()
    for draft in drafts:
        behind = readers.get(id(draft), [])
        if draft.selector and len(behind) == 1 and _takes(behind[0].part, draft.part):
            reader, source = behind[0], draft.inputs[0]
            reader.part = _with_selector(reader.part, draft.part)
            reader.inputs = [source]
            reader.layers += draft.layers
            readers[id(source)] = [reader if other is draft else other for other in readers[id(source)]]
            gone.add(id(draft))
    return [draft for draft in drafts if id(draft) not in gone]


def _takes(reader: Part, selector: Part) -> bool:
    if reader.kind not in (Kind.MCE, Kind.FC) or reader.depthwise or reader.stride > 1:
        return False
    taps = reader.kernel[0] * reader.kernel[1]
    padded, out = selector.mce_in[2], reader.out[2]
    own = padded if selector.depthwise else padded * selector.out[2]
    return taps * padded * out <= own + taps * reader.channels * out


def _with_selector(reader: Part, selector: Part) -> Part:
    """The reader of the selector's own input: padding has no weights; an activation's selector repeats channel 0."""
    if selector.depthwise:
        weights = Weights(Coded.REPEATED, given=None if reader.weights is None else reader.weights.given)
    else:
        assert reader.weights is not None
        assert selector.weights is not None
        weights = msgspec.structs.replace(reader.weights, zero_runs=selector.weights.zero_runs)
    ins = selector.mce_in
    if reader.kind is Kind.FC:  # the vendor's code takes it for a convolution: the bricks then have all channels each
        ins = (*reader.ins[0][:2], ins[2])
    return msgspec.structs.replace(reader, ins=(ins,), channels=ins[2], weights=weights)


def number(drafts: Sequence[Draft]) -> Line:
    """Numbering: from the parts that nobody reads, in order of creation, depth first along the inputs in slot order."""
    read = {id(source) for draft in drafts for source in draft.inputs}
    order: list[Draft] = []
    done: set[int] = set()
    for end in drafts:
        stack = [] if id(end) in read else [(end, 0)]
        while stack:
            draft, slot = stack.pop()
            if id(draft) in done:
                continue
            if slot < len(draft.inputs):
                stack += [(draft, slot + 1), (draft.inputs[slot], 0)]
            else:
                done.add(id(draft))
                order.append(draft)
    return _placed(order)


def _placed(order: Sequence[Draft]) -> Line:
    at = {id(draft): index for index, draft in enumerate(order)}
    consumers: list[list[tuple[int, int]]] = [[] for _ in order]
    for index, draft in enumerate(order):
        for slot, source in enumerate(draft.inputs):
            consumers[at[id(source)]].append((index, slot))
    return Line(tuple(
        Placed(
            number=index, part=draft.part, inputs=tuple(at[id(source)] for source in draft.inputs),
            consumers=tuple(consumers[index]), layers=tuple(draft.layers), name=draft.name, repeat=draft.repeat,
        )
        for index, draft in enumerate(order)
    ))  # fmt: skip
