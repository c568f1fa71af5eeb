"""The text report: what it says, and that it fits and survives whatever a model is called."""

from __future__ import annotations

import re

import pytest
from made_results import layer, notice, off, result, unknown

from npusim.errors import InputError
from npusim.reports import FORMATS, REPORTS, Look, render
from npusim.reports.words import columns
from npusim.result import Estimate

ANSI = re.compile("\x1b\\[[0-9;]*m")


def text(made: Estimate, **look: object) -> str:
    return render(made, "text", Look(**look))  # type: ignore[arg-type]


def shares(page: str, names: list[str]) -> list[str]:
    """The share column (the cell after the time) of the rows of those names, in a wide page."""
    rows = [line.split() for line in page.splitlines() if line.split() and line.split()[0] in names]
    at = next(line for line in page.splitlines() if line.startswith("layer")).index("share")
    lines = [line for line in page.splitlines() if line.split() and line.split()[0] in names]
    assert len(rows) == len(names)
    return [line[: at + len("share")].split()[-1] for line in lines]


def test_every_format_is_registered() -> None:
    for form in FORMATS:
        assert render(result(layer("a")), form).endswith("\n")
    assert set(REPORTS) == set(FORMATS)


def test_a_format_that_there_is_not() -> None:
    with pytest.raises(InputError, match=r"no format is called 'tex'; did you mean text\? \[unknown-format\]"):
        render(result(), "tex")


def test_it_says_which_run_it_is() -> None:
    page = text(result(layer("conv1")))
    assert page.startswith(
        "net on npu big\n1 GHz, 64 MAC/cycle, 1 KiB SRAM, DRAM 16 B/cycle read and 8 B/cycle write\n"
    )
    assert "level mapped, int8, planner vendor, activation compression 50 %, scales as in the graph" in page
    assert "input: input 1x3x8x8; output: output 1x4x8x8" in page
    assert "set: " not in page


def test_shares_add_up_to_a_hundred() -> None:
    """P16. Thirds: 33.3 each, 99.9 to within the rounding of three rows; the total is 100."""
    page = text(result(layer("a"), layer("b"), layer("c")), width=200)
    assert shares(page, ["a", "b", "c", "total"]) == ["33.3", "33.3", "33.3", "100.0"]


def test_no_time_means_no_share() -> None:
    """P16, P14: nothing is divided by a total of 0, and the page says that nothing takes time."""
    page = text(result(layer("a", cycles=0.0, utilisation=None), layer("b", cycles=0.0)), width=200)
    assert shares(page, ["a", "b", "total"]) == ["n/a", "n/a", "n/a"]
    assert "n/a: nothing takes time" in page
    assert "Nothing takes time on this profile, so nothing limits it." in page


def test_totals_are_sums_of_the_rows() -> None:
    """P20. 2 x 1,000 MACs; 2 x 60 B of traffic, of which 10 + 30 read and 20 written each; 4,000 ns."""
    page = text(result(layer("a", 1000.0), layer("b", 3000.0)), width=200)
    assert "MACs             2.00 k (2,000)" in page
    assert "DRAM traffic     120 B: IFM 20 B, OFM 40 B, weights 60 B" in page
    assert "read 80 B, written 40 B" in page
    assert "latency          4.000 us (4,000 cycles)" in page
    total = next(line.split() for line in page.splitlines() if line.startswith("total"))
    assert total[:2] == ["total", "2,000"]
    assert "120" in total
    assert "4.000" in total


def test_every_number_has_a_unit() -> None:
    """P08: under each title of numbers stands a unit."""
    page = text(result(layer("a", 2e6, macs=5_000_000)), width=250).splitlines()
    head = next(at for at, line in enumerate(page) if line.startswith("layer"))
    units = page[head + 1]
    for title, unit in {"MACs": "k", "time": "ms", "share": "%", "DRAM": "B", "util.": "%", "IFM": "B"}.items():
        end = re.search(rf"\b{re.escape(title)}(?=\s|$)", page[head])
        assert end is not None, title
        assert units[: end.end()].split()[-1] == unit, title


