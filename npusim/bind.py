"""Model to Graph: free dimensions bound, nodes ordered, shapes inferred, constants folded, dead nodes left out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from npusim.errors import InputError, NpusimError
from npusim.ir import MAX_ELEMENTS, Graph, Layer, Notice, Role, Shape, Tensor
from npusim.model import VALUE_LIMIT, Array, Constant, Model, Node, Spec, Value
from npusim.ops import OPS, Call, Op

SPATIAL_FROM = 2  # N and C come before the spatial axes


def bind(
    model: Model,
    *,
    size: tuple[int, int] | None = None,
    shapes: Mapping[str, Shape] | None = None,
    dims: Mapping[str, int] | None = None,
    batch: int | None = None,
) -> Graph:
    """Binds the free dimensions of a model and returns the Graph.

    Args:
        size: width and height of the frame, pixels: the last two axes of each image-like input.
        shapes: whole input shapes by input name.
        dims: symbolic dimensions by name, or one axis of one input as ``"input:axis"``.
        batch: the first axis of every input.

    Raises:
        InputError: dynamic-dim names what is still free; bad-option what does not exist; shape-mismatch, unknown-op,
            undefined-value, duplicate-output, cycle what is wrong in the model.
    """
    inputs = _bind_inputs(model, size, dict(shapes or {}), dict(dims or {}), batch)
    binder = _Binder(model)
    for tensor in inputs:
        binder.tensors[tensor.name] = tensor
    order, dead = _needed(_ordered(model), model.outputs)
    if dead:
        binder.notice("dead-node", f"{len(dead)} node(s) that no output needs are not counted: {_some(dead)}")
    for node in order:
        binder.visit(node)
    return binder.graph(inputs)


# --- inputs ---------------------------------------------------------------------------------------------------------


def _bind_inputs(
    model: Model, size: tuple[int, int] | None, shapes: dict[str, Shape], dims: dict[str, int], batch: int | None
) -> list[Tensor]:
    used: set[str] = set()
    bound, free = [], []
    for value in model.inputs:
        shape = _bind_one(value, size, shapes, dims, batch, used, model)
        if shape is None or any(type(d) is not int for d in shape):
            free.append(_free_text(value, shape))
            continue
        whole = tuple(d for d in shape if isinstance(d, int))
        bound.append(Tensor(value.name, whole, value.dtype, Role.INPUT))
    unused = sorted((set(shapes) | set(dims)) - used)
    if unused:
        known = ", ".join(value.name for value in model.inputs)
        raise InputError(
            f"the model has no input or free dimension {', '.join(map(repr, unused))}",
            code="bad-option", where=model.name, fix=f"its inputs are {known}; dimensions are named as in the file or INPUT:AXIS",
        )  # fmt: skip
    if free:
        raise InputError(
            f"free dimensions: {'; '.join(free)}", code="dynamic-dim", where=model.name,
            fix="bind them with --size WxH, --dim NAME=N, --shape INPUT=1x3x224x224 or --batch N",
        )  # fmt: skip
    return bound


def _bind_one(
    value: Value, size: tuple[int, int] | None, shapes: dict[str, Shape], dims: dict[str, int], batch: int | None,
    used: set[str], model: Model,
) -> tuple[int | str | None, ...] | None:  # fmt: skip
    given = shapes.get(value.name)
    if given is not None:
        used.add(value.name)
        if value.shape is not None and len(given) != len(value.shape):
            raise InputError(
                f"--shape gives {len(given)} sizes to an input of rank {len(value.shape)}",
                code="bad-option", where=value.name,
            )  # fmt: skip
        return given
    if value.shape is None:
        return None
    shape = list(value.shape)
    for axis, dim in enumerate(shape):
        for key in (f"{value.name}:{axis}", dim):
            if isinstance(key, str) and key in dims:
                shape[axis] = dims[key]
                used.add(key)
                break
    if batch is not None and shape:
        shape[0] = batch
    if size is not None and len(shape) == SPATIAL_FROM + 2 and _takes_size(value, model):
        shape[2:] = [size[1], size[0]]
    return tuple(shape)


def _takes_size(value: Value, model: Model) -> bool:
    """The main input (the first of rank 4) takes the frame's size, and so do others that are free in it."""
    main = next((v for v in model.inputs if v.shape is not None and len(v.shape) == SPATIAL_FROM + 2), None)
    return value is main or (value.shape is not None and not all(isinstance(d, int) for d in value.shape[2:]))


def _free_text(value: Value, shape: tuple[int | str | None, ...] | None) -> str:
    if shape is None:
        return f"{value.name} (rank unknown)"
    axes = (
        dim if isinstance(dim, str) else f"axis {axis}" for axis, dim in enumerate(shape) if not isinstance(dim, int)
    )
    return f"{value.name} needs {', '.join(axes)}"


def _some(names: Sequence[str], limit: int = 3) -> str:
    return ", ".join(names[:limit]) + (", ..." if len(names) > limit else "")


# --- order ----------------------------------------------------------------------------------------------------------


