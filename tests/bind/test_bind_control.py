"""If, Loop and Scan: which branch, how often, and what comes out, each count worked by hand."""

from __future__ import annotations

import pytest
from model_kit import codes, model, node, shapes, stored, weights

from npusim.bind import bind
from npusim.counts import layer_works, macs, params
from npusim.errors import InputError
from npusim.ir import DType, Graph
from npusim.model import Constant, Model, Node, Value

GO = Value("go", (), DType.BOOL)
COUNT = Value("i", (), DType.INT64)


def _body(inputs: list[Value], outputs: str, nodes: list[Node], *constants: Constant) -> Model:
    return Model("body", tuple(inputs), tuple(outputs.split()), tuple(nodes), {each.name: each for each in constants})


def _if(then: Model, other: Model, *constants: Constant, cond: str = "c") -> Graph:
    """x (2, 3); the condition comes from data unless a constant of its name is given."""
    branch = node("If", cond, "y", then_branch=then, else_branch=other)
    test = [] if any(each.name == "c" for each in constants) else [
        node("ReduceSum", "x", "sum", keepdims=0), node("Cast", "sum", "c", to=DType.BOOL)
    ]  # fmt: skip
    return bind(model([*test, branch], constants, x=(2, 3)))


SMALL = _body([], "t", [node("MatMul", "x w", "t")], weights("w", 3, 4))  # 2 x 3 x 4 = 24 MACs
LARGE = _body([], "t", [node("MatMul", "x v", "a"), node("MatMul", "a u", "t")], weights("v", 3, 5), weights("u", 5, 4))
# 2 x 3 x 5 + 2 x 5 x 4 = 70 MACs, 15 + 20 = 35 parameters


@pytest.mark.parametrize(("then", "other", "side"), [(SMALL, LARGE, "else"), (LARGE, SMALL, "then")])
def test_the_dearer_branch_counts_and_both_hold_parameters(then: Model, other: Model, side: str) -> None:
    graph = _if(then, other)
    assert (macs(graph), params(graph), shapes(graph)) == (70, 35 + 12, [(2, 4)])
    (notice,) = graph.warnings
    assert notice.code == "control-flow"
    assert f"its {side} branch is counted, the dearer one (70 MACs)" in notice.message


@pytest.mark.parametrize(("flag", "count", "held"), [(True, 24, 12), (False, 70, 35)])
def test_a_constant_condition_chooses(flag: bool, count: int, held: int) -> None:
    graph = _if(SMALL, LARGE, stored("c", flag, "bool"))
    assert (macs(graph), params(graph), graph.warnings) == (count, held, ())


def test_branches_of_other_shapes_are_said() -> None:
    wide = _body([], "t", [node("MatMul", "x w", "t")], weights("w", 3, 9))  # 54 MACs
    graph = _if(SMALL, wide)
    assert (macs(graph), shapes(graph)) == (54, [(2, 9)])
    assert "the other gives other shapes" in graph.warnings[0].message


def test_a_branch_that_does_not_fit_is_not_the_one_that_runs() -> None:
    broken = _body([], "t", [node("MatMul", "x w", "t")], weights("w", 7, 4))
    graph = _if(SMALL, broken)
    assert macs(graph) == 24
    assert "the other does not fit these shapes" in graph.warnings[0].message
    with pytest.raises(InputError, match=r"\[shape-mismatch\]"):
        _if(broken, broken)


def test_a_nested_branch_reads_what_is_around_both() -> None:
    """The inner branch multiplies what the outer made, (2, 5), by a constant of the outer, (5, 6): 30 + 60 MACs."""
    inner = _body([], "deep", [node("MatMul", "a u", "deep")])
    outer = _body(
        [], "t", [node("MatMul", "x v", "a"), node("If", "c", "t", then_branch=inner, else_branch=inner)],
        weights("v", 3, 5), weights("u", 5, 6),
    )  # fmt: skip
    graph = _if(outer, SMALL)
    assert (macs(graph), params(graph), shapes(graph)) == (90, 15 + 30 + 12, [(2, 6)])


