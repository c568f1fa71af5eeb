"""The result of an estimate: frozen values whose field names are the keys of the JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from npusim.errors import InputError
from npusim.ir import Notice, Shape

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 1


class ModelInfo(msgspec.Struct, frozen=True):
    name: str
    sha256: str
    inputs: Mapping[str, Shape]
    outputs: Mapping[str, Shape]


class ProfileInfo(msgspec.Struct, frozen=True):
    name: str
    variant: str
    overrides: Mapping[str, str]
    vendor: str = ""
    target: str = ""
    clock_hz: float = 0.0
    macs_per_cycle: int = 0
    dram_read_bytes_per_cycle: float = 0.0
    dram_write_bytes_per_cycle: float = 0.0
    sram_bytes: int = 0
    confidence: str = ""
    assumptions: tuple[str, ...] = ()
    fast_macs_per_cycle: float = 0.0
    dram_duplex: bool | None = None


class OptionsInfo(msgspec.Struct, frozen=True):
    level: str
    dtype: str
    activation_compression: float
    equal_scales: bool | None
    planner: str
    as_vendor: bool
    encode_weights: bool = False


class Totals(msgspec.Struct, frozen=True):
    """One inference. ``lower_bound`` is true where operators that npusim does not know are left out of the sums."""

    macs: int
    macs_dense: int
    ops: int
    params: int
    weight_bytes: int
    weight_stream_bytes: int
    dram_bytes: int
    dram_read_bytes: int
    dram_write_bytes: int
    dram_bytes_by_operand: Mapping[str, int]
    cycles: float
    latency_s: float
    fps: float | None
    mac_cycles: float
    vector_cycles: float
    utilisation: float | None
    peak_sram_bytes: int
    roofline_cycles: float
    roofline_latency_s: float
    roofline_bound_by: str
    theoretical_fps: float | None
    bound_by: str
    cycles_by_bound: Mapping[str, float]
    lower_bound: bool = False


class LayerResult(msgspec.Struct, frozen=True):
    """One pass of the NPU: a layer with what is fused to it. Shapes are the graph's own (N, C, spatial axes).

    ``reads`` and ``makes`` are the names of its tensors, constants and what stays within the pass left out; a result of
    an earlier version lacks them, and ``sram_bytes``, what the pass holds of SRAM at most.
    """

    name: str
    op: str
    ifm: tuple[Shape, ...]
    ofm: tuple[Shape, ...]
    kernel: Shape
    stride: Shape
    groups: int
    macs: int
    macs_dense: int
    ops: int
    params: int
    section: int
    cycles: float
    bounds: Mapping[str, float]
    bound_by: str
    utilisation: float | None
    traffic: Mapping[str, Mapping[str, int]]
    mapping: Mapping[str, Any]
    fused: tuple[str, ...] = ()
    off_npu: str = ""
    sram_bytes: int = 0
    reads: tuple[str, ...] = ()
    makes: tuple[str, ...] = ()

    @property
    def dram_bytes(self) -> int:
        return sum(self.traffic.get("dram", {}).values())


class Unsupported(msgspec.Struct, frozen=True):
    name: str
    op: str
    why: str
    reads: tuple[str, ...] = ()
    makes: tuple[str, ...] = ()


class OffNpu(msgspec.Struct, frozen=True):
    name: str
    op: str
    why: str
    cycles: float


class Estimate(msgspec.Struct, frozen=True):
    """What a network costs on a profile, with the profile, the options and the version that made it.

    ``command`` is the command line, quoted for a shell; empty where no command line made it.
    """

    npusim: str
    schema: int
    model: ModelInfo
    profile: ProfileInfo
    options: OptionsInfo
    totals: Totals
    layers: tuple[LayerResult, ...]
    unsupported: tuple[Unsupported, ...] = ()
    off_npu: tuple[OffNpu, ...] = ()
    warnings: tuple[Notice, ...] = ()
    command: str = ""

    @property
    def latency_s(self) -> float:
        return self.totals.latency_s

    @property
    def fps(self) -> float | None:
        """Frames a second; None where nothing takes time."""
        return self.totals.fps

    @property
    def macs(self) -> int:
        return self.totals.macs

    @property
    def macs_dense(self) -> int:
        return self.totals.macs_dense

    @property
    def params(self) -> int:
        return self.totals.params

    @property
    def dram_bytes(self) -> int:
        return self.totals.dram_bytes

    def to_dict(self) -> dict[str, Any]:
        """The result in plain values, as the JSON has it."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain

    def to_json(self, path: str | Path | None = None) -> str:
        """The result as JSON text; also written to ``path`` when one is given."""
        text = msgspec.json.format(msgspec.json.encode(self), indent=1).decode() + "\n"
        if path is not None:
            from npusim.files import write_text  # noqa: PLC0415 - only for those who write

            write_text(Path(path), text)
        return text

    def _repr_html_(self) -> str:
        """What a notebook shows; it asks for this name."""
        # By name, as a command is: reports stand above results, and only a notebook needs this one.
        notebook = import_module("npusim.reports.html.notebook")
        shown: str = notebook.fragment(self)
        return shown

    def to_dataframe(self) -> pd.DataFrame:
        """A row a layer, in the order in which they run.

        The columns are those of the csv report, with the same units in their names, and typed: counts int64; cycles,
        seconds and shares float64, not a number where unknown; words str. ``sram_bytes`` comes besides, and as objects
        what a LayerResult has of shapes (``ifm``, ``ofm``, ``kernel``, ``stride``), ``fused``, ``reads``, ``makes`` and
        ``mapping``. ``attrs`` holds what is said of the whole: npusim's version, model, profile, options and totals.
        """
        import pandas as pd  # noqa: PLC0415 - heavy, and only for those who ask

        bounds = dict.fromkeys(name for row in self.layers for name in row.bounds)
        columns = {
            name: pd.Series([value(row) for row in self.layers], dtype=dtype)
            for name, dtype, value in (*_columns(self), *(_bound(name) for name in bounds))
        }
        frame = pd.DataFrame(columns)
        for name in ("npusim", "model", "profile", "options", "totals"):
            frame.attrs[name] = msgspec.to_builtins(getattr(self, name))
        return frame


