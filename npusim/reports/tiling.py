"""What ``npusim tile`` prints: tilings beside the whole frame, the front of a search, the best, proofs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from npusim.reports.blocks import Block, Column, Facts, Heading, Lines, Table
from npusim.reports.facts import setting, title, warnings
from npusim.reports.numbers import NOTHING, PERCENT, counts, seconds
from npusim.reports.words import clean
from npusim.tiling.answer import Study
from npusim.tiling.study import WHOLE, Tiling
from npusim.tiling.sweep import Swept
from npusim.units import format_count, format_seconds, format_share

if TYPE_CHECKING:
    from npusim.tiling.proof import Proof  # which loads onnx, and costs do without

LITTLE = 5e-5  # a share below this is printed as none


def page(found: Study) -> Iterator[Block]:
    """The frame whole and in the tiles asked for, depth first, the front of a search, and the best."""
    yield Heading(title(found.result))
    yield Lines((*setting(found.result), _frame(found)))
    yield from _tables(found)
    told = tuple(warnings(found.result)) + tuple(f"{clean(each.message)} [{each.code}]" for each in found.notices)
    if told:
        yield Heading("Warnings")
        yield Lines(told, points=True)


def body(found: Study) -> Iterator[Block]:
    """The tilings, without what is said of any result: for a page that has that."""
    yield Lines((_frame(found),))
    yield from _tables(found)
    if found.notices:
        yield Lines(tuple(f"{clean(each.message)} [{each.code}]" for each in found.notices), points=True)


def _tables(found: Study) -> Iterator[Block]:
    yield _table((found.whole, *found.rows, *found.depth_first), found.whole)
    yield from _changed(found)
    if found.swept is not None:
        yield Heading(f"The fastest of {format_count(len(found.swept.rows))} tile sizes, at what they recompute")
        yield _table(found.swept.front, found.whole)
        yield Lines(tuple(_search(found.swept)), points=True)
    yield Lines((best(found),))


def best(found: Study) -> str:
    """One line: the best tiling, by how much, and why."""
    row, other = found.best.row, found.best.other
    time = format_seconds(row.latency_s)
    if other is None:
        return f"Best: {_name(row)}, {time} a frame; {found.best.reason}."
    gain = other.latency_s / row.latency_s - 1 if row.latency_s else 0.0
    beside = f"{_name(other)} {'takes' if other.policy == WHOLE else 'take'} {format_seconds(other.latency_s)}"
    said = f"Best: {_name(row)}, {time} a frame; {beside} (+{format_share(gain)}): {found.best.reason}."
    if found.result.totals.lower_bound:
        said += " All times are lower bounds, since an operator is not known."
    if row.exact:
        return said
    exact = f"{_name(found.best.exact)}, {format_seconds(found.best.exact.latency_s)} a frame"
    return f"{said} It changes the result; the fastest that does not is {exact}."


def _changed(found: Study) -> Iterator[Block]:
    """Which policies change the result; of a network that sees all of the frame, a warning says so."""
    names = dict.fromkeys(
        row.policy for row in (*found.rows, *(found.swept.rows if found.swept else ())) if not row.exact
    )
    if names and found.halo is not None:
        yield Lines((
            f"Without all of the halo the result differs near seams: {', '.join(names)}; --prove shows by how much.",
        ))  # fmt: skip


def _name(row: Tiling) -> str:
    return "the whole frame" if row.policy == WHOLE else f"{size_text(row.tile)} tiles with policy {row.policy}"


def size_text(size: tuple[int, int]) -> str:
    """``400x300``."""
    return f"{size[0]}x{size[1]}"


def _frame(found: Study) -> str:
    frame = f"frame {size_text(found.frame)}, tiles in pixels of the network's input"
    runs = f"; {found.batch} tiles of one shape run at once" if found.batch > 1 else ""
    calls = f"; {format_seconds(found.overhead_s)} a call" if found.overhead_s else ""
    if found.halo is None or found.step is None:
        return f"{frame}{runs}{calls}; no halo of a tile is known to suffice"
    (left, right), (above, below) = found.halo
    sides = (
        f"{left}" if left == right == above == below else f"{left} left, {right} right, {above} above, {below} below"
    )
    step = "" if max(found.step) == 1 else f", starting at multiples of {found.step[0]}x{found.step[1]}"
    return f"{frame}{step}{runs}{calls}; a tile's result depends on pixels up to {sides} beyond it"


def _search(found: Swept) -> Iterator[str]:
    exact, made = sum(row.estimated for row in found.rows), format_count(found.estimates)
    if exact == len(found.rows):
        yield f"{made} estimates: every tiling is estimated shape by shape."
    else:
        yield (
            f"{made} estimates: {format_count(exact)} tilings are estimated shape by shape, the others interpolated,"
            f" which was off by {format_share(found.error)} (median) and {format_share(found.worst_error)} (most)"
            " where both are known."
        )
        yield (
            "No other size could be on this front, unless its interpolation is off by more than that."
            if found.settled
            else "The budget ended the search: other sizes could be on this front; give more by --estimates."
        )
    if found.failed:
        yield f"{found.failed} sizes have no plan on this hardware."


def _table(rows: Sequence[Tiling], whole: Tiling) -> Table:
    time, macs = seconds([row.latency_s for row in rows]), counts([row.macs for row in rows])
    traffic = counts([row.dram_bytes or 0 for row in rows], "B")
    held = counts([row.sram_bytes or 0 for row in rows], "B")
    columns = (
        Column("tile"), Column("policy"), Column("shapes", right=True, rank=3), Column("calls", right=True),
        Column("MACs", macs.unit, right=True), Column("extra", "%", right=True),
        Column("DRAM", traffic.unit, right=True), Column("SRAM", held.unit, right=True, rank=2),
        Column("time", time.unit, right=True), Column("fps", "1/s", right=True),
        Column("time", "% of whole", right=True),
    )  # fmt: skip
    cells = []
    for row in rows:
        share = row.latency_s / whole.latency_s if whole.latency_s else None
        cells.append((
            size_text(row.tile), row.policy, str(len(row.shapes)) if row.shapes else NOTHING, _calls(row.calls),
            macs.show(row.macs), _extra(row.recompute), traffic.show(row.dram_bytes), held.show(row.sram_bytes),
            time.show(row.latency_s), NOTHING if row.fps is None else f"{row.fps:,.2f}", PERCENT.show(share),
        ))  # fmt: skip
    return Table(columns, tuple(cells))


def _calls(calls: float) -> str:
    return format_count(int(calls)) if calls == int(calls) else f"{calls:,.2f}"


def _extra(share: float) -> str:
    return "0" if abs(share) < LITTLE else f"{share * 100:,.1f}"


# --- proofs -----------------------------------------------------------------------------------------------------------


def proof_page(
    name: str, source: str, weights: str, frame: tuple[int, int], proofs: Sequence[Proof]
) -> Iterator[Block]:
    """Each tile and policy beside the frame in one run."""
    yield Heading(clean(f"{name}: the frame in tiles beside the frame in one run, in numpy"))
    yield Facts((
        ("frame", f"{size_text(frame)}, {clean(source)}"), ("weights", clean(weights)),
        ("computed in", "float64; compared in it, and rounded to float32"),
    ))  # fmt: skip
    columns = (
        Column("tile"), Column("policy"), Column("runs", right=True),
        Column("max difference", "of largest", right=True), Column("", "float32 ulp", right=True),
        Column("error", "dB", right=True), Column("at seams", "dB", right=True), Column(""),
    )  # fmt: skip
    yield Table(columns, tuple(_proof(each) for each in proofs))
    yield Lines((
        "dB: the largest element over the root mean square of the differences; at seams: where the network sees beyond"
        " the tile.",
    ))  # fmt: skip


def _proof(found: Proof) -> tuple[str, ...]:
    decibels = tuple("equal" if found.same else f"{db:.1f}" if db is not None else NOTHING for db in (
        found.psnr_db, found.seam_psnr_db,
    ))  # fmt: skip
    return (
        size_text(found.tile), found.policy, format_count(found.runs),
        _largest(found), _ulps(found.max_ulp), *decibels,
        "the same" if found.same else "differs",
    )  # fmt: skip


def _largest(found: Proof) -> str:
    """The largest difference; how sums are rounded depends on the machine, so that its digits say nothing."""
    return "0" if not found.max_rel else "rounding" if found.same else f"{found.max_rel:.1e}"


def _ulps(count: int) -> str:
    return format_count(count) if count < 10_000 else f"{count:.0e}"


# --- for programs -----------------------------------------------------------------------------------------------------


def plain(found: Study) -> dict[str, Any]:
    """The study in plain values; of the whole frame's estimate, what it is of."""
    values: dict[str, Any] = msgspec.to_builtins(found)
    result = values.pop("result")
    head = {key: result[key] for key in ("npusim", "model", "profile", "options")}
    values["best"]["line"] = best(found)
    head["lower_bound"] = found.result.totals.lower_bound
    return {**head, **values, "warnings": [*result["warnings"], *values.pop("notices")]}


