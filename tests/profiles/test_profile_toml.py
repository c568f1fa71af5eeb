"""The reader of profiles: what it makes of a good file, and one clear error with its line for each bad one."""

from __future__ import annotations

from pathlib import Path

import msgspec
import profile_text
import pytest
from profile_text import write

import npusim
from npusim.errors import InputError
from npusim.profile import Bytes, Count, Cycles, HardwareProfile, Quantity
from npusim.profiles.load import extension, load


def test_values_are_in_the_fields_own_units(tmp_path: Path) -> None:
    found = load(write(tmp_path))
    assert (found.name, found.variant, found.vendor, found.native_dtype) == ("tiny", "base", "nobody", "int8")
    assert found.clock_hz == 500e6  # 500 MHz
    assert isinstance(found.clock_hz, float)
    assert found.sram.size_bytes == 65536  # 64 KiB
    assert isinstance(found.sram.size_bytes, int)
    assert found.mac_array.kernel_sides == (1, 3)
    assert found.mac_array.winograd is None
    assert found.mac_array.grouped is False
    assert found.vector_unit.fused == ("relu",)
    assert found.vector_unit.step_cycles == {"passthrough": 1.0, "relu": 1.5}
    assert found.compression.default_saving == 0.25  # 25 %
    assert found.fallback.name == "host"
    assert found.assumptions == ("nothing is real",)
    assert found.plannable is True  # left out


def test_rates_and_peak(tmp_path: Path) -> None:
    found = load(write(tmp_path))
    assert found.peak_macs_per_s == 64 * 500e6
    assert found.dram_read_bytes_per_cycle == 5  # 2.5e9 B/s at 5e8 cycles a second
    assert found.dram_write_bytes_per_cycle == 4


def test_each_number_is_kept_as_written_with_unit_and_source(tmp_path: Path) -> None:
    numbers = load(write(tmp_path)).numbers
    sheet = "data sheet of a chip that does not exist"
    assert numbers["clock_hz"] == Quantity(500, "MHz", sheet)
    assert numbers["mac_array.kernel_sides"] == Quantity((1, 3), "1", sheet)
    assert numbers["mac_array.grouped"] == Quantity(False, "", sheet)
    assert numbers["vector_unit.step_cycles.relu"] == Quantity(1.5, "cycles", sheet)
    assert numbers["ethos_n.kernels.relu.code_bytes"] == Quantity(4, "KiB", sheet)
    assert numbers["compression.default_saving"] == Quantity(25, "%", "assumption: a guess of the tests")


def test_a_file_without_variants_has_one(tmp_path: Path) -> None:
    text = profile_text.TEXT[: profile_text.TEXT.index("[variant.base]")].replace('default_variant = "base"\n', "")
    path = tmp_path / "plain.toml"
    path.write_text(text, encoding="utf-8")
    assert load(str(path)).variant == "default"
    assert load(str(path), "default").mac_array.macs_per_cycle == 64


def test_variants_override_a_few_keys_and_inherit_the_rest(tmp_path: Path) -> None:
    path = write(tmp_path)
    base, wide, wider = load(path), load(path, "wide"), load(path, "wider")
    assert [each.mac_array.macs_per_cycle for each in (base, wide, wider)] == [64, 128, 128]
    assert wide.mac_array.unroll_in_channels == 4  # from the file's own table
    assert (base.sram.size_bytes, wide.sram.size_bytes, wider.sram.size_bytes) == (65536, 65536, 2**20)
    assert wider.sram.reserved_bytes == 1024
    cycles = [each.extensions["ethos_n"]["kernels"]["relu"]["cycles"] for each in (base, wide, wider)]
    assert cycles == [7, 7, 9]
    assert load(path).mac_array.macs_per_cycle == 64  # the variants read in between changed nothing


class Kernel(msgspec.Struct, frozen=True):
    cycles: Cycles
    code_bytes: Bytes
    blocks: tuple[str, ...]


class Hardware(msgspec.Struct, frozen=True):
    kernels: dict[str, Kernel]


class OtherHardware(msgspec.Struct, frozen=True):
    kernels: dict[str, Kernel]
    engines: Count


def test_an_extension_becomes_the_targets_own_struct(tmp_path: Path) -> None:
    found = extension(load(write(tmp_path), "wider"), "ethos_n", Hardware)
    assert found == Hardware({"relu": Kernel(9.0, 4096, ("8x8", "16x16"))})


class Named(msgspec.Struct, frozen=True):
    kernels: dict[str, Kernel]
    label: str
    note: str
    engines: Count | None = None


def test_texts_of_an_extension_may_have_a_source_and_optional_numbers_be_left_out(tmp_path: Path) -> None:
    texts = 'label = "one"\nnote = { value = "two", source = "sheet" }\n'
    path = write(tmp_path, ("[ethos_n.kernels.relu]", f"[ethos_n]\n{texts}[ethos_n.kernels.relu]"))
    found = extension(load(path), "ethos_n", Named)
    assert (found.label, found.note, found.engines) == ("one", "two", None)


class NoUnit(msgspec.Struct, frozen=True):
    kernels: int


def test_a_struct_whose_number_has_no_unit_is_a_mistake_of_the_programmer(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="the field kernels has a type that no TOML table gives"):
        extension(load(write(tmp_path)), "ethos_n", NoUnit)


