"""Lines of keys, against files whose lines are counted by hand and against what tomllib reads."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from npusim.profiles.lines import key_lines, line_of
from npusim.resources import files

AWKWARD = '''# line 1
a = "text with [brackets] and = and # signs"  # comment = 1

[table] # header
b.c = 1
'quoted key' = [ # a list over
  1, [2, 3],     # three
] # lines
"esc\\u0041ped" = """
[not.a.table]
x = 1 \\""" still inside
"""""
lit = \'\'\'
y = 2
\'\'\'

[table.below."a.b"]
inline = { value = 1, x.y = 2 }
[[many]]
one = 1979-05-27T07:32:00Z
[[many]]
two = { l = [
  1,
], m = 2 }
last = true'''

VALUES = ["1", '"a # [b] = c"', "[\n1,\n2 # ]\n]", "'''\nq = 1\n'''", '{ a = "}" }', '"""\\"""\n"""']


def test_lines_of_an_awkward_file() -> None:
    tomllib.loads(AWKWARD)  # it is TOML
    assert key_lines(AWKWARD) == {
        ("a",): 2,
        ("table",): 4,
        ("table", "b"): 5,
        ("table", "b", "c"): 5,
        ("table", "quoted key"): 6,
        ("table", "escAped"): 9,
        ("table", "lit"): 13,
        ("table", "below"): 17,
        ("table", "below", "a.b"): 17,
        ("table", "below", "a.b", "inline"): 18,
        ("many",): 19,
        ("many", "one"): 20,
        ("many", "two"): 22,
        ("many", "last"): 25,
    }


def test_a_key_that_is_not_there_has_the_line_of_what_is_around_it() -> None:
    lines = key_lines("\n[a]\nb = { c = 1 }\n")
    assert line_of(lines, ("a", "b", "c")) == 3
    assert line_of(lines, ("a", "x", "y")) == 2
    assert line_of(lines, ("x",)) == 1


def test_every_key_of_the_shipped_profiles_is_found_on_a_line_that_names_it() -> None:
    seen = 0
    for file in files("hwprofiles", "*.toml"):
        text = file.read_text(encoding="utf-8")
        lines, rows = key_lines(text), text.split("\n")
        for path in _paths(tomllib.loads(text), ()):
            assert path[-1] in rows[lines[path] - 1], (file.name, path)
            seen += 1
    assert seen > 300


def _paths(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Paths of tables and keys, not into inline tables of values."""
    for key, value in table.items():
        yield (*path, key)
        if isinstance(value, dict) and not {"value", "source"} & value.keys():
            yield from _paths(value, (*path, key))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.from_regex(r"[A-Za-z0-9_-]{1,6}", fullmatch=True),
            st.sampled_from(VALUES),
        ),
        unique_by=lambda pair: pair[0],
        max_size=8,
    )
)
def test_keys_before_any_value_are_found(pairs: list[tuple[str, str]]) -> None:
    text, expected, line = "", {}, 1
    for key, value in pairs:
        expected[(key,)] = line
        text += f"{key} = {value}\n"
        line += 1 + value.count("\n")
    assert set(tomllib.loads(text)) == {key for (key,) in expected}
    assert key_lines(text) == expected
