"""Real sizes of weight streams: docs/ethos-n78/MODEL.md, section 6, by hand, bit by bit, and against the reference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from ethos_kit import hardware
from hypothesis import given, settings
from hypothesis import strategies as st

from npusim.targets.ethos_n.codes import NO_RUNS, RAW, Codec, ways_of
from npusim.targets.ethos_n.elements import Elements
from npusim.targets.ethos_n.encoder import longest_bits
from npusim.targets.ethos_n.parts import Kind, Part, Weights
from npusim.targets.ethos_n.weights import streams

M = hardware()
GROUPS = 16  # input channels that the engine takes at once


def layer(rows: Any, side: int = 1, **more: Any) -> Part:
    """A convolution with those weights, [output channels, positions x input channels]."""
    out, stored = np.asarray(rows).shape
    channels = stored // side**2
    own_scales = more.pop("own_scales", False)
    weights = Weights(given=Elements(np.asarray(rows), own_scales=own_scales))
    return Part(
        Kind.MCE, ((16, 16, channels),), (16, 16, out), "passthrough", kernel=(side, side), channels=channels,
        weights=weights, **more,
    )  # fmt: skip


def bits(rows: Any, *, own_scales: bool = False) -> int:
    """Of a single stream that holds all the channels."""
    part = layer(rows, own_scales=own_scales)
    return longest_bits(M, part, part.channels, len(rows), 1, False)


# --- by hand ----------------------------------------------------------------------------------------------------------

FIRST = 67 + 30 + 13 + 8  # length, bias, flag, payload's header; scale, shift and zero point; codec; palette


def test_equal_weights_are_indices_of_a_padded_palette() -> None:
    """16 times 5: index 0, a single bit each, in packs of 12: 24; entries 5 and 0 of 3 bits and a sign each: 8."""
    assert bits([[5] * 16]) == FIRST + 24 + 8


def test_two_weights_far_apart_are_truncated_quotients() -> None:
    """24 times 100 and 8 times -100: index 0 is one bit and index 1 two, of which the second stands apart: 32 in packs
    of 12 are 36, and 8; two entries of 7 bits and a sign: 16."""
    assert bits([[100] * 24 + [-100] * 8]) == FIRST + 36 + 8 + 16


def test_weights_that_come_once_are_raw() -> None:
    """1 to 16 are symbols 2 to 32, less 2: 5 bits each, 80. The best code, with an exponent of 3, has quotients 0 to 3,
    each four times: 24 bits that stand and 16 apart, and 16 x 3: 88."""
    assert bits([list(range(1, 17))]) == FIRST + 16 * 5


def test_zeros_alone_are_a_run() -> None:
    """144 zeros: (144 >> 3) + 1 = 19 in packs of 8, 24, and 3 bits; the palette of the channel before is empty."""
    assert bits([[0] * 144]) == FIRST + 24 + 3


def test_a_channel_of_zeros_takes_over_the_palette() -> None:
    """Behind 5s it tells its codec, for the runs' exponent, and no palette; behind itself nothing."""
    fives = FIRST + 24 + 8
    assert bits([[5] * 16, [0] * 16]) == fives + 67 + 13 + (16 // 8 + 1 + 5) + 3
    assert bits([[5] * 16, [0] * 16, [0] * 16]) == fives + 67 + 13 + 11 + 67 + 11


def test_an_equal_codec_is_told_once_and_a_scale_again() -> None:
    assert bits([[5] * 16] * 3) == FIRST + 8 + 2 * 67 + 3 * 24
    assert bits([[5] * 16] * 3, own_scales=True) == FIRST + 8 + 2 * (67 + 30) + 3 * 24


def test_sparse_weights_leave_their_zeros_out() -> None:
    """100 once among 127 zeros: runs of 63 and 64 with an exponent of 3, 8 + 9 in packs of 8, 24, and 6; the weight is
    symbol 200, less 31: 8 bits raw."""
    assert bits([[0] * 63 + [100] + [0] * 64]) == FIRST + 24 + 6 + 8


def test_every_stripe_of_output_channels_begins_anew() -> None:
    """With several channels a stream, the first of each stripe tells its codec and palette again, but no scale."""
    part = layer([[5] * 16] * 64)
    whole = 67 + 24
    assert longest_bits(M, part, 16, 32, 16, False) == FIRST + 8 + 24 + whole
    slot, total, stripes = (int(each[0]) for each in streams(M, part, np.array([16]), np.array([32]), np.array([0])))
    length = -(-(FIRST + 8 + 24 + whole) // 128) * 16
    assert (slot, total, stripes) == (16 * length, 2 * 16 * length, 2)


def test_more_symbols_than_a_header_can_tell() -> None:
    most = M.coding.max_channel_weights
    assert bits(np.full((1, most), 3)) > 0
    assert bits(np.full((1, most + 1), 3)) == 0


# --- bit by bit -------------------------------------------------------------------------------------------------------


def written(weights: Sequence[int], codec: Codec) -> int:
    """Bits of a channel with that codec, one weight after another."""
    runs, kept = [0], []
    for value in weights:
        if codec.run_exponent != NO_RUNS and value == 0:
            runs[-1] += 1
        else:
            kept.append(2 * abs(value) - (value < 0))
            runs.append(0)
    length = symbol_bits(kept, codec)
    if codec.run_exponent == NO_RUNS:
        return length
    pack = 8 if codec.run_exponent == 3 else 12
    unary = sum((run >> codec.run_exponent) + 1 for run in runs)
    return length + unary + -unary % pack + codec.run_exponent * len(runs)


def symbol_bits(symbols: Sequence[int], codec: Codec) -> int:
    entries = np.frombuffer(codec.palette, np.int16).tolist()
    final = [entries.index(s) if s in entries else s + len(entries) - codec.offset for s in symbols]
    assert len(set(zip(symbols, final, strict=True))) == len(set(final))  # so that they can be read back
    assert min(final, default=0) >= 0
    if codec.weight_exponent == RAW:
        width = max(2, (len(entries) - 1).bit_length()) if entries else codec.entry_bits
        assert max(final, default=0) < 1 << width
        return len(final) * width
    standing = apart = 0
    for number in final:
        quotient = number >> codec.weight_exponent
        assert quotient <= (2 if codec.truncated else 31)
        pairs = quotient // 2 + 1 if not codec.truncated else 1
        standing += pairs
        apart += (quotient + 1) // 2
    return standing + -standing % 12 + apart + codec.weight_exponent * len(final)


some_weights = st.integers(1, 80).flatmap(
    lambda count: st.one_of(
        st.lists(st.integers(-127, 127), min_size=count, max_size=count),
        st.lists(st.integers(-3, 3), min_size=count, max_size=count),
        st.lists(st.sampled_from([0, 0, 0, 0, 1, -90]), min_size=count, max_size=count),
        st.lists(st.integers(-255, 255), min_size=count, max_size=count),  # uint8 less a zero point
    )
)


@settings(max_examples=300, deadline=None)
@given(some_weights)
def test_a_channel_takes_the_bits_that_writing_it_takes(weights: list[int]) -> None:
    ways = ways_of(M.coding, GROUPS, np.array([weights]))[0]
    assert len(ways) == 1 + (0 in weights)
    for way in ways:
        if way.codec is None:
            assert not any(weights)
            assert way.bits == written(weights, Codec(run_exponent=way.run_exponent))
        else:
            assert way.bits == written(weights, way.codec)
            assert way.palette_bits == len(way.codec.palette) // 2 * way.codec.entry_bits
    assert ways[0].bits <= 9 * len(weights)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.integers(-9, 9), min_size=12, max_size=12), min_size=1, max_size=9))
