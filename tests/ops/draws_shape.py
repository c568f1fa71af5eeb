"""Random calls of operators that make or reshape tensors, and of all others."""

from __future__ import annotations

from typing import Any

import numpy as np
from draw_kit import Drawn, Pick, Shape
from sample_kit import Arg, Sample, const

from npusim.ir import DType

# --- views ----------------------------------------------------------------------------------------------------------


def _reshape(pick: Pick) -> Sample:
    """The axes in another order, some put together; one may be left open, or be as it was."""
    shape = pick.shape(0)
    wanted = [shape[at] for at in pick.order(len(shape))]
    if len(wanted) > 1 and pick.flag():
        wanted[:2] = [wanted[0] * wanted[1]]
    if pick.flag():
        wanted.insert(pick.size(0, len(wanted)), 1)
    if wanted and pick.flag():
        wanted[pick.size(0, len(wanted) - 1)] = -1
    zeros = [at for at, size in enumerate(wanted) if at < len(shape) and size == shape[at]]
    for at in zeros[: pick.size(0, 1)]:
        wanted[at] = 0
    return Sample({}, (pick.any(*shape), const(np.array(wanted, np.int64))), opset=pick.of(13, 21))


def _flatten(pick: Pick) -> Sample:
    shape = pick.shape(0)
    return Sample({"axis": pick.size(-len(shape), len(shape))} if pick.flag() else {}, (pick.any(*(shape or (2,))),))


def _squeeze(pick: Pick) -> Sample:
    shape = tuple(pick.of(1, 1, 3) for _ in range(pick.size(1, 4)))
    axes = pick.signed(tuple(at for at, size in enumerate(shape) if size == 1 and pick.flag()), len(shape))
    x = pick.any(*shape)
    form = pick.of("attribute", "input", "all") if axes else "all"
    if form == "attribute":
        return Sample({"axes": axes}, (x,), opset=11)
    return Sample({}, (x, const(axes)) if form == "input" else (x,), opset=13)


def _unsqueeze(pick: Pick) -> Sample:
    shape, more = pick.shape(0, 3), pick.size(1, 2)
    rank = len(shape) + more
    axes = pick.signed(pick.order(rank)[:more], rank)
    if pick.flag():
        return Sample({"axes": axes}, (pick.any(*shape),), opset=11)
    return Sample({}, (pick.any(*shape), const(axes)))


def _same(pick: Pick) -> Sample:
    return Sample({}, (pick.any(*pick.shape()),))


def _dropout(pick: Pick) -> Sample:
    """Not in training: nothing is dropped."""
    x = pick.real(*pick.shape())
    if pick.flag():
        return Sample({"ratio": 0.3}, (x,), opset=7)
    return Sample({}, (x, const(0.3, "float32"), const(False, "bool")), outs=pick.size(1, 2))


_TYPES = ("float32", "float64", "float16", "int64", "int32", "int8", "uint8", "bool")


def _cast(pick: Pick) -> Sample:
    """Reals that no type overflows."""
    shape, to = pick.shape(), pick.of(*_TYPES)
    source = pick.of("float32", "int64", "uint8", "bool")
    low = 0 if to.startswith("u") or source in ("uint8", "bool") else -9
    x = pick.real(*shape, low=low, high=99) if source == "float32" else pick.whole(*shape, low=low, dtype=source)
    return Sample({"to": DType.parse(to)}, (x,))


def _cast_like(pick: Pick) -> Sample:
    drawn = _cast(pick)
    return Sample({}, (*drawn.ins, Arg(np.zeros(1, drawn.attrs["to"].label))))


def _bit_cast(pick: Pick) -> Sample:
    to = pick.of(DType.INT32, DType.UINT32)
    return Sample({"to": to}, (pick.real(*pick.shape()),), opset=26)


VIEW: dict[str, Drawn] = {
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Identity": _same,
    "OptionalGetElement": _same,
    "OptionalHasElement": _same,
    "Dropout": _dropout,
    "Cast": _cast,
    "CastLike": _cast_like,
    "BitCast": _bit_cast,
}

# --- constants ------------------------------------------------------------------------------------------------------


def _constant(pick: Pick) -> Sample:
    form = pick.of("value", "value_int", "value_ints", "value_float", "value_floats")
    x = pick.any(*pick.shape()).value
    numbers = tuple(float(each) for each in pick.real(3).value)
    wholes = tuple(pick.size(-9, 9) for _ in range(3))
    given: dict[str, Any] = {
        "value": x, "value_int": wholes[0], "value_ints": wholes, "value_float": numbers[0], "value_floats": numbers,
    }  # fmt: skip
    return Sample({form: given[form]}, ())