def test_a_small_value_does_not_look_like_nothing() -> None:
    page = text(result(layer("a", 1e6), layer("b", 1.0)), width=200)
    row = next(line for line in page.splitlines() if line.startswith("b "))
    assert "<0.001" in row
    assert "<0.1" in row


def test_the_slowest_are_kept_and_the_rest_is_counted() -> None:
    rows = [layer("a", 1000.0), layer("b", 5000.0), layer("c", 3000.0), layer("d", 1000.0)]
    page = text(result(*rows), width=200, top=2)
    listed = [line.split()[0] for line in page.splitlines() if re.match(r"[abcd] ", line)]
    assert listed == ["b", "c"]
    others = next(line for line in page.splitlines() if line.startswith("(2 others)"))
    assert "20.0" in others.split()
    assert "The 2 slowest of 4 layers; the totals are of all of them." in page


def test_what_is_not_costed_is_one_line_a_type_and_marks_the_totals() -> None:
    """P18: two of one type and one of another are two lines; the totals are a lower bound."""
    made = result(
        layer("a"), totals={"lower_bound": True},
        unsupported=(unknown("x"), unknown("y"), unknown("z", "acme::Bar")),
    )  # fmt: skip
    page = text(made, width=160)
    assert page.count("not costed:") == 2
    assert "- 2 x acme::Foo (x, y) not costed: operator acme::Foo has no cost rule" in page
    assert "MACs             at least 1.00 k" in page
    assert "latency          at least" in page
    assert "fps              at most" in page
    assert "The totals are a lower bound: what is not costed is not in them." in page


def test_what_runs_off_the_npu_has_its_cost() -> None:
    """P13: 3 layers of 500 cycles in 3,000 are half of the time, on one line."""
    made = result(
        layer("a", 1500.0), layer("s1", 500.0, op="Softmax"), layer("s2", 500.0), layer("s3", 500.0),
        off_npu=tuple(off(f"s{at}", 500.0) for at in (1, 2, 3)),
    )  # fmt: skip
    page = text(made, width=160)
    assert "Off the NPU, in the totals" in page
    assert "- 3 x Softmax (s1, s2, ...) 1.500 us, 50 % of the time: the vector unit has no exponent" in page


def test_warnings_are_grouped_by_code() -> None:
    many = [notice("approximated-op", f"layer {at} is approximated") for at in range(5)]
    page = text(result(layer("a"), warnings=(*many, notice("planner", "best"), notice("planner", "best"))), width=120)
    assert page.count("[approximated-op]") == 4
    assert "- [approximated-op] and 2 more of this kind" in page
    assert page.count("- [planner] best") == 1


def test_a_fast_convolution_is_explained() -> None:
    assert "Utilisation above 100 %" not in text(result(layer("a")))
    assert "Utilisation above 100 %" in text(result(layer("a", utilisation=2.17)))


def test_dense_macs_stand_where_they_differ() -> None:
    page = text(result(layer("a", macs_dense=4000)), width=200)
    assert "dense MACs       4.00 k (4,000), transposed convolutions counted at the output" in page
    assert "dense" not in text(result(layer("a")), width=200).replace("dense MACs, 100 %", "")


def test_assumptions_are_listed_when_asked_for() -> None:
    """P21."""
    assert "nothing is real" not in text(result(layer("a")))
    page = text(result(layer("a")), assumptions=True)
    assert "What the profile takes for granted\n- Confidence: none at all.\n- nothing is real" in page


