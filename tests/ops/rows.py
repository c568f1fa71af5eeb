"""A row of a table worked by hand: a call, and what npusim must say of it."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from sample_kit import Arg, Sample, call_of

from npusim.errors import InputError
from npusim.ir import Shape
from npusim.ops import OPS


class Row(NamedTuple):
    """``dense``: macs_dense, where it differs; ``params``: elements of the constants that are parameters."""

    op: str
    attrs: dict[str, Any]
    ins: tuple[Arg | None, ...]
    out: Shape | list[Shape]
    macs: int = 0
    dense: int | None = None
    ops: int = 0
    params: int = 0
    kinds: tuple[str, ...] | None = None
    view: bool = False


class Bad(NamedTuple):
    """A call that cannot be, words of the error, and its code."""

    op: str
    attrs: dict[str, Any]
    ins: tuple[Arg | None, ...]
    match: str
    code: str = "shape-mismatch"


def check(row: Row) -> None:
    outs = row.out if isinstance(row.out, list) else [row.out]
    call, rules = call_of(row.op, Sample(row.attrs, row.ins, outs=len(outs))), OPS[row.op]
    assert [out.shape for out in call.outs] == outs
    work = rules.work(call)
    assert work.macs == row.macs
    assert work.macs_dense == (row.macs if row.dense is None else row.dense)
    assert work.ops == row.ops
    assert work.view is row.view
    if row.kinds is not None:
        assert tuple(part.kind for part in work.vector) == row.kinds
    tensors = {tensor.name: tensor for tensor in call.ins if tensor is not None}
    assert sum(tensors[name].elements for name in rules.parameters(call.ins, tensors)) == row.params


def check_bad(bad: Bad) -> None:
    with pytest.raises(InputError, match=bad.match) as raised:
        call_of(bad.op, Sample(bad.attrs, bad.ins))
    assert raised.value.code == bad.code
    assert bad.op in str(raised.value)


def ids(rows: list[Any]) -> list[str]:
    return [f"{row.op}-{at}" for at, row in enumerate(rows)]
