"""Sizes of encoded weight streams (PLANNER.md section 14, MODEL.md section 6).

Where weights are not at hand, uniform random bytes are assumed, which the encoder stores raw, with runs of zeros where
the layout pads a kernel. What the encoder adds for a channel whose codec parameters differ from the last one's is
expected. Weights at hand are encoded (encoder.py).
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from npusim.targets.ethos_n.encoder import longest_bits
from npusim.targets.ethos_n.layout import PADDING, input_stripes, plain_count, stored_order
from npusim.targets.ethos_n.machine import Ints, Machine, ceil_div, round_up
from npusim.targets.ethos_n.parts import Coded, Kind, Part

SYMBOLS = 255  # values of a uniform random int8 weight, -127 to 127


class Stream(NamedTuple):
    """Encoded weights: bytes of one stripe's slot in SRAM, of the whole in DRAM, and how many stripes; 0 bytes where
    none can be made."""

    slot_bytes: Ints
    total_bytes: Ints
    stripes: Ints


def streams(machine: Machine, part: Part, channels: Ints, depth: Ints, winograd: Ints) -> Stream:
    """The stream of each candidate.

    Args:
        channels, depth: input and output channels of the weights' stripe (section 4, weight). winograd: the algorithm,
            0 or 1.
    """
    keys = (np.asarray(channels) * (1 << 32) + np.asarray(depth)) * 2 + winograd
    unique, inverse = np.unique(keys, return_inverse=True)
    rows = [_stream(machine, part, int(key) >> 33, (int(key) >> 1) & 0xFFFFFFFF, bool(key & 1)) for key in unique]
    slot, total, stripes = np.array(rows, np.int64).reshape(-1, 3)[inverse.reshape(-1)].T
    return Stream(slot, total, stripes)


def _stream(machine: Machine, part: Part, channels: int, depth: int, winograd: bool) -> tuple[int, int, int]:
    """Slot, total and stripes: every stream of every stripe is as long as the longest (section 14)."""
    coding = machine.coding
    out = part.out[2] if part.kind is not Kind.FUSED else part.mce_out[2]
    if part.is_depthwise:
        depth = channels // (part.stride * part.stride)
    count = min(machine.banks if part.is_depthwise else machine.ogs, depth)
    stripes = ceil_div(out, depth) * input_stripes(part, channels)
    if part.weights is not None and part.weights.given is not None:
        bits = longest_bits(machine, part, channels, depth, count, winograd)
    else:
        bits = _expected_bits(machine, part, channels, ceil_div(min(depth, out), count), count * stripes, winograd)
    length = round_up(ceil_div(bits, 8), coding.stream_multiple_bytes) if bits else 0
    return count * length, max(count, machine.banks) * length * stripes, stripes


def _expected_bits(machine: Machine, part: Part, channels: int, each: int, count: int, winograd: bool) -> int:
    """Bits to expect of the longest of ``count`` streams of ``each`` output channels; 0 where a channel is too long to
    be encoded."""
    coding = machine.coding
    found = _payload(machine, part, channels, winograd)
    if found.stored > coding.max_channel_weights:
        return 0
    headers = coding.first_channel_bits + coding.next_channel_bits * (each - 1)
    reloads = _most_reloads(each - 1, found.reload_share, count)
    zeros = _fewest_zeros(found.coded * each, count)
    return headers + found.bits * each + coding.codec_bits * reloads - coding.weight_bits * zeros


class _Payload(NamedTuple):
    """Weights of one output channel.

    Attributes:
        stored: how many, padding included. bits: what they take. reload_share: how probably the codec's parameters
            differ from
            those of the channel before. coded: weights among which a zero by chance is worth its bits.
    """

    stored: int
    bits: int
    reload_share: float = 0.0
    coded: int = 0


def _payload(machine: Machine, part: Part, channels: int, winograd: bool) -> _Payload:
    coding = machine.coding
    weights = part.weights
    if weights is None or weights.coded is Coded.IDENTITY:
        return _Payload(1, coding.narrow_bits)
    stored, kept, runs_bits = _laid_out(machine, part, channels, winograd)
    if weights.coded is Coded.ONE_HOT:
        return _Payload(stored, _one_hot_bits(machine, stored, part.kernel[0] * part.kernel[1]))
    if weights.coded is Coded.REPEATED:
        if part.kind is Kind.FC:
            return _Payload(stored, runs_bits + _repeated_bits(machine, part, kept))
        return _Payload(stored, _repeated_bits(machine, part, stored), 1.0)
    raw = coding.weight_bits * stored
    if kept < stored:
        coded = coding.weight_bits * kept + runs_bits
        if coded - coding.weight_bits * kept // SYMBOLS < raw:
            return _Payload(stored, coded, _differs(kept), kept)
    return _Payload(stored, raw, _differs(kept))


def _laid_out(machine: Machine, part: Part, channels: int, winograd: bool) -> tuple[int, int, int]:
    """Weights stored for an output channel, those of them that are the network's, and the bits of the runs between."""
    plain = plain_count(machine, part, channels, winograd)
    if plain:
        return plain, plain, 0
    mask = stored_order(machine, part, channels, winograd) != PADDING
    gaps = np.diff(np.flatnonzero(np.concatenate(([True], mask, [True])))) - 1
    return len(mask), int(np.count_nonzero(mask)), run_bits(machine, gaps)


