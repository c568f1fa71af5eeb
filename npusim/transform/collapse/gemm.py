"""Products with a constant matrix of tensors that have no frame, as those behind a flattening: kernels without taps."""

from __future__ import annotations

import numpy as np

from npusim.model import Node
from npusim.transform.collapse.affine import Affine, Numbers, Refusal, numbers, still
from npusim.transform.collapse.conv import kernel_and_bias
from npusim.transform.collapse.network import Network
from npusim.transform.collapse.rules import Terms, linear


@linear("matrix product", "Gemm")
def gemm(node: Node, network: Network) -> Terms:
    """alpha * x W + beta * c; the matrix as [outputs, inputs]."""
    if node.attrs.get("transA", 0) or not node.inputs[0] or network.is_constant(node.inputs[0]):
        return None
    parameters = kernel_and_bias(node, network)
    if isinstance(parameters, Refusal):
        return parameters
    matrix, shift = parameters
    alpha, beta = float(node.attrs.get("alpha", 1.0)), float(node.attrs.get("beta", 1.0))
    turned = bool(node.attrs.get("transB", 0))
    shape = matrix.shape if turned else matrix.shape[::-1]
    kernel = numbers(shape, lambda: alpha * (matrix.array if turned else matrix.array.T), matrix)
    bias = None
    if shift is not None:
        if len(shift.shape) == 2 and shift.shape[0] != 1:
            return Refusal(f"{node.place} adds another number to each row")
        bias = _row(shift, shape[0], beta)
    return (Affine(node.inputs[0], kernel, bias, still(0), place=node.place),)


def _row(shift: Numbers, outputs: int, beta: float) -> Numbers:
    return numbers((outputs,), lambda: np.broadcast_to(beta * shift.array.reshape(-1), (outputs,)), shift)


@linear("matrix product", "MatMul")
def matmul(node: Node, network: Network) -> Terms:
    """x W, for an x of rank 2; other ranks have their channels behind, and are no chain of convolutions."""
    x, w = node.inputs
    if not network.is_real(x) or network.is_constant(x) or not network.is_constant(w):
        return None
    if len(network.shape(x)) != 2 or len(network.shape(w)) != 2:
        return None
    if w in network.quantised:
        return Refusal(f"the weights of {node.place} are quantised: collapse before quantising")
    matrix = network.numbers(w)
    kernel = numbers(matrix.shape[::-1], lambda: matrix.array.T, matrix)
    return (Affine(x, kernel, None, still(0), place=node.place),)
