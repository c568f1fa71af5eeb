"""The network as a diagram: boxes coloured by what limits them, chains folded into lines that are read like a text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import msgspec
from markupsafe import Markup

from npusim.reports.facts import resource
from npusim.reports.html import svg, times
from npusim.reports.html.lanes import Lanes, Route, arrange
from npusim.reports.html.network import Network, Node
from npusim.reports.html.palette import css_class
from npusim.reports.words import ELLIPSIS, clean, short
from npusim.result import Estimate

MOST = 400  # nodes that a diagram shows; above, nobody finds anything in it
PER_LINE = 8
WIDE, HIGH = 116.0, 44.0  # a box
GAP, BETWEEN = 24.0, 14.0  # between columns, and between lanes
WIRE = 10.0  # the height of a lane that holds no box
MARGIN, GUTTER, STEP = 26.0, 18.0, 6.0  # at the sides; between two lines, and more for each edge that crosses it


class _Line(msgspec.Struct, frozen=True):
    """A line of the folded network: where each of its lanes runs, where it begins and how deep the gutter above is."""

    lanes: dict[int, float]
    top: float
    bottom: float


def diagram(result: Estimate, net: Network) -> Markup:
    """The drawing; boxes are links to the rows of the table."""
    weights = [node.cycles for node in net.nodes]
    placed = arrange(len(net.nodes), net.edges, weights)
    crossings = _crossings(placed)
    lines = _lines(placed, crossings)
    most = max(weights, default=0.0)
    shown = min(PER_LINE, 1 + max(placed.columns, default=0))
    width = 2 * MARGIN + shown * (WIDE + GAP) - GAP
    height = (lines[-1].bottom if lines else 0.0) + GUTTER
    wires = [svg.tag("path", d=path, class_="wire") for path in _wires(placed, lines, crossings)]
    boxes = [_box(node, *_at(placed, lines, at), result, most) for at, node in enumerate(net.nodes)]
    name = f"The network as a diagram: {len(net.nodes)} boxes, each a link to its row in the table of layers"
    return svg.drawing(width, height, name, [*wires, *boxes], links=True)


def _crossings(placed: Lanes) -> list[list[tuple[Route, int, int]]]:
    """For each end of a line the edges that go on in the next: with the lanes where they leave and where they go on."""
    count = max(placed.columns, default=0) // PER_LINE
    found: list[list[tuple[Route, int, int]]] = [[] for _ in range(count)]
    for route in placed.routes:
        way = _way(placed, route)
        for (column, lane), (following, onward) in pairwise(way):
            if column // PER_LINE != following // PER_LINE:
                found[column // PER_LINE].append((route, lane, onward))
    return found


def _way(placed: Lanes, route: Route) -> list[tuple[int, int]]:
    """Columns and lanes of an edge, its ends included."""
    first = placed.columns[route.source]
    lanes = (placed.lanes[route.source], *route.lanes, placed.lanes[route.target])
    return [(first + at, lane) for at, lane in enumerate(lanes)]


def _lines(placed: Lanes, crossings: Sequence[Sequence[object]]) -> list[_Line]:
    """Lanes with a box are as high as it is, others as thin as a wire."""
    count = max(placed.columns, default=-1) // PER_LINE + 1
    boxed: list[set[int]] = [set() for _ in range(count)]
    wired: list[set[int]] = [set() for _ in range(count)]
    for column, lane in zip(placed.columns, placed.lanes, strict=True):
        boxed[column // PER_LINE].add(lane)
    for route in placed.routes:
        for column, lane in _way(placed, route):
            wired[column // PER_LINE].add(lane)
    lines, y = list[_Line](), GUTTER
    for at in range(count):
        lanes: dict[int, float] = {}
        top = y
        for lane in sorted(boxed[at] | wired[at]):
            high = HIGH if lane in boxed[at] else WIRE
            lanes[lane] = y + high / 2
            y += high + BETWEEN
        lines.append(_Line(lanes, top, y - BETWEEN))
        y += GUTTER + (STEP * len(crossings[at]) if at < len(crossings) else 0.0)
    return lines


def _at(placed: Lanes, lines: Sequence[_Line], node: int) -> tuple[float, float]:
    """The left edge and the middle of a node's box."""
    column = placed.columns[node]
    return _x(column), lines[column // PER_LINE].lanes[placed.lanes[node]]


def _x(column: int) -> float:
    return MARGIN + column % PER_LINE * (WIDE + GAP)


def _wires(
    placed: Lanes, lines: Sequence[_Line], crossings: Sequence[Sequence[tuple[Route, int, int]]]
) -> Iterator[str]:
    for route in placed.routes:
        way = _way(placed, route)
        parts = [f"M{_x(way[0][0]) + WIDE:.1f} {lines[way[0][0] // PER_LINE].lanes[way[0][1]]:.1f}"]
        for (column, lane), (following, onward) in pairwise(way):
            line, nxt = lines[column // PER_LINE], lines[following // PER_LINE]
            y, end = line.lanes[lane], nxt.lanes[onward]
            if line is nxt:
                parts.append(_bend(_x(column) + WIDE, y, _x(following), end))
            else:
                which = [each[0] is route for each in crossings[column // PER_LINE]].index(True)
                parts.append(_fold(line.bottom + GUTTER / 2 + STEP * which, y, end, _x(column) + WIDE, which))
            if following != way[-1][0]:
                parts.append(f"H{_x(following) + WIDE:.1f}")
        yield "".join(parts)


def _bend(x: float, y: float, right: float, end: float) -> str:
    """From a box to the next column, with an S where the lane changes."""
    if y == end:
        return f"H{right:.1f}"
    middle = (x + right) / 2
    return f"C{middle:.1f} {y:.1f} {middle:.1f} {end:.1f} {right:.1f} {end:.1f}"


def _fold(gutter: float, y: float, end: float, x: float, which: int) -> str:
    """Out at the right, back below the line, in at the left of the next one, with round corners.

    ``which``: the first fold of a line turns innermost.
    """
    r, out = 6.0, min(8.0 + 5.0 * which, MARGIN - 3)
    right, left = x + out, MARGIN - out
    return (
        f"H{right - r:.1f}Q{right:.1f} {y:.1f} {right:.1f} {y + r:.1f}V{gutter - r:.1f}"
        f"Q{right:.1f} {gutter:.1f} {right - r:.1f} {gutter:.1f}H{left + r:.1f}"
        f"Q{left:.1f} {gutter:.1f} {left:.1f} {gutter + r:.1f}V{end - r:.1f}"
        f"Q{left:.1f} {end:.1f} {left + r:.1f} {end:.1f}H{MARGIN:.1f}"
    )


def _box(node: Node, x: float, middle: float, result: Estimate, most: float) -> Markup:
    y = middle - HIGH / 2
    if node.kind in ("input", "output"):
        shapes = result.model.inputs if node.kind == "input" else result.model.outputs
        size = "x".join(map(str, shapes[node.name]))
        return svg.tag("g", *_pill(x, middle, node.kind, short(node.name, 17), short(size, 20)))
    if node.row is None:
        said = f"{short(node.name)}: {short(node.op)} is not costed"
        return svg.tag("g", svg.tag("title", said), *_face(node, x, y, "unknown", "not costed"))
    total = result.totals.cycles
    share = f"{node.cycles / total * 100:.1f} %" if total else ""
    time = times.shown(result, node.cycles)
    limit = resource(node.resource) if node.cycles else "nothing"
    more = f" in {node.passes} passes" if node.passes > 1 else ""
    said = f"{short(node.name)}, {short(node.op)}: {time}{more}, {share} of the time, limited by {limit}"
    face = [*_face(node, x, y, css_class(node.resource if node.cycles else "none"), share or time)]
    if most and node.cycles:
        long = max(1.0, (WIDE - 12) * node.cycles / most)
        face.append(svg.tag("rect", x=x + 8, y=y + HIGH - 6, width=long, height=3, rx=1.5, class_="load"))
    return svg.tag("a", svg.tag("title", said), *face, href=f"#layer-{node.row}")


def _face(node: Node, x: float, y: float, kind: str, note: str) -> Iterable[Markup]:
    yield svg.tag("rect", x=x, y=y, width=WIDE, height=HIGH, rx=5, class_=f"box {kind}")
    yield svg.tag("rect", x=x, y=y, width=5, height=HIGH, rx=2, class_=f"edge {kind}")
    label = short(node.name, 16)
    op = _head(node.op.rpartition("::")[2], 9 if len(note) < 6 else 8 if len(note) < 8 else 5)
    yield _clipped(
        x + 11, y, svg.text(0, 16, label, "name"), svg.text(0, 31, op, "small"),
        svg.text(WIDE - 18, 31, note, "small", "end"),
    )  # fmt: skip


def _clipped(x: float, y: float, *inside: Markup) -> Markup:
    """Labels that end where the box does, however wide their letters are."""
    return svg.tag("svg", *inside, x=x, y=y, width=WIDE - 14, height=HIGH)


def _head(op: str, width: int) -> str:
    """An operator's name, whose beginning says most."""
    said = clean(op)
    return said if len(said) <= width else f"{said[: width - 1]}{ELLIPSIS}"


def _pill(x: float, middle: float, kind: str, name: str, size: str) -> Iterable[Markup]:
    yield svg.tag("title", f"{kind} {name} {size}")
    yield svg.tag("rect", x=x, y=middle - 18, width=WIDE, height=36, rx=18, class_="pill")
    said = name if len(name) > 9 or name == kind else f"{kind} {name}"
    middle_x = WIDE / 2 - 11
    yield _clipped(
        x + 11, middle - HIGH / 2, svg.text(middle_x, HIGH / 2 - 2, said, "name", "middle"),
        svg.text(middle_x, HIGH / 2 + 11, size, "small", "middle"),
    )  # fmt: skip
