"""How far estimates are from a reference: the difference of each value, and its spread over a group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np


class Point(msgspec.Struct, frozen=True):
    """One value of the reference beside the estimate.

    Attributes:
        where: the network, with what tells its runs apart.
    """

    where: str
    reference: float
    estimate: float

    @property
    def difference(self) -> float:
        """Relative to the reference; to 1 where that is 0."""
        return (self.estimate - self.reference) / (abs(self.reference) or 1.0)


class Group(msgspec.Struct, frozen=True):
    """Values of one kind: which tables, variant and group of networks, which quantity.

    Attributes:
        of: ``passes``, ``networks``, ``drawn`` or ``published``. variant: of the hardware.
        group: of networks; empty for all.
    """

    of: str
    variant: str
    group: str
    quantity: str
    points: tuple[Point, ...]

    @property
    def differences(self) -> Any:
        """Absolute relative differences, one a value."""
        return np.array([abs(point.difference) for point in self.points])

    def share_within(self, limit: float) -> float:
        """The share of values that differ by no more than ``limit``."""
        return float(np.mean(self.differences <= limit))

    @property
    def median(self) -> float:
        return float(np.median(self.differences))

    @property
    def p90(self) -> float:
        return float(np.quantile(self.differences, 0.9))

    @property
    def worst(self) -> float:
        return float(np.max(self.differences))

    @property
    def worst_at(self) -> str:
        """Where the largest difference is; the first of equals."""
        return self.points[int(np.argmax(self.differences))].where


class Check(msgspec.Struct, frozen=True):
    """A bound and what was found: ``statistic`` of a quantity must not pass ``limit`` (a share must reach it)."""

    of: str
    variants: tuple[str, ...]
    groups: tuple[str, ...]
    quantity: str
    statistic: str
    limit: float
    found: float

    @property
    def holds(self) -> bool:
        return self.found >= self.limit if self.statistic == "share" else self.found <= self.limit


def checks(groups: Sequence[Group], bounds: Sequence[Mapping[str, Any]]) -> tuple[Check, ...]:
    """Each bound over the groups that it names; a bound none of whose groups was compared is left out."""
    found = []
    for bound in bounds:
        variants, names = tuple(bound.get("variants", ())), tuple(bound.get("groups", ()))
        chosen = [
            group for group in groups
            if (group.of, group.quantity) == (bound["of"], bound["quantity"])
            and (not variants or group.variant in variants) and (not names or group.group in names)
        ]  # fmt: skip
        if chosen:
            whole = Group(
                bound["of"], "", "", bound["quantity"], tuple(point for group in chosen for point in group.points)
            )
            for statistic in ("share", "median", "p90", "worst"):
                if statistic in bound:
                    value = whole.share_within(bound["within"]) if statistic == "share" else getattr(whole, statistic)
                    found.append(
                        Check(bound["of"], variants, names, bound["quantity"], statistic, bound[statistic], value)
                    )
    return tuple(found)
