"""What the collapse takes of a network whose weights are absent, and what its proof does where a network cannot run."""

from __future__ import annotations

import numpy as np
import pytest
from chain_kit import Sheet, collapsed
from onnx import ModelProto, TensorProto, helper, numpy_helper

from npusim.bind import bind
from npusim.errors import EstimateError, InputError
from npusim.frontends.onnx import read_onnx
from npusim.profiles.load import load
from npusim.transform.collapse.engine import collapse
from npusim.transform.collapse.outcome import run
from npusim.transform.collapse.proof import FRAMES, prove, small
from npusim.transform.collapse.search import Rules

C = 8


def _block(sheet: Sheet) -> str:
    return sheet.conv(sheet.conv("x", C, 64, 3), 64, C, 1, bias=True)


# --- absent weights -------------------------------------------------------------------------------------------------


def test_zeros_of_constant_of_shape_are_numbers_where_the_rest_has_its_own() -> None:
    """A bias of zeros in a network with weights is zero; it is not taken for one that is absent."""
    sheet = Sheet(1, C, 9, 11)
    zeros = sheet.node("ConstantOfShape", sheet.constant([64], "int64"))
    wide = sheet.node("Conv", "x", sheet.random(64, C, 3, 3), zeros, pads=[1] * 4)
    found = collapsed(sheet.model(sheet.conv(wide, 64, C, 1)))
    assert not found.weightless
    made = found.model.constants[found.model.nodes[0].inputs[2]]
    assert made.read is not None
    assert not made.read().any()


def test_small_constants_do_not_make_a_network_of_absent_weights_whole() -> None:
    """Kernels that ConstantOfShape makes, a small bias that is stored: the kernel that comes out has no elements."""
    sheet = Sheet(1, C, 9, 11)
    kernels = [
        sheet.node("ConstantOfShape", sheet.constant(shape, "int64")) for shape in ([64, C, 3, 3], [C, 64, 1, 1])
    ]
    wide = sheet.node("Conv", "x", kernels[0], pads=[1] * 4)
    found = collapsed(sheet.model(sheet.node("Conv", wide, kernels[1], sheet.random(C))))
    assert found.weightless
    kernel, bias = (found.model.constants[name] for name in found.model.nodes[-1].inputs[1:])
    assert kernel.read is None
    assert bias.read is not None
    assert prove(found, found.network.graph).holds


def _external(proto: ModelProto) -> ModelProto:
    """The first constant in a file that is not there."""
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "weights.bin"
    return proto


def test_external_data_that_are_not_there_are_absent_weights() -> None:
    sheet = Sheet(1, C, 9, 11)
    model = read_onnx(_external(sheet.model(_block(sheet))))
    found = collapse(model, bind(model))
    assert len(found.chains) == 1
    assert found.weightless
    assert prove(found, bind(model)).holds


# --- the proof ------------------------------------------------------------------------------------------------------


def test_a_wrong_kernel_is_found() -> None:
    """One element of the new kernel off by 1e-6 of the largest."""
    sheet = Sheet(1, C, 9, 11)
    model = read_onnx(sheet.model(_block(sheet)))
    found = collapse(model, bind(model))
    assert prove(found, bind(model)).holds
    kernel = found.emitted.arrays["conv0.collapsed.weight"].array
    kernel[0, 0, 0, 0] += 1e-6 * np.abs(kernel).max()
    assert not prove(found, bind(model)).holds


def test_a_network_that_cannot_run_is_proven_chain_by_chain() -> None:
    """An operator of another domain behind, whose shape the file states."""
    sheet = Sheet(1, C, 9, 11)
    wide = sheet.node("Relu", _block(sheet))
    sheet.nodes.append(helper.make_node("Strange", [wide], ["strange"], name="strange", domain="other"))
    proto = sheet.model(sheet.add(sheet.conv("strange", C, C, 3), sheet.conv("strange", C, C, 1)))
    proto.graph.value_info.append(helper.make_tensor_value_info("strange", TensorProto.FLOAT, (1, C, 9, 11)))
    proto.opset_import.append(helper.make_opsetid("other", 1))
    model = read_onnx(proto)
    found = collapse(model, bind(model))
    assert [chain.name for chain in found.chains] == ["conv0", "conv4"]
    proof = prove(found, bind(model))
    assert not proof.whole
    assert "Strange" in proof.why
    assert proof.holds
    assert [each.name for each in proof.chains] == ["conv1", "add6"]
    assert dict(proof.inputs) == {"x": (1, C, 9, 11), "strange": (1, C, 9, 11)}


