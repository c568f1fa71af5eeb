"""The cut of a line of parts into sections: the cheapest, or the one that a compiler's rule makes."""

from __future__ import annotations

from collections.abc import Iterator

from npusim.schedule import combine
from npusim.targets.generic.candidates import Strip
from npusim.targets.generic.sections import MAX_SECTION, Chosen, Line, longest_cuts, nothing_fits
from npusim.targets.generic.streaming import Streams


def by_rule(line: Line) -> Iterator[Chosen]:
    """The mappings that the vendor's rule takes."""
    for section, cut in enumerate(longest_cuts(line)):
        yield from line.choices(cut, section)


def by_time(line: Line) -> Iterator[Chosen]:
    """The mappings and sections that take the fewest cycles: tensors whole in SRAM, or handed over in strips.

    In lines too long for sections of full length, strips are not looked for.
    """
    streams = Streams(line) if line.longest >= MAX_SECTION else None
    ways: dict[tuple[int, int], Strip] = {}

    def sections(start: int) -> list[tuple[int, float]]:
        found = dict(line.sections(start))
        for length, cycles, strip in streams.sections(start) if streams is not None else ():
            if cycles < found.get(length, float("inf")):
                found[length], ways[start, length] = cycles, strip
        return sorted(found.items())

    cheapest = combine(len(line.parts), line.lonely, sections, 0.0)
    if cheapest is None:
        raise nothing_fits(line)
    for section, cut in enumerate(cheapest[1]):
        strip = ways.get((cut.start, cut.length))
        if strip is None or streams is None:
            yield from line.choices(cut, section)
        else:
            yield from streams.choices(cut.start, cut.length, strip, section)
