"""What is known of each network: counted here, beside what was published, with a reason for each difference."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache

import msgspec

from npusim.bind import bind
from npusim.counts import layer_works, params
from npusim.ir import Graph
from npusim.resources import path
from npusim.zoo import build
from npusim.zoo.index import find

# The papers count MACs of 1280x720 pixels. A third of 1280 is not whole: x3 takes the next whole width.
LOW_RESOLUTION = {2: (640, 360), 3: (427, 240), 4: (320, 180)}
_KERNELS = ("Conv", "ConvTranspose")


class Published(msgspec.Struct, frozen=True):
    """Figures as printed, with their digits; empty where there are none.

    Attributes:
        params_k: thousands of parameters.
        macs_g: billions of MACs to 1280x720 pixels, a transposed convolution counted at its output.
        source: where they stand.
        confidence: ``read`` there, or ``recalled`` and to be confirmed; the parts apart where they differ.
        reason: what explains the difference from what npusim counts; empty where the printed digits agree.
    """

    params_k: str
    macs_g: str
    source: str
    confidence: str
    reason: str


class Entry(msgspec.Struct, frozen=True):
    """A network of the zoo.

    Attributes:
        channels: of the input: 1 (luminance) or 3 (RGB).
        source, confidence: of the layers; see Network.
        params: all parameters: kernels, biases, slopes, scales, means and variances; shared ones once.
        params_kernels: those of the convolutions' kernels alone, which is what most papers count.
        macs, macs_dense: to 1280x720 pixels, from LOW_RESOLUTION; see LoopNest for the two counts.
        published: None where no figure for this form and scale is known.
    """

    name: str
    aliases: tuple[str, ...]
    family: str
    scale: int
    form: str
    channels: int
    source: str
    confidence: str
    params: int
    params_kernels: int
    macs: int
    macs_dense: int
    published: Published | None

    @property
    def reason(self) -> str:
        return self.published.reason if self.published else ""


def entry(name: str) -> Entry:
    """The network of that name, counted; InputError (unknown-model) where there is none."""
    network, scale = find(name)
    graph = bind(build(name), size=LOW_RESOLUTION[scale])
    works = layer_works(graph)
    return Entry(
        name=network.name(scale), aliases=tuple(network.name(scale, alias) for alias in network.aliases),
        family=network.family, scale=scale, form=network.form, channels=graph.tensors[graph.inputs[0]].shape[1],
        source=network.source, confidence=network.confidence,
        params=params(graph, works), params_kernels=_kernels(graph),
        macs=sum(each.macs for each in works), macs_dense=sum(each.macs_dense for each in works),
        published=published().get((network.label, scale)),
    )  # fmt: skip


def _kernels(graph: Graph) -> int:
    names = {layer.inputs[1] for layer in graph.layers if layer.op in _KERNELS}
    return sum(graph.tensors[name].elements for name in names)


@cache
def published() -> Mapping[tuple[str, int], Published]:
    """The published figures, by network with its form, and scale."""
    with path("models", "published.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {
        (row["network"], int(row["scale"])): Published(
            row["params_k"], row["macs_g"], row["source"], row["confidence"], row["reason"]
        )
        for row in rows
    }
