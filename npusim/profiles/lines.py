"""On which line of a TOML file a key stands; tomllib does not say. For texts that tomllib has accepted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

Path = tuple[str, ...]

# One token: a string (the multi-line forms may end in two quotes of their own), a comment, a bare word, or a sign.
_TOKEN = re.compile(
    r'"""(?:\\.|(?!""")[^\\])*"{3,5}'
    r"|'''(?:(?!''').)*'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*|\n|[^\S\n]+|[A-Za-z0-9_+:-]+|.",
    re.DOTALL,
)


def key_lines(text: str) -> dict[Path, int]:
    """The line, from 1, of each table and of each key outside inline tables; of several, the first."""
    lines: dict[Path, int] = {}
    table: Path = ()
    for line, header, key in _statements(text):
        path = key if header else table + key
        table = path if header else table
        for length in range(1, len(path) + 1):
            lines.setdefault(path[:length], line)
    return lines


def line_of(lines: Mapping[Path, int], path: Path) -> int:
    """The line of the key, or of the innermost table or key around it; 1 for the file as a whole."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return 1


def _statements(text: str) -> Iterator[tuple[int, bool, Path]]:
    """Each table header and each key before an equals sign: its line, whether it is a header, and its parts."""
    line, started, depth, header, in_value = 1, 1, 0, False, False
    key: list[str] = []
    for token in _TOKEN.findall(text):
        if token == "\n":
            if depth == 0 and key:
                yield started, header, tuple(key)
            if depth == 0:
                key, header, in_value = [], False, False
        elif in_value:
            depth += (token in "[{") - (token in "]}")
        elif token == "[":
            header, started = True, line
        elif token == "=":
            in_value = True
        elif token not in ".]" and not token.isspace() and not token.startswith("#"):
            key.append(_plain(token))
            started = line
        line += token.count("\n")
    if key:
        yield started, header, tuple(key)


def _plain(token: str) -> str:
    """A key's part without its quotes."""
    if token[0] == "'":
        return token[1:-1]
    if token[0] == '"':
        return token[1:-1].encode("ascii", "backslashreplace").decode("unicode_escape")
    return token
