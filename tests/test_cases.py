"""Graphs made after public bug reports: the right answer from the front end, and an estimate that holds it too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import npusim
from npusim import counts
from npusim.errors import NpusimError
from npusim.ir import Graph

HERE = Path(__file__).parent / "cases"
Case = Mapping[str, Any]
EXPECTED: dict[str, Case] = json.loads((HERE / "expected.json").read_text(encoding="utf-8"))
FAULTY = [name for name, case in EXPECTED.items() if "error" in case]
SOUND = [name for name, case in EXPECTED.items() if "error" not in case]
FREE = [name for name, case in EXPECTED.items() if "unbound" in case]


def _load(name: str) -> Graph:
    case = EXPECTED[name]
    shapes = {key: tuple(sizes) for key, sizes in case.get("bind_shape", {}).items()}
    return npusim.load(str(HERE / name), dims=case.get("bind"), shapes=shapes)


def _right(case: Case, key: str, found: object) -> bool:
    return key not in case or found == case[key] or found in case.get(f"accept_{key}", ())


def test_every_graph_has_an_answer() -> None:
    assert {path.name for path in HERE.glob("*.onnx")} == set(EXPECTED)


@pytest.mark.parametrize("name", SOUND)
def test_counts_and_shapes(name: str) -> None:
    case, graph = EXPECTED[name], _load(name)
    found = {
        "macs": counts.macs(graph),
        "params": counts.params(graph),
        "weight_bytes": counts.weight_bytes(graph),
        "out": [list(graph.tensors[output].shape) for output in graph.outputs],
        "inputs": list(graph.inputs),
        "layers": len(graph.layers),
    }
    assert {"macs", "out"} <= case.keys()
    assert [(key, value, case[key]) for key, value in found.items() if not _right(case, key, value)] == []


@pytest.mark.parametrize("name", SOUND)
def test_the_estimate_says_the_same(name: str) -> None:
    case, graph = EXPECTED[name], _load(name)
    result = npusim.estimate(graph, profile="ethos-n78")
    assert _right(case, "macs", result.totals.macs)
    assert _right(case, "params", result.totals.params)
    assert _right(case, "weight_bytes", result.totals.weight_bytes)
    assert sum(row.macs for row in result.layers) == result.totals.macs
    assert result.unsupported == ()


@pytest.mark.parametrize("name", [name for name in SOUND if "warn" in EXPECTED[name]])
def test_the_warning_reaches_the_result(name: str) -> None:
    graph = _load(name)
    wanted = EXPECTED[name]["warn"]
    assert wanted in [notice.code for notice in graph.warnings]
    assert wanted in [notice.code for notice in npusim.estimate(graph).warnings]


@pytest.mark.parametrize("name", FAULTY)
def test_the_error_is_one_line_with_its_code(name: str) -> None:
    case = EXPECTED[name]
    with pytest.raises(NpusimError) as caught:
        _load(name)
    line = str(caught.value)
    assert caught.value.code == case["error"]
    assert caught.value.exit_code == 2
    assert line.endswith(f"[{case['error']}]")
    assert "\n" not in line
    assert [word for word in case.get("must_name", ()) if word not in line] == []


@pytest.mark.parametrize("name", FREE)
def test_a_free_dimension_is_asked_for_by_name(name: str) -> None:
    """Every name that binding needs stands in the error: H and W; for ``x:0`` the input and the axis."""
    with pytest.raises(NpusimError) as caught:
        npusim.load(str(HERE / name))
    assert caught.value.code == "dynamic-dim"
    line = str(caught.value)
    for key in EXPECTED[name]["bind"]:
        wanted, _, axis = key.partition(":")
        assert wanted in line.split(":", 1)[1]
        assert not axis or f"axis {axis}" in line


def test_a_dead_node_that_is_left_out_is_said() -> None:
    assert [notice.code for notice in _load("dead_node.onnx").warnings] == ["dead-node"]
