"""The question as a user asks it: this network, this frame, these tiles; and which is the best, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from npusim.errors import InputError
from npusim.ir import Notice
from npusim.receptive import Field, Size
from npusim.result import Estimate
from npusim.tiling.depth_first import depth_first
from npusim.tiling.policies import Policy, policy
from npusim.tiling.study import Costs, Tiling, cost_of, known_field, tiling, whole_row
from npusim.tiling.sweep import BUDGET, Progress, Swept, sizes_of, stepped, sweep
from npusim.units import format_seconds, format_share

MOST_SIZES = 100_000  # of a search, which takes about 2 minutes and 1 GB for them
LITTLE = 0.0005  # of the whole frame's time or MACs: what a reason does not mention
AGAIN = {"pad": "the padding", "halo": "the halo"}
RESOURCES = {"mac": "MAC array", "vector": "vector unit", "dma": "DRAM", "fallback": "fallback", "call": "calls"}


class Asked(msgspec.Struct, frozen=True):
    """Which tilings.

    Attributes:
        sizes: of tiles. swept: of tiles to search among; None for no search.
        policies: of the tiles; a search takes ``searched`` alone.
        budget: estimates of a search.
    """

    sizes: tuple[Size, ...]
    policies: tuple[Policy, ...]
    swept: tuple[Size, ...] | None = None
    searched: Policy = Policy("halo")
    budget: int = BUDGET


class Best(msgspec.Struct, frozen=True):
    """The fastest tiling, the whole frame among them.

    Attributes:
        other: the next of another kind: whole or in tiles.
        exact: the fastest that makes what the whole frame makes, which ``row`` need not.
    """

    row: Tiling
    other: Tiling | None
    exact: Tiling
    reason: str


class Study(msgspec.Struct, frozen=True):
    """The tilings of a frame, and what they were worked out with.

    Attributes:
        result: the estimate of the whole frame.
        halo: pixels that the network sees beyond a tile: before and after it, along the width, then along the height;
            None where it sees all of the frame.
        step: what tiles start at multiples of.
        rows: the tiles asked for, policy by policy. depth_first: the frame run without returning to DRAM.
    """

    result: Estimate
    frame: Size
    batch: int
    overhead_s: float
    halo: tuple[tuple[int, int], tuple[int, int]] | None
    step: tuple[int, int] | None
    whole: Tiling
    rows: tuple[Tiling, ...]
    depth_first: tuple[Tiling, ...]
    swept: Swept | None
    best: Best
    notices: tuple[Notice, ...] = ()


def study(costs: Costs, frame: Size, asked: Asked, progress: Progress | None = None) -> Study:
    """Estimates the frame whole, in the tiles asked for, in those that a search finds, and depth first.

    Raises:
        InputError: bad-tile; global-receptive-field or no-receptive-field, where a policy needs a halo.
        EstimateError: no-plan.
    """
    result = costs.whole(frame)
    whole = whole_row(frame, cost_of(result), costs.overhead_s)
    needed = (*asked.policies, *((asked.searched,) if asked.swept is not None else ()))
    field, notice = _field(costs, frame, needed)
    rows = []
    for done, (tile, how) in enumerate(wanted := [(tile, how) for tile in asked.sizes for how in asked.policies]):
        if progress is not None:
            progress(done, len(wanted))
        rows.append(tiling(costs, frame, tile, how, field, whole))
    swept = None
    if asked.swept is not None:
        sizes = [size for size in stepped(asked.swept, frame, field) if size != frame]
        swept = sweep(
            costs, frame, sizes, asked.searched, field, whole, budget=asked.budget, progress=progress
        )  # fmt: skip
    deep, told = ((), ()) if field is None else depth_first(costs.graph(frame), result, costs.hardware, field)
    notices = (*((notice,) if notice else ()), *told, *_clipped(asked.sizes, frame, asked.policies))
    return Study(
        result, frame, costs.batch or 1, costs.overhead_s,
        None if field is None else (_seen(field, 0), _seen(field, 1)),
        None if field is None else (field.sides[0].step, field.sides[1].step),
        whole, tuple(rows), tuple(deep), swept, _best(costs, field, whole, rows, swept), notices,
    )  # fmt: skip


def default_sizes(frame: Size, least: Size) -> tuple[Size, ...]:
    """The tiles that a search tries; InputError (bad-option) where there are none, or more than a search is for."""
    found = tuple(size for size in sizes_of(frame, least) if size != frame)
    if not found:
        what = f"the frame {frame[0]}x{frame[1]} has no tiles of {least[0]}x{least[1]} or more"
        raise InputError(what, code="bad-option", where="--sweep", fix="give a smaller --least WxH")
    if len(found) > MOST_SIZES:
        what = f"the frame {frame[0]}x{frame[1]} has {len(found):,} sizes of tiles, more than {MOST_SIZES:,}"
        raise InputError(what, code="bad-option", where="--sweep", fix="give a larger --least WxH")
    return found


def _seen(field: Field, side: int) -> tuple[int, int]:
    return field.sides[side].before, field.sides[side].after


def _field(costs: Costs, frame: Size, needed: Sequence[Policy]) -> tuple[Field | None, Notice | None]:
    """The field; without one, the notice says why, or an error where a policy needs a halo."""
    strictest = next((how for how in needed if how.name == "halo"), needed[0] if needed else policy("grid"))
    return known_field(costs, frame, strictest)


def _clipped(sizes: Sequence[Size], frame: Size, policies: Sequence[Policy]) -> list[Notice]:
    large = [size for size in sizes if (size[0] > frame[0] or size[1] > frame[1])]
    if not large or all(how.name == "pad" for how in policies):
        return []
    named = ", ".join(f"{width}x{height}" for width, height in large)
    return [Notice("large-tile", f"tiles larger than the frame end where it ends (but for pad): {named}")]


# --- the best, and why ------------------------------------------------------------------------------------------------


def _best(
    costs: Costs, field: Field | None, whole: Tiling, rows: Sequence[Tiling], swept: Swept | None
) -> Best:  # fmt: skip
    tiles = [row for row in rows if row.shapes and row.calls > 1]
    if swept is not None:
        tiles += [row for row in swept.front if row.policy != whole.policy]
        near = min(swept.rows, key=lambda row: row.latency_s, default=None)
        if near is not None:
            how = policy(near.policy)
            tiles.append(
                near if near.estimated else tiling(costs, whole.tile, near.tile, how, field, whole)
            )  # fmt: skip
    fastest = min(tiles, key=lambda row: (row.latency_s, row.recompute, row.calls), default=None)
    if fastest is None:
        return Best(whole, None, whole, "no tiles were tried")
    exact = min((row for row in (whole, *tiles) if row.exact), key=lambda row: row.latency_s)
    if fastest.latency_s < whole.latency_s:
        return Best(fastest, whole, exact, _why(fastest, whole))
    return Best(whole, fastest, exact, _why(fastest, whole))


def _why(tiles: Tiling, whole: Tiling) -> str:
    """What tiles change of the whole frame's time, resource by resource, the largest change first."""
    ours, theirs = _by_resource(tiles.seconds_by_bound), _by_resource(whole.seconds_by_bound)
    changes = {name: ours.get(name, 0.0) - theirs.get(name, 0.0) for name in {**theirs, **ours}}
    told = []
    for name, change in sorted(changes.items(), key=lambda each: -abs(each[1])):
        if abs(change) > LITTLE * whole.latency_s:
            verb = "less" if change < 0 else "more"
            told.append(f"{format_seconds(abs(change))} {verb} on the {_resource(name)}")
    said = f"tiles take {' and '.join(told[:3])}" if told else "tiles change nothing to speak of"
    cause = AGAIN.get(tiles.policy.partition(":")[0], "what each tile computes anew")
    again = f", {format_share(tiles.recompute)} more MACs for {cause}" if tiles.recompute > LITTLE else ""
    compute = sum(theirs.get(name, 0.0) for name in ("mac", "vector"))
    share = compute / whole.latency_s if whole.latency_s else 0.0
    return f"{said}{again}; computing limits {format_share(share)} of the whole frame's time"


def _by_resource(seconds: Mapping[str, float]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, value in seconds.items():
        resource = "dma" if name.startswith("dma") else name.removesuffix("_serial")
        found[resource] = found.get(resource, 0.0) + value
    return found


def _resource(name: str) -> str:
    return RESOURCES.get(name, name)
