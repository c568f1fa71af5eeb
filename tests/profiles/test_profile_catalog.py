"""What ``npusim profiles`` shows: the list, each number with its origin, the faults of a file."""

from __future__ import annotations

from pathlib import Path

import profile_text
import pytest
from profile_text import write

from npusim.errors import InputError
from npusim.profile import Quantity
from npusim.profiles.catalog import check_profile, list_profiles, show_profile


def test_list_has_every_profile_with_its_variants() -> None:
    rows = {row.name: row for row in list_profiles()}
    assert list(rows) == sorted(rows)
    assert {"ethos-n78", "ethos-u65", "nvdla"} <= rows.keys()
    ethos = rows["ethos-n78"]
    assert ethos.vendor == "Arm"
    assert ethos.confidence
    (default,) = (each for each in ethos.variants if each.is_default)
    assert default.name == "4tops-4ple"
    # 2048 MAC/cycle of two operations at 1 GHz.
    assert default.peak_tops == pytest.approx(4.096)
    assert (default.clock_hz, default.sram_bytes, default.dram_read_bytes_per_s) == (1e9, 2**20, 16e9)
    assert {each.name for each in ethos.variants if not each.plannable} == {"1tops-2ple", "2tops-2ple", "2tops-4ple"}


def test_show_tells_where_each_number_is_from(tmp_path: Path) -> None:
    shown = show_profile(write(tmp_path), "wider", {"clock": "1GHz"})
    rows = {row.key: row for row in shown.numbers}
    assert rows.keys() == shown.profile.numbers.keys()
    assert rows["mac_array.unroll_in_channels"].origin == ""
    assert rows["mac_array.unroll_out_channels"].origin == "variant wide"  # inherited by wider
    assert rows["sram.size_bytes"].origin == "variant wider"
    assert rows["ethos_n.kernels.relu.cycles"].origin == "variant wider"
    assert rows["clock_hz"].origin == "set"
    assert rows["clock_hz"].quantity == Quantity(10**9, "Hz", "set by the user")
    assert rows["sram.size_bytes"].assumed
    assert not rows["sram.reserved_bytes"].assumed


def test_show_marks_what_follows_from_an_override(tmp_path: Path) -> None:
    shown = show_profile(write(tmp_path), overrides={"macs": 128})
    rows = {row.key: row for row in shown.numbers}
    assert rows["mac_array.unroll_out_channels"].origin == "set"
    assert rows["mac_array.unroll_out_channels"].quantity.value == 16  # 128 / (4 x 2 x 1)


def test_a_sound_file_has_no_faults(tmp_path: Path) -> None:
    assert check_profile(write(tmp_path)) == ()
    assert check_profile("ethos-n78") == ()


def test_check_finds_all_faults_of_all_variants(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        ("max_stride", "max_strid"),
        ('"KiB"', '"MHz"'),
        ("[variant.wider.sram]\nsize", "[variant.wider.sram]\nsiz"),
    )
    found = [str(fault) for fault in check_profile(path)]
    stand_at = ("max_stride", "[mac_array]", "size_bytes = { value = 64", "size_bytes = { value = 1,")
    assert [fault.split(": ")[0] for fault in found] == [f"{path}, line {profile_text.line(key)}" for key in stand_at]
    assert "'max_strid' is not known" in found[0]
    assert "mac_array.max_stride is missing" in found[1]
    assert "sram.size_bytes has the unit 'MHz'" in found[2]
    assert "'siz_bytes' is not known" in found[3]


def test_check_finds_sources_that_nothing_names(tmp_path: Path) -> None:
    path = write(tmp_path, ("[sources]", '[sources]\nbook = "a book that nobody opened"'))
    (fault,) = check_profile(path)
    line = profile_text.line("[sources]") + 1
    assert str(fault) == f"{path}, line {line}: no number is from the source 'book' [bad-profile]"


def test_check_of_what_is_no_toml(tmp_path: Path) -> None:
    (fault,) = check_profile(write(tmp_path, ("[dma]", "[dma")))
    assert f"line {profile_text.line('[dma]')}: this is not valid TOML" in str(fault)
    with pytest.raises(InputError, match="unknown-profile"):
        check_profile(str(tmp_path / "none.toml"))
