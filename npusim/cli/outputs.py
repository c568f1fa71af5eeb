"""Where results go: standard output or a file; and what a terminal shows meanwhile."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from time import monotonic
from typing import TYPE_CHECKING

import click
import msgspec

from npusim.cli.group import COMMAND, say
from npusim.errors import InputError
from npusim.ir import Notice
from npusim.reports.words import clean

if TYPE_CHECKING:
    from npusim.reports.blocks import Block
    from npusim.result import Estimate

PATIENCE_S = 1.0  # work that takes longer says what it does
BAR = 30  # columns of a bar that fills
PLOTS = (".png", ".svg", ".pdf")
NO_PLOTS = (".jpg", ".jpeg", ".gif", ".webp", ".eps", ".ps", ".tif", ".tiff", ".bmp")
WRITTEN = ("output", "plot", "seams")  # options that name a file to write
PIPE_WIDTH = 100  # columns of a text where no terminal says how many it has


def emit(text: str, output: str | None) -> None:
    """Prints the text, or writes it whole to the file; InputError (unwritable), where that is what was read as well."""
    if output is not None:
        from npusim.files import write_bytes  # noqa: PLC0415 - tempfile costs time, and few write

        if not output:
            raise InputError("the file has no name", code="unwritable", fix="give -o FILE")
        spare_what_was_read(output)
        write_bytes(Path(output), text.encode(errors="backslashreplace"))
        return
    click.echo(text, nl=False, color=True)  # as it is: without this, click takes escapes out of names in csv


def spare_what_was_read(output: str) -> None:
    """InputError (unwritable) where the file is one that was given: a model, a result, a profile, a picture."""
    context = click.get_current_context(silent=True)
    given = {} if context is None else {name: value for name, value in context.params.items() if name not in WRITTEN}
    for value in given.values():
        for name in value if isinstance(value, tuple) else (value,):
            if isinstance(name, str) and _is_same_file(name, output):
                what = "what was read would be written over"
                raise InputError(what, code="unwritable", where=output, fix="choose another -o")


def _is_same_file(one: str, other: str) -> bool:
    try:
        return Path(one).is_file() and Path(one).samefile(other)
    except (OSError, ValueError):  # one of them is not there
        return False


def is_plot(output: str) -> bool:
    """Whether the file is to hold a picture, by its ending; InputError (bad-option) for kinds that are not drawn."""
    ending = Path(output).suffix.lower()
    if ending in NO_PLOTS:
        what, fix = f"pictures are not drawn as {ending}", f"use {', '.join(PLOTS)}"
        raise InputError(what, code="bad-option", where=output, fix=fix)
    return ending in PLOTS


def command_line() -> str:
    """What the user typed, quoted for a shell; as npusim prints names, since a file's may hold what JSON cannot."""
    return clean(shlex.join(click.get_current_context().meta[COMMAND]))


def whole_page(result: Estimate, sections: Mapping[str, Sequence[Block]]) -> str:
    """The page of a result, with what a command found out besides."""
    from npusim.reports import Look, render  # noqa: PLC0415 - only for those who ask for a page

    return render(msgspec.structs.replace(result, command=command_line()), "html", Look(sections=sections))


def width(output: str | None) -> int:
    """Columns to print in: COLUMNS, else the terminal's, else PIPE_WIDTH."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns[:6]) > 0:
        return int(columns[:6])
    if output is None and _is_terminal(sys.stdout):
        return os.get_terminal_size(sys.stdout.fileno()).columns or PIPE_WIDTH
    return PIPE_WIDTH


def colour(output: str | None) -> bool:
    """Whether to print in colour: on a terminal, unless NO_COLOR or TERM=dumb says otherwise."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return output is None and not plain and _is_terminal(sys.stdout)


def notes(notices: Iterable[Notice]) -> None:
    """The warnings of a result, for those who do not see them in it."""
    for each in notices:
        say(f"note: {clean(each.message)} [{each.code}]")


@contextmanager
def progress(what: str, quiet: bool) -> Iterator[None]:
    """Says on a terminal what takes longer than PATIENCE_S, and wipes it when it is done."""
    if quiet or not _is_terminal(sys.stderr):
        yield
        return
    shown = []

    def show() -> None:
        shown.append(what)
        click.echo(f"{clean(what)} ...", nl=False, err=True)

    timer = Timer(PATIENCE_S, show)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        if shown:
            click.echo("\r\033[K", nl=False, err=True, color=True)


@contextmanager
def bar(what: str, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """The same for work in parts: what it gives is called with how many are done, and of how many."""
    if quiet or not _is_terminal(sys.stderr):
        yield lambda *_: None
        return
    began, shown = monotonic(), False

    def show(done: int, count: int) -> None:
        nonlocal shown
        if monotonic() - began >= PATIENCE_S:
            shown = True
            filled = BAR * done // count
            drawn = "#" * filled + "-" * (BAR - filled)
            click.echo(f"\r\033[K{clean(what)} [{drawn}] {100 * done // count} %", nl=False, err=True, color=True)

    try:
        yield show
    finally:
        if shown:
            click.echo("\r\033[K", nl=False, err=True, color=True)


def _is_terminal(stream: object) -> bool:
    return bool(stream is not None and hasattr(stream, "isatty") and stream.isatty())