def run_bits(machine: Machine, runs: Ints) -> int:
    """Bits of runs of zeros, one before each other weight and one at the end, with the best of the codes (section
    14)."""
    coding = machine.coding
    best = []
    for exponent in range(coding.max_run_exponent + 1):
        pack = machine.igs // 2 if exponent == coding.max_run_exponent else machine.igs * 3 // 4
        unary = int(np.sum(np.asarray(runs) >> exponent)) + len(runs)
        best.append(round_up(unary, pack) + exponent * len(runs))
    return int(min(best))


def _one_hot_bits(machine: Machine, stored: int, hot: int) -> int:
    """A channel with ``hot`` equal weights, far apart, among zeros: runs, and the weights in the fewest bits that the
    code has."""
    runs = np.full(hot + 1, (stored - hot) // (hot + 1))
    runs[-1] += (stored - hot) % (hot + 1)
    return run_bits(machine, runs) + machine.coding.narrow_bits * hot


def _repeated_bits(machine: Machine, part: Part, stored: int) -> int:
    """Every input channel has the first one's weights: a palette of the kernel's positions, and an index for each
    weight."""
    positions = part.kernel[0] * part.kernel[1]
    if positions == 1:
        return int(round_up(stored, machine.igs * 3 // 4)) + 2 * (machine.coding.weight_bits + 1)
    index_bits = max(machine.coding.narrow_bits, (positions - 1).bit_length())
    return stored * index_bits + min(positions, machine.coding.max_palette) * (machine.coding.weight_bits + 1)


@lru_cache(4096)
def _differs(count: int) -> float:
    """Probability that two channels of ``count`` random weights differ in their least symbol, the codec's offset (0 to
    31)."""
    above = [(1 - symbol / SYMBOLS) ** count for symbol in range(33)]
    same = sum((above[k] - above[k + 1]) ** 2 for k in range(31)) + above[31] ** 2
    return 1 - same


@lru_cache(4096)
def _most_reloads(channels: int, share: float, count: int) -> int:
    """The median over ``count`` streams of the most channels, of that many, that reload their parameters."""
    below = 0.0
    for reloads in range(channels + 1):
        below += math.comb(channels, reloads) * share**reloads * (1 - share) ** (channels - reloads)
        if below**count >= 0.5:
            return reloads
    return channels


@lru_cache(4096)
def _fewest_zeros(weights: int, count: int) -> int:
    """The median over ``count`` streams of the fewest weights, of that many random ones, that are zero by chance."""
    if not weights:
        return 0
    mean = weights / SYMBOLS
    below = NormalDist().inv_cdf(1 - 0.5 ** (1 / count))
    return max(0, round(mean + below * math.sqrt(mean)))
