"""A result as a page, for a terminal or for Markdown: the same content, in the same order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from npusim.reports import Look, facts, layers
from npusim.reports.blocks import Block, Facts, Heading, Lines
from npusim.reports.words import clean
from npusim.result import Estimate


def page(result: Estimate, look: Look) -> Iterator[Block]:
    """The blocks of a result: which run, the layers, the totals, the limits, and what to know of them."""
    yield Heading(facts.title(result))
    yield Lines(tuple(facts.setting(result)))
    if result.layers:
        yield layers.table(result, look.top)
    if look.top is not None and look.top < len(result.layers):
        yield Lines((f"The {look.top} slowest of {len(result.layers)} layers; the totals are of all of them.",))
    yield Heading("Totals of one inference")
    yield Facts(tuple(facts.totals(result)))
    yield Lines((facts.limits(result),))
    yield from _list("Not costed", facts.not_costed(result))
    yield from _list("Off the NPU, in the totals", facts.off_npu(result))
    yield from _list("Warnings", facts.warnings(result))
    yield from _list("Notes", facts.footnotes(result))
    if look.assumptions:
        confidence = [f"Confidence: {result.profile.confidence}."] if result.profile.confidence else []
        said = [clean(each) for each in (*confidence, *result.profile.assumptions)]
        yield from _list("What the profile takes for granted", said or ["The profile states no assumptions."])


def _list(heading: str, texts: Iterable[str]) -> Iterator[Block]:
    found = tuple(texts)
    if found:
        yield Heading(heading)
        yield Lines(found, points=True)
