"""The walk over the nodes: shapes inferred, constants folded, layers gathered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from npusim.bind.control import CONTROL
from npusim.bind.order import needed, ordered
from npusim.bind.sequences import SEQUENCES
from npusim.errors import InputError, NpusimError
from npusim.ir import MAX_ELEMENTS, Graph, Layer, Notice, Role, Shape, Tensor
from npusim.model import VALUE_LIMIT, Array, Constant, Model, Node, Spec
from npusim.ops import OPS, Call, Op
from npusim.ops.base import FAULTS


class LazyArrays(Mapping[str, Array]):
    """Name to array, made when asked and not kept."""

    def __init__(self, makers: Mapping[str, Callable[[], Array]]) -> None:
        self._makers = makers

    def __getitem__(self, name: str) -> Array:
        return self._makers[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


class Binder:
    """Walks nodes in order and gathers the parts of a Graph.

    Attributes:
        tensors: every tensor so far, by name. values: elements of small constants. makers: how to make any constant's.
        repeat: how often what is visited now runs in one inference (inside a loop: its trip count).
        lists: the tensors that each sequence holds, by the sequence's name.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.tensors: dict[str, Tensor] = {}
        self.values: dict[str, Array] = {}
        self.makers: dict[str, Callable[[], Array]] = {}
        self.layers: list[Layer] = []
        self.notices: list[Notice] = list(model.warnings)
        self.names: dict[str, int] = {}
        self.repeat = 1
        self.lists: dict[str, tuple[str, ...]] = {}
        self.heavy: set[str] = set()  # made of constants too large to be worked out for a shape
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

    def branch(self) -> Binder:
        """A binder that starts where this one stands, to try a subgraph: it sees what is known, and adds to itself."""
        other = Binder(Model(self.model.name, (), (), (), declared=self.model.declared, infer=self.model.infer))
        other.tensors, other.values, other.makers = dict(self.tensors), dict(self.values), dict(self.makers)
        other.heavy = set(self.heavy)
        other.names, other.lists, other.repeat = dict(self.names), dict(self.lists), self.repeat
        return other

    def take(self, other: Binder) -> None:
        """Goes on from where a branch ended."""
        self.tensors, self.values, self.makers, self.heavy = other.tensors, other.values, other.makers, other.heavy
        self.names, self.lists = other.names, other.lists
        self.layers += other.layers
        self.notices += other.notices

    def notice(self, code: str, message: str) -> None:
        self.notices.append(Notice(code, message))

    def add_constant(self, constant: Constant) -> None:
        self.tensors[constant.name] = Tensor(
            constant.name, constant.shape, constant.dtype, Role.WEIGHTS, stored=(constant.name,)
        )
        if constant.read is not None:  # a network without weights has the shapes alone
            self.makers[constant.name] = constant.read

    def visit(self, node: Node) -> None:
        structure = CONTROL.get(node.op) or SEQUENCES.get(node.op)
        if structure is not None and structure(self, node):
            return
        op = OPS.get(node.op)
        call = self.call(node)
        try:
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
                f"{node.op} {node.name!r}: the size of its output depends on data; the largest possible is counted",
            )
        constant = all(tensor is None or tensor.is_constant for tensor in call.ins) or node.op in ("Shape", "Size")
        outs = self.outputs(node, specs, constant and node.op not in _RANDOM, call, op)
        for out in outs:
            self.tensors[out.name] = out
        if outs and all(out.is_constant for out in outs):
            self.fold(node, op, call, outs)
        else:
            self.append(node)

    def append(self, node: Node) -> None:
        """Files the node as a layer."""
        name = self.unique(node.name or next((out for out in node.outputs if out), node.op))
        self.layers.append(Layer(name, node.op, node.inputs, node.outputs, node.attrs, self.repeat))

    def call(self, node: Node) -> Call:
        ins = tuple(self.tensors[name] if name else None for name in node.inputs)
        values = tuple(self.value(name) if name else None for name in node.inputs)
        return Call(node.name, node.op, node.attrs, ins, values, n_outs=len(node.outputs))

    def value(self, name: str) -> Array | None:
        """The elements of a small constant, read at most once; None for all else and where they cannot be had."""
        if name in self.values:
            return self.values[name]
        tensor = self.tensors[name]
        if not tensor.is_constant or name not in self.makers or _is_weight(tensor):
            return None
        if name in self.heavy or tensor.elements > VALUE_LIMIT:
            return None
        try:
            self.values[name] = self.makers[name]()
        except NpusimError:
            return None
        return self.values[name]

    def specs(self, node: Node, op: Op | None, call: Call) -> Sequence[Spec]:
        if op is not None:
            return [(_sizes(shape), dtype) for shape, dtype in op.infer(call)]
        if self.model.infer is not None:
            known = [None if t is None else (t.shape, t.dtype) for t in call.ins]
            inferred = self.model.infer(node, known, list(call.values))
            if inferred is not None:
                return inferred
        return [self.declared(node, name) for name in node.outputs]

    def declared(self, node: Node, name: str) -> Spec:
        """The type that the file states for a tensor that no rule can infer."""
        value = self.model.declared.get(name)
        if value is not None and value.shape is not None and all(isinstance(d, int) for d in value.shape):
            return tuple(d for d in value.shape if isinstance(d, int)), value.dtype
        domain, _, op = node.op.rpartition("::")
        raise InputError(
            f"operator {op} of domain {domain or 'ai.onnx'} is not known, nor is the shape of {name!r} in the file",
            code="unknown-op",
            where=node.name,
            fix="store the shapes in the file (value_info), or replace the operator",
        )

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

    def fold(self, node: Node, op: Op | None, call: Call, outs: list[Tensor]) -> None:
        """Remembers how to make a constant's elements; nothing large is made before it is asked for."""
        execute = op.execute if op is not None else None
        if execute is None:
            return
        makers, inputs = self.makers, node.inputs
        needs = () if node.op in ("Shape", "Size") else tuple(name for name in inputs if name)
        done = Call(call.name, call.op, call.attrs, call.ins, call.values, tuple(outs), call.n_outs)

        def make(index: int) -> Array:
            arrays = [makers[name]() if name in needs else None for name in inputs]
            try:
                return execute(done, arrays)[index]
            except FAULTS as fault:
                raise InputError(
                    f"its value cannot be computed ({fault})", code="bad-node", where=node.place
                ) from fault

        if any(need in self.heavy or self.tensors[need].elements > VALUE_LIMIT for need in needs):
            self.heavy.update(node.outputs)
        for index, name in enumerate(node.outputs):
            if name and all(need in makers for need in needs):
                self.makers[name] = lambda index=index: make(index)  # type: ignore[misc]

    def unique(self, name: str) -> str:
        """The node's name, numbered where the file uses it twice."""
        count = self.names.get(name, 0)
        self.names[name] = count + 1
        return self.unique(f"{name}#{count + 1}") if count else name

    def graph(self, inputs: Sequence[Tensor]) -> Graph:
        """The Graph of what was visited; a sequence among the outputs stands there as its tensors."""
        outputs = tuple(name for out in self.model.outputs for name in self.lists.get(out, (out,)))
        read = {name for layer in self.layers for name in layer.inputs if name} | set(outputs)
        made = {name for layer in self.layers for name in layer.outputs}
        used = read | made
        kept = {name: tensor for name, tensor in self.tensors.items() if name in used or tensor.role is Role.INPUT}
        for tensor in list(kept.values()):
            for name in tensor.stored:
                kept.setdefault(name, self.tensors[name])
        return Graph(
            name=self.model.name, tensors=kept, layers=tuple(self.layers), inputs=tuple(t.name for t in inputs),
            outputs=outputs, constants={n: v for n, v in self.values.items() if n in kept},
            weights=LazyArrays({n: m for n, m in self.makers.items() if n in kept}),
            sha256=self.model.sha256, warnings=tuple(self.notices),
        )  # fmt: skip

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


_RANDOM = ("RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli", "Multinomial")


def _is_weight(tensor: Tensor) -> bool:
    """Floating-point constants of more than a handful of elements never say a shape (scales and sizes do)."""
    return tensor.dtype.is_float and tensor.elements > 64


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
