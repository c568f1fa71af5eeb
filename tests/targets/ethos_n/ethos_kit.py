"""What the tests of the Ethos-N78 share: small networks on it, and the parts that they become."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from hand import Row, network

from npusim.cost import Pass, Plan
from npusim.counts import layer_works
from npusim.ir import Graph, Shape
from npusim.options import Options
from npusim.profiles.load import load
from npusim.targets.ethos_n import plan
from npusim.targets.ethos_n.hardware import machine
from npusim.targets.ethos_n.lower import Lowered, lower
from npusim.targets.ethos_n.machine import Machine
from npusim.targets.ethos_n.parts import Line, Part

VARIANTS = ("4tops-4ple", "4tops-2ple", "8tops-2ple", "1tops-4ple")  # those that the vendor's compiler has programs for
NOT_PLANNABLE = ("1tops-2ple", "2tops-4ple", "2tops-2ple")
PLAIN = Options()
VENDOR = Options(as_vendor=True)
EQUAL = Options(equal_scales=True)


@lru_cache
def hardware(variant: str | None = None) -> Machine:
    return machine(load("ethos-n78", variant))


def planned(graph: Graph, options: Options = PLAIN, variant: str | None = None) -> Plan:
    return plan(graph, load("ethos-n78", variant), options)


def passes(graph: Graph, options: Options = PLAIN, variant: str | None = None) -> dict[str, Pass]:
    return {each.name: each for each in planned(graph, options, variant).passes}


def lowered(graph: Graph, options: Options = PLAIN, variant: str | None = None) -> Lowered:
    return lower(graph, layer_works(graph), hardware(variant), options)


def line_of(graph: Graph, options: Options = PLAIN, variant: str | None = None) -> Line:
    return lowered(graph, options, variant).line


def parts(graph: Graph, options: Options = PLAIN, variant: str | None = None) -> list[Part]:
    """The parts between the network's inputs and outputs."""
    line = line_of(graph, options, variant)
    return [each.part for each in line.parts if each.part.kind.value not in ("input", "output")]


def owners(graph: Graph, options: Options = PLAIN) -> list[tuple[str, ...]]:
    """The layers that each part between the network's inputs and outputs accounts for."""
    line = line_of(graph, options)
    return [each.layers for each in line.parts if each.part.kind.value not in ("input", "output")]


def same(side: int) -> dict[str, Any]:
    """Attributes of a window of odd sides that keeps the size."""
    return {"pads": (side // 2,) * 4}


def chain(ifm: Shape, convs: Sequence[tuple[int, int]], *, relu: bool = False) -> Graph:
    """Convolutions of stride 1 one after another, as (output channels, side of the kernel); they are called c0, c1, ..

    With ``relu`` each has one behind it, called r0, r1, ...
    """
    rows: list[Row] = []
    weights: dict[str, Shape] = {}
    last, channels = "x", ifm[1]
    for index, (out, side) in enumerate(convs):
        rows.append(("Conv", f"{last} w{index}", f"c{index}", same(side)))
        weights[f"w{index}"] = (out, channels, side, side)
        last, channels = f"c{index}", out
        if relu:
            rows.append(("Relu", last, f"r{index}", {}))
            last = f"r{index}"
    return network({"x": ifm}, rows, last, weights)


@lru_cache
def sesr_m5(height: int, width: int, *, long_add: bool) -> Graph:
    """SESR-M5 x2 in its hardware form, ReLU for PReLU: 5x5, five of 3x3, 5x5, depth to space; one channel in and
    out."""
    rows: list[Row] = [("Conv", "x w0", "c0", same(5)), ("Relu", "c0", "r0", {})]
    weights: dict[str, Shape] = {"w0": (16, 1, 5, 5), "w6": (4, 16, 5, 5)}
    for index in range(1, 6):
        rows += [("Conv", f"r{index - 1} w{index}", f"c{index}", same(3)), ("Relu", f"c{index}", f"r{index}", {})]
        weights[f"w{index}"] = (16, 16, 3, 3)
    rows += [("Add", "r5 r0", "s", {})] if long_add else []
    rows += [("Conv", f"{'s' if long_add else 'r5'} w6", "c6", same(5)), ("DepthToSpace", "c6", "y", {"blocksize": 2})]
    return network({"x": (1, 1, height, width)}, rows, "y", weights)


@lru_cache
def fsrcnn(height: int, width: int) -> Graph:
    """FSRCNN (56, 12, 4) x2 with ReLU for PReLU."""
    rows: list[Row] = []
    weights: dict[str, Shape] = {}
    last, channels = "x", 1
    for index, (out, side) in enumerate([(56, 5), (12, 1), (12, 3), (12, 3), (12, 3), (12, 3), (56, 1)]):
        rows += [("Conv", f"{last} w{index}", f"c{index}", same(side)), ("Relu", f"c{index}", f"r{index}", {})]
        weights[f"w{index}"] = (out, channels, side, side)
        last, channels = f"r{index}", out
    up = {"strides": (2, 2), "pads": (4, 4, 4, 4), "output_padding": (1, 1)}
    rows.append(("ConvTranspose", f"{last} t", "y", up))
    return network({"x": (1, 1, height, width)}, rows, "y", weights | {"t": (56, 1, 9, 9)})
