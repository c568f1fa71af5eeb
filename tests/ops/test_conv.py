"""Convolutions, worked by hand."""

from __future__ import annotations

import pytest
from rows import Bad, Row, check, check_bad, ids
from sample_kit import Arg, Sample, act, call_of, const, scale, u8, weights, zero

from npusim.errors import InputError
from npusim.loopnest import Operand
from npusim.ops import OPS

ROWS = [
    # 12 channels out, 6 / 3 = 2 in a group, 3 x 3 taps on 10 x 10: 12 * 2 * 9 * 100; weights 12 * 2 * 9 + 12 biases
    Row(
        "Conv",
        {"group": 3},
        (act(1, 6, 12, 12), weights(12, 2, 3, 3), weights(12)),
        (1, 12, 10, 10),
        macs=21_600,
        params=228,
    ),
    # depthwise with two outputs a channel: 12 * 1 * 9 * 25; a 3 x 3 window of stride 2 fits (11 - 3) / 2 + 1 = 5 times
    Row(
        "Conv",
        {"group": 6, "strides": (2, 2)},
        (act(1, 6, 11, 11), weights(12, 1, 3, 3)),
        (1, 12, 5, 5),
        macs=2_700,
        params=108,
    ),
    # depthwise 3 x 3 of 64 channels on 56 x 56: 64 * 9 * 3136
    Row(
        "Conv",
        {"group": 64, "pads": (1, 1, 1, 1)},
        (act(1, 64, 56, 56), weights(64, 1, 3, 3)),
        (1, 64, 56, 56),
        macs=1_806_336,
        params=576,
    ),
    # 3 taps 2 apart span 5: 14 - 4 = 10, 16 - 4 = 12; 5 * 2 * 9 * 120
    Row(
        "Conv", {"dilations": (2, 2)}, (act(1, 2, 14, 16), weights(5, 2, 3, 3)), (1, 5, 10, 12), macs=10_800, params=90
    ),
    # SAME with an even kernel keeps 8 x 8: 2 * 3 * 16 * 64
    Row(
        "Conv", {"auto_pad": "SAME_LOWER"}, (act(1, 3, 8, 8), weights(2, 3, 4, 4)), (1, 2, 8, 8), macs=6_144, params=96
    ),
    # SAME takes the dilated kernel: 22 x 27 stays; 4 * 3 * 9 * 594
    Row(
        "Conv",
        {"auto_pad": "SAME_UPPER", "dilations": (2, 3)},
        (act(1, 3, 22, 27), weights(4, 3, 3, 3)),
        (1, 4, 22, 27),
        macs=64_152,
        params=108,
    ),
    # rows (9 + 0 + 2 - 3) / 2 + 1 = 5, columns (8 + 1 + 3 - 3) / 1 + 1 = 10; 2 * 4 * 4 * 6 * 50
    Row(
        "Conv",
        {"strides": (2, 1), "pads": (0, 1, 2, 3), "dilations": (1, 2)},
        (act(2, 4, 9, 8), weights(4, 4, 3, 2)),
        (2, 4, 5, 10),
        macs=9_600,
        params=96,
    ),
    # one axis: 67 + 2 - 3 + 1 = 67; 32 * 32 * 3 * 67
    Row(
        "Conv",
        {"pads": (1, 1)},
        (act(1, 32, 67), weights(32, 32, 3), weights(32)),
        (1, 32, 67),
        macs=205_824,
        params=3_104,
    ),
    # three axes: 3 * 2 * 27 * (4 * 3 * 3)
    Row("Conv", {}, (act(1, 2, 6, 5, 5), weights(3, 2, 3, 3, 3)), (1, 3, 4, 3, 3), macs=5_832, params=162),
    # a 1 x 1 convolution of a vector: 256 * 64
    Row("Conv", {}, (act(1, 256, 1, 1), weights(64, 256, 1, 1)), (1, 64, 1, 1), macs=16_384, params=16_384),
    # the third input is there but empty: no bias; 2 * 2 * 9 * 9
    Row("Conv", {}, (act(1, 2, 5, 5), weights(2, 2, 3, 3), None), (1, 2, 3, 3), macs=324, params=36),
    # no batch, no MACs
    Row("Conv", {}, (act(0, 3, 8, 8), weights(4, 3, 3, 3)), (0, 4, 6, 6), params=108),
    # no rows, nothing to slide over
    Row("Conv", {}, (act(1, 3, 0, 8), weights(4, 3, 3, 3)), (1, 4, 0, 6), params=108),
    # (2 - 1) * 2 + 2 = 4; each of 4 inputs meets 4 taps of 3 channels: 48; on the output grid 16 * 4 * 3 = 192
    Row(
        "ConvTranspose",
        {"strides": (2, 2)},
        (act(1, 3, 2, 2), weights(3, 1, 2, 2), weights(1)),
        (1, 1, 4, 4),
        macs=48,
        dense=192,
        params=13,
    ),
    # FSRCNN's last layer, x2: 9 * 2 + 9 - 8 + 1 = 20; 100 inputs * 56 * 81, and 400 outputs
    Row(
        "ConvTranspose",
        {"strides": (2, 2), "pads": (4, 4, 4, 4), "output_padding": (1, 1)},
        (act(1, 56, 10, 10), weights(56, 1, 9, 9)),
        (1, 1, 20, 20),
        macs=453_600,
        dense=1_814_400,
        params=4_536,
    ),
    # SAME: 3 inputs of stride 2 make 6; 9 inputs * 2 channels * 9 taps
    Row(
        "ConvTranspose",
        {"strides": (2, 2), "auto_pad": "SAME_UPPER"},
        (act(1, 1, 3, 3), weights(1, 2, 3, 3)),
        (1, 2, 6, 6),
        macs=162,
        dense=648,
        params=18,
    ),
    # output_shape wins over what the pads would give
    Row(
        "ConvTranspose",
        {"strides": (3, 2), "output_shape": (10, 8), "pads": (1, 1, 1, 1)},
        (act(1, 1, 3, 3), weights(1, 2, 3, 3)),
        (1, 2, 10, 8),
        macs=162,
        dense=1_440,
        params=18,
    ),
    # 3 groups of 2 channels in, 2 out: 2 batches * 64 inputs * 3 * 2 * 2 * 9; 3 taps 2 apart make 15 * 1 + 5 - 4 = 12
    Row(
        "ConvTranspose",
        {"group": 3, "dilations": (2, 2), "pads": (2, 2, 2, 2)},
        (act(2, 6, 8, 8), weights(6, 2, 3, 3)),
        (2, 6, 8, 8),
        macs=13_824,
        params=108,
    ),
    # 3 * 3 outputs of 2 channels from 3: 54 * 9 = 486; 18 additions of Z and 18 of the activation
    Row(
        "com.microsoft::FusedConv",
        {"activation": "Relu"},
        (act(1, 3, 5, 5), weights(2, 3, 3, 3), weights(2), act(1, 2, 3, 3)),
        (1, 2, 3, 3),
        macs=486,
        ops=36,
        params=56,
        kinds=("add", "relu"),
    ),
    Row(
        "com.microsoft::FusedConv",
        {"activation": "Tanh"},
        (act(1, 3, 5, 5), weights(2, 3, 3, 3)),
        (1, 2, 3, 3),
        macs=486,
        ops=18,
        params=54,
        kinds=("sigmoid",),
    ),
    # weights in slot 1, zero points behind: 2 * 1 * 9 * 25
    Row(
        "ConvInteger",
        {"pads": (1, 1, 1, 1)},
        (u8(1, 1, 5, 5), u8(2, 1, 3, 3, constant=True), zero()),
        (1, 2, 5, 5),
        macs=450,
        params=18,
    ),
    # weights in slot 3, bias in slot 8: 6 * 2 * 9 * 36; 108 + 6
    Row(
        "QLinearConv",
        {},
        (
            u8(1, 2, 8, 8),
            scale(),
            zero(),
            u8(6, 2, 3, 3, constant=True),
            scale(),
            zero(),
            scale(),
            zero(),
            const([0] * 6, "int32"),
        ),
        (1, 6, 6, 6),
        macs=3_888,
        params=114,
    ),
    # 9 outputs * 3 * 2 * 9 = 486; 2 channels * 9 outputs * 9 taps = 162 samples of 4 neighbours
    Row(
        "DeformConv",
        {},
        (act(1, 2, 5, 5), weights(3, 2, 3, 3), act(1, 18, 3, 3)),
        (1, 3, 3, 3),
        macs=486,
        ops=648,
        params=54,
    ),
    # the mask scales each sample: 162 more; 2 groups of 1 channel: 9 * 4 * 1 * 9
    Row(
        "DeformConv",
        {"group": 2},
        (act(1, 2, 5, 5), weights(4, 1, 3, 3), act(1, 18, 3, 3), weights(4), act(1, 9, 3, 3)),
        (1, 4, 3, 3),
        macs=324,
        ops=810,
        params=40,
    ),
    # 2 batches * 3 channels * 7 positions * 4 taps, and the last 3 positions are kept
    Row(
        "CausalConvWithState",
        {"activation": "silu"},
        (act(2, 3, 7), weights(3, 1, 4), weights(3)),
        [(2, 3, 7), (2, 3, 3)],
        macs=168,
        ops=42,
        params=15,
    ),
]