def _loop(trips: Constant | None, nodes: list[Node], outputs: str, *constants: Constant, states: str = "x") -> Graph:
    """A body over the state ``s``, first x of (2, 3); its outputs are the condition, the state, then the stacked."""
    body = _body([COUNT, GO, Value("s", None)], outputs, nodes)
    count = "n" if trips is not None else "data"
    made = [node("ReduceSum", "x", "sum", keepdims=0), node("Cast", "sum", "data", to=DType.INT64)]
    loop = node("Loop", f"{count} - {states}", "y z" if len(outputs.split()) > 2 else "y", body=body)
    known = [*constants, *([] if trips is None else [trips])]
    outs = "y z" if len(outputs.split()) > 2 else "y"
    return bind(model([*([] if trips is not None else made), loop], known, outputs=outs, x=(2, 3)))


STEP = [node("MatMul", "s w", "next"), node("Identity", "go", "still"), node("Relu", "next", "row")]
SQUARE = weights("w", 3, 3)


@pytest.mark.parametrize(("trips", "count"), [(1, 18), (7, 126)])
def test_a_body_counts_as_often_as_it_runs(trips: int, count: int) -> None:
    """2 x 3 x 3 = 18 MACs a turn; the weights are held once; the rows are stacked."""
    graph = _loop(stored("n", trips), STEP, "still next row", SQUARE)
    assert (macs(graph), params(graph)) == (count, 9)
    assert shapes(graph) == [(2, 3), (trips, 2, 3)]
    assert codes(graph) == ["control-flow"]
    assert sum(each.ops for each in layer_works(graph) if each.layer.op == "Relu") == trips * 6


def test_no_turn_hands_the_state_through() -> None:
    graph = _loop(stored("n", 0), STEP, "still next row", SQUARE)
    assert (macs(graph), params(graph)) == (0, 9)  # the file holds the weights all the same
    assert shapes(graph) == [(2, 3), (0, 2, 3)]


def test_a_negative_count_is_no_turn() -> None:
    assert macs(_loop(stored("n", -3), STEP, "still next", SQUARE)) == 0


def test_a_count_that_data_decides_is_said_and_not_counted() -> None:
    graph = _loop(None, STEP, "still next", SQUARE)
    assert shapes(graph) == [(2, 3)]
    assert [each.layer.op for each in layer_works(graph) if each.work is None] == ["Loop"]
    assert codes(graph) == ["control-flow"]
    assert "not counted" in graph.warnings[0].message


def test_stacked_rows_of_an_unknown_count_are_an_error() -> None:
    with pytest.raises(InputError, match=r"'z'.*\[data-dependent-shape\]"):
        _loop(None, STEP, "still next row", SQUARE)


def test_a_state_that_grows_is_counted_turn_by_turn() -> None:
    """The state doubles its rows: 2, 4, 8 rows of 3 by (3, 3): 18 + 36 + 72 = 126 MACs, and 16 rows at the end."""
    nodes = [node("MatMul", "s w", "m"), node("Concat", "m m", "next", axis=0), node("Identity", "go", "still")]
    graph = _loop(stored("n", 3), nodes, "still next", SQUARE)
    assert (macs(graph), params(graph), shapes(graph)) == (126, 9, [(16, 3)])


def test_a_condition_that_is_false_at_once_ends_after_the_first_turn() -> None:
    nodes = [node("MatMul", "s w", "next"), node("Not", "go", "still")]
    assert macs(_loop(stored("n", 5), nodes, "still next", SQUARE)) == 18


def test_a_condition_that_data_decides_is_not_counted() -> None:
    nodes = [
        node("MatMul", "s w", "next"), node("ReduceSum", "next", "total", keepdims=0),
        node("Cast", "total", "still", to=DType.BOOL),
    ]  # fmt: skip
    graph = _loop(stored("n", 5), nodes, "still next", SQUARE)
    assert [each.layer.op for each in layer_works(graph)] == ["Loop"]
    assert "data decides" in graph.warnings[0].message


def test_a_body_of_another_form() -> None:
    body = _body([COUNT, GO], "go", [])
    with pytest.raises(InputError, match=r"which do not fit its own \[bad-node\]"):
        bind(model([node("Loop", "n - x", "y", body=body)], [stored("n", 2)], x=(2, 3)))


