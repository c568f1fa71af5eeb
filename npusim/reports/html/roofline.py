"""Layers on the roofline of their profile: MACs a byte of DRAM traffic against MACs a second, both logarithmic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import atan2, degrees, log10, sqrt

import msgspec
from markupsafe import Markup

from npusim.reports.facts import resource
from npusim.reports.html import svg, times
from npusim.reports.html.palette import css_class
from npusim.reports.words import short
from npusim.result import Estimate, LayerResult, ProfileInfo
from npusim.units import format_rate, format_share

WIDTH, HEIGHT = 1120.0, 470.0
AREA = svg.Box(70.0, 30.0, WIDTH - 70.0 - 18.0, HEIGHT - 30.0 - 56.0)
ROOM = 2.2  # how far the axes go on beyond the outermost mark or ceiling, as a factor
SMALL = 11.0  # size of the labels
SMALLEST, LARGEST = 4.0, 15.0  # radius of a mark, whose area is the layer's share of the time
NAMED = 14  # layers that are labelled at most
DIGITS = ("\u2070", "\u00b9", "\u00b2", "\u00b3", "\u2074", "\u2075", "\u2076", "\u2077", "\u2078", "\u2079")


class Roofline(msgspec.Struct, frozen=True):
    """The drawing, and in sentences what it leaves out."""

    drawing: Markup
    notes: tuple[str, ...]


class _Point(msgspec.Struct, frozen=True):
    intensity: float  # MACs a byte
    rate: float  # MACs a second
    share: float
    row: LayerResult
    at: int


class _Ceilings(msgspec.Struct, frozen=True):
    """MACs a second of the array, direct and by its fastest algorithm, and bytes a second of DRAM at the most."""

    direct: float
    fast: float
    bytes_per_s: float
    dram: str


def roofline(result: Estimate) -> Roofline | None:
    """None where no layer has both MACs and DRAM traffic, or the profile's rates are not known."""
    profile = result.profile
    if not (profile.clock_hz and profile.macs_per_cycle and profile.dram_read_bytes_per_cycle):
        return None
    points = list(_points(result))
    if not points:
        return None
    limits = _ceilings(profile)
    # Room for the names on either side of where the ceilings meet.
    ends = [limits.direct / limits.bytes_per_s / 2, limits.fast / limits.bytes_per_s * 2]
    ends += [each.intensity for each in points]
    rates = [each.rate for each in points]
    scale = _Scale(
        min(ends) / ROOM, max(ends) * ROOM, min(limits.direct, *rates) / ROOM, max(limits.fast, *rates) * ROOM
    )
    ordered = sorted(points, key=lambda each: -each.share)  # small marks lie on large ones
    taken: list[svg.Box] = []
    parts = [
        *_grid(scale),
        *_roofs(scale, limits, taken),
        *(_mark(scale, each, result) for each in ordered),
        *_labels(scale, ordered, taken),
    ]
    name = f"Roofline: {len(points)} layers, MACs a byte of DRAM traffic against MACs a second"
    return Roofline(svg.drawing(WIDTH, HEIGHT, name, parts), tuple(_notes(result, points)))


class _Scale(msgspec.Struct, frozen=True):
    x0: float
    x1: float
    y0: float
    y1: float

    def x(self, value: float) -> float:
        return AREA.x + AREA.width * log10(value / self.x0) / log10(self.x1 / self.x0)

    def y(self, value: float) -> float:
        return AREA.y + AREA.height * (1 - log10(value / self.y0) / log10(self.y1 / self.y0))


def _points(result: Estimate) -> Iterator[_Point]:
    clock_hz, total = result.profile.clock_hz, result.totals.cycles
    for at, row in enumerate(result.layers):
        if row.macs_dense and row.dram_bytes and row.cycles:
            rate = row.macs_dense / (row.cycles / clock_hz)
            yield _Point(row.macs_dense / row.dram_bytes, rate, row.cycles / total, row, at)


