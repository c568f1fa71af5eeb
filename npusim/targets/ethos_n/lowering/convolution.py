"""Convolutions, transposed convolutions, fully connected layers, and what is done with them (PLANNER.md section 1,
rules 1-5, 14, 16)."""

from __future__ import annotations

import msgspec

from npusim.counts import LayerWork
from npusim.loopnest import LoopNest
from npusim.ops.conv import pads, transposed_pads
from npusim.targets.ethos_n.lowering.builder import Builder, Draft, rule
from npusim.targets.ethos_n.lowering.given import weights_of
from npusim.targets.ethos_n.machine import Machine, Shape3, ceil_div, round_up
from npusim.targets.ethos_n.parts import Coded, Kind, Part, Weights

Sides = tuple[int, int]
HALF = (1, 2)


@rule("Conv", "com.microsoft::FusedConv", "ConvInteger", "QLinearConv")
def convolution(builder: Builder, each: LayerWork) -> None:
    """Rules 1 and 2: an MCE part; with a stride of 2, behind an interleave."""
    nest = _nest(builder, each)
    why = _cannot(builder.machine, nest)
    if why:
        builder.off(each, why)
        return
    kernel, stride = _both(nest.kernel), max(nest.stride)
    before, after = pads(each.call, nest.ifm, nest.kernel, nest.stride, nest.dilation)
    source = builder.maker(builder.data(each)[0])
    ins, out = (*_both(nest.ifm), nest.groups * nest.in_channels), builder.shape(each.layer.outputs[0])
    if stride > 1:
        source = interleave(builder, each, source, ins)
    part = Part(
        Kind.MCE, (source.part.out if stride > 1 else ins,), out, "passthrough", kernel=kernel,
        pads=_four(before, after), depthwise=nest.groups > 1, stride=stride,
        weights=weights_of(builder, each), channels=ins[2],
    )  # fmt: skip
    builder.gives(each, builder.add(each, part, [source]))


def interleave(builder: Builder, each: LayerWork, source: Draft, ins: Shape3) -> Draft:
    """Rule 2: positions of a 2x2 block become channels, each bank group of them a sub-map; the last one is not
    padded."""
    banks = builder.machine.banks
    missing = -ins[2] % banks
    channels = 4 * round_up(ins[2], banks) - missing
    out = (ceil_div(ins[0], 2), ceil_div(ins[1], 2), channels)
    part = Part(
        Kind.FUSED, (ins,), out, "interleave_2x2", ple_scale=(HALF, HALF, (4, 1)), weights=Weights(Coded.IDENTITY),
        channels=ins[2]
    )  # fmt: skip
    return builder.add(each, part, [source], ".interleave")


@rule("ConvTranspose")
def transposed(builder: Builder, each: LayerWork) -> None:
    """Rule 3: the input is stuffed with zeros by the MCE, or by a part of its own where the kernel is too long for
    that."""
    nest = _nest(builder, each)
    machine = builder.machine
    why = _cannot_transpose(machine, nest)
    kernel = _both(nest.kernel)
    if not why:
        extra = each.call.ints("output_padding") or (0,) * len(nest.kernel)
        before, _ = transposed_pads(each.call, nest.ifm, nest.kernel, nest.stride, nest.dilation, extra)
        top, left = (side - 1 - crop for side, crop in zip(kernel, _both(before, 0), strict=True))
        why = "crops more than the kernel reaches" if min(top, left) < 0 else ""
    if why:
        builder.off(each, why)
        return
    ins, out = (*_both(nest.ifm), nest.in_channels), builder.shape(each.layer.outputs[0])
    source = builder.maker(builder.data(each)[0])
    builder.gives(
        each, stuffed_convolution(builder, each, source, ins, out, kernel, (top, left), weights_of(builder, each))
    )


def stuffed_convolution(
    builder: Builder, each: LayerWork, source: Draft, ins: Shape3, out: Shape3, kernel: Sides, pad: Sides,
    weights: Weights
) -> Draft:  # fmt: skip
    """A transposed convolution with a stride of 2 as a convolution of the stuffed input; ``pad``: above and left."""
    upscale = builder.machine.upsample_factor
    if max(kernel) > builder.machine.max_upsampled_side:
        grown = (ins[0] * upscale, ins[1] * upscale, ins[2])
        part = Part(
            Kind.MCE, (ins,), grown, "passthrough", depthwise=True, upscale=upscale, weights=Weights(Coded.IDENTITY),
            channels=ins[2]
        )  # fmt: skip
        source, ins, upscale = builder.add(each, part, [source], ".stuffed"), grown, 1
    part = Part(
        Kind.MCE, (ins,), out, "passthrough", kernel=kernel, pads=(pad[0], 0, pad[1], 0), upscale=upscale,
        weights=weights, channels=ins[2]
    )  # fmt: skip
    return builder.add(each, part, [source])


