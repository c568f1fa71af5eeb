"""Arm Ethos-N: parts, passes, stripes, sections and formats as the vendor's compiler has them, and the best that there
are."""

from npusim.targets.base import TARGETS
from npusim.targets.ethos_n.plan import plan

TARGETS.add("ethos_n", plan)

__all__ = ["plan"]