def test_what_an_extension_lacks_is_named_with_its_line(tmp_path: Path) -> None:
    path = write(tmp_path)
    with pytest.raises(InputError) as caught:
        extension(load(path), "ethos_n", OtherHardware)
    line = profile_text.line("[ethos_n.kernels.relu]")
    assert str(caught.value) == f"{path}, line {line}: the key ethos_n.engines is missing [bad-profile]"
    with pytest.raises(InputError, match="the table \\[ethos_u\\], which this target needs, is missing"):
        extension(load(path), "ethos_u", Hardware)


def test_a_wrong_unit_in_an_extension_is_found_when_the_target_reads_it(tmp_path: Path) -> None:
    path = write(tmp_path, ('value = 7, unit = "cycles"', 'value = 7, unit = "MHz"'))
    profile = load(path)  # nobody knows yet what the number means
    with pytest.raises(InputError) as caught:
        extension(profile, "ethos_n", Hardware)
    line = profile_text.line("cycles = { value = 7")
    assert str(caught.value).startswith(f"{path}, line {line}: ethos_n.kernels.relu.cycles has the unit 'MHz'")


def test_an_override_that_an_extension_does_not_take_is_the_overrides_fault(tmp_path: Path) -> None:
    profile = load(write(tmp_path), overrides={"ethos_n.kernels.relu.code_bytes": "1.5 B"})
    with pytest.raises(InputError) as caught:
        extension(profile, "ethos_n", Hardware)
    assert caught.value.code == "bad-option"
    assert caught.value.where == "ethos_n.kernels.relu.code_bytes=1.5 B"
    # Another table's override is not to blame for a fault of the file.
    broken = write(tmp_path, ("code_bytes = {", "code = {"))
    with pytest.raises(InputError) as caught:
        extension(load(broken, overrides={"clock": "1GHz"}), "ethos_n", Hardware)
    assert caught.value.code == "bad-profile"


def test_variant_that_is_no_table_at_all(tmp_path: Path) -> None:
    own = profile_text.TEXT[: profile_text.TEXT.index("[variant.base]")]
    text = own.replace("clock_hz", "variant = 3\nclock_hz", 1)
    path = tmp_path / "v.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=f"line {profile_text.line('clock_hz')}: variant is no table"):
        load(str(path))
    path.write_text(text.replace("variant = 3\n", ""), encoding="utf-8")
    with pytest.raises(InputError, match="there is a default_variant but no \\[variant"):
        load(str(path))


def test_a_fault_of_another_variant_does_not_hinder(tmp_path: Path) -> None:
    path = write(tmp_path, ("channels = { value = 16, ", "channels = { value = 17, "))
    assert load(path).mac_array.macs_per_cycle == 64


@pytest.mark.parametrize("name", ["ethos-n77", "ethos", "", "..", "nvdla "])
def test_an_unknown_profile_is_answered_with_near_names(name: str) -> None:
    with pytest.raises(InputError) as caught:
        load(name)
    assert caught.value.code == "unknown-profile"
    assert "ethos-n78" in caught.value.fix or "nvdla" in caught.value.fix


def test_an_unknown_variant_is_answered_with_near_names() -> None:
    with pytest.raises(InputError) as caught:
        load("ethos-n78", "4top-4ple")
    assert caught.value.code == "unknown-variant"
    assert caught.value.where == "ethos-n78"
    assert "4tops-4ple" in caught.value.fix


def test_files_that_are_no_profiles(tmp_path: Path) -> None:
    missing = tmp_path / "none.toml"
    with pytest.raises(InputError, match="no such profile file \\[unknown-profile\\]"):
        load(str(missing))
    with pytest.raises(InputError, match="no such profile file"):
        load(f"{tmp_path}/")
    binary = tmp_path / "model.toml"
    binary.write_bytes(b"ok = 1\n\xff\xfe\x00")
    with pytest.raises(InputError, match="line 2: this is no UTF-8 text"):
        load(str(binary))
    empty = tmp_path / "empty.toml"
    empty.write_bytes(b"")
    with pytest.raises(InputError, match="line 1: the profile needs name"):
        load(str(empty))
    huge = tmp_path / "huge.toml"
    huge.write_bytes(b"#" * (2**20 + 1))
    with pytest.raises(InputError, match="1048577 bytes are too many for a profile \\[bad-profile\\]"):
        load(str(huge))
    deep = tmp_path / "deep.toml"
    deep.write_text(f"a = {'[' * 100_000}", encoding="utf-8")
    with pytest.raises(InputError, match="line 1: this is nested too deeply"):
        load(str(deep))


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path)
    assert load(path).clock_hz == 500e6
    write(tmp_path, ("value = 500", "value = 1500"))
    assert load(path).clock_hz == 1500e6


def test_profile_is_the_packages_function_whatever_was_imported() -> None:
    found = npusim.profile("ethos-n78", clock_hz=800e6)
    assert isinstance(found, HardwareProfile)
    assert found.clock_hz == 800e6
    assert npusim.profile("nvdla", "small").mac_array.macs_per_cycle == 64
    with pytest.raises(AttributeError, match="has no attribute 'profil'"):
        npusim.profil  # noqa: B018