def test_more_turns_than_can_be_counted() -> None:
    with pytest.raises(InputError, match=r"turns are too many to count \[bad-node\]"):
        _loop(stored("n", 2**62), STEP, "still next", SQUARE)


def _scan(**attrs: object) -> Graph:
    """Over x (5, 4, 3): a state of (3, 3) is multiplied by (3, 3); a slice by (3, 2)."""
    body = _body(
        [Value("s", None), Value("each", None)],
        "next row",
        [node("MatMul", "s w", "next"), node("MatMul", "each v", "row")],
    )
    scan = node("Scan", "first x", "y z", body=body, num_scan_inputs=1, **attrs)
    constants = [weights("w", 3, 3), weights("v", 3, 2)]
    return bind(model([scan], constants, outputs="y z", first=(3, 3), x=(5, 4, 3)))


def test_a_scan_runs_along_its_axis() -> None:
    """5 turns of 3 x 3 x 3 + 4 x 3 x 2 = 51 MACs; 15 parameters."""
    graph = _scan()
    assert (macs(graph), params(graph), shapes(graph)) == (5 * 51, 15, [(3, 3), (5, 4, 2)])


def test_axes_of_a_scan() -> None:
    """Along axis 1: 4 turns of 27 + 5 x 3 x 2 = 57 MACs; the rows (5, 2) are stacked along the last axis."""
    graph = _scan(scan_input_axes=(1,), scan_output_axes=(-1,))
    assert (macs(graph), shapes(graph)) == (4 * 57, [(3, 3), (5, 2, 4)])


@pytest.mark.parametrize("attrs", [{"num_scan_inputs": 0}, {"num_scan_inputs": 2**31}, {"scan_input_axes": (0, 0)}])
def test_a_scan_of_another_form(attrs: dict[str, object]) -> None:
    body = _body([Value("each", None)], "row", [node("Relu", "each", "row")])
    scan = node("Scan", "x", "y", **{"body": body, "num_scan_inputs": 1, **attrs})
    with pytest.raises(InputError, match=r"Scan 'y'.*\[bad-node\]"):
        bind(model([scan], x=(5, 4)))


def test_scanned_inputs_of_unequal_length() -> None:
    body = _body([Value("a", None), Value("b", None)], "row", [node("Add", "a b", "row")])
    with pytest.raises(InputError, match=r"\[4, 5\] steps \[shape-mismatch\]"):
        bind(model([node("Scan", "p q", "y", body=body, num_scan_inputs=2)], p=(5, 3), q=(4, 3)))


def test_a_loop_in_a_loop_multiplies() -> None:
    """3 turns of 4 turns of 18 MACs."""
    inner = _body([COUNT, GO, Value("t", None)], "go u", [node("MatMul", "t w", "u")])
    nodes = [node("Loop", "four - s", "next", body=inner)]
    graph = _loop(stored("n", 3), nodes, "go next", SQUARE, stored("four", 4))
    assert macs(graph) == 3 * 4 * 18


def test_a_subgraph_is_asked_for() -> None:
    with pytest.raises(InputError, match=r"has no subgraph 'else_branch' \[bad-node\]"):
        bind(model([node("If", "c", "y", then_branch=SMALL)], [stored("c", False, "bool")], x=(2, 3)))


def test_turns_that_differ_stack_their_rows() -> None:
    """Each turn cuts a column off the state: of 3 columns one is left after two turns; two sums are stacked."""
    nodes = [
        node("Slice", "s from to axis", "next"), node("ReduceSum", "next", "row", keepdims=0),
        node("Identity", "go", "still"),
    ]  # fmt: skip
    constants = [stored("from", [1]), stored("to", [2**40]), stored("axis", [1])]
    graph = _loop(stored("n", 2), nodes, "still next row", *constants)
    assert shapes(graph) == [(2, 1), (2,)]
    assert [layer.op for layer in graph.layers].count("Slice") == 2
    assert "counted one by one (2)" in graph.warnings[0].message


