"""Any NPU that a profile's numbers describe: a MAC array, a vector unit, SRAM, a DMA engine and DRAM."""

from npusim.targets.base import TARGETS
from npusim.targets.generic.planner import plan

TARGETS.add("generic", plan)

__all__ = ["plan"]