BAD = [
    Bad("Conv", {}, (act(1, 4, 5, 5), weights(2, 3, 3, 3)), "4 input channels do not match"),
    Bad("Conv", {"group": 2}, (act(1, 4, 5, 5), weights(3, 2, 3, 3)), "in 2 group"),
    Bad("Conv", {}, (act(1, 3, 2, 9), weights(2, 3, 3, 3)), "spans 3 does not fit 2"),
    Bad("Conv", {}, (act(1, 3, 5), weights(2, 3, 3, 3)), "not of one rank"),
    Bad("Conv", {"kernel_shape": (3, 5)}, (act(1, 3, 9, 9), weights(2, 3, 3, 3)), "kernel_shape"),
    Bad("Conv", {"strides": (0, 1)}, (act(1, 3, 9, 9), weights(2, 3, 3, 3)), "strides"),
    Bad("Conv", {"pads": (1, 1)}, (act(1, 3, 9, 9), weights(2, 3, 3, 3)), "4 sizes"),
    Bad("Conv", {"auto_pad": "FULL"}, (act(1, 3, 9, 9), weights(2, 3, 3, 3)), "FULL"),
    Bad("Conv", {}, (act(1, 3, 9, 9),), "input 1 is missing", "missing-input"),
    Bad("ConvTranspose", {}, (act(1, 4, 5, 5), weights(3, 2, 3, 3)), "4 input channels do not match"),
    Bad("ConvTranspose", {}, (act(1, 4, 5), weights(4, 2, 3, 3)), "not of one rank"),
    Bad("ConvTranspose", {"pads": (3, 3, 3, 3)}, (act(1, 1, 3, 3), weights(1, 2, 3, 3)), "crop the output"),
    Bad("ConvTranspose", {"pads": (3, 3)}, (act(1, 1, 3, 3), weights(1, 2, 3, 3)), "4 sizes"),
    Bad("ConvTranspose", {"auto_pad": "FULL"}, (act(1, 1, 3, 3), weights(1, 2, 3, 3)), "FULL"),
    Bad("ConvTranspose", {"kernel_shape": (2, 2)}, (act(1, 1, 3, 3), weights(1, 2, 3, 3)), "kernel_shape"),
    Bad("CausalConvWithState", {}, (act(2, 3, 7), weights(2, 1, 4)), "one kernel for each channel"),
]


@pytest.mark.parametrize("row", ROWS, ids=ids(ROWS))
def test_row(row: Row) -> None:
    check(row)


@pytest.mark.parametrize("bad", BAD, ids=ids(BAD))
def test_bad_call_is_one_clear_error(bad: Bad) -> None:
    check_bad(bad)


def test_unknown_fused_activation_is_an_error() -> None:
    sample = Sample({"activation": "Magic"}, (act(1, 3, 5, 5), weights(2, 3, 3, 3)))
    with pytest.raises(InputError, match="Magic"):
        OPS["com.microsoft::FusedConv"].work(call_of("com.microsoft::FusedConv", sample))


@pytest.mark.parametrize(("stored", "varies"), [(weights(2, 3, 3, 3), False), (act(2, 3, 3, 3), True)])
def test_weights_that_are_computed_vary(stored: Arg, varies: bool) -> None:
    (nest,) = OPS["Conv"].work(call_of("Conv", Sample({}, (act(1, 3, 5, 5), stored)))).nests
    assert nest.weights_vary is varies
    assert nest.footprint(Operand.WEIGHTS) == 54
