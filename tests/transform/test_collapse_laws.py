"""Laws over random linear graphs: they compute the same before and after, and cost no more MACs."""

from __future__ import annotations

import pytest
from chain_kit import Sheet, after, collapsed, difference
from hypothesis import given, settings
from hypothesis import strategies as st

from npusim.bind import bind
from npusim.counts import macs
from npusim.frontends.onnx import read_onnx
from npusim.transform.collapse.engine import collapse
from npusim.transform.collapse.proof import prove
from npusim.transform.collapse.search import Rules

FRAME = (9, 10)
Draw = st.DataObject


def _keeping(data: Draw, sheet: Sheet, x: str, channels: int, depth: int) -> str:
    """A step that keeps channels and frame."""
    kinds = ["conv", "conv", "norm", "scale", "shift", "same", *(["branches", "residual", "mixed"] if depth else [])]
    match data.draw(st.sampled_from(kinds)):
        case "conv":
            taps = data.draw(st.tuples(st.sampled_from([1, 1, 3]), st.sampled_from([1, 1, 3])))
            step = data.draw(st.sampled_from([1, 1, 2]))
            same = tuple(size // 2 * step for size in taps)
            groups = data.draw(st.sampled_from([each for each in (1, 1, 2, channels) if channels % each == 0]))
            return sheet.conv(
                x, channels, channels, taps, groups=groups, bias=data.draw(st.booleans()), pad=(*same, *same),
                dilations=[step, step],
            )  # fmt: skip
        case "norm":
            return sheet.batch_norm(x, channels)
        case "scale":
            return sheet.node("Mul", x, sheet.random(*data.draw(st.sampled_from([(), (1, channels, 1, 1)]))))
        case "shift":
            op = data.draw(st.sampled_from(["Add", "Sub"]))
            constant = sheet.random(channels, 1, 1)
            return sheet.node(op, *data.draw(st.permutations([x, constant])))
        case "same":
            return sheet.node(data.draw(st.sampled_from(["Identity", "Dropout"])), x)
        case "residual":
            return sheet.add(*data.draw(st.permutations([_chain(data, sheet, x, channels, depth - 1), x])))
        case "mixed":
            parts = [_chain(data, sheet, x, channels, 0) for _ in range(2)]
            parts += [_chain(data, sheet, sheet.node("Relu", x), channels, 0), x]
            first, *rest = data.draw(st.permutations(parts))
            for part in rest:
                first = sheet.node(data.draw(st.sampled_from(["Add", "Sub"])), first, part)
            return first
        case _:
            parts = [_chain(data, sheet, x, channels, depth - 1) for _ in range(data.draw(st.integers(2, 3)))]
            return sheet.add(*parts)


def _chain(data: Draw, sheet: Sheet, x: str, channels: int, depth: int) -> str:
    for _ in range(data.draw(st.integers(1, 3))):
        x = _keeping(data, sheet, x, channels, depth)
    return x


def _changing(data: Draw, sheet: Sheet, x: str, channels: int) -> tuple[str, int]:
    """A step to other channels or another frame."""
    kind = data.draw(st.sampled_from(["conv", "conv", "up", "pool", "pad"]))
    if kind == "up":
        groups = data.draw(st.sampled_from([each for each in (1, 2) if channels % each == 0]))
        size, step = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 2))
        parameters = [sheet.random(channels, 2 // groups, size, size), sheet.random(2)]
        wide = sheet.node("ConvTranspose", x, *parameters, group=groups, strides=[step, step])
        return _chain(data, sheet, wide, 2, 0), 2
    if kind == "pool":
        return sheet.node("AveragePool", x, kernel_shape=[2, 2], strides=[1, 1]), channels
    if kind == "pad":
        sides = data.draw(st.tuples(*[st.integers(0, 2)] * 4))
        pads = sheet.constant([0, 0, *sides[:2], 0, 0, *sides[2:]], "int64")
        value = [sheet.constant(data.draw(st.sampled_from([0.0, 0.5])))] if data.draw(st.booleans()) else []
        return sheet.node("Pad", x, pads, *value), channels
    outputs = data.draw(st.sampled_from([1, 2, 4, 6]))
    kernel = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    pad = data.draw(st.tuples(*[st.integers(0, 2)] * 4))
    strides = data.draw(st.sampled_from([[1, 1], [1, 1], [2, 1], [2, 2]]))
    groups = data.draw(st.sampled_from([each for each in (1, 2) if channels % each == outputs % each == 0]))
    made = sheet.conv(
        x, channels, outputs, kernel, bias=data.draw(st.booleans()), pad=pad, strides=strides, groups=groups
    )
    return made, outputs


def _graph(data: Draw) -> Sheet:
    sheet = Sheet(1, 4, *FRAME, seed=data.draw(st.integers(0, 100)))
    x, channels = "x", 4
    for _ in range(data.draw(st.integers(1, 2))):
        x = _chain(data, sheet, x, channels, 2)
        if data.draw(st.booleans()):
            x, channels = _changing(data, sheet, x, channels)
        if data.draw(st.sampled_from([False, False, True])):
            x = sheet.node("Relu", x)
    sheet.node("Identity", x, name="y")
    return sheet


@settings(max_examples=100, deadline=None, derandomize=True)
@given(data=st.data(), pad_intermediate=st.booleans())
def test_random_graphs_compute_the_same_and_cost_no_more(data: Draw, pad_intermediate: bool) -> None:
    model = read_onnx(_graph(data).model("y"))
    graph = bind(model)
    rules = Rules(pad_intermediate=pad_intermediate)
    found = collapse(model, graph, rules)
    assert prove(found, graph).holds
    after_ = bind(found.model)
    assert macs(after_) <= macs(graph)
    assert len(found.model.nodes) <= len(model.nodes)
    assert not collapse(found.model, after_, rules).chains  # nothing is left to do


@settings(max_examples=30, deadline=None, derandomize=True)
@given(data=st.data())
def test_always_takes_the_fewest_nodes_and_is_as_exact(data: Draw) -> None:
    model = read_onnx(_graph(data).model("y"))
    graph = bind(model)
    found = collapse(model, graph, Rules(pad_intermediate=True, always=True))
    assert prove(found, graph).holds
    assert len(found.model.nodes) <= len(collapse(model, graph, Rules(pad_intermediate=True)).model.nodes)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(data=st.data())
def test_onnxruntime_computes_the_same_of_random_graphs(data: Draw) -> None:
    """In float32, where deep random graphs lose a few digits."""
    proto = _graph(data).model("y")
    assert difference(proto, after(collapsed(proto, pad_intermediate=True))) == pytest.approx(0, abs=1e-4)
