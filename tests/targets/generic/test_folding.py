"""What a compiler folds away costs nothing: constant scales behind a convolution, and changes of number format."""

from __future__ import annotations

import numpy as np

import npusim
from npusim.bind import bind
from npusim.ir import DType
from npusim.model import Constant, Model, Node, Value
from npusim.result import Estimate

CONV = Node("conv", "Conv", ("x", "w"), ("y",), {"pads": (1, 1, 1, 1)})
NORM = ("scale", "bias", "mean", "variance")


def constants() -> dict[str, Constant]:
    made = {"w": (32, 32, 3, 3), **dict.fromkeys(NORM, (32,))}
    found = {
        name: Constant(name, shape, DType.FLOAT32, lambda shape=shape: np.ones(shape, np.float32))  # type: ignore[misc]
        for name, shape in made.items()
    }
    found["step"] = Constant("step", (), DType.FLOAT32, lambda: np.float32(0.1).reshape(()))
    found["zero"] = Constant("zero", (), DType.INT8, lambda: np.zeros((), np.int8))
    return found


def estimate(*nodes: Node) -> Estimate:
    model = Model("m", (Value("x", (1, 32, 64, 64)),), (nodes[-1].outputs[0],), nodes, constants())
    return npusim.estimate(bind(model), npusim.profile("ethos-n78"))


def norm(name: str, x: str, y: str) -> Node:
    return Node(name, "BatchNormalization", (x, *NORM), (y,))


def test_a_batch_norm_behind_a_convolution_goes_into_its_weights() -> None:
    alone, folded = estimate(CONV), estimate(CONV, norm("norm", "y", "z"))
    assert folded.totals.cycles == alone.totals.cycles
    assert folded.dram_bytes == alone.dram_bytes
    assert folded.layers[0].fused == ("norm",)
    # The network still has the four constants of 32 elements.
    assert folded.params == alone.params + 4 * 32


def test_a_batch_norm_behind_an_activation_stays_and_is_costed() -> None:
    relu = Node("relu", "Relu", ("y",), ("r",))
    plain, kept = estimate(CONV, relu), estimate(CONV, relu, norm("norm", "r", "z"))
    assert kept.totals.cycles > plain.totals.cycles
    assert not kept.off_npu
    assert estimate(norm("norm", "x", "z")).totals.vector_cycles > 0


def test_changes_of_number_format_cost_nothing_behind_a_pass() -> None:
    quantise = Node("q", "QuantizeLinear", ("y", "step", "zero"), ("yq",))
    back = Node("dq", "DequantizeLinear", ("yq", "step", "zero"), ("yf",))
    alone, annotated = estimate(CONV), estimate(CONV, quantise, back)
    assert annotated.totals.cycles == alone.totals.cycles
    assert annotated.layers[0].fused == ("q", "dq")
