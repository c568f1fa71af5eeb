"""Products, softmax, normalisation and reductions as loops: float64, one number at a time."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import exp, log, prod, sqrt
from typing import Any

import numpy as np
from sample_kit import Arg, Sample, values

Array = np.ndarray[Any, Any]


# --- products -------------------------------------------------------------------------------------------------------


def matmul(sample: Sample) -> list[Array]:
    """A vector is a row on the left and a column on the right, and its axis is gone from the result."""
    a, b = values(sample, 2)
    left = a.reshape(1, -1) if a.ndim == 1 else a
    right = b.reshape(-1, 1) if b.ndim == 1 else b
    lead = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    left, right = (np.broadcast_to(x, (*lead, *x.shape[-2:])) for x in (left, right))
    y = np.zeros((*lead, left.shape[-2], right.shape[-1]))
    for *at, i, j in np.ndindex(*y.shape):
        y[(*at, i, j)] = sum(left[(*at, i, k)] * right[(*at, k, j)] for k in range(left.shape[-1]))
    rows = () if a.ndim == 1 else y.shape[-2:-1]
    columns = () if b.ndim == 1 else y.shape[-1:]
    return [y.reshape((*lead, *rows, *columns))]


def gemm(sample: Sample) -> list[Array]:
    a, b, bias = values(sample, 3)
    attrs = sample.attrs
    a, b = a.T if attrs.get("transA") else a, b.T if attrs.get("transB") else b
    y = np.zeros((len(a), b.shape[1]))
    added = np.zeros(y.shape) if bias is None else np.broadcast_to(bias, y.shape)
    for i, j in np.ndindex(*y.shape):
        total = sum(a[i, k] * b[k, j] for k in range(a.shape[1]))
        y[i, j] = attrs.get("alpha", 1.0) * total + attrs.get("beta", 1.0) * added[i, j]
    return [y]


def einsum(sample: Sample) -> list[Array]:
    """A sum over every letter; left open, the result has those that stand once, in the order of the alphabet."""
    terms, arrow, kept = sample.attrs["equation"].partition("->")
    parts, arrays = terms.split(","), values(sample, len(sample.ins))
    letters = sorted(set("".join(parts)))
    if not arrow:
        kept = "".join(letter for letter in letters if "".join(parts).count(letter) == 1)
    size = {x: array.shape[at] for part, array in zip(parts, arrays, strict=True) for at, x in enumerate(part)}
    y = np.zeros(tuple(size[letter] for letter in kept))
    for at in product(*(range(size[letter]) for letter in letters)):
        place = dict(zip(letters, at, strict=True))
        factors = [array[tuple(place[x] for x in part)] for part, array in zip(parts, arrays, strict=True)]
        y[tuple(place[x] for x in kept)] += prod(factors)
    return [y]


def determinant(sample: Sample) -> list[Array]:
    """Leibniz: over all orders of the columns."""
    (x,) = values(sample, 1)

    def minor(m: Array) -> float:
        if len(m) == 1:
            return float(m[0, 0])
        parts = [(-1.0) ** j * float(m[0, j]) * minor(np.delete(m[1:], j, axis=1)) for j in range(len(m))]
        return sum(parts)

    return [np.array([minor(x[at]) for at in np.ndindex(*x.shape[:-2])]).reshape(x.shape[:-2])]


# --- along axes -----------------------------------------------------------------------------------------------------


def softmax(sample: Sample, *, logarithm: bool = False) -> list[Array]:
    """Of rows: an axis, or before opset 13 all axes from it on."""
    (x,) = values(sample, 1)
    old = sample.opset < 13
    axis = sample.attrs.get("axis", 1 if old else -1) % x.ndim
    rows = x.reshape(prod(x.shape[:axis]), -1) if old else np.moveaxis(x, axis, -1)
    y = np.zeros(rows.shape)
    for at in np.ndindex(*rows.shape[:-1]):
        total = sum(exp(float(each)) for each in rows[at])
        y[at] = [float(each) - log(total) if logarithm else exp(float(each)) / total for each in rows[at]]
    return [y.reshape(x.shape) if old else np.moveaxis(y, -1, axis)]


def _moments(x: Array) -> tuple[float, float]:
    mean = sum(map(float, x.reshape(-1))) / x.size
    return mean, sum((float(each) - mean) ** 2 for each in x.reshape(-1)) / x.size


def batch(sample: Sample) -> list[Array]:
    x, scale, bias, mean, variance = values(sample, 5)
    y, epsilon = np.zeros(x.shape), sample.attrs.get("epsilon", 1e-5)
    for at in np.ndindex(*x.shape):
        c = at[1]
        y[at] = (x[at] - mean[c]) / sqrt(variance[c] + epsilon) * scale[c] + bias[c]
    return [y]


def instance(sample: Sample) -> list[Array]:
    """Each channel of each element by its own mean and variance."""
    x, scale, bias = values(sample, 3)
    y, epsilon = np.zeros(x.shape), sample.attrs.get("epsilon", 1e-5)
    for n, c in np.ndindex(*x.shape[:2]):
        mean, variance = _moments(x[n, c])
        y[n, c] = (x[n, c] - mean) / sqrt(variance + epsilon) * scale[c] + bias[c]
    return [y]


def group(sample: Sample) -> list[Array]:
    x, scale, bias = values(sample, 3)
    y, epsilon, groups = np.zeros(x.shape), sample.attrs.get("epsilon", 1e-5), sample.attrs["num_groups"]
    each = x.shape[1] // groups
    for n, c in np.ndindex(*x.shape[:2]):
        g = c // each
        mean, variance = _moments(x[n, g * each : (g + 1) * each])
        own = g if sample.opset < 21 else c
        y[n, c] = (x[n, c] - mean) / sqrt(variance + epsilon) * scale[own] + bias[own]
    return [y]


def layer(sample: Sample, *, centred: bool = True) -> list[Array]:
    """Over all axes from the one given on; the mean and the inverse deviation come with it."""
    x, scale, bias = values(sample, 3)
    axis, epsilon = sample.attrs.get("axis", -1) % x.ndim, sample.attrs.get("epsilon", 1e-5)
    lead = x.shape[:axis]
    y, means, inverse = np.zeros(x.shape), np.zeros(lead), np.zeros(lead)
    for at in np.ndindex(*lead):
        mean, variance = _moments(x[at])
        if not centred:
            mean, variance = 0.0, sum(float(each) ** 2 for each in x[at].reshape(-1)) / x[at].size
        means[at], inverse[at] = mean, 1 / sqrt(variance + epsilon)
        y[at] = (x[at] - mean) * inverse[at] * scale + (0 if bias is None else bias)
    kept = (*lead, *(1,) * (x.ndim - axis))
    return [y, means.reshape(kept), inverse.reshape(kept)]


def skip(sample: Sample, *, centred: bool = True) -> list[Array]:
    """A layer normalisation over the last axis of a sum, of three operands where there is a bias in front."""
    x, added, scale, *more = values(sample, 5)
    shift, bias = (more[0], more[1]) if centred else (None, more[0])
    total = x + added + (0 if bias is None else bias)
    ins = tuple(None if each is None else Arg(each) for each in (total, scale, shift))
    attrs = {"axis": -1, "epsilon": sample.attrs.get("epsilon", 1e-12)}
    return layer(Sample(attrs, ins), centred=centred)[:1]


def lrn(sample: Sample) -> list[Array]:
    """Channels c - floor((size - 1) / 2) to c + ceil((size - 1) / 2)."""
    (x,), attrs = values(sample, 1), sample.attrs
    size, alpha, beta = attrs["size"], attrs.get("alpha", 1e-4), attrs.get("beta", 0.75)
    y = np.zeros(x.shape)
    for n, c, *at in np.ndindex(*x.shape):
        low, high = c - (size - 1) // 2, c + -(-(size - 1) // 2)
        near = range(max(low, 0), min(high, x.shape[1] - 1) + 1)
        total = sum(float(x[(n, each, *at)]) ** 2 for each in near)
        y[(n, c, *at)] = x[(n, c, *at)] / (attrs.get("bias", 1.0) + alpha / size * total) ** beta
    return [y]


def lp(sample: Sample) -> list[Array]:
    (x,), power = values(sample, 1), sample.attrs.get("p", 2)
    rows = np.moveaxis(x, sample.attrs.get("axis", -1), -1)
    y = np.zeros(rows.shape)
    for at in np.ndindex(*rows.shape[:-1]):
        y[at] = rows[at] / sum(abs(float(each)) ** power for each in rows[at]) ** (1 / power)
    return [np.moveaxis(y, -1, sample.attrs.get("axis", -1))]


def mean_variance(sample: Sample) -> list[Array]:
    (x,), axes = values(sample, 1), sample.attrs.get("axes", (0, 2, 3))
    y = np.zeros(x.shape)
    for at in np.ndindex(*x.shape):
        like = tuple(slice(None) if axis in axes else at[axis] for axis in range(x.ndim))
        mean, variance = _moments(x[like])
        y[at] = (x[at] - mean) / (sqrt(variance) + 1e-9)
    return [y]


# --- reductions -----------------------------------------------------------------------------------------------------

_REDUCED: dict[str, Callable[[list[float]], float]] = {
    "ReduceSum": sum,
    "ReduceMean": lambda x: sum(x) / len(x),
    "ReduceProd": prod,
    "ReduceMax": max,
    "ReduceMin": min,
    "ReduceL1": lambda x: sum(map(abs, x)),
    "ReduceL2": lambda x: sqrt(sum(each**2 for each in x)),
    "ReduceSumSquare": lambda x: sum(each**2 for each in x),
    "ReduceLogSum": lambda x: log(sum(x)),
    "ReduceLogSumExp": lambda x: log(sum(map(exp, x))),
}


def reduction(op: str, sample: Sample) -> list[Array]:
    """The elements that share their place on all other axes."""
    x, given = values(sample, 2)
    axes = sample.attrs.get("axes", () if given is None else tuple(given))
    axes = tuple(axis % x.ndim for axis in axes)
    if not axes and not sample.attrs.get("noop_with_empty_axes"):
        axes = tuple(range(x.ndim))
    rows: dict[tuple[int, ...], list[float]] = {}
    for at in np.ndindex(*x.shape):
        rows.setdefault(tuple(0 if axis in axes else p for axis, p in enumerate(at)), []).append(float(x[at]))
    y = np.zeros(tuple(1 if axis in axes else size for axis, size in enumerate(x.shape)))
    for at, elements in rows.items():
        y[at] = _REDUCED[op](elements) if axes else _alone(op, elements[0])
    return [y if sample.attrs.get("keepdims", 1) else np.squeeze(y, axes)]


def _alone(op: str, element: float) -> float:
    """What is reduced over no axis; logarithms and squares are taken all the same."""
    return float(_REDUCED[op]([element]))


def running(sample: Sample, *, product_of: bool = False) -> list[Array]:
    x, axis = values(sample, 2)
    rows, attrs = np.moveaxis(x, int(axis), -1), sample.attrs
    y = np.zeros(rows.shape)
    for at in np.ndindex(*rows.shape):
        *lead, last = at
        back, own = attrs.get("reverse", 0), 0 if attrs.get("exclusive", 0) else 1
        seen = range(last + 1 - own, rows.shape[-1]) if back else range(last + own)
        elements = [float(rows[(*lead, each)]) for each in seen]
        y[at] = prod(elements) if product_of else sum(elements)
    return [np.moveaxis(y, -1, int(axis))]
