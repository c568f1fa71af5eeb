"""Input shapes: what the file leaves free, bound to what the user gives."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from npusim.errors import InputError
from npusim.ir import MAX_ELEMENTS, Role, Shape, Tensor
from npusim.model import FreeShape, Model, Value

IMAGE_RANK = 4  # N, C, height, width


def bind_inputs(
    model: Model, size: tuple[int, int] | None, shapes: dict[str, Shape], dims: dict[str, int], batch: int | None
) -> list[Tensor]:
    """The inputs as tensors; InputError (dynamic-dim, bad-option) where a size is missing, unknown or absurd."""
    _check_sizes(size, shapes, dims, batch)
    used: set[str] = set()
    bound, free = [], []
    for value in model.inputs:
        shape = _bind_one(value, size, shapes, dims, batch, used, model)
        if shape is None or not all(isinstance(dim, int) for dim in shape):
            free.append(_free_text(value, shape))
            continue
        whole = tuple(dim for dim in shape if isinstance(dim, int))
        if prod(whole) > MAX_ELEMENTS // 64:
            raise InputError(
                f"an input of {'x'.join(map(str, whole))} is too large to count", code="bad-option", where=value.name
            )
        bound.append(Tensor(value.name, whole, value.dtype, Role.INPUT))
    _check_all_used(model, size, shapes, dims, used)
    if free:
        raise InputError(
            f"free dimensions: {'; '.join(free)}", code="dynamic-dim", where=model.name,
            fix="bind them with --size WxH, --dim NAME=N, --shape INPUT=1x3x224x224 or --batch N",
        )  # fmt: skip
    return bound


def follows_file(model: Model, inputs: Sequence[Tensor]) -> bool:
    """Whether every size that the file fixes is as the file has it."""
    return all(
        not isinstance(own, int) or own == given
        for value, tensor in zip(model.inputs, inputs, strict=True)
        for own, given in zip(value.shape or (), tensor.shape, strict=False)
    )


def named_sizes(model: Model, inputs: Sequence[Tensor]) -> dict[str, int]:
    """Sizes of the dimensions that the file names; one that came out with two sizes is left out."""
    found: dict[str, set[int]] = {}
    for value, tensor in zip(model.inputs, inputs, strict=True):
        for own, given in zip(value.shape or (), tensor.shape, strict=False):
            if isinstance(own, str):
                found.setdefault(own, set()).add(given)
    return {name: sizes.pop() for name, sizes in found.items() if len(sizes) == 1}


def _check_sizes(
    size: tuple[int, int] | None, shapes: dict[str, Shape], dims: dict[str, int], batch: int | None
) -> None:
    given: dict[str, tuple[int, ...]] = {"--size": size or (), "--batch": () if batch is None else (batch,)}
    given |= {f"--shape {name}": shape for name, shape in shapes.items()}
    given |= {f"--dim {name}": (value,) for name, value in dims.items()}
    for option, values in given.items():
        wrong = [value for value in values if value < 1]
        if wrong:
            raise InputError(
                f"{option}: {wrong[0]} is not a size", code="bad-option", fix="sizes are whole numbers from 1"
            )


def _check_all_used(
    model: Model, size: tuple[int, int] | None, shapes: dict[str, Shape], dims: dict[str, int], used: set[str]
) -> None:
    unused = sorted((set(shapes) | set(dims)) - used)
    known = ", ".join(value.name for value in model.inputs)
    if unused:
        raise InputError(
            f"the model has no input or free dimension {', '.join(map(repr, unused))}", code="bad-option",
            where=model.name, fix=f"its inputs are {known}; dimensions are named as in the file, or INPUT:AXIS",
        )  # fmt: skip
    if size is not None and _main(model) is None:
        raise InputError(
            "--size is for an input of four axes (N, C, height, width), and the model has none", code="bad-option",
            where=model.name, fix=f"give --shape for {known}" if known else "leave it out",
        )  # fmt: skip


def _bind_one(
    value: Value, size: tuple[int, int] | None, shapes: dict[str, Shape], dims: dict[str, int], batch: int | None,
    used: set[str], model: Model,
) -> FreeShape | None:  # fmt: skip
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
    if size is not None and len(shape) == IMAGE_RANK and _takes_size(value, model):
        shape[2:] = [size[1], size[0]]
    return tuple(shape)


def _main(model: Model) -> Value | None:
    return next((v for v in model.inputs if v.shape is not None and len(v.shape) == IMAGE_RANK), None)


def _takes_size(value: Value, model: Model) -> bool:
    """The main input (the first of four axes) takes the frame's size, and so do others that are free in it."""
    return value is _main(model) or not all(isinstance(dim, int) for dim in (value.shape or ())[2:])


def _free_text(value: Value, shape: FreeShape | None) -> str:
    if shape is None:
        return f"{value.name} (rank unknown)"
    axes = (dim if isinstance(dim, str) else f"axis {i}" for i, dim in enumerate(shape) if not isinstance(dim, int))
    return f"{value.name} needs {', '.join(axes)}"