def test_overrides_kernels_and_fused_layers_are_shown() -> None:
    made = result(layer("a", stride=(2, 2), groups=3, fused=("relu", "add"), ofm=((1, 4, 8, 8), (2,))))
    made = Estimate(**{name: getattr(made, name) for name in made.__struct_fields__} | {
        "profile": type(made.profile)("npu", "big", {"clock_hz": "1GHz"}),
        "model": type(made.model)("net", "", {}, {f"o{at}": () for at in range(6)}),
    })  # fmt: skip
    page = text(made, width=200)
    row = next(line for line in page.splitlines() if line.startswith("a "))
    assert "Conv +2" in row
    assert "3x3/2 g3" in row
    assert "1x4x8x8 +1" in row
    assert "set: clock_hz=1GHz" in page
    assert "no input; output: o0 scalar, o1 scalar, o2 scalar, o3 scalar and 2 more" in page
    assert "n/a" in row, "a result without a clock has no times"


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_a_hundred_layers_fit(width: int) -> None:
    rows = [
        layer(f"backbone/stage{at % 5}/block{at}/conv_with_a_long_name", 1e6 + at, fused=("r",), bound_by="dma_write")
        for at in range(100)
    ]
    page = text(result(*rows), width=width).splitlines()
    assert max(map(columns, page)) <= width
    body = [line for line in page if line.startswith("back")]
    assert len(body) == 100
    assert all("\u2026" in line or width == 160 for line in body)
    assert all(" 1.0" in line for line in body), "the share is never dropped"


def test_what_a_narrow_page_leaves_out_is_said() -> None:
    rows = [layer("a" * 40, 1e6, bound_by="dma_read")]
    page = text(result(*rows), width=60)
    assert "(not shown in 60 columns: " in page
    assert "not shown" not in text(result(*rows), width=250)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("[bold]x[/bold]", "[bold]x[/bold]"),
        ("a\nb\x1b[31mc\r\x07", "a\\nb\\x1b[31mc\\r\\x07"),
        ("\u202edesrever", "\\u202edesrever"),
        ("\u6f22\u5b57\u5c64", "\u6f22\u5b57\u5c64"),
        ("\u043a\u043e\u043d\u0432\u043e\u043b", "\u043a\u043e\u043d\u0432\u043e\u043b"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("colour", [False, True])
def test_names_are_harmless(name: str, shown: str, colour: bool) -> None:
    made = result(layer(name), warnings=(notice("odd", f"{name} is odd"),), off_npu=(off(name, 1.0),))
    page = text(made, width=200, colour=colour)
    assert ANSI.sub("", page).count(shown) == 3
    assert "\x1b[31m" not in page
    assert "\r" not in page


@pytest.mark.parametrize("form", FORMATS)
def test_a_name_of_five_thousand_letters_survives(form: str) -> None:
    name = "\u5c64" * 2500 + "x" * 2500
    page = render(result(layer(name)), form, Look(width=80))
    assert ("x" * 2500 in page) == (form in {"json", "csv", "html"})
    if form == "text":
        assert max(map(columns, page.splitlines())) <= 80
        assert "\u5c64\u2026x" in page


def test_colour_changes_nothing_but_the_looks() -> None:
    rows = [layer("a", 1000.0), layer("b", 3000.0, bound_by="fallback", op="LRN", macs_dense=9)]
    made = result(*rows, unsupported=(unknown("x"),))
    assert "(not shown in 80 columns: " in text(made, width=80)
    plain, styled = (text(made, width=80, colour=colour) for colour in (False, True))
    assert "\x1b[" not in plain
    assert "\x1b[" in styled
    shown = ANSI.sub("", styled)
    assert max(map(columns, shown.splitlines())) <= 80
    words = re.sub(r"[-\u2500]{2,}", " ", plain).split()
    assert re.sub(r"[\u2500]{2,}", " ", shown).split() == words


def test_no_terminal_is_so_narrow_that_numbers_are_cut() -> None:
    made = result(layer("conv", 12_345_000.0), layer("other", 87_655_000.0))  # 100 ms at 1 GHz
    for colour in (False, True):
        shown = ANSI.sub("", text(made, width=20, colour=colour)).split()
        assert {"12.3", "87.7", "100.0"} <= set(shown)


def test_a_pass_without_an_output_has_an_empty_cell() -> None:
    page = text(result(layer("a", ofm=(), kernel=())), width=200)
    row = next(line for line in page.splitlines() if line.startswith("a "))
    assert row.split()[:4] == ["a", "Conv", "1,000", "7"]


def test_a_model_without_layers_has_a_page() -> None:
    page = text(result())
    assert "layer " not in page.split("Totals")[0]
    assert "params           0" in page
