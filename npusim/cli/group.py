"""The command group: loads commands late, and turns whatever goes wrong into one sentence and an exit code."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, NoReturn

import click

from npusim import __version__
from npusim.errors import NpusimError

INTERRUPTED = 130  # what a shell reports of a program that Ctrl-C ended
DEBUG = "NPUSIM_DEBUG"
COMMAND = "npusim.command"  # where a context keeps the words of the command line
GC_THRESHOLD = 200_000  # objects made before the collector looks at the young ones


class Commands(click.Group):
    """A group whose commands are ``command`` of a module each.

    Args:
        table: the module and the one-line help, by name.
    """

    def __init__(self, table: Mapping[str, tuple[str, str]], **attrs: Any) -> None:
        super().__init__(
            invoke_without_command=True,
            no_args_is_help=False,
            callback=_overview,
            context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
            **attrs,
        )
        self.table = table
        click.version_option(__version__, prog_name="npusim", message="%(prog)s %(version)s")(self)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        if cmd_name not in self.table:
            return None
        command: click.Command = import_module(self.table[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as above
        """The overview, without importing a command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self.table.items()])

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, *_: Any, **extra: Any) -> NoReturn:
        """Runs a command line and exits; click's own prints more than a line, and exits with 1 for a closed pipe."""
        # A command is over soon and leaves few cycles behind; looking for them takes a tenth of a large graph's time.
        gc.set_threshold(GC_THRESHOLD, 50, 50)
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show is no fault
        sys.exit(self._run(list(sys.argv[1:] if args is None else args), prog_name or "npusim", extra))

    def _run(self, args: list[str], prog_name: str, extra: Mapping[str, Any]) -> int:
        try:
            with self.make_context(prog_name, args, **extra) as ctx:
                ctx.meta[COMMAND] = [prog_name, *args]
                self.invoke(ctx)
            if sys.stdout is not None:
                sys.stdout.flush()
        except click.exceptions.Exit as done:
            return done.exit_code
        except click.exceptions.NoArgsIsHelpError as fault:
            click.echo(fault.format_message())
        except BrokenPipeError:
            _drop_stdout()
        except (KeyboardInterrupt, click.Abort):
            return INTERRUPTED
        except Exception as fault:
            return _failed(fault)
        return 0


@click.pass_context
def _overview(ctx: click.Context) -> None:
    """A group called without a command shows what there is."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def _drop_stdout() -> None:
    """Nobody reads any more: what is still buffered goes nowhere, so that Python's last flush does not complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _failed(fault: Exception) -> int:
    """Prints the sentence of a failure and returns the exit code."""
    if os.environ.get(DEBUG) == "1":
        raise fault
    if isinstance(fault, NpusimError):
        say(str(fault))
        return fault.exit_code
    if isinstance(fault, OSError) and fault.filename is None:  # no file that a command names: a stream
        _drop_stdout()
        say(f"standard output cannot be written ({fault.strerror}) [unwritable]")
        return 2
    if isinstance(fault, click.ClickException):
        say(f"{_usage(fault)} [bad-option]")
        return 2
    if isinstance(fault, MemoryError):
        told = f" ({fault})" if str(fault) else ""
        say(f"this needs more memory than there is{told}; take a smaller frame, picture or network [too-large]")
        return 1
    kind = f"{type(fault).__name__}: {fault}".rstrip(": ")
    say(f"npusim failed on this input ({kind}), please report it; {DEBUG}=1 shows where [internal]")
    return 1


def _usage(fault: click.ClickException) -> str:
    """Click's message in the form of the others: one clause for what is wrong, one for what to do."""
    text = fault.format_message().rstrip(".").replace(". D", "; d")
    text = text[:1].lower() + text[1:]
    ctx = getattr(fault, "ctx", None)
    return f"{text}; see {ctx.command_path} --help" if ctx is not None and not text.endswith("?") else text


def say(text: str) -> None:
    """One line to stderr, whatever the names in it hold."""
    from npusim.reports.words import clean  # noqa: PLC0415 - most runs have nothing to say

    click.echo(clean(" ".join(text.split())), err=True)
