"""The whole of a collapse: what was done, the proof of it, and what the network costs before and after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from npusim.bind import bind
from npusim.counts import macs, params
from npusim.errors import EstimateError, InputError
from npusim.estimate import estimate, resolved
from npusim.ir import Graph, Shape
from npusim.model import Model
from npusim.profile import HardwareProfile
from npusim.result import Estimate
from npusim.transform.collapse.engine import Chain, Collapsed, collapse
from npusim.transform.collapse.left import Left
from npusim.transform.collapse.proof import Proof, prove, small
from npusim.transform.collapse.search import Rules


class Cost(msgspec.Struct, frozen=True):
    """What a network takes; the estimate is None where ``Outcome.why_not`` says why."""

    macs: int
    params: int
    estimate: Estimate | None


class Outcome(msgspec.Struct, frozen=True):
    """A network before and after.

    Attributes:
        name: of the network.
        frame: the inputs on which MACs are counted and latency is estimated.
        weightless: parameters of what was collapsed have no elements, and seeded ones stood for them in the proof.
        proof: None where nothing was collapsed.
        why_not: why there are no estimates; empty where there are.
    """

    name: str
    frame: Mapping[str, Shape]
    chains: tuple[Chain, ...]
    left: tuple[Left, ...]
    weightless: bool
    seed: int
    proof: Proof | None
    before: Cost
    after: Cost
    why_not: str

    @property
    def holds(self) -> bool:
        return self.proof is None or self.proof.holds


def run(
    model: Model, hardware: HardwareProfile, rules: Rules, *, load: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None, proof_size: tuple[int, int] | None = None, seed: int = 0,
) -> tuple[Collapsed, Outcome]:  # fmt: skip
    """Collapses the model, proves it and estimates both.

    Args:
        load: the arguments of ``bind``; free dimensions may stay so, and then there are no estimates.
        options: of ``estimate``.
        proof_size: width and height of the frame that the proof runs on; a small one is found where left out.

    Raises:
        InputError: what ``bind``, reading weights and the executor raise; bad-option, of ``options``.
        EstimateError: with ``strict``, what ``estimate`` raises.
    """
    load, options = dict(load or {}), dict(options or {})
    resolved(hardware, **{key: value for key, value in options.items() if key != "strict"})  # faults before the work
    graph = _bound(model, load)
    tried = small(model, **load, proof_size=proof_size)
    framed = tried if graph is None else graph
    found = collapse(model, framed, rules, seed=seed)
    proof = prove(found, tried, seed) if found.chains else None
    shapes = {name: framed.tensors[name].shape for name in framed.inputs}
    after = bind(found.model, shapes=shapes)
    why_not = ""
    estimates: tuple[Estimate | None, Estimate | None] = (None, None)
    if graph is None:
        why_not = "height and width are free: give --size WxH"
    else:
        try:
            estimates = estimate(framed, hardware, **options), estimate(after, hardware, **options)
        except EstimateError as fault:
            if options.get("strict"):
                raise
            why_not = str(fault)
    return found, Outcome(
        model.name, shapes, found.chains, found.left, found.weightless, seed, proof,
        Cost(macs(framed), params(framed), estimates[0]), Cost(macs(after), params(after), estimates[1]), why_not,
    )  # fmt: skip


def _bound(model: Model, load: Mapping[str, Any]) -> Graph | None:
    """The model on the user's frame; None where it leaves dimensions free and the user says nothing of them."""
    try:
        return bind(model, **load)
    except InputError as fault:
        if fault.code != "dynamic-dim" or any(load.values()):
            raise
        return None
