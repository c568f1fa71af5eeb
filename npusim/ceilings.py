"""Layers and networks under the ceilings of the hardware: what they attain at how many MACs for each byte of DRAM."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from npusim.profile import HardwareProfile, Memory
from npusim.result import Estimate, LayerResult


class Ceiling(msgspec.Struct, frozen=True):
    """A limit of the hardware: flat where it is MACs a second, sloping where it is bytes a second.

    Attributes:
        name: ``direct``, ``Winograd``, ``DRAM`` or ``SRAM``.
        macs_per_s: of the MAC array, in MACs of the direct algorithm. bytes_per_s: of a memory, reads and writes
            together. One of the two is None.
        said: what it is, in words.
    """

    name: str
    macs_per_s: float | None
    bytes_per_s: float | None
    said: str

    def at(self, macs_per_byte: float) -> float:
        """The most MACs a second that it lets through at that intensity."""
        return self.macs_per_s if self.macs_per_s is not None else (self.bytes_per_s or 0.0) * macs_per_byte


class Spot(msgspec.Struct, frozen=True):
    """A layer, several that coincide, or a network.

    Attributes:
        layers: names of the passes; none for a whole network.
        macs: dense: what an array that multiplies the zeros of a stuffed input executes.
        macs_per_byte: operational intensity, of DRAM traffic. macs_per_s: what it attains.
        share: of the network's time, all its layers together, 0 to 1.
    """

    model: str
    layers: tuple[str, ...]
    macs: int
    dram_bytes: int
    macs_per_byte: float
    macs_per_s: float
    bound_by: str
    share: float


class Aside(msgspec.Struct, frozen=True):
    """A layer that has no place under the ceilings, and why."""

    model: str
    layer: str
    share: float
    why: str


class Placed(msgspec.Struct, frozen=True):
    """A network under the ceilings: itself, its layers, and those that have no place.

    ``network`` is None where it has none itself.
    """

    network: Spot | None
    layers: tuple[Spot, ...]
    asides: tuple[Aside, ...]


def ceilings(profile: HardwareProfile) -> tuple[Ceiling, ...]:
    """Those of the profile, the MAC array's first; the SRAM's where the profile gives its bandwidth."""
    array = profile.mac_array
    found = [Ceiling("direct", profile.peak_macs_per_s, None, f"{array.macs_per_cycle} MAC/cycle, direct algorithm")]
    if array.winograd is not None:
        gain = array.fast_macs_per_cycle / array.macs_per_cycle
        said = f"{gain:g} times as many, where the kernel suits best"
        found.append(Ceiling("Winograd", array.fast_macs_per_cycle * profile.clock_hz, None, said))
    for name, memory in (("DRAM", profile.dram), ("SRAM", profile.sram)):
        rate = _bytes_per_s(memory, profile.clock_hz)
        if rate is not None:
            said = "reads and writes at once" if memory.duplex else "reads and writes share it"
            found.append(Ceiling(name, None, rate, said))
    return tuple(found)


def _bytes_per_s(memory: Memory, clock_hz: float) -> float | None:
    """Reads and writes together; None where the profile does not say."""
    reads = _rate(memory.read_bytes_per_s, memory.read_bytes_per_cycle, clock_hz)
    writes = _rate(memory.write_bytes_per_s, memory.write_bytes_per_cycle, clock_hz)
    if reads is None or writes is None:
        return reads if writes is None else writes
    return reads + writes if memory.duplex else max(reads, writes)


def _rate(per_s: float | None, per_cycle: float | None, clock_hz: float) -> float | None:
    return per_cycle * clock_hz if per_s is None and per_cycle is not None else per_s


def placed(result: Estimate) -> Placed:
    """The network and its passes; those that coincide are one spot, in the order of the first."""
    spots: dict[tuple[float, float, str], list[LayerResult]] = {}
    asides = []
    total = result.totals.cycles
    for row in result.layers:
        why = _no_place(row.macs_dense, row.dram_bytes, row.cycles)
        if why:
            asides.append(Aside(result.model.name, row.name, row.cycles / total if total else 0.0, why))
        else:
            key = row.macs_dense / row.dram_bytes, row.macs_dense / row.cycles, row.bound_by
            spots.setdefault(key, []).append(row)
    sums = result.totals
    network = None
    if not _no_place(sums.macs_dense, sums.dram_bytes, sums.cycles):
        network = _spot(result, (), sums.macs_dense, sums.dram_bytes, sums.cycles, sums.bound_by)
    return Placed(network, tuple(_together(result, rows) for rows in spots.values()), tuple(asides))


def _no_place(macs: int, dram_bytes: int, cycles: float) -> str:
    if not cycles:
        return "takes no time"
    if not macs:
        return "no MACs"
    return "" if dram_bytes else "no DRAM traffic: its tensors stay in SRAM"


def _together(result: Estimate, rows: Sequence[LayerResult]) -> Spot:
    return _spot(
        result, tuple(row.name for row in rows), sum(row.macs_dense for row in rows),
        sum(row.dram_bytes for row in rows), float(sum(row.cycles for row in rows)), rows[0].bound_by,
    )  # fmt: skip


def _spot(result: Estimate, layers: tuple[str, ...], macs: int, dram_bytes: int, cycles: float, bound_by: str) -> Spot:
    total = result.totals.cycles
    return Spot(
        result.model.name, layers, macs, dram_bytes, macs / dram_bytes, macs / (cycles / result.profile.clock_hz),
        bound_by, cycles / total if total else 0.0,
    )  # fmt: skip


def lowest(limits: Sequence[Ceiling], macs_per_byte: float) -> Ceiling:
    """The ceiling that is met first at that intensity: the fastest algorithm's, or a memory's."""
    return min(_tops(limits), key=lambda each: each.at(macs_per_byte))


def _tops(limits: Sequence[Ceiling]) -> Iterator[Ceiling]:
    """Of the MAC array only its highest ceiling stops anything."""
    arrays = [each for each in limits if each.macs_per_s is not None]
    yield max(arrays, key=lambda each: each.macs_per_s or 0.0)
    yield from (each for each in limits if each.macs_per_s is None)
