"""Widths, scales and tables: what the reports are made of."""

from __future__ import annotations

import pytest

from npusim.reports.blocks import DETAIL, ENOUGH, Column, Table, fit
from npusim.reports.numbers import counts, factor, seconds
from npusim.reports.text import text
from npusim.reports.words import clean, columns, elide, pad, size, wrap


@pytest.mark.parametrize(
    ("given", "width"), [("abc", 3), ("\u6f22\u5b57", 4), ("e\u0301", 1), ("\uff76", 2 - 1 + 0), ("a\u200db", 2)]
)
def test_columns_of_a_terminal(given: str, width: int) -> None:
    """Two for an ideograph, none for an accent of its own or a joiner, one for a halfwidth letter (\\uff76)."""
    assert columns(given) == width


@pytest.mark.parametrize(
    ("given", "width", "shown"),
    [
        ("abcdef", 6, "abcdef"),
        ("abcdefg", 5, "ab\u2026fg"),
        ("abcdefg", 4, "a\u2026fg"),
        ("abcdefg", 1, "\u2026"),
        ("abc", 0, ""),
        ("\u6f22\u5b57\u5c64\u5c64", 5, "\u6f22\u2026\u5c64"),  # (5 - 1) // 2 = 2 columns before, 2 behind
    ],
)
def test_the_middle_is_left_out(given: str, width: int, shown: str) -> None:
    assert elide(given, width) == shown


def test_controls_are_escaped() -> None:
    assert clean("a\tb\x00\ud800\u2028") == "a\\tb\\x00\\ud800\\u2028"
    assert clean("\u0646\u200c\u0645") == "\u0646\u200c\u0645", "a joiner is part of the word"


def test_padding_counts_columns() -> None:
    assert pad("\u6f22", 4) == "\u6f22  "
    assert pad("1", 3, right=True) == "  1"
    assert pad("abc", 2) == "abc"


def test_sentences_wrap_at_spaces() -> None:
    assert wrap("one two three", 7, indent=2) == ["one two", "  three"]
    assert wrap("abcdefghij k", 4) == ["abcdefghij", "k"]


@pytest.mark.parametrize("unit", ["%", "MB", "KiB", "ms", "s", "GHz", "MAC/cycle", "B/cycle"])
def test_a_number_keeps_its_unit(unit: str) -> None:
    assert wrap(f"it is 50 {unit}", 9) == ["it is", f"50 {unit}"]
    assert wrap("50 seconds", 5) == ["50", "seconds"]


def test_sizes() -> None:
    assert size((1, 3, 8)) == "1x3x8"
    assert size(()) == "scalar"


@pytest.mark.parametrize(
    ("values", "unit", "shown"),
    [
        ((829_440_000, 5_000), "M", ("829.4", "<0.1")),
        ((28_035_072_000, 4_778_000_000), "G", ("28.04", "4.78")),
        ((9_500,), "", ("9,500",)),
        ((999,), "", ("999",)),
        ((12_800, 0), "k", ("12.80", "0")),
        ((), "", ()),
    ],
)
def test_one_unit_for_a_column_of_counts(values: tuple[int, ...], unit: str, shown: tuple[str, ...]) -> None:
    """Below ten of a prefix, the one below it: 9,500 rather than 9.5 k. Four digits for the largest."""
    scale = counts(values)
    assert scale.unit == unit
    assert tuple(map(scale.show, values)) == shown


@pytest.mark.parametrize(
    ("values", "unit", "shown"),
    [
        ((0.0226, 0.001), "ms", "22.60"),
        ((9.9e-5,), "us", "99.00"),
        ((1e-4,), "ms", "0.100"),
        ((250.0,), "s", "250.0"),
        ((0.0,), "ms", "0"),
    ],
)
def test_one_unit_for_a_column_of_times(values: tuple[float, ...], unit: str, shown: str) -> None:
    assert seconds(values).unit == unit
    assert seconds(values).show(values[0]) == shown
    assert seconds(values).show(None) == "n/a"


@pytest.mark.parametrize(("value", "shown"), [(1234.5, "1,234"), (44.21, "44.2"), (0.01234, "0.0123"), (3.276, "3.28")])
def test_numbers_without_a_prefix(value: float, shown: str) -> None:
    assert factor(value) == shown


def test_columns_go_by_rank_then_cells_shrink() -> None:
    """10 + 2 + 10 + 2 + 10 = 34 columns. The first may
    shrink to 5, so that 29 hold all; in 28 the one of rank 2 goes, in 16 (5 + 2 + 10 = 17) that of rank 1 too."""
    table = Table((Column("a", least=5), Column("b", rank=1), Column("c", rank=2)), (("x" * 10, "y" * 10, "z" * 10),))
    assert [column.title for column in fit(table, 34).columns] == ["a", "b", "c"]
    assert fit(table, 29).widths == (5, 10, 10), "cells shrink before a column goes"
    assert [column.title for column in fit(table, 28).columns] == ["a", "b"]
    assert [column.title for column in fit(table, 16).columns] == ["a"]
    assert fit(table, 8).widths == (8,)
    assert fit(table, 2).widths == (5,), "what may not go stays, however narrow"
    assert [column.title for column in fit(table, 8).dropped] == ["b", "c"]


def test_details_go_before_names_are_elided() -> None:
    """20 + 2 + 5 = 27: in 26 the detail goes, while a column that is none stays and the name gives a letter."""
    rows = (("x" * 20, "y" * 5),)
    assert fit(Table((Column("a", least=2), Column("b", rank=DETAIL)), rows), 26).widths == (20,)
    assert fit(Table((Column("a", least=2), Column("b", rank=1)), rows), 26).widths == (19, 5)
    wide = Table((Column("a", least=2), Column("b", rank=DETAIL)), (("x" * 200, "y" * 5),))
    assert fit(wide, ENOUGH + 2 + 5).widths == (ENOUGH, 5), "a name need not stand whole"
    assert len(fit(wide, ENOUGH + 2 + 4).widths) == 1


def test_the_widest_shrinks_first() -> None:
    """20 and 10, together with the gap 32; in 26 the wider gives 6: 14 and 10. In 20 both are 9."""
    table = Table((Column("a", least=2), Column("b", least=2)), (("x" * 20, "y" * 10),))
    assert fit(table, 26).widths == (14, 10)
    assert sum(fit(table, 20).widths) == 18
    assert max(fit(table, 20).widths) - min(fit(table, 20).widths) <= 1


def test_a_table_without_units_has_one_line_of_titles() -> None:
    assert text([Table((Column("a"), Column("b", right=True)), (("x", "yy"),))], 40) == "a   b\n-  --\nx  yy\n"