def _filled(pick: Pick) -> Sample:
    attrs = {"value": pick.any(1).value} if pick.flag() else {}
    return Sample(attrs, (const(np.array(pick.shape(0, 3), np.int64)),))


def _range(pick: Pick) -> Sample:
    start, count, step = pick.size(-5, 5), pick.size(0, 6), pick.of(-3, -1, 1, 2)
    dtype, scale = pick.of(("int64", 1), ("int32", 1), ("float32", 0.5))
    return Sample({}, tuple(const(each * scale, dtype) for each in (start, start + count * step, step)))


def _eye(pick: Pick) -> Sample:
    attrs: dict[str, Any] = {"k": pick.size(-3, 3)} if pick.flag() else {}
    attrs |= {"dtype": pick.of(DType.INT64, DType.FLOAT64)} if pick.flag() else {}
    return Sample(attrs, (pick.real(*pick.sizes(2)),))


def _shape(pick: Pick) -> Sample:
    x = pick.any(*pick.shape())
    attrs = {name: pick.size(-5, 5) for name in ("start", "end") if pick.flag()}
    return Sample(attrs, (x,), opset=15)


def _window(pick: Pick) -> Sample:
    return Sample({"periodic": pick.size(0, 1)} if pick.flag() else {}, (const(pick.size(2, 12)),))


CONSTANT: dict[str, Drawn] = {
    "Constant": _constant,
    "ConstantOfShape": _filled,
    "Range": _range,
    "EyeLike": _eye,
    "Shape": _shape,
    "Size": _same,
    **dict.fromkeys(("HannWindow", "HammingWindow", "BlackmanWindow"), _window),
}

# --- others ---------------------------------------------------------------------------------------------------------


def loss(pick: Pick, dtype: str = "float32") -> Sample:
    """Some targets may be ignored, but not all of them."""
    batch, classes = pick.sizes(2, 2, 4)
    more = pick.shape(0, 2)
    targets = pick.whole(batch, *more, low=0, high=classes - 1).value
    attrs: dict[str, Any] = {"reduction": pick.of("none", "sum", "mean")}
    if pick.flag():
        other = (int(targets.reshape(-1)[0]) + 1) % classes
        attrs["ignore_index"] = other
    weights = [pick.weights(classes, low=0.1, dtype=dtype)] if pick.flag() else []
    return Sample(attrs, (pick.real(batch, classes, *more, dtype=dtype), Arg(targets), *weights))


def _cross_entropy(pick: Pick) -> Sample:
    return loss(pick)._replace(outs=pick.size(1, 2))


def transform(pick: Pick, dtype: str = "float32") -> Sample:
    """Of a real or complex signal, along any axis, cut or filled up to a length; half of a real one alone."""
    shape: Shape = (*pick.shape(1, 3, high=5), pick.size(2, 9))
    rank = len(shape) + 1
    axis = pick.size(0, rank - 2)
    real = pick.flag()
    x = pick.real(*shape, 1 if real else 2, dtype=dtype)
    attrs: dict[str, Any] = {"onesided": 1} if real and pick.flag() else {"inverse": pick.size(0, 1)}
    length = pick.maybe(lambda: const(pick.size(1, 9)))
    if pick.flag():
        return Sample(attrs | {"axis": axis}, (x, length), opset=17)
    return Sample(attrs, (x, length, const(axis if pick.flag() else axis - rank)), opset=20)


def _spectrogram(pick: Pick) -> Sample:
    frame, step = pick.size(2, 8), pick.size(1, 4)
    x = pick.real(pick.size(1, 2), frame + pick.size(0, 12), 1)
    window = pick.maybe(lambda: pick.weights(frame))
    length = const(frame) if window is None or pick.flag() else None
    return Sample({"onesided": pick.size(0, 1)}, (x, const(step), window, length), opset=17)


def _mel(pick: Pick) -> Sample:
    """The edges lie below half the rate, and the length is even, so that each has a bin."""
    bins, length, rate = pick.size(1, 12), 2 * pick.size(2, 16), pick.of(8000, 16000)
    low, high = pick.of(0.0, 125.0), rate / 2 - pick.of(0.0, 500.0)
    ins = (const(bins), const(length), const(rate), const(low, "float32"), const(high, "float32"))
    return Sample({}, ins, opset=17)


def determinant(pick: Pick, dtype: str = "float32") -> Sample:
    size = pick.size(1, 4)
    return Sample({}, (pick.real(*pick.shape(0, 2), size, size, dtype=dtype),))


OTHER: dict[str, Drawn] = {
    "NegativeLogLikelihoodLoss": loss,
    "SoftmaxCrossEntropyLoss": _cross_entropy,
    "DFT": transform,
    "STFT": _spectrogram,
    "MelWeightMatrix": _mel,
    "Det": determinant,
}
