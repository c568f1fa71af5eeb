"""The sheet that networks are written on: names, shapes, shared parameters, the order of pixels, mistakes."""

import numpy as np
import pytest

from npusim.model import Model, Node
from npusim.zoo import build
from npusim.zoo.net import Net, upsample


def _ops(model: Model) -> list[str]:
    return [node.op for node in model.nodes]


def _node(model: Model, op: str, index: int = 0) -> Node:
    return [node for node in model.nodes if node.op == op][index]


def test_nodes_and_parameters_are_named_by_kind_and_place() -> None:
    net = Net()
    x = net.prelu(net.conv(net.input(3), 8, 5))
    model = net.model("tiny", net.conv(x, 4, 1, bias=False))
    assert [node.name for node in model.nodes] == ["conv1", "act2", "conv3"]
    # 8 filters of 3 channels, 5x5; a slope a channel; 4 filters of 8 channels.
    assert {name: constant.shape for name, constant in model.constants.items()} == {
        "conv1.weight": (8, 3, 5, 5), "conv1.bias": (8,), "act2.slope": (8, 1, 1), "conv3.weight": (4, 8, 1, 1),
    }  # fmt: skip
    assert model.inputs[0].name == "input"
    assert model.inputs[0].shape == (1, 3, "H", "W")
    assert model.outputs == ("output",)
    assert model.nodes[-1].outputs == ("output",)
    assert model.declared["output"].shape == (1, 4, None, None)


def test_parameters_have_no_elements_and_settings_do() -> None:
    net = Net()
    model = net.model("tiny", net.clip(net.conv(net.input(1), 4, 3), 0, 255))
    assert model.constants["conv1.weight"].read is None
    limit = model.constants["clip2.max"]
    assert limit.read is not None
    assert limit.read() == np.float32(255)
    assert limit.shape == ()


def test_padding_keeps_the_size_unless_given() -> None:
    net = Net()
    x = net.conv(net.input(1), 4, 7)
    model = net.model("tiny", net.conv(x, 4, 3, stride=2, pad=0))
    assert [node.attrs["pads"] for node in model.nodes] == [(3,) * 4, (0,) * 4]
    assert model.nodes[1].attrs["strides"] == (2, 2)


def test_grouped_weights_see_their_own_channels() -> None:
    net = Net()
    model = net.model("tiny", net.conv(net.conv(net.input(1), 8, 1), 12, 3, groups=4))
    assert model.constants["conv2.weight"].shape == (12, 2, 3, 3)


def test_shared_weights_are_one_constant() -> None:
    model = build("carn-m-x2")
    first = [node for node in model.nodes if node.inputs[1:2] == ("block0.conv1.weight",)]
    assert len(first) == 3  # the three units of a cascade
    assert {node.inputs[2] for node in first} == {"block0.conv1.bias"}


def test_sharing_between_unequal_shapes_is_a_mistake() -> None:
    net = Net()
    x = net.conv(net.input(1), 4, 3, weights="shared")
    with pytest.raises(ValueError, match=r"shared.weight is shared"):
        net.conv(x, 4, 3, weights="shared")


def test_the_result_is_what_the_last_node_makes() -> None:
    net = Net()
    x = net.conv(net.input(1), 4, 3)
    net.relu(x)
    with pytest.raises(ValueError, match="not what the last node makes"):
        net.model("tiny", x)


def test_upsampling_by_four_is_two_doublings_and_by_three_is_one_step() -> None:
    steps = {}
    for scale in (2, 3, 4):
        net = Net()
        model = net.model("tiny", upsample(net, net.input(16), scale))
        steps[scale] = [node.attrs["blocksize"] for node in model.nodes if node.op == "DepthToSpace"]
    assert steps == {2: [2], 3: [3], 4: [2, 2]}


def test_sesr_makes_pixels_in_the_order_of_tensorflow_and_twice_for_four() -> None:
    model = build("sesr-m5-x4")
    shuffles = [node for node in model.nodes if node.op == "DepthToSpace"]
    assert [(node.attrs["blocksize"], node.attrs["mode"]) for node in shuffles] == [(2, "DCR"), (2, "DCR")]


def test_pytorch_networks_make_pixels_of_neighbouring_channels() -> None:
    assert _node(build("edsr-baseline-x3"), "DepthToSpace").attrs == {"blocksize": 3, "mode": "CRD"}


def test_sesr_has_two_long_skips_and_its_hardware_form_one() -> None:
    quality, hardware = build("sesr-m5-x2"), build("sesr-m5-x2-hw")
    assert _ops(quality).count("Add") == 2
    assert _ops(quality).count("PRelu") == 5
    assert _node(quality, "Add", 1).inputs[1] == "input"
    assert _ops(hardware).count("Add") == 1
    assert _ops(hardware).count("Relu") == 5
    assert "input" not in _node(hardware, "Add").inputs


def test_expanded_sesr_has_linear_blocks_with_short_skips_and_no_biases() -> None:
    model = build("sesr-m5-x2-expanded")
    # 7 blocks of two convolutions; 5 short skips and 2 long ones.
    assert _ops(model).count("Conv") == 14
    assert _ops(model).count("Add") == 7
    assert not [name for name in model.constants if name.endswith(".bias")]
    assert model.constants["conv2.weight"].shape == (256, 1, 5, 5)
    assert model.constants["conv3.weight"].shape == (16, 256, 1, 1)


def test_a_map_is_resized_to_the_size_of_the_features_whatever_it_is() -> None:
    model = build("rfdn-x2")
    resize = _node(model, "Resize")
    assert resize.inputs[1:3] == ("", "")
    sizes = next(node for node in model.nodes if node.outputs == (resize.inputs[3],))
    kept, wanted = (next(node for node in model.nodes if node.outputs == (name,)) for name in sizes.inputs)
    assert (kept.inputs[0], kept.attrs) == (resize.inputs[0], {"start": 0, "end": 2})
    assert (wanted.op, wanted.attrs) == ("Shape", {"start": 2, "end": 4})


def test_the_definition_has_a_digest_that_a_change_of_any_part_changes() -> None:
    def digest(pad: int, limit: float) -> str:
        net = Net()
        return net.model("tiny", net.clip(net.conv(net.input(1), 4, 3, pad=pad), 0, limit)).sha256

    assert digest(1, 1) == digest(1, 1)
    assert len({digest(1, 1), digest(0, 1), digest(1, 2)}) == 3
