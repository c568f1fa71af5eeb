"""The ways to write the weights of a channel, and what each takes (MODEL.md section 6).

A weight is a symbol. Of a channel, the zeros may be left out and the runs of them written; the most frequent symbols
may be numbered by a palette, and the least may be taken from the others; what is left is written raw, or as a quotient
in unary and a remainder (Golomb and Rice). All channels are looked at together.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from npusim.targets.ethos_n.machine import Coding, Ints, round_up

RAW = -1  # exponent of symbols that are not coded
NO_RUNS = -1  # exponent of runs where the zeros are symbols


class Codec(NamedTuple):
    """What a stream's header tells of a channel's code.

    Attributes:
        palette: its symbols. entry_bits: an entry's width, or the width of raw symbols without a palette.
        run_exponent, weight_exponent: remainders' bits. truncated: quotients end at two. offset: taken from symbols.
    """

    palette: bytes = b""
    entry_bits: int = 0
    run_exponent: int = NO_RUNS
    weight_exponent: int = RAW
    truncated: bool = False
    offset: int = 0


class Code(NamedTuple):
    """One way to write a channel.

    Attributes:
        bits: of runs and symbols. palette_bits: of the palette's entries. symbols: how many are written.
        codec: None for a channel of zeros alone, whose code is the last channel's but for the runs.
    """

    bits: int
    palette_bits: int
    symbols: int
    run_exponent: int
    codec: Codec | None


Ways = tuple[Code, ...]  # zeros as symbols, and zeros as runs where there are any


def ways_of(coding: Coding, igs: int, stored: Ints) -> list[Ways]:
    """The ways to write channels.

    Args:
        igs: input channels that the engine takes at once; codes are packed by them. stored: [channels, weights] signed
            weights in their stored order.
    """
    symbols = 2 * np.abs(stored) - (stored < 0)
    span = max(2, int(symbols.max()) + 1)
    at = np.arange(len(symbols))[:, None] * span + symbols
    counts = np.bincount(at.ravel(), minlength=len(symbols) * span).reshape(-1, span).astype(np.int32)
    plain = _written(coding, igs, counts, with_runs=False)
    if not counts[:, 0].any():
        return [(code,) for code in plain]
    run_bits, exponents = _runs(coding, igs, stored)
    zeros = counts[:, 0].copy()
    counts[:, 0] = 0
    alone = counts.sum(1) == 0
    counts[alone, 1] = 1  # so that there is something to write; not looked at
    coded = _written(coding, igs, counts, with_runs=True)
    ways: list[Ways] = []
    for channel, (first, second) in enumerate(zip(plain, coded, strict=True)):
        bits, exponent = int(run_bits[channel]), int(exponents[channel])
        if alone[channel]:
            ways.append((first, Code(bits, 0, 0, exponent, None)))
        elif zeros[channel]:
            assert second.codec is not None
            codec = second.codec._replace(run_exponent=exponent)
            ways.append((first, second._replace(bits=second.bits + bits, run_exponent=exponent, codec=codec)))
        else:
            ways.append((first,))
    return ways


def _runs(coding: Coding, igs: int, stored: Ints) -> tuple[Ints, Ints]:
    """Bits of the runs of zeros of each channel, one before each other weight and one at the end, and the exponent of
    the best code."""
    ends = np.concatenate([stored != 0, np.ones((len(stored), 1), np.bool_)], axis=1)
    at = np.flatnonzero(ends)
    lengths = np.diff(at, prepend=-1) - 1
    counts = ends.sum(1)
    first = np.cumsum(counts) - counts
    least = np.maximum(_width(np.minimum.reduceat(lengths, first)), 2) - 2
    most = np.maximum(_width(np.maximum.reduceat(lengths, first)), 1) - 1
    best, exponents = np.full(len(stored), np.iinfo(np.int64).max), np.zeros(len(stored), np.int64)
    for exponent in range(coding.max_run_exponent + 1):
        pack = igs // 2 if exponent == coding.max_run_exponent else igs * 3 // 4
        unary = np.add.reduceat(lengths >> exponent, first) + counts
        bits = round_up(unary, pack) + exponent * counts
        tried = (exponent >= np.minimum(least, coding.max_run_exponent)) & (exponent <= most)
        better = tried & (bits < best)
        best, exponents = np.where(better, bits, best), np.where(better, exponent, exponents)
    return best, exponents


def _written(coding: Coding, igs: int, counts: Ints, *, with_runs: bool) -> list[Code]:
    """Symbols of each channel in the cheapest of palette or none, raw or coded.

    Args:
        counts: [channels, symbols] how often each is there; at least one of each channel.
    """
    symbols, often = _ranked(counts)
    rank = np.arange(symbols.shape[1])
    there = often > 0
    distinct, total = there.sum(1), often.sum(1)
    size, padded = _palette_size(coding, symbols, often)
    size, offset = _settled(coding, symbols, there, size, padded, with_runs)
    named = size - padded
    inside = rank < named[:, None]
    final = np.where(inside, rank, symbols + (size - offset)[:, None])
    covers = (size > 0) & (named == distinct)
    least = np.where(there, symbols, coding.max_symbol).min(1)
    plain_offset = np.minimum(least, coding.max_offset)
    plain_width = np.maximum(_width(symbols.max(1) - plain_offset), coding.narrow_bits)
    raw_width = np.where(covers, np.maximum(_width(distinct - 1), coding.narrow_bits), plain_width)
    bits, exponent, truncated = _coded(coding, igs, final, often, total * raw_width)
    raw = exponent == RAW
    magnitude = (np.where(inside, symbols, 0).max(1) + 1) >> 1
    entry = np.maximum(_width(magnitude), coding.narrow_bits) + (magnitude > 1)
    dropped = raw & ~covers
    size = np.where(dropped, 0, size)
    entry = np.where(dropped, plain_width, np.where(size > 0, entry, coding.narrow_bits))
    offset = np.where(dropped, plain_offset, offset)
    rows = zip(
        bits.tolist(), size.tolist(), named.tolist(), entry.tolist(), total.tolist(), exponent.tolist(),
        truncated.tolist(), offset.tolist(), symbols.astype(np.int16), strict=True,
    )  # fmt: skip
    return [
        Code(written, much * wide, many, NO_RUNS, Codec(
            own[:names].tobytes() + b"\0\0" * (much - names) if much else b"", wide, NO_RUNS, power, short, less
        ))
        for written, much, names, wide, many, power, short, less, own in rows
    ]  # fmt: skip


def _ranked(counts: Ints) -> tuple[Ints, Ints]:
    """Symbols of each channel, the most frequent first and of equally frequent ones the largest, and how often each is
    there."""
    span = counts.shape[1]
    most = int((counts > 0).sum(1).max())
    keys = np.where(counts > 0, counts * np.int32(span) + np.arange(span, dtype=np.int32), 0)  # below 2 to the 27
    keys = np.sort(keys, axis=1)[:, : -most - 1 : -1]
    return keys % span, keys // span


def _palette_size(coding: Coding, symbols: Ints, often: Ints) -> tuple[Ints, Ints]:
    """How many symbols come more than once and may have a place in the palette, and whether that is padded to two."""
    size = np.minimum((often > 1).sum(1), coding.max_palette)
    padded = (size == 1) & (symbols[:, 0] > 0) & (often[:, 0] > 2)
    return np.where(padded, 2, np.where(size == 1, 0, size)), padded.astype(np.int64)


def _settled(
    coding: Coding, symbols: Ints, there: Ints, size: Ints, padded: Ints, with_runs: bool
) -> tuple[Ints, Ints]:  # fmt: skip
    """The palette's size with which all other symbols can still be written, and what is taken from those."""
    rank = np.arange(symbols.shape[1])
    while True:
        outside = there & (rank >= (size - padded)[:, None])
        some = outside.any(1)
        low = np.where(outside, symbols, coding.max_symbol).min(1)
        high = np.where(outside, symbols, 0).max(1)
        offset = np.where(some, np.minimum(low, coding.max_offset), int(with_runs))
        left = np.where(some, coding.max_symbol - (high - offset), coding.max_symbol)
        tight = (size > 2) & (size > left)
        if not tight.any():
            break
        size = np.where(tight, np.minimum(size, left), size)
    without = np.minimum(np.where(there, symbols, coding.max_symbol).min(1), coding.max_offset)
    kept = size >= 2
    return np.where(kept, size, 0), np.where(kept, offset, without)


