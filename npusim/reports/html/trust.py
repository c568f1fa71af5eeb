"""How far to trust an estimate: what the profile says of itself, and what the model was compared with."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator

from npusim.reports.words import clean
from npusim.resources import path
from npusim.result import Estimate
from npusim.units import format_share

# Groups of the reference networks, in words.
_GROUPS = {"paper": "SESR and FSRCNN", "sr": "other super-resolution", "micro": "few layers", "cls": "classification"}
_COMPARED = "ethos_n"  # the target whose results are compared with tables of a reference


def confidence(result: Estimate) -> Iterator[str]:
    """Sentences, the most general first."""
    if result.options.level == "roofline":
        yield "This is the roofline: a lower bound that no plan can beat, not a forecast."
    else:
        yield "An analytical model: it computes what the hardware would do and runs nothing."
    if result.profile.confidence:
        yield f"The profile's numbers: {clean(result.profile.confidence)}."
    yield from _bounds(result)
    if result.options.activation_compression:
        saving = format_share(result.options.activation_compression)
        yield f"Activations are taken to compress by {saving}, as was asked for; the real saving depends on the data."
    if result.totals.lower_bound:
        yield "The totals are a lower bound: operators that are not known are left out of them."


def _bounds(result: Estimate) -> Iterator[str]:
    """What CI holds the totals of networks to, from the file that it reads."""
    if result.options.level != "mapped":
        return
    if result.profile.target != _COMPARED:
        yield (
            "The generic target's rules are coarse: they were compared with two published networks alone, "
            "whose times they meet within a factor of two."
        )
        return
    variant = result.profile.variant.upper().replace("-", "_")
    told = False
    for bound in tomllib.loads(path("validation", "bounds.toml").read_text())["bound"]:
        if bound["of"] == "networks" and bound["quantity"] == "cycles" and variant in bound.get("variants", ()):
            said = [
                f"{words} within {format_share(bound[name])}"
                for name, words in (("median", "half of them"), ("p90", "nine in ten"), ("worst", "all"))
                if name in bound
            ]
            groups = f" ({', '.join(_GROUPS.get(each, each) for each in bound['groups'])})" if "groups" in bound else ""
            yield f"Cycles of the reference networks{groups} against the vendor's public estimator: {', '.join(said)}."
            told = True
    if told:
        yield (
            "That holds for the vendor's planner and cost rules (--planner vendor --as-vendor). "
            "No silicon was measured; on another network what you tell the model counts more: "
            "scales, compression, real weights."
        )
    else:
        yield "This variant was not compared with any reference; others of its family were. No silicon was measured."
