"""The ratios that the paper on SESR, and an article on it, claim: recomputed from npusim's own counts and estimates."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from functools import cache

import msgspec

from npusim.estimate import estimate
from npusim.frontends.load import load
from npusim.resources import path
from npusim.result import Estimate
from npusim.validation import tables
from npusim.validation.published import OPTIONS, PROFILE, VARIANT
from npusim.zoo.catalogue import published
from npusim.zoo.index import find

Progress = Callable[[int, int], None]


class Side(msgspec.Struct, frozen=True):
    """One side of a ratio: a network on a frame, whole, or in tiles that are run one after the other."""

    network: str
    frame: tuple[int, int]
    tile: tuple[int, int]

    @property
    def runs(self) -> float:
        """Tiles by area, without overlap, as the paper counts them: 17.28 of 400x300 in 1920x1080."""
        return self.frame[0] * self.frame[1] / (self.tile[0] * self.tile[1])


class Claim(msgspec.Struct, frozen=True):
    """A claim.

    Attributes:
        shown: the number as printed. stated: its value, None where nothing can be computed for it.
        unit: of its last digit. A number that is printed so was rounded to it, or cut, as the paper does with some.
        quantity: ``latency``, ``dram`` or ``macs``, of ``over`` and of ``under``.
        why: what explains a difference, or why it cannot be checked.
    """

    claim: str
    shown: str
    stated: float | None
    unit: float
    quantity: str
    over: Side | None
    under: Side | None
    formula: str
    source: str
    confidence: str
    why: str


class Checked(msgspec.Struct, frozen=True):
    """A claim with what comes out.

    Attributes:
        printed: the ratio of the figures that the paper and others print; None where they print none.
        value: the ratio by npusim.
    """

    claim: Claim
    printed: float | None
    value: float | None

    @property
    def holds(self) -> bool:
        """Whether the value, rounded or cut to the digits stated, is what is stated."""
        stated, unit = self.claim.stated, self.claim.unit
        return self.value is not None and stated is not None and -unit / 2 <= self.value - stated < unit

    @property
    def verdict(self) -> str:
        """``holds``, ``differs by`` how much of what is stated, or ``cannot be checked``."""
        if self.value is None or self.claim.stated is None:
            return "cannot be checked"
        return "holds" if self.holds else f"differs by {(self.value / self.claim.stated - 1) * 100:+.1f} %"

    @property
    def why(self) -> str:
        """The explanation; none is needed where it holds."""
        return "" if self.holds else self.claim.why


@cache
def claims() -> tuple[Claim, ...]:
    """The claims of validation/claims.csv, in its order."""
    with path("validation", "claims.csv").open(encoding="utf-8", newline="") as file:
        return tuple(map(_claim, csv.DictReader(file)))


def _claim(row: Mapping[str, str]) -> Claim:
    return Claim(
        row["claim"], row["shown"], float(row["stated"]) if row["stated"] else None, float(row["unit"] or 0),
        row["quantity"], _side(row["over"]), _side(row["under"]), row["formula"], row["source"], row["confidence"],
        row["why"],
    )  # fmt: skip


def _side(text: str) -> Side | None:
    """``network WxH`` or ``network WxH tile-WxH``."""
    if not text:
        return None
    network, *sizes = text.split()
    frames = [(int(width), int(height)) for width, _, height in (size.partition("x") for size in sizes)]
    return Side(network, frames[0], frames[-1])


def check_claims(progress: Progress = lambda *_: None) -> tuple[Checked, ...]:
    """Every claim, on the profile and with the options that the paper states: half of the traffic between layers saved,
    one quantisation for all tensors."""
    known: dict[tuple[str, tuple[int, int]], Estimate] = {}

    def estimated(side: Side) -> Estimate:
        key = side.network, side.tile
        if key not in known:
            known[key] = estimate(
                load(side.network, size=side.tile), PROFILE, variant=tables.profile_variant(VARIANT),
                activation_compression=OPTIONS.activation_compression, equal_scales=OPTIONS.equal_scales,
            )  # fmt: skip
        return known[key]

    found = []
    for done, claim in enumerate(claims()):
        progress(done, len(claims()))
        value = _ratio(claim, lambda side, quantity: _value(estimated(side), quantity) * side.runs)
        found.append(Checked(claim, _ratio(claim, _printed), value))
    return tuple(found)


def _ratio(claim: Claim, value: Callable[[Side, str], float | None]) -> float | None:
    if claim.over is None or claim.under is None:
        return None
    over, under = value(claim.over, claim.quantity), value(claim.under, claim.quantity)
    return over / under if over is not None and under else None


def _value(result: Estimate, quantity: str) -> float:
    by_quantity = {"latency": result.latency_s, "dram": float(result.dram_bytes), "macs": float(result.macs_dense)}
    return by_quantity[quantity]


def _printed(side: Side, quantity: str) -> float | None:
    """What the paper prints for that side: its table of the hardware, or MACs to 1280x720 pixels."""
    if quantity == "macs":
        network, scale = find(side.network)
        figures = published().get((network.label, scale))
        return float(figures.macs_g) * side.runs if figures and figures.macs_g else None
    column = {"latency": "runtime_ms", "dram": "dram_mb"}[quantity]
    for row in tables.published():
        if row["network"] == side.network and (int(row["width"]), int(row["height"])) == side.tile:
            return float(row[column]) * side.runs if row[column] else None
    return None
