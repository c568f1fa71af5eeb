"""How a graph becomes parts: what is fused, where views go, what several nests of one layer become."""

from __future__ import annotations

from typing import Any

import pytest
from hand import BEST, HAND, PLAIN, Row, conv, hand, network

from npusim.counts import layer_works
from npusim.ir import Graph
from npusim.options import Options
from npusim.profile import HardwareProfile
from npusim.targets.generic import plan
from npusim.targets.generic.jobs import FallbackJob, IdleJob, NestJob, VectorJob
from npusim.targets.generic.lower import Lowered, Part, lower


def lowered(graph: Graph, profile: HardwareProfile = HAND, options: Options = BEST) -> Lowered:
    return lower(graph, layer_works(graph), profile, options)


def layers(graph: Graph, profile: HardwareProfile = HAND) -> list[tuple[str, ...]]:
    return [part.layers for part in lowered(graph, profile).parts]


def only(graph: Graph, profile: HardwareProfile = HAND) -> Part:
    (part,) = lowered(graph, profile).parts
    return part


X = {"x": (1, 4, 8, 8)}
W = {"w": (4, 4, 3, 3), "v": (4, 4, 3, 3)}
PAD = {"pads": (1, 1, 1, 1)}


# --- fusing ---------------------------------------------------------------------------------------------------------


def test_an_activation_runs_on_the_output_of_its_convolution() -> None:
    rows = [("Conv", "x w", "a", PAD), ("Relu", "a", "b", {}), ("Conv", "b v", "c", PAD), ("Relu", "c", "y", {})]
    assert layers(network(X, rows, "y", W)) == [("a", "b"), ("c", "y")]


@pytest.mark.parametrize(
    ("rows", "outputs"),
    [
        # another layer reads the convolution's output as well
        ([("Conv", "x w", "a", PAD), ("Relu", "a", "b", {}), ("Add", "a b", "y", {})], "y"),
        # it is an output of the network
        ([("Conv", "x w", "a", PAD), ("Relu", "a", "b", {})], "a b"),
        # the kind of work is not fused on this hardware
        ([("Conv", "x w", "a", PAD), ("LeakyRelu", "a", "b", {})], "b"),
    ],
)
def test_what_is_not_fused(rows: list[tuple[str, str, str, dict[str, Any]]], outputs: str) -> None:
    assert layers(network(X, rows, outputs, W))[:2] == [("a",), ("b",)]


def test_a_fused_addition_reads_its_other_operand() -> None:
    profile = hand(vector_unit={"fused": ("relu", "add")})
    rows = [("Conv", "x w", "a", PAD), ("Conv", "a v", "b", PAD), ("Add", "b a", "c", {}), ("Relu", "c", "y", {})]
    graph = network(X, rows, "y", W)
    assert layers(graph, profile) == [("a",), ("b", "c", "y")]
    last = lowered(graph, profile).parts[1]
    assert isinstance(last.job, NestJob)
    assert [stream.bytes for stream in last.job.others] == [256]
    assert last.ins == (last.ins[0], last.ins[0])  # the same bytes as the convolution's own input
    traffic = [each.cost.traffic for each in plan(graph, hand(vector_unit={"fused": ("relu", "add")}), PLAIN).passes]
    assert sum(each["dram", "ifm"] for each in traffic) == 256  # both stay in SRAM


def test_an_operand_that_comes_later_keeps_an_addition_apart() -> None:
    profile = hand(vector_unit={"fused": ("relu", "add")})
    rows = [("Conv", "x w", "a", PAD), ("Conv", "x v", "b", PAD), ("Add", "a b", "y", {})]
    assert layers(network(X, rows, "y", W), profile) == [("a",), ("b", "y")]


def test_large_constants_of_fused_work_come_in_stripes() -> None:
    profile = hand(vector_unit={"fused": ("relu", "add")})
    for shape, others, constants in (((1, 4, 1, 1), [], 4), ((1, 4, 8, 8), [256], 0)):
        graph = network(X, [("Conv", "x w", "a", PAD), ("Add", "a k", "y", {})], "y", {**W, "k": shape})
        job = only(graph, profile).job
        assert isinstance(job, NestJob)
        assert ([stream.bytes for stream in job.others], job.constants) == (others, constants)


