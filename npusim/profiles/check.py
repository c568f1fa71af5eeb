"""Whether a profile's numbers fit each other."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from pathlib import Path as Folder

from npusim.errors import InputError
from npusim.ir import DType
from npusim.ops.base import KINDS
from npusim.profile import HardwareProfile, Memory
from npusim.profiles.decode import Problem

PASSTHROUGH = "passthrough"  # MAC output as it is, priced beside the kinds of vector work
_TARGETS = Folder(__file__).parents[1] / "targets"  # a folder a hardware family, imported when a profile names it
UNROLLS = ("unroll_in_channels", "unroll_out_channels", "unroll_height", "unroll_width")


def consistency(profile: HardwareProfile) -> list[Problem]:
    """All that does not fit, each at the key to change."""
    found = (*_mac_array(profile), *_vector_unit(profile), *_memories(profile), *_rest(profile))
    return [Problem(tuple(key.split(".")), what) for key, what in found]


def _mac_array(profile: HardwareProfile) -> Iterator[tuple[str, str]]:
    array = profile.mac_array
    sizes = [getattr(array, name) for name in UNROLLS]
    if prod(sizes) != array.macs_per_cycle:
        product = " x ".join(map(str, sizes))
        yield (
            "mac_array.macs_per_cycle",
            f"mac_array.macs_per_cycle is {array.macs_per_cycle}, but the unrolled channels, rows and columns are "
            f"{product} = {prod(sizes)} MAC/cycle",
        )
    depthwise = array.depthwise_channels * array.unroll_height * array.unroll_width
    if depthwise > array.macs_per_cycle:
        yield (
            "mac_array.depthwise_channels",
            f"mac_array.depthwise_channels is {array.depthwise_channels}, which takes {depthwise} MAC/cycle of "
            f"{array.macs_per_cycle}",
        )
    if array.upsample_factor == 1 or (array.upsample_factor == 0) != (array.upsample_max_kernel == 0):
        yield (
            "mac_array.upsample_factor",
            f"mac_array.upsample_factor is {array.upsample_factor} and upsample_max_kernel "
            f"{array.upsample_max_kernel}; both are 0 where there is no upsampling, else 2 or more and a kernel side",
        )


def _vector_unit(profile: HardwareProfile) -> Iterator[tuple[str, str]]:
    unit = profile.vector_unit
    known = (PASSTHROUGH, *KINDS)
    for kind in unit.step_cycles:
        if kind not in known:
            key = f"vector_unit.step_cycles.{kind}"
            yield key, f"{kind!r} is no kind of vector work; known: {', '.join(known)}"
    if PASSTHROUGH not in unit.step_cycles:
        yield "vector_unit.step_cycles", f"vector_unit.step_cycles has no {PASSTHROUGH}, what MAC output costs as it is"
    for kind in unit.fused:
        if kind not in unit.step_cycles:
            yield "vector_unit.fused", f"vector_unit.fused has {kind!r}, which vector_unit.step_cycles does not price"


def _memories(profile: HardwareProfile) -> Iterator[tuple[str, str]]:
    for name, memory, least in (("sram", profile.sram, 0), ("dram", profile.dram, 1)):
        for direction in ("read", "write"):
            yield from _bandwidth(name, memory, direction, least)
    if profile.sram.size_bytes == 0:
        yield "sram.size_bytes", "sram.size_bytes is not given, or 0"
    for name, memory in (("sram", profile.sram), ("dram", profile.dram)):
        if memory.size_bytes and memory.reserved_bytes >= memory.size_bytes:
            yield (
                f"{name}.size_bytes",
                f"{name}.size_bytes is {memory.size_bytes} B, of which {memory.reserved_bytes} B are reserved "
                f"({name}.reserved_bytes): nothing is left",
            )


def _bandwidth(name: str, memory: Memory, direction: str, least: int) -> Iterator[tuple[str, str]]:
    keys = [f"{direction}_bytes_per_cycle", f"{direction}_bytes_per_s"]
    given = [key for key in keys if getattr(memory, key) is not None]
    if not least <= len(given) <= 1:
        count = "both" if given else "neither"
        yield (
            f"{name}.{given[-1]}" if given else name,
            f"{name} has {count} of {keys[0]} and {keys[1]}; exactly one is needed",
        )


def _rest(profile: HardwareProfile) -> Iterator[tuple[str, str]]:
    saving = profile.compression.default_saving
    if saving >= 1 or (saving and not profile.compression.available):
        limit = "below 1" if profile.compression.available else "0 where there is no compression"
        yield "compression.default_saving", f"compression.default_saving is {saving:g}, expected {limit}"
    targets = sorted(folder.parent.name for folder in _TARGETS.glob("*/__init__.py"))
    if profile.target not in targets:
        yield "target", f"target is {profile.target!r}, expected one of {', '.join(targets)}"
    try:
        DType.parse(profile.native_dtype)
    except InputError as fault:
        yield "native_dtype", f"native_dtype: {fault.what}; {fault.fix}"