def proof_plain(proofs: Iterable[Proof]) -> list[dict[str, Any]]:
    return [{**msgspec.to_builtins(each), "same": each.same} for each in proofs]


def rows(found: Study) -> list[dict[str, Any]]:
    """A row a tiling, exact: the whole frame, what was asked for, depth first, and every size of a search."""
    kinds = [("asked", row) for row in (found.whole, *found.rows)] + [("depth first", row) for row in found.depth_first]
    if found.swept is not None:
        on_front = {(row.tile, row.policy) for row in found.swept.front}
        kinds += [("front" if (row.tile, row.policy) in on_front else "swept", row) for row in found.swept.rows]
    least = found.result.totals.lower_bound
    return [{**_row(kind, row), "lower_bound": least} for kind, row in kinds]


def _row(kind: str, row: Tiling) -> dict[str, Any]:
    return {
        "kind": kind, "tile_width": row.tile[0], "tile_height": row.tile[1], "policy": row.policy,
        "shapes": ";".join(f"{each.width}x{each.height}:{each.count:g}" for each in row.shapes), "calls": row.calls,
        "latency_s": row.latency_s, "fps": row.fps, "macs": row.macs, "macs_dense": row.macs_dense,
        "recompute": row.recompute, "dram_bytes": row.dram_bytes, "sram_bytes": row.sram_bytes,
        "exact": row.exact, "estimated": row.estimated,
    }  # fmt: skip
