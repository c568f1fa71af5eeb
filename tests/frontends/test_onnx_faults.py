"""Files that are no model, or no valid one: one line each, with a code."""

from __future__ import annotations

import os
from pathlib import Path

import onnx
import pytest
from onnx import AttributeProto, FunctionProto, ModelProto, TensorProto, helper
from onnx_kit import FLOAT, array, model, node, value, weights

import npusim
from npusim.errors import InputError

CONV = node("Conv", "x w", "y", kernel_shape=[3, 3], name="conv")


def _valid() -> ModelProto:
    return model([CONV], [weights("w", 2, 4, 3, 3)])


def _code(source: object) -> str:
    with pytest.raises(InputError) as caught:
        npusim.load(source)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    return caught.value.code


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty-file"),
        (LFS, "git-lfs-pointer"),
        (b"Hello, this is a text, and no model.\n", "not-onnx"),
        (b'{"graph": {"node": []}}', "not-onnx"),
        (b"\x89PNG\r\n\x1a\n" + bytes(64), "not-onnx"),
        (b"PK\x03\x04" + bytes(64), "not-onnx"),
        (b"\x00", "not-onnx"),
        (b"\xff" * 40, "not-onnx"),
        (b"\x08\x08", "not-onnx"),  # an ir_version, and nothing else
    ],
)
def test_files_that_are_no_model(tmp_path: Path, data: bytes, code: str) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(data)
    assert _code(path) == code


