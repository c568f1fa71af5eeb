"""One small registry: a named table that modules fill by decorating what they offer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Generic, TypeVar

from npusim.errors import InputError

T = TypeVar("T")


class Registry(Mapping[str, T], Generic[T]):
    """A mapping from name to entry; a second entry under one name is a programming error.

    Args:
        kind: what an entry is, as the user says it ("operator", "profile"); used in messages.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, T] = {}

    def add(self, name: str, entry: T) -> T:
        if name in self._entries:
            raise ValueError(f"{self.kind} {name!r} is registered twice")
        self._entries[name] = entry
        return entry

    def __getitem__(self, name: str) -> T:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, name: str) -> T:
        """Returns the entry, or raises InputError (code ``unknown-<kind>``) with the nearest names."""
        try:
            return self._entries[name]
        except KeyError:
            raise unknown(self.kind, name, self._entries) from None


def unknown(kind: str, name: str, known: Mapping[str, object] | list[str]) -> InputError:
    """The error for a name that is not among the known ones; it offers the nearest."""
    near = get_close_matches(name, list(known), n=3)
    fix = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(sorted(known))}"
    return InputError(f"no {kind} is called {name!r}", code=f"unknown-{kind.replace(' ', '-')}", fix=fix)
