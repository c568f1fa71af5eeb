"""Sums of which a part is one convolution: some branches of one tensor, among others that are not or cannot be.

Additions may be made in any order, so the branches that go together are added first, as one convolution, and the rest
to that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import msgspec

from npusim.transform.collapse.affine import Affine, Refusal
from npusim.transform.collapse.algebra import add, compose
from npusim.transform.collapse.steps import Step


class Partial(msgspec.Struct, frozen=True):
    """A sum as a convolution and what is added to it.

    Attributes:
        rest: the other terms, each a tensor or its negative.
        joins: outputs of the additions that it takes the place of, the sum itself last.
    """

    made: Affine
    rest: tuple[Affine, ...]
    joins: tuple[str, ...]


def leaves(step: Step, inner: Mapping[str, Step]) -> tuple[list[Affine], tuple[str, ...]]:
    """The terms of a sum whose terms are no sums themselves, and the outputs of the sums between.

    Args:
        inner: the steps whose outputs no other step reads.
    """
    found: list[Affine] = []
    joins: list[str] = []
    for term in step.terms:
        before = inner.get(term.source)
        if before is None or len(before.terms) < 2:
            found.append(term)
            continue
        within, sums = leaves(before, inner)
        signed = [compose(each, term) for each in within]
        found += [each for each in signed if not isinstance(each, Refusal)]  # both are done at each position
        joins += sums
    return found, (*joins, step.output)


def partials(
    terms: Sequence[Affine], ways: Sequence[Mapping[str, Affine]], joins: tuple[str, ...]
) -> Iterator[Partial]:
    """Parts of the sum that are one convolution of one tensor: each pair, and as many as go together with each term.

    What is worth it is chosen again once a part is one convolution, so that pairs grow.

    Args:
        ways: of each term, the convolution that it is of each tensor further up.
    """
    for source in dict.fromkeys(name for each in ways for name in each):
        members = [index for index, each in enumerate(ways) if source in each]
        tried: set[frozenset[int]] = set()
        for wanted in (*combinations(members, 2), *([first, *members] for first in members)):
            made, taken = ways[wanted[0]][source], {wanted[0]}
            for index in wanted:
                whole = add(made, ways[index][source]) if index not in taken else None
                if isinstance(whole, Affine):
                    made, taken = whole, taken | {index}
            if 1 < len(taken) < len(terms) and frozenset(taken) not in tried:
                tried.add(frozenset(taken))
                rest = tuple(term for index, term in enumerate(terms) if index not in taken)
                yield Partial(made, rest, joins)