def test_a_fused_pooling_writes_less() -> None:
    profile = hand(vector_unit={"fused": ("relu", "max_pool")})
    pool = {"kernel_shape": (2, 2), "strides": (2, 2)}
    graph = network(X, [("Conv", "x w", "a", PAD), ("MaxPool", "a", "y", pool)], "y", W)
    job = only(graph, profile).job
    assert isinstance(job, NestJob)
    assert (job.ofm.bytes, job.ofm_ratio) == (64, 0.25)
    assert job.vector == (("max_pool", 1.0),)


# --- views ----------------------------------------------------------------------------------------------------------


def test_views_go_with_what_makes_their_bytes_or_reads_them() -> None:
    rows = [
        ("Identity", "x", "i", {}), ("Conv", "i w", "a", PAD), ("Flatten", "a", "f", {}), ("Identity", "f", "y", {}),
    ]  # fmt: skip
    assert layers(network(X, rows, "y", W)) == [("a", "i", "f", "y")]
    assert layers(network(X, [("Identity", "x", "y", {})], "y")) == [("y",)]
    idle = only(network(X, [("Identity", "x", "y", {})], "y"))
    assert isinstance(idle.job, IdleJob)
    found = plan(network(X, [("Identity", "x", "y", {})], "y"), HAND, BEST)
    assert (found.cycles, found.passes[0].cost.bound_by) == (0, "none")


def test_a_view_does_not_come_between_a_convolution_and_its_activation() -> None:
    rows = [("Conv", "x w", "a", PAD), ("Flatten", "a", "f", {}), ("Relu", "f", "y", {})]
    assert layers(network(X, rows, "y", W)) == [("a", "y", "f")]


# --- work beside the NPU --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("graph", "reason"),
    [
        (conv((1, 4, 8, 8), (4, 4, 6, 6), pads=(0, 0, 0, 0)), "kernel sides 1, 2, 3, 4, 5, 7, not 6"),
        (conv((1, 4, 9, 9), (4, 4, 3, 3), strides=(3, 3)), "stride 3 is above 2"),
        (conv((1, 4, 8, 8), (4, 2, 3, 3), group=2), "no convolution in groups (2)"),
        (conv((2, 4, 8, 8), (4, 4, 3, 3)), "batch 2 is above 1"),
        (network({"x": (4, 8)}, [("Softmax", "x", "y", {})], "y"), "the vector unit has no softmax"),
    ],
)
def test_reasons(graph: Graph, reason: str) -> None:
    part = lowered(graph).parts[0]
    assert isinstance(part.job, FallbackJob)
    assert reason in part.off


def test_tensors_beside_the_npu_are_not_rounded_and_do_not_stay() -> None:
    rows = [("Conv", "x w", "a", PAD), ("Softmax", "a", "b", {}), ("Conv", "b v", "y", PAD)]
    graph = network({"x": (1, 4, 7, 7)}, rows, "y", W)
    layout = {"dram_height": 8, "dram_width": 8}
    found = lowered(graph, hand(layout=layout))
    assert [storage.stays for storage in found.storages] == [False] * 4
    assert {storage.stream.bytes for storage in found.storages} == {196}
    assert len({each.section for each in plan(graph, hand(layout=layout), BEST).passes}) == 3


def test_products_run_whatever_the_groups_and_the_batch() -> None:
    graph = network({"a": (3, 5, 8, 16), "b": (3, 5, 16, 4)}, [("MatMul", "a b", "y", {})], "y")
    part = only(graph)
    assert part.off == ""
    assert isinstance(part.job, NestJob)
    assert (part.job.groups, part.job.out) == (15, (1, 1, 8))


# --- layers of several nests ----------------------------------------------------------------------------------------


def test_a_recurrent_layer_is_a_pass_for_each_product_and_one_for_its_cells() -> None:
    # 10 steps of 4 inputs, 8 hidden: gates of 32. Input and recurrent product, then the cells' element-wise work.
    weights = {"w": (1, 32, 4), "r": (1, 32, 8)}
    graph = network({"x": (10, 1, 4)}, [("LSTM", "x w r", "y", {"hidden_size": 8})], "y", weights)
    unit = {"step_cycles": {"passthrough": 1, "add": 2, "mul": 2, "sigmoid": 4}}
    found = lowered(graph, hand(vector_unit=unit))
    assert [part.name for part in found.parts] == ["y", "y (part 2)", "y (vector)"]
    assert [part.layers for part in found.parts] == [("y",), (), ()]
    assert [type(part.job) for part in found.parts] == [NestJob, NestJob, VectorJob]
    # What lies between them may stay in SRAM: all three are one section.
    assert {each.section for each in plan(graph, hand(vector_unit=unit), BEST).passes} == {0}
    # Without a price for the cells' work, that alone goes beside the NPU.
    beside = lowered(graph).parts[2]
    assert isinstance(beside.job, FallbackJob)
    assert beside.off == "the vector unit has no mul and no sigmoid"