def _ceilings(profile: ProfileInfo) -> _Ceilings:
    """Reads and writes add up where each has a bus of its own."""
    read, write = (
        rate * profile.clock_hz for rate in (profile.dram_read_bytes_per_cycle, profile.dram_write_bytes_per_cycle)
    )
    direct = profile.macs_per_cycle * profile.clock_hz
    fast = max(direct, profile.fast_macs_per_cycle * profile.clock_hz)
    if profile.dram_duplex is False:
        return _Ceilings(direct, fast, max(read, write), f"DRAM {format_rate(max(read, write), 'B/s')}")
    said = f"DRAM {format_rate(read, 'B/s')} read + {format_rate(write, 'B/s')} write"
    return _Ceilings(direct, fast, read + write, said)


def _grid(scale: _Scale) -> Iterator[Markup]:
    bottom, right = AREA.y + AREA.height, AREA.x + AREA.width
    for value in svg.log_steps(scale.x0, scale.x1):
        yield svg.tag("path", d=f"M{scale.x(value):.1f} {AREA.y:.1f}V{bottom:.1f}", class_="grid")
        yield svg.text(scale.x(value), bottom + 18, _power(value), "small", "middle")
    for value in svg.log_steps(scale.y0, scale.y1):
        yield svg.tag("path", d=f"M{AREA.x:.1f} {scale.y(value):.1f}H{right:.1f}", class_="grid")
        yield svg.text(AREA.x - 8, scale.y(value) + 4, _prefixed(value), "small", "end")
    yield svg.text(
        AREA.x + AREA.width / 2, HEIGHT - 12, "operational intensity, MACs a byte of DRAM traffic", "small", "middle"
    )
    yield svg.text(8, AREA.y - 14, "performance, MAC/s", "small")


def _power(value: float) -> str:
    power = round(log10(value))
    if -3 <= power <= 4:
        return f"{value:g}"
    return "10" + ("\u207b" if power < 0 else "") + "".join(DIGITS[int(digit)] for digit in str(abs(power)))


def _prefixed(value: float) -> str:
    return format_rate(value, "/s").removesuffix("/s").strip()


def _roofs(scale: _Scale, limits: _Ceilings, taken: list[svg.Box]) -> Iterator[Markup]:
    """The ceilings, with a name on each; the boxes of the names and of the lines are taken from then on."""
    right, top = scale.x1, max(limits.fast, limits.direct)
    corner = min(max(limits.direct / limits.bytes_per_s, scale.x0), scale.x1)
    start = max(scale.x0, scale.y0 / limits.bytes_per_s)
    end = min(scale.x1, top / limits.bytes_per_s)
    slope = (scale.x(start), scale.y(start * limits.bytes_per_s), scale.x(end), scale.y(end * limits.bytes_per_s))
    yield svg.tag("path", d=f"M{slope[0]:.1f} {slope[1]:.1f}L{slope[2]:.1f} {slope[3]:.1f}", class_="roof")
    flat = [(limits.direct, f"MAC array, direct: {_prefixed(limits.direct)}MAC/s")]
    if limits.fast > limits.direct:
        flat.append((limits.fast, f"MAC array, Winograd: {_prefixed(limits.fast)}MAC/s"))
    for rate, said in flat:
        x0, y = scale.x(min(scale.x1, max(corner, rate / limits.bytes_per_s))), scale.y(rate)
        yield svg.tag("path", d=f"M{x0:.1f} {y:.1f}H{scale.x(right):.1f}", class_="roof")
        yield svg.text(scale.x(right) - 6, y - 6, said, "small ceiling", "end")
        wide = svg.width_of(said, SMALL)
        taken.append(svg.Box(scale.x(right) - 6 - wide, y - 19, wide, 17))
        taken.append(svg.Box(x0, y - 2, scale.x(right) - x0, 4))
    yield from _slope_name(slope, limits.dram, taken)


