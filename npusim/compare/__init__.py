"""Networks by profiles by frames: an estimate for each, and how many times less each takes than a base line."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from npusim.errors import InputError
from npusim.result import Estimate

__all__ = ["Compared", "Comparison", "Failed", "Place", "compare"]


class Place(msgspec.Struct, frozen=True):
    """Which network, hardware and frame, as the user names them; ``size`` is empty where the network's own is taken."""

    model: str
    profile: str
    size: str


class Compared(msgspec.Struct, frozen=True):
    """An estimate, and the base line's over it: above 1 where it takes less than that.

    ``base`` is the place of the base line's estimate; None where that one failed, as are then the ratios.
    """

    place: Place
    result: Estimate
    base: Place | None
    latency_times: float | None
    dram_times: float | None
    macs_times: float | None
    params_times: float | None


class Failed(msgspec.Struct, frozen=True):
    """A place that could not be estimated, and why."""

    place: Place
    why: str


class Comparison(msgspec.Struct, frozen=True):
    """All places, those that are compared with each other together; ``baseline`` is a network, a profile or a size."""

    baseline: str
    rows: tuple[Compared, ...]
    failed: tuple[Failed, ...]


def compare(found: Sequence[tuple[Place, Estimate | str]], baseline: str | None = None) -> Comparison:
    """Sets each estimate against that of the base line in the same other two respects.

    Args:
        found: an estimate for each place, or the reason why there is none.
        baseline: a network, profile or size that occurs; by default the first network where there are several, else the
            first profile, else the first size.

    Raises:
        InputError: bad-option, where the base line is none of them.
    """
    part, value = _baseline([place for place, _ in found], baseline)
    made = {place: result for place, result in found if isinstance(result, Estimate)}
    groups = list(dict.fromkeys(_others(place, part) for place in made))
    rows = []
    for place, result in sorted(made.items(), key=lambda pair: groups.index(_others(pair[0], part))):
        at = msgspec.structs.replace(place, **{part: value})
        base = made.get(at)
        rows.append(_compared(place, result, at if base else None, base))
    failed = tuple(Failed(place, why) for place, why in found if isinstance(why, str))
    return Comparison(value, tuple(rows), failed)


def _others(place: Place, part: str) -> Place:
    """The place but for the respect in which the base line is one."""
    return msgspec.structs.replace(place, **{part: ""})


def _baseline(places: Sequence[Place], asked: str | None) -> tuple[str, str]:
    """The respect in which the base line is one, and its value there."""
    known = {part: list(dict.fromkeys(getattr(each, part) for each in places)) for part in ("model", "profile", "size")}
    if asked is None:
        part = next((part for part, values in known.items() if len(values) > 1), "model")
        return part, known[part][0]
    for part, values in known.items():
        if asked in values:
            return part, asked
    names = ", ".join(value for values in known.values() for value in values if value)
    raise InputError(
        f"{asked!r} is not among what is compared", code="bad-option", where="--baseline", fix=f"there are {names}"
    )


def _compared(place: Place, result: Estimate, at: Place | None, base: Estimate | None) -> Compared:
    if base is None:
        return Compared(place, result, None, None, None, None, None)
    old, new = base.totals, result.totals
    return Compared(
        place, result, at, _times(old.latency_s, new.latency_s), _times(old.dram_bytes, new.dram_bytes),
        _times(old.macs_dense, new.macs_dense), _times(old.params, new.params),
    )  # fmt: skip


def _times(base: float, value: float) -> float | None:
    return base / value if value else None
