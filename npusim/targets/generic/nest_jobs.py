"""Jobs from layers: loop nests on three axes, vector work in steps, fallback work in elements."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, prod

from npusim.cost import weight_bits
from npusim.ir import DType
from npusim.loopnest import LoopNest, Operand, span
from npusim.mapping import ceil_div, padded
from npusim.profile import HardwareProfile, VectorUnit
from npusim.targets.generic.jobs import Axes, Box, FallbackJob, NestJob, Stream, VectorJob, engine_step
from npusim.targets.generic.limits import is_product, upsamples

Priced = Sequence[tuple[str, int]]  # kinds of vector work with the elements that each passes over


def ifm_box(nest: LoopNest) -> Box:
    return _box(nest, nest.ifm, nest.groups * nest.in_channels)


def ofm_box(nest: LoopNest) -> Box:
    return _box(nest, nest.out, nest.groups * nest.out_channels)


def _box(nest: LoopNest, axes: tuple[int, ...], channels: int) -> Box:
    if is_product(nest):
        return Box(1, channels, (1, 1, nest.batch * prod(axes)), line=True)
    return Box(nest.batch, channels, padded(axes))


def stuffed_box(nest: LoopNest) -> Box:
    """The input of a transposed convolution with its zeros: ``stride`` positions for each one."""
    axes = tuple(size * stride for size, stride in zip(nest.ifm, nest.stride, strict=True))
    return Box(nest.batch, nest.groups * nest.in_channels, padded(axes))


def nest_job(
    nest: LoopNest, profile: HardwareProfile, *, ifm: Stream, ofm: Stream, weights: Stream | None,
    others: Sequence[Stream] = (), constants: int = 0, vector: Priced = (), ofm_elements: int, repeat: int,
    is_stuffed: bool = False,
) -> NestJob:  # fmt: skip
    """The job of a nest.

    Args:
        ofm_elements: what is written, once the fused work is done.
        is_stuffed: the zeros of a transposed convolution lie in memory: the array runs a plain convolution over them.
    """
    product, upsampled = is_product(nest), not is_stuffed and upsamples(nest, profile)
    batch, out = (1, (1, 1, nest.batch * prod(nest.out))) if product else (nest.batch, padded(nest.out))
    # A transposed convolution of stride 1, or with its zeros in memory, is a convolution of stride 1 over its output.
    steps = nest.stride if upsampled or not nest.transposed else (1,) * len(nest.stride)
    spans = tuple(span(k, d) for k, d in zip(nest.kernel, nest.dilation, strict=True))
    outputs = max(1, batch * nest.groups * nest.out_channels * prod(out))
    winograd = profile.mac_array.winograd
    runs = winograd is not None and (winograd.upsampled if upsampled else max(steps) == 1)
    fast = runs and max(nest.dilation) == 1
    return NestJob(
        batch=batch, groups=nest.groups, in_channels=nest.in_channels, out_channels=nest.out_channels, out=out,
        kernel=padded(nest.kernel), stride=padded(steps), span=padded(spans),
        ifm_axes=stuffed_box(nest).axes if is_stuffed else ifm_box(nest).axes,
        depthwise=nest.is_depthwise, upsampled=upsampled, line=product,
        winograd=fast and max(padded(nest.kernel)[1:]) > 1 and not nest.is_depthwise and not nest.weights_vary,
        ifm=ifm, ofm=ofm, weights=weights, constants=constants, others=tuple(others),
        vector=tuple((kind, elements / outputs) for kind, elements in vector),
        ofm_ratio=ofm_elements / outputs, repeat=repeat,
    )  # fmt: skip


def vector_job(
    vector: Priced, boxes: Sequence[Box], reads: Sequence[Stream], writes: Sequence[Stream], constants: int,
    repeat: int, unit: VectorUnit,
) -> VectorJob:  # fmt: skip
    """The job of vector work alone; ``boxes`` are those of its operands and results: its shape is sought in them."""
    steps = tuple((kind, _steps(elements, boxes, unit)) for kind, elements in vector)
    return VectorJob(steps, tuple(reads), tuple(writes), constants, repeat)


def _steps(elements: int, boxes: Sequence[Box], unit: VectorUnit) -> int:
    """Steps over the tensor of that size; over densely packed elements where no operand has it."""
    box = next((box for box in boxes if box.elements == elements), None)
    if box is None:
        return int(ceil_div(elements, unit.step_height * unit.step_width * unit.step_channels))
    step: Axes = engine_step(box.line, unit.step_height, unit.step_width)
    positions = prod(ceil_div(size, size_of) for size, size_of in zip(box.axes, step, strict=True))
    return int(box.batch * positions * ceil_div(box.channels, unit.step_channels))


def fallback_job(
    nests: Sequence[LoopNest], vector: Priced, reads: Sequence[Stream], writes: Sequence[Stream], constants: int,
    repeat: int, profile: HardwareProfile, dtype: DType,
) -> FallbackJob:  # fmt: skip
    """The job of nests and vector work that run beside the NPU."""
    stored = sum(nest.footprint(Operand.WEIGHTS) for nest in nests if not nest.weights_vary)
    return FallbackJob(
        macs=sum(nest.macs for nest in nests), elements=sum(count for _, count in vector), reads=tuple(reads),
        writes=tuple(writes), weights=ceil(stored * weight_bits(profile, dtype) / 8) + constants, repeat=repeat,
    )  # fmt: skip
