"""Attention, worked by hand."""

from __future__ import annotations

import pytest
from rows import Bad, Row, check, check_bad, ids
from sample_kit import Sample, act, call_of, const, fed, weights

from npusim.ops import OPS

ROWS = [
    # 4 query heads share 2 key heads: scores 4 * 5 * 6 * 8 = 960, values the same; 120 scores * (1 scale + 5 softmax)
    Row("Attention", {}, (act(1, 4, 5, 8), act(1, 2, 6, 8), act(1, 2, 6, 8)), (1, 4, 5, 8), macs=1_920, ops=720),
    # heads packed: q 32 / 4 = 8, k 16 / 2 = 8, v 12 / 2 = 6; 2 * 4 * 5 * 6 * (8 + 6)
    Row(
        "Attention",
        {"q_num_heads": 4, "kv_num_heads": 2},
        (act(2, 5, 32), act(2, 6, 16), act(2, 6, 12)),
        (2, 5, 24),
        macs=3_360,
        ops=1_440,
    ),
    # 5 kept and 4 new positions: 2 * 3 * 4 * 9 * (8 + 8); 216 scores * (scale, cap, mask, softmax: 8)
    Row(
        "Attention",
        {"is_causal": 1, "softcap": 2.0},
        (act(2, 3, 4, 8), act(2, 3, 4, 8), act(2, 3, 4, 8), None, act(2, 3, 5, 8), act(2, 3, 5, 8)),
        [(2, 3, 4, 8), (2, 3, 9, 8), (2, 3, 9, 8), (2, 3, 4, 9)],
        macs=3_456,
        ops=1_728,
        kinds=("mul", "sigmoid", "add", "softmax"),
    ),
    # learned keys and values are parameters
    Row(
        "Attention",
        {},
        (act(1, 2, 3, 4), weights(1, 2, 5, 4), weights(1, 2, 5, 4)),
        (1, 2, 3, 4),
        macs=240,
        ops=180,
        params=80,
    ),
    # projection 2 * 3 * 8 * 24 = 1152; attention 2 * 2 * 3 * 3 * (4 + 4) = 288; 36 scores * 6
    Row(
        "com.microsoft::Attention",
        {"num_heads": 2},
        (act(2, 3, 8), weights(8, 24), weights(24)),
        (2, 3, 8),
        macs=1_440,
        ops=216,
        params=216,
    ),
    # hidden sizes 8, 8, 4 in 20 columns, 5 positions kept: 2 * 3 * 8 * 20 + 2 * 2 * 3 * 8 * (4 + 2); 96 scores * 7
    Row(
        "com.microsoft::Attention",
        {"num_heads": 2, "qkv_hidden_sizes": (8, 8, 4), "unidirectional": 1},
        (act(2, 3, 8), weights(8, 20), weights(20), None, act(2, 2, 2, 5, 4)),
        [(2, 3, 4), (2, 2, 2, 8, 4)],
        macs=1_536,
        ops=672,
        params=180,
    ),
    # 2 heads of 4, values of 6: 2 * 2 * 3 * 5 * (4 + 6) = 600; biases on 2 * 3 * 8 + 2 * 5 * 20, 60 scores * 6
    Row(
        "com.microsoft::MultiHeadAttention",
        {"num_heads": 2},
        (act(2, 3, 8), act(2, 5, 8), act(2, 5, 12), weights(28)),
        (2, 3, 12),
        macs=600,
        ops=608,
        params=28,
    ),
    # all packed in one, [B, S, heads, 3, size]: 2 * 2 * 3 * 3 * (4 + 4)
    Row("com.microsoft::MultiHeadAttention", {"num_heads": 2}, (act(2, 3, 2, 3, 4),), (2, 3, 8), macs=288, ops=216),
    # key and value packed: 2 * 2 * 3 * 5 * (4 + 4)
    Row(
        "com.microsoft::MultiHeadAttention",
        {"num_heads": 2},
        (act(2, 3, 8), act(2, 5, 2, 2, 4)),
        (2, 3, 8),
        macs=480,
        ops=360,
    ),
    # query holds all: 64 / (4 + 2 * 2) = 8 a head; 1 query on 7 kept and itself: 4 * 8 * 16; 32 scores * 7
    Row(
        "com.microsoft::GroupQueryAttention",
        {"num_heads": 4, "kv_num_heads": 2},
        (act(1, 1, 64), None, None, act(1, 2, 7, 8), act(1, 2, 7, 8), const([7], "int32"), const(8, "int32")),
        [(1, 1, 32), (1, 2, 8, 8), (1, 2, 8, 8)],
        macs=512,
        ops=224,
    ),
    # rotary: 3 queries * (4 + 2 heads) * 16 = 288 elements * 3; scores 4 * 3 * 3 = 36 * 7; MACs 36 * 32
    Row(
        "com.microsoft::GroupQueryAttention",
        {"num_heads": 4, "kv_num_heads": 2, "do_rotary": 1},
        (act(1, 3, 64), act(1, 3, 32), act(1, 3, 32), None, None, const([2], "int32"), const(3, "int32")),
        (1, 3, 64),
        macs=1_152,
        ops=1_116,
    ),
    # state update 2 * 2 heads * 3 steps * 8 * 5 = 480; 4 query heads read it: 960
    Row(
        "LinearAttention",
        {"q_num_heads": 4, "kv_num_heads": 2, "update_rule": "linear"},
        (act(2, 3, 32), act(2, 3, 16), act(2, 3, 10)),
        [(2, 3, 20), (2, 2, 8, 5)],
        macs=1_440,
    ),
    # gated delta: the state is read for the error, written, and read by 2 query heads: 3 * 480; decayed 480 times,
    # 2 operations on each of 2 * 3 * 2 * 5 values
    Row(
        "LinearAttention",
        {"q_num_heads": 2, "kv_num_heads": 2},
        (act(2, 3, 16), act(2, 3, 16), act(2, 3, 10), act(2, 2, 8, 5), act(2, 3, 2), act(2, 3, 2)),
        [(2, 3, 10), (2, 2, 8, 5)],
        macs=1_440,
        ops=600,
    ),
    # two products and a sum for each of 192 elements
    Row("RotaryEmbedding", {}, (act(2, 3, 4, 8), act(10, 4), act(10, 4), fed([[0] * 4] * 2)), (2, 3, 4, 8), ops=576),
    # 4 of 8 are turned
    Row(
        "RotaryEmbedding",
        {"num_heads": 3, "rotary_embedding_dim": 4},
        (act(2, 4, 24), act(2, 4, 2), act(2, 4, 2)),
        (2, 4, 24),
        ops=288,
    ),
    Row(
        "com.microsoft::RotaryEmbedding",
        {},
        (act(2, 3, 4, 8), fed([[0] * 4] * 2), weights(10, 4), weights(10, 4)),
        (2, 3, 4, 8),
        ops=576,
    ),
    Row("Attention", {}, (act(0, 4, 5, 8), act(0, 2, 6, 8), act(0, 2, 6, 8)), (0, 4, 5, 8)),
]

