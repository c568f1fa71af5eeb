"""Convolutions: Conv, ConvTranspose, their integer and fused forms, DeformConv and the causal depthwise form."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from npusim.ir import DType, Shape
from npusim.loopnest import LoopNest, span
from npusim.ops.activation import fused_activation
from npusim.ops.base import Box, Call, Op, Reach, Seen, Spec, VectorWork, Work, later, register
from npusim.ops.reach import everywhere, pointwise, scattered, window


def _axes(call: Call, attr: str, rank: int, default: int) -> Shape:
    found = call.ints(attr) or (default,) * rank
    if len(found) != rank or any(v < 1 for v in found):
        raise call.error(f"{attr} {found} does not give {rank} sizes >= 1")
    return found


def pads(call: Call, ifm: Shape, kernel: Shape, stride: Shape, dilation: Shape) -> tuple[Shape, Shape]:
    """Padding before and after each spatial axis; ``auto_pad`` is resolved from the dilated kernel (ONNX Conv)."""
    rank = len(kernel)
    auto = call.attrs.get("auto_pad", "NOTSET")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        total = tuple(
            max(0, (-(-i // s) - 1) * s + span(k, d) - i)
            for i, k, s, d in zip(ifm, kernel, stride, dilation, strict=True)
        )
        less, more = tuple(t // 2 for t in total), tuple(t - t // 2 for t in total)
        return (less, more) if auto == "SAME_UPPER" else (more, less)
    if auto == "VALID":
        return (0,) * rank, (0,) * rank
    if auto != "NOTSET":
        raise call.error(f"auto_pad {auto!r} is not one of NOTSET, SAME_UPPER, SAME_LOWER, VALID")
    given = call.ints("pads") or (0,) * (2 * rank)
    if len(given) != 2 * rank:
        raise call.error(f"pads {given} does not give {2 * rank} sizes")
    return given[:rank], given[rank:]


def windows(call: Call, ifm: Shape, kernel: Shape, *, ceil: bool = False) -> tuple[Shape, Shape, Shape, Shape, Shape]:
    """Output positions, stride, dilation, padding before and after of a sliding window (convolution or pooling)."""
    rank = len(kernel)
    if min(kernel, default=1) < 1:
        raise call.error(f"a kernel of {kernel} has no taps")
    stride, dilation = _axes(call, "strides", rank, 1), _axes(call, "dilations", rank, 1)
    before, after = pads(call, ifm, kernel, stride, dilation)
    out = []
    for i, k, s, d, b, a in zip(ifm, kernel, stride, dilation, before, after, strict=True):
        room = i + b + a - span(k, d)
        if not i and room < 0:
            out.append(0)  # nothing to slide over
            continue
        if room < 0:
            raise call.error(f"a kernel that spans {span(k, d)} does not fit {i} positions padded by {b} and {a}")
        steps = -(-room // s) if ceil else room // s
        if ceil and steps * s >= i + b:  # a window that starts in the padding after the data is dropped
            steps -= 1
        out.append(steps + 1)
    return tuple(out), stride, dilation, before, after


def seen_through(call: Call, frame: Shape, kernel: Shape, entries: Box, *, ceil: bool = False) -> Seen:
    """The part of a frame that a sliding window (convolution or pooling) reads for those output positions, by axis.

    Raises:
        InputError: untileable, where the padding depends on how the stride divides the frame.
    """
    _, stride, dilation, before, _ = windows(call, frame, kernel, ceil=ceil)
    if call.attrs.get("auto_pad", "NOTSET").startswith("SAME") and any(
        i % s for i, s in zip(frame, stride, strict=True)
    ):
        what = f"auto_pad pads {frame} positions in steps of {stride} other than it would pad a part of them"
        raise call.error(what, code="untileable")
    return tuple(
        window(entry, s, b, span(k, d))
        for entry, s, b, k, d in zip(entries, stride, before, kernel, dilation, strict=True)
    )


_VALUES = "conv_execute"  # the module that computes them


class _Slots:
    """Where a form of convolution keeps its operands."""

    def __init__(self, weights: int, bias: int | None, dtype: Callable[[Call], DType]) -> None:
        self.weights = weights
        self.bias = bias
        self.dtype = dtype


NestRule = Callable[[Call, _Slots], LoopNest]
_REMEMBERED = 4096  # different convolutions; no network has more, and a set of this size takes a few megabytes


def _once(rule: NestRule) -> NestRule:
    """The rule, worked out once for equal convolutions: it is asked for the shape, then for the work, of each layer."""
    known: dict[object, LoopNest] = {}

    def nest(call: Call, slots: _Slots) -> LoopNest:
        ins = tuple(None if tensor is None else (tensor.shape, tensor.is_constant) for tensor in call.ins)
        key = (slots, ins, tuple(call.attrs.items()))
        try:
            found = known.get(key)
        except TypeError:  # an attribute of a kind that no convolution has, and that has no hash
            return rule(call, slots)
        if found is None:
            if len(known) >= _REMEMBERED:
                known.clear()
            found = known[key] = rule(call, slots)
        return found

    return nest


@_once
def _conv_nest(call: Call, slots: _Slots) -> LoopNest:
    x, w = call.shape(0), call.shape(slots.weights)
    if len(x) != len(w) or len(x) < 3:
        raise call.error(f"input {x} and weights {w} are not of one rank >= 3")
    groups, kernel = int(call.attrs.get("group", 1)), call.ints("kernel_shape") or w[2:]
    if kernel != w[2:]:
        raise call.error(f"kernel_shape {kernel} differs from the weights' {w[2:]}")
    if groups < 1 or x[1] != w[1] * groups or w[0] % groups:
        raise call.error(f"{x[1]} input channels do not match weights {w} in {groups} group(s)")
    out, stride, dilation, _, _ = windows(call, x[2:], kernel)
    return LoopNest(
        batch=x[0], groups=groups, in_channels=w[1], out_channels=w[0] // groups, out=out, kernel=kernel, ifm=x[2:],
        stride=stride, dilation=dilation, bias=slots.bias is not None and call.has(slots.bias),
        weights_vary=not call.tensor(slots.weights).is_constant,
    )  # fmt: skip


@_once
def _transposed_nest(call: Call, slots: _Slots) -> LoopNest:
    x, w = call.shape(0), call.shape(slots.weights)
    if len(x) != len(w) or len(x) < 3:
        raise call.error(f"input {x} and weights {w} are not of one rank >= 3")
    groups, kernel = int(call.attrs.get("group", 1)), w[2:]
    if min(kernel) < 1:
        raise call.error(f"a kernel of {kernel} has no taps")
    if (call.ints("kernel_shape") or kernel) != kernel:
        raise call.error(f"kernel_shape {call.ints('kernel_shape')} differs from the weights' {kernel}")
    if groups < 1 or x[1] != w[0] or w[0] % groups:
        raise call.error(f"{x[1]} input channels do not match weights {w} in {groups} group(s)")
    out, stride, dilation, _ = transposed_windows(call, x[2:], kernel)
    return LoopNest(
        batch=x[0], groups=groups, in_channels=w[0] // groups, out_channels=w[1], out=out, kernel=kernel, ifm=x[2:],
        stride=stride, dilation=dilation, transposed=True, bias=slots.bias is not None and call.has(slots.bias),
        weights_vary=not call.tensor(slots.weights).is_constant,
    )  # fmt: skip


def transposed_windows(call: Call, ifm: Shape, kernel: Shape) -> tuple[Shape, Shape, Shape, Shape]:
    """Output positions, stride, dilation and cropping before of a transposed convolution."""
    rank = len(kernel)
    stride, dilation = _axes(call, "strides", rank, 1), _axes(call, "dilations", rank, 1)
    extra = call.ints("output_padding") or (0,) * rank
    before, after = transposed_pads(call, ifm, kernel, stride, dilation, extra)
    out = tuple(
        (i - 1) * s + span(k, d) + e - b - a if i else 0
        for i, s, k, d, e, b, a in zip(ifm, stride, kernel, dilation, extra, before, after, strict=True)
    )
    if any(size < 1 for size, i in zip(out, ifm, strict=True) if i):
        raise call.error(f"pads crop the output to {out}")
    return out, stride, dilation, before


def transposed_pads(
    call: Call, ifm: Shape, kernel: Shape, stride: Shape, dilation: Shape, extra: Shape
) -> tuple[Shape, Shape]:
    """What is cropped before and after each axis: ``output_shape`` wins over ``auto_pad``, which wins over ``pads``."""
    rank = len(kernel)
    auto = call.attrs.get("auto_pad", "NOTSET")
    wanted = call.ints("output_shape")
    if auto not in ("NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"):
        raise call.error(f"auto_pad {auto!r} is not one of NOTSET, SAME_UPPER, SAME_LOWER, VALID")
    if wanted is not None:
        wanted = wanted[-rank:]
    elif auto in ("SAME_UPPER", "SAME_LOWER"):
        wanted = tuple(i * s for i, s in zip(ifm, stride, strict=True))
    if wanted is None:
        given = call.ints("pads") if auto == "NOTSET" else None
        given = given or (0,) * (2 * rank)
        if len(given) != 2 * rank:
            raise call.error(f"pads {given} does not give {2 * rank} sizes")
        return given[:rank], given[rank:]
    total = tuple(
        s * (i - 1) + e + span(k, d) - o
        for s, i, e, k, d, o in zip(stride, ifm, extra, kernel, dilation, wanted, strict=True)
    )
    # ONNX: SAME_UPPER puts the odd pixel after, everything else before; a negative total grows the output instead.
    small = tuple(t // 2 for t in total)
    large = tuple(t - t // 2 for t in total)
    return (small, large) if auto == "SAME_UPPER" else (large, small)


def _fused_steps(call: Call) -> tuple[VectorWork, ...]:
    """What a fused convolution does after its products: adds its fourth input, applies its activation."""
    count = call.outs[0].elements
    added = (VectorWork("add", count, count),) if call.has(3) else ()
    return added + fused_activation(call, count)


def _op(
    name: str, slots: _Slots, execute: str, *, transposed: bool = False, settings: tuple[int, ...] = (),
    then: Callable[[Call], tuple[VectorWork, ...]] = lambda _: (), reach: Reach | None = None,
) -> Op:  # fmt: skip
    nest_of = _transposed_nest if transposed else _conv_nest
    seen = _reach_transposed if transposed else _reach_conv

    def infer(call: Call) -> list[Spec]:
        nest = nest_of(call, slots)
        return [((nest.batch, nest.groups * nest.out_channels, *nest.out), slots.dtype(call))]

    def work(call: Call) -> Work:
        return Work(nests=(nest_of(call, slots),), vector=then(call))

    params = (slots.weights,) if slots.bias is None else (slots.weights, slots.bias)
    return Op(name, infer, work, params=params, settings=settings, execute=later(_VALUES, execute), reach=reach or seen)


def _reach_conv(call: Call, number: int, box: Box) -> list[Seen | None]:
    """Of the input, the windows and all channels; of what a fused convolution adds, the same positions."""
    kernel = call.shape(3 if call.op == "QLinearConv" else 1)[2:]
    first = (box[0], None, *seen_through(call, call.shape(0)[2:], kernel, box[2:]))
    added = pointwise(call, number, box) if call.op == "com.microsoft::FusedConv" else [None] * len(call.ins)
    return [first, *(None if slot < 3 else added[slot] for slot in range(1, len(call.ins)))]


def _reach_transposed(call: Call, number: int, box: Box) -> list[Seen | None]:  # noqa: ARG001 - as every rule
    ifm, kernel = call.shape(0)[2:], call.shape(1)[2:]
    out, stride, dilation, before = transposed_windows(call, ifm, kernel)
    frame = (
        scattered(entry, s, b, span(k, d), o - (i - 1) * s)
        for entry, s, b, k, d, o, i in zip(box[2:], stride, before, kernel, dilation, out, ifm, strict=True)
    )
    return [(box[0], None, *frame), *(None for _ in call.ins[1:])]


def _as_input(call: Call) -> DType:
    return call.dtype(0)


def _sampling(call: Call) -> tuple[VectorWork, ...]:
    """DeformConv reads each tap between four positions, and may scale it by a mask (ONNX DeformConv)."""
    nest = _conv_nest(call, _DEFORMED)
    taps = nest.batch * nest.groups * nest.in_channels * prod(nest.out) * prod(nest.kernel)
    sampled = VectorWork("resize", taps, 2 ** len(nest.kernel) * taps)
    return (sampled, VectorWork("mul", taps, taps)) if call.has(4) else (sampled,)


def _causal_nest(call: Call) -> LoopNest:
    x, w = call.shape(0), call.shape(1)
    if len(x) != 3 or len(w) != 3 or w[:2] != (x[1], 1):
        raise call.error(f"weights {w} are not one kernel for each channel of {x}")
    return LoopNest(
        batch=x[0], groups=x[1], in_channels=1, out_channels=1, out=x[2:], kernel=w[2:], ifm=x[2:], bias=call.has(2),
        weights_vary=not call.tensor(1).is_constant,
    )  # fmt: skip


def _causal_infer(call: Call) -> list[Spec]:
    nest = _causal_nest(call)
    return [*[(call.shape(0), call.dtype())], ((nest.batch, nest.groups, nest.kernel[0] - 1), call.dtype())]


def _causal_work(call: Call) -> Work:
    nest = _causal_nest(call)
    count = nest.batch * nest.groups * nest.out[0]
    active = call.attrs.get("activation", "none") != "none"
    return Work(nests=(nest,), vector=(VectorWork("sigmoid", count, count),) if active else ())


_FLOAT = _Slots(weights=1, bias=2, dtype=_as_input)
_DEFORMED = _Slots(weights=1, bias=3, dtype=_as_input)

register(
    _op("Conv", _FLOAT, "conv"),
    _op("ConvTranspose", _FLOAT, "conv_transpose", transposed=True),
    _op("com.microsoft::FusedConv", _FLOAT, "fused_conv", then=_fused_steps),
    _op("ConvInteger", _Slots(1, None, lambda _: DType.INT32), "conv_integer", settings=(2, 3)),
    _op("QLinearConv", _Slots(3, 8, lambda call: call.dtype(7)), "qlinear_conv", settings=(1, 2, 4, 5, 6, 7)),
    _op("DeformConv", _DEFORMED, "deform_conv", then=_sampling, reach=everywhere),
    Op(
        "CausalConvWithState",
        _causal_infer,
        _causal_work,
        params=(1, 2),
        execute=later(_VALUES, "causal_conv"),
        reach=everywhere,
    ),
)