@rule("Gemm", "MatMul", "com.microsoft::FusedGemm", "QLinearMatMul", "MatMulInteger")
def connected(builder: Builder, each: LayerWork) -> None:
    """Rule 14: a fully connected layer; a product of several rows with weights runs as a 1x1 convolution along them."""
    nest = each.work.nests[0] if each.work and each.work.nests else None
    if nest is None or nest.weights_vary or nest.groups > 1 or len(builder.data(each)) != 1:
        builder.off(each, "products of two activations do not run on this hardware")
        return
    source = builder.maker(builder.data(each)[0])
    rows = nest.out[0] // builder.frames
    if rows > 1:
        ins, out = (1, rows, nest.in_channels), (1, rows, nest.out_channels)
        part = Part(Kind.MCE, (ins,), out, "passthrough", weights=weights_of(builder, each), channels=nest.in_channels)
    else:
        part = _fully_connected(builder.machine, nest.in_channels, nest.out_channels, weights_of(builder, each))
    builder.gives(each, builder.add(each, part, [source]))


def _fully_connected(machine: Machine, inputs: int, outputs: int, weights: Weights) -> Part:
    """Rule 14: the inputs are read again as bricks of 4 or 8 rows and columns."""
    patch = machine.patch_height * machine.patch_width
    patches = ceil_div(inputs, patch)
    width = 4 if patches <= 32 else 8
    height = 4 if patches <= 16 else 8
    depth = 16 * (patches // 64) + min(16, patches % 64)
    return Part(Kind.FC, ((height, width, depth),), (1, 1, outputs), "passthrough", weights=weights, channels=inputs)


@rule("Relu", "Clip")
def relu(builder: Builder, each: LayerWork) -> None:
    """Rule 5: it goes into the part before it, or is an identity part, which the convolution behind may replace."""
    (tensor,) = builder.data(each)[:1]
    if builder.can_absorb(tensor):
        builder.maker(tensor).activated = True
        builder.absorb(each, builder.maker(tensor))
        return
    draft = builder.identity(each, tensor)
    draft.activated = True
    draft.selector = builder.options.as_vendor  # a slip of the vendor's compiler: the activation would be lost
    builder.gives(each, draft)


@rule("BatchNormalization")
def scale_and_bias(builder: Builder, each: LayerWork) -> None:
    """A scale and a bias for each channel go into the weights before them, or are a 1x1 depthwise convolution."""
    tensor = builder.data(each)[0]
    if each.work is None or each.work.folds != "weights":
        builder.off(each, "statistics that the graph computes do not run on this hardware")
    elif builder.can_absorb(tensor) and not builder.maker(tensor).activated:
        builder.absorb(each, builder.maker(tensor))
    else:
        builder.gives(each, builder.identity(each, tensor, coded=Coded.UNIFORM))


# --- what the hardware runs (rule 16) --------------------------------------------------------------------------------


def _cannot(machine: Machine, nest: LoopNest) -> str:
    """Why the MCE cannot run a convolution; empty where it can."""
    depthwise = nest.groups > 1 and nest.is_depthwise and nest.out_channels == 1
    kernel, stride = _both(nest.kernel), max(nest.stride)
    if len(nest.kernel) > 2:
        return "convolutions over three axes do not run on this hardware"
    if nest.weights_vary:
        return "convolutions with weights made by the graph do not run on this hardware"
    if nest.batch > 1:
        return "only single frames run on this hardware"
    if nest.groups > 1 and not depthwise:
        return f"convolutions in {nest.groups} groups do not run on this hardware"
    if max(nest.dilation) > 1:
        return "dilated kernels do not run on this hardware"
    if not set(kernel) <= set(machine.kernel_sides):
        return f"a kernel of {kernel[0]}x{kernel[1]} does not run on this hardware"
    if depthwise and kernel[0] != kernel[1]:
        return f"a depthwise kernel of {kernel[0]}x{kernel[1]} does not run on this hardware"
    if len(set(nest.stride)) > 1 or stride > machine.max_stride:
        return f"a stride of {'x'.join(map(str, nest.stride))} does not run on this hardware"
    if stride > 1 and max(kernel) > machine.max_strided_side:
        return f"a kernel of {kernel[0]}x{kernel[1]} with stride {stride} does not run on this hardware"
    return ""


def _cannot_transpose(machine: Machine, nest: LoopNest) -> str:
    if set(nest.stride) != {machine.upsample_factor}:
        return f"a transposed convolution with stride {'x'.join(map(str, nest.stride))} does not run on this hardware"
    if nest.groups > 1:
        return f"transposed convolutions in {nest.groups} groups do not run on this hardware"
    return _cannot(machine, msgspec.structs.replace(nest, stride=(1,) * len(nest.stride)))


def _nest(builder: Builder, each: LayerWork) -> LoopNest:
    """The layer's loops for one frame."""
    assert each.work is not None
    nest = each.work.nests[0]
    return msgspec.structs.replace(nest, batch=nest.batch // builder.frames)


def _both(sides: tuple[int, ...], alone: int = 1) -> Sides:
    """Height and width of one or two axes; a single axis is the width."""
    return (alone, sides[0]) if len(sides) == 1 else (sides[0], sides[1]) if sides else (alone, alone)


def _four(before: tuple[int, ...], after: tuple[int, ...]) -> tuple[int, int, int, int]:
    top, left = _both(before, 0)
    bottom, right = _both(after, 0)
    return top, bottom, left, right
