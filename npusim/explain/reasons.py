"""Why a layer takes the time that it does: sentences from its passes and the numbers of the profile.

They hold for any target: a target's own words (``mapping``) are used where they are known, never needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from npusim.profile import HardwareProfile
from npusim.result import LayerResult
from npusim.units import format_bytes, format_seconds, format_share

CONVERSION = "Conversion"  # the op of a pass that no layer of the graph stands for
_WASTE = 2  # an array filled below a half by this side is the first thing to know
_PULLED = 0.1  # of a pass's cycles: transfers that nothing overlaps are worth a word from here on


def reasons(main: LayerResult, rows: Sequence[LayerResult], hardware: HardwareProfile, level: str) -> Iterator[str]:
    """Clauses without a full stop, those that say most first.

    Args:
        main: the pass that does the layer's work.
        rows: all passes that serve it, ``main`` among them.
        level: of the estimate.
    """
    slowest = max(rows, key=lambda row: row.cycles)
    if level == "roofline":
        yield "at the roofline it runs by the fastest algorithm at its peak, and no byte moves twice"
        return
    if main.off_npu:
        yield f"the hardware cannot run it ({main.off_npu}), so it runs on the {hardware.fallback.name}"
        return
    yield from _stuffing(main, rows, hardware)
    resource = slowest.bound_by.removesuffix("_serial")
    filling = list(_filling(main, hardware)) if resource == "mac" else []
    yield from (clause for waste, clause in filling if waste >= _WASTE)
    yield from _own_passes(main, rows, hardware)
    if resource == "mac":
        yield from _algorithm(slowest)
    elif resource == "vector":
        yield _vector(slowest, hardware)
    elif resource.startswith("dma"):
        yield from _dma(slowest, hardware)
    yield from (clause for waste, clause in filling if waste < _WASTE)
    yield from _serial(slowest)


def _stuffing(main: LayerResult, rows: Sequence[LayerResult], hardware: HardwareProfile) -> Iterator[str]:
    """Of a transposed convolution: why the array does not stuff its zeros itself, and how many there are."""
    if not main.op.endswith("ConvTranspose") or max(main.stride, default=1) == 1:
        return
    array = hardware.mac_array
    kernel, stride, most = _sides(main.kernel), _sides(main.stride), array.upsample_max_kernel
    why = ""
    if not array.upsample_factor:
        why = "the array does not upsample by itself"
    elif max(main.kernel) > most:
        why = f"its {kernel} kernel is larger than the {most}x{most} that the array upsamples by itself"
    elif set(main.stride) != {array.upsample_factor}:
        why = f"its stride {stride} is not the {array.upsample_factor} that the array upsamples by itself"
    if why:
        written = any(row.traffic.get("dram", {}).get("ofm") for row in rows if row is not main)
        yield f"{why}, so a zero-stuffed tensor {'goes through DRAM' if written else 'is made first'}"
    if main.macs_dense > main.macs:
        zeros = format_share(1 - main.macs / main.macs_dense)
        yield f"{zeros} of the products on its output grid fall on the zeros between the input's pixels"


def _sides(sizes: Sequence[int]) -> str:
    return "x".join(map(str, sizes))


def _filling(row: LayerResult, hardware: HardwareProfile) -> Iterator[tuple[float, str]]:
    """How far the layer's channels fill the array: the factor of cycles that is lost, and the clause."""
    array = hardware.mac_array
    if row.groups > 1 and _channels(row, row.ifm) == row.groups:
        return  # depthwise: the array is laid out differently
    for what, shapes, unroll in (
        ("input", row.ifm, array.unroll_in_channels),
        ("output", row.ofm, array.unroll_out_channels),
    ):
        channels = _channels(row, shapes) // max(row.groups, 1)
        full = -(-channels // unroll) * unroll
        if channels < full and channels < 4 * unroll:
            subject = f"{channels} {what} channels occupy" if channels > 1 else f"1 {what} channel occupies"
            yield full / channels, f"{subject} the array as {full} would"


def _channels(row: LayerResult, shapes: Sequence[Sequence[int]]) -> int:
    """Channels of the first tensor: axis 1 of a convolution's, the last of a product's; 0 where there are none."""
    if not row.kernel or not shapes or len(shapes[0]) < 2:
        return 0
    return shapes[0][1 if "Conv" in row.op else -1]


def _own_passes(main: LayerResult, rows: Sequence[LayerResult], hardware: HardwareProfile) -> Iterator[str]:
    for row in rows:
        if row is not main and row.cycles:
            time = format_seconds(row.cycles / hardware.clock_hz)
            count = format_bytes(row.dram_bytes)
            yield f"a further pass ({_suffix(row, main)}) takes {time} and {count} of DRAM traffic"


def _suffix(row: LayerResult, main: LayerResult) -> str:
    """What a further pass does, from the end of its name, as of ``tconv (zero stuffing)`` or ``tconv.stuffed``."""
    return row.name.removeprefix(main.name).strip(" .()") or row.name


def _algorithm(row: LayerResult) -> Iterator[str]:
    if row.mapping.get("algorithm") == "winograd":
        yield "it already runs by Winograd, with fewer multiplications than the direct algorithm"


def _vector(row: LayerResult, hardware: HardwareProfile) -> str:
    unit, mac = hardware.vector_unit, row.bounds.get("mac", 0.0)
    step = f"{unit.step_height}x{unit.step_width}x{unit.step_channels}"
    slower = f", {row.bounds['vector'] / mac:.1f} times as long as its multiplications take" if mac else ""
    return f"every element passes through the vector unit in steps of {step}{slower}"


def _dma(row: LayerResult, hardware: HardwareProfile) -> Iterator[str]:
    """What moves in the direction that limits the pass, and what it costs beside its bytes."""
    dram = row.traffic.get("dram", {})
    way = row.bound_by.removesuffix("_serial").removeprefix("dma")  # empty where reads and writes share the DRAM
    moved = {name: count for name, count in dram.items() if way != ("_read" if name == "ofm" else "_write")}
    total, largest = sum(moved.values()), max(moved, key=lambda name: moved[name], default="")
    if total:
        verb = {"_read": "reads", "_write": "writes"}.get(way, "moves")
        share = f"{format_share(moved[largest] / total)} of it {_operand(largest)}"
        yield f"it {verb} {format_bytes(total)}, {share}" if len(moved) > 1 else f"it {verb} {format_bytes(total)}"
    loads = row.mapping.get("loads")
    if isinstance(loads, Mapping):
        for name, times in loads.items():
            if isinstance(times, int | float) and times > 1 and moved.get(name):
                yield f"its {_operand(name)} {'are' if name == 'weights' else 'is'} read {times:g} times"
    read, written = total - moved.get("ofm", 0), moved.get("ofm", 0)
    busy = read / hardware.dram_read_bytes_per_cycle + written / hardware.dram_write_bytes_per_cycle
    stripes = row.mapping.get("stripes")
    if stripes and busy < row.bounds[row.bound_by] / 2:
        yield f"its {stripes} stripes cost more to start than their bytes take to move"


def _operand(name: str) -> str:
    return name if name == "weights" else name.upper()


def _serial(row: LayerResult) -> Iterator[str]:
    alone = sum(cycles for name, cycles in row.bounds.items() if name.endswith("_serial"))
    if alone > _PULLED * row.cycles:
        yield f"{format_share(alone / row.cycles)} of its time is transfers that nothing overlaps"
