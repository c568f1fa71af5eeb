"""What a graph computes: every operator in numpy, and SESR from its paper alone to check it with."""

from npusim.reference.executor import execute
from npusim.reference.seeds import seeded_weights

__all__ = ["execute", "seeded_weights"]
