"""What a hardware family answers: how a graph runs on it."""

from __future__ import annotations

from typing import Protocol

from npusim.cost import Plan
from npusim.ir import Graph
from npusim.options import Options
from npusim.profile import HardwareProfile
from npusim.registry import Registry

__all__ = ["TARGETS", "Options", "Target"]


class Target(Protocol):
    """Graph to Plan on one profile. Layers whose operator is not in OPS are left out of the plan."""

    def __call__(self, graph: Graph, profile: HardwareProfile, options: Options) -> Plan: ...


TARGETS: Registry[Target] = Registry("target")