def test_the_frame_of_the_proof_is_small_and_one_that_the_network_can_follow() -> None:
    sheet = Sheet(1, C, 360, 640)
    assert small(read_onnx(sheet.model(_block(sheet)))).tensors["x"].shape == (1, C, *FRAMES[0][::-1])
    sheet = Sheet("N", C, "H", "W")  # a batch that is free as well
    model = read_onnx(sheet.model(_block(sheet)))
    assert small(model).tensors["x"].shape == (1, C, *FRAMES[0][::-1])
    assert small(model, batch=2).tensors["x"].shape == (2, C, *FRAMES[0][::-1])
    assert small(model, proof_size=(5, 6), batch=1).tensors["x"].shape == (1, C, 6, 5)
    sheet = Sheet(1, 3, 12, 16)  # made for one size: 12 * 16 * 3 elements
    flat = sheet.node("Reshape", sheet.conv("x", 3, 3, 3), sheet.constant([1, 576], "int64"))
    assert small(read_onnx(sheet.model(flat))).tensors["x"].shape == (1, 3, 12, 16)
    sheet = Sheet("N", 12)
    with pytest.raises(InputError, match="dynamic-dim"):
        small(read_onnx(Sheet(1, "C", 5, 5).model("x")))
    assert small(read_onnx(sheet.model(sheet.node("MatMul", "x", sheet.random(12, 3))))).tensors["x"].shape == (1, 12)


# --- the whole ------------------------------------------------------------------------------------------------------


def test_without_a_frame_there_is_no_estimate_but_a_proof() -> None:
    sheet = Sheet(1, C, "H", "W")
    model = read_onnx(sheet.model(_block(sheet)))
    found = run(model, load("ethos-n78"), Rules())[1]
    assert found.holds
    assert found.before.estimate is None
    assert "--size" in found.why_not
    # 8 * 64 * 9 + 64 * 8 products at each of 17 * 13 positions before, 8 * 8 * 9 after.
    assert (found.before.macs, found.after.macs) == (221 * 5120, 221 * 576)
    assert (found.before.params, found.after.params) == (5120 + 8, 576 + 8)
    with pytest.raises(InputError, match="dynamic-dim"):
        run(model, load("ethos-n78"), Rules(), load={"batch": 1})  # who gives some must give all


def test_estimates_stand_beside_one_another() -> None:
    sheet = Sheet(1, C, 36, 64)
    model = read_onnx(sheet.model(_block(sheet)))
    found = run(model, load("ethos-n78"), Rules(), options={"planner": "best"})[1]
    assert found.before.estimate is not None
    assert found.after.estimate is not None
    assert found.before.estimate.totals.macs == found.before.macs == 36 * 64 * 5120
    assert found.after.estimate.totals.latency_s < found.before.estimate.totals.latency_s
    assert found.after.estimate.options.planner == "best"


def test_strict_fails_on_unknown_operators() -> None:
    sheet = Sheet(1, C, 9, 11)
    sheet.nodes.append(helper.make_node("Strange", [_block(sheet)], ["y"], name="strange", domain="other"))
    proto = sheet.model("y")
    proto.graph.value_info.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, C, 9, 11)))
    proto.opset_import.append(helper.make_opsetid("other", 1))
    proto.graph.output[0].CopyFrom(proto.graph.value_info[0])
    model = read_onnx(proto)
    assert run(model, load("ethos-n78"), Rules())[1].holds
    with pytest.raises(EstimateError, match="unknown-op"):
        run(model, load("ethos-n78"), Rules(), options={"strict": True})


def test_weights_worked_out_of_others_are_constants_too() -> None:
    """A kernel that the file stores turned round, behind a Transpose."""
    sheet = Sheet(1, C, 9, 11)
    turned = sheet.node("Transpose", sheet.random(3, 3, C, 64), perm=[3, 2, 0, 1])
    wide = sheet.node("Conv", "x", turned, pads=[1] * 4)
    proto = sheet.model(sheet.conv(wide, 64, C, 1))
    found = collapsed(proto)
    assert [node.op for node in found.model.nodes] == ["Conv"]
    assert numpy_helper.to_array(proto.graph.initializer[0]).shape == (3, 3, C, 64)
    assert list(found.model.constants) == ["conv1.collapsed.weight"]  # and what only served the old kernel is gone
