"""``Estimate.to_dataframe``: a row a layer, typed, units in the names, and as the csv report where both speak."""

from __future__ import annotations

import csv
import io

import pandas as pd
import pytest

import npusim
from npusim.reports import render
from npusim.result import Estimate

RESULT = npusim.estimate(npusim.load("fsrcnn-x2-hw", size=(64, 48)))
FRAME = RESULT.to_dataframe()
OBJECTS = ("ifm", "ofm", "kernel", "stride", "fused", "reads", "makes", "mapping")


def test_a_row_a_layer_in_order() -> None:
    assert list(FRAME["name"]) == [row.name for row in RESULT.layers]
    assert list(FRAME.index) == list(range(len(RESULT.layers)))
    assert FRAME.columns[0] == "name"


def test_the_values_are_those_of_the_csv_report() -> None:
    rows = list(csv.DictReader(io.StringIO(render(RESULT, "csv"))))
    renamed = {"ifm_elements": None, "ofm_elements": None, "kernel": None, "stride": None, "fused": None}
    for row, (_, values) in zip(rows, FRAME.iterrows(), strict=True):
        for key, text in row.items():
            if key not in renamed:
                found = values[key]
                same = found == text if isinstance(found, str) else text == "" or float(text) == float(found)
                assert same, key


def test_types() -> None:
    kinds = FRAME.dtypes
    for name in FRAME.columns:
        if name in OBJECTS:
            assert str(kinds[name]) == "object"
        elif name in ("name", "op", "bound_by", "algorithm", "off_npu"):
            assert pd.api.types.is_string_dtype(kinds[name])
        elif name.endswith(("_s", "cycles")) or name == "utilisation":
            assert kinds[name] == "float64"
        else:
            assert kinds[name] == "int64", name


def test_every_field_of_a_layer_is_there() -> None:
    """Under its name, or with a unit; bounds and traffic have a column each, what a layer lacks is not a number."""
    fields = set(type(RESULT.layers[0]).__struct_fields__) - {"bounds", "traffic"}
    assert fields <= set(FRAME.columns)
    frame = FRAME.set_index("name")
    for row in RESULT.layers:
        for bound in {name for each in RESULT.layers for name in each.bounds}:
            value = frame.loc[row.name, f"bound_{bound}_cycles"]
            assert value == row.bounds[bound] if bound in row.bounds else pd.isna(value)
        for operand, count in row.traffic["dram"].items():
            assert frame.loc[row.name, f"dram_{operand}_bytes"] == count
        assert frame.loc[row.name, "mapping"] == row.mapping
        assert frame.loc[row.name, "ifm"] == row.ifm


def test_sums_are_the_totals() -> None:
    totals = RESULT.totals
    for name in ("macs", "macs_dense", "ops", "params", "dram_bytes"):
        assert FRAME[name].sum() == getattr(totals, name)
    assert FRAME["latency_s"].sum() == pytest.approx(totals.latency_s)
    assert FRAME["share_of_cycles"].sum() == pytest.approx(1)


def test_the_whole_is_in_attrs() -> None:
    assert FRAME.attrs["totals"]["macs"] == RESULT.macs
    assert FRAME.attrs["profile"]["variant"] == "4tops-4ple"
    assert set(FRAME.attrs) == {"npusim", "model", "profile", "options", "totals"}


def test_no_layers_have_the_same_columns_and_types() -> None:
    values = {name: getattr(RESULT, name) for name in Estimate.__struct_fields__}
    empty = Estimate(**{**values, "layers": ()}).to_dataframe()
    assert len(empty) == 0
    shared = [name for name in FRAME.columns if not name.startswith("bound_") or name == "bound_by"]
    assert list(empty.columns) == shared
    assert [str(empty.dtypes[name]) for name in shared] == [str(FRAME.dtypes[name]) for name in shared]
