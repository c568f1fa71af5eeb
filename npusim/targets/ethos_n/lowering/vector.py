"""Activations, element-wise operators and pooling (PLANNER.md section 1, rules 6 to 11)."""

from __future__ import annotations

from npusim.counts import LayerWork
from npusim.ops.conv import windows
from npusim.targets.ethos_n.lowering.builder import Builder, Draft, rule
from npusim.targets.ethos_n.machine import Machine, Shape3, round_up
from npusim.targets.ethos_n.parts import SAME, Coded, Kind, Part, Scale, Weights

HALVED: Scale = ((1, 2), (1, 2), (1, 1))
WIDTH, HEIGHT = 1, 0
QUANTISED_DATA = (0, 3)  # inputs of a quantised addition or multiplication that are not scales and zero points


# --- activations (rule 6) ---------------------------------------------------------------------------------------------


@rule("LeakyRelu")
def leaky(builder: Builder, each: LayerWork) -> None:
    fused(builder, each, "leaky_relu")


@rule("PRelu")
def prelu(builder: Builder, each: LayerWork) -> None:
    builder.notice("approximated-op", each.layer.name)
    fused(builder, each, "leaky_relu")


@rule("Sigmoid", "Tanh")
def sigmoid(builder: Builder, each: LayerWork) -> None:
    fused(builder, each, "sigmoid")


def fused(builder: Builder, each: LayerWork, program: str, scale: Scale = SAME, flavour: str = "") -> None:
    """A program of the PLE that follows an MCE operation."""
    tensor = builder.data(each)[0]
    ins = builder.shape(tensor)
    part = Part(
        Kind.FUSED, (ins,), builder.shape(each.layer.outputs[0]), program, flavour, ple_scale=scale,
        weights=Weights(Coded.IDENTITY), channels=ins[2],
    )  # fmt: skip
    builder.gives(each, builder.add(each, part, [builder.maker(tensor)]))


# --- element-wise (rule 11) -------------------------------------------------------------------------------------------


@rule("Add", "Sum", "com.microsoft::QLinearAdd")
def addition(builder: Builder, each: LayerWork) -> None:
    """An addition of two maps; of more, one after another; a bias for each channel goes into the weights before it."""
    program = "addition_rescale" if builder.scales.adds_rescale(each) else "addition"
    _pairwise(builder, each, program)


@rule("Mul", "com.microsoft::QLinearMul")
def multiplication(builder: Builder, each: LayerWork) -> None:
    _pairwise(builder, each, "multiplication")


@rule("Sub", "Div")
def with_constant(builder: Builder, each: LayerWork) -> None:
    """A constant for each channel is a bias or a scale; of two maps the hardware has neither."""
    if len(builder.data(each)) == 1:
        _pairwise(builder, each, "")
    else:
        builder.off(each, f"{each.layer.op} of two maps does not run on this hardware")


def _pairwise(builder: Builder, each: LayerWork, program: str) -> None:
    maps, constants = builder.data(each), _operands(builder, each)
    out = builder.shape(each.layer.outputs[0])
    if constants:
        _with_channels(builder, each, maps[0], constants)
        return
    if any(builder.graph.tensors[name].shape != builder.graph.tensors[maps[0]].shape for name in maps):
        builder.off(each, f"{each.layer.op} of maps of different shapes does not run on this hardware")
        return
    draft = builder.maker(maps[0])
    for index, name in enumerate(maps[1:]):
        part = Part(Kind.PLE, (out, out), out, program)
        draft = builder.add(each, part, [draft, builder.maker(name)], f".{index}" if index else "")
    if len(maps) == 1:  # x + x by one name is two operands; a sum of one is a view
        builder.absorb(each, draft)
    else:
        builder.gives(each, draft)


def _operands(builder: Builder, each: LayerWork) -> list[str]:
    """Constants that are data, not the scales of a quantised operator."""
    constants = builder.constants(each)
    if not each.layer.op.startswith("com.microsoft::QLinear"):
        return constants
    return [each.layer.inputs[slot] for slot in QUANTISED_DATA if each.layer.inputs[slot] in constants]


def _with_channels(builder: Builder, each: LayerWork, tensor: str, constants: list[str]) -> None:
    """A constant a channel, or one for all, is the work of a 1x1 depthwise convolution or of the weights before it."""
    shape = builder.graph.tensors[tensor].shape
    for name in constants:
        constant = builder.graph.tensors[name]
        channels = shape[1] if len(shape) > 1 else shape[-1]
        if constant.elements not in (1, channels):
            builder.off(each, f"{each.layer.op} with a constant map does not run on this hardware")
            return
    if builder.can_absorb(tensor):
        builder.absorb(each, builder.maker(tensor))
    else:
        builder.gives(each, builder.identity(each, tensor, coded=Coded.UNIFORM))


# --- pooling (rules 7 to 10) ------------------------------------------------------------------------------------------


@rule("MaxPool")
def max_pool(builder: Builder, each: LayerWork) -> None:
    """Rule 7: halving pools are fused; rule 10: those with a stride of 1 are two one-dimensional ones."""
    kernel, stride, before, after = _window(each)
    ins = builder.shape(builder.data(each)[0])
    if len(each.layer.outputs) > 1 and each.layer.outputs[1]:
        builder.off(each, "max pooling that gives indices does not run on this hardware")
    elif stride == (1, 1) and not _dilated(each):
        _one_dimensional(builder, each, kernel)
    elif stride == (2, 2) and not _dilated(each):
        program, flavour = _halving(builder.machine, kernel, before, after, ins)
        if program:
            fused(builder, each, program, HALVED, flavour)
        else:
            what = f"max pooling {kernel[0]}x{kernel[1]} of {ins[0]}x{ins[1]}"
            builder.off(each, f"{what} with this padding does not run on this hardware")
    else:
        builder.off(each, f"max pooling with stride {stride[0]}x{stride[1]} does not run on this hardware")


