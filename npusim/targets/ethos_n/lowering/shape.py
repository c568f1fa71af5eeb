"""What moves data: views, reshapes, concatenations, resizing, depth to space, padding (PLANNER.md section 1, rules 4,
12, 13, 15)."""

from __future__ import annotations

from itertools import accumulate

from npusim.counts import LayerWork
from npusim.targets.ethos_n.lowering.builder import Builder, Draft, rule
from npusim.targets.ethos_n.lowering.convolution import stuffed_convolution
from npusim.targets.ethos_n.machine import Shape3, round_up
from npusim.targets.ethos_n.parts import Coded, Kind, Part, Weights

MATRIX_OPS = ("Gemm", "MatMul", "com.microsoft::FusedGemm", "QLinearMatMul", "MatMulInteger")
AXES = {2: 0, 3: 1, 1: 2}  # of [N, C, H, W] as height, width, channels
CHANNELS = 2
SAME_WEIGHTS = Weights(Coded.IDENTITY)


@rule("Identity", "Dropout", "Cast", "CastLike", "Optional", "OptionalGetElement")
def view(builder: Builder, each: LayerWork) -> None:
    """Nothing moves."""
    builder.absorb(each, builder.maker(builder.data(each)[0]))


@rule("QuantizeLinear", "DequantizeLinear")
def quantise(builder: Builder, each: LayerWork) -> None:
    """Rule 13: tensors are quantised as the graph says; a change from one quantisation to another is an identity
    part."""
    tensor = builder.data(each)[0]
    draft = builder.maker(tensor)
    source = builder.graph.producer(tensor)
    twice = source is not None and source.op == "DequantizeLinear" and each.layer.op == "QuantizeLinear"
    if twice and source is not None and builder.scales.differ(source.inputs[0], each.layer.outputs[0]):
        builder.gives(each, builder.identity(each, tensor))
    else:
        builder.absorb(each, draft)


@rule("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Expand")
def reshape(builder: Builder, each: LayerWork) -> None:
    """A copy through SRAM; nothing where the layout stays, or where only fully connected layers read it (rules 14,
    15)."""
    tensor, out = builder.data(each)[0], each.layer.outputs[0]
    before, after = builder.graph.tensors[tensor].shape, builder.graph.tensors[out].shape
    readers = builder.graph.consumers(out)
    flat = bool(readers) and out not in builder.graph.outputs and all(each.op in MATRIX_OPS for each in readers)
    if each.work is not None and not each.work.view:
        builder.off(each, f"{each.layer.op} does not run on this hardware")
    elif flat or _squeezed(before) == _squeezed(after):
        builder.absorb(each, builder.maker(tensor))
    else:
        part = Part(Kind.RESHAPE, (builder.shape(tensor),), builder.shape(out))
        builder.gives(each, builder.add(each, part, [builder.maker(tensor)]))


def _squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(size for size in shape if size != 1)


