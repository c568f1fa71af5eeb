"""Sequences are lists while a graph is bound: each operator, and what is no sequence."""

from __future__ import annotations

import pytest
from model_kit import codes, model, node, shapes, stored

from npusim.bind import bind
from npusim.errors import InputError
from npusim.ir import DType, Graph
from npusim.model import Model, Node, Value


def _bound(*nodes: Node, outputs: str = "y", **constants: object) -> Graph:
    """a (2, 6), b (2, 3)."""
    return bind(
        model(nodes, [stored(name, value) for name, value in constants.items()], outputs=outputs, a=(2, 6), b=(2, 3))
    )


PAIR = node("SequenceConstruct", "a b", "q")


@pytest.mark.parametrize(("at", "shape"), [(0, (2, 6)), (1, (2, 3)), (-1, (2, 3)), (-2, (2, 6))])
def test_one_of_a_sequence(at: int, shape: tuple[int, ...]) -> None:
    assert shapes(_bound(PAIR, node("SequenceAt", "q at", "y"), at=at)) == [shape]


def test_a_sequence_as_the_output_stands_there_as_its_tensors() -> None:
    assert shapes(_bound(PAIR, outputs="q")) == [(2, 6), (2, 3)]


def test_an_empty_sequence_has_no_tensors() -> None:
    assert shapes(_bound(node("SequenceEmpty", "", "y"))) == []


@pytest.mark.parametrize(
    ("attrs", "sizes", "parts"),
    [
        ({"axis": 1}, [1, 5], [(2, 1), (2, 5)]),
        ({"axis": -1}, 4, [(2, 4), (2, 2)]),  # the last part is what is left
        ({"axis": 0}, None, [(1, 6), (1, 6)]),
        ({"axis": 0, "keepdims": 0}, None, [(6,), (6,)]),
        ({"axis": 0, "keepdims": 0}, [1, 1], [(1, 6), (1, 6)]),  # keepdims counts only without sizes
    ],
)
def test_splitting(attrs: dict[str, int], sizes: object, parts: list[tuple[int, ...]]) -> None:
    if sizes is None:
        graph = _bound(node("SplitToSequence", "a", "y", **attrs))
    else:
        graph = _bound(node("SplitToSequence", "a sizes", "y", **attrs), sizes=sizes)
    assert shapes(graph) == parts


def test_inserting_erasing_and_counting() -> None:
    graph = _bound(
        PAIR, node("SequenceInsert", "q b zero", "r"), node("SequenceInsert", "r a", "s"),
        node("SequenceErase", "s one", "t"), node("SequenceErase", "t", "y"),
        outputs="r s t y", zero=0, one=1,
    )  # fmt: skip
    a, b = (2, 6), (2, 3)
    assert shapes(graph) == [b, a, b, b, a, b, a, b, b, a, b, b]


def test_the_length_is_a_constant() -> None:
    graph = _bound(PAIR, node("SequenceLength", "q", "n"), node("Range", "zero n one", "y"), zero=0, one=1)
    assert shapes(graph) == [(2,)]


@pytest.mark.parametrize(("attrs", "shape"), [({"axis": 1}, (2, 9)), ({"axis": -1}, (2, 9))])
def test_joining(attrs: dict[str, int], shape: tuple[int, ...]) -> None:
    assert shapes(_bound(PAIR, node("ConcatFromSequence", "q", "y", **attrs))) == [shape]


def test_joining_along_a_new_axis() -> None:
    same = node("SequenceConstruct", "a a a", "q")
    assert shapes(_bound(same, node("ConcatFromSequence", "q", "y", axis=1, new_axis=1))) == [(2, 3, 6)]


def test_the_same_sequence_under_another_name() -> None:
    assert shapes(_bound(PAIR, node("Identity", "q", "same"), node("SequenceAt", "same one", "y"), one=1)) == [(2, 3)]


def test_a_place_that_data_decides() -> None:
    """Any will do where all have one shape; otherwise the shape is not known."""
    place = [node("ReduceSum", "b", "sum", keepdims=0), node("Cast", "sum", "at", to=DType.INT64)]
    same = node("SequenceConstruct", "a a", "q")
    assert shapes(_bound(*place, same, node("SequenceAt", "q at", "y"))) == [(2, 6)]
    with pytest.raises(InputError, match=r"\[data-dependent-shape\]"):
        _bound(*place, PAIR, node("SequenceAt", "q at", "y"))


