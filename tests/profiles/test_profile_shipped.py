"""The profiles that npusim ships: laws that hold for all of them, and the Ethos-N78 against its description."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec
import pytest

from npusim import units
from npusim.ops.base import KINDS
from npusim.profiles.catalog import check_profile
from npusim.profiles.fields import LISTS, TEXTS
from npusim.profiles.file import find_file, read
from npusim.profiles.load import load
from npusim.resources import files

NAMES = [file.stem for file in files("hwprofiles", "*.toml")]
VARIANTS = [(name, variant) for name in NAMES for variant in read(find_file(name)).variants]
# Left out, these say that there is none of it: no limit to DRAM, one bank, nothing reserved, any kernel side, no
# vendor's planner that fails, and no bandwidth of an SRAM to share.
MAY_BE_LEFT_OUT = {
    "dram.size_bytes", "dram.banks", "dram.reserved_bytes", "sram.banks", "sram.reserved_bytes", "sram.duplex",
    "mac_array.kernel_sides", "plannable",
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_file_is_sound_in_every_variant_and_named_as_its_profile(name: str) -> None:
    assert check_profile(name) == ()
    assert load(name).name == name


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_every_number_has_a_unit_and_a_source(name: str, variant: str) -> None:
    profile = load(name, variant)
    keys = set(_numbers(profile))
    assert "mac_array.macs_per_cycle" in keys
    assert keys - profile.numbers.keys() <= MAY_BE_LEFT_OUT
    for key, quantity in profile.numbers.items():
        assert len(quantity.source.split()) > 3, key
        plain = isinstance(quantity.value, bool | str) or (
            isinstance(quantity.value, tuple) and isinstance(quantity.value[0], str)
        )
        assert (quantity.unit in units.UNITS) != plain, key


def _numbers(value: object, prefix: str = "") -> Iterator[str]:
    """The dotted keys of all numbers, switches and lists below the header."""
    header = (*TEXTS, *LISTS, "variant", "numbers", "overrides", "file")
    if isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            if prefix or name not in header:
                yield from _numbers(getattr(value, name), f"{prefix}.{name}" if prefix else name)
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from _numbers(each, f"{prefix}.{name}")
    elif value is not None and not isinstance(value, str):
        yield prefix


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_assumptions_are_marked_as_such(name: str, variant: str) -> None:
    profile = load(name, variant)
    assert profile.confidence
    assert profile.assumptions
    fallback = [quantity for key, quantity in profile.numbers.items() if key.startswith("fallback.")]
    assert all(quantity.source.startswith("assumption: ") for quantity in fallback)


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_no_vector_work_is_free(name: str, variant: str) -> None:
    profile = load(name, variant)
    assert all(cycles > 0 for cycles in profile.vector_unit.step_cycles.values())
    assert profile.fallback.elements_per_cycle > 0
    # A kind without a price runs on the fallback: none is left out altogether.
    assert set(profile.vector_unit.step_cycles) <= {*KINDS, "passthrough"}


# MODEL.md section 1: engines, input and output groups an engine, SRAM banks, SRAM in KiB, vector lanes an engine,
# MAC/cycle, channels of a vector step, compression; and of section 9, whether release 25.03 has vector kernels for it.
MODEL_TABLE = {
    "1tops-2ple": (2, 4, 4, 8, 448, 1, 512, 2, False, False),
    "1tops-4ple": (2, 4, 4, 8, 448, 2, 512, 4, False, True),
    "2tops-2ple": (4, 2, 4, 8, 768, 1, 1024, 4, False, False),
    "2tops-4ple": (4, 2, 4, 8, 768, 2, 1024, 8, False, False),
    "4tops-2ple": (4, 4, 4, 16, 1024, 2, 2048, 8, True, True),
    "4tops-4ple": (8, 2, 2, 16, 1024, 2, 2048, 16, True, True),
    "8tops-2ple": (8, 2, 4, 16, 2048, 2, 4096, 16, True, True),
}


def test_the_ethos_n78_has_the_variants_of_its_description() -> None:
    assert set(read(find_file("ethos-n78")).variants) == MODEL_TABLE.keys()
    assert load("ethos-n78").variant == "4tops-4ple"


@pytest.mark.parametrize("variant", MODEL_TABLE)
def test_ethos_n78_variants(variant: str) -> None:
    engines, ifm_groups, ofm_groups, banks, sram_kib, lanes, macs, channels, compresses, plannable = MODEL_TABLE[
        variant
    ]
    profile = load("ethos-n78", variant)
    array = profile.mac_array
    # Engines x groups channels run at once, on 8 MAC units laid out as 4 rows of 2 (its section 3 rounds to them).
    assert array.unroll_in_channels == engines * ifm_groups
    assert array.unroll_out_channels == engines * ofm_groups
    assert (array.unroll_height, array.unroll_width) == (4, 2)
    assert array.macs_per_cycle == macs == engines * ifm_groups * engines * ofm_groups * 8
    assert array.depthwise_channels == engines * ifm_groups  # PLANNER.md section 8
    assert profile.vector_unit.step_channels == channels == engines * lanes
    assert profile.sram.size_bytes == sram_kib * 1024
    assert profile.sram.banks == banks
    assert profile.sram.reserved_bytes == banks * 4096  # the vector kernel's code, PLANNER.md's K
    assert profile.compression.available is compresses
    assert profile.plannable is plannable
    assert profile.weight_stream.channel_multiple == engines * ofm_groups  # a stream for each output group


def test_ethos_n78_numbers_that_all_variants_share() -> None:
    profile = load("ethos-n78")
    assert profile.clock_hz == 1e9
    assert (profile.dram.read_bytes_per_cycle, profile.dram.write_bytes_per_cycle, profile.dram.duplex) == (
        16,
        16,
        True,
    )
    assert profile.mac_array.kernel_sides == (1, 2, 3, 5, 7, 9)
    assert (profile.mac_array.upsample_factor, profile.mac_array.upsample_max_kernel) == (2, 7)
    for part in (profile.mac_array, profile.vector_unit, profile.dma):
        assert (part.stripe_cycles, part.stripe_min_cycles) == (100, 2500)
    winograd = profile.mac_array.winograd
    assert winograd is not None
    assert (winograd.output_tile_2d, winograd.output_tile_1d, winograd.sub_kernel, winograd.macs_per_tile) == (
        2,
        4,
        3,
        16,
    )
    assert profile.layout == type(profile.layout)(8, 8, 16, 8, 8, 1)  # channels are not rounded in DRAM bytes
    # Cycles for a 4x4 patch, MODEL.md section 4; a multiplication is not free, as it is there.
    prices = profile.vector_unit.step_cycles
    assert {kind: prices[kind] for kind in ("passthrough", "relu", "add", "add_rescale", "leaky", "sigmoid")} == {
        "passthrough": 6, "relu": 6, "add": 15, "add_rescale": 35, "leaky": 37, "sigmoid": 41,
    }  # fmt: skip
    assert {kind: prices[kind] for kind in ("mul", "max_pool", "avg_pool", "reduce", "copy")} == {
        "mul": 35, "max_pool": 37, "avg_pool": 97, "reduce": 37, "copy": 13,
    }  # fmt: skip
    assert profile.numbers["vector_unit.step_cycles.mul"].source.startswith("assumption: ")
    # Bits beside the weights, MODEL.md section 6: length, bias, flag, scale and zero, payload header, codec.
    assert profile.weight_stream.channel_bits == 16 + 32 + 1 + 30 + 18 + 13


# The primer's table and the configuration files of the open hardware: MACs, buffer in KiB, SDRAM in GB/s.
@pytest.mark.parametrize(
    ("variant", "macs", "buffer_kib", "sdram_gb_per_s"),
    [
        ("large", 64 * 32, 16 * 64 * 512 // 1024, 20),
        ("small-256", 32 * 8, 32 * 32 * 128 // 1024, 5),
        ("small", 8 * 8, 32 * 8 * 512 // 1024, 1),
    ],
)
def test_nvdla_variants(variant: str, macs: int, buffer_kib: int, sdram_gb_per_s: int) -> None:
    profile = load("nvdla", variant)
    assert profile.peak_macs_per_s == macs * 1e9
    assert profile.sram.size_bytes == buffer_kib * 1024
    assert profile.dram.read_bytes_per_s == sdram_gb_per_s * 1e9
    assert profile.target == "generic"


def test_an_addition_has_no_unit_in_the_smallest_nvdla() -> None:
    assert "add" not in load("nvdla", "small").vector_unit.step_cycles
    assert load("nvdla", "small-256").vector_unit.step_cycles["add"] == 1
    assert load("nvdla", "large").vector_unit.step_cycles["add"] == 4


@pytest.mark.parametrize(("variant", "macs"), [("256", 256), ("512", 512)])
def test_ethos_u65_variants(variant: str, macs: int) -> None:
    profile = load("ethos-u65", variant)
    assert profile.mac_array.macs_per_cycle == macs
    # Cycles an output of Vela's table for one core: 0.25, an addition 0.5, a table look-up 1; two cores take half.
    elements = 4 * profile.vector_unit.step_channels
    prices = profile.vector_unit.step_cycles
    per_output = [prices[kind] / elements * macs / 256 for kind in ("passthrough", "add", "sigmoid")]
    assert per_output == [0.25, 0.5, 1.0]
