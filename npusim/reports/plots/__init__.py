"""Plots, the only importers of matplotlib: functions of data and axes, which return the axes, and ``save_`` for files.

No state of pyplot is used: ``canvas`` makes figures, ``save`` writes them, both without a screen.
"""

from __future__ import annotations

from npusim.reports.plots.accuracy import accuracy, save_accuracy
from npusim.reports.plots.frontier import frontier, save_frontier
from npusim.reports.plots.pairs import Pair, pairs
from npusim.reports.plots.roofline import roofline, save_roofline
from npusim.reports.plots.times import save_times, times

__all__ = [
    "Pair",
    "accuracy",
    "frontier",
    "pairs",
    "roofline",
    "save_accuracy",
    "save_frontier",
    "save_roofline",
    "save_times",
    "times",
]
