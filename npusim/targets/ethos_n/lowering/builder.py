"""The walk over a graph that makes parts of its layers; what each operator becomes is a rule of its own (PLANNER.md
section 1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

from npusim.counts import LayerWork
from npusim.ir import Graph, Notice, Shape
from npusim.options import Options
from npusim.targets.ethos_n.lowering.scales import Scales
from npusim.targets.ethos_n.machine import Machine, Shape3
from npusim.targets.ethos_n.parts import Coded, Kind, Part, Weights


class Draft:
    """A part while the line is being made.

    Attributes:
        layers: the graph layers that it accounts for.
        selector: it only picks channels, so that the convolution behind it may take its place (section 1, rules 5 and
            15).
        activated: an activation is its last step, so that a scale cannot go into its weights any more.
    """

    __slots__ = ("activated", "inputs", "layers", "name", "part", "repeat", "selector")

    def __init__(self, part: Part, inputs: Sequence[Draft], layers: Sequence[str], name: str) -> None:
        self.part = part
        self.inputs = list(inputs)
        self.layers = list(layers)
        self.name = name
        self.selector = False
        self.activated = False
        self.repeat = 1


class Builder:
    """Gathers drafts, and knows which one makes each tensor."""

    def __init__(self, graph: Graph, works: Sequence[LayerWork], machine: Machine, options: Options) -> None:
        self.graph = graph
        self.works = works
        self.machine = machine
        self.options = options
        self.scales = Scales(graph, options)
        self.frames = frames(graph)
        self.drafts: list[Draft] = []
        self.makers: dict[str, Draft] = {}
        self._owners: dict[str, Draft] = {}
        self._parts: dict[Part, Part] = {}
        self.unowned: list[str] = []  # layers that cost nothing and have no part before them
        self.notices: dict[str, list[str]] = {}
        self._readers = {name: len(graph.consumers(name)) + (name in graph.outputs) for name in graph.tensors}

    # --- what rules ask ---------------------------------------------------------------------------------------------

    def shape(self, tensor: str) -> Shape3:
        return shape3(self.graph.tensors[tensor].shape, self.frames)

    def data(self, each: LayerWork) -> list[str]:
        """Names of the operands that the graph makes, constants left out, by slot."""
        tensors = self.graph.tensors
        return [name for name in each.layer.inputs if name and not tensors[name].is_constant]

    def constants(self, each: LayerWork) -> list[str]:
        tensors = self.graph.tensors
        return [name for name in each.layer.inputs if name and tensors[name].is_constant]

    def maker(self, tensor: str) -> Draft:
        return self.makers[tensor]

    def only_reader(self, tensor: str) -> bool:
        """Whether a single layer, and no output of the graph, reads the tensor."""
        return self._readers[tensor] == 1

    def notice(self, code: str, layer: str) -> None:
        self.notices.setdefault(code, []).append(layer)

    # --- what rules make --------------------------------------------------------------------------------------------

    def add(self, each: LayerWork, part: Part, inputs: Sequence[Draft], suffix: str = "") -> Draft:
        """A part of a layer; the first one accounts for the layer until a rule says which does (``gives``)."""
        name = each.layer.name
        part = self._parts.setdefault(part, part)  # equal parts are one value, which knows its hash
        draft = Draft(part, inputs, () if name in self._owners else (name,), name + suffix)
        draft.repeat = each.layer.repeat * self.frames
        self._owners.setdefault(name, draft)
        self.drafts.append(draft)
        return draft

    def gives(self, each: LayerWork, draft: Draft) -> None:
        """The draft makes the layer's (first) output, and accounts for the layer."""
        self.makers[each.layer.outputs[0]] = draft
        name = each.layer.name
        owner = self._owners.get(name)
        if owner is not None and owner is not draft:
            owner.layers.remove(name)
            draft.layers.insert(0, name)
            self._owners[name] = draft

    def absorb(self, each: LayerWork, draft: Draft) -> None:
        """The layer costs nothing: the draft, which makes its input, makes its output as well."""
        (draft.layers if draft.part.kind is not Kind.INPUT else self.unowned).append(each.layer.name)
        for name in each.layer.outputs:
            if name:
                self.makers[name] = draft

    def can_absorb(self, tensor: str) -> bool:
        """Whether an activation (or a scale and bias of channels) on the tensor can go into the part that makes it
        (rule 5)."""
        return self.maker(tensor).part.kind in (Kind.MCE, Kind.FC) and self.only_reader(tensor)

    def identity(self, each: LayerWork, tensor: str, *, coded: Coded = Coded.IDENTITY, suffix: str = "") -> Draft:
        """An identity 1x1 depthwise convolution of a tensor."""
        shape = self.shape(tensor)
        part = Part(Kind.MCE, (shape,), shape, "passthrough", depthwise=True, weights=Weights(coded), channels=shape[2])
        return self.add(each, part, [self.maker(tensor)], suffix)

    def off(self, each: LayerWork, why: str) -> None:
        """What the hardware cannot run: one part an output, the first of which stands for the work (rules with EST)."""
        ins = self.data(each)
        for index, name in enumerate(name for name in each.layer.outputs if name):
            part = Part(Kind.OFF, tuple(self.shape(tensor) for tensor in ins), self.shape(name), why=why)
            draft = self.add(each, part, [self.maker(tensor) for tensor in ins], f".{index}" if index else "")
            self.makers[name] = draft


Rule = Callable[[Builder, LayerWork], None]
RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Registers a rule under names of operators."""

    def register(function: Rule) -> Rule:
        for name in names:
            RULES[name] = function
        return function

    return register


def frames(graph: Graph) -> int:
    """How many frames an inference has, which run one after another: the first axis, if it is that of every map."""
    sizes = {tensor.shape[0] for tensor in graph.tensors.values() if not tensor.is_constant and len(tensor.shape) > 1}
    return sizes.pop() if len(sizes) == 1 and min(sizes) > 1 else 1


def shape3(shape: Shape, count: int = 1) -> Shape3:
    """A tensor of one frame as height, width and channels: [N, C, H, W], [N, C, L] or [N, C]; all elements are in it.

    A batch that is not of frames, and axes beyond four, are part of the height.
    """
    sizes = [max(1, size) for size in shape]
    if count > 1 and sizes and sizes[0] == count:
        sizes[0] = 1
    if len(sizes) >= 4:
        return sizes[0] * prod(sizes[2:-1]), sizes[-1], sizes[1]
    if len(sizes) == 3:
        return sizes[0], sizes[2], sizes[1]
    if len(sizes) == 2:
        return 1, sizes[0], sizes[1]
    return 1, 1, sizes[0] if sizes else 1


def sentences(builder: Builder) -> tuple[Notice, ...]:
    """What the user should know of the lowering."""
    texts = {
        "expected-weights": "these weights are not encoded but taken for uniform random ones",
        "approximated-op": "PReLU is costed as leaky ReLU, which has one slope for all channels",
    }
    return tuple(
        Notice(
            code, f"{texts[code]}: {len(layers)} layer(s), {', '.join(layers[:3])}{', ...' if len(layers) > 3 else ''}"
        )
        for code, layers in builder.notices.items()
    )