@pytest.mark.parametrize("percent", range(10, 100, 10))
def test_a_file_cut_off_anywhere(percent: int) -> None:
    """The graph is one field: wherever the cut lies in it, the file ends before the field does."""
    proto = model([CONV], [weights("w", 2, 4, 3, 3)])
    data = proto.SerializeToString()
    assert _code(data[: len(data) * percent // 100]) == "truncated"


def test_a_file_cut_off_before_its_graph() -> None:
    proto = _valid()
    proto.producer_name = "someone"
    data = proto.SerializeToString()
    assert _code(data[: data.index(b"someone") + 4]) == "truncated"
    assert _code(data[: data.index(b"someone") + 7]) == "not-onnx"


def test_paths_that_are_no_file(tmp_path: Path) -> None:
    assert _code(tmp_path / "absent.onnx") == "not-found"
    assert _code(tmp_path) == "unreadable"
    (tmp_path / "file").write_bytes(b"x")
    assert _code(tmp_path / "file" / "m.onnx") == "not-found"
    assert _code(f"{tmp_path}/nul\0.onnx") == "unreadable"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may read any file")
def test_a_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(b"x")
    path.chmod(0)
    assert _code(path) == "unreadable"


def test_a_read_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", fails)
    with pytest.raises(InputError, match=r"m.onnx: the file cannot be read \(Permission denied\) \[unreadable\]"):
        npusim.load(tmp_path / "m.onnx")


def test_an_operator_that_onnx_does_not_have() -> None:
    with pytest.raises(InputError, match=r"n: operator Convv of domain ai.onnx does not exist.*\[unknown-op\]"):
        npusim.load(model([node("Convv", "x", "y", name="n")]))


def test_an_operator_that_onnx_no_longer_has() -> None:
    """Upsample left with opset 10, and files that have it are read."""
    nodes = [node("Upsample", "x scales", "y")]
    graph = npusim.load(model(nodes, [array("scales", [1, 1, 2, 2], "float32")], opset=9))
    assert graph.tensors["y"].shape == (1, 4, 16, 16)


def test_a_domain_that_is_not_imported() -> None:
    with pytest.raises(
        InputError, match=r"Foo is of domain com.acme, which the file does not import.*\[no-opset-import"
    ):
        npusim.load(model([node("Foo", "x", "y", domain="com.acme")]))


def test_no_opset_at_all() -> None:
    proto = _valid()
    proto.ClearField("opset_import")
    assert _code(proto) == "no-opset-import"


def test_names_made_twice() -> None:
    twice = node("Constant", "", "w", value=weights("v", 2, 4, 3, 3))
    assert _code(model([twice, CONV], [weights("w", 2, 4, 3, 3)])) == "duplicate-output"
    assert _code(model([CONV, node("Relu", "x", "y")], [weights("w", 2, 4, 3, 3)])) == "duplicate-output"


def test_names_that_nothing_makes() -> None:
    assert _code(model([CONV])) == "undefined-value"
    assert _code(model([node("Relu", "x", "z")])) == "undefined-value"


def test_a_cycle() -> None:
    assert _code(model([node("Add", "x b", "a"), node("Relu", "a", "b"), node("Neg", "b", "y")])) == "cycle"


def test_types_and_shapes_that_do_not_exist() -> None:
    proto = _valid()
    proto.graph.initializer[0].data_type = 99
    assert _code(proto) == "bad-type"
    proto = _valid()
    proto.graph.input[0].type.tensor_type.elem_type = 77
    assert _code(proto) == "bad-type"
    proto = _valid()
    proto.graph.initializer[0].dims[0] = -2
    assert _code(proto) == "bad-shape"
    proto = model(
        [CONV], sparse=[helper.make_sparse_tensor(array("w", [1.0], "float32"), array("i", [0]), [2, 4, 3, 3])]
    )
    proto.graph.sparse_initializer[0].dims[0] = -2
    assert _code(proto) == "bad-shape"


def test_an_attribute_of_a_kind_that_is_not_read() -> None:
    proto = _valid()
    proto.graph.node[0].attribute.append(AttributeProto(name="odd", type=AttributeProto.SPARSE_TENSORS))
    with pytest.raises(InputError, match=r"conv: attribute 'odd' is of a kind.*\[bad-node\]"):
        npusim.load(proto)


OPSETS = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]


def _function(name: str, *calls: str) -> FunctionProto:
    """A chain of calls from x to y."""
    names = ["x", *(f"{name}{index}" for index in range(1, len(calls))), "y"]
    nodes = [
        node(call, before, after, domain="" if call == "Relu" else "local")
        for call, before, after in zip(calls, names[:-1], names[1:], strict=True)
    ]
    return helper.make_function("local", name, ["x"], ["y"], nodes, OPSETS)


def _calling(name: str, *functions: FunctionProto) -> ModelProto:
    return model([node(name, "x", "y", domain="local")], domains=["local"], functions=functions)


def test_functions_that_call_themselves() -> None:
    for functions in ([_function("F", "F")], [_function("F", "Relu", "G"), _function("G", "F")]):
        with pytest.raises(InputError, match=r"the local function 'F' calls itself \[bad-function\]$"):
            npusim.load(_calling("F", *functions))


def test_a_function_that_calls_itself_in_a_branch() -> None:
    inner = helper.make_graph([node("F", "x", "t", domain="local")], "then", [], [value("t", FLOAT, None)])
    other = helper.make_graph([node("Relu", "x", "t")], "else", [], [value("t", FLOAT, None)])
    nodes = [node("IsInf", "x", "c"), node("If", "c", "y", then_branch=inner, else_branch=other)]
    again = helper.make_function("local", "F", ["x"], ["y"], nodes, OPSETS)
    assert _code(_calling("F", again)) == "bad-function"


def test_functions_that_go_too_deep_or_grow_too_large() -> None:
    """Ten calls of ten calls of ... seven levels deep: ten million nodes out of seventy."""
    deep = [_function(f"F{index}", f"F{index + 1}") for index in range(300)] + [_function("F300", "Relu")]
    assert _code(_calling("F0", *deep)) == "bad-function"
    large = [_function(f"F{index}", *[f"F{index + 1}"] * 10) for index in range(7)] + [_function("F7", "Relu")]
    with pytest.raises(InputError, match=r"are 10,000,000 nodes .*\[bad-function\]$"):
        npusim.load(_calling("F0", *large))


def test_functions_within_bounds_are_inlined() -> None:
    """Four calls of four calls: sixteen nodes."""
    small = [_function("F0", *["F1"] * 4), _function("F1", *["Relu"] * 4)]
    assert [layer.op for layer in npusim.load(_calling("F0", *small)).layers] == ["Relu"] * 16


def test_a_function_that_cannot_be_inlined(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library has the last word."""

    def refuse(_: ModelProto) -> ModelProto:
        raise RuntimeError("no such opset")

    monkeypatch.setattr(onnx.inliner, "inline_local_functions", refuse)
    with pytest.raises(InputError, match=r"cannot be inlined \(no such opset\) \[bad-function\]$"):
        npusim.load(_calling("F", _function("F", "Relu")))


def test_a_function_of_another_opset_stays_a_node_that_is_not_known() -> None:
    other = helper.make_function("local", "F", ["x"], ["y"], [node("Relu", "x", "y")], [helper.make_opsetid("", 3)])
    assert _code(_calling("F", other)) == "unknown-op"


def test_elements_that_do_not_fit_their_shape() -> None:
    """The shape counts, and an estimate needs no more; who asks for the elements is told."""
    proto = _valid()
    proto.graph.initializer[0].raw_data = bytes(12)
    graph = npusim.load(proto)
    with pytest.raises(InputError, match=r"w: its data do not fit its shape.*\[bad-weights\]"):
        graph.weights["w"].sum()


def test_a_size_in_the_file_that_is_too_large() -> None:
    assert _code(model([node("Relu", "x", "y")], x=(2**40, 2**40))) == "bad-option"


# --- external data ------------------------------------------------------------------------------------------------


def _external(location: str) -> ModelProto:
    stored = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2, 4, 3, 3], data_location=TensorProto.EXTERNAL)
    for key, text in (("location", location), ("offset", "0"), ("length", "288")):
        stored.external_data.add(key=key, value=text)
    return model([CONV], [stored])


def _saved(folder: Path, location: str) -> Path:
    path = folder / "m.onnx"
    path.write_bytes(_external(location).SerializeToString())
    return path


def test_external_data_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(bytes(288))
    graph = npusim.load(_saved(tmp_path, "w.bin"))
    assert graph.warnings == ()
    assert graph.weights["w"].shape == (2, 4, 3, 3)


def test_external_data_that_are_absent(tmp_path: Path) -> None:
    graph = npusim.load(_saved(tmp_path, "w.bin"))
    assert [notice.code for notice in graph.warnings] == ["missing-external-data"]
    with pytest.raises(InputError, match=r"\[missing-external-data\]"):
        graph.weights["w"].sum()


def test_external_data_that_are_too_short(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(bytes(7))
    graph = npusim.load(_saved(tmp_path, "w.bin"))
    with pytest.raises(InputError, match=r"\[bad-weights\]"):
        graph.weights["w"].sum()


def test_external_data_of_a_message_have_no_folder() -> None:
    assert [notice.code for notice in npusim.load(_external("w.bin")).warnings] == ["missing-external-data"]


@pytest.mark.parametrize(
    "location", ["../w.bin", "a/../../w.bin", "/etc/hostname", "C:\\w.bin", "\\\\host\\w.bin", "..\\w.bin"]
)
def test_external_data_outside_the_folder_are_not_opened(tmp_path: Path, location: str) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "w.bin").write_bytes(bytes(288))
    graph = npusim.load(_saved(inner, location))
    assert [notice.code for notice in graph.warnings] == ["unsafe-external-path"]
    with pytest.raises(InputError, match=r"\[unsafe-external-path\]"):
        graph.weights["w"].sum()


def test_external_data_behind_a_link_are_not_opened(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "w.bin").write_bytes(bytes(288))
    (inner / "link.bin").symlink_to(tmp_path / "w.bin")
    graph = npusim.load(_saved(inner, "link.bin"))
    with pytest.raises(InputError, match=r"\[(bad-weights|unsafe-external-path)\]"):
        graph.weights["w"].sum()


def test_external_data_of_a_constant_node(tmp_path: Path) -> None:
    stored = _external("w.bin").graph.initializer[0]
    proto = model([node("Constant", "", "w", value=stored), CONV])
    graph = npusim.load(proto)
    assert [notice.code for notice in graph.warnings] == ["missing-external-data"]
    assert graph.tensors["w"].shape == (2, 4, 3, 3)


def test_a_subgraph_is_checked_as_well() -> None:
    then = helper.make_graph([node("Nonsense", "x", "t")], "then", [], [value("t", 1, None)])
    nodes = [node("If", "c", "y", then_branch=then, else_branch=then)]
    assert _code(model(nodes, [array("c", True, "bool")])) == "unknown-op"


def test_the_parser_reads_what_onnx_writes() -> None:
    """The list of fields by which a cut is told from rubbish is the one of the message itself, or of a newer one."""
    from npusim.frontends.onnx.proto import FIELDS  # noqa: PLC0415 - only this test looks inside

    kinds = {5: 0, 3: 0, 9: 2, 11: 2}  # int32 and int64 are varints; text and messages have a length
    own = {field.number: kinds[field.type] for field in onnx.ModelProto.DESCRIPTOR.fields}
    assert own.items() <= FIELDS.items()


@pytest.mark.parametrize("op", ["Conv", "ConvTranspose"])
def test_a_kernel_without_taps(op: str) -> None:
    with pytest.raises(InputError, match=r"a kernel of \(0, 3\) has no taps \[shape-mismatch\]"):
        npusim.load(model([node(op, "x w", "y")], [weights("w", 4, 4, 0, 3)]))
