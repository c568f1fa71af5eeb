"""A frame cut into tiles: what each tile makes, what it reads, and how many tiles of each shape there are."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

import msgspec

from npusim.errors import InputError
from npusim.receptive import SIDES, Field, Size, whole_steps

POLICIES = ("area", "grid", "pad", "halo")
WITHOUT_HALO = ("area", "grid", "pad")


class Policy(msgspec.Struct, frozen=True):
    """What happens where tiles meet.

    Attributes:
        name: ``area``, the frame's area over the tile's, a fraction of runs without halo, as the SESR paper counts;
            ``grid``, whole tiles without halo, those at the far edges smaller; ``pad``, the same with the edge tiles
            filled up with zeros; ``halo``, each tile grown by what the network sees around it, as far as the frame has
            it, which leaves the result as it is.
        pixels: the halo where it is given; None for the network's own.
    """

    name: str
    pixels: int | None = None

    def __str__(self) -> str:
        return self.name if self.pixels is None else f"{self.name}:{self.pixels}"


def policy(text: str) -> Policy:
    """``area``, ``grid``, ``pad``, ``halo`` or ``halo:8``; InputError (bad-option)."""
    name, colon, digits = text.strip().lower().partition(":")
    if name in POLICIES and not colon:
        return Policy(name)
    if name == "halo" and digits.isdecimal() and len(digits) <= 6:
        return Policy(name, int(digits))
    choice = f"choose from {', '.join(POLICIES)} and halo:N, N pixels"
    raise InputError(f"{text!r} is no policy", code="bad-option", where="--policy", fix=choice)


class Piece(NamedTuple):
    """A side of a tile, in pixels of the frame: what it covers, and what it reads; both from first to one past last."""

    start: int
    stop: int
    first: int
    last: int


class Cut(msgspec.Struct, frozen=True):
    """A side of the frame in pieces.

    Attributes:
        length: of the side, as far as the network makes something of it. tile: of a piece, before what is read around
            it.
        before, after: pixels that are read around a piece where the frame has them.
        filled: the last piece is filled up with zeros to the others' size.
        beyond: pixels behind ``length`` that can be read all the same.
        runs: how many pieces there are; a fraction where they are counted by area.
    """

    length: int
    tile: int
    before: int = 0
    after: int = 0
    filled: bool = False
    by_area: bool = False
    beyond: int = 0

    @property
    def runs(self) -> Fraction:
        return Fraction(self.length, self.tile) if self.by_area else Fraction(-(-self.length // self.tile))

    def pieces(self) -> list[Piece]:
        """Every piece, in order; together they cover the side, and each pixel once."""
        return [self._piece(at) for at in range(-(-self.length // self.tile))]

    def lengths(self) -> dict[int, Fraction]:
        """How many pixels a run reads, and how many runs read so many."""
        if self.by_area or self.filled:
            return {self.tile: self.runs}
        count = -(-self.length // self.tile)
        head = min(-(-self.before // self.tile), count)  # pieces whose halo the frame's start cuts off
        uncut = min((self.length + self.beyond - self.after) // self.tile, count)  # pieces that its end does not
        inner = max(uncut, head)
        found: dict[int, Fraction] = {}
        for at in (*range(head), *range(inner, count)):
            piece = self._piece(at)
            found[piece.last - piece.first] = found.get(piece.last - piece.first, Fraction(0)) + 1
        if inner > head:
            whole = self.tile + self.before + self.after
            found[whole] = found.get(whole, Fraction(0)) + inner - head
        return found

    def _piece(self, at: int) -> Piece:
        start, stop = at * self.tile, min((at + 1) * self.tile, self.length)
        last = (at + 1) * self.tile if self.filled else min(stop + self.after, self.length + self.beyond)
        return Piece(start, stop, max(start - self.before, 0), last)


def cuts(frame: Size, tile: Size, how: Policy, field: Field | None) -> tuple[Cut, Cut]:
    """Width and height of the frame in pieces.

    Args:
        field: what the network sees; None where it sees everything or where nobody knows, for policies without halo.

    Raises:
        InputError: bad-tile, where a size is no size, or where the network's strides do not fit it.
    """
    for size in tile:
        if size < 1:
            raise InputError(f"a tile of {tile[0]}x{tile[1]} has no pixels", code="bad-tile", fix="sizes start at 1")
    steps = (1, 1) if field is None or how.name == "area" else (field.sides[0].step, field.sides[1].step)
    for side in range(2):
        _check_step(tile, side, frame[side], steps[side])
    return _cut(frame[0], tile[0], how, field, 0), _cut(frame[1], tile[1], how, field, 1)


def suffices(how: Policy, field: Field | None) -> bool:
    """Whether tiles read all that the network sees around them, so that they make what the whole frame makes."""
    if field is None:
        return False
    if how.name == "halo" and how.pixels is None:
        return True
    pixels = how.pixels or 0  # the policies without halo suffice where each pixel stands for itself
    return all(whole_steps(pixels, side.step) >= need for side in field.sides for need in side.halo)


def _cut(frame: int, tile: int, how: Policy, field: Field | None, side: int) -> Cut:
    if how.name == "pad":
        return Cut(frame, tile, filled=True)
    if how.name == "area":
        return Cut(frame, min(tile, frame), by_area=True)
    if how.name == "grid" or field is None:  # a halo of any width needs a field
        return Cut(frame, min(tile, frame))
    seen = field.sides[side]
    length = frame - seen.trim
    before, after = seen.halo
    if how.pixels is not None:
        before = after = whole_steps(how.pixels, seen.step)
    return Cut(length, min(tile, length), before, after, beyond=seen.trim)


def _check_step(tile: Size, side: int, length: int, step: int) -> None:
    if tile[side] % step and tile[side] < length:
        low = tile[side] // step * step
        near = f"{low} or {low + step}" if low else f"{step}"
        what = (
            f"a {SIDES[side]} of {tile[side]} does not start tiles where the network's strides do, every {step} pixels"
        )
        raise InputError(what, code="bad-tile", where=f"{tile[0]}x{tile[1]}", fix=f"take {near}")


def shapes(across: Cut, down: Cut) -> Mapping[Size, Fraction]:
    """How many tiles read so many pixels by so many."""
    found: dict[Size, Fraction] = {}
    for width, columns in across.lengths().items():
        for height, rows in down.lengths().items():
            found[width, height] = columns * rows
    return found
