"""Convolutions: they are what everything else is made into."""

from __future__ import annotations

from npusim.ir import Shape
from npusim.loopnest import span
from npusim.model import Node
from npusim.transform.collapse.affine import Affine, Numbers, Refusal, Window
from npusim.transform.collapse.network import Network
from npusim.transform.collapse.rules import Terms, linear


@linear("convolution", "Conv")
def conv(node: Node, network: Network) -> Terms:
    """The node's own kernel and bias."""
    parameters = kernel_and_bias(node, network)
    if isinstance(parameters, Refusal):
        return parameters
    kernel, bias = parameters
    window = _window(node, kernel.shape[2:])
    if isinstance(window, Refusal):
        return window
    return (Affine(node.inputs[0], kernel, bias, window, int(node.attrs.get("group", 1)), place=node.place),)


def kernel_and_bias(node: Node, network: Network) -> tuple[Numbers, Numbers | None] | Refusal:
    """The constants in slots 1 and 2; a Refusal where they are not known, or stand for integers."""
    names = [name for name in node.inputs[1:3] if name]
    if not all(map(network.is_constant, names)):
        return Refusal(f"the weights of {node.place} are computed from data")
    if not network.quantised.isdisjoint(names):
        return Refusal(f"the weights of {node.place} are quantised: collapse before quantising")
    kernel, *bias = map(network.numbers, names)
    return kernel, bias[0] if bias else None


def _window(node: Node, taps: Shape) -> Window | Refusal:
    ones, attrs = (1,) * len(taps), node.attrs
    strides = tuple(attrs.get("strides") or ones)
    dilations = tuple(attrs.get("dilations") or ones)
    auto = attrs.get("auto_pad", "NOTSET")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        if any(each != 1 for each in strides):
            return Window(strides, ones, (), (), dict(attrs))
        sums = [span(size, step) - 1 for size, step in zip(taps, dilations, strict=True)]
        less, more = tuple(each // 2 for each in sums), tuple(each - each // 2 for each in sums)
        return Window(strides, dilations, *((less, more) if auto == "SAME_UPPER" else (more, less)))
    pads = tuple(attrs.get("pads") or (0,) * (2 * len(taps))) if auto != "VALID" else (0,) * (2 * len(taps))
    if any(each < 0 for each in pads):
        return Refusal(f"{node.place} crops what it reads (pads {list(pads)})")
    return Window(strides, dilations, pads[: len(taps)], pads[len(taps) :])
