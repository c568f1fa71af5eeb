"""The operators npusim knows. One file a family; importing this package registers them all."""

from npusim.ops import conv
from npusim.ops.base import OPS, Call, Op, VectorWork, Work

__all__ = ["OPS", "Call", "Op", "VectorWork", "Work", "conv"]
