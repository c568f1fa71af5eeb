"""The bytes that parts write and read: how they lie in DRAM and in SRAM, and whether they may stay on chip."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from npusim.counts import LayerWork
from npusim.dataflow import Flow, packed_bytes, touched_elements
from npusim.ir import DType, Graph
from npusim.profile import Layout
from npusim.targets.generic.groups import Group
from npusim.targets.generic.jobs import Box, Stream, box_of_shape, sram_bytes, stored_bytes
from npusim.targets.generic.nest_jobs import ifm_box, ofm_box

NOWHERE = -1  # an operand that is no storage: it always comes from DRAM


class Storage(msgspec.Struct, frozen=True, gc=False):
    """A tensor between parts, or at the network's edge.

    Attributes:
        sram_bytes: of the whole tensor in SRAM.
        stays: whether it may stay in SRAM: made and read by parts on the NPU alone, and no output of the network.
    """

    box: Box
    stream: Stream
    sram_bytes: int
    stays: bool


class Storages:
    """Finds the storage of a tensor, making it when first asked."""

    def __init__(
        self,
        graph: Graph,
        works: Sequence[LayerWork],
        found: Flow,
        groups: Sequence[Group],
        dtype: DType,
        layout: Layout,
    ) -> None:
        self.all: list[Storage] = []
        self._graph = graph
        self._flow = found
        self._dtype = dtype
        self._layout = layout
        self._of_root: dict[str, int] = {}
        self._made: dict[tuple[Box, bool], Storage] = {}
        self._on_npu = {layer for group in groups if not group.reason for layer in (group.head, *group.fused)}
        self._boxes: dict[str, Box] = {}
        for group in groups:
            if not group.reason:
                self._learn_boxes(works[group.head])

    def _learn_boxes(self, each: LayerWork) -> None:
        """A nest knows how its operands lie; the maker of a tensor is asked before its readers."""
        if each.work is None or len(each.work.nests) != 1:
            return
        out, ifm = ofm_box(each.work.nests[0]), ifm_box(each.work.nests[0])
        for name in each.layer.outputs:
            if name and self._graph.tensors[name].elements == out.elements:
                self._boxes[name] = out
        for root in self.operands(each):
            if self._graph.tensors[root].elements == ifm.elements:
                self._boxes.setdefault(root, ifm)

    def operands(self, each: LayerWork) -> list[str]:
        """Roots of the activations that the layer reads, each once, in the order of its slots."""
        roots = dict.fromkeys(self._flow.root[name] for name in each.layer.inputs if name)
        return [root for root in roots if not self._graph.tensors[root].is_constant]

    def made(self, each: LayerWork) -> list[int]:
        """Storages of the outputs that somebody reads or that are the network's own."""
        used = (n for n in each.layer.outputs if n and (n in self._flow.readers or n in self._flow.outputs))
        return [self.of(name) for name in used]

    def of(self, root: str) -> int:
        if root not in self._of_root:
            maker, readers = self._flow.makers.get(root), self._flow.readers.get(root, ())
            between = maker in self._on_npu and root not in self._flow.outputs and self._on_npu.issuperset(readers)
            box = self._boxes.get(root) or box_of_shape(self._graph.tensors[root].shape)
            self._of_root[root] = self.new(box, between=between)
        return self._of_root[root]

    def new(self, box: Box, *, between: bool = True) -> int:
        found = self._made.get((box, between))
        if found is None:
            stream = self.stream(box, between=between)
            found = Storage(box, stream, sram_bytes(box, self._dtype, self._layout), stays=between)
            self._made[box, between] = found
        self.all.append(found)
        return len(self.all) - 1

    def stream(self, box: Box, *, between: bool) -> Stream:
        return Stream(stored_bytes(box, self._dtype, self._layout, rounded=between), between)

    def read(self, each: LayerWork, root: str) -> tuple[int, Stream]:
        """The storage of an operand, and its stream as far as the layer touches it."""
        tensor, at = self._graph.tensors[root], self.of(root)
        touched, stream = touched_elements(each, tensor), self.all[at].stream
        if touched < tensor.elements:
            stream = Stream(packed_bytes(touched, self._dtype), stream.between)
        return at, stream

    def elements(self, root: str) -> int:
        return self._graph.tensors[root].elements

    def constants(self, each: LayerWork) -> list[int]:
        """Bytes of each constant that vector work reads along."""
        return [packed_bytes(touched_elements(each, self._graph.tensors[name]), self._dtype) for name in each.params]
