"""json, csv and Markdown: exact, flat, and safe from what names hold."""

from __future__ import annotations

import csv
import io
import json

from made_results import layer, notice, result

from npusim.reports import Look, render
from npusim.result import read_result


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_json_is_the_whole_result() -> None:
    made = result(layer("a"), layer("b"), warnings=(notice("odd", "very"),))
    text = render(made, "json", Look(top=1))
    assert read_result(text) == made
    assert json.loads(text)["totals"]["macs"] == 2000


def test_csv_has_a_row_a_layer_in_exact_numbers() -> None:
    made = result(layer("a", 1000.0), layer("b", 3000.0, bounds={"mac": 1.0, "vector": 3000.0}, fused=("r", "s")))
    found = rows(render(made, "csv"))
    assert [row["name"] for row in found] == ["a", "b"]
    first = found[0]
    assert (first["cycles"], first["latency_s"], first["share_of_cycles"]) == ("1000.0", "1e-06", "0.25")
    assert (first["macs"], first["dram_bytes"], first["dram_ifm_bytes"]) == ("1000", "60", "10")
    assert (first["ifm_elements"], first["kernel"], first["bound_vector_cycles"]) == ("1x3x8x8", "3x3", "")
    assert (found[1]["bound_vector_cycles"], found[1]["fused"]) == ("3000.0", "r;s")


def test_csv_sums_to_the_totals() -> None:
    """P20: no row holds another one's share."""
    made = result(layer("a", 1000.0), layer("b", 3000.0))
    found = rows(render(made, "csv"))
    assert sum(int(row["macs"]) for row in found) == made.macs
    assert sum(int(row["dram_bytes"]) for row in found) == made.dram_bytes
    assert sum(float(row["share_of_cycles"]) for row in found) == 1.0


def test_csv_leaves_empty_what_there_is_not() -> None:
    found = rows(render(result(layer("a", 0.0, utilisation=None, kernel=(), stride=())), "csv"))
    assert (found[0]["share_of_cycles"], found[0]["utilisation"], found[0]["kernel"]) == ("", "", "")


def test_csv_keeps_the_slowest() -> None:
    made = result(layer("a", 1.0), layer("b", 3.0), layer("c", 2.0))
    assert [row["name"] for row in rows(render(made, "csv", Look(top=2)))] == ["b", "c"]


def test_csv_survives_names() -> None:
    name = 'a,"b"\nc;\u6f22'
    assert rows(render(result(layer(name)), "csv"))[0]["name"] == name


def test_markdown_is_a_github_table() -> None:
    text = render(result(layer("a|b_c", 1000.0), layer("<b>", 3000.0)), "md")
    lines = text.splitlines()
    assert lines[0] == "# net on npu big"
    head = next(at for at, line in enumerate(lines) if line.startswith("| layer"))
    cells = [len(line.replace(r"\|", "").split("|")) for line in lines[head : head + 5]]
    assert len(set(cells)) == 1, "head, rule, two rows and the total have the same columns"
    assert r"| a\|b\_c |" in text
    assert r"| \<b\> |" in text
    assert "share \\[%\\]" in lines[head]
    assert lines[head + 4].startswith("| **total** |")
    assert "## Totals of one inference" in lines
    assert "- " not in lines[2]
