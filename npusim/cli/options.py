"""The options that every estimating command shares, and what they come to: Graph, profile, arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from pathlib import PurePath
from typing import Any

import click
import msgspec
from click.core import ParameterSource

from npusim.cli import values
from npusim.cli.outputs import NO_PLOTS, PLOTS
from npusim.errors import InputError
from npusim.ir import DType, Graph
from npusim.profile import HardwareProfile

Function = Callable[..., Any]

ENDINGS = ("json", "csv", "md", "html")  # of files, that are formats

_ESTIMATE: tuple[tuple[str, dict[str, Any], str], ...] = (
    (
        "--profile", {"default": "ethos-n78", "metavar": "NAME|FILE", "show_default": True},
        "The NPU, one of npusim profiles list or a TOML file.",
    ),
    ("--variant", {"metavar": "NAME"}, "One of the profile's variants, as 8tops-2ple."),
    (
        "--level", {"default": "mapped", "metavar": "mapped|roofline", "show_default": True},
        "As the hardware would run it, or a lower bound.",
    ),
    ("--size", {"metavar": "WxH"}, "The frame, width by height, as 1920x1080."),
    ("--shape", {"multiple": True, "metavar": "NAME=1x3x224x224"}, "An input's whole shape; may be repeated."),
    ("--dim", {"multiple": True, "metavar": "NAME=N|INPUT:AXIS=N"}, "A free dimension; may be repeated."),
    ("--batch", {"metavar": "N"}, "The first axis of every input."),
    ("--dtype", {"metavar": "TYPE"}, "What the NPU runs, as int8; by default the profile's own type."),
    (
        "--equal-scales/--no-equal-scales", {"default": None},
        "All tensors share one quantisation, or none do; by default as the graph's QDQ nodes say.",
    ),
    (
        "--activation-compression", {"metavar": "SHARE"},
        "Share of the traffic between layers that is saved, as 0.5 or 50%; by default the profile's.",
    ),
    (
        "--planner", {"default": "vendor", "metavar": "vendor|best", "show_default": True},
        "Plan as the vendor's compiler does, or search every legal plan.",
    ),
    ("--as-vendor", {"is_flag": True}, "Cost every operator as the vendor's own estimator does."),
    (
        "--encode-weights", {"is_flag": True},
        "Read the weights and encode them as the hardware stores them; otherwise random ones are expected.",
    ),
    ("--set", {"multiple": True, "metavar": "KEY=VALUE"}, "Overrides a number of the profile, as clock=800MHz."),
    ("--strict", {"is_flag": True}, "Fail (exit code 1) on operators that npusim does not know."),
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
        from npusim.profiles.load import load  # noqa: PLC0415 - as above

        return load(self.profile, self.variant, self.overrides)


# The options that say what frame a network gets, and what they are where a command has none of them.
_FRAME: dict[str, Any] = {"size": None, "shape": (), "dim": (), "batch": None}


def estimating(function: Function) -> Function:
    """Gives a command the MODEL argument and the shared options; it passes them on to ``request``."""
    return click.argument("model")(_shared(function))


def comparing(*repeated: str) -> Callable[[Function], Function]:
    """The same for many: MODEL may be repeated, and so may the options named; ``requests`` takes them."""

    def give(function: Function) -> Function:
        return click.argument("model", nargs=-1)(_shared(function, repeated=repeated))

    return give


def costing(function: Function) -> Function:
    """The shared options without MODEL and without those of the frame; ``settings`` takes them."""
    return _shared(function, leave_out=tuple(f"--{name}" for name in _FRAME))


def _shared(function: Function, *, leave_out: Sequence[str] = (), repeated: Sequence[str] = ()) -> Function:
    for name, attrs, said in reversed(_ESTIMATE):
        if name.removeprefix("--") in repeated:
            many = {"multiple": True, "default": [attrs["default"]] if "default" in attrs else None}
            function = click.option(name, **attrs | many, help=f"{said[:-1]}; may be repeated.")(function)
        elif name not in leave_out:
            function = click.option(name, **attrs, help=said)(function)
    return function


def requests(given: dict[str, Any], *repeated: str) -> list[Request]:
    """Of ``comparing``: a request for each MODEL and each value of those options, the last varying fastest.

    A profile may be followed by one of its variants, as ``ethos-n78:8tops-2ple``. Raises InputError (bad-option).
    """
    models = given.pop("model")
    if not models:
        raise InputError("no MODEL is given", code="bad-option", fix="give an ONNX file or the name of a zoo network")
    many = [given.pop(name) or (None,) for name in repeated]
    made = []
    for model, *values_ in product(models, *many):
        one = given | {"model": model} | dict(zip(repeated, values_, strict=True))
        if ":" in one["profile"] and not one["profile"].endswith(".toml"):
            one["profile"], _, one["variant"] = one["profile"].rpartition(":")
        made.append(request(one))
    for name in _TAKEN:
        given.pop(name, None)
    return made


def settings(given: dict[str, Any]) -> Request:
    """Of ``costing``: a request for no model in particular; InputError (bad-option)."""
    asked = _FRAME | {"model": ""} | {name: given.pop(name) for name in _TAKEN if name in given}
    return request(asked)


_TAKEN = tuple(name.removeprefix("--").partition("/")[0].replace("-", "_") for name, _, _ in _ESTIMATE)


def request(given: dict[str, Any]) -> Request:
    """Takes the shared options out of a command's arguments, and leaves its own; InputError (bad-option)."""
    size, batch, compression, dtype = (given.pop(key) for key in ("size", "batch", "activation_compression", "dtype"))
    load = {
        "size": None if size is None else values.size(size),
        "shapes": values.shapes(given.pop("shape")),
        "dims": values.dims(given.pop("dim")),
        "batch": None if batch is None else values.batch(batch),
    }
    options = {
        key: given.pop(key) for key in ("level", "equal_scales", "planner", "as_vendor", "encode_weights", "strict")
    }
    options["activation_compression"] = None if compression is None else values.share(compression)
    options["dtype"] = None if dtype is None else DType.parse(dtype.lower()).label
    profile, variant = given.pop("profile"), given.pop("variant")
    return Request(
        model=given.pop("model"), profile=profile, variant=variant and find_variant(profile, variant),
        overrides=values.settings(given.pop("set")), load=load, options=options,
    )  # fmt: skip


