"""Which tensors are the same bytes, who makes and reads them, and how much of them."""

from __future__ import annotations

from hand import Row, network

from npusim.counts import layer_works
from npusim.dataflow import flow, packed_bytes, touched_elements
from npusim.ir import DType, Graph


def views() -> Graph:
    """x -> conv -> flatten -> identity -> y, and relu of the flattened."""
    rows: list[Row] = [
        ("Conv", "x w", "a", {}), ("Flatten", "a", "f", {}), ("Identity", "f", "y", {}), ("Relu", "f", "r", {}),
        ("Add", "r f", "z", {}),
    ]  # fmt: skip
    return network({"x": (1, 4, 8, 8)}, rows, "y z", {"w": (4, 4, 1, 1)})


def test_views_share_the_root_of_what_they_show() -> None:
    graph = views()
    found = flow(graph, layer_works(graph))
    assert {name: found.root[name] for name in ("x", "a", "f", "y", "r", "z")} == {
        "x": "x", "a": "a", "f": "a", "y": "a", "r": "r", "z": "z",
    }  # fmt: skip
    assert found.outputs == {"a", "z"}


def test_readers_and_makers_leave_views_and_constants_out() -> None:
    graph = views()
    found = flow(graph, layer_works(graph))
    names = [layer.name for layer in graph.layers]
    assert {root: [names[at] for at in readers] for root, readers in found.readers.items()} == {
        "x": ["a"], "a": ["r", "z"], "r": ["z"],
    }  # fmt: skip
    assert {root: names[at] for root, at in found.makers.items()} == {"a": "a", "r": "r", "z": "z"}


def test_a_view_of_an_input_is_the_input() -> None:
    graph = network({"x": (1, 4, 8, 8)}, [("Identity", "x", "y", {})], "y")
    found = flow(graph, layer_works(graph))
    assert found.outputs == {"x"}
    assert not found.readers
    assert not found.makers


def test_layers_touch_what_their_work_passes_over() -> None:
    ends = {"starts": (0,), "ends": (2,), "axes": (1,)}
    rows = [("Slice", "x", "a", ends), ("Conv", "a w", "y", {})]
    graph = network({"x": (1, 8, 4, 4)}, rows, "y", {"w": (4, 2, 1, 1)})
    slicing, conv = layer_works(graph)
    assert touched_elements(slicing, graph.tensors["x"]) == 32
    assert touched_elements(slicing, graph.tensors["a"]) == 32
    assert touched_elements(conv, graph.tensors["a"]) == 32


def test_types_of_less_than_a_byte_are_packed() -> None:
    assert packed_bytes(3, DType.INT4) == 2
    assert packed_bytes(3, DType.INT16) == 6
    assert packed_bytes(0, DType.INT8) == 0
