"""For other programs: json, the whole result; csv, a row a layer."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from npusim.reports import REPORTS, Look
from npusim.reports.layers import slowest
from npusim.reports.words import size
from npusim.result import Estimate, LayerResult

OPERANDS = ("ifm", "ofm", "weights")


def json_report(result: Estimate, _: Look) -> str:
    """The result as ``read_result`` reads it: all layers, whatever the look."""
    return result.to_json()


def csv_report(result: Estimate, look: Look) -> str:
    """A row a layer, in exact numbers; units stand in the names of the columns, and what is not known is empty."""
    bounds = list(dict.fromkeys(name for row in result.layers for name in row.bounds))
    rows = [_row(layer, result, bounds) for layer in slowest(result.layers, look.top)]
    return table([*_row_names(bounds)], [list(row.values()) for row in rows])


def table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Names and rows as csv, lines ending in a newline alone."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    return stream.getvalue()


def _row_names(bounds: Sequence[str]) -> Sequence[str]:
    return (
        "name", "op", "ifm_elements", "ofm_elements", "kernel", "stride", "groups", "section",
        "macs", "macs_dense", "ops", "params", "cycles",
        "latency_s", "share_of_cycles", "bound_by", "utilisation", "dram_bytes",
        *(f"dram_{name}_bytes" for name in OPERANDS), *(f"bound_{name}_cycles" for name in bounds),
        "algorithm", "fused", "off_npu",
    )  # fmt: skip


def _row(row: LayerResult, result: Estimate, bounds: Sequence[str]) -> dict[str, Any]:
    clock_hz, cycles = result.profile.clock_hz, result.totals.cycles
    dram = row.traffic.get("dram", {})
    values = (
        row.name, row.op, ";".join(map(size, row.ifm)), ";".join(map(size, row.ofm)),
        _axes(row.kernel), _axes(row.stride),
        row.groups, row.section, row.macs, row.macs_dense, row.ops, row.params, row.cycles,
        row.cycles / clock_hz if clock_hz else None, row.cycles / cycles if cycles else None, row.bound_by,
        row.utilisation,
        row.dram_bytes, *(dram.get(name, 0) for name in OPERANDS), *(row.bounds.get(name) for name in bounds),
        row.mapping.get("algorithm", ""), ";".join(row.fused), row.off_npu,
    )  # fmt: skip
    return dict(zip(_row_names(bounds), values, strict=True))


def _axes(sizes: Sequence[int]) -> str:
    return size(sizes) if sizes else ""


REPORTS.add("json", json_report)
REPORTS.add("csv", csv_report)
