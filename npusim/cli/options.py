"""The options that every estimating command shares, and what they come to: a Graph, a profile, arguments of estimate()."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
import msgspec

from npusim.cli import values
from npusim.errors import InputError
from npusim.ir import DType, Graph
from npusim.profile import HardwareProfile

Function = Callable[..., Any]

_ESTIMATE = (
    click.option("--profile", default="ethos-n78", metavar="NAME|FILE", show_default=True, help="The NPU; see npusim profiles list."),
    click.option("--variant", metavar="NAME", help="One of the profile's variants, as 8tops-2ple."),
    click.option("--level", default="mapped", metavar="mapped|roofline", show_default=True, help="How close to the hardware; roofline is a lower bound."),
    click.option("--size", metavar="WxH", help="The frame, width by height, as 1920x1080."),
    click.option("--shape", "shapes", multiple=True, metavar="NAME=1x3x224x224", help="An input's whole shape; may be repeated."),
    click.option("--dim", "dims", multiple=True, metavar="NAME=N|INPUT:AXIS=N", help="A free dimension; may be repeated."),
    click.option("--batch", metavar="N", help="The first axis of every input."),
    click.option("--dtype", metavar="TYPE", help="What the NPU runs, as int8; by default the profile's own type."),
    click.option("--equal-scales/--no-equal-scales", default=None, help="All tensors share one quantisation, or none do; by default as the graph's QDQ nodes say."),
    click.option("--activation-compression", metavar="SHARE", help="Share of the traffic between layers that is saved, as 0.5 or 50%; by default the profile's."),
    click.option("--planner", default="vendor", metavar="vendor|best", show_default=True, help="Plan as the vendor's compiler does, or search every legal plan."),
    click.option("--as-vendor", is_flag=True, help="Cost every operator as the vendor's own estimator does."),
    click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Overrides a number of the profile, as clock=800MHz; may be repeated."),
    click.option("--strict", is_flag=True, help="Fail (exit code 1) on operators that npusim does not know."),
)  # fmt: skip


class Request(msgspec.Struct, frozen=True):
    """What the shared options ask for; nothing is read from a file yet.

    Attributes:
        load: the arguments of ``npusim.load`` besides the model.
        variant: as the profile writes it; None for its default.
        options: the arguments of ``npusim.estimate`` besides the graph, the profile and the variant.
    """

    model: str
    profile: str
    variant: str | None
    overrides: dict[str, str]
    load: dict[str, Any]
    options: dict[str, Any]

    def graph(self) -> Graph:
        """The network, read and bound; InputError."""
        from npusim.frontends.load import load  # noqa: PLC0415 - --help needs no operators

        return load(self.model, **self.load)

    def hardware(self) -> HardwareProfile:
        """The profile with its overrides; InputError."""
        from npusim.profile_toml import load  # noqa: PLC0415 - as above

        return load(self.profile, self.variant, self.overrides)


def estimating(function: Function) -> Function:
    """Gives a command the MODEL argument and the shared options; it passes them on to ``request``."""
    for option in reversed(_ESTIMATE):
        function = option(function)
    return click.argument("model")(function)


def request(given: dict[str, Any]) -> Request:
    """Takes the shared options out of a command's arguments, and leaves its own; InputError (bad-option)."""
    size, batch, compression, dtype = (given.pop(key) for key in ("size", "batch", "activation_compression", "dtype"))
    load = {
        "size": None if size is None else values.size(size),
        "shapes": values.shapes(given.pop("shapes")),
        "dims": values.dims(given.pop("dims")),
        "batch": None if batch is None else values.batch(batch),
    }
    options = {key: given.pop(key) for key in ("level", "equal_scales", "planner", "as_vendor", "strict")}
    options["activation_compression"] = None if compression is None else values.share(compression)
    options["dtype"] = None if dtype is None else DType.parse(dtype.lower()).label
    profile, variant = given.pop("profile"), given.pop("variant")
    return Request(
        model=given.pop("model"), profile=profile, variant=variant and find_variant(profile, variant),
        overrides=values.settings(given.pop("settings")), load=load, options=options,
    )  # fmt: skip


def find_variant(profile: str, spelling: str) -> str:
    """The profile's variant that the user means: ``ethos-n78-8tops-2ple`` and ``ETHOS_N78_8TOPS_2PLE_RATIO`` are 8tops-2ple.

    A spelling that fits none is returned as it is; the profile's reader then says which there are.
    """
    from npusim.profile_file import find_file, read  # noqa: PLC0415 - tomllib, only where a variant is named

    known = {_plain(name): name for name in read(find_file(profile)).variants}
    wanted = _plain(spelling)
    stem = _plain(profile.replace("\\", "/").rpartition("/")[2].removesuffix(".toml"))
    forms = (
        wanted,
        wanted.removeprefix(stem),
        wanted.removesuffix("ratio"),
        wanted.removeprefix(stem).removesuffix("ratio"),
    )
    return next((known[form] for form in forms if form in known), spelling)


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def output_options(*formats: str) -> Callable[[Function], Function]:
    """Gives a command ``--format`` (of those named), ``-o`` and ``--quiet``."""

    def give(function: Function) -> Function:
        function = click.option("--quiet", "-q", is_flag=True, help="Only results: no notes and no progress.")(function)
        function = click.option("--output", "-o", metavar="FILE", help="Writes there instead of the terminal.")(
            function
        )
        return click.option("--format", "form", default="text", metavar="|".join(formats), show_default=True, help="How to print.")(function)  # fmt: skip

    return give


def reading(function: Function) -> Function:
    """Gives a command the options of a report: ``--top`` and ``--assumptions``."""
    function = click.option("--assumptions", is_flag=True, help="Lists what the profile takes for granted.")(function)
    return click.option("--top", metavar="N", help="Only the N slowest layers.")(function)


def check_format(form: str, formats: tuple[str, ...]) -> None:
    """InputError (bad-option) where the format is not among them."""
    if form not in formats:
        raise InputError(f"{form!r} is no format here", code="bad-option", where="--format", fix=f"choose from {', '.join(formats)}")  # fmt: skip
