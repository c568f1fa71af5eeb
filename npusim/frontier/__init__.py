"""Quality against cost: published PSNR and SSIM joined with what npusim counts and estimates of the same networks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import msgspec

from npusim.counts import params
from npusim.errors import EstimateError, InputError
from npusim.frontends.load import load
from npusim.frontier.costs import AXES, Axis, Costs, costs
from npusim.frontier.pareto import front
from npusim.frontier.quality import MEASURES, Row, rows
from npusim.ir import Graph
from npusim.profile import HardwareProfile
from npusim.result import OptionsInfo
from npusim.zoo.catalogue import LOW_RESOLUTION
from npusim.zoo.index import BY_NAME

__all__ = ["AXES", "MEASURES", "REGIMES", "Added", "Frontier", "Listed", "Point", "frontier", "turned"]

# As the paper on SESR parts networks: by parameters, from the first and up to the second.
REGIMES: Mapping[str, tuple[float, float]] = {
    "small": (0, 25_000), "medium": (25_001, 100_000), "large": (100_001, float("inf"))
}  # fmt: skip
FULL_HD = (1920, 1080)
YOURS = "given with --add"

Progress = Callable[[int, int], None]


class Added(msgspec.Struct, frozen=True):
    """A network of the user's own: what it is to be called, its PSNR or SSIM, and its file."""

    name: str
    quality: float
    model: str


class Point(msgspec.Struct, frozen=True):
    """A network on the plot.

    Attributes:
        name: as its source calls it. network: of the zoo, or the user's file.
        quality: PSNR in dB, or SSIM.
        on_front: no other network of the plot costs as little and is as good, and better in one of the two.
        recalled: the quality is not read in any source at hand, and drawn hollow.
        yours: given with --add.
    """

    name: str
    network: str
    quality: float
    costs: Costs
    on_front: bool
    recalled: bool
    yours: bool
    source: str
    confidence: str


class Listed(msgspec.Struct, frozen=True):
    """A published row that is not on the plot, and why."""

    model: str
    quality: float | None
    why: str
    params_k: str
    macs_g: str
    source: str
    confidence: str


class Frontier(msgspec.Struct, frozen=True):
    """Networks by quality and cost, the cheapest first.

    Attributes:
        measure: ``psnr`` or ``ssim``. against: a key of AXES. regime: a key of REGIMES, or empty for all.
        frame: width and height of the input.
        profile, variant: of the hardware; empty where only counts are asked for. overrides: of the profile's numbers.
        options: how the estimates were made; None where only counts are asked for.
        listed: every other row of that data set and scale.
    """

    dataset: str
    scale: int
    measure: str
    against: str
    regime: str
    frame: tuple[int, int]
    profile: str
    variant: str
    points: tuple[Point, ...]
    listed: tuple[Listed, ...]
    overrides: Mapping[str, str] = {}
    options: OptionsInfo | None = None

    @property
    def axis(self) -> Axis:
        return AXES[self.against]

    @property
    def front(self) -> tuple[Point, ...]:
        return tuple(each for each in self.points if each.on_front)


def frontier(
    hardware: HardwareProfile,
    *,
    dataset: str = "Set14",
    scale: int = 2,
    measure: str = "psnr",
    against: str = "macs",
    regime: str = "",
    frame: tuple[int, int] | None = None,
    retrained: bool = False,
    hardware_form: bool = False,
    added: Sequence[Added] = (),
    options: Mapping[str, Any] | None = None,
    progress: Progress = lambda *_: None,
) -> Frontier:
    """Joins the published quality of networks with their costs, and finds the Pareto front.

    Args:
        frame: width and height of the input; by default what gives 1280x720 pixels for counts, as in the papers, and
            1920x1080 for estimates.
        retrained: draw other trainings of a network than its paper's as well.
        hardware_form: cost the form for hardware (ReLU for PReLU, no skip from input to output) of those networks that
            have one; the quality stays that of the paper's form.
        options: of ``estimate``.

    Raises:
        InputError: bad-option, and what is wrong with a network of the user's.
    """
    _check(measure, against, regime)
    axis = AXES[against]
    frame = frame or (FULL_HD if axis.estimated else LOW_RESOLUTION[scale])
    known = rows(dataset, scale)
    drawn, listed = _choose(known, measure, retrained)
    points: list[Point] = []
    made: list[OptionsInfo] = []

    @cache
    def price(network: str, within: str) -> Costs | None:
        """The costs; None where the network is not within that regime, and so need not be estimated."""
        graph = _bound(network, frame)
        if within and not REGIMES[within][0] <= params(graph) <= REGIMES[within][1]:
            return None
        found, how = costs(graph, axis, hardware, options or {})
        if how is not None:
            made.append(how)
        return found

    wanted: list[Row | Added] = [*drawn, *added]
    for done, each in enumerate(wanted):
        progress(done, len(wanted))
        point = _point(each, measure, axis, price, regime, hardware_form)
        if isinstance(point, Point):
            points.append(point)
        else:
            listed.append(point)
    return Frontier(
        known[0].dataset, scale, measure, against, regime, frame, hardware.name if axis.estimated else "",
        hardware.variant if axis.estimated else "", _marked(points, axis), tuple(listed),
        hardware.overrides if axis.estimated else {}, made[0] if made else None,
    )  # fmt: skip