def test_channels_together_as_alone(rows: list[list[int]]) -> None:
    alone = [ways_of(M.coding, GROUPS, np.array([row]))[0] for row in rows]
    assert ways_of(M.coding, GROUPS, np.array(rows)) == alone


# --- against the reference --------------------------------------------------------------------------------------------

# Output and input channels, side, share of zeros (or, negative, the deviation of rounded normal weights), variant,
# the stripe's output channels, Winograd, and the bytes of the whole stream in the vendor's estimator, release 25.03.
STREAMS = [
    (256, 256, 3, -10, "4tops-4ple", 32, True, 421888),
    (256, 256, 3, -20, "4tops-4ple", 32, True, 518144),
    (256, 256, 3, -5, "4tops-4ple", 32, True, 346112),
    (256, 256, 3, 0.1, "4tops-4ple", 32, True, 593920),
    (256, 256, 3, 0.3, "4tops-4ple", 32, True, 499712),
    (256, 256, 3, 0.5, "4tops-4ple", 32, True, 382976),
    (256, 256, 3, 0.8, "4tops-4ple", 32, True, 186368),
    (256, 256, 3, 0.9, "4tops-4ple", 64, True, 105472),
    (256, 256, 1, -40, "4tops-4ple", 256, False, 73472),
    (256, 256, 1, -5, "4tops-4ple", 256, False, 43520),
    (256, 256, 1, 0.3, "4tops-4ple", 256, False, 57344),
    (256, 256, 1, 0.5, "4tops-4ple", 256, False, 44800),
    (256, 256, 1, 0.7, "4tops-4ple", 256, False, 30720),
    (256, 256, 1, 0.9, "4tops-4ple", 256, False, 14336),
    (256, 256, 1, 0.5, "8tops-2ple", 256, False, 45568),
    (256, 256, 1, 0.5, "1tops-4ple", 256, False, 43776),
    (64, 64, 3, -20, "4tops-4ple", 32, True, 34304),
    (64, 64, 3, -40, "4tops-4ple", 32, True, 39424),
    (64, 64, 3, 0.2, "4tops-4ple", 32, True, 35840),
    (64, 64, 3, 0.6, "4tops-4ple", 32, True, 21504),
    (64, 64, 3, 0.95, "4tops-4ple", 32, True, 4608),
]


