"""Recurrent layers, worked by hand."""

from __future__ import annotations

import pytest
from rows import Bad, Row, check, check_bad, ids
from sample_kit import Sample, act, call_of, weights

from npusim.loopnest import Operand
from npusim.ops import OPS

ROWS = [
    # 10 steps * 1 * 4 gates * 8 hidden * (8 inputs + 8 hidden) = 5120; weights 256 + 256, biases 64
    # vector: 80 elements * (5 adds + 5 functions + 3 products)
    Row(
        "LSTM",
        {"hidden_size": 8},
        (act(10, 1, 8), weights(1, 32, 8), weights(1, 32, 8), weights(1, 64)),
        [(10, 1, 1, 8), (1, 1, 8), (1, 1, 8)],
        macs=5_120,
        ops=1_040,
        params=576,
    ),
    # both directions: 5 * 2 * 2 * 16 * (3 + 4) = 2240; 80 elements * (13 + 3 peepholes twice); weights 2 * 16 * 7 + 24
    Row(
        "LSTM",
        {"hidden_size": 4, "direction": "bidirectional"},
        (act(5, 2, 3), weights(2, 16, 3), weights(2, 16, 4), None, None, None, None, weights(2, 12)),
        [(5, 2, 2, 4), (2, 2, 4), (2, 2, 4)],
        macs=2_240,
        ops=1_520,
        params=248,
    ),
    # layout 1: batch first, states as [batch, directions, hidden]
    Row(
        "LSTM",
        {"layout": 1},
        (act(2, 5, 3), weights(1, 16, 3), weights(1, 16, 4)),
        [(2, 5, 1, 4), (2, 1, 4), (2, 1, 4)],
        macs=1_120,
        ops=520,
        params=112,
    ),
    # 5 * 2 * 12 * (3 + 4) = 840; 40 elements * (5 + 3 + 3)
    Row(
        "GRU",
        {"hidden_size": 4},
        (act(5, 2, 3), weights(1, 12, 3), weights(1, 12, 4), weights(1, 24)),
        [(5, 1, 2, 4), (1, 2, 4)],
        macs=840,
        ops=440,
        params=108,
    ),
    # 5 * 2 * 4 * (3 + 4) = 280; 40 elements * (1 + 1)
    Row(
        "RNN",
        {},
        (act(5, 2, 3), weights(1, 4, 3), weights(1, 4, 4)),
        [(5, 1, 2, 4), (1, 2, 4)],
        macs=280,
        ops=80,
        params=28,
    ),
    # no time steps
    Row("RNN", {}, (act(0, 2, 3), weights(1, 4, 3), weights(1, 4, 4)), [(0, 1, 2, 4), (1, 2, 4)], params=28),
]

BAD = [
    Bad("LSTM", {}, (act(5, 3), weights(1, 16, 3), weights(1, 16, 4)), "rank 3"),
    Bad("LSTM", {}, (act(5, 2, 3), weights(1, 12, 3), weights(1, 12, 4)), "4 gates of 4"),
    Bad(
        "GRU", {"direction": "bidirectional"}, (act(5, 2, 3), weights(1, 12, 3), weights(1, 12, 4)), r"2 direction\(s\)"
    ),
    Bad("RNN", {}, (act(5, 2, 7), weights(1, 4, 3), weights(1, 4, 4)), "for 7 inputs"),
]


@pytest.mark.parametrize("row", ROWS, ids=ids(ROWS))
def test_row(row: Row) -> None:
    check(row)


@pytest.mark.parametrize("bad", BAD, ids=ids(BAD))
def test_bad_call_is_one_clear_error(bad: Bad) -> None:
    check_bad(bad)


def test_weights_are_those_of_the_nests() -> None:
    """Input and recurrent weights are operands of a nest each, in both directions."""
    sample = Sample(
        {"direction": "bidirectional"}, (act(5, 2, 3), weights(2, 4, 3), weights(2, 4, 4), weights(2, 8)), outs=2
    )
    nests = OPS["RNN"].work(call_of("RNN", sample)).nests
    assert [nest.footprint(Operand.WEIGHTS) for nest in nests] == [12, 16, 12, 16]
    assert [nest.footprint(Operand.BIAS) for nest in nests] == [4, 4, 4, 4]
    assert not any(nest.weights_vary for nest in nests)
