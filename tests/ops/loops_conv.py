"""Convolutions and pooling as loops over every product: float64, one number at a time, from the definitions of ONNX."""

from __future__ import annotations

from itertools import product
from math import exp
from typing import Any

import numpy as np
from draw_kit import Shape
from sample_kit import Sample, values

Array = np.ndarray[Any, Any]


def _window(attrs: dict[str, Any], kernel: Shape) -> tuple[Shape, Shape, Shape]:
    """Stride, dilation and how far each axis of the kernel reaches."""
    ones = (1,) * len(kernel)
    stride, dilation = attrs.get("strides", ones), attrs.get("dilations", ones)
    return stride, dilation, tuple((k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True))


def _pads(attrs: dict[str, Any], frame: Shape, stride: Shape, spans: Shape) -> tuple[Shape, Shape]:
    """Positions before and after each axis; SAME shares out what an output every ``stride`` positions needs."""
    rank, auto = len(frame), attrs.get("auto_pad", "NOTSET")
    if not auto.startswith("SAME"):
        given = attrs.get("pads", (0,) * 2 * rank)
        return given[:rank], given[rank:]
    totals = [max((-(-i // s) - 1) * s + span - i, 0) for i, s, span in zip(frame, stride, spans, strict=True)]
    less = [total // 2 for total in totals]
    more = [total - half for total, half in zip(totals, less, strict=True)]
    return (tuple(less), tuple(more)) if auto == "SAME_UPPER" else (tuple(more), tuple(less))


def conv(sample: Sample) -> list[Array]:
    x, w, bias = values(sample, 3)
    attrs, groups = sample.attrs, sample.attrs.get("group", 1)
    stride, dilation, spans = _window(attrs, w.shape[2:])
    before, after = _pads(attrs, x.shape[2:], stride, spans)
    sizes = zip(x.shape[2:], before, after, spans, stride, strict=True)
    out = tuple((i + b + a - span) // s + 1 for i, b, a, span, s in sizes)
    y = np.zeros((len(x), len(w), *out))
    each, count = x.shape[1] // groups, len(w) // groups
    for n, k, at in product(range(len(x)), range(len(w)), product(*map(range, out))):
        total = 0.0 if bias is None else float(bias[k])
        for c, tap in product(range(each), product(*map(range, w.shape[2:]))):
            place = tuple(a * s + t * d - b for a, s, t, d, b in zip(at, stride, tap, dilation, before, strict=True))
            if all(0 <= p < size for p, size in zip(place, x.shape[2:], strict=True)):
                total += x[(n, k // count * each + c, *place)] * w[(k, c, *tap)]
        y[(n, k, *at)] = total
    return [y]


def conv_transpose(sample: Sample) -> list[Array]:
    """Each input is spread over a kernel's worth of outputs; what lies in the padding is cut off."""
    x, w, bias = values(sample, 3)
    attrs, groups = sample.attrs, sample.attrs.get("group", 1)
    stride, dilation, spans = _window(attrs, w.shape[2:])
    extra, rank = attrs.get("output_padding", (0,) * len(stride)), len(stride)
    full = [(i - 1) * s + e + span for i, s, e, span in zip(x.shape[2:], stride, extra, spans, strict=True)]
    auto, pads = attrs.get("auto_pad", "NOTSET"), attrs.get("pads", (0,) * 2 * rank)
    if auto.startswith("SAME"):
        totals = [size - i * s for size, i, s in zip(full, x.shape[2:], stride, strict=True)]
        before = tuple(t // 2 if auto == "SAME_UPPER" else t - t // 2 for t in totals)
        out = tuple(i * s for i, s in zip(x.shape[2:], stride, strict=True))
    else:
        before = pads[:rank]
        out = tuple(size - pads[at] - pads[rank + at] for at, size in enumerate(full))
    each, count = x.shape[1] // groups, w.shape[1]
    y = np.zeros((len(x), groups * count, *out))
    for n, c, at in product(range(len(x)), range(x.shape[1]), product(*map(range, x.shape[2:]))):
        for k, tap in product(range(count), product(*map(range, w.shape[2:]))):
            place = tuple(a * s + t * d - b for a, s, t, d, b in zip(at, stride, tap, dilation, before, strict=True))
            if all(0 <= p < size for p, size in zip(place, out, strict=True)):
                y[(n, c // each * count + k, *place)] += x[(n, c, *at)] * w[(c, k, *tap)]
    return [y if bias is None else y + bias.reshape(-1, *(1,) * rank)]


def deform(sample: Sample) -> list[Array]:
    """Each tap is moved by an offset of its own, and reads between four pixels; pixels outside are 0."""
    x, w, offset, bias, mask = values(sample, 5)
    attrs, groups, moved = sample.attrs, sample.attrs["group"], sample.attrs["offset_group"]
    stride, dilation, _ = _window(attrs, w.shape[2:])
    rows, columns = w.shape[2:]
    each, count = w.shape[1], len(w) // groups

    def pixel(n: int, c: int, place: tuple[float, float]) -> float:
        found = 0.0
        for corner in product((0, 1), (0, 1)):
            at = [int(np.floor(p)) + step for p, step in zip(place, corner, strict=True)]
            share = 1.0
            for p, a in zip(place, at, strict=True):
                share *= 1 - abs(p - a)
            if all(0 <= a < size for a, size in zip(at, x.shape[2:], strict=True)):
                found += share * float(x[n, c, at[0], at[1]])
        return found

    y = np.zeros((len(x), len(w), *offset.shape[2:]))
    for n, k, i, j in np.ndindex(*y.shape):
        total = 0.0 if bias is None else float(bias[k])
        for c, r, s in product(range(each), range(rows), range(columns)):
            channel = k // count * each + c
            tap = (channel // (x.shape[1] // moved)) * rows * columns + r * columns + s
            place = (
                i * stride[0] + r * dilation[0] - attrs["pads"][0] + offset[n, 2 * tap, i, j],
                j * stride[1] + s * dilation[1] - attrs["pads"][1] + offset[n, 2 * tap + 1, i, j],
            )
            total += w[k, c, r, s] * pixel(n, channel, place) * (1 if mask is None else mask[n, tap, i, j])
        y[n, k, i, j] = total
    return [y]


def causal(sample: Sample) -> list[Array]:
    """Each output sees the taps behind it; in front of the signal stands the state, or zeros."""
    x, w, bias, state = values(sample, 4)
    taps = w.shape[2]
    state = np.zeros((*x.shape[:2], taps - 1)) if state is None else state
    whole = np.concatenate([state, x], axis=2)
    y = np.zeros(x.shape)
    for n, c, t in np.ndindex(*x.shape):
        total = sum(whole[n, c, t + k] * w[c, 0, k] for k in range(taps)) + (0 if bias is None else bias[c])
        y[n, c, t] = total if sample.attrs.get("activation", "none") == "none" else total / (1 + exp(-total))
    return [y, whole[:, :, whole.shape[2] - taps + 1 :]]


def pool(op: str, sample: Sample) -> list[Array]:
    """A window at each place that starts on data or in the padding before it; past the padding nothing counts."""
    (x,), attrs = values(sample, 1), sample.attrs
    kernel = attrs["kernel_shape"]
    stride, dilation, spans = _window(attrs, kernel)
    before, after = _pads(attrs, x.shape[2:], stride, spans)
    out = []
    for i, b, a, span, s in zip(x.shape[2:], before, after, spans, stride, strict=True):
        room = i + b + a - span
        size = (-(-room // s) if attrs["ceil_mode"] else room // s) + 1
        out.append(size - 1 if attrs["ceil_mode"] and (size - 1) * s >= i + b else size)
    y = np.zeros((*x.shape[:2], *out))
    for at in np.ndindex(*y.shape):
        seen, padded = [], 0
        for tap in product(*map(range, kernel)):
            steps = zip(at[2:], stride, tap, dilation, before, strict=True)
            place = [a * s + t * d - b for a, s, t, d, b in steps]
            if all(0 <= p < size for p, size in zip(place, x.shape[2:], strict=True)):
                seen.append(float(x[(*at[:2], *place)]))
            elif all(p < size + a for p, size, a in zip(place, x.shape[2:], after, strict=True)):
                padded += 1
        y[at] = _pooled(op, attrs, seen, padded)
    return [y]


def _pooled(op: str, attrs: dict[str, Any], seen: list[float], padded: int) -> float:
    if op == "MaxPool":
        return max(seen)
    if op == "LpPool":
        power = attrs["p"]
        return float(sum(abs(each) ** power for each in seen) ** (1 / power))
    return sum(seen) / (len(seen) + (padded if attrs.get("count_include_pad") else 0))
