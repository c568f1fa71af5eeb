"""``npusim collapse``: what it prints, what it writes, and what it keeps of the file."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest
from click.testing import CliRunner, Result
from onnx import ModelProto, TensorProto, helper, numpy_helper
from onnx.external_data_helper import convert_model_to_external_data

import npusim
from npusim.cli import main
from npusim.transform.collapse import outcome

C = 4


def run(*args: str) -> Result:
    return CliRunner(env={"COLUMNS": "100"}).invoke(main, ["collapse", *args])


def right(*args: str) -> str:
    done = run(*args)
    assert done.exit_code == 0, done.stderr
    return done.stdout


def _array(name: str, *shape: int) -> TensorProto:
    values = np.random.default_rng(len(name)).normal(size=shape).astype(np.float32)
    return numpy_helper.from_array(values, name)


def _proto(*, opset: int = 17, ir_version: int = 8, pads: int = 1) -> ModelProto:
    """3x3, 1x1 and a batch norm, a strange operator of another domain, a Relu, and a node that nothing needs."""
    stored = [
        _array("w1", 16, C, 3, 3), _array("w2", C, 16, 1, 1), _array("b2", C), _array("gamma", C), _array("beta", C),
        _array("mean", C), numpy_helper.from_array(np.ones(C, np.float32), "var"), _array("unused", 3),
    ]  # fmt: skip
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["wide"], name="first", pads=[pads] * 4),
        helper.make_node("Conv", ["wide", "w2", "b2"], ["narrow"], name="second"),
        helper.make_node("BatchNormalization", ["narrow", "gamma", "beta", "mean", "var"], ["normal"], name="norm"),
        helper.make_node("Relu", ["normal"], ["active"], name="act", doc_string="kept"),
        helper.make_node("Identity", ["x"], ["dead"], name="dead"),
        helper.make_node("Scale", ["active"], ["y"], name="custom", domain="com.example", factor=2.0),
    ]

    def value(name: str, *shape: int | str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    inputs = [value("x", 1, C, "H", "W")]
    if ir_version < 4:  # initializers were inputs as well
        inputs += [value(each.name, *each.dims) for each in stored]
    graph = helper.make_graph(
        nodes, "chain", inputs, [value("y", 1, C, "H", "W")], stored, doc_string="of a test",
        value_info=[value("wide", 1, 16, "H", "W"), value("active", 1, C, "H", "W")],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.example", 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=ir_version, producer_name="someone")
    model.metadata_props.add(key="author", value="unknown")
    model.model_version = 7
    return model


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.onnx"
    onnx.save(_proto(), path)
    return path


# --- what it prints -------------------------------------------------------------------------------------------------


def test_text_of_a_zoo_network(tmp_path: Path) -> None:
    text = right("sesr-m5-x2-expanded", "--size", "64x36", "-o", str(tmp_path / "out.onnx"))
    for part in (
        "sesr-m5-x2-expanded: 19 nodes are 7 convolutions now", "conv4   conv4, conv5, add6     3x3",
        "Left alone", "- Conv 'conv2': Conv 'conv2' pads what Sub 'sub1' makes by 2 with 0",
        "Before and after, ethos-n78 4tops-4ple", "params         318,800    13,600        23.4",
        "Weights absent: structure only, no proof on its numbers; proved with seeded weights.",
        "They compute the same.",
    ):  # fmt: skip
        assert part in text
    assert max(map(len, text.splitlines())) <= 100


def test_json_has_every_number(tmp_path: Path) -> None:
    out = str(tmp_path / "out.onnx")
    found = json.loads(right("sesr-m3-x2-expanded", "--size", "64x36", "-o", out, "--format", "json", "--seed", "3"))
    assert (found["holds"], found["written"], found["weightless"], found["seed"]) == (True, out, True, 3)
    first = found["chains"][0]
    assert first["nodes"] == ["conv2", "conv3"]
    assert (first["params_before"], first["params"]) == (5 * 5 * 256 + 256 * 16, 400)
    assert (first["macs_before"], first["macs"]) == (64 * 36 * 10_496, 64 * 36 * 400)
    before, after = (
        npusim.estimate(npusim.load(each, size=(64, 36))) for each in ("sesr-m3-x2-expanded", "sesr-m3-x2")
    )
    assert found["before"]["totals"] == msgspec.to_builtins(before.totals)
    assert found["after"]["totals"] == msgspec.to_builtins(after.totals)
    assert found["proof"]["outputs"][0]["max_rel"] < 1e-12
    assert found["profile"]["name"] == "ethos-n78"


def test_markdown() -> None:
    text = right("sesr-m3-x2-expanded", "--format", "md")
    assert text.startswith("# sesr-m3-x2-expanded: 13 nodes are 5 convolutions now\n")
    assert "## Left alone" in text
    assert "| MACs |" in text


def test_options_reach_the_estimate_and_the_proof() -> None:
    args = ("sesr-m3-x2-expanded", "--size", "64x36", "--format", "json")
    wide = json.loads(right(*args, "--variant", "8tops-2ple", "--planner", "best", "--proof-size", "7x5"))
    assert wide["profile"]["variant"] == "8tops-2ple"
    assert wide["proof"]["inputs"] == {"input": [1, 1, 5, 7]}
    assert wide["before"]["totals"]["latency_s"] < json.loads(right(*args))["before"]["totals"]["latency_s"]


def test_nothing_to_collapse_is_said_and_written(tmp_path: Path) -> None:
    out = tmp_path / "out.onnx"
    text = right("sesr-m5-x2-hw", "-o", str(out))
    assert "sesr-m5-x2-hw: nothing to collapse" in text
    assert "Proof" not in text
    assert npusim.load(out, size=(8, 8)).outputs == ("output",)


def test_without_an_output_nothing_is_written(source: Path) -> None:
    assert "no: give -o FILE" in right(str(source))
    assert [each.name for each in source.parent.iterdir()] == ["in.onnx"]


# --- what it writes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("opset", "ir_version"), [(17, 8), (9, 3)])
def test_all_else_is_kept(tmp_path: Path, opset: int, ir_version: int) -> None:
    source, out = tmp_path / "in.onnx", tmp_path / "out.onnx"
    before = _proto(opset=opset, ir_version=ir_version)
    onnx.save(before, source)
    assert "Not the whole network: chain: npusim has no values for the operators com.example::Scale" in " ".join(
        right(str(source), "-o", str(out)).split()
    )
    after = onnx.load(out)
    assert [(node.name, node.op_type) for node in after.graph.node] == [
        ("first", "Conv"), ("act", "Relu"), ("dead", "Identity"), ("custom", "Scale")
    ]  # fmt: skip
    for old, new in zip(list(before.graph.node)[3:], list(after.graph.node)[1:], strict=True):
        assert old == new
    assert {each.name for each in after.graph.initializer} == {
        "first.collapsed.weight", "first.collapsed.bias", "unused"
    }  # fmt: skip
    assert [each.name for each in after.graph.value_info] == ["active"]
    assert [each.name for each in after.graph.input] == (["x", "unused"] if ir_version < 4 else ["x"])
    assert after.graph.input[0] == before.graph.input[0]
    assert after.graph.output == before.graph.output
    for field in ("opset_import", "metadata_props", "producer_name", "model_version", "ir_version"):
        assert getattr(after, field) == getattr(before, field), field
    assert (after.graph.name, after.graph.doc_string) == ("chain", "of a test")


def test_the_kernel_by_the_formula(source: Path, tmp_path: Path) -> None:
    """W2 W1 and W2 b1 + b2, then the batch norm: gamma / sqrt(1 + 1e-5) (x - mean) + beta."""
    out = tmp_path / "out.onnx"
    right(str(source), "-o", str(out))
    was, now = (
        {each.name: numpy_helper.to_array(each) for each in onnx.load(path).graph.initializer} for path in (source, out)
    )
    factor = was["gamma"] / np.sqrt(1 + 1e-5)
    kernel = np.einsum("o,op,pikl->oikl", factor, was["w2"][:, :, 0, 0], was["w1"])
    assert np.allclose(now["first.collapsed.weight"], kernel, rtol=0, atol=1e-6 * np.abs(kernel).max())
    assert np.allclose(now["first.collapsed.bias"], factor * (was["b2"] - was["mean"]) + was["beta"], atol=1e-6)


def test_input_and_output_may_be_one_file(source: Path) -> None:
    right(str(source), "-o", str(source))
    assert [node.op_type for node in onnx.load(source).graph.node] == ["Conv", "Relu", "Identity", "Scale"]
    assert "nothing to collapse" in right(str(source), "-o", str(source))
    assert [each.name for each in source.parent.iterdir()] == ["in.onnx"]


def test_external_data_stay_beside_the_file_or_go_into_it(tmp_path: Path) -> None:
    """Those of constants that nothing has changed; new constants are in the file."""
    proto = _proto()
    proto.graph.initializer.append(_array("table", 1, C, 8, 8))
    proto.graph.node.append(helper.make_node("Add", ["active", "table"], ["z"], name="late"))
    proto.graph.output.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, (1, C, 8, 8)))
    convert_model_to_external_data(proto, location="data.bin", size_threshold=0)
    (tmp_path / "other").mkdir()
    onnx.save(proto, tmp_path / "in.onnx")
    for out in (tmp_path / "out.onnx", tmp_path / "other" / "out.onnx"):
        right(str(tmp_path / "in.onnx"), "-o", str(out), "--size", "8x8")
        kept = {each.name: each for each in onnx.load(out, load_external_data=False).graph.initializer}
        beside = out.parent == tmp_path
        assert (kept["table"].data_location == TensorProto.EXTERNAL) == beside
        assert kept["first.collapsed.weight"].data_location == TensorProto.DEFAULT
        assert np.array_equal(
            numpy_helper.to_array(next(each for each in onnx.load(out).graph.initializer if each.name == "table")),
            numpy_helper.to_array(_array("table", 1, C, 8, 8)),
        )


def test_weightless_files_stay_weightless(tmp_path: Path) -> None:
    """The shapes that ConstantOfShape nodes share are stored once, and old ones that nothing reads are gone."""
    files = [str(tmp_path / name) for name in ("in.onnx", "out.onnx")]
    assert CliRunner().invoke(main, ["zoo", "export", "sesr-m5-x2-expanded", "-o", files[0]]).exit_code == 0
    right(files[0], "-o", files[1])
    graph = onnx.load(files[1]).graph
    onnx.checker.check_model(onnx.load(files[1]), full_check=True)
    assert sorted(each.name for each in graph.initializer if each.name.startswith("shape_")) == [
        "shape_16x16x3x3", "shape_16x1x1", "shape_16x1x5x5", "shape_4x16x5x5"
    ]  # fmt: skip
    assert Path(files[1]).stat().st_size < 10_000
    found, wanted = (npusim.estimate(npusim.load(each, size=(64, 36))) for each in (files[1], "sesr-m5-x2"))
    assert found.totals == wanted.totals


def test_shapes_of_absent_weights_get_a_name_that_is_free(tmp_path: Path) -> None:
    """The file has a tensor under the name that the shape of the new kernel would be stored under."""
    source, out = tmp_path / "in.onnx", tmp_path / "out.onnx"
    proto = _proto()
    for name in ("w1", "w2"):
        tensor = next(each for each in proto.graph.initializer if each.name == name)
        proto.graph.initializer.append(numpy_helper.from_array(np.array(tensor.dims, np.int64), f"{name}.shape"))
        proto.graph.node.insert(0, helper.make_node("ConstantOfShape", [f"{name}.shape"], [name], name=name))
        proto.graph.initializer.remove(tensor)
    proto.graph.node.append(helper.make_node("Neg", ["active"], ["shape_4x4x3x3"], name="taken"))
    onnx.save(proto, source)
    right(str(source), "-o", str(out))
    graph = onnx.load(out).graph
    fill = next(node for node in graph.node if node.op_type == "ConstantOfShape")
    assert list(fill.input) == ["shape_4x4x3x3_"]
    assert fill.output == ["first.collapsed.weight"]
    shape = next(each for each in graph.initializer if each.name == "shape_4x4x3x3_")
    assert numpy_helper.to_array(shape).tolist() == [4, 4, 3, 3]


def test_constant_nodes_and_their_external_data(tmp_path: Path) -> None:
    """Kernels in Constant nodes go with the chain; a table in one stays, and is put into a file of another folder."""
    proto = _proto()
    for name in ("w1", "w2"):
        tensor = next(each for each in proto.graph.initializer if each.name == name)
        proto.graph.node.insert(0, helper.make_node("Constant", [], [name], name=name, value=tensor))
        proto.graph.initializer.remove(tensor)
    table = _array("table", 1, C, 8, 8)
    proto.graph.node.insert(0, helper.make_node("Constant", [], ["table"], name="table", value=table))
    proto.graph.node.append(helper.make_node("Add", ["active", "table"], ["z"], name="late"))
    proto.graph.output.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, (1, C, 8, 8)))
    stored = proto.graph.node[0].attribute[0].t
    (tmp_path / "data.bin").write_bytes(stored.raw_data)
    stored.ClearField("raw_data")
    stored.data_location = TensorProto.EXTERNAL
    stored.external_data.add(key="location", value="data.bin")
    (tmp_path / "other").mkdir()
    onnx.save(proto, tmp_path / "in.onnx")
    right(str(tmp_path / "in.onnx"), "-o", str(tmp_path / "other" / "out.onnx"), "--size", "8x8")
    kept = onnx.load(tmp_path / "other" / "out.onnx", load_external_data=False).graph
    assert [node.name for node in kept.node if node.op_type == "Constant"] == ["table"]
    assert np.array_equal(numpy_helper.to_array(kept.node[0].attribute[0].t), numpy_helper.to_array(table))


def test_external_data_that_are_not_there_keep_their_reference(tmp_path: Path) -> None:
    proto = _proto()
    convert_model_to_external_data(proto, location="data.bin", size_threshold=0)
    onnx.save(proto, tmp_path / "in.onnx")
    (tmp_path / "data.bin").unlink()
    (tmp_path / "other").mkdir()
    out = tmp_path / "other" / "out.onnx"
    assert "Weights absent" in right(str(tmp_path / "in.onnx"), "-o", str(out))
    graph = onnx.load(out, load_external_data=False).graph
    assert [each.name for each in graph.initializer if each.data_location == TensorProto.EXTERNAL] == ["unused"]
    assert "first.collapsed.weight" in {node.output[0] for node in graph.node if node.op_type == "ConstantOfShape"}


# --- faults ---------------------------------------------------------------------------------------------------------


def _fails(code: str, exit_code: int, *args: str, says: str = "") -> None:
    done = run(*args)
    assert done.exit_code == exit_code, done.output
    assert f"[{code}]" in done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_faults_are_one_sentence(source: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "out.onnx")
    _fails("not-found", 2, str(tmp_path / "none.onnx"), "-o", out)
    _fails("unknown-model", 2, "sesr-m6-x2-expanded", "-o", out)
    _fails("unknown-profile", 2, str(source), "-o", out, "--profile", "none")
    _fails("bad-option", 2, str(source), "-o", out, "--format", "csv")
    for option, value in (("--planner", "none"), ("--level", "none"), ("--dtype", "string")):  # without a frame, too
        _fails("bad-option", 2, str(source), "-o", out, option, value)
    _fails("bad-option", 2, str(source), "-o", out, "--proof-size", "5")
    _fails("bad-option", 2, str(source), "-o", out, "--proof-size", "0x5", says="--proof-size: 0 is out of range")
    _fails("bad-option", 2, str(source), "-o", out, "--seed", "-1")
    _fails("unwritable", 2, str(source), "-o", "")
    _fails("unwritable", 2, str(source), "-o", str(tmp_path / "none" / "out.onnx"))
    _fails("dynamic-dim", 2, str(source), "-o", out, "--batch", "1")
    _fails("unknown-op", 1, str(source), "-o", out, "--size", "8x8", "--strict")
    (tmp_path / "text.onnx").write_text("no model")
    _fails("not-onnx", 2, str(tmp_path / "text.onnx"), "-o", out)
    assert not Path(out).exists()


def test_a_proof_that_fails_writes_nothing(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 1, and the numbers that say so."""
    prove = outcome.prove

    def spoiled(found: outcome.Collapsed, *args: object) -> outcome.Proof:
        found.emitted.arrays["first.collapsed.weight"].array[...] += 1
        return prove(found, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(outcome, "prove", spoiled)
    done = run(str(source), "-o", str(tmp_path / "out.onnx"))
    assert done.exit_code == 1
    assert "THEY DO NOT COMPUTE THE SAME" in done.stdout
    assert "[differs]" in done.stderr
    assert not (tmp_path / "out.onnx").exists()


def test_a_file_that_changes_meanwhile_is_not_patched(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = outcome.run

    def slow(*args: object, **options: object) -> object:
        onnx.save(_proto(pads=0), source)
        return original(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(outcome, "run", slow)
    _fails("changed-file", 2, str(source), "-o", str(tmp_path / "out.onnx"))


def test_the_pages_times_are_those_of_today() -> None:
    """What docs/collapse.md and README.md say in sentences."""
    args = ("sesr-m5-x2-expanded", "--size", "1920x1080", "--format", "json")
    plain, padded = (json.loads(right(*args, *more)) for more in ((), ("--pad-intermediate",)))
    before, after, other = (
        found["totals"]["latency_s"] * 1e3 for found in (plain["before"], plain["after"], padded["after"])
    )
    root = Path(__file__).parents[2]
    page, readme = ((root / name).read_text() for name in ("docs/collapse.md", "README.md"))
    assert f"would take {before:.0f} ms a frame" in page
    assert f"collapsed it takes {after:.0f} ms" in page
    assert f"{other:.2f} ms against {after:.2f} ms in all" in page
    assert f"would take {before:.1f} ms" in readme
    assert f"brings it to {after:.2f} ms" in readme


def test_pad_intermediate_takes_the_subtraction_of_sesr_into_the_first_convolution() -> None:
    """0.5 around the image, and the bias that makes the rest of x - 0.5: 16 numbers more, and not a MAC."""
    found = json.loads(right("sesr-m5-x2-expanded", "--pad-intermediate", "--format", "json"))
    first = found["chains"][0]
    assert (first["nodes"], first["kinds"]) == (["sub1", "conv2", "conv3"], {"scale": 1, "convolution": 2})
    assert found["after"]["params"] == 13_520 + 80 + 16
    assert found["after"]["macs"] == 17 * 13 * 13_520