def _halving(
    machine: Machine, kernel: tuple[int, int], before: tuple[int, int], after: tuple[int, int], ins: Shape3
) -> tuple[str, str]:
    """The program of a max pool with stride 2 and its flavour; empty where there is none (rule 7)."""
    even = ins[0] % 2 == 0 and ins[1] % 2 == 0
    odd = ins[0] % 2 == 1 and ins[1] % 2 == 1
    none, one = before == after == (0, 0), before == (0, 0) and after == (1, 1)
    if kernel == (1, 1) and none:
        return "downsample_2x2", ""
    if kernel == (2, 2) and ((even and none) or (odd and one)):
        return "max_pool_2x2", ""
    if kernel == (3, 3) and ((odd and none) or (even and one)) and ins[1] <= machine.max_pool_width:
        return "max_pool_3x3", "odd" if odd else "even"
    return "", ""


def _one_dimensional(builder: Builder, each: LayerWork, kernel: tuple[int, int]) -> None:
    tensor, out = builder.data(each)[0], builder.shape(each.layer.outputs[0])
    source: Draft = builder.maker(tensor)
    ins = builder.shape(tensor)
    between = (ins[0], out[1], ins[2])
    if kernel[1] > 1:
        part = Part(Kind.PLE, (ins,), between, "max_pool_1d", "x", axis=WIDTH)
        source = builder.add(each, part, [source])
    if kernel[0] > 1:
        part = Part(Kind.PLE, (between,), out, "max_pool_1d", "y", axis=HEIGHT)
        source = builder.add(each, part, [source], ".y" if kernel[1] > 1 else "")
    if kernel == (1, 1):
        builder.absorb(each, source)
    else:
        builder.gives(each, source)


@rule("AveragePool")
def average_pool(builder: Builder, each: LayerWork) -> None:
    """Rule 8: over the whole frame it is a mean; rule 9: 3x3 with stride 1 where the planes fit SRAM."""
    kernel, stride, before, after = _window(each)
    ins = builder.shape(builder.data(each)[0])
    if kernel == ins[:2] and before == after == (0, 0) and _mean_side(builder.machine, ins):
        _mean(builder, each, ((1, stride[0]), (1, stride[1]), (1, 1)))
    elif kernel == (3, 3) and stride == (1, 1) and before == after == (1, 1) and _planes_fit(builder.machine, ins):
        tensor = builder.data(each)[0]
        part = Part(Kind.PLE, (ins,), builder.shape(each.layer.outputs[0]), "avg_pool_3x3")
        builder.gives(each, builder.add(each, part, [builder.maker(tensor)]))
    else:
        builder.off(each, f"average pooling {kernel[0]}x{kernel[1]} of {ins[0]}x{ins[1]} does not run on this hardware")


@rule("GlobalAveragePool", "ReduceMean")
def mean(builder: Builder, each: LayerWork) -> None:
    """Rule 8: a mean over the whole frame."""
    tensor = builder.data(each)[0]
    ins, out = builder.shape(tensor), builder.shape(each.layer.outputs[0])
    whole = len(builder.graph.tensors[tensor].shape) == 4 and out == (1, 1, ins[2])
    if whole and _mean_side(builder.machine, ins):
        _mean(builder, each, SAME)
    elif whole and ins[:2] == (1, 1):
        builder.absorb(each, builder.maker(tensor))
    else:
        builder.off(each, f"a mean over {ins[0]}x{ins[1]} does not run on this hardware")


def _mean(builder: Builder, each: LayerWork, scale: Scale) -> None:
    side = builder.shape(builder.data(each)[0])[0]
    fused(builder, each, "mean", scale, f"{side}x{side}")


def _mean_side(machine: Machine, ins: Shape3) -> bool:
    return ins[0] == ins[1] and ins[0] in machine.mean_sides


def _planes_fit(machine: Machine, ins: Shape3) -> bool:
    """Rule 9: input and output of the whole plane, twice where channels are more than the banks, and the code."""
    planes = (2 if ins[2] > machine.banks else 1) * 2
    plane = round_up(ins[0], machine.brick[0]) * round_up(ins[1], machine.brick[1])
    return bool(planes * plane + machine.code_bytes <= machine.bank_bytes)


def _window(each: LayerWork) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int], tuple[int, int]]:
    """Kernel, stride, padding before and padding after that windows reach into, height and width."""
    frame = each.call.shape(0)[2:]
    kernel = tuple(each.call.ints("kernel_shape") or ())
    out, stride, _, before, after = windows(each.call, frame, kernel, ceil=bool(each.call.attrs.get("ceil_mode", 0)))
    if each.call.attrs.get("ceil_mode", 0):  # windows may reach beyond what the padding says
        after = tuple(
            max(0, (o - 1) * s + k - b - i) for o, s, k, b, i in zip(out, stride, kernel, before, frame, strict=True)
        )
    two = [(1, sides[0]) if len(sides) == 1 else sides[:2] for sides in (kernel, stride)]
    pads = [(0, sides[0]) if len(sides) == 1 else sides[:2] for sides in (before, after)]
    return _pair(two[0]), _pair(two[1]), _pair(pads[0]), _pair(pads[1])


def _pair(sides: tuple[int, ...]) -> tuple[int, int]:
    return sides[0], sides[1]


def _dilated(each: LayerWork) -> bool:
    return max(each.call.ints("dilations") or (1,)) > 1
