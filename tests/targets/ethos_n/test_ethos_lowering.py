"""How layers become parts: docs/ethos-n78/PLANNER.md, section 1, by number of the rule."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from ethos_kit import EQUAL, PLAIN, VENDOR, lowered, owners, parts, passes, planned
from hand import Row, conv, network
from msgspec import structs

from npusim.bind import bind
from npusim.errors import InputError
from npusim.estimate import estimate
from npusim.ir import DType, Graph, Layer, Role, Shape, Tensor
from npusim.model import Constant, Model, Node, Value
from npusim.ops.base import Array
from npusim.options import Options
from npusim.targets.ethos_n.parts import Coded, Kind, Part

MAP = (1, 16, 16, 16)
PAD = {"pads": (1, 1, 1, 1)}
W3: dict[str, Shape] = {"w": (16, 16, 3, 3)}


def one(op: str, ifm: Shape = MAP, reads: str = "x", weights: dict[str, Shape] | None = None, **attrs: Any) -> Graph:
    """A network of one layer."""
    return network({"x": ifm}, [(op, reads, "y", attrs)], "y", weights)


def with_numbers(ifm: Shape, op: str, numbers: list[Any], reads: str = "x n", **attrs: Any) -> Graph:
    """A network of one layer that reads the constant ``n``."""
    array = np.array(numbers)
    kept = array.astype(np.float32) if array.dtype.kind == "f" else array.astype(np.int64)
    dtype = DType.FLOAT32 if array.dtype.kind == "f" else DType.INT64
    # an input that is left out is an empty name, which ``reads`` writes as a dot
    names = tuple("" if name == "." else name for name in reads.split())
    node = Node("y", op, names, ("y",), attrs)
    constant = Constant("n", kept.shape, dtype, lambda: kept)
    return bind(Model("hand-made", (Value("x", ifm),), ("y",), (node,), {"n": constant}))


def only(graph: Graph, options: Options = PLAIN, variant: str | None = None) -> Part:
    (part,) = parts(graph, options, variant)
    return part


def programs(graph: Graph, options: Options = PLAIN) -> list[str]:
    return [part.program for part in parts(graph, options)]


def kinds(graph: Graph, options: Options = PLAIN) -> list[Kind]:
    return [part.kind for part in parts(graph, options)]


def refused(graph: Graph, why: str, options: Options = PLAIN) -> None:
    """The layer is off the hardware for a reason that says ``why``, costs time there, and nothing as the vendor has
    it."""
    assert Kind.OFF in kinds(graph, options)
    (found,) = (each for each in planned(graph, options).passes if each.off_npu)
    assert why in found.off_npu
    assert found.cost.bounds["fallback"] > 0
    (free,) = (each for each in planned(graph, VENDOR).passes if each.off_npu)
    assert free.cost.cycles == 0


# --- rules 1, 2 and 16: convolutions ----------------------------------------------------------------------------------


def test_1_a_convolution_is_one_part() -> None:
    part = only(conv((1, 3, 20, 24), (8, 3, 3, 5), pads=(0, 1, 2, 3)))
    assert (part.kind, part.ins, part.out) == (Kind.MCE, ((20, 24, 3),), (20, 24, 8))  # 20 + 2 - 2, 24 + 4 - 4
    assert part.pads == (0, 2, 1, 3)  # top, bottom, left, right of ONNX's top, left, bottom, right
    assert (part.kernel, part.channels, part.depthwise, part.stride) == ((3, 5), 3, False, 1)


def test_1_a_depthwise_convolution() -> None:
    part = only(conv(MAP, (16, 1, 3, 3), group=16))
    assert (part.kind, part.depthwise, part.channels, part.out) == (Kind.MCE, True, 16, (16, 16, 16))


def test_1_one_axis_is_the_width() -> None:
    part = only(conv((1, 16, 40), (8, 16, 3), pads=(1, 1)))
    assert (part.ins, part.out, part.kernel) == (((1, 40, 16),), (1, 40, 8), (1, 3))


@pytest.mark.parametrize(
    ("channels", "variant", "submaps"),
    [
        (3, None, 51),  # 16 banks: 4 x 16 less the 13 that the last group misses
        (16, None, 64),
        (20, None, 4 * 32 - 12),
        (3, "1tops-4ple", 4 * 8 - 5),  # 8 banks
    ],
)
def test_2_a_stride_of_two_has_an_interleave_before_it(channels: int, variant: str | None, submaps: int) -> None:
    graph = conv((1, channels, 15, 16), (24, channels, 3, 3), strides=(2, 2))
    first, second = parts(graph, variant=variant)
    assert (first.kind, first.program) == (Kind.FUSED, "interleave_2x2")
    assert (first.ins, first.out) == (((15, 16, channels),), (8, 8, submaps))
    assert (second.kind, second.stride, second.ins, second.out) == (Kind.MCE, 2, (first.out,), (8, 8, 24))
    assert second.channels == channels
    assert second.mce_scale == ((1, 1), (1, 1), (1, 4))


def test_2_the_convolution_accounts_for_the_layer() -> None:
    graph = conv((1, 3, 16, 16), (8, 3, 3, 3), strides=(2, 2), relu=True)
    assert owners(graph) == [(), ("c", "y")]


@pytest.mark.parametrize(
    ("weights", "attrs", "why"),
    [
        ((16, 16, 4, 4), {"pads": (1, 1, 2, 2)}, "a kernel of 4x4"),
        ((16, 16, 6, 6), {"pads": (2, 2, 3, 3)}, "a kernel of 6x6"),
        ((16, 16, 11, 11), {}, "a kernel of 11x11"),
        ((16, 8, 3, 3), {"group": 2}, "2 groups"),
        ((32, 1, 3, 3), {"group": 16}, "16 groups"),
        ((16, 1, 3, 5), {"group": 16}, "a depthwise kernel of 3x5"),
        ((16, 16, 3, 3), {"dilations": (2, 2)}, "dilated"),
        ((16, 16, 3, 3), {"strides": (3, 3)}, "a stride of 3x3"),
        ((16, 16, 3, 3), {"strides": (1, 2)}, "a stride of 1x2"),
        ((16, 16, 9, 9), {"strides": (2, 2)}, "a kernel of 9x9 with stride 2"),
    ],
)
def test_16_convolutions_that_do_not_run(weights: Shape, attrs: dict[str, Any], why: str) -> None:
    refused(conv(MAP, weights, **attrs), why)


@pytest.mark.parametrize("sides", [(1, 1), (2, 2), (3, 1), (1, 7), (5, 9), (9, 9)])
def test_16_convolutions_that_run(sides: tuple[int, int]) -> None:
    assert only(conv(MAP, (16, 16, *sides))).kind is Kind.MCE


def test_16_frames_that_come_together_run_one_after_another() -> None:
    one_frame, three = conv((1, 8, 16, 16), (8, 8, 3, 3)), conv((3, 8, 16, 16), (8, 8, 3, 3))
    assert planned(three).cycles == 3 * planned(one_frame).cycles


def test_16_a_batch_that_is_not_of_every_map_does_not_run() -> None:
    rows: list[Row] = [("Conv", "x w", "a", PAD), ("Conv", "z w", "b", PAD)]
    graph = network({"x": MAP, "z": (2, 16, 16, 16)}, rows, "a b", W3)
    found = {each.name: each for each in planned(graph).passes if each.off_npu}
    assert list(found) == ["b"]
    assert "single frames" in found["b"].off_npu
    assert found["b"].cost.bounds["fallback"] > 0


def test_16_weights_that_the_graph_makes_do_not_run() -> None:
    graph = network({"x": MAP, "w": (16, 16, 3, 3)}, [("Conv", "x w", "y", PAD)], "y")
    refused(graph, "weights made by the graph")


def test_16_three_axes_do_not_run() -> None:
    refused(conv((1, 4, 6, 6, 6), (4, 4, 3, 3, 3), pads=(1,) * 6), "three axes")


# --- rules 3 and 4: transposed convolutions, depth to space -----------------------------------------------------------


def test_3_the_engine_stuffs_the_input_with_zeros() -> None:
    part = only(one("ConvTranspose", reads="x w", weights={"w": (16, 4, 3, 3)}, strides=(2, 2), pads=(1, 1, 0, 0)))
    assert (part.kind, part.upscale, part.kernel, part.stride) == (Kind.MCE, 2, (3, 3), 1)
    assert part.out == (32, 32, 4)  # 15 x 2 + 3 - 1
    assert part.pads == (1, 0, 1, 0)  # 3 - 1 - 1 above and left, nothing below and right


def test_3_a_long_kernel_has_a_part_that_stuffs() -> None:
    attrs: dict[str, Any] = {"strides": (2, 2), "pads": (4, 4, 4, 4), "output_padding": (1, 1)}
    stuffed, part = parts(one("ConvTranspose", reads="x w", weights={"w": (16, 1, 9, 9)}, **attrs))
    assert (stuffed.depthwise, stuffed.upscale, stuffed.kernel, stuffed.out) == (True, 2, (1, 1), (32, 32, 16))
    assert (part.depthwise, part.upscale, part.kernel, part.ins) == (False, 1, (9, 9), ((32, 32, 16),))
    assert part.pads == (4, 0, 4, 0)
    assert part.out == (32, 32, 1)


@pytest.mark.parametrize(
    ("weights", "attrs", "why"),
    [
        ((16, 4, 9, 9), {"strides": (4, 4)}, "stride 4x4"),
        ((16, 4, 3, 3), {}, "stride 1x1"),
        ((16, 4, 4, 4), {"strides": (2, 2)}, "a kernel of 4x4"),
        ((16, 4, 2, 2), {"strides": (2, 2), "pads": (2, 2, 0, 0)}, "crops more than the kernel reaches"),
        ((16, 1, 3, 3), {"strides": (2, 2), "group": 16}, "transposed convolutions in 16 groups"),
        ((16, 4, 3, 3), {"strides": (2, 2), "group": 4}, "transposed convolutions in 4 groups"),
    ],
)
def test_3_transposed_convolutions_that_do_not_run(weights: Shape, attrs: dict[str, Any], why: str) -> None:
    refused(one("ConvTranspose", reads="x w", weights={"w": weights}, **attrs), why)


def test_4_depth_to_space_is_a_transposed_convolution() -> None:
    part = only(one("DepthToSpace", blocksize=2))
    assert (part.kernel, part.upscale, part.pads, part.depthwise) == ((2, 2), 2, (1, 0, 1, 0), False)
    assert (part.ins, part.out) == (((16, 16, 16),), (32, 32, 4))
    assert part.weights is not None
    assert part.weights.coded is Coded.ONE_HOT


def test_4_blocks_of_four_are_two_of_them() -> None:
    graph = one("DepthToSpace", (1, 32, 8, 8), blocksize=4)
    first, second = parts(graph)
    assert [(each.ins[0], each.out) for each in (first, second)] == [
        ((8, 8, 32), (16, 16, 8)), ((16, 16, 8), (32, 32, 2))
    ]  # fmt: skip
    assert owners(graph) == [(), ("y",)]


def test_4_other_blocks_and_the_way_back_do_not_run() -> None:
    refused(one("DepthToSpace", (1, 9, 8, 8), blocksize=3), "blocks of 3")
    refused(one("SpaceToDepth", blocksize=2), "SpaceToDepth")


# --- rule 5: activations ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("op", ["Relu", "Clip"])
def test_5_an_activation_goes_into_the_part_before_it(op: str) -> None:
    graph = network({"x": MAP}, [("Conv", "x w", "c", PAD), (op, "c", "y", {})], "y", W3)
    assert owners(graph) == [("c", "y")]


@pytest.mark.parametrize(
    ("rows", "outputs"),
    [
        ([("Conv", "x w", "a", PAD), ("Relu", "a", "b", {}), ("Add", "a b", "y", {})], "y"),  # read twice
        ([("Conv", "x w", "a", PAD), ("Relu", "a", "b", {})], "a b"),  # an output of the network
        ([("MaxPool", "x", "a", {"kernel_shape": (2, 2), "strides": (2, 2)}), ("Relu", "a", "b", {})], "b"),
    ],
)
def test_5_elsewhere_it_is_an_identity(rows: list[Row], outputs: str) -> None:
    weights = W3 if rows[0][0] == "Conv" else {}
    identity = parts(network({"x": MAP}, rows, outputs, weights), EQUAL)[1]
    assert (identity.kind, identity.depthwise, identity.kernel) == (Kind.MCE, True, (1, 1))
    assert identity.weights is not None
    assert identity.weights.coded is Coded.IDENTITY


def melting(**attrs: Any) -> Graph:
    rows: list[Row] = [("Add", "x z", "s", {}), ("Relu", "s", "r", {}), ("Conv", "r w", "y", PAD | attrs)]
    return network({"x": MAP, "z": MAP}, rows, "y", {"w": (16, 1 if attrs.get("group") else 16, 3, 3)})


def test_5_for_the_vendor_an_identity_melts_into_the_convolution_behind_it() -> None:
    options = Options(equal_scales=True, as_vendor=True)
    addition, part = parts(melting(), options)
    assert (addition.kind, part.kernel, part.depthwise) == (Kind.PLE, (3, 3), False)
    assert part.weights is not None
    assert part.weights.coded is Coded.REPEATED
    assert owners(melting(), options) == [("s",), ("y", "r")]


def test_5_its_weights_are_then_those_of_one_channel_again_and_again() -> None:
    options = Options(equal_scales=True, as_vendor=True)
    # A channel has 9 x 16 weights, of 8 bits each, or a palette of 9 of 9 bits and an index of 4 bits for each; before
    # them stand 118 bits. 1270 bits are 160 B in units of 16 B, 775 are 112; 16 channels are 16 streams.
    found = {each.name: each.weight_stream_bytes for each in planned(melting(), options).passes if each.layers}
    assert found["y"] == 16 * 112
    assert passes(melting(), EQUAL)["y"].weight_stream_bytes == 16 * 160


def test_5_it_melts_nowhere_else() -> None:
    options = Options(equal_scales=True, as_vendor=True)
    assert owners(melting(), EQUAL) == [("s",), ("r",), ("y",)]  # the activation would be lost
    assert owners(melting(strides=(2, 2)), options) == [("s",), ("r",), (), ("y",)]  # an interleave is first
    assert owners(melting(group=16), options) == [("s",), ("r",), ("y",)]  # depthwise
    rows: list[Row] = [("Relu", "x", "r", {}), ("Conv", "r w", "c", PAD), ("Add", "c r", "y", {})]
    assert owners(network({"x": MAP}, rows, "y", W3), options) == [("r",), ("c",), ("y",)]  # two readers


# --- rule 6 -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("op", "program"), [("LeakyRelu", "leaky_relu"), ("Sigmoid", "sigmoid"), ("Tanh", "sigmoid")])
def test_6_fused_programs(op: str, program: str) -> None:
    part = only(one(op))
    assert (part.kind, part.program, part.out) == (Kind.FUSED, program, (16, 16, 16))
    assert part.is_depthwise


def test_6_prelu_is_costed_as_leaky_relu_and_said_so() -> None:
    prelu = one("PRelu", reads="x s", weights={"s": (16, 1, 1)})
    assert only(prelu) == only(one("LeakyRelu"))
    assert planned(prelu).cycles == planned(one("LeakyRelu")).cycles
    (notice,) = (each for each in planned(prelu).warnings if each.code == "approximated-op")
    assert "1 layer(s), y" in notice.message
    assert not planned(one("LeakyRelu")).warnings


def test_6_layers_that_are_approximated_are_counted_and_the_first_named() -> None:
    rows: list[Row] = [("PRelu", f"{'x' if not i else f'p{i - 1}'} s", f"p{i}", {}) for i in range(5)]
    graph = network({"x": MAP}, rows, "p4", {"s": (16, 1, 1)})
    (notice,) = lowered(graph).notices
    assert notice.message.endswith("5 layer(s), p0, p1, p2, ...")


# --- rules 7 to 10: pooling -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "kernel", "pads", "program", "flavour"),
    [
        ((16, 16), 2, (0, 0, 0, 0), "max_pool_2x2", ""),
        ((15, 17), 2, (0, 0, 1, 1), "max_pool_2x2", ""),
        ((16, 16), 1, (0, 0, 0, 0), "downsample_2x2", ""),
        ((15, 15), 3, (0, 0, 0, 0), "max_pool_3x3", "odd"),
        ((16, 16), 3, (0, 0, 1, 1), "max_pool_3x3", "even"),
        ((15, 417), 3, (0, 0, 0, 0), "max_pool_3x3", "odd"),
    ],
)
def test_7_halving_pools(
    frame: tuple[int, int], kernel: int, pads: tuple[int, ...], program: str, flavour: str
) -> None:
    part = only(one("MaxPool", (1, 16, *frame), kernel_shape=(kernel, kernel), strides=(2, 2), pads=pads))
    assert (part.kind, part.program, part.flavour) == (Kind.FUSED, program, flavour)
    assert part.ple_scale == ((1, 2), (1, 2), (1, 1))


@pytest.mark.parametrize(
    ("frame", "attrs"),
    [
        ((15, 16), {"kernel_shape": (2, 2), "strides": (2, 2)}),  # of both parities
        ((16, 16), {"kernel_shape": (3, 3), "strides": (2, 2), "pads": (1, 1, 1, 1)}),
        ((15, 15), {"kernel_shape": (3, 3), "strides": (2, 2), "pads": (1, 1, 1, 1)}),
        ((15, 419), {"kernel_shape": (3, 3), "strides": (2, 2)}),  # wider than 417
        ((16, 16), {"kernel_shape": (3, 3), "strides": (3, 3)}),
        ((16, 16), {"kernel_shape": (2, 2), "strides": (2, 2), "dilations": (2, 2)}),
    ],
)
def test_7_pools_that_do_not_run(frame: tuple[int, int], attrs: dict[str, Any]) -> None:
    refused(one("MaxPool", (1, 16, *frame), **attrs), "max pooling")


def test_7_windows_beyond_the_frame_count_as_padding() -> None:
    """With ceil_mode, 16 columns in windows of 3 with step 2 reach one column beyond: the even flavour."""
    part = only(one("MaxPool", kernel_shape=(3, 3), strides=(2, 2), ceil_mode=1))
    assert (part.program, part.flavour, part.out) == ("max_pool_3x3", "even", (8, 8, 16))


def test_7_indices_do_not_run() -> None:
    graph = network({"x": MAP}, [("MaxPool", "x", "y i", {"kernel_shape": (2, 2), "strides": (2, 2)})], "y i")
    found = [each for each in planned(graph).passes if each.off_npu]
    assert all("indices" in each.off_npu for each in found)
    assert sum(each.cost.bounds.get("fallback", 0.0) for each in found) > 0


@pytest.mark.parametrize("side", [7, 8])
def test_8_means_over_the_whole_frame(side: int) -> None:
    frame = (1, 16, side, side)
    for graph in (one("GlobalAveragePool", frame), one("ReduceMean", frame, axes=(2, 3), keepdims=1)):
        part = only(graph)
        assert (part.kind, part.program, part.flavour) == (Kind.FUSED, "mean", f"{side}x{side}")
        assert part.ple_scale == ((1, 1), (1, 1), (1, 1))
    pool = only(one("AveragePool", frame, kernel_shape=(side, side), strides=(side, side)))
    assert (pool.program, pool.ple_scale) == ("mean", ((1, side), (1, side), (1, 1)))


def test_8_other_means() -> None:
    refused(one("GlobalAveragePool", (1, 16, 9, 9)), "a mean over 9x9")
    refused(one("GlobalAveragePool", (1, 16, 7, 8)), "a mean over 7x8")
    refused(one("ReduceMean", (1, 16, 7, 7), axes=(1,), keepdims=1), "a mean")
    assert parts(one("GlobalAveragePool", (1, 16, 1, 1))) == []


def test_9_average_pools_of_three() -> None:
    part = only(one("AveragePool", kernel_shape=(3, 3), pads=(1, 1, 1, 1)))
    assert (part.kind, part.program, part.out) == (Kind.PLE, "avg_pool_3x3", (16, 16, 16))
    refused(one("AveragePool", kernel_shape=(3, 3)), "average pooling 3x3")
    refused(one("AveragePool", kernel_shape=(2, 2), strides=(2, 2)), "average pooling 2x2")


def test_9_their_planes_must_fit_a_bank() -> None:
    # A bank of 64 KiB less 4 KiB of code holds 2 planes of 30,720 B, as of 240 x 128; of more than 16 channels 4
    # planes.
    attrs: dict[str, Any] = {"kernel_shape": (3, 3), "pads": (1, 1, 1, 1)}
    assert only(one("AveragePool", (1, 16, 240, 128), **attrs)).kind is Kind.PLE
    assert only(one("AveragePool", (1, 16, 241, 128), **attrs)).kind is Kind.OFF
    assert only(one("AveragePool", (1, 17, 120, 128), **attrs)).kind is Kind.PLE
    assert only(one("AveragePool", (1, 17, 121, 128), **attrs)).kind is Kind.OFF


@pytest.mark.parametrize(
    ("kernel", "flavours", "between"),
    [((3, 3), ["x", "y"], (16, 14, 16)), ((1, 3), ["x"], (16, 14, 16)), ((3, 1), ["y"], (14, 16, 16))],
)
def test_10_max_pools_with_a_stride_of_one_are_one_dimensional(
    kernel: tuple[int, int], flavours: list[str], between: tuple[int, int, int]
) -> None:
    graph = one("MaxPool", kernel_shape=kernel)
    found = parts(graph)
    assert [(each.kind, each.program, each.flavour) for each in found] == [
        (Kind.PLE, "max_pool_1d", flavour) for flavour in flavours
    ]
    assert found[0].out == between
    assert not found[0].joins
    assert owners(graph)[-1] == ("y",)


def test_10_a_window_of_one_is_nothing() -> None:
    assert parts(one("MaxPool", kernel_shape=(1, 1))) == []


# --- rule 11: element-wise --------------------------------------------------------------------------------------------


def both(op: str) -> Graph:
    return network({"x": MAP, "z": MAP}, [(op, "x z", "y", {})], "y")


@pytest.mark.parametrize(
    ("equal", "program"), [(True, "addition"), (False, "addition_rescale"), (None, "addition_rescale")]
)
def test_11_additions_by_option(equal: bool | None, program: str) -> None:
    part = only(both("Add"), Options(equal_scales=equal))
    assert (part.kind, part.program, part.ins, part.weights) == (Kind.PLE, program, ((16, 16, 16),) * 2, None)


def stored(arrays: dict[str, Array]) -> dict[str, Constant]:
    return {
        name: Constant(name, value.shape, dtype_of(value), partial(np.array, value)) for name, value in arrays.items()
    }


def dtype_of(value: Array) -> DType:
    return DType.INT8 if value.dtype == np.int8 else DType.FLOAT32


def quantised(scales: dict[str, float], op: str = "Add") -> Graph:
    """``y`` = x + z of maps that are quantised before and after, each by its own scale."""
    rows: list[Row] = []
    for name in ("x", "z"):
        rows += [("QuantizeLinear", f"{name} s{name} o", f"{name}q", {})]
        rows += [("DequantizeLinear", f"{name}q s{name} o", f"{name}d", {})]
    rows += [(op, "xd zd", "a", {"axis": 1} if op == "Concat" else {})]
    rows += [("QuantizeLinear", "a sy o", "aq", {}), ("DequantizeLinear", "aq sy o", "y", {})]
    nodes = tuple(Node(made, name, tuple(read.split()), (made,), attrs) for name, read, made, attrs in rows)
    arrays = {f"s{name}": np.array(scale, np.float32) for name, scale in scales.items()}
    arrays["o"] = np.array(0, np.int8)
    return bind(Model("hand-made", (Value("x", MAP), Value("z", MAP)), ("y",), nodes, stored(arrays)))


def test_11_additions_by_the_quantisation_of_the_graph() -> None:
    assert programs(quantised({"x": 0.5, "z": 0.5, "y": 0.5})) == ["addition"]
    assert programs(quantised({"x": 0.5, "z": 0.25, "y": 0.5})) == ["addition_rescale"]
    assert programs(quantised({"x": 0.5, "z": 0.5, "y": 0.25})) == ["addition_rescale"]
    assert programs(quantised({"x": 0.5, "z": 0.25, "y": 0.5}), EQUAL) == ["addition"]


def test_11_sums_of_three_are_two_additions() -> None:
    graph = network({"a": MAP, "b": MAP, "c": MAP}, [("Sum", "a b c", "y", {})], "y")
    assert programs(graph, EQUAL) == ["addition", "addition"]
    assert owners(graph, EQUAL)[-1] == ("y",)


def test_11_a_sum_of_one_is_a_view_and_a_map_may_be_added_to_itself() -> None:
    assert parts(one("Sum")) == []
    assert programs(one("Add", reads="x x"), EQUAL) == ["addition"]


def test_11_multiplications_are_free_for_the_vendor_alone() -> None:
    assert programs(both("Mul")) == ["multiplication"]
    own, vendor = (passes(both("Mul"), options)["y"].cost.bounds["vector"] for options in (PLAIN, VENDOR))
    # 16 patches x 35 + 1500, at least 2500: one stripe
    assert own == max(16 * 35 + 1500, 2500)
    assert vendor == 2500
    big = network({"x": (1, 16, 256, 256), "z": (1, 16, 256, 256)}, [("Mul", "x z", "y", {})], "y")
    own, vendor = (passes(big, options)["y"].cost.bounds["vector"] for options in (PLAIN, VENDOR))
    assert own >= 64 * 64 * 35
    assert vendor % 2500 == 0  # of its stripes; the patches cost nothing
    assert vendor < own


@pytest.mark.parametrize("op", ["Add", "Mul", "Sub", "Div"])
def test_11_a_constant_a_channel_goes_into_the_weights(op: str) -> None:
    rows: list[Row] = [("Conv", "x w", "c", PAD), (op, "c k", "y", {})]
    assert owners(network({"x": MAP}, rows, "y", W3 | {"k": (16, 1, 1)})) == [("c", "y")]
    alone = only(network({"x": MAP}, [(op, "x k", "y", {})], "y", {"k": (1,)}))
    assert (alone.kind, alone.depthwise, alone.kernel) == (Kind.MCE, True, (1, 1))
    assert alone.weights is not None
    assert alone.weights.coded is Coded.UNIFORM


@pytest.mark.parametrize("op", ["Sub", "Div"])
def test_11_of_two_maps_only_sums_and_products(op: str) -> None:
    refused(both(op), f"{op} of two maps")


def test_11_constant_maps_and_maps_of_other_shapes_do_not_run() -> None:
    refused(one("Add", reads="x k", weights={"k": (16, 16, 16)}), "a constant map")
    graph = network({"x": MAP, "z": (1, 16, 1, 1)}, [("Mul", "x z", "y", {})], "y")
    refused(graph, "maps of different shapes")


def test_11_a_quantised_addition_of_a_constant_is_not_free() -> None:
    """x + k with scales and zero points of their own: 16 constants are the work of a 1x1 depthwise convolution."""
    weights: dict[str, Shape] = dict.fromkeys(("xs", "xz", "ks", "kz", "ys", "yz"), ())
    rows: list[Row] = [("com.microsoft::QLinearAdd", "x xs xz k ks kz ys yz", "y", {})]
    part = only(network({"x": MAP}, rows, "y", weights | {"k": (16, 1, 1)}))
    assert (part.kind, part.depthwise, part.weights and part.weights.coded) == (Kind.MCE, True, Coded.UNIFORM)
    rows = [("com.microsoft::QLinearAdd", "x xs xz z ks kz ys yz", "y", {})]
    assert programs(network({"x": MAP, "z": MAP}, rows, "y", weights)) == ["addition_rescale"]


def test_work_beside_the_hardware_reads_its_constants() -> None:
    graph = one("InstanceNormalization", reads="x s b", weights={"s": (16,), "b": (16,)})
    (found,) = planned(graph).passes
    assert found.cost.traffic == {("dram", "ifm"): 4096, ("dram", "weights"): 32, ("dram", "ofm"): 4096}


# --- rules 12 and 13 --------------------------------------------------------------------------------------------------


def resized(mode: str, scales: tuple[float, ...] = (1.0, 1.0, 2.0, 2.0), options: Options = PLAIN) -> list[Part]:
    return parts(with_numbers(MAP, "Resize", list(scales), "x . n", mode=mode), options)


def test_12_nearest_neighbours_are_one_identity() -> None:
    (part,) = resized("nearest")
    assert (part.kind, part.depthwise, part.upscale, part.out) == (Kind.MCE, True, 2, (32, 32, 16))


def test_12_bilinear_on_signed_integers_is_three() -> None:
    before, part, after = resized("linear")
    assert [each.upscale for each in (before, part, after)] == [1, 2, 1]
    assert all(each.depthwise for each in (before, part, after))
    assert (before.out, part.out, after.out) == ((16, 16, 16), (32, 32, 16), (32, 32, 16))
    assert len(resized("linear", options=Options(dtype="uint8"))) == 1


@pytest.mark.parametrize(
    ("mode", "scales", "why"),
    [
        ("cubic", (1.0, 1.0, 2.0, 2.0), "cubic resizing"),
        ("nearest", (1.0, 1.0, 3.0, 3.0), "resizing 16x16 to 48x48"),
        ("nearest", (1.0, 1.0, 2.0, 1.0), "resizing 16x16 to 32x16"),
    ],
)
def test_12_other_resizing_does_not_run(mode: str, scales: tuple[float, ...], why: str) -> None:
    refused(with_numbers(MAP, "Resize", list(scales), "x . n", mode=mode), why)


def test_13_one_quantisation_after_another_is_an_identity() -> None:
    rows: list[Row] = [("QuantizeLinear", "x a o", "p", {}), ("DequantizeLinear", "p a o", "d", {})]
    rows += [("QuantizeLinear", "d b o", "q", {}), ("DequantizeLinear", "q b o", "y", {})]
    nodes = tuple(Node(made, op, tuple(read.split()), (made,), {}) for op, read, made, _ in rows)

    def graph(first: float, second: float) -> Graph:
        arrays: dict[str, Array] = {
            "a": np.array(first, np.float32),
            "b": np.array(second, np.float32),
            "o": np.array(0, np.int8),
        }
        return bind(Model("hand-made", (Value("x", MAP),), ("y",), nodes, stored(arrays)))

    assert parts(graph(0.5, 0.5)) == []
    identity = only(graph(0.5, 0.25))
    assert (identity.kind, identity.depthwise, identity.kernel) == (Kind.MCE, True, (1, 1))


# --- rule 14: fully connected -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inputs", "bricks"),
    [
        (256, (4, 4, 16)),  # 16 patches
        (272, (8, 4, 16)),  # 17: 8 rows of 4 columns
        (512, (8, 4, 16)),
        (528, (8, 8, 16)),  # 33
        (1024, (8, 8, 16)),  # 64: one whole group, nothing left
        (1040, (8, 8, 17)),  # 65
        (16, (4, 4, 1)),
    ],
)
def test_14_inputs_are_read_as_bricks(inputs: int, bricks: tuple[int, int, int]) -> None:
    part = only(network({"x": (1, inputs)}, [("Gemm", "x w", "y", {"transB": 1})], "y", {"w": (10, inputs)}))
    assert (part.kind, part.ins[0], part.out, part.channels) == (Kind.FC, bricks, (1, 1, 10), inputs)


def test_14_the_view_before_it_and_the_activation_behind_it_cost_nothing() -> None:
    rows: list[Row] = [("Conv", "x w", "c", PAD), ("Flatten", "c", "f", {}), ("Gemm", "f v", "g", {"transB": 1})]
    graph = network({"x": MAP}, [*rows, ("Relu", "g", "y", {})], "y", W3 | {"v": (10, 4096)})
    assert kinds(graph) == [Kind.MCE, Kind.FC]
    assert owners(graph) == [("c", "f"), ("g", "y")]


def test_14_rows_of_a_product_are_a_convolution() -> None:
    part = only(network({"x": (12, 64)}, [("MatMul", "x w", "y", {})], "y", {"w": (64, 32)}))
    assert part.kind in (Kind.MCE, Kind.FC)
    found = only(network({"x": (1, 12, 64)}, [("MatMul", "x w", "y", {})], "y", {"w": (64, 32)}))
    assert (found.kind, found.ins, found.out, found.kernel) == (Kind.MCE, ((1, 12, 64),), (1, 12, 32), (1, 1))


def test_14_products_of_two_activations_do_not_run() -> None:
    refused(network({"x": (4, 8), "z": (8, 4)}, [("MatMul", "x z", "y", {})], "y"), "two activations")


# --- rule 15 ----------------------------------------------------------------------------------------------------------


def joined(channels: tuple[int, ...], *more: Row, axis: int = 1, weights: dict[str, Shape] | None = None) -> Graph:
    ins = {f"x{index}": (1, count, 16, 16) for index, count in enumerate(channels)}
    rows: list[Row] = [("Concat", " ".join(ins), "y", {"axis": axis}), *more]
    return network(ins, rows, rows[-1][2], weights)


def test_15_whole_bricks_are_joined_as_they_are() -> None:
    part = only(joined((16, 32, 16)))
    assert (part.kind, part.axis, part.offsets, part.out) == (Kind.CONCAT, 2, (0, 16, 48), (16, 16, 64))


def test_15_others_are_padded_and_a_selector_drops_the_padding() -> None:
    part, selector = parts(joined((12, 20, 16)))
    assert (part.offsets, part.out) == ((0, 16, 48), (16, 16, 64))  # 16, 32 and 16 channels
    assert (selector.kind, selector.kernel, selector.channels, selector.out) == (Kind.MCE, (1, 1), 64, (16, 16, 48))
    assert selector.weights is not None
    assert selector.weights.zero_runs == ((12, 4), (36, 12))
    assert owners(joined((12, 20, 16))) == [(), ("y",)]


def test_15_the_selector_goes_into_the_convolution_behind_it_where_that_takes_no_more() -> None:
    # 1 x 32 x 8 <= 32 x 24 + 1 x 24 x 8: it goes. 9 x 32 x 64 = 18432 > 32 x 24 + 9 x 24 x 64 = 14592: it stays.
    ins = (12, 12)
    gone = joined(ins, ("Conv", "y w", "c", {}), weights={"w": (8, 24, 1, 1)})
    part = parts(gone)[-1]
    assert len(parts(gone)) == 2
    assert (part.channels, part.ins[0][2], part.weights and part.weights.zero_runs) == (32, 32, ((12, 4), (28, 4)))
    stays = joined(ins, ("Conv", "y w", "c", PAD), weights={"w": (64, 24, 3, 3)})
    assert [each.kernel for each in parts(stays)] == [(1, 1), (1, 1), (3, 3)]


def test_15_along_the_other_axes_nothing_is_padded() -> None:
    for axis, at in ((2, 0), (3, 1), (-1, 1)):
        part = only(joined((12, 12), axis=axis))
        assert (part.axis, part.offsets) == (at, (0, 16))


def test_15_operands_of_another_scale_are_requantised_first() -> None:
    assert [each.kind for each in parts(joined((16, 16)), Options(equal_scales=False))] == [
        Kind.MCE, Kind.MCE, Kind.CONCAT
    ]  # fmt: skip
    differs = quantised({"x": 0.5, "z": 0.25, "y": 0.5}, "Concat")
    assert kinds(differs) == [Kind.MCE, Kind.CONCAT]  # z alone
    assert kinds(differs, EQUAL) == [Kind.CONCAT]


def test_15_constants_and_other_ranks_do_not_run() -> None:
    refused(one("Concat", reads="x k", weights={"k": (1, 16, 16, 16)}, axis=1), "with constants")
    graph = network({"x": (1, 16), "z": (1, 16)}, [("Concat", "x z", "y", {"axis": 1})], "y")
    refused(graph, "a concatenation")


def test_15_a_reshape_is_a_copy_and_ones_are_nothing() -> None:
    part = only(with_numbers(MAP, "Reshape", [1, 4, 32, 32]))
    assert (part.kind, part.ins, part.out) == (Kind.RESHAPE, ((16, 16, 16),), (32, 32, 4))
    assert parts(with_numbers((1, 16, 1, 1), "Reshape", [1, 16])) == []
    cost = passes(with_numbers(MAP, "Reshape", [1, 4, 32, 32]))
    assert sum(each.cost.traffic.get(("dram", "ofm"), 0) for each in cost.values()) == 16 * 16 * 16


# --- what the vendor's compiler has no rule for -----------------------------------------------------------------------


def test_padding_is_an_identity_with_that_padding() -> None:
    part = only(with_numbers(MAP, "Pad", [0, 0, 1, 2, 0, 0, 3, 4]))
    assert (part.kind, part.depthwise, part.pads, part.out) == (Kind.MCE, True, (1, 3, 2, 4), (20, 22, 16))


@pytest.mark.parametrize(
    ("numbers", "mode", "why"),
    [
        ([0, 0, 1, 1, 0, 0, 1, 1], "reflect", "reflect padding"),
        ([0, 1, 0, 0, 0, 1, 0, 0], "constant", "other axes"),
        ([0, 0, -1, 0, 0, 0, 0, 0], "constant", "other axes"),
    ],
)
def test_other_padding_does_not_run(numbers: list[int], mode: str, why: str) -> None:
    refused(with_numbers(MAP, "Pad", numbers, mode=mode), why)


NORM: dict[str, Shape] = dict.fromkeys(("g", "b", "m", "v"), (16,))


def normed(*before: Row, weights: dict[str, Shape] | None = None, **attrs: Any) -> Graph:
    last = before[-1][2] if before else "x"
    return network(
        {"x": MAP}, [*before, ("BatchNormalization", f"{last} g b m v", "y", attrs)], "y", NORM | (weights or {})
    )


def test_a_batch_norm_goes_into_the_weights_before_it() -> None:
    assert owners(normed(("Conv", "x w", "c", PAD), weights=W3)) == [("c", "y")]


def test_behind_an_activation_it_is_a_pass_of_its_own() -> None:
    graph = normed(("Conv", "x w", "c", PAD), ("Relu", "c", "r", {}), weights=W3)
    assert owners(graph) == [("c", "r"), ("y",)]
    part = parts(graph)[1]
    assert (part.kind, part.depthwise, part.kernel) == (Kind.MCE, True, (1, 1))
    assert part.weights is not None
    assert part.weights.coded is Coded.UNIFORM


def test_statistics_that_the_graph_makes_do_not_run() -> None:
    ins: dict[str, Shape] = {"x": MAP, **NORM}
    refused(network(ins, [("BatchNormalization", "x g b m v", "y", {})], "y"), "statistics")


@pytest.mark.parametrize("graph", [one("Softmax"), one("LRN", size=5), one("Erf"), one("Transpose", perm=(0, 2, 3, 1))])
def test_operators_that_do_not_run(graph: Graph) -> None:
    refused(graph, graph.layers[0].op)


def test_layers_that_make_something_from_nothing_do_not_run() -> None:
    graph = network({"x": MAP}, [("RandomNormal", "", "n", {"shape": MAP}), ("Add", "x n", "y", {})], "y")
    found = {each.name: each for each in planned(graph, EQUAL).passes}
    assert "from nothing" in found["n"].off_npu


def test_unknown_operators_are_left_out_and_what_they_make_comes_from_outside() -> None:
    nodes = (Node("u", "made.up::Thing", ("x",), ("u",), {}), Node("y", "Conv", ("u", "w"), ("y",), PAD))
    weights = {"w": Constant("w", (16, 16, 3, 3), DType.FLOAT32, None)}
    declared = {"u": Value("u", MAP)}
    found = planned(bind(Model("hand-made", (Value("x", MAP),), ("y",), nodes, weights, declared)))
    assert [each.layers for each in found.passes if each.layers] == [("y",)]
    assert found.cycles == planned(conv(MAP, (16, 16, 3, 3))).cycles


def test_branches_that_are_not_taken_keep_their_parameters() -> None:
    graph = network({"x": MAP}, [("Conv", "x w", "y", PAD)], "y", W3)
    spare = Tensor("v", (16, 16, 3, 3), DType.FLOAT32, Role.WEIGHTS, ("v",))
    idle = Layer("idle", "npusim::Idle", ("v",), (), {})
    both_ways = structs.replace(graph, tensors={**graph.tensors, "v": spare}, layers=(*graph.layers, idle))
    assert lowered(both_ways).unowned == ("idle",)
    found = {each.layers: each.cost.cycles for each in planned(both_ways).passes}
    assert found[("idle",)] == 0
    assert planned(both_ways).cycles == planned(graph).cycles
    assert estimate(both_ways).totals.params == 2 * 16 * 16 * 9


def test_views_are_nothing_wherever_they_are() -> None:
    rows: list[Row] = [("Identity", "x", "a", {}), ("Conv", "a w", "c", PAD), ("Identity", "c", "y", {})]
    found = planned(network({"x": MAP}, rows, "y", W3))
    assert [(each.layers, each.cost.cycles > 0) for each in found.passes if each.layers] == [
        (("c", "y"), True), (("a",), False)
    ]  # fmt: skip


def test_only_elements_of_eight_bits() -> None:
    for dtype in ("int16", "float16", "float8e4m3fn"):
        with pytest.raises(InputError) as caught:
            planned(conv(MAP, (16, 16, 3, 3)), Options(dtype=dtype))
        assert caught.value.code == "bad-option"
