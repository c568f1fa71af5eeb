"""One clear error, with file and line, for each thing that can be wrong with a profile."""
# ruff: noqa: E501 - a row of the tables is a line

from __future__ import annotations

from pathlib import Path

import profile_text
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from profile_text import write

from npusim.errors import InputError
from npusim.profiles.load import load

CLOCK = 'clock_hz = { value = 500, unit = "MHz", source = "sheet" }'
SIZE = 'size_bytes = { value = 64, unit = "KiB", source = "sheet" }'

# What is replaced by what, the text whose line the error names, and what the error says.
FAULTS = {
    "unknown key": ("max_stride", "max_strid", "max_stride", "the key 'max_strid' is not known; did you mean 'max_stride'?"),
    "missing key": ("max_batch", "# max_batch", "[mac_array]", "the key mac_array.max_batch is missing"),
    "missing table": ("[dma]\n", "[ethos_n.dma]\n", 'name = "tiny"', "the table dma is missing"),
    "unknown table": ("[dma]\n", "[dmaa]\n", "[dma]", "the key 'dmaa' is not known; did you mean 'dma'?"),
    "wrong unit": ('"KiB"', '"MHz"', SIZE, "sram.size_bytes has the unit 'MHz', expected B, kB, MB, GB, TB, KiB"),
    "unit in another case": ('"KiB"', '"kib"', SIZE, "sram.size_bytes has the unit 'kib', expected B"),
    "missing unit": ('64, unit = "KiB"', "64", SIZE, "sram.size_bytes has no unit, expected B, kB"),
    "unit of a switch": ("false,", 'false, unit = "1",', "grouped", "mac_array.grouped has a part 'unit' that is not known"),
    "missing source": (CLOCK, 'clock_hz = { value = 500, unit = "MHz" }', CLOCK, 'clock_hz has no source; add source = "..."'),
    "empty source": (CLOCK, CLOCK.replace("sheet", " "), CLOCK, "clock_hz has no source"),
    "unknown source": (CLOCK, CLOCK.replace("sheet", "shet"), CLOCK, "clock_hz names the source 'shet', which is not in [sources]; did you mean 'sheet'?"),
    "unknown part": (CLOCK, CLOCK.replace("unit", "unti"), CLOCK, "clock_hz has a part 'unti' that is not known; did you mean 'unit'?"),
    "missing value": (CLOCK, 'clock_hz = { unit = "MHz", source = "sheet" }', CLOCK, "clock_hz has no value"),
    "plain number": (CLOCK, "clock_hz = 5", CLOCK, 'clock_hz is 5, expected { value = 1, unit = "GHz", source = "..." }'),
    "text for a number": ("value = 64, unit = \"KiB\"", 'value = "64", unit = "KiB"', SIZE, "sram.size_bytes is '64', expected a number"),
    "switch for a number": ("value = 64, unit = \"KiB\"", 'value = true, unit = "KiB"', SIZE, "sram.size_bytes is true, expected a number"),
    "list for a number": ("value = 64, unit = \"KiB\"", 'value = [1], unit = "KiB"', SIZE, "sram.size_bytes is [1], expected a number"),
    "number for a list": ("[1, 3]", "3", "kernel_sides", "mac_array.kernel_sides is 3, expected a list of numbers"),
    "empty list": ("[1, 3]", "[]", "kernel_sides", "mac_array.kernel_sides is [], expected a list of numbers"),
    "number for a switch": ("value = false", "value = 0", "grouped", "mac_array.grouped is 0, expected true or false"),
    "text for a list of texts": ('["relu"]', '"relu"', "fused", "vector_unit.fused is 'relu', expected a list of texts"),
    "table for a text": ('name = "host"', "name.x = 1", 'name = "host"', "fallback.name is a table, expected a text"),
    "number for a table": ("[variant.base]", "[mac_array.winograd]\nvalue = 1\n[variant.base]", "[variant.base]", "mac_array.winograd is a table, expected a table"),
    "not a number": ("value = 64, unit", "value = nan, unit", 'macs_per_cycle = { value = 64', "mac_array.macs_per_cycle is nan, which is no usable number"),
    "absurd": ("value = 64, unit = \"KiB\"", 'value = 1e19, unit = "KiB"', SIZE, "sram.size_bytes is 1e+19, which is no usable number"),
    "half a channel": ("unroll_height = { value = 2", "unroll_height = { value = 2.5", "unroll_height", "mac_array.unroll_height is 2.5, expected a whole number [bad"),
    "negative": ("value = 64, unit = \"KiB\"", 'value = -64, unit = "KiB"', SIZE, "sram.size_bytes is -64 KiB, expected zero or more"),
    "zero": ("max_batch = { value = 1", "max_batch = { value = 0", "max_batch", "mac_array.max_batch is 0, expected more than zero"),
    "free work": ("relu = { value = 1.5", "relu = { value = 0", "relu = {", "vector_unit.step_cycles.relu is 0 cycles, expected more than zero"),
    "share above one": ("value = 25", "value = 125", "default_saving", "compression.default_saving is 125 %, expected a share from 0 to 1"),
    "all is saved": ("value = 25", "value = 100", "default_saving", "compression.default_saving is 1, expected below 1"),
    "saving without compression": ("available = { value = true", "available = { value = false", "default_saving", "compression.default_saving is 0.25, expected 0 where"),
    "product": ("macs_per_cycle = { value = 64", "macs_per_cycle = { value = 65", "macs_per_cycle = { value = 64", "mac_array.macs_per_cycle is 65, but the unrolled channels, rows and columns are 4 x 8 x 2 x 1 = 64"),
    "depthwise above the array": ("depthwise_channels = { value = 4", "depthwise_channels = { value = 33", "depthwise", "mac_array.depthwise_channels is 33, which takes 66 MAC/cycle of 64"),
    "upsampling by halves": ("upsample_factor = { value = 0", "upsample_factor = { value = 2", "upsample_factor", "mac_array.upsample_factor is 2 and upsample_max_kernel 0"),
    "unknown kind": ("relu = { value", "rleu = { value", "relu = { value", "'rleu' is no kind of vector work; known: passthrough, copy"),
    "no passthrough": ("passthrough = {", "copy = {", "[vector_unit.step_cycles]", "vector_unit.step_cycles has no passthrough"),
    "fused but not priced": ('["relu"]', '["relu", "add"]', "fused", "vector_unit.fused has 'add', which vector_unit.step_cycles does not price"),
    "two bandwidths": ("[dma]", 'write_bytes_per_s = { value = 1, unit = "B/s", source = "sheet" }\n[dma]', "[dma]", "dram has both of write_bytes_per_cycle and write_bytes_per_s"),
    "no bandwidth": ("read_bytes_per_s", "# read", "[dram]", "dram has neither of read_bytes_per_cycle and read_bytes_per_s"),
    "no SRAM": ("value = 64, unit = \"KiB\"", 'value = 0, unit = "KiB"', SIZE, "sram.size_bytes is not given, or 0"),
    "all reserved": ("reserved_bytes = { value = 1,", "reserved_bytes = { value = 64,", SIZE, "sram.size_bytes is 65536 B, of which 65536 B are reserved"),
    "unknown type": ('"int8"', '"int9"', "native_dtype", "native_dtype: no element type is called 'int9'"),
    "unknown target": ('"generic"', '"genric"', "target", "target is 'genric', expected one of"),
    "missing text": ('vendor = "nobody"\n', "\n", 'name = "tiny"', 'the profile needs vendor = "...", a text'),
    "empty text": ('"nobody"', '""', "vendor", 'the profile needs vendor = "...", a text'),
    "number for a text at the top": ('target = "generic"', "target = [1]", "target", 'the profile needs target = "...", a text'),
    "assumptions are no list": ('["nothing is real"]', '"nothing"', "assumptions", "assumptions is no list of texts"),
    "extension that is a schema's table": ('["ethos_n"]', '["ethos_n", "sram"]', "extensions", "extensions names the table [sram], which is a table of every profile"),
    "extension that is missing": ('["ethos_n"]', '["ethos_n", "ethos_u"]', "extensions", "extensions names the table [ethos_u], which is missing"),
    "extension that is not named": ('extensions = ["ethos_n"]\n', "\n", "[ethos_n.kernels", "the key 'ethos_n' is not known"),
    "number without source in an extension": ("code_bytes = { value = 4,", "n = 3\ncode_bytes = { value = 4,", "code_bytes", "3 stands without source"),
    "unit in an extension": ('7, unit = "cycles"', '7, unit = "ticks"', "cycles = { value = 7", "ethos_n.kernels.relu.cycles has the unit 'ticks', known: 1, B"),
    "odd key": ("code_bytes = { value = 4,", '"code.bytes" = { value = 4,', "code_bytes", "the key 'code.bytes' has other signs than"),
    "sources are missing": ("[sources]", "[source_list]", 'name = "tiny"', "the table [sources], which says where numbers come from, is missing"),
    "sources are no table": ("[sources]\n", "sources = 1\n[xs]\n", "[sources]", "the table [sources], which says where"),
    "a source of one word": ('"data sheet of a chip that does not exist"', '"datasheet"', "sheet = ", "the source 'sheet' is no sentence"),
    "no default variant": ('default_variant = "base"\n', "\n", 'name = "tiny"', "default_variant does not name a variant; known: base, wide, wider"),
    "wrong default variant": ('"base"', '"basic"', "default_variant", "default_variant does not name a variant; known: base, wide, wider"),
    "syntax": ("[dma]", "[dma", "[dma]", "this is not valid TOML: "),
    "duplicate key": ("max_batch", "max_stride", "max_batch", "this is not valid TOML: "),
    "duplicate table": ("[dma]", "[sram]", "[dma]", "this is not valid TOML: "),
    "unfinished": ("source = \"guess\" }\n\n[layout]", "source = \"guess\" }\n\n[layout]\nx = '''", "", "this is not valid TOML: "),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_one_error_that_names_file_and_line(name: str, tmp_path: Path) -> None:
    old, new, stands_at, message = FAULTS[name]
    path = write(tmp_path, (old, new))
    with pytest.raises(InputError) as caught:
        load(path)
    line = profile_text.line(stands_at) if stands_at else profile_text.TEXT.count("\n") + 1
    assert str(caught.value).startswith(f"{path}, line {line}: {message}")
    assert caught.value.code == "bad-profile"
    assert "\n" not in str(caught.value)


VARIANT_FAULTS = {
    "key of a variant": ("wider", "[variant.wider.sram]\nsize", "[variant.wider.sram]\nsiz", "size_bytes = { value = 1,", "the key 'siz_bytes' is not known"),
    "unit in what is inherited": ("wider", '128, unit = "MAC/cycle"', '128, unit = "B"', "macs_per_cycle = { value = 128", "mac_array.macs_per_cycle has the unit 'B'"),
    "product of a variant": ("wider", "channels = { value = 16, ", "channels = { value = 17, ", "macs_per_cycle = { value = 128", "mac_array.macs_per_cycle is 128, but the unrolled"),
    "unknown parent": ("wider", '"wide"', '"wde"', 'inherits = "wide"', "no variant is called 'wde'; known: base, wide, wider"),
    "parent that is no name": ("wider", '"wide"', "1", 'inherits = "wide"', "no variant is called 1"),
    "circle": ("wider", '"wide"', '"wider"', 'inherits = "wide"', "the variants inherit in a circle: wider < wider"),
    "name of a variant": ("wide", "[variant.wide.mac_array]", '[variant.wide]\nname = "x"\n[variant.wide.mac_array]', "macs_per_cycle = { value = 128", "the key 'name' cannot differ"),
    "variant that is no table": ("base", "[variant.base]", "[variant]\nbase = 1", "[variant.wide.mac_array]", "variant.base is no table"),
}  # fmt: skip


@pytest.mark.parametrize("name", VARIANT_FAULTS)
def test_a_fault_of_a_variant_names_the_line_of_what_is_wrong(name: str, tmp_path: Path) -> None:
    variant, old, new, stands_at, message = VARIANT_FAULTS[name]
    path = write(tmp_path, (old, new))
    with pytest.raises(InputError) as caught:
        load(path, variant)
    # Edits that add a line push the fault down by one; the texts above name the line after it.
    line = profile_text.line(stands_at) + (-1 if name == "variant that is no table" else 0)
    assert str(caught.value).startswith(f"{path}, line {line}: {message}")


@pytest.mark.parametrize("value", ["3", '{ value = 3, unit = "1", source = "sheet" }'])
def test_an_extension_that_is_no_table(value: str, tmp_path: Path) -> None:
    own = profile_text.TEXT[: profile_text.TEXT.index("[ethos_n.kernels.relu]")]
    path = tmp_path / "tiny.toml"
    text = own.replace("clock_hz", f"ethos_n = {value}\nclock_hz", 1)
    path.write_text(f"{text}\n[variant.base]\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load(str(path))
    assert str(caught.value) == f"{path}, line {profile_text.line('clock_hz')}: ethos_n is no table [bad-profile]"


PIECES = [
    "[",
    "]",
    "{",
    "}",
    '"',
    "=",
    "#",
    "\n",
    "value",
    "unit",
    "source",
    "1",
    "-",
    "1e99",
    "nan",
    "true",
    "é",
    "\x00",
    "'",
]


@settings(max_examples=100, deadline=None)
@given(
    edits=st.lists(
        st.tuples(st.integers(0, len(profile_text.TEXT)), st.integers(0, 40), st.sampled_from(["", *PIECES])),
        min_size=1,
        max_size=4,
    ),
    variant=st.sampled_from(["base", "wide", "wider"]),
    override=st.sampled_from(
        ["", "macs=128", "clock=1GHz", "mac_array.unroll_width=2", "dram=1GB/s", "mac_array.winograd=none"]
    ),
)
def test_any_damage_gives_a_profile_or_one_sentence(
    edits: list[tuple[int, int, str]], variant: str, override: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = profile_text.TEXT
    for start, length, piece in edits:
        text = text[:start] + piece + text[start + length :]
    path = tmp_path_factory.mktemp("fuzz") / "tiny.toml"
    path.write_text(text, encoding="utf-8")
    key, _, value = override.partition("=")
    code, message = _outcome(str(path), variant, {key: value} if key else {})
    assert code in {"fine", "bad-profile", "unknown-variant", "bad-option"}
    assert "\n" not in message


def _outcome(path: str, variant: str, overrides: dict[str, str]) -> tuple[str, str]:
    try:
        load(path, variant, overrides)
    except InputError as fault:
        return fault.code, str(fault)
    return "fine", ""
