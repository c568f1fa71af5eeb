"""``npusim profiles list``, ``show`` and ``check``."""

from __future__ import annotations

import click

from npusim.cli import outputs, values
from npusim.cli.group import say
from npusim.cli.options import check_format, find_variant, output_options
from npusim.errors import InputError
from npusim.profiles.catalog import check_profile, list_profiles, show_profile
from npusim.reports.listings import (
    LISTING_FORMATS,
    listing,
    profiles_page,
    profiles_rows,
    shown_page,
    shown_rows,
)


@click.group(name="profiles")
def command() -> None:
    """The hardware that npusim knows: list, show, check."""


@command.command(name="list", short_help="Every profile with its variants.")
@output_options(*LISTING_FORMATS)
def list_(form: str, output: str | None) -> None:
    """Every profile with its variants, in the figures that tell them apart."""
    check_format(form, LISTING_FORMATS)
    found = list_profiles()
    text = listing(form, profiles_page(found), profiles_rows(found), outputs.width(output), outputs.colour(output))
    outputs.emit(text, output)


@command.command(short_help="Every number of a profile, with unit and source.")
@click.argument("name")
@click.option("--variant", metavar="NAME", help="One of the profile's variants; its default otherwise.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Overrides a number, as clock=800MHz.")
@output_options(*LISTING_FORMATS)
def show(name: str, variant: str | None, settings: tuple[str, ...], form: str, output: str | None) -> None:
    """Every number of the profile NAME (or a TOML file), with its unit and where it is from."""
    check_format(form, LISTING_FORMATS)
    shown = show_profile(name, variant and find_variant(name, variant), values.settings(settings))
    text = listing(form, shown_page(shown), shown_rows(shown), outputs.width(output), outputs.colour(output))
    outputs.emit(text, output)


@command.command(short_help="Whether a profile's file is sound.")
@click.argument("file")
@click.option("--quiet", "-q", is_flag=True, help="Says nothing where the file is sound.")
def check(file: str, quiet: bool) -> None:
    """Whether FILE is a sound profile in all of its variants; exit code 2 and every fault on stderr otherwise."""
    found = check_profile(file)
    for fault in found[:-1]:
        say(str(fault))
    if found:
        raise InputError(found[-1].what, code=found[-1].code, where=found[-1].where, fix=found[-1].fix)
    if not quiet:
        click.echo(f"{file}: sound in every variant")
