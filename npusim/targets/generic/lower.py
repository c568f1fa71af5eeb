"""A graph as parts: what runs at once, which bytes it reads and writes."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from npusim.counts import LayerWork
from npusim.dataflow import Flow, flow, packed_bytes
from npusim.ir import DType, Graph
from npusim.loopnest import LoopNest, Operand
from npusim.options import Options
from npusim.profile import HardwareProfile
from npusim.targets.generic.groups import Group, folds_away, fuses_own, group_layers
from npusim.targets.generic.jobs import IdleJob, Job, Stream
from npusim.targets.generic.limits import stuffs, vector_reason
from npusim.targets.generic.nest_jobs import fallback_job, ifm_box, nest_job, ofm_box, stuffed_box, vector_job
from npusim.targets.generic.scales import adds_rescale
from npusim.targets.generic.storages import NOWHERE, Storage, Storages


class Part(msgspec.Struct, frozen=True, gc=False):
    """A pass to be planned.

    Attributes:
        layers: names of the layers that it accounts for.
        ins: storages in the order of the job's operands; NOWHERE where there is none.
        off: why the hardware cannot run it as such; empty where it can.
    """

    name: str
    layers: tuple[str, ...]
    job: Job
    ins: tuple[int, ...] = ()
    outs: tuple[int, ...] = ()
    off: str = ""


class Lowered(msgspec.Struct, frozen=True):
    parts: tuple[Part, ...]
    storages: tuple[Storage, ...]


def lower(graph: Graph, works: Sequence[LayerWork], profile: HardwareProfile, options: Options) -> Lowered:
    """Parts in the order they run."""
    found = flow(graph, works)
    groups = group_layers(works, found, profile)
    lowering = _Lowering(graph, works, found, groups, profile, options)
    for group in groups:
        lowering.add(group)
    return Lowered(tuple(lowering.parts), tuple(lowering.storages.all))


class _Operands(msgspec.Struct, gc=False):
    """Operands gathered for one part: storages, their streams, and bytes of constants."""

    ids: list[int] = msgspec.field(default_factory=list)
    streams: list[Stream] = msgspec.field(default_factory=list)
    constants: int = 0

    def take(self, at: int, stream: Stream) -> None:
        self.ids.append(at)
        self.streams.append(stream)


class _Lowering:
    """Walks the groups in order and gathers parts."""

    def __init__(
        self, graph: Graph, works: Sequence[LayerWork], found: Flow, groups: Sequence[Group], profile: HardwareProfile,
        options: Options,
    ) -> None:  # fmt: skip
        self.graph = graph
        self.works = works
        self.flow = found
        self.profile = profile
        self.options = options
        self.dtype = DType.parse(options.dtype)
        self.storages = Storages(graph, works, found, groups, self.dtype, profile.layout)
        self.parts: list[Part] = []

    def add(self, group: Group) -> None:
        each = self.works[group.head]
        names = tuple(self.works[layer].layer.name for layer in (group.head, *group.fused, *group.views))
        if each.work is None or not (each.work.macs or any(part.elements for part in each.work.vector)):
            self.parts.append(Part(each.layer.name, names, IdleJob()))
        elif group.reason:
            self.add_fallback(group, each, names)
        elif each.work.macs:
            self.add_nests(group, each, names)
        else:
            self.add_vector(group, each, names)

    # --- vector work and fallback -----------------------------------------------------------------------------------

    def add_fallback(self, group: Group, each: LayerWork, names: tuple[str, ...]) -> None:
        ins, outs = self.all_operands(each), self.storages.made(each)
        vector = self.priced(group.head)
        nests = each.work.nests if each.work is not None else ()
        job = fallback_job(
            nests, vector, ins.streams, self.streams(outs), ins.constants, each.layer.repeat, self.profile, self.dtype
        )
        self.parts.append(Part(each.layer.name, names, job, tuple(ins.ids), tuple(outs), group.reason))

    def add_vector(self, group: Group, each: LayerWork, names: tuple[str, ...]) -> None:
        ins, outs = self.all_operands(each), self.storages.made(self.works[group.last])
        boxes = [self.storages.all[at].box for at in (*outs, *ins.ids)]
        vector, unit = self.priced(group.head), self.profile.vector_unit
        job = vector_job(vector, boxes, ins.streams, self.streams(outs), ins.constants, each.layer.repeat, unit)
        self.parts.append(Part(each.layer.name, names, job, tuple(ins.ids), tuple(outs)))

    def all_operands(self, each: LayerWork) -> _Operands:
        ins = _Operands()
        for root in self.storages.operands(each):
            ins.take(*self.storages.read(each, root))
        if each.work is not None and not each.work.nests:
            ins.constants = sum(self.storages.constants(each))
        return ins

    def priced(self, at: int) -> list[tuple[str, int]]:
        """Kinds of vector work of a layer with their elements; additions rescale where they must and it has a price."""
        work, prices = self.works[at].work, self.profile.vector_unit.step_cycles
        found = [(part.kind, part.elements) for part in work.vector] if work else []
        if not any(kind == "add" for kind, _ in found) or "add_rescale" not in prices:
            return found
        if not adds_rescale(self.graph, self.works, self.flow, at, self.options):
            return found
        return [("add_rescale" if kind == "add" else kind, count) for kind, count in found]

    def streams(self, ids: Sequence[int]) -> list[Stream]:
        return [self.storages.all[at].stream for at in ids]

    # --- nests ------------------------------------------------------------------------------------------------------

    def add_nests(self, group: Group, each: LayerWork, names: tuple[str, ...]) -> None:
        """A part a nest; what lies between the nests of one layer is a storage of its own."""
        assert each.work is not None
        nests = [nest for nest in each.work.nests if nest.macs]
        after = () if fuses_own(each, self.profile) else each.work.vector
        beside = vector_reason(after, self.profile)
        pool, previous = self.storages.operands(each), NOWHERE
        for number, nest in enumerate(nests, 1):
            is_last = number == len(nests)
            name = each.layer.name if number == 1 else f"{each.layer.name} (part {number})"
            ins = _Operands()
            ins.take(*self.operand(each, pool, nest, Operand.IFM, previous))
            if stuffs(nest, self.profile):
                ins = self.add_stuffing(name, nest, ins, each.layer.repeat)
            if nest.weights_vary:
                ins.take(*self.operand(each, pool, nest, Operand.WEIGHTS, NOWHERE))
            vector = self.gather_fused(group, nest, pool, ins) if is_last else []
            if is_last and not after:
                outs = self.storages.made(self.works[group.last])
            else:
                outs = [self.storages.new(ofm_box(nest), between=not (is_last and beside))]
            self.add_nest(name, names if number == 1 else (), nest, ins, vector, outs, each.layer.repeat)
            previous = outs[0] if outs else NOWHERE
        if after:
            self.add_after(each, previous, beside, group)

    def operand(
        self, each: LayerWork, pool: list[str], nest: LoopNest, which: Operand, previous: int
    ) -> tuple[int, Stream]:
        """What a nest reads: the first operand of its size; else what the nest before made; else the first one left."""
        is_ifm = which is Operand.IFM
        wanted = ifm_box(nest).elements if is_ifm else nest.footprint(Operand.WEIGHTS)
        root = next((root for root in pool if self.storages.elements(root) == wanted), None)
        if root is None and previous == NOWHERE and pool:
            root = pool[0]
        if root is not None:
            pool.remove(root)
            return self.storages.read(each, root)
        if previous != NOWHERE:
            return previous, self.storages.stream(ifm_box(nest), between=True)
        return NOWHERE, Stream(packed_bytes(wanted, self.dtype))

    def add_stuffing(self, name: str, nest: LoopNest, ins: _Operands, repeat: int) -> _Operands:
        """Zeros are put between the inputs on the way through the vector unit, and the result goes to memory."""
        box = stuffed_box(nest)
        out = self.storages.new(box)
        vector = [("passthrough", box.elements)]
        job = vector_job(vector, [box], ins.streams, self.streams([out]), 0, repeat, self.profile.vector_unit)
        self.parts.append(Part(f"{name} (zero stuffing)", (), job, tuple(ins.ids), (out,)))
        return _Operands([out], self.streams([out]))

    def gather_fused(self, group: Group, nest: LoopNest, pool: list[str], ins: _Operands) -> list[tuple[str, int]]:
        """Adds what the fused work reads besides the MAC array's output; returns its kinds with their elements."""
        inside = {name for at in (group.head, *group.fused) for name in self.works[at].layer.outputs}
        for root in pool:
            ins.take(*self.storages.read(self.works[group.head], root))
        vector = self.priced(group.head) if fuses_own(self.works[group.head], self.profile) else []
        for place, at in enumerate(group.fused):
            follower = self.works[at]
            if folds_away(follower, [self.works[one] for one in (group.head, *group.fused[:place])]):
                continue
            vector += self.priced(at)
            for root in self.storages.operands(follower):
                if root not in inside:
                    ins.take(*self.storages.read(follower, root))
            for count in self.storages.constants(follower):
                if count > packed_bytes(nest.groups * nest.out_channels, self.dtype):
                    ins.take(NOWHERE, Stream(count))  # as large as data, so it comes in stripes
                else:
                    ins.constants += count
        return vector

    def add_nest(
        self, name: str, names: tuple[str, ...], nest: LoopNest, ins: _Operands, vector: Sequence[tuple[str, int]],
        outs: Sequence[int], repeat: int,
    ) -> None:  # fmt: skip
        written = self.streams(outs)
        ofm = Stream(sum(each.bytes for each in written), all(each.between for each in written))
        first = 2 if nest.weights_vary else 1
        job = nest_job(
            nest, self.profile, ifm=ins.streams[0], ofm=ofm, weights=ins.streams[1] if nest.weights_vary else None,
            others=ins.streams[first:], constants=ins.constants, vector=vector,
            ofm_elements=sum(self.storages.all[at].box.elements for at in outs), repeat=repeat,
            is_stuffed=stuffs(nest, self.profile),
        )  # fmt: skip
        self.parts.append(Part(name, names, job, tuple(ins.ids), tuple(outs)))

    def add_after(self, each: LayerWork, previous: int, beside: str, group: Group) -> None:
        """Vector work that no pass of the layer's nests takes along: it reads the largest of its operands once."""
        vector, outs = self.priced(group.head), self.storages.made(self.works[group.last])
        largest = packed_bytes(max(count for _, count in vector), self.dtype)
        stored = self.storages.all[previous].stream
        reads = [Stream(max(stored.bytes, largest), stored.between)]
        name, repeat, writes = f"{each.layer.name} (vector)", each.layer.repeat, self.streams(outs)
        if beside:
            job: Job = fallback_job((), vector, reads, writes, 0, repeat, self.profile, self.dtype)
        else:
            boxes = [self.storages.all[at].box for at in (*outs, previous)]
            job = vector_job(vector, boxes, reads, writes, 0, repeat, self.profile.vector_unit)
        self.parts.append(Part(name, (), job, (previous,), tuple(outs), beside))
