"""A page of one file: inline styles, script and drawings, no request to anywhere. The only importer of jinja2."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files

import msgspec
from jinja2 import Environment, FunctionLoader, StrictUndefined, Template
from markupsafe import Markup

from npusim.reports import REPORTS, Look
from npusim.reports.blocks import Block, Heading
from npusim.reports.html import palette
from npusim.reports.html.content import content
from npusim.result import Estimate

_ASSETS = files(__package__) / "assets"


def report(result: Estimate, look: Look) -> str:
    """The result as a page; ``look.top`` and ``look.against`` as of ``Look``, all assumptions whatever it says."""
    script = _asset("page.js")
    page = _template("page.jinja").render(
        **content(result, look),
        style=Markup(_asset("page.css")),
        script=Markup(script),
        script_hash=b64encode(sha256(script.encode()).digest()).decode(),
        light=palette.variables(dark=False),
        dark=palette.variables(dark=True),
        resource_rules=palette.rules(),
        data=_data(result),
    )
    return page.lstrip()


def sheet(blocks: Sequence[Block], command: str) -> str:
    """Blocks that are no result as a page without a script: the first is its heading, ``command`` what made it."""
    head, *rest = blocks
    title = head.text if isinstance(head, Heading) else "npusim"
    style = Markup(_asset("page.css"))
    return _template("sheet.jinja").render(title=title, blocks=rest, style=style, command=command).lstrip()


def _data(result: Estimate) -> Markup:
    """The result as JSON that cannot end the element it stands in: in JSON, < stands in texts alone."""
    return Markup(msgspec.json.encode(result).decode().replace("<", "\\u003c"))


@lru_cache
def _template(name: str) -> Template:
    made = Environment(
        loader=FunctionLoader(_asset), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    return made.get_template(name)


@lru_cache
def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


REPORTS.add("html", report)
