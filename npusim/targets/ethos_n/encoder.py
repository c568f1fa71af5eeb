"""Real sizes of weight streams, where the weights are at hand (MODEL.md section 6).

Of the ways to write a channel (codes.py) the cheapest is taken. What a channel's codec shares with that of the channel
before it in its stream is not written again.
"""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache

import numpy as np

from npusim.targets.ethos_n.codes import Code, Codec, Ways, ways_of
from npusim.targets.ethos_n.elements import Elements
from npusim.targets.ethos_n.layout import PADDING, input_stripes, stored_order
from npusim.targets.ethos_n.machine import Coding, Machine
from npusim.targets.ethos_n.parts import Coded, Part

ELEMENTS_AT_ONCE = 1 << 22  # stored weights that are looked at together: some 100 MB


def longest_bits(machine: Machine, part: Part, channels: int, depth: int, count: int, winograd: bool) -> int:
    """Bits of the longest of a layer's streams; 0 where a channel has more symbols than its header can tell.

    Args:
        channels, depth: input and output channels of the weights' stripe. count: streams that a stripe has side by
            side.
    """
    assert part.weights is not None
    assert part.weights.given is not None
    stripes = input_stripes(part, channels)
    ways = [channel_ways(machine, part, channels, winograd, stripe) for stripe in range(stripes)]
    coding, own_scales = machine.coding, part.weights.given.own_scales
    scale_bits = coding.first_channel_bits - coding.next_channel_bits - coding.codec_bits - coding.palette_bits
    lengths: dict[tuple[int, int, int], int] = defaultdict(int)
    last: list[tuple[Codec, bool]] = [(Codec(), True)] * count  # the last codec of each stream, and whether it is void
    for channel in range(len(ways[0])):
        within = channel % depth
        group = within % count
        for stripe in range(stripes):
            codec, void = last[group]
            starts = (within == group and depth > count) or (stripes > 1 and stripe == 0)
            code, codec, told = _chosen(coding, ways[stripe][channel], codec, void or starts)
            if code.symbols > coding.max_channel_weights:
                return 0
            bits = coding.next_channel_bits + told + code.bits
            if own_scales or channel < count:
                bits += scale_bits
            lengths[channel // depth, group, stripe] += bits
            last[group] = (codec, False)
    return max(lengths.values())


def _chosen(coding: Coding, ways: Ways, last: Codec, void: bool) -> tuple[Code, Codec, int]:
    """The cheapest way to write a channel behind another one, its codec, and the bits that tell of it."""
    best: tuple[int, Code, Codec, int] | None = None
    for code in ways:
        if code.codec is None:
            codec = last._replace(run_exponent=code.run_exponent)
            names_palette, cost = void, code.bits
            palette_bits = len(last.palette) // 2 * last.entry_bits
        else:
            codec, palette_bits = code.codec, code.palette_bits
            names_palette = void or (codec.palette, codec.entry_bits) != (last.palette, last.entry_bits)
            cost = code.bits + (palette_bits if names_palette else 0)
        if best is None or cost < best[0]:
            told = coding.codec_bits if names_palette or codec != last else 0
            told += coding.palette_bits + palette_bits if names_palette else 0
            best = (cost, code, codec, told)
    assert best is not None
    return best[1:]


def channel_ways(machine: Machine, part: Part, channels: int, winograd: bool, stripe: int) -> tuple[Ways, ...]:
    """The ways to write each output channel's weights in a stripe of input channels."""
    assert part.weights is not None
    given = part.weights.given
    assert given is not None
    order = stored_order(machine, part, channels, winograd, stripe)
    if part.weights.coded is Coded.REPEATED:  # every input channel has the weights of the first
        own = given.rows.shape[1] // (part.kernel[0] * part.kernel[1])
        order = np.where(order == PADDING, PADDING, order // part.channels * own)
    return _ordered_ways(machine.coding, machine.igs, given, order.tobytes())


@lru_cache(64)
def _ordered_ways(coding: Coding, igs: int, given: Elements, told: bytes) -> tuple[Ways, ...]:
    """The same, of weights stored in the order that the bytes are."""
    order = np.frombuffer(told, np.int64)
    padded = order == PADDING
    places = np.where(padded, 0, order)
    step = max(1, ELEMENTS_AT_ONCE // max(1, len(order)))
    found: list[Ways] = []
    for first in range(0, len(given.rows), step):
        rows = given.rows[first : first + step]
        stored = np.where(padded, 0, rows[:, places]).astype(np.int64)
        found += ways_of(coding, igs, stored)
    return tuple(found)
