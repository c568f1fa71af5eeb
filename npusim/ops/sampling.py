"""Reading a frame at computed positions: GridSample, AffineGrid, and the grids between."""

from __future__ import annotations

from npusim.ops.base import Call, Op, Spec, VectorWork, Work, later, passes, register
from npusim.ops.reach import everywhere

_TAPS = {
    "nearest": 0,
    "linear": 2,
    "bilinear": 2,
    "cubic": 4,
    "bicubic": 4,
}  # neighbours an axis; 0: moved, not computed


def _infer_grid_sample(call: Call) -> list[Spec]:
    """[N, C, out...] from [N, C, in...] and a grid [N, out..., spatial axes]."""
    x, grid = call.shape(0), call.shape(1)
    if len(x) != len(grid) or len(x) < 3 or grid[-1] != len(x) - 2 or x[0] != grid[0]:
        raise call.error(f"input {x} and grid {grid} do not fit")
    return [((*x[:2], *grid[1:-1]), call.dtype())]


def _work_grid_sample(call: Call) -> Work:
    """One operation a neighbour and output element."""
    mode = str(call.attrs.get("mode", "linear"))
    if mode not in _TAPS:
        raise call.error(f"mode {mode!r} is not one of {', '.join(_TAPS)}", code="bad-node")
    taps = _TAPS[mode] ** (len(call.shape(0)) - 2)
    return passes(call, "resize", taps * call.outs[0].elements)


def _infer_affine_grid(call: Call) -> list[Spec]:
    """[N, positions..., axes] from matrices [N, axes, axes + 1] and the size [N, C, positions...]."""
    theta, size = call.shape(0), call.ints("size", 1) or ()
    axes = len(size) - 2
    if axes not in (2, 3) or theta != (size[0], axes, axes + 1):
        raise call.error(f"matrices {theta} do not fit size {size}")
    return [((size[0], *size[2:], axes), call.dtype())]


def _work_affine_grid(call: Call) -> Work:
    """A coordinate takes a product with each axis and the offset."""
    out = call.outs[0]
    return Work(vector=(VectorWork("mul", out.elements, (out.shape[-1] + 1) * out.elements),))


register(
    Op(
        "GridSample",
        _infer_grid_sample,
        _work_grid_sample,
        execute=later("sampling_execute", "grid_sample"),
        reach=everywhere,
    ),
    Op(
        "AffineGrid",
        _infer_affine_grid,
        _work_affine_grid,
        settings=(1,),
        execute=later("sampling_execute", "affine_grid"),
    ),
)
