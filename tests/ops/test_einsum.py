"""Einsum, worked by hand."""

from __future__ import annotations

import pytest
from rows import Bad, Row, check, check_bad, ids
from sample_kit import Sample, act, call_of, weights

from npusim.ops import OPS

ROWS = [
    # 2 * 3 * 4 * 5
    Row("Einsum", {"equation": "bij,bjk->bik"}, (act(2, 3, 4), act(2, 4, 5)), (2, 3, 5), macs=120),
    # a weight with a transposed operand: 1 * 3 * 2 * 5 outputs, 4 terms each
    Row(
        "Einsum", {"equation": "bhid,hjd->bhij"}, (act(1, 3, 2, 4), weights(3, 5, 4)), (1, 3, 2, 5), macs=120, params=60
    ),
    # the ellipsis broadcasts (2, 1) against (6): 12 products of 3 * 4 * 5
    Row("Einsum", {"equation": "...ij,...jk->...ik"}, (act(2, 1, 3, 4), act(6, 4, 5)), (2, 6, 3, 5), macs=720),
    # without an arrow: labels that occur once, in alphabetical order
    Row("Einsum", {"equation": "kj,ji"}, (act(5, 4), act(4, 3)), (3, 5), macs=60),
    # nothing is summed: 12 products, no MACs
    Row("Einsum", {"equation": "i,j->ij"}, (act(3), act(4)), (3, 4), ops=12, kinds=("mul",)),
    # a label of size 1 is summed all the same
    Row("Einsum", {"equation": "ij,jk->ik"}, (act(3, 1), act(1, 4)), (3, 4), macs=12),
    # i is in the first operand alone: its 6 elements are summed, then 3 * 4 products
    Row("Einsum", {"equation": "ij,jk->k"}, (act(2, 3), act(3, 4)), (4,), macs=12, ops=6, kinds=("reduce",)),
    Row("Einsum", {"equation": "ij->"}, (act(3, 4),), (), ops=12, kinds=("reduce",)),
    # the diagonal, and a transposition, only move
    Row("Einsum", {"equation": "ii->i"}, (act(4, 4),), (4,), kinds=("copy",)),
    Row("Einsum", {"equation": "ij->ji"}, (act(3, 4),), (4, 3), kinds=("copy",)),
    # three operands: (2 x 3)(3 x 4) is 24, the other pair 60, so first that; then 2 * 4 * 5 = 40
    Row("Einsum", {"equation": "ij,jk,kl->il"}, (act(2, 3), act(3, 4), act(4, 5)), (2, 5), macs=64),
    # weights on the left are the weights
    Row("Einsum", {"equation": "oc,bcs->bos"}, (weights(5, 4), act(2, 4, 3)), (2, 5, 3), macs=120, params=20),
    Row("Einsum", {"equation": "bij,bjk->bik"}, (act(0, 3, 4), act(0, 4, 5)), (0, 3, 5)),
]

BAD = [
    Bad("Einsum", {"equation": "ij,jk->ik"}, (act(2, 3),), "2 operands, the node 1"),
    Bad("Einsum", {"equation": "ij,jk->ik"}, (act(2, 3), act(4, 5)), "'j'"),
    Bad("Einsum", {"equation": "ij->ik"}, (act(2, 3),), "'k' of the output"),
    Bad("Einsum", {"equation": "ijk->i"}, (act(2, 3),), "does not label 2 axes"),
    Bad("Einsum", {"equation": "i->i"}, (act(2, 3),), "does not label 2 axes"),
]


@pytest.mark.parametrize("row", ROWS, ids=ids(ROWS))
def test_row(row: Row) -> None:
    check(row)


@pytest.mark.parametrize("bad", BAD, ids=ids(BAD))
def test_bad_call_is_one_clear_error(bad: Bad) -> None:
    check_bad(bad)


def test_labels_become_dimensions() -> None:
    """b is in both and stays: a group; i is of the left, k of the right; j is summed."""
    sample = Sample({"equation": "bij,bjk->bik"}, (act(2, 3, 4), weights(2, 4, 5)))
    (nest,) = OPS["Einsum"].work(call_of("Einsum", sample)).nests
    assert (nest.groups, nest.out, nest.in_channels, nest.out_channels) == (2, (3,), 4, 5)
    assert not nest.weights_vary
