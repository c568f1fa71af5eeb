"""Which layers run as one pass: a nest with the vector work fused to it, or vector work alone; views go with them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from npusim.counts import LayerWork
from npusim.dataflow import Flow
from npusim.ops import VectorWork
from npusim.profile import HardwareProfile
from npusim.targets.generic.limits import nest_reason, vector_reason


class Group(msgspec.Struct, gc=False):
    """Layers of one pass, or of the few passes that one layer needs.

    Attributes:
        head: index of the main layer.
        fused: indices of the layers whose vector work runs on its output, in order.
        views: indices of views that show what the group makes or reads.
        reason: why the hardware cannot run the head; empty where it can.
    """

    head: int
    fused: list[int] = msgspec.field(default_factory=list)
    views: list[int] = msgspec.field(default_factory=list)
    reason: str = ""

    @property
    def last(self) -> int:
        return self.fused[-1] if self.fused else self.head


def group_layers(works: Sequence[LayerWork], found: Flow, profile: HardwareProfile) -> list[Group]:
    """Groups in the order of their heads; each layer with known work is in exactly one, others are in none."""
    groups: dict[int, Group] = {}
    owner: dict[int, Group] = {}
    for index, each in enumerate(works):
        if each.work is None or each.work.view or index in owner:
            continue
        group = Group(index, reason=_reason(each, profile))
        groups[index] = group
        if not group.reason and (fuses_own(each, profile) or not each.work.nests):
            group.fused = _followers(index, works, found, profile)
        owner.update(dict.fromkeys((index, *group.fused), group))
    for index, each in enumerate(works):
        if each.work is not None and each.work.view:
            _place_view(index, each, found, groups, owner)
    return [groups[index] for index in sorted(groups)]


def fuses_own(each: LayerWork, profile: HardwareProfile) -> bool:
    """Whether the layer is a single nest whose own vector work, if any, runs in its pass."""
    work = each.work
    return work is not None and len(work.nests) == 1 and _fusable(work.vector, _outputs(each), profile)


def _reason(each: LayerWork, profile: HardwareProfile) -> str:
    if each.work is None or not each.work.nests:
        return vector_reason(each.work.vector if each.work else (), profile)
    return next((reason for nest in each.work.nests if (reason := nest_reason(nest, profile))), "")


def _outputs(each: LayerWork) -> int:
    nest = each.work.nests[0] if each.work and each.work.nests else None
    if nest is None:
        return 0
    count = nest.batch * nest.groups * nest.out_channels
    for size in nest.out:
        count *= size
    return count


def _fusable(vector: Sequence[VectorWork], outputs: int, profile: HardwareProfile) -> bool:
    """Vector work of fused kinds that passes over no more than the MAC array puts out."""
    unit = profile.vector_unit
    return all(
        part.kind in unit.fused and part.kind in unit.step_cycles and part.elements <= outputs for part in vector
    )


def _followers(head: int, works: Sequence[LayerWork], found: Flow, profile: HardwareProfile) -> list[int]:
    """The chain of layers behind the head, each the only reader of what the one before makes."""
    chain: list[int] = []
    outputs, last = _outputs(works[head]), head
    while True:
        made = [name for name in works[last].layer.outputs if name in found.readers or name in found.outputs]
        if len(made) != 1 or made[0] in found.outputs or len(found.readers[made[0]]) != 1:
            return chain
        follower = found.readers[made[0]][0]
        each = works[follower]
        if (
            each.work is None
            or each.work.nests
            or not each.work.vector
            or each.layer.repeat != works[head].layer.repeat
        ):
            return chain
        is_free = folds_away(each, [works[at] for at in (head, *chain)])
        fuses = fuses_own(works[head], profile) and _fusable(each.work.vector, outputs, profile)
        if not (is_free or fuses) or not _ready(each, made[0], head, found):
            return chain
        chain.append(follower)
        last = follower


def folds_away(each: LayerWork, before: Sequence[LayerWork]) -> bool:
    """Whether a layer's work disappears in the layers before it, which run in one pass and of which it reads the last.

    Constant scales and shifts go into constant weights, as long as nothing stands between; number formats always fit.
    """
    if each.work is None or each.work.folds != "weights":
        return each.work is not None and each.work.folds == "format"
    head, *between = (one.work for one in before)
    is_plain = head is not None and len(head.nests) == 1 and not head.vector and not head.nests[0].weights_vary
    return is_plain and all(one is not None and one.folds for one in between)


def _ready(each: LayerWork, made: str, head: int, found: Flow) -> bool:
    """Whether the follower's other operands exist before the head runs."""
    others = {found.root[name] for name in each.layer.inputs if name} - {made}
    return all(found.makers.get(name, -1) < head for name in others)


def _place_view(
    index: int, each: LayerWork, found: Flow, groups: dict[int, Group], owner: dict[int, Group]
) -> None:  # fmt: skip
    """A view goes with the group that makes its bytes, else with the first that reads them, else it stands alone."""
    name = next((found.root[name] for name in each.layer.outputs if name), "")
    near = (found.makers.get(name, -1), *found.readers.get(name, ()))
    group = next((owner[layer] for layer in near if layer in owner), None)
    if group is None:
        groups[index] = Group(index)
    else:
        group.views.append(index)