# --- additions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        (Options(equal_scales=True), "add"), (Options(equal_scales=False), "add_rescale"),
        (Options(), "add_rescale"), (Options(dtype="float16"), "add"),
    ],
)  # fmt: skip
def test_additions_rescale_unless_scales_are_equal(options: Options, kind: str) -> None:
    unit = {"step_cycles": {"add": 2, "add_rescale": 5}}
    graph = network({"a": (1, 4, 8, 8), "b": (1, 4, 8, 8)}, [("Add", "a b", "y", {})], "y")
    (part,) = lowered(graph, hand(vector_unit=unit), options).parts
    assert isinstance(part.job, VectorJob)
    assert part.job.steps == ((kind, 16),)


def test_without_a_price_for_rescaling_an_addition_is_an_addition() -> None:
    graph = network({"a": (1, 4, 8, 8), "b": (1, 4, 8, 8)}, [("Add", "a b", "y", {})], "y")
    (part,) = lowered(graph, HAND, Options(equal_scales=False)).parts
    assert isinstance(part.job, VectorJob)
    assert part.job.steps == (("add", 16),)


@pytest.mark.parametrize(("second", "kind"), [("s z", "add"), ("t z", "add_rescale")])
def test_scales_are_read_from_the_nodes_around_an_addition(second: str, kind: str) -> None:
    rows: list[Row] = [
        ("QuantizeLinear", "a s z", "aq", {}), ("DequantizeLinear", "aq s z", "ad", {}),
        ("QuantizeLinear", f"b {second}", "bq", {}), ("DequantizeLinear", f"bq {second}", "bd", {}),
        ("Add", "ad bd", "c", {}), ("QuantizeLinear", "c s z", "cq", {}), ("DequantizeLinear", "cq s z", "y", {}),
    ]  # fmt: skip
    graph = network({"a": (1, 4, 8, 8), "b": (1, 4, 8, 8)}, rows, "y", {"s": (), "t": (), "z": ()})
    unit = {"step_cycles": {"relu": 1, "add": 2, "add_rescale": 5}}
    parts = lowered(graph, hand(vector_unit=unit)).parts
    adding = next(part.job for part in parts if part.layers[0] == "c")
    assert isinstance(adding, VectorJob)
    assert adding.steps[0] == (kind, 16)


# --- sizes of vector work -------------------------------------------------------------------------------------------


def test_steps_of_vector_work_follow_the_tensor() -> None:
    # 5x5 of 6 channels in steps of 2x2x4: 3 * 3 * 2 = 18. A matrix of 10 rows of 6: rows in fours: 3 * 2 = 6.
    image = only(network({"x": (1, 6, 5, 5)}, [("Relu", "x", "y", {})], "y")).job
    matrix = only(network({"x": (10, 6)}, [("Relu", "x", "y", {})], "y")).job
    assert isinstance(image, VectorJob)
    assert isinstance(matrix, VectorJob)
    assert (image.steps, matrix.steps) == ((("relu", 18),), (("relu", 6),))


def test_a_slice_reads_what_it_copies() -> None:
    ends = {"starts": (0,), "ends": (2,), "axes": (1,)}
    graph = network({"x": (1, 8, 4, 4)}, [("Slice", "x", "y", ends)], "y")
    found = plan(graph, HAND, PLAIN).passes[0].cost.traffic
    assert (found["dram", "ifm"], found["dram", "ofm"]) == (32, 32)


def test_parameters_of_vector_work_are_read_once() -> None:
    graph = network({"x": (1, 4, 8, 8)}, [("PRelu", "x k", "y", {})], "y", {"k": (4, 1, 1)})
    found = plan(graph, HAND, PLAIN).passes[0]
    assert found.cost.traffic["dram", "weights"] == found.weight_stream_bytes == 4
