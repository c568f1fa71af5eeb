"""Reading, converting and printing numbers with units."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npusim import units
from npusim.errors import InputError

KI, MI = 1024, 1024 * 1024


@pytest.mark.parametrize(
    ("text", "base", "value"),
    [
        ("512KiB", "B", 512 * KI),
        ("1 MiB", "B", MI),
        ("1.5 MiB", "B", 1536 * KI),
        ("33.18 MB", "B", 33_180_000),
        ("4096 B", "B", 4096),
        ("800MHz", "Hz", 800_000_000),
        ("1.2 GHz", "Hz", 1_200_000_000),
        ("27.22 ms", "s", 0.02722),
        ("5us", "s", 5e-6),
        ("5µs", "s", 5e-6),
        ("5\u03bcs", "s", 5e-6),
        ("16 B/cycle", "B/cycle", 16),
        ("25.6GB/s", "B/s", 25_600_000_000),
        ("2048 MAC/cycle", "MAC/cycle", 2048),
        ("50 %", "share", 0.5),
        ("7%", "share", 0.07),  # 7 * 0.01 is 0.07000000000000001 in floats: converted exactly, rounded once
        ("1e3 MHz", "Hz", 10**9),
        ("1_000 B", "B", 1000),
        (".5 share", "share", 0.5),
        ("-3 bit", "bit", -3),
    ],
)
def test_parse(text: str, base: str, value: float) -> None:
    assert units.parse(text, base) == (value, base)


@pytest.mark.parametrize("text", ["800mhz", "800MHZ", " 800 Mhz "])
def test_the_case_of_a_unit_is_forgiven(text: str) -> None:
    assert units.parse(text, "Hz") == (800_000_000, "Hz")


def test_the_dimension_of_a_rate_is_told() -> None:
    assert units.parse("8B/cycle", "B/cycle", "B/s") == (8, "B/cycle")
    assert units.parse("8 kb/s", "B/cycle", "B/s") == (8000, "B/s")


def test_a_number_without_unit_is_taken_only_where_asked_for() -> None:
    assert units.parse("800e6", "Hz", bare="Hz") == (800e6, "Hz")
    with pytest.raises(InputError, match="'800' has no unit, expected a frequency"):
        units.parse("800", "Hz")


@pytest.mark.parametrize(
    ("text", "base", "message"),
    [
        ("3 MHz", "B", r"'3 MHz' is a frequency, expected bytes \(B, kB"),
        ("3 furlongs", "B", "'furlongs' is no unit, expected bytes"),
        ("3 MiBs", "B", r"'MiBs' is no unit, did you mean MiB\?"),
        ("16 B", "1", "'16 B' is bytes, expected a count$"),
        ("fast", "Hz", "'fast' is not a number"),
        ("", "Hz", "'' is not a number"),
        ("nan", "Hz", "not a number"),
        ("inf Hz", "Hz", "not a number"),
        ("1e999 Hz", "Hz", "too large"),
        ("9" * 5000, "1", "too large"),
        ("1e305 Hz", "Hz", "too large"),
    ],
)
def test_bad_numbers_are_one_sentence(text: str, base: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        units.parse(text, base)
    assert re.search(message, caught.value.what)
    assert caught.value.code == "bad-option"
    assert len(str(caught.value)) < 200


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**15), st.sampled_from(sorted(units.UNITS.values(), key=lambda unit: unit.name)))
def test_what_is_written_with_a_unit_is_read_back_exactly(value: int, unit: units.Unit) -> None:
    number, base = units.parse(f"{value} {unit.name}", unit.base)
    assert base == unit.base
    # Exact arithmetic is the oracle: the float nearest to the exact product, or the integer itself.
    exact = value * unit.factor
    assert number == (exact.numerator if exact.denominator == 1 else float(exact))


def test_each_dimension_has_a_base_unit_of_factor_one_and_a_meaning() -> None:
    for unit in units.UNITS.values():
        assert units.UNITS[unit.base].factor == 1
        assert units.meaning(unit.base)
        assert unit.name in units.names(unit.base)


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        (units.format_macs(0), "0"),
        (units.format_macs(999), "999"),
        (units.format_macs(9_996), "10.0 k"),
        (units.format_macs(27_994_000_000), "28.0 G"),
        (units.format_macs(1_620_000_000), "1.62 G"),
        (units.format_macs(54_060_000_000), "54.1 G"),
        (units.format_macs(999_600_000), "1.00 G"),  # rounds past the prefix
        (units.format_macs(12_345_000_000_000_000), "12300 T"),  # the last prefix takes all
        (units.format_bytes(282_030_000), "282.0 MB"),
        (units.format_bytes(564_114_000), "564.1 MB"),
        (units.format_bytes(12), "12 B"),
        (units.format_bytes(999_960_000), "1.000 GB"),
        (units.format_capacity(MI), "1 MiB"),
        (units.format_capacity(448 * KI), "448 KiB"),
        (units.format_capacity(1536 * KI), "1536 KiB"),
        (units.format_capacity(1500), "1.465 KiB"),  # 1500 / 1024
        (units.format_capacity(1000), "1000 B"),
        (units.format_capacity(0), "0 B"),
        (units.format_seconds(0.02722), "27.22 ms"),
        (units.format_seconds(0.16738), "167.4 ms"),
        (units.format_seconds(0.00126), "1.260 ms"),
        (units.format_seconds(0.00099996), "1.000 ms"),
        (units.format_seconds(3), "3.000 s"),
        (units.format_seconds(5e-7), "500.0 ns"),
        (units.format_seconds(5e-10), "0.500 ns"),
        (units.format_seconds(0), "0 s"),
        (units.format_hz(800e6), "800 MHz"),
        (units.format_hz(1e9), "1 GHz"),
        (units.format_rate(16, "B/cycle"), "16 B/cycle"),
        (units.format_rate(25.6e9, "B/s"), "25.6 GB/s"),
        (units.format_share(0.5), "50 %"),
        (units.format_share(0.004), "0.4 %"),
        (units.format_share(1.32), "132 %"),
        (units.format_count(4_089_184_256), "4,089,184,256"),
    ],
)
def test_printing(printed: str, expected: str) -> None:
    assert printed == expected


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 10**15))
def test_printed_bytes_are_read_back_to_the_digits_shown(value: int) -> None:
    number, _ = units.parse(units.format_bytes(value), "B")
    assert abs(number - value) <= value * 5.1e-4  # four significant digits: half a unit in the fourth, 5e-4 at worst


@settings(max_examples=100, deadline=None)
@given(st.floats(1e-7, 1e4))
def test_printed_times_are_read_back_to_the_digits_shown(value_s: float) -> None:
    number, _ = units.parse(units.format_seconds(value_s), "s")
    assert abs(number - value_s) <= value_s * 5.1e-4


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**50))
def test_a_printed_capacity_is_exact_where_it_divides(value: int) -> None:
    number, _ = units.parse(units.format_capacity(value), "B")
    assert abs(number - value) <= value * 5.1e-4
    if value % KI == 0 and value < 4096 * KI:
        assert number == value