def test_a_condition_that_ends_a_growing_loop() -> None:
    """It goes on while the turn's number is below 1: turns 0 and 1 of five; 2, 4 rows by (3, 3): 18 + 36 MACs."""
    nodes = [
        node("MatMul", "s w", "m"), node("Concat", "m m", "next", axis=0), node("Less", "i one", "still"),
    ]  # fmt: skip
    graph = _loop(stored("n", 5), nodes, "still next", SQUARE, stored("one", 1))
    assert (macs(graph), shapes(graph)) == (54, [(8, 3)])


def test_a_state_that_grows_while_data_decides_is_not_counted() -> None:
    nodes = [
        node("Concat", "s s", "next", axis=0), node("ReduceSum", "next", "total", keepdims=0),
        node("Cast", "total", "still", to=DType.BOOL),
    ]  # fmt: skip
    graph = _loop(stored("n", 5), nodes, "still next", SQUARE)
    assert [each.layer.op for each in layer_works(graph)] == ["Loop"]


def test_a_scan_in_the_form_of_opset_8() -> None:
    """Its first input gives the lengths, and its body has one input less: told and not counted."""
    body = _body([Value("each", None)], "row", [node("Relu", "each", "row")])
    scan = node("Scan", "- x", "y", body=body, num_scan_inputs=1)
    graph = bind(model([scan], declared=[Value("y", (5, 4))], x=(5, 4)))
    assert shapes(graph) == [(5, 4)]
    assert "opset 8" in graph.warnings[0].message


def test_a_loop_too_long_to_unroll_is_not_counted() -> None:
    nodes = [node("Concat", "s s", "next", axis=0), node("Identity", "go", "still")]
    graph = _loop(stored("n", 10**6), nodes, "still next", SQUARE)
    assert [each.layer.op for each in layer_works(graph)] == ["Loop"]
    assert "not counted" in graph.warnings[0].message


def _double(cond: bool) -> Model:
    """A branch inside a loop's body that reads the state and a constant of the body."""
    return _body([], "t", [node("MatMul", "s k", "t")] if cond else [node("Neg", "s", "t")])


def test_a_branch_in_a_body_reads_the_bodys_names() -> None:
    """Three turns of (2, 3) by (3, 3): 54 MACs; the other branch is dead by a constant condition of the body."""
    nodes = [
        node("If", "yes", "next", then_branch=_double(True), else_branch=_double(False)),
        node("Identity", "go", "still"),
    ]
    body = Model(
        "body", (COUNT, GO, Value("s", None)), ("still", "next"), tuple(nodes),
        {"yes": stored("yes", True, "bool"), "k": weights("k", 3, 3)},
    )  # fmt: skip
    graph = bind(model([node("Loop", "n - x", "y", body=body)], [stored("n", 3)], x=(2, 3)))
    assert (macs(graph), params(graph), shapes(graph)) == (54, 9, [(2, 3)])


def test_a_fault_that_no_value_explains_is_told_at_once() -> None:
    ghost = _body([], "t", [node("MatMul", "x nowhere", "t")])
    with pytest.raises(InputError, match=r"'nowhere'.*\[undefined-value\]"):
        _if(SMALL, ghost)


def test_a_branch_may_hand_on_a_sequence() -> None:
    pair = _body([], "q", [node("SequenceConstruct", "x x", "q")])
    triple = _body([], "q", [node("SequenceConstruct", "x x x", "q")])
    nodes = [node("If", "c", "q", then_branch=pair, else_branch=triple), node("ConcatFromSequence", "q", "y", axis=0)]
    graph = bind(model(nodes, [stored("c", False, "bool")], x=(2, 3)))
    assert shapes(graph) == [(6, 3)]


def test_control_flow_in_control_flow_ends() -> None:
    """Each of 12 levels unrolls 30 turns of the next: far more than is ever walked."""
    body = _body([COUNT, GO, Value("t", None)], "go u", [node("Concat", "t t", "u", axis=0)])
    for _ in range(12):
        body = _body([COUNT, GO, Value("t", None)], "go u", [node("Loop", "n - t", "u", body=body)])
    graph = bind(model([node("Loop", "n - x", "y", body=body)], [stored("n", 30)], x=(2, 3)))
    assert "Loop" in [layer.op for layer in graph.layers]
    assert "control-flow" in codes(graph)
