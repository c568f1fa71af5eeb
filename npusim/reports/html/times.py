"""Cycles as time on the clock of a result's profile."""

from __future__ import annotations

from npusim.reports.numbers import NOTHING
from npusim.result import Estimate
from npusim.units import format_seconds


def shown(result: Estimate, cycles: float) -> str:
    """The time with its unit; ``n/a`` where the result does not state the clock."""
    clock_hz = result.profile.clock_hz
    return format_seconds(cycles / clock_hz) if clock_hz else NOTHING