def turned(found: Frontier, against: str) -> Frontier:
    """The same networks against another of the costs that an estimate gives; InputError (bad-option)."""
    _check(found.measure, against, found.regime)
    return msgspec.structs.replace(found, against=against, points=_marked(found.points, AXES[against]))


def _bound(network: str, frame: tuple[int, int]) -> Graph:
    """The network at that frame; one inference at a time, where its file leaves the batch open."""
    try:
        return load(network, size=frame)
    except InputError as fault:
        if fault.code != "dynamic-dim":
            raise
        return load(network, size=frame, batch=1)


def _check(measure: str, against: str, regime: str) -> None:
    for option, value, known in (
        ("--quality", measure, MEASURES), ("--against", against, AXES), ("--regime", regime, ("", *REGIMES))
    ):  # fmt: skip
        if value not in known:
            fix = f"choose from {', '.join(filter(None, known))}"
            raise InputError(f"{value!r} is not known", code="bad-option", where=option, fix=fix)


def _choose(found: Sequence[Row], measure: str, retrained: bool) -> tuple[list[Row], list[Listed]]:
    """The rows to draw, the surest of each network and training; and the others with the reason."""
    drawn: dict[tuple[str, str], Row] = {}
    listed: list[Listed] = []
    for row in sorted(found, key=lambda each: each.doubt):
        why = _why_not(row, measure, retrained)
        if not why and (row.network, row.remark) in drawn:
            why = f"another row of the network is drawn ({drawn[row.network, row.remark].confidence})"
        if why:
            listed.append(_listed(row, measure, why))
        else:
            drawn[row.network, row.remark] = row
    return [row for row in found if drawn.get((row.network, row.remark)) is row], listed


def _why_not(row: Row, measure: str, retrained: bool) -> str:
    if not row.network:
        return "no network of the zoo"
    if f"{row.network}-x{row.scale}" not in BY_NAME:
        return f"the zoo has no x{row.scale} of {row.network}"
    if row.value(measure) is None:
        return f"its source gives no {measure.upper()}"
    return "" if retrained or not row.remark else "another training than the paper's"


def _listed(each: Row, measure: str, why: str) -> Listed:
    return Listed(each.model, each.value(measure), why, each.params_k, each.macs_g, each.source, each.confidence)


def _point(
    each: Row | Added,
    measure: str,
    axis: Axis,
    price: Callable[[str, str], Costs | None],
    regime: str,
    hardware_form: bool,
) -> Point | Listed:
    """The row with its costs; as a listed one where it is not in the regime, or the hardware has no plan for it."""
    if isinstance(each, Added):
        found = price(each.model, "")
        assert found is not None  # the user's own are drawn whatever the regime
        if not 0 < found.along(axis) < float("inf"):
            fix = "a logarithmic axis has no place for it"
            raise InputError(f"it has no {axis.title} to speak of", code="bad-option", where=each.model, fix=fix)
        return Point(each.name, each.model, each.quality, found, False, False, True, each.model, YOURS)
    network, quality = f"{each.network}-x{each.scale}", each.value(measure)
    assert quality is not None  # a row without one is listed
    if hardware_form and f"{network}-hw" in BY_NAME:
        network = f"{network}-hw"
    try:
        found = price(network, regime)
    except EstimateError as fault:
        return _listed(each, measure, f"not estimated: {fault.what}")
    if found is None:
        return _listed(each, measure, f"not {regime} by its number of parameters")
    return Point(each.model, network, quality, found, False, each.recalled, False, each.source, each.confidence)


def _marked(points: Sequence[Point], axis: Axis) -> tuple[Point, ...]:
    """The points in order of cost, those on the front marked."""
    kept = front([(each.costs.along(axis), each.quality) for each in points])
    marked: Iterator[Point] = (
        msgspec.structs.replace(each, on_front=on) for each, on in zip(points, kept, strict=True)
    )
    return tuple(sorted(marked, key=lambda each: (each.costs.along(axis), -each.quality)))