def find_variant(profile: str, spelling: str) -> str:
    """The profile's variant that the user means, whatever its capitals, dashes and the profile's name before it.

    ``ethos-n78-8tops-2ple`` and the vendor's ETHOS_N78_8TOPS_2PLE_RATIO are 8tops-2ple. A spelling that fits none is
    returned as it is; the profile's reader then says which there are.
    """
    from npusim.profiles.file import find_file, read  # noqa: PLC0415 - tomllib, only where a variant is named

    known = {_plain(name): name for name in read(find_file(profile)).variants}
    stem = _plain(profile.replace("\\", "/").rpartition("/")[2].removesuffix(".toml"))
    whole = _plain(spelling)
    forms = (
        whole,
        whole.removeprefix(stem),
        whole.removesuffix("ratio"),
        whole.removeprefix(stem).removesuffix("ratio"),
    )
    return next((known[form] for form in forms if form in known), spelling)


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def output_options(*formats: str) -> Callable[[Function], Function]:
    """Gives a command ``--format`` (of those named, as ``form``) and ``-o``, whose ending says the format as well."""

    def give(function: Function) -> Function:
        function = click.option("--output", "-o", metavar="FILE", help="Writes there, not to the terminal.")(function)
        return click.option(*_FORM, metavar="|".join(formats), callback=_by_ending, **_TEXT)(function)

    return give


def drawing_options(*formats: str) -> Callable[[Function], Function]:
    """The same where ``-o`` may be a picture too."""
    said = "Draws it, as .png, .svg or .pdf; or writes the printed text."

    def give(function: Function) -> Function:
        function = click.option("--output", "-o", metavar="FILE", help=said)(function)
        return click.option(*_FORM, metavar="|".join(formats), callback=_by_ending_or_drawn, **_TEXT)(function)

    return give


_FORM = ("--format", "form")
_TEXT: dict[str, Any] = {
    "default": "text", "show_default": True, "help": "How to print; by default as the ending of -o says."
}  # fmt: skip


def _by_ending(context: click.Context, option: click.Parameter, form: str) -> str:
    """The format, and where none is given the one of the file's name; InputError (bad-option) for pictures."""
    output = context.params.get("output") or ""
    if PurePath(output).suffix.lower() in (*PLOTS, *NO_PLOTS):
        what = f"-o writes {str(option.metavar).replace('|', ', ')}, and a file of that name is a picture"
        raise InputError(what, code="bad-option", where=output, fix="choose another -o")
    return _by_ending_or_drawn(context, option, form)


def _by_ending_or_drawn(context: click.Context, option: click.Parameter, form: str) -> str:  # noqa: ARG001 - click's
    """click reads options that are given before those that are not, so that the file's name is known."""
    ending = PurePath(context.params.get("output") or "").suffix.lower().removeprefix(".")
    told = context.get_parameter_source("form") is not ParameterSource.DEFAULT
    return ending if ending in ENDINGS and not told else form


def quiet_option(function: Function) -> Function:
    """Gives a command ``--quiet``."""
    return click.option("--quiet", "-q", is_flag=True, help="Only results: no notes, no progress.")(function)


def reading(function: Function) -> Function:
    """Gives a command the options of a report: ``--top`` and ``--assumptions``."""
    function = click.option("--assumptions", is_flag=True, help="Lists what the profile takes for granted.")(function)
    return click.option("--top", metavar="N", help="Only the N slowest layers.")(function)


def check_format(form: str, formats: tuple[str, ...]) -> None:
    """InputError (bad-option) where the format is not among them."""
    if form not in formats:
        choice = f"choose from {', '.join(formats)}"
        raise InputError(f"{form!r} is no format here", code="bad-option", where="--format", fix=choice)