def drawn(about: float, shape: tuple[int, int]) -> Any:
    """Random weights: normal ones, or uniform ones of which that share is zero."""
    draw = np.random.default_rng(7)
    if about < 0:
        return np.clip(np.rint(draw.normal(0, -about, shape)), -128, 127)
    found = draw.integers(1, 128, shape) * draw.choice([-1, 1], shape)
    return np.where(draw.random(shape) < about, 0, found)


@pytest.mark.parametrize(("out", "ins", "side", "about", "variant", "depth", "winograd", "total"), STREAMS)
def test_streams_of_the_reference(
    out: int, ins: int, side: int, about: float, variant: str, depth: int, winograd: bool, total: int
) -> None:
    """Other weights of the same kind: within 3 %, or one step of 16 bytes of each stream, which all follow the
    longest."""
    machine = hardware(variant)
    part = layer(drawn(about, (out, side * side * ins)), side)
    found = streams(machine, part, np.array([ins]), np.array([depth]), np.array([int(winograd)]))
    step = 16 * max(machine.ogs, machine.banks) * int(found.stripes[0])
    assert abs(int(found.total_bytes[0]) - total) <= max(0.03 * total, step)


@pytest.mark.parametrize(("out", "ins", "side", "depth"), [(64, 64, 3, 64), (32, 128, 1, 16), (48, 24, 5, 32)])
def test_uniform_weights_take_what_is_expected_of_them(out: int, ins: int, side: int, depth: int) -> None:
    """The expected size of weights that are not at hand, and the real one of random weights: within a step."""
    rows = np.random.default_rng(3).integers(-127, 128, (out, side * side * ins))
    part = layer(rows, side)
    expected = Part(
        Kind.MCE, part.ins, part.out, "passthrough", kernel=part.kernel, channels=ins, weights=Weights()
    )  # fmt: skip
    for winograd in (0, 1):
        given_size, size = (
            streams(M, each, np.array([ins]), np.array([depth]), np.array([winograd])) for each in (part, expected)
        )
        assert abs(int(given_size.slot_bytes[0]) - int(size.slot_bytes[0])) <= 16 * 16
        assert given_size.stripes == size.stripes


def test_stripes_of_input_channels_hold_all_weights_between_them() -> None:
    """Two halves of 32 input channels: the first half of each channel is zero and takes a run, the second is raw."""
    rows = np.concatenate([np.zeros((16, 32)), np.arange(1, 513).reshape(16, 32) % 120 + 1], axis=1)
    part = layer(rows)
    halves = streams(M, part, np.array([32]), np.array([16]), np.array([0]))
    assert int(halves.stripes[0]) == 2
    last = max(
        int(longest_bits(M, layer(rows[:, 32:]), 32, 16, 16, False)),
        int(longest_bits(M, layer(rows[:, :32]), 32, 16, 16, False)),
    )
    assert int(halves.slot_bytes[0]) == 16 * (-(-last // 128) * 16)


def test_padding_that_a_concatenation_brings_is_zeros_in_the_stream() -> None:
    """4 own channels before 12 of padding and 16 own ones: as if the weights had those zeros."""
    rows = np.random.default_rng(5).integers(-90, 90, (16, 20))
    padded = np.zeros((16, 32), np.int64)
    padded[:, :4], padded[:, 16:] = rows[:, :4], rows[:, 4:]
    part = layer(padded)
    weights = Weights(zero_runs=((4, 12),), given=Elements(rows, own_scales=False))
    joined = Part(Kind.MCE, part.ins, part.out, "passthrough", channels=32, weights=weights)
    assert longest_bits(M, joined, 32, 16, 16, False) == longest_bits(M, part, 32, 16, 16, False)
