"""Model to Graph: free dimensions bound, nodes ordered, shapes inferred, constants folded, dead nodes left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from npusim.bind.inputs import bind_inputs, follows_file, named_sizes
from npusim.bind.walk import Binder
from npusim.errors import InputError
from npusim.ir import Graph, Shape, Tensor
from npusim.model import Model


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
        size: width and height of the frame, pixels: the last two axes of the main input, free or fixed.
        shapes: whole input shapes by input name.
        dims: free dimensions by name, or one axis of one input as ``"input:axis"``.
        batch: the first axis of every input.

    Raises:
        InputError: dynamic-dim names what is still free; bad-option what does not exist; shape-mismatch, unknown-op,
            undefined-value, duplicate-output, cycle what is wrong in the model.
    """
    inputs = bind_inputs(model, size, dict(shapes or {}), dict(dims or {}), batch)
    as_in_file = follows_file(model, inputs)
    binder = Binder(model, named_sizes(model, inputs) if as_in_file else None)
    try:
        binder.run(inputs)
    except InputError as fault:
        free = not all(isinstance(dim, int) for value in model.inputs for dim in value.shape or ())
        if (as_in_file and not free) or fault.code not in ("shape-mismatch", "bad-node"):
            raise
        why = _cannot_follow(model, inputs, as_in_file)
        raise InputError(fault.what, code=fault.code, where=fault.where, fix=why) from fault
    graph = binder.graph(inputs)
    notices = tuple(binder.stated_otherwise() if as_in_file else binder.batched_otherwise(inputs))
    return msgspec.structs.replace(graph, warnings=(*graph.warnings, *notices)) if notices else graph


def _cannot_follow(model: Model, inputs: Sequence[Tensor], as_in_file: bool) -> str:
    """What may be wrong where nodes do not fit the sizes that the user gives."""
    given = ", ".join(f"{tensor.name} {'x'.join(map(str, tensor.shape))}" for tensor in inputs)
    if as_in_file:
        return f"the graph cannot follow {given}: a size may be fixed inside it"
    own = ", ".join(f"{value.name} {'x'.join(map(str, value.shape or ()))}" for value in model.inputs)
    return f"the graph cannot follow {given}: it may be made for its own input size alone ({own})"
