"""The walk over the nodes: shapes inferred, constants folded, layers gathered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from npusim.bind.control import CONTROL
from npusim.bind.order import needed, ordered, reads
from npusim.bind.sequences import SEQUENCES
from npusim.bind.subgraph import nodes_in
from npusim.bind.values import LazyArrays, Values
from npusim.errors import InputError, NpusimError
from npusim.ir import MAX_ELEMENTS, DType, Graph, Layer, Notice, Role, Shape, Tensor
from npusim.model import Array, Model, Node, Spec
from npusim.ops import OPS, Call, Op
from npusim.ops.base import FAULTS

UNROLLED = 20_000  # nodes of subgraphs walked more often than the file has them; loops that need more stay uncounted
TOLD = 10  # warnings of one kind that are given in full


class Binder(Values):
    """Walks nodes in order and gathers the parts of a Graph.

    Attributes:
        lists: the tensors that each sequence holds, by the sequence's name. absent: names of empty optional values.
        declared: what the file states of tensors, those inside subgraphs included, by the names they have here.
        symbols: sizes of the dimensions that the file names; None where what it states is for sizes that are not used.
    """

    def __init__(self, model: Model, symbols: Mapping[str, int] | None) -> None:
        super().__init__()
        self.model = model
        self.layers: list[Layer] = []
        self.folded: list[Node] = []
        self.notices: list[Notice] = list(model.warnings)
        self.names: dict[str, int] = {}
        self.scopes: dict[str, int] = {}
        self.lists: dict[str, tuple[str, ...]] = {}
        self.declared = dict(model.declared)
        self.symbols = symbols
        self.absent: set[str] = set()
        self.budget: int | None = None
        for constant in model.constants.values():
            self.add_constant(constant)

    def run(self, inputs: Sequence[Tensor]) -> None:
        """Visits all nodes that an output needs."""
        self.tensors.update((tensor.name, tensor) for tensor in inputs)
        order, dead = needed(ordered(self.model), self.model.outputs)
        if dead:
            more = ", ..." if len(dead) > 3 else ""
            self.notice(
                "dead-node", f"{len(dead)} node(s) that no output needs are not counted: {', '.join(dead[:3])}{more}"
            )
        for node in order:
            self.visit(node)

    def scope(self, name: str) -> str:
        """What stands before the names inside a node's subgraphs: its own, numbered where another node has it."""
        count = self.scopes[name] = self.scopes.get(name, 0) + 1
        return name if count == 1 else f"{name}#{count}"

    def spend(self, nodes: int) -> None:
        """Keeps what is walked of subgraphs within bounds: each once, and loops whose turns differ turn by turn."""
        if self.budget is None:
            self.budget = UNROLLED + 2 * nodes_in(self.model)
        self.budget -= nodes
        if self.budget < 0:
            raise InputError("its control flow takes too many nodes to walk", code="too-long", where=self.model.name)

    def notice(self, code: str, message: str) -> None:
        self.notices.append(Notice(code, message))

    def visit(self, node: Node, *, varying: bool = False) -> None:
        """Works a node in; ``varying``: what it makes of constants is not the same each time it runs."""
        op = OPS.get(node.op)
        try:
            structure = CONTROL.get(node.op) or SEQUENCES.get(node.op)
            if structure is not None and structure(self, node):
                self.check_made(node)
                return
            call = self.call(node, op)
            specs = self.specs(node, op, call)
        except NpusimError:
            raise
        except FAULTS as fault:
            raise InputError(
                f"an attribute or input does not make sense ({fault})", code="bad-node", where=node.place
            ) from fault
        if op is not None and op.bound_only is not None and op.bound_only(call):
            self.notice(
                "data-dependent-shape",
                f"{node.place}: the size of its output depends on data; the largest possible is counted",
            )
        constant = all(tensor is None or tensor.is_constant for tensor in call.ins) or node.op in ("Shape", "Size")
        outs = self.outputs(node, specs, constant and not varying and node.op not in _RANDOM, call, op)
        for out in outs:
            self.tensors[out.name] = out
        if outs and all(out.is_constant for out in outs):
            self.fold(node, op, call, outs)
            self.folded.append(node)
        else:
            self.append(node)

    def check_made(self, node: Node) -> None:
        """InputError (bad-node) where a node of control flow or sequences names more outputs than it has."""
        for name in node.outputs:
            if name and name not in self.tensors and name not in self.lists:
                raise InputError(f"does not make its output {name!r}", code="bad-node", where=node.place)

    def append(self, node: Node) -> None:
        """Files the node as a layer."""
        name = self.unique(node.name or next((out for out in node.outputs if out), node.op))
        self.layers.append(Layer(name, node.op, node.inputs, node.outputs, node.attrs))

    def file(self, node: Node) -> None:
        """Files a node with subgraphs that stay unknown: a layer that reads all that they do."""
        self.append(Node(node.name, node.op, tuple(reads(node)), node.outputs))

    def call(self, node: Node, op: Op | None) -> Call:
        settings = op.settings if op is not None else ()
        parameters = op if op is not None and op.params and not op.scalars_are_settings else None
        ins: list[Tensor | None] = []
        values: list[Array | None] = []
        for slot, name in enumerate(node.inputs):
            if name in self.lists:
                raise InputError(
                    f"reads {name!r}, which is a sequence of tensors and not one", code="bad-node", where=node.place
                )  # fmt: skip
            tensor = self.tensors[name] if name else None
            ins.append(tensor)
            if tensor is None or not tensor.is_constant:
                values.append(None)
            elif parameters is not None and tensor.dtype.is_float and parameters.takes_parameter(slot):
                values.append(None)  # no shape depends on a parameter, however small
            else:
                values.append(self.value(name, setting=slot in settings))
        return Call(node.name, node.op, node.attrs, tuple(ins), tuple(values), n_outs=len(node.outputs))

    def specs(self, node: Node, op: Op | None, call: Call) -> Sequence[Spec]:
        if op is not None:
            return [(_sizes(shape), dtype) for shape, dtype in op.infer(call)]
        if self.model.infer is not None:
            known = [None if t is None else (t.shape, t.dtype) for t in call.ins]
            inferred = self.model.infer(node, known, list(call.values))
            if inferred is not None:
                return inferred
        return [self.told(node, name) for name in node.outputs]

    def stated(self, name: str) -> Spec | None:
        """What the file states of a tensor, with named dimensions as they are bound; None where that is too little."""
        value = self.declared.get(name)
        if value is None or value.shape is None or self.symbols is None:
            return None
        sizes = [self.symbols.get(size) if isinstance(size, str) else size for size in value.shape]
        known = tuple(size for size in sizes if size is not None)
        return (known, value.dtype) if len(known) == len(sizes) else None

    def told(self, node: Node, name: str) -> Spec:
        """The type that the file states for a tensor that no rule can infer."""
        found = self.stated(name) if name else ((), DType.FLOAT32)
        if found is not None:
            return found
        domain, _, op = node.op.rpartition("::")
        told = "does not state" if self.symbols is not None else "states for its own input size alone"
        raise InputError(
            f"operator {op} of domain {domain or 'ai.onnx'} is not known, and the file {told} the shape of {name!r}",
            code="unknown-op", where=node.name,
            fix="store the shapes in the file (value_info), or replace the operator",
        )  # fmt: skip

    def outputs(self, node: Node, specs: Sequence[Spec], constant: bool, call: Call, op: Op | None) -> list[Tensor]:
        if len(node.outputs) > len(specs):
            raise InputError(
                f"has {len(node.outputs)} outputs where {len(specs)} are possible", code="bad-node", where=node.place
            )  # fmt: skip
        stored = self.stored(call, op) if constant else ()
        outs = []
        for name, (shape, dtype) in zip(node.outputs, specs, strict=False):
            if name:
                role = Role.WEIGHTS if constant else Role.ACTIVATION
                outs.append(Tensor(name, shape, dtype, role, stored=(stored or (name,)) if constant else ()))
        return outs

    def stored(self, call: Call, op: Op | None) -> tuple[str, ...]:
        settings = op.settings if op is not None else ()
        data = (t for slot, t in enumerate(call.ins) if t is not None and slot not in settings)
        return tuple(dict.fromkeys(name for tensor in data for name in tensor.stored))

    def unique(self, name: str) -> str:
        """The node's name, numbered where the file uses it twice."""
        count = self.names.get(name, 0)
        self.names[name] = count + 1
        return self.unique(f"{name}#{count + 1}") if count else name

    def graph(self, inputs: Sequence[Tensor]) -> Graph:
        """The Graph of what was visited; a sequence among the outputs stands there as its tensors."""
        outputs = tuple(name for out in self.model.outputs for name in self.lists.get(out, (out,)))
        used = {name for layer in self.layers for name in (*layer.inputs, *layer.outputs) if name}
        used.update(outputs, (tensor.name for tensor in inputs))
        folded = self.needed_folds(used)
        for name in [name for name in used if self.tensors[name].is_constant]:
            used.update(self.tensors[name].stored)
        kept = {name: tensor for name, tensor in self.tensors.items() if name in used}
        return Graph(
            name=self.model.name, tensors=kept, layers=tuple(self.layers), inputs=tuple(t.name for t in inputs),
            outputs=outputs, constants={n: v for n, v in self.values.items() if n in kept and v is not None},
            weights=LazyArrays({n: m for n, m in self.makers.items() if n in kept}),
            sha256=self.model.sha256, warnings=_gathered(self.notices), opsets=self.model.opsets, folded=folded,
        )  # fmt: skip

    def needed_folds(self, used: set[str]) -> tuple[Layer, ...]:
        """What makes the constants among ``used``, to which the names that it reads are added."""
        found = []
        for node in reversed(self.folded):
            if not used.isdisjoint(node.outputs):
                used.update(name for name in (*node.inputs, *node.outputs) if name)
                found.append(Layer(node.name or node.outputs[0], node.op, node.inputs, node.outputs, node.attrs))
        return tuple(reversed(found))

    def stated_otherwise(self) -> Iterator[Notice]:
        """A warning for each output whose shape the file states and its nodes do not give."""
        for name in self.model.outputs:
            stated, tensor = self.model.declared.get(name), self.tensors.get(name)
            if stated is None or stated.shape is None or tensor is None:
                continue
            fits = len(stated.shape) == len(tensor.shape) and all(
                not isinstance(want, int) or want == size for want, size in zip(stated.shape, tensor.shape, strict=True)
            )
            if not fits:
                yield Notice(
                    "shape-mismatch", f"output {name!r}: the file states {stated.shape}, its nodes give {tensor.shape}"
                )

    def batched_otherwise(self, inputs: Sequence[Tensor]) -> Iterator[Notice]:
        """A warning for each output whose batch has changed though no input's has: a reshape took a new size for it."""
        own = [value.shape[0] for value in self.model.inputs if value.shape]
        given = [tensor.shape[0] for tensor in inputs if tensor.shape]
        for name in self.model.outputs if own == given else ():
            stated, tensor = self.model.declared.get(name), self.tensors.get(name)
            if stated is None or not stated.shape or tensor is None or not tensor.shape:
                continue
            if isinstance(stated.shape[0], int) and stated.shape[0] != tensor.shape[0]:
                text = (
                    f"output {name!r}: its batch is {tensor.shape[0]} at this size, and {stated.shape[0]} in the file"
                )
                yield Notice("shape-mismatch", f"{text}; a reshape inside may be made for the file's size alone")


def _gathered(notices: Sequence[Notice]) -> tuple[Notice, ...]:
    """The first few of each kind, in order, and how many more there were."""
    counts: Counter[str] = Counter()
    kept = []
    for notice in notices:
        counts[notice.code] += 1
        if counts[notice.code] <= TOLD:
            kept.append(notice)
    more = ((code, count - TOLD) for code, count in counts.items() if count > TOLD)
    return (*kept, *(Notice(code, f"{count:,} more warning(s) of this kind") for code, count in more))


_RANDOM = ("RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli", "Multinomial")


def _sizes(shape: Sequence[Any]) -> Shape:
    sizes = tuple(int(size) for size in shape)
    total = 1
    for size in sizes:
        if size < 0:
            raise ValueError(f"a size of {size}")
        total *= max(size, 1)
    if total > MAX_ELEMENTS // 64:
        raise ValueError(f"shape {sizes} is too large to count")
    return sizes
