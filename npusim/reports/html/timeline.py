"""One frame from left to right: which layer runs when, what limits it, and how much of SRAM it holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

import msgspec
from markupsafe import Markup

from npusim.reports.facts import resource
from npusim.reports.html import svg, times
from npusim.reports.html.palette import css_class
from npusim.reports.numbers import seconds
from npusim.reports.words import short
from npusim.result import Estimate
from npusim.units import format_bytes, format_capacity, format_seconds

WIDTH, LEFT, RIGHT = 1120.0, 64.0, 16.0
STRIP, SRAM, TOP = 34.0, 96.0, 14.0
SMALL = 11.0  # size of the labels
THIN = 0.6  # pixels: passes below it are drawn together with their neighbours of the same limit


class _Span(msgspec.Struct, frozen=True):
    """Passes that are drawn as one: their place in pixels, what limits them, and which they are."""

    x: float
    width: float
    resource: str
    first: int
    count: int
    sram_bytes: int


def timeline(result: Estimate) -> Markup | None:
    """The strip of passes and, where the result has it, SRAM below; None where nothing takes time."""
    if not result.totals.cycles:
        return None
    spans = list(_spans(result, [row.cycles for row in result.layers]))
    held = any(row.sram_bytes for row in result.layers)
    bottom = TOP + STRIP + (24 + SRAM if held else 0)
    parts = [svg.text(LEFT - 8, TOP + STRIP / 2 + 4, "passes", "small", "end"), *_strip(spans, result)]
    if held:
        parts += _sram(spans, result, TOP + STRIP + 24)
    parts += _axis(result, bottom)
    what = "which pass runs when, coloured by its limit" + (", and the SRAM that it holds" if held else "")
    name = f"{format_seconds(result.latency_s)} of one inference from left to right: {what}"
    return svg.drawing(WIDTH, bottom + 38, name, parts)


def overview(result: Estimate) -> Markup:
    """The passes of a network that is too large for a diagram: a strip, each as wide as any other."""
    count = len(result.layers)
    spans = list(_spans(result, [1.0] * count))
    name = f"{count} passes in the order they run, all of one width, coloured by their limit"
    parts = [svg.text(LEFT - 8, TOP + STRIP / 2 + 4, "passes", "small", "end"), *_strip(spans, result)]
    parts += _ticks(count, TOP + STRIP, "place in the order they run")
    return svg.drawing(WIDTH, TOP + STRIP + 38, name, parts)


def _spans(result: Estimate, widths: Sequence[float]) -> Iterator[_Span]:
    """Passes from left to right, those without width left out."""
    scale = (WIDTH - LEFT - RIGHT) / sum(widths)
    ends = list(accumulate(widths, initial=0.0))
    span: _Span | None = None
    for at, row in enumerate(result.layers):
        if not widths[at]:
            continue
        x, width = LEFT + ends[at] * scale, widths[at] * scale
        thin = span is not None and span.width < THIN and span.resource == row.bound_by
        if span is not None and thin:
            most = max(span.sram_bytes, row.sram_bytes)
            span = _Span(span.x, x + width - span.x, row.bound_by, span.first, span.count + 1, most)
            continue
        if span is not None:
            yield span
        span = _Span(x, width, row.bound_by, at, 1, row.sram_bytes)
    if span is not None:
        yield span


def _strip(spans: Sequence[_Span], result: Estimate) -> Iterable[Markup]:
    for span in spans:
        row = result.layers[span.first]
        said = f"{short(row.name)}, {short(row.op)}: " + (
            f"{times.shown(result, row.cycles)}, " if span.count == 1 else ""
        )
        said += f"limited by {resource(span.resource)}" + (f", with {span.count - 1} more" if span.count > 1 else "")
        inner = max(0.3, span.width - (1 if span.width > 4 else 0))
        face = svg.tag("rect", x=span.x, y=TOP, width=inner, height=STRIP, class_=f"fill {css_class(span.resource)}")
        yield svg.tag("g", svg.tag("title", said), face)
        letters = int((span.width - 12) / (SMALL * svg.LETTER))
        if letters >= 4:
            yield svg.text(
                span.x + 6, TOP + STRIP / 2 + 4, short(row.name, letters), f"onfill {css_class(span.resource)}"
            )


def _sram(spans: Sequence[_Span], result: Estimate, top: float) -> Iterator[Markup]:
    """A step for each pass, against the capacity."""
    size = result.profile.sram_bytes
    most = max(size, *(span.sram_bytes for span in spans))
    bottom = top + SRAM

    def y(held_bytes: int) -> float:
        return bottom - SRAM * held_bytes / most

    yield svg.text(LEFT - 8, top + 4, format_capacity(size) if size else format_bytes(most), "small", "end")
    yield svg.text(LEFT - 8, top + 18, "SRAM", "small", "end")
    yield svg.text(LEFT - 8, bottom + 4, "0", "small", "end")
    path = [f"M{spans[0].x:.1f} {bottom:.1f}"]
    for span in spans:
        path.append(f"V{y(span.sram_bytes):.1f}H{span.x + span.width:.1f}")
    yield svg.tag("path", d="".join(path) + f"V{bottom:.1f}Z", class_="area")
    if size:
        yield svg.tag("path", d=f"M{LEFT:.1f} {y(size):.1f}H{WIDTH - RIGHT:.1f}", class_="limit")


def _axis(result: Estimate, y: float) -> Iterator[Markup]:
    scale = seconds([result.latency_s])
    return _ticks(result.latency_s / scale.factor, y, f"time, {scale.unit}")


def _ticks(whole: float, y: float, said: str) -> Iterator[Markup]:
    yield svg.tag("path", d=f"M{LEFT:.1f} {y:.1f}H{WIDTH - RIGHT:.1f}", class_="axis")
    for value in svg.steps(whole, 8):
        x = LEFT + (WIDTH - LEFT - RIGHT) * value / whole
        yield svg.tag("path", d=f"M{x:.1f} {y:.1f}v5", class_="axis")
        yield svg.text(x, y + 17, f"{value:g}", "small", "middle")
    yield svg.text(WIDTH - RIGHT, y + 33, said, "small", "end")
