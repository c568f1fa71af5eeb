"""Each reason follows from a pass's own numbers and the profile's; rows are made by hand."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

import npusim
from npusim.explain.reasons import CONVERSION, reasons
from npusim.profile import HardwareProfile
from npusim.result import LayerResult

HARDWARE = npusim.profile("ethos-n78")  # 16 input and 16 output channels at once; upsamples by 2 up to 7x7


def row(**changes: Any) -> LayerResult:
    """A 3x3 convolution of 16 to 16 channels that the MAC array limits."""
    bounds = changes.pop("bounds", {"mac": 1000.0})
    dram = {"ifm": 0, "ofm": 0, "weights": 0, **changes.pop("dram", {})}
    values: dict[str, Any] = {
        "name": "conv", "op": "Conv", "ifm": ((1, 16, 8, 8),), "ofm": ((1, 16, 8, 8),), "kernel": (3, 3),
        "stride": (1, 1), "groups": 1, "macs": 100, "macs_dense": 100, "ops": 0, "params": 0, "section": 0,
        "cycles": max(bounds.values()),
        "bounds": bounds, "bound_by": max(bounds, key=lambda name: bounds[name]), "utilisation": 0.5,
        "traffic": {"dram": dram}, "mapping": {},
    }  # fmt: skip
    return LayerResult(**{**values, **changes})


def why(*rows: LayerResult, hardware: HardwareProfile = HARDWARE, level: str = "mapped") -> list[str]:
    return list(reasons(rows[0], rows, hardware, level))


def array(**changes: Any) -> HardwareProfile:
    return msgspec.structs.replace(HARDWARE, mac_array=msgspec.structs.replace(HARDWARE.mac_array, **changes))


def test_a_full_array_needs_no_reason() -> None:
    assert why(row()) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ofm": ((1, 1, 8, 8),)}, ["1 output channel occupies the array as 16 would"]),
        ({"ifm": ((1, 3, 8, 8),)}, ["3 input channels occupy the array as 16 would"]),
        # 24 takes two turns of 16; 72 is 4.5 turns, which 5 hide.
        ({"ofm": ((1, 24, 8, 8),)}, ["24 output channels occupy the array as 32 would"]),
        ({"ofm": ((1, 72, 8, 8),)}, []),
        # 32 channels in 4 groups: 8 and 8 in each.
        (
            {"ifm": ((1, 32, 8, 8),), "ofm": ((1, 32, 8, 8),), "groups": 4},
            ["8 input channels occupy the array as 16 would", "8 output channels occupy the array as 16 would"],
        ),
        # Depthwise: the array is laid out otherwise.
        ({"ifm": ((1, 8, 8, 8),), "ofm": ((1, 8, 8, 8),), "groups": 8}, []),
        # A product's channels are its last axis, whatever the second is.
        ({"op": "MatMul", "kernel": (1,), "ifm": ((1, 5, 16),), "ofm": ((1, 5, 16),)}, []),
        (
            {"op": "Gemm", "kernel": (1,), "ifm": ((7, 16),), "ofm": ((7, 10),)},
            ["10 output channels occupy the array as 16 would"],
        ),
        ({"ifm": (), "ofm": ()}, []),
    ],
)  # fmt: skip
def test_channels_that_do_not_fill_the_array(changes: dict[str, Any], said: list[str]) -> None:
    assert why(row(**changes)) == said


def test_a_little_waste_comes_after_the_algorithm() -> None:
    said = why(row(ofm=((1, 24, 8, 8),), mapping={"algorithm": "winograd"}))
    assert [each.split()[0] for each in said] == ["it", "24"]
    said = why(row(ofm=((1, 4, 8, 8),), mapping={"algorithm": "winograd"}))
    assert [each.split()[0] for each in said] == ["4", "it"]


TRANSPOSED = {"op": "ConvTranspose", "kernel": (9, 9), "stride": (2, 2), "macs": 25, "macs_dense": 100}
ZEROS = "75 % of the products on its output grid fall on the zeros between the input's pixels"


@pytest.mark.parametrize(
    ("hardware", "changes", "said"),
    [
        (HARDWARE, {}, "its 9x9 kernel is larger than the 7x7 that the array upsamples by itself"),
        (
            HARDWARE,
            {"kernel": (3, 3), "stride": (3, 3)},
            "its stride 3x3 is not the 2 that the array upsamples by itself",
        ),
        (array(upsample_factor=0, upsample_max_kernel=0), {}, "the array does not upsample by itself"),
    ],
)
def test_a_transposed_convolution_that_is_stuffed(
    hardware: HardwareProfile, changes: dict[str, Any], said: str
) -> None:
    main = row(**{**TRANSPOSED, **changes})
    stuffing = row(name="conv (zero stuffing)", op=CONVERSION, kernel=(), bounds={"vector": 500.0}, dram={"ofm": 2000})
    assert why(main, stuffing, hardware=hardware) == [
        f"{said}, so a zero-stuffed tensor goes through DRAM",
        ZEROS,
        "a further pass (zero stuffing) takes 500.0 ns and 2.000 kB of DRAM traffic",  # 500 cycles at 1 GHz
    ]
    kept = msgspec.structs.replace(stuffing, traffic={"dram": {"ofm": 0}}, name="conv.stuffed")
    assert why(main, kept, hardware=hardware)[0] == f"{said}, so a zero-stuffed tensor is made first"


def test_a_transposed_convolution_that_the_array_upsamples() -> None:
    assert why(row(**{**TRANSPOSED, "kernel": (3, 3)})) == [ZEROS]
    assert why(row(**{**TRANSPOSED, "kernel": (3, 3), "macs": 100})) == []
    assert why(row(**{**TRANSPOSED, "stride": (1, 1)})) == []


def test_the_vector_unit() -> None:
    said = "every element passes through the vector unit in steps of 4x4x16"
    assert why(row(bounds={"vector": 1000.0})) == [said]
    assert why(row(bounds={"vector": 1000.0, "mac": 400.0})) == [
        f"{said}, 2.5 times as long as its multiplications take"
    ]


def test_transfers() -> None:
    # 16 B/cycle: 8000 B read in 500 cycles of 600, so the stripes are not what it waits for.
    read = row(
        bounds={"dma_read": 600.0},
        dram={"ifm": 6000, "weights": 2000},
        mapping={"stripes": 9, "loads": {"ifm": 2, "weights": 1}},
    )
    assert why(read) == ["it reads 8.000 kB, 75 % of it IFM", "its IFM is read 2 times"]
    # 320 B in 20 of 600 cycles.
    short = row(bounds={"dma_write": 600.0}, dram={"ofm": 320}, mapping={"stripes": 9})
    assert why(short) == [
        "it writes 320 B",
        "its 9 stripes cost more to start than their bytes take to move",
    ]
    again = row(bounds={"dma": 600.0}, dram={"weights": 8000}, mapping={"loads": {"weights": 3}})
    assert why(again) == ["it moves 8.000 kB, 100 % of it weights", "its weights are read 3 times"]
    assert why(row(bounds={"dma_read": 10.0})) == []


def test_what_nothing_overlaps() -> None:
    pulled = row(bounds={"mac": 800.0, "dma_read_serial": 200.0}, cycles=1000.0)
    assert why(pulled) == ["20 % of its time is transfers that nothing overlaps"]


def test_off_the_npu_and_the_roofline_have_one_reason() -> None:
    assert why(row(off_npu="no such kernel", ofm=((1, 1, 8, 8),))) == [
        "the hardware cannot run it (no such kernel), so it runs on the host CPU"
    ]
    (only,) = why(row(**TRANSPOSED), level="roofline")
    assert "roofline" in only