@rule("DepthToSpace")
def depth_to_space(builder: Builder, each: LayerWork) -> None:
    """Rule 4: a transposed convolution with one-hot weights; in blocks of 4, two of them."""
    block = int(each.layer.attrs.get("blocksize", 0))
    tensor, step = builder.data(each)[0], builder.machine.upsample_factor
    if block not in (step, step * step):
        builder.off(each, f"depth to space in blocks of {block} does not run on this hardware")
        return
    draft, ins = builder.maker(tensor), builder.shape(tensor)
    while block > 1:
        out = (ins[0] * step, ins[1] * step, ins[2] // (step * step))
        draft = stuffed_convolution(
            builder, each, draft, ins, out, (step, step), (step - 1, step - 1), Weights(Coded.ONE_HOT)
        )
        ins, block = out, block // step
    builder.gives(each, draft)


@rule("Resize", "Upsample")
def resize(builder: Builder, each: LayerWork) -> None:
    """Rule 12: twice the size by nearest neighbours is one identity part, bilinear on signed integers three."""
    tensor = builder.data(each)[0]
    ins, out = builder.shape(tensor), builder.shape(each.layer.outputs[0])
    factor, mode = builder.machine.upsample_factor, str(each.layer.attrs.get("mode", "nearest"))
    if len(builder.graph.tensors[tensor].shape) != 4 or out != (ins[0] * factor, ins[1] * factor, ins[2]):
        builder.off(each, f"resizing {ins[0]}x{ins[1]} to {out[0]}x{out[1]} does not run on this hardware")
        return
    if mode not in ("nearest", "linear", "bilinear"):
        builder.off(each, f"{mode} resizing does not run on this hardware")
        return
    signed = mode != "nearest" and not builder.options.dtype.startswith("u")
    draft = builder.identity(each, tensor, suffix=".requantise") if signed else builder.maker(tensor)
    weights = Weights(Coded.IDENTITY)
    part = Part(Kind.MCE, (ins,), out, "passthrough", depthwise=True, upscale=factor, weights=weights, channels=ins[2])
    draft = builder.add(each, part, [draft])
    if signed:
        part = Part(Kind.MCE, (out,), out, "passthrough", depthwise=True, weights=weights, channels=out[2])
        draft = builder.add(each, part, [draft], ".back")
    builder.gives(each, draft)


@rule("Pad")
def pad(builder: Builder, each: LayerWork) -> None:
    """An identity depthwise convolution with that padding."""
    tensor = builder.data(each)[0]
    shape = builder.graph.tensors[tensor].shape
    sizes = each.call.ints("pads", 1) or ()
    why = ""
    if each.layer.attrs.get("mode", "constant") != "constant":
        why = f"{each.layer.attrs['mode']} padding does not run on this hardware"
    elif len(shape) != 4 or len(sizes) != 8 or any(sizes[axis] for axis in (0, 1, 4, 5)) or min(sizes) < 0:
        why = "padding of other axes than height and width does not run on this hardware"
    if why:
        builder.off(each, why)
        return
    ins, out = builder.shape(tensor), builder.shape(each.layer.outputs[0])
    part = Part(
        Kind.MCE, (ins,), out, "passthrough", pads=(sizes[2], sizes[6], sizes[3], sizes[7]), depthwise=True,
        weights=Weights(Coded.IDENTITY), channels=ins[2],
    )  # fmt: skip
    builder.gives(each, builder.add(each, part, [builder.maker(tensor)]))


@rule("Concat")
def concatenation(builder: Builder, each: LayerWork) -> None:
    """Rule 15: copies to their places; along the channels padded to whole bricks, which a selector then drops."""
    tensors, out = builder.data(each), each.layer.outputs[0]
    rank = len(builder.graph.tensors[out].shape)
    axis = AXES.get(each.call.axis(1)) if rank == 4 else None
    if builder.constants(each) or axis is None or len(tensors) < 2:
        builder.off(each, "a concatenation with constants or along this axis does not run on this hardware")
        return
    drafts = [_rescaled(builder, each, name, out, index) for index, name in enumerate(tensors)]
    ins = [builder.shape(name) for name in tensors]
    brick = builder.machine.brick[2] if axis == CHANNELS else 1
    ends = [0]
    for shape in ins:
        ends.append(ends[-1] + round_up(shape[axis], brick))
    joined = _with(builder.shape(out), axis, ends[-1])
    part = Part(Kind.CONCAT, tuple(ins), joined, axis=axis, offsets=tuple(ends[:-1]))
    draft = builder.add(each, part, drafts)
    if ends[-1] > sum(shape[axis] for shape in ins):
        draft = _selector(builder, each, draft, ins, ends)
    builder.gives(each, draft)


@rule("Split")
def pieces(builder: Builder, each: LayerWork) -> None:
    """Pieces of a tensor, as the concatenation's rule 15 read backwards: copies, which go where a reader can take the
    piece from the whole; along the channels it is padded to whole bricks first."""
    tensor = builder.data(each)[0]
    axis = AXES.get(each.call.axis(0)) if len(builder.graph.tensors[tensor].shape) == 4 else None
    if axis is None or not all(each.layer.outputs):
        builder.off(each, "a split along this axis, or with pieces left out, does not run on this hardware")
        return
    sizes = [builder.shape(name)[axis] for name in each.layer.outputs]
    brick = builder.machine.brick[2] if axis == CHANNELS else 1
    starts = [0, *accumulate(round_up(size, brick) for size in sizes)]
    draft = builder.maker(tensor)
    if starts[-1] > sum(sizes):
        draft = _spread(builder, each, draft, builder.shape(tensor), starts[-1])
    for index, name in enumerate(each.layer.outputs):
        others = (*starts[:index], *starts[index + 1 : -1])
        whole, out = _with(builder.shape(tensor), axis, starts[-1]), builder.shape(name)
        part = Part(Kind.SPLIT, (whole,), out, axis=axis, offsets=(starts[index], *others))
        piece = builder.add(each, part, [draft], f".{index}")
        if builder.scales.differ(tensor, name):
            part = Part(Kind.MCE, (out,), out, "passthrough", depthwise=True, weights=SAME_WEIGHTS, channels=out[2])
            piece = builder.add(each, part, [piece], f".requantise{index}")
        builder.makers[name] = piece


def _spread(builder: Builder, each: LayerWork, draft: Draft, shape: Shape3, channels: int) -> Draft:
    """A 1x1 convolution that puts padding between the pieces."""
    out = _with(shape, CHANNELS, channels)
    part = Part(Kind.MCE, (shape,), out, "passthrough", weights=Weights(Coded.ONE_HOT), channels=shape[2])
    return builder.add(each, part, [draft], ".spread")


def _rescaled(builder: Builder, each: LayerWork, tensor: str, out: str, index: int) -> Draft:
    if not builder.scales.concat_rescales(tensor, out):
        return builder.maker(tensor)
    return builder.identity(each, tensor, suffix=f".requantise{index}")


def _selector(builder: Builder, each: LayerWork, draft: Draft, ins: list[Shape3], ends: list[int]) -> Draft:
    """A 1x1 convolution that drops the padding between the operands."""
    joined = draft.part.out
    out = _with(joined, CHANNELS, sum(shape[CHANNELS] for shape in ins))
    gaps = [(first + shape[CHANNELS], last) for first, last, shape in zip(ends, ends[1:], ins, strict=False)]
    runs = tuple((first, last - first) for first, last in gaps if last > first)
    weights = Weights(Coded.ONE_HOT, zero_runs=runs)
    part = Part(Kind.MCE, (joined,), out, "passthrough", weights=weights, channels=joined[2])
    found = builder.add(each, part, [draft], ".select")
    found.selector = True
    return found


def _with(shape: Shape3, axis: int, size: int) -> Shape3:
    sizes = list(shape)
    sizes[axis] = size
    return sizes[0], sizes[1], sizes[2]