_Column = tuple[str, str, Callable[[LayerResult], Any]]


def _columns(result: Estimate) -> Iterator[_Column]:
    """Name, type and value of each column, but for those of the bounds."""
    clock_hz, cycles = result.profile.clock_hz, result.totals.cycles
    yield "name", "str", lambda row: row.name
    yield "op", "str", lambda row: row.op
    for name in ("ifm", "ofm", "kernel", "stride"):
        yield name, "object", attrgetter(name)
    for name in ("groups", "section", "macs", "macs_dense", "ops", "params"):
        yield name, "int64", attrgetter(name)
    yield "cycles", "float64", lambda row: row.cycles
    yield "latency_s", "float64", lambda row: row.cycles / clock_hz if clock_hz else None
    yield "share_of_cycles", "float64", lambda row: row.cycles / cycles if cycles else None
    yield "bound_by", "str", lambda row: row.bound_by
    yield "utilisation", "float64", lambda row: row.utilisation
    yield "dram_bytes", "int64", lambda row: row.dram_bytes
    yield "dram_ifm_bytes", "int64", lambda row: row.traffic.get("dram", {}).get("ifm", 0)
    yield "dram_ofm_bytes", "int64", lambda row: row.traffic.get("dram", {}).get("ofm", 0)
    yield "dram_weights_bytes", "int64", lambda row: row.traffic.get("dram", {}).get("weights", 0)
    yield "sram_bytes", "int64", lambda row: row.sram_bytes
    yield "algorithm", "str", lambda row: str(row.mapping.get("algorithm", ""))
    yield "off_npu", "str", lambda row: row.off_npu
    for name in ("fused", "reads", "makes", "mapping"):
        yield name, "object", attrgetter(name)


def _bound(name: str) -> _Column:
    return f"bound_{name}_cycles", "float64", lambda row: row.bounds.get(name)


def read_result(text: bytes | str, where: str = "result") -> Estimate:
    """The Estimate that ``to_json`` wrote; InputError (bad-result) where the text is not one."""
    try:
        found = msgspec.json.decode(text, type=Estimate)
    except msgspec.MsgspecError as fault:
        raise InputError(f"this is not a result of npusim ({fault})", code="bad-result", where=where) from fault
    if found.schema != SCHEMA:
        raise InputError(
            f"the result has schema {found.schema}, this version reads {SCHEMA}", code="bad-result", where=where
        )
    return found