def _ordered(model: Model) -> list[Node]:
    """Nodes in topological order, as the file has them where that is one; captured values of subgraphs count as read."""
    made = set(model.constants) | {value.name for value in model.inputs}
    maker: dict[str, Node] = {}
    for node in model.nodes:
        for name in node.outputs:
            if name and (name in made or name in maker):
                raise InputError(f"makes {name!r}, which is made already", code="duplicate-output", where=node.name)
            if name:
                maker[name] = node
    waiting: dict[int, int] = {}
    readers: dict[str, list[Node]] = {}
    ready: deque[Node] = deque()
    position = {id(node): index for index, node in enumerate(model.nodes)}
    for node in model.nodes:
        missing = {name for name in node.inputs if name and name not in made}
        for name in missing:
            if name not in maker:
                raise InputError(
                    f"reads {name!r}, which nothing makes", code="undefined-value", where=f"{node.op} {node.name!r}"
                )
            readers.setdefault(name, []).append(node)
        waiting[id(node)] = len(missing)
        if not missing:
            ready.append(node)
    order: list[Node] = []
    while ready:
        node = ready.popleft()
        order.append(node)
        for name in node.outputs:
            for reader in readers.get(name, ()):
                waiting[id(reader)] -= 1
                if not waiting[id(reader)]:
                    ready.append(reader)
    if len(order) < len(model.nodes):
        stuck = next(node for node in model.nodes if waiting[id(node)])
        raise InputError("the graph has a cycle through this node", code="cycle", where=f"{stuck.op} {stuck.name!r}")
    for name in model.outputs:
        if name not in maker and name not in made:
            raise InputError("nothing makes this graph output", code="undefined-value", where=name)
    if all(position[id(a)] < position[id(b)] for node in order for name in node.outputs
           for a, b in ((node, reader) for reader in readers.get(name, ()))):  # fmt: skip
        return list(model.nodes)
    return order


def _needed(order: list[Node], outputs: Sequence[str]) -> tuple[list[Node], list[str]]:
    """The nodes that some output needs, and the names of the others."""
    wanted, kept, dead = set(outputs), [], []
    for node in reversed(order):
        if wanted.isdisjoint(node.outputs):
            dead.append(node.name)
        else:
            kept.append(node)
            wanted.update(node.inputs)
    return kept[::-1], dead[::-1]


# --- walk -----------------------------------------------------------------------------------------------------------


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


class _Binder:
    """Walks nodes in order and gathers the parts of a Graph."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.tensors: dict[str, Tensor] = {}
        self.values: dict[str, Array] = {}
        self.makers: dict[str, Callable[[], Array]] = {}
        self.layers: list[Layer] = []
        self.notices: list[Notice] = list(model.warnings)
        self.names: dict[str, int] = {}
        self.mismatched: list[str] = []
        for constant in model.constants.values():
            self.add_constant(constant)

    def notice(self, code: str, message: str) -> None:
        self.notices.append(Notice(code, message))

    def add_constant(self, constant: Constant) -> None:
        self.tensors[constant.name] = Tensor(
            constant.name, constant.shape, constant.dtype, Role.WEIGHTS, stored=(constant.name,)
        )
        if constant.read is not None:  # a network without weights has the shapes alone
            self.makers[constant.name] = constant.read

    def visit(self, node: Node) -> None:
        op = OPS.get(node.op)
        call = self.call(node)
        try:
            specs = self.specs(node, op, call)
        except NpusimError:
            raise
        except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as fault:
            raise InputError(
                f"an attribute or input does not make sense ({fault})",
                code="bad-node",
                where=f"{node.op} {node.name!r}",
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
            name = self.unique(node.name or (node.outputs[0] if node.outputs else node.op))
            self.layers.append(Layer(name, node.op, node.inputs, tuple(o.name for o in outs), node.attrs))

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
        if max(self.tensors[part].elements for part in (name, *tensor.stored)) > VALUE_LIMIT:
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
            inferred = self.model.infer(node, [t and (t.shape, t.dtype) for t in call.ins], list(call.values))
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
            f"operator {op} of domain {domain or 'ai.onnx'} is not known, and the file does not state the shape of {name!r}",
            code="unknown-op", where=node.name, fix="store the shapes in the file (value_info), or replace the operator",
        )  # fmt: skip

    def outputs(self, node: Node, specs: Sequence[Spec], constant: bool, call: Call, op: Op | None) -> list[Tensor]:
        if len(node.outputs) > len(specs):
            raise InputError(
                f"has {len(node.outputs)} outputs where {len(specs)} are possible", code="bad-node", where=f"{node.op} {node.name!r}"
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
            except (ArithmeticError, LookupError, MemoryError, TypeError, ValueError) as fault:
                raise InputError(
                    f"its value cannot be computed ({fault})", code="bad-node", where=f"{node.op} {node.name!r}"
                ) from fault

        for index, name in enumerate(node.outputs):
            if name and all(need in makers for need in needs):
                self.makers[name] = lambda index=index: make(index)  # type: ignore[misc]

    def unique(self, name: str) -> str:
        """The node's name, numbered where the file uses it twice."""
        count = self.names.get(name, 0)
        self.names[name] = count + 1
        return self.unique(f"{name}#{count + 1}") if count else name

    def graph(self, inputs: list[Tensor]) -> Graph:
        read = {name for layer in self.layers for name in layer.inputs if name} | set(self.model.outputs)
        made = {name for layer in self.layers for name in layer.outputs}
        kept = {
            name: tensor for name, tensor in self.tensors.items() if name in read | made or tensor.role is Role.INPUT
        }
        for tensor in list(kept.values()):
            for name in tensor.stored:
                kept.setdefault(name, self.tensors[name])
        return Graph(
            name=self.model.name, tensors=kept, layers=tuple(self.layers), inputs=tuple(t.name for t in inputs),
            outputs=self.model.outputs, constants={n: v for n, v in self.values.items() if n in kept},
            weights=LazyArrays({n: m for n, m in self.makers.items() if n in kept}),
            sha256=self.model.sha256, warnings=tuple(self.notices),
        )  # fmt: skip


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
