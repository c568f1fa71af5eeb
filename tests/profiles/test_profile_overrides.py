"""Numbers of a profile that the user changes: on the command line with units, in Python in the field's own unit."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from profile_text import write

import npusim
from npusim.errors import InputError
from npusim.profile import HardwareProfile
from npusim.profiles.load import load
from npusim.profiles.overrides import Override


def changed(**overrides: Override) -> HardwareProfile:
    return load("ethos-n78", overrides={key.replace("__", "."): value for key, value in overrides.items()})


def test_aliases_set_what_is_changed_most() -> None:
    found = changed(clock="800MHz", sram="512 kib", dram="8B/cycle", macs="1024")
    assert found.clock_hz == 800e6
    assert found.sram.size_bytes == 524288
    assert (found.dram.read_bytes_per_cycle, found.dram.write_bytes_per_cycle) == (8, 8)
    assert found.mac_array.macs_per_cycle == 1024
    assert found.overrides == {
        "clock_hz": "800MHz",
        "sram.size_bytes": "512 kib",
        "dram.read_bytes_per_cycle": "8B/cycle",
        "dram.write_bytes_per_cycle": "8B/cycle",
        "mac_array.macs_per_cycle": "1024",
    }


def test_a_bandwidth_a_second_replaces_one_a_cycle() -> None:
    found = changed(dram="25.6GB/s")
    assert (found.dram.read_bytes_per_s, found.dram.write_bytes_per_s) == (25.6e9, 25.6e9)
    assert (found.dram.read_bytes_per_cycle, found.dram.write_bytes_per_cycle) == (None, None)
    assert found.dram_read_bytes_per_cycle == 25.6
    # One direction alone leaves the other as it was.
    found = changed(dram__read_bytes_per_s="8 GB/s")
    assert (found.dram.read_bytes_per_s, found.dram.read_bytes_per_cycle) == (8e9, None)
    assert found.dram.write_bytes_per_cycle == 16


def test_a_number_without_unit_is_in_the_unit_that_its_key_names() -> None:
    assert changed(clock_hz="8e8").clock_hz == 8e8
    assert changed(sram__size_bytes=2**19).sram.size_bytes == 2**19
    assert changed(mac_array__macs_per_cycle=512.0).mac_array.macs_per_cycle == 512


def test_switches_lists_and_shares() -> None:
    found = changed(
        mac_array__grouped="yes", dram__duplex=False, mac_array__kernel_sides="1, 3",
        vector_unit__fused=["relu", "add"], compression__default_saving="50%",
    )  # fmt: skip
    assert found.mac_array.grouped is True
    assert found.dram.duplex is False
    assert found.mac_array.kernel_sides == (1, 3)
    assert found.vector_unit.fused == ("relu", "add")
    assert found.compression.default_saving == 0.5
    assert found.overrides["dram.duplex"] == "false"
    assert found.overrides["vector_unit.fused"] == "relu,add"
    assert changed(mac_array__kernel_sides=[5, 7]).mac_array.kernel_sides == (5, 7)


def test_a_kind_can_be_priced_that_the_profile_does_not_price() -> None:
    assert "softmax" not in changed().vector_unit.step_cycles
    assert changed(vector_unit__step_cycles__softmax=50).vector_unit.step_cycles["softmax"] == 50
    with pytest.raises(InputError, match="'softmx' is no kind of vector work") as caught:
        changed(vector_unit__step_cycles__softmx=50)
    assert caught.value.code == "bad-option"


def test_an_optional_part_can_be_taken_away() -> None:
    assert changed().mac_array.winograd is not None
    assert changed(mac_array__winograd="none").mac_array.winograd is None
    assert changed(mac_array__winograd__transform_cycles=4).mac_array.winograd.transform_cycles == 4  # type: ignore[union-attr]


def test_numbers_of_an_extension_can_be_set(tmp_path: Path) -> None:
    found = load(write(tmp_path), overrides={"ethos_n.kernels.relu.code_bytes": "8KiB"})
    assert found.extensions["ethos_n"]["kernels"]["relu"]["code_bytes"] == 8192
    found = load(write(tmp_path), overrides={"ethos_n.kernels.relu.blocks": "8x8"})
    assert found.extensions["ethos_n"]["kernels"]["relu"]["blocks"] == ("8x8",)


def test_the_source_of_a_changed_number_is_the_user() -> None:
    found = changed(macs=512)
    assert found.numbers["mac_array.macs_per_cycle"].source == "set by the user"
    assert found.numbers["mac_array.unroll_out_channels"].source == "follows from what the user set"
    assert found.numbers["clock_hz"].source.startswith("Arm Ethos-N driver stack")


def test_overrides_do_not_stay() -> None:
    changed(clock="1MHz", macs=512)
    found = changed()
    assert (found.clock_hz, found.mac_array.macs_per_cycle, found.overrides) == (1e9, 2048, {})


# An Ethos-N78 of 4 TOP/s runs 16 input channels on 4 x 2 positions for each output channel: 128 MAC.
@pytest.mark.parametrize(("macs", "out_channels"), [(128, 1), (512, 4), (1024, 8), (4096, 32), (8192, 64)])
def test_output_channels_follow_the_macs(macs: int, out_channels: int) -> None:
    array = changed(macs=macs).mac_array
    assert (array.macs_per_cycle, array.unroll_out_channels, array.unroll_in_channels) == (macs, out_channels, 16)


@pytest.mark.parametrize("macs", [64, 127, 500])
def test_macs_that_no_output_channel_divides_are_refused(macs: int) -> None:
    with pytest.raises(InputError) as caught:
        changed(macs=macs)
    assert str(caught.value).startswith(
        f"mac_array.macs_per_cycle={macs}: {macs} MAC/cycle is no multiple of the 128 that an output channel takes; "
    )
    assert caught.value.code == "bad-option"


def test_macs_follow_the_unrollings() -> None:
    array = changed(mac_array__unroll_in_channels=32, mac_array__unroll_width=4).mac_array
    assert array.macs_per_cycle == 32 * 16 * 4 * 4


def test_both_sides_must_agree_where_both_are_set() -> None:
    array = changed(mac_array__macs_per_cycle=512, mac_array__unroll_in_channels=4).mac_array
    assert array.macs_per_cycle == 4 * 16 * 4 * 2
    with pytest.raises(InputError, match="16 x 16 x 4 x 2 = 2048 MAC/cycle") as caught:
        changed(mac_array__macs_per_cycle=512, mac_array__unroll_in_channels=16)
    assert caught.value.where == "mac_array.macs_per_cycle=512"
    assert caught.value.code == "bad-option"


@settings(max_examples=50, deadline=None)
@given(st.tuples(st.integers(1, 64), st.integers(1, 64), st.integers(1, 8), st.integers(1, 8)))
def test_any_unrolling_gives_a_profile_whose_parts_agree(sizes: tuple[int, int, int, int]) -> None:
    keys = ("unroll_in_channels", "unroll_out_channels", "unroll_height", "unroll_width")
    overrides: dict[str, Override] = {f"mac_array.{key}": size for key, size in zip(keys, sizes, strict=True)}
    array = load("ethos-n78", overrides={**overrides, "mac_array.depthwise_channels": 1}).mac_array
    a, b, c, d = sizes
    assert array.macs_per_cycle == a * b * c * d


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 10**12))
def test_what_is_recorded_can_be_given_again(clock_hz: int) -> None:
    first = changed(clock_hz=clock_hz, dram="3 GB/s")
    again = load("ethos-n78", overrides=first.overrides)
    assert again == first


BAD = [
    ({"clock": "800"}, "clock=800: '800' has no unit, expected a frequency (Hz, kHz, MHz, GHz)"),
    ({"clock": "fast"}, "clock=fast: 'fast' is not a number"),
    ({"clock": "3KiB"}, "clock=3KiB: '3KiB' is bytes, expected a frequency"),
    ({"dram": "8"}, "dram=8: '8' has no unit, expected bytes a cycle or bytes a second (B/cycle, B/s"),
    ({"dram": "8MHz"}, "dram=8MHz: '8MHz' is a frequency, expected bytes a cycle or bytes a second"),
    ({"clock_hz": -1}, "clock_hz=-1: clock_hz is -1 Hz, expected more than zero"),
    ({"clock_hz": 0}, "clock_hz=0: clock_hz is 0 Hz, expected more than zero"),
    ({"clock_hz": float("nan")}, "clock_hz=nan: clock_hz is nan, which is no usable number"),
    ({"clock_hz": float("inf")}, "clock_hz=inf: clock_hz is inf, which is no usable number"),
    ({"clock_hz": True}, "clock_hz=true: 'true' is not a number"),
    ({"clock_hz": 1e30}, "clock_hz=1e+30: clock_hz is 1e+30, which is no usable number"),
    ({"sram": "64KiB"}, "sram.size_bytes=64KiB: sram.size_bytes is 65536 B, of which 65536 B are reserved"),
    ({"sram.banks": "1.5"}, "sram.banks=1.5: sram.banks is 1.5, expected a whole number [bad"),
    ({"compression.default_saving": "150%"}, "compression.default_saving=150%: compression.default_saving is 1.5"),
    ({"mac_array.grouped": "maybe"}, "mac_array.grouped=maybe: 'maybe' is neither true nor false"),
    ({"mac_array.kernel_sides": "1,x"}, "mac_array.kernel_sides=1,x: 'x' is not a number"),
    ({"mac_array.winograd": "3"}, "mac_array.winograd=3: this is a table of numbers; set them one by one"),
    ({"vector_unit.step_cycles": 3}, "vector_unit.step_cycles=3: this is a table of numbers; set them one by one"),
    (
        {"macs_per_cycl": 5},
        "macs_per_cycl=5: no number of the profile is called 'macs_per_cycl'; did you mean mac_array.macs_per_cycle or",
    ),
    ({"clok": "1GHz"}, "clok=1GHz: no number of the profile is called 'clok'; did you mean clock"),
    ({"qqqq": 1}, "qqqq=1: no number of the profile is called 'qqqq'; see npusim profiles show"),
    ({"name": "x"}, "name=x: no number of the profile is called 'name'"),
    ({"clock": "1GHz", "clock_hz": 1}, "clock_hz=1: clock_hz is set twice"),
]


@pytest.mark.parametrize(("overrides", "message"), BAD, ids=lambda value: str(value)[:30])
def test_a_bad_override_is_one_sentence(overrides: dict[str, Override], message: str) -> None:
    with pytest.raises(InputError) as caught:
        load("ethos-n78", overrides=overrides)
    assert str(caught.value).startswith(message)
    assert str(caught.value).endswith("[bad-option]")


def test_what_only_the_whole_makes_wrong_is_blamed_on_all_that_was_set() -> None:
    # 16 depthwise channels on 4 x 2 positions are 128 MAC/cycle; an array of 1 x 1 x 4 x 2 has 8.
    with pytest.raises(InputError) as caught:
        changed(mac_array__unroll_in_channels=1, mac_array__unroll_out_channels=1)
    assert caught.value.where == "mac_array.unroll_in_channels=1, mac_array.unroll_out_channels=1"
    assert caught.value.what == "mac_array.depthwise_channels is 16, which takes 128 MAC/cycle of 8"
    assert caught.value.code == "bad-option"


def test_a_fault_of_the_file_is_not_blamed_on_an_override(tmp_path: Path) -> None:
    path = write(tmp_path, ("max_batch = { value = 1", "max_batch = { value = -1"))
    with pytest.raises(InputError) as caught:
        load(path, overrides={"clock": "1GHz"})
    assert caught.value.code == "bad-profile"


@pytest.mark.parametrize(
    "damaged", ["macs_per_cycle = 64", 'macs_per_cycle = { value = "64", unit = "1", source = "sheet" }']
)
def test_what_should_follow_is_left_alone_where_the_file_is_damaged(damaged: str, tmp_path: Path) -> None:
    path = write(tmp_path, ('macs_per_cycle = { value = 64, unit = "MAC/cycle", source = "sheet" }', damaged))
    with pytest.raises(InputError) as caught:
        load(path, overrides={"mac_array.unroll_width": 2})
    assert caught.value.code == "bad-profile"
    assert "mac_array.macs_per_cycle" in caught.value.what


def test_an_override_heals_a_file(tmp_path: Path) -> None:
    path = write(tmp_path, ("max_batch = { value = 1", "max_batch = { value = -1"))
    assert load(path, overrides={"mac_array.max_batch": 2}).mac_array.max_batch == 2


def test_the_python_function_takes_field_names() -> None:
    found = npusim.profile("ethos-n78", "8tops-2ple", clock_hz=5e8, mac_array__max_stride=1, dram="2 GB/s")
    assert (found.variant, found.clock_hz, found.mac_array.max_stride) == ("8tops-2ple", 5e8, 1)
    assert found.overrides == {
        "clock_hz": "500000000",
        "mac_array.max_stride": "1",
        "dram.read_bytes_per_s": "2 GB/s",
        "dram.write_bytes_per_s": "2 GB/s",
    }


def test_the_target_can_be_changed_to_another_that_exists() -> None:
    assert load("ethos-n78", overrides={"target": "generic"}).target == "generic"
    assert load("ethos-n78", overrides={"target": "generic"}).overrides == {"target": "generic"}
    with pytest.raises(InputError, match=r"target=nope: .*\[bad-option\]"):
        load("ethos-n78", overrides={"target": "nope"})
