"""What a notebook shows of a result."""

from __future__ import annotations

import re

from made_results import layer, notice, off, result, unknown


def test_totals_limits_and_the_slowest_layers() -> None:
    rows = [layer(f"conv{at}", 100.0 * (at + 1)) for at in range(12)]
    shown = result(*rows)._repr_html_()
    assert shown.startswith("<div><p><b>net on npu big</b><br>7.800 us an inference, 128,205 frames/s.")  # 78 * 100 ns
    body = shown[shown.index("<tbody>") : shown.index("</tbody>")]
    assert re.findall(r"conv\d+", body) == [f"conv{at}" for at in range(11, 1, -1)]
    assert "The 10 slowest of 12 layers; the totals are of all of them." in shown
    assert "(2 others)" in shown


def test_what_must_be_known_is_there() -> None:
    shown = result(
        layer("a"), off_npu=(off("soft", 250.0),), unsupported=(unknown("foo"),), totals={"lower_bound": True},
        warnings=(notice("approximated-op", "as its relative"),),
    )._repr_html_()  # fmt: skip
    assert "at least 1.000 us an inference" in shown
    assert "All totals are lower bounds" in shown
    assert "not costed: operator acme::Foo has no cost rule" in shown
    assert "1 x Softmax (soft)" in shown
    assert "[approximated-op] as its relative" in shown


def test_it_is_a_harmless_piece_of_a_page() -> None:
    """No style sheet, script or id that could meet those of the notebook; names are text, and not endless."""
    shown = result(layer("<script>alert(1)</script>", op="<img>"), layer("x" * 5000))._repr_html_()
    assert set(re.findall(r"<([a-z]+)", shown)) == {
        "div", "p", "b", "br", "table", "thead", "tbody", "tfoot", "tr", "th", "td",
    }  # fmt: skip
    assert " id=" not in shown
    assert "x" * 100 not in shown
    assert "&lt;script&gt;" in shown


def test_a_result_without_layers() -> None:
    assert "Nothing takes time" in result()._repr_html_()
