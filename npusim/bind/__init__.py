"""Model to Graph: free dimensions bound, nodes ordered, shapes inferred, constants folded, dead nodes left out."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from npusim.bind.inputs import bind_inputs, follows_file, named_sizes
from npusim.bind.walk import Binder
from npusim.errors import InputError
from npusim.ir import Graph, Shape
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
        if as_in_file or fault.code not in ("shape-mismatch", "bad-node"):
            raise
        own = ", ".join(f"{v.name} {'x'.join(map(str, v.shape or ()))}" for v in model.inputs)
        raise InputError(
            fault.what, code=fault.code, where=fault.where,
            fix=f"the graph may be made for its own input size alone ({own}) and not able to follow another",
        ) from fault  # fmt: skip
    graph = binder.graph(inputs)
    notices = tuple(binder.stated_otherwise()) if as_in_file else ()
    return msgspec.structs.replace(graph, warnings=(*graph.warnings, *notices)) if notices else graph
