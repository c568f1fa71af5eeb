"""What a hardware family answers: how a graph runs on it."""

from __future__ import annotations

from typing import Protocol

import msgspec

from npusim.cost import Plan
from npusim.ir import Graph
from npusim.profile import HardwareProfile
from npusim.registry import Registry


class Options(msgspec.Struct, frozen=True):
    """How an estimate is to be made.

    Attributes:
        dtype: what activations and weights are on the NPU, by name.
        activation_compression: share of the traffic of activations between layers that compression saves.
        equal_scales: all tensors share one quantisation (True), none does (False), or as the graph's QDQ nodes say (None).
        planner: ``vendor`` chooses as the family's compiler does, ``best`` searches all legal mappings and sections.
        as_vendor: cost an operator as the vendor's estimator does even where that is below the hardware's peak or free.
    """

    dtype: str = "int8"
    activation_compression: float = 0.0
    equal_scales: bool | None = None
    planner: str = "vendor"
    as_vendor: bool = False
    level: str = "mapped"


class Target(Protocol):
    """Graph to Plan on one profile. Layers whose operator is not in OPS are left out of the plan."""

    def __call__(self, graph: Graph, profile: HardwareProfile, options: Options) -> Plan: ...


TARGETS: Registry[Target] = Registry("target")