@pytest.mark.parametrize(
    ("nodes", "constants", "code"),
    [
        ([PAIR, node("SequenceAt", "q at", "y")], {"at": 2}, "bad-node"),
        ([PAIR, node("SequenceErase", "q at", "y")], {"at": -3}, "bad-node"),
        ([PAIR, node("SequenceInsert", "q a at", "y")], {"at": 9}, "bad-node"),
        ([PAIR, node("Relu", "q", "y")], {}, "bad-node"),  # a sequence is no tensor
        ([PAIR, node("SequenceConstruct", "a q", "y")], {}, "bad-node"),  # nor can a sequence hold one
        ([node("SequenceConstruct", "a -", "y")], {}, "bad-node"),
        ([PAIR, node("SequenceInsert", "q -", "y")], {}, "bad-node"),
        ([node("SequenceAt", "a at", "y")], {"at": 0}, "data-dependent-shape"),  # and a tensor is no sequence
        ([node("SplitToSequence", "a", "y", axis=2)], {}, "shape-mismatch"),
        ([node("SplitToSequence", "a size", "y", axis=1)], {"size": 0}, "bad-node"),
        ([node("SplitToSequence", "a sizes", "y", axis=1)], {"sizes": [4, 4]}, "shape-mismatch"),
        ([node("SequenceEmpty", "", "q"), node("ConcatFromSequence", "q", "y", axis=0)], {}, "shape-mismatch"),
        ([node("SequenceAt", "q", "y")], {}, "undefined-value"),
        ([PAIR, node("SequenceAt", "q at", "more y")], {"at": 0}, "bad-node"),  # it has one output
    ],
)
def test_what_is_refused(nodes: list[Node], constants: dict[str, object], code: str) -> None:
    with pytest.raises(InputError) as caught:
        _bound(*nodes, **constants)
    assert caught.value.code == code


def test_a_sequence_too_long_to_follow() -> None:
    with pytest.raises(InputError, match=r"\[bad-node\]"):
        bind(model([node("SplitToSequence", "x", "y")], x=(2**40,)))


def test_no_sequence_leaves_a_notice() -> None:
    assert codes(_bound(PAIR, node("ConcatFromSequence", "q", "y", axis=1))) == []


def _each(op: str) -> Model:
    value = Value("part", None)
    return Model("body", (value,), ("out",), (node(op, "part", "out"),))


def test_a_body_for_each_of_a_sequence() -> None:
    """Transposed one by one: (6, 2) and (3, 2)."""
    graph = _bound(PAIR, node("SequenceMap", "q", "y", body=_each("Transpose")))
    assert shapes(graph) == [(6, 2), (3, 2)]
    assert [layer.op for layer in graph.layers] == ["Transpose", "Transpose"]


def test_an_optional_value_is_what_it_holds() -> None:
    graph = _bound(node("Optional", "a", "o"), node("OptionalGetElement", "o", "y"))
    assert shapes(graph) == [(2, 6)]
    whole = _bound(PAIR, node("Optional", "q", "o"), node("OptionalGetElement", "o", "y"))
    assert shapes(whole) == [(2, 6), (2, 3)]


@pytest.mark.parametrize(("made", "shape"), [(node("Optional", "a", "o"), (2, 6)), (node("Optional", "", "o"), (2, 3))])
def test_whether_an_optional_value_holds_anything_is_known(made: Node, shape: tuple[int, ...]) -> None:
    then = Model("then", (), ("t",), (node("Relu", "a", "t"),))
    other = Model("else", (), ("t",), (node("Relu", "b", "t"),))
    branch = node("If", "full", "y", then_branch=then, else_branch=other)
    graph = _bound(made, node("OptionalHasElement", "o", "full"), branch)
    assert (shapes(graph), graph.warnings) == ([shape], ())


def test_an_empty_optional_value_has_no_element() -> None:
    with pytest.raises(InputError, match=r"asks an empty optional value.*\[bad-node\]"):
        _bound(node("Optional", "", "o"), node("OptionalGetElement", "o", "y"))


def test_places_that_data_decides_in_sequences_of_one_shape() -> None:
    place = [node("ReduceSum", "b", "sum", keepdims=0), node("Cast", "sum", "at", to=DType.INT64)]
    same = node("SequenceConstruct", "a a", "q")
    assert shapes(_bound(*place, same, node("SequenceInsert", "q a at", "y"))) == [(2, 6)] * 3
    assert shapes(_bound(*place, same, node("SequenceErase", "q at", "y"))) == [(2, 6)]
    with pytest.raises(InputError, match=r"its place is computed from data \[data-dependent-shape\]"):
        _bound(*place, PAIR, node("SequenceErase", "q at", "y"))


def test_sizes_that_data_decides() -> None:
    sizes = [node("ReduceSum", "b", "sum"), node("Cast", "sum", "sizes", to=DType.INT64)]
    with pytest.raises(InputError, match=r"its sizes are computed from data \[data-dependent-shape\]"):
        _bound(*sizes, node("SplitToSequence", "a sizes", "y"))