BAD = [
    Bad("Attention", {}, (act(1, 3, 5, 8), act(1, 2, 6, 8), act(1, 2, 6, 8)), "3 query heads do not share 2"),
    Bad("Attention", {}, (act(1, 4, 5, 8), act(1, 2, 6, 4), act(1, 2, 6, 8)), "do not fit each other"),
    Bad("Attention", {}, (act(2, 5, 32), act(2, 6, 16), act(2, 6, 12)), "does not hold 0 heads"),
    Bad("com.microsoft::Attention", {"num_heads": 3}, (act(2, 3, 8), weights(8, 24)), "3 heads"),
    Bad("com.microsoft::Attention", {"num_heads": 2}, (act(2, 3, 8), weights(9, 24)), "do not fit"),
    Bad("com.microsoft::Attention", {"num_heads": 2}, (act(2, 3, 8), weights(8, 24), None, None, act(2, 3)), "past"),
    Bad(
        "com.microsoft::MultiHeadAttention", {"num_heads": 2}, (act(2, 3, 8), act(2, 5, 12), act(2, 5, 8)), "head size"
    ),
    Bad("com.microsoft::GroupQueryAttention", {"num_heads": 4, "kv_num_heads": 2}, (act(1, 1, 60),), "8 heads"),
    Bad("RotaryEmbedding", {"num_heads": 5}, (act(2, 4, 24), act(2, 4, 4), act(2, 4, 4)), r"5 head\(s\)"),
    Bad("RotaryEmbedding", {}, (act(24), act(4), act(4)), "do not fit"),
    Bad("RotaryEmbedding", {"rotary_embedding_dim": 9}, (act(2, 3, 4, 8), act(9, 4), act(9, 4)), "9 elements"),
    Bad(
        "LinearAttention",
        {"q_num_heads": 4, "kv_num_heads": 2},
        (act(2, 3, 32), act(2, 4, 16), act(2, 3, 10)),
        "fit each",
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=ids(ROWS))
def test_row(row: Row) -> None:
    check(row)


@pytest.mark.parametrize("bad", BAD, ids=ids(BAD))
def test_bad_call_is_one_clear_error(bad: Bad) -> None:
    check_bad(bad)


def test_heads_that_share_keys_are_rows_of_one_product() -> None:
    sample = Sample({}, (act(3, 4, 5, 8), act(3, 2, 6, 8), weights(3, 2, 6, 7)))
    scores, values = OPS["Attention"].work(call_of("Attention", sample)).nests
    assert (scores.groups, scores.out, scores.in_channels, scores.out_channels) == (6, (10,), 8, 6)
    assert (values.groups, values.out, values.in_channels, values.out_channels) == (6, (10,), 6, 7)
    assert scores.weights_vary
    assert not values.weights_vary
