"""What a result says of the tensors between its passes, of SRAM, and of the hardware's ceilings."""

from __future__ import annotations

from pathlib import Path

import msgspec
import onnx
from onnx import TensorProto, helper

import npusim
from npusim.result import Estimate, read_result


def _saved(folder: Path) -> Path:
    """x -> Conv -> Relu -> Foo of a domain of its own -> Add of that and the Relu -> y."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], name="conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"], name="relu"),
        helper.make_node("Foo", ["r"], ["f"], name="foo", domain="acme"),
        helper.make_node("Add", ["r", "f"], ["y"], name="add"),
    ]
    weights = helper.make_tensor("w", TensorProto.FLOAT, [4, 4, 3, 3], [0.5] * 144)
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4, 8, 8]) for name in ("x", "y", "f")]
    graph = helper.make_graph(nodes, "named", ends[:1], ends[1:2], [weights], value_info=ends[2:])
    path = folder / "named.onnx"
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("acme", 1)]), path
    )
    return path


def test_tensors_between_passes(tmp_path: Path) -> None:
    result = npusim.estimate(npusim.load(_saved(tmp_path)), "ethos-n78")
    rows = {row.name: row for row in result.layers if row.reads}
    assert rows["conv"].fused == ("relu",)
    assert (rows["conv"].reads, rows["conv"].makes) == (("x",), ("c", "r"))
    assert (rows["add"].reads, rows["add"].makes) == (("r", "f"), ("y",))
    (unknown,) = result.unsupported
    assert (unknown.name, unknown.reads, unknown.makes) == ("foo", ("r",), ("f",))


def test_sram_of_the_passes_reaches_the_peak() -> None:
    result = npusim.estimate(npusim.load("sesr-m5-x2-hw", size=(640, 360)), "ethos-n78")
    assert max(row.sram_bytes for row in result.layers) == result.totals.peak_sram_bytes > 0


def test_ceilings() -> None:
    """Winograd of the Ethos-N: 2 x 2 outputs of 3 x 3 taps are 36 products, for 16 multiplications: 2.25."""
    graph = npusim.load("sesr-m3-x2-hw", size=(64, 64))
    ethos, other = (npusim.estimate(graph, name).profile for name in ("ethos-n78", "nvdla"))
    assert (ethos.macs_per_cycle, ethos.fast_macs_per_cycle, ethos.dram_duplex) == (2048, 2048 * 2.25, True)
    assert other.dram_duplex is False


def test_a_result_without_them_is_still_read() -> None:
    """As an earlier version wrote it."""
    plain = npusim.estimate(npusim.load("sesr-m3-x2-hw", size=(64, 64)), "ethos-n78").to_dict()
    for row in plain["layers"]:
        for name in ("reads", "makes", "sram_bytes"):
            del row[name]
    del plain["command"], plain["profile"]["fast_macs_per_cycle"], plain["profile"]["dram_duplex"]
    found = read_result(msgspec.json.encode(plain))
    assert isinstance(found, Estimate)
    assert (found.command, found.layers[0].reads, found.profile.dram_duplex) == ("", (), None)
