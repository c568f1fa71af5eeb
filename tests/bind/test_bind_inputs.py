"""Free dimensions: what binds them, what is asked for, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from model_kit import codes, model, node, shapes, stored

from npusim.bind import bind
from npusim.errors import InputError
from npusim.ir import DType
from npusim.model import Model, Value


def _image(*shape: int | str | None) -> Model:
    return model([node("Relu", "x", "y")], x=shape)


FREE = _image("N", 3, "H", "W")


@pytest.mark.parametrize(
    ("given", "shape"),
    [
        ({"size": (20, 10), "batch": 2}, (2, 3, 10, 20)),  # width first
        ({"dims": {"N": 4, "H": 5, "W": 6}}, (4, 3, 5, 6)),
        ({"dims": {"x:0": 4, "x:2": 5, "x:3": 6}}, (4, 3, 5, 6)),
        ({"dims": {"x:2": 5, "H": 7, "N": 1, "W": 2}}, InputError),  # H is given twice, and the second is not used
        ({"shapes": {"x": (1, 3, 8, 9)}}, (1, 3, 8, 9)),
        ({"dims": {"N": 4}, "batch": 2, "size": (2, 1)}, (2, 3, 1, 2)),  # what is said of all inputs wins
        ({"size": (6, 5), "dims": {"N": 1, "x:1": 8}}, (1, 8, 5, 6)),  # a fixed axis may be changed
    ],
)
def test_what_binds(given: dict[str, Any], shape: tuple[int, ...] | type[InputError]) -> None:
    if isinstance(shape, tuple):
        assert shapes(bind(FREE, **given)) == [shape]
    else:
        with pytest.raises(InputError, match=r"\[bad-option\]"):
            bind(FREE, **given)


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        ({}, "dynamic-dim", ["x needs N, H, W", "--size", "--dim", "--shape", "--batch"]),
        ({"batch": 1}, "dynamic-dim", ["x needs H, W"]),
        ({"size": (4, 4)}, "dynamic-dim", ["x needs N"]),
        ({"size": (0, 4)}, "bad-option", ["--size: 0 is not a size"]),
        ({"batch": -1}, "bad-option", ["--batch: -1 is not a size"]),
        ({"shapes": {"x": (1, 3, 0, 4)}}, "bad-option", ["--shape x: 0"]),
        ({"dims": {"H": 0}}, "bad-option", ["--dim H: 0"]),
        ({"dims": {"Q": 3}}, "bad-option", ["'Q'", "its inputs are x"]),
        ({"dims": {"x:9": 3}}, "bad-option", ["'x:9'"]),
        ({"shapes": {"ghost": (1,)}}, "bad-option", ["'ghost'"]),
        ({"shapes": {"x": (1, 3, 4)}}, "bad-option", ["3 sizes to an input of rank 4"]),
        ({"shapes": {"x": (2**31, 2**31, 2**31, 1)}}, "bad-option", ["too large to count"]),
    ],
)
def test_what_is_asked_for_or_refused(given: dict[str, Any], code: str, words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        bind(FREE, **given)
    assert caught.value.code == code
    assert [word for word in words if word not in str(caught.value)] == []


def test_a_size_changes_a_fixed_frame() -> None:
    assert shapes(bind(_image(1, 3, 224, 224), size=(640, 360))) == [(1, 3, 360, 640)]


def test_a_size_needs_an_image() -> None:
    with pytest.raises(InputError, match=r"four axes.*give --shape for x \[bad-option\]"):
        bind(_image(1, 8), size=(2, 2))
    without = model([], [stored("y", [1])])
    with pytest.raises(InputError, match=r"leave it out \[bad-option\]"):
        bind(without, size=(2, 2))


def test_a_size_binds_the_main_image_and_others_that_are_free() -> None:
    two = model([node("Relu", "a", "y"), node("Relu", "b", "z"), node("Relu", "c", "w")], outputs="y z w",
                a=(1, 3, 8, 8), b=(1, 1, "H", "W"), c=(1, 2, 5, 5))  # fmt: skip
    assert shapes(bind(two, size=(9, 7))) == [(1, 3, 7, 9), (1, 1, 7, 9), (1, 2, 5, 5)]


def test_an_unknown_rank_needs_a_whole_shape() -> None:
    unknown = model([node("Relu", "x", "y")], x=None)
    with pytest.raises(InputError, match=r"x \(rank unknown\).*\[dynamic-dim\]"):
        bind(unknown)
    assert shapes(bind(unknown, shapes={"x": (2, 3)})) == [(2, 3)]


def test_a_dimension_without_a_name_is_asked_for_by_axis() -> None:
    with pytest.raises(InputError, match=r"x needs axis 0"):
        bind(_image(None, 3))


def test_a_batch_of_zero_in_the_file_is_a_size() -> None:
    assert shapes(bind(_image(0, 3, 4, 4))) == [(0, 3, 4, 4)]


def test_a_batch_leaves_a_scalar_alone() -> None:
    both = model([node("Add", "x s", "y")], x=(1, 3), s=())
    assert shapes(bind(both, batch=5)) == [(5, 3)]


def test_a_graph_that_cannot_follow_another_size_is_one_error() -> None:
    baked = model([node("Reshape", "x flat", "y")], [stored("flat", [1, 48])], x=(1, 3, 4, 4))
    assert shapes(bind(baked)) == [(1, 48)]
    with pytest.raises(InputError) as caught:
        bind(baked, size=(5, 5))
    assert caught.value.code in ("shape-mismatch", "bad-node")
    assert "cannot follow x 1x3x5x5: it may be made for its own input size alone (x 1x3x4x4)" in str(caught.value)
    assert "Reshape 'y'" in str(caught.value)


def test_a_graph_whose_free_sizes_are_not_free_is_one_error() -> None:
    """Exporters name height and width and leave a reshape of one size behind."""
    baked = model([node("Reshape", "x flat", "y")], [stored("flat", [1, 48])], x=(1, 3, "H", "W"))
    assert shapes(bind(baked, size=(4, 4))) == [(1, 48)]
    with pytest.raises(InputError, match=r"^Reshape 'y': .*cannot follow x 1x3x5x5.*\[shape-mismatch\]$"):
        bind(baked, size=(5, 5))


@pytest.mark.parametrize(
    ("given", "shape", "warned"),
    [
        ({}, (1, 48), False),
        ({"size": (8, 8)}, (4, 48), True),  # four times the pixels, and the reshape makes four images of them
        ({"batch": 4}, (4, 48), False),
        ({"size": (8, 8), "batch": 2}, (8, 48), False),  # the file's batch says nothing of another
    ],
)
def test_a_size_that_ends_up_in_the_batch_is_said(given: dict[str, Any], shape: tuple[int, int], warned: bool) -> None:
    flat = node("Reshape", "x flat", "y")
    made = model([flat], [stored("flat", [-1, 48])], declared=[Value("y", (1, 48))], x=(1, 3, 4, 4))
    graph = bind(made, **given)
    assert shapes(graph) == [shape]
    assert codes(graph) == (["shape-mismatch"] if warned else [])


def test_the_same_fault_at_the_own_size_does_not_blame_the_size() -> None:
    wrong = model([node("Reshape", "x flat", "y")], [stored("flat", [1, 47])], x=(1, 3, 4, 4))
    with pytest.raises(InputError) as caught:
        bind(wrong)
    assert "own input size" not in str(caught.value)


@pytest.mark.parametrize(("stated", "warned"), [((1, 4), True), ((1, 3, 1), True), ((1, 3), False), ((1, "K"), False)])
def test_an_output_that_the_file_states_otherwise(stated: tuple[int | str, ...], warned: bool) -> None:
    told = model([node("Relu", "x", "y")], declared=[Value("y", stated)], x=(1, 3))
    assert codes(bind(told)) == (["shape-mismatch"] if warned else [])
    # At another size than its own, what the file states of the output is no news.
    assert codes(bind(told, shapes={"x": (2, 3)})) == []


def test_types_of_inputs_are_kept() -> None:
    graph = bind(Model("m", (Value("x", (2,), DType.INT8),), ("x",), ()))
    assert graph.tensors["x"].dtype is DType.INT8