def _slope_name(slope: tuple[float, float, float, float], said: str, taken: list[svg.Box]) -> Iterator[Markup]:
    """The name of the DRAM's ceiling along its line; small boxes along the line keep other labels off it."""
    x0, y0, x1, y1 = slope
    long = sqrt((x1 - x0) ** 2 + (y1 - y0) ** 2)
    if not long:
        return
    wide = svg.width_of(said, SMALL)
    if long > wide + 20:
        at = max(0.0, min(0.5, (long - wide - 12) / long))
        x, y = x0 + (x1 - x0) * at, y0 + (y1 - y0) * at
        yield svg.tag(
            "text", said, class_="small ceiling", dy=-6,
            transform=f"translate({x:.1f} {y:.1f}) rotate({degrees(atan2(y1 - y0, x1 - x0)):.1f})",
        )  # fmt: skip
        shares = [at + (wide / long) * part / 12 for part in range(13)]
        taken += [svg.Box(x0 + (x1 - x0) * each - 10, y0 + (y1 - y0) * each - 20, 20, 22) for each in shares]
    else:  # too short: beside it
        x, y = (x0 + x1) / 2 + 8, (y0 + y1) / 2 + 14
        yield svg.text(x, y, said, "small ceiling")
        taken.append(svg.Box(x, y - 13, wide, 17))
    count = int(long / 12)
    taken += [svg.Box(x0 + (x1 - x0) * at / count - 5, y0 + (y1 - y0) * at / count - 5, 10, 10) for at in range(count)]


def _radius(share: float) -> float:
    return max(SMALLEST, LARGEST * sqrt(min(1.0, share / 0.25)))


def _mark(scale: _Scale, point: _Point, result: Estimate) -> Markup:
    row = point.row
    said = (
        f"{short(row.name)}, {short(row.op)}: {_prefixed(point.rate)}MAC/s at {point.intensity:.3g} MAC/B, "
        f"{times.shown(result, row.cycles)} ({format_share(point.share)}), "
        f"limited by {resource(row.bound_by)}"
    )
    x, y = scale.x(point.intensity), scale.y(point.rate)
    face = svg.tag("circle", cx=x, cy=y, r=_radius(point.share), class_=f"mark {css_class(row.bound_by)}")
    return svg.tag("g", svg.tag("title", said), face)


def _labels(scale: _Scale, points: Sequence[_Point], taken: list[svg.Box]) -> Iterator[Markup]:
    """Names of the layers that take most of the time; equal layers lie on each other and share one."""
    places: dict[tuple[float, float], list[_Point]] = {}
    for each in points:
        places.setdefault((round(scale.x(each.intensity), 0), round(scale.y(each.rate), 0)), []).append(each)
    marks = [
        svg.Box(x - r, y - r, 2 * r, 2 * r)
        for (x, y), members in places.items()
        for r in (max(_radius(each.share) for each in members),)
    ]
    ordered = sorted(places.items(), key=lambda pair: -sum(each.share for each in pair[1]))
    wishes = [
        svg.Wish(x, y, _name(members), max(_radius(each.share) for each in members))
        for (x, y), members in ordered[:NAMED]
    ]
    for wish, box in svg.place(wishes, [*taken, *marks], AREA, SMALL):
        yield svg.text(box.x, box.y + box.height - 4, wish.said, "small label")


def _name(members: Sequence[_Point]) -> str:
    first = short(members[0].row.name, 22)
    return first if len(members) == 1 else f"{first} and {len(members) - 1} more"


def _passes(count: int) -> str:
    return "1 pass" if count == 1 else f"{count} passes"


def _notes(result: Estimate, points: Sequence[_Point]) -> Iterator[str]:
    timed = [row for row in result.layers if row.cycles]
    still = sum(1 for row in timed if not row.macs_dense)
    inside = sum(1 for row in timed if row.macs_dense and not row.dram_bytes)
    if still:
        share = sum(row.cycles for row in timed if not row.macs_dense) / result.totals.cycles
        yield f"Without MACs, and so not here: {_passes(still)} with {format_share(share)} of the time."
    if inside:
        yield f"Without DRAM traffic, and so infinitely far to the right: {_passes(inside)}."
    if any(each.rate > result.profile.macs_per_cycle * result.profile.clock_hz for each in points):
        yield "Marks above the direct ceiling run Winograd; their MACs are those of the direct algorithm."
