"""Einsum: any contraction, as products of two operands at a time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import prod

import msgspec
import numpy as np

from npusim.loopnest import LoopNest
from npusim.ops.arrays import as_type
from npusim.ops.base import Array, Call, Op, Spec, VectorWork, Work, array, register
from npusim.ops.matmul import product_nest

Labels = tuple[str, ...]


class _Term(msgspec.Struct, frozen=True):
    """An operand: the size of each of its labels (those it broadcasts left out), and whether it is constant."""

    sizes: dict[str, int]
    constant: bool


def _parse(call: Call) -> tuple[list[Labels], Labels, dict[str, int]]:
    """Labels of each operand and of the output, and the size of each label.

    An ellipsis becomes labels of its own, counted from its last axis, so that operands of unequal rank broadcast.
    """
    equation = str(call.attrs["equation"]).replace(" ", "")
    left, arrow, right = equation.partition("->")
    texts = left.split(",")
    if len(texts) != len(call.ins):
        raise call.error(f"equation {equation!r} has {len(texts)} operands, the node {len(call.ins)}")
    terms = [_labels(call, text, len(call.shape(slot))) for slot, text in enumerate(texts)]
    sizes: dict[str, int] = {}
    for slot, term in enumerate(terms):
        for label, size in zip(term, call.shape(slot), strict=True):
            if sizes.get(label, 1) not in (size, 1) and size != 1:
                raise call.error(
                    f"label {label!r} of {equation!r} is {sizes[label]} in one operand and {size} in another"
                )
            sizes[label] = size if sizes.get(label, 1) == 1 else sizes[label]
    dots = tuple(sorted((label for label in sizes if label.startswith(".")), key=lambda label: -int(label[1:])))
    if arrow:
        before, ellipsis, after = right.partition("...")
        out = (*before, *(dots if ellipsis else ()), *after)
    else:  # without an arrow: the ellipsis, then each label that occurs once, in alphabetical order
        out = (*dots, *sorted(label for label in sizes if left.count(label) == 1))
    unknown = [label for label in out if label not in sizes]
    if unknown:
        raise call.error(f"label {unknown[0]!r} of the output is in no operand of {equation!r}")
    return terms, out, sizes


def _labels(call: Call, text: str, rank: int) -> Labels:
    before, ellipsis, after = text.partition("...")
    free = rank - len(before) - len(after)
    if free < 0 or (free and not ellipsis):
        raise call.error(f"{text!r} does not label {rank} axes")
    return (*before, *(f".{free - axis}" for axis in range(free)), *after)


def _infer(call: Call) -> list[Spec]:
    _, out, sizes = _parse(call)
    return [(tuple(sizes[label] for label in out), call.dtype())]


# --- work -----------------------------------------------------------------------------------------------------------


def _terms(call: Call) -> tuple[list[_Term], Labels]:
    labels, out, sizes = _parse(call)
    terms = []
    for slot, term in enumerate(labels):
        own = {
            label: size for label, size in zip(term, call.shape(slot), strict=True) if size != 1 or sizes[label] == 1
        }
        terms.append(_Term(own, call.tensor(slot).is_constant))
    return terms, out


def _summed(term: _Term, kept: set[str]) -> tuple[_Term, list[VectorWork]]:
    """The operand with the labels that nobody else needs summed away before it is multiplied."""
    left = {label: size for label, size in term.sizes.items() if label in kept}
    if len(left) == len(term.sizes):
        return term, []
    count = prod(term.sizes.values())
    return _Term(left, term.constant), [VectorWork("reduce", count, count)]


def _pair(a: _Term, b: _Term, kept: set[str]) -> tuple[_Term, LoopNest | VectorWork]:
    """The product of two operands, summed over the labels that they share and nobody else needs."""
    shared = a.sizes.keys() & b.sizes.keys()
    inner = prod(a.sizes[label] for label in shared - kept)
    out = _Term(
        {label: size for label, size in (a.sizes | b.sizes).items() if label in kept}, a.constant and b.constant
    )
    if not shared - kept:  # nothing is accumulated: an element-wise product
        count = prod(out.sizes.values())
        return out, VectorWork("mul", count, count)
    groups = prod(a.sizes[label] for label in shared & kept)
    rows = prod(size for label, size in a.sizes.items() if label not in shared)
    columns = prod(size for label, size in b.sizes.items() if label not in shared)
    if a.constant and not b.constant:
        rows, columns = columns, rows
    vary = not (a.constant or b.constant)
    return out, product_nest(groups=groups, rows=rows, inner=inner, columns=columns, weights_vary=vary)


def _cost(a: _Term, b: _Term) -> int:
    return prod((a.sizes | b.sizes).values())


def _work(call: Call) -> Work:
    """Operands are taken two at a time, the cheapest pair first."""
    terms, out = _terms(call)
    nests: list[LoopNest] = []
    vector: list[VectorWork] = []
    while True:
        for index, term in enumerate(terms):
            others = {label for at, other in enumerate(terms) if at != index for label in other.sizes}
            terms[index], sums = _summed(term, others | set(out))
            vector += sums
        if len(terms) == 1:
            break
        a, b = min(combinations(range(len(terms)), 2), key=lambda pair: _cost(terms[pair[0]], terms[pair[1]]))
        rest = [term for at, term in enumerate(terms) if at not in (a, b)]
        kept = set(out) | {label for term in rest for label in term.sizes}
        product, step = _pair(terms[a], terms[b], kept)
        if isinstance(step, LoopNest):
            nests.append(step)
        else:
            vector.append(step)
        terms = [product, *rest]
    if not nests and not vector:
        vector.append(VectorWork("copy", call.outs[0].elements))
    return Work(nests=tuple(nests), vector=tuple(vector))


def _execute(call: Call, arrays: Sequence[Array | None]) -> list[Array]:
    operands = [array(call, arrays, slot) for slot in range(len(call.ins))]
    labels, out, _ = _parse(call)
    numbers = {label: number for number, label in enumerate(dict.fromkeys(label for term in labels for label in term))}
    parts: list[Array | list[int]] = []
    for operand, term in zip(operands, labels, strict=True):
        parts += [operand, [numbers[label] for label in term]]
    return [as_type(np.einsum(*parts, [numbers[label] for label in out]), call.dtype())]


register(Op("Einsum", _infer, _work, params=(0,), variadic=True, execute=_execute))