def _coded(coding: Coding, igs: int, final: Ints, often: Ints, raw_bits: Ints) -> tuple[Ints, Ints, Ints]:
    """Bits of the symbols in the best code, its exponent (RAW where none is better than raw) and whether its quotients
    are truncated."""
    there = often > 0
    low = np.where(there, final, coding.max_symbol * 2).min(1)
    wide = np.maximum(_width(np.where(there, final, 0).max(1)), 1)
    most = coding.max_weight_exponent
    first = np.maximum(np.maximum(wide - most, 0), np.minimum(np.maximum(_width(low), 2) - 2, most))
    last = np.minimum(wide - 1, most)
    few, total = there.sum(1) <= 3, often.sum(1)
    best, power, short = raw_bits, np.full(len(final), RAW), np.zeros(len(final), np.bool_)
    pack = igs * 3 // 4
    for exponent in range(most + 1):
        quotient = np.where(there, final >> exponent, 0)
        longest = quotient.max(1)
        truncates = few & (longest < 3)
        ends = np.where(truncates, ((quotient > 0) * often).sum(1), ((quotient + 1) // 2 * often).sum(1))
        unary = np.where(truncates, (np.where(quotient > 0, 2, 1) * often).sum(1), ((quotient + 1) * often).sum(1))
        bits = round_up(unary - ends, pack) + ends + exponent * total
        better = (first <= exponent) & (exponent <= last) & (longest <= coding.max_quotient) & (bits < best)
        best, power = np.where(better, bits, best), np.where(better, exponent, power)
        short = np.where(better, truncates, short)
    return best, power, short


_BITS: Any = np.array([number.bit_length() for number in range(1 << 12)])


def _width(numbers: Ints) -> Ints:
    """Bits that numbers take."""
    if numbers.size and int(numbers.max()) >= len(_BITS):
        return np.array([int(number).bit_length() for number in numbers], np.int64)
    return _BITS[numbers]
