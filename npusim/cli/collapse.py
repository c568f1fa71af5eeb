"""``npusim collapse MODEL -o OUT.onnx``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from npusim.cli import outputs, values
from npusim.cli.options import check_format, estimating, quiet_option, request
from npusim.cli.printed import printed
from npusim.errors import EstimateError, InputError

if TYPE_CHECKING:
    from npusim.model import Model

FORMATS = ("text", "json", "md")


@click.command(name="collapse")
@estimating
@click.option("--output", "-o", metavar="OUT.onnx", help="The network to write; nothing is written without.")
@click.option(
    "--pad-intermediate",
    is_flag=True,
    help="Where zero padding behind a bias stands in the way: other padding in front, so that the borders are equal.",
)
@click.option("--always", is_flag=True, help="The fewest nodes, even where they take more MACs.")
@click.option("--proof-size", metavar="WxH", help="The frame of the proof; a small one by default.")
@click.option("--seed", metavar="N", default="0", show_default=True, help="Of the proof's input and absent weights.")
@click.option("--format", "form", default="text", metavar="|".join(FORMATS), show_default=True, help="How to print.")
@quiet_option
def command(**given: Any) -> None:
    """Writes MODEL with each chain of linear nodes as one convolution, where that computes the same.

    Convolutions in a row, branches that add, residuals, batch norms and scales, in any ONNX graph. The result is proven
    by running both networks in float64, and both are estimated on the profile.
    """
    form, output, quiet, proof_size = (given.pop(key) for key in ("form", "output", "quiet", "proof_size"))
    flags = {key: given.pop(key) for key in ("pad_intermediate", "always")}
    seed = values.seed(given.pop("seed"))
    check_format(form, FORMATS)
    if output == "":
        raise InputError("the file has no name", code="unwritable", fix="give -o OUT.onnx")
    proof_frame = None if proof_size is None else values.size(proof_size, "--proof-size")
    asked = request(given)
    with outputs.progress(f"collapsing {asked.model}", quiet):
        hardware = asked.hardware()  # a fault of the profile is told before the operators load
        from npusim.frontends.load import read  # noqa: PLC0415 - as above
        from npusim.reports.collapse import page, plain  # noqa: PLC0415 - as above
        from npusim.transform.collapse.outcome import run  # noqa: PLC0415 - as above
        from npusim.transform.collapse.search import Rules  # noqa: PLC0415 - as above

        model = read(asked.model)
        collapsed, found = run(
            model, hardware, Rules(**flags), load=asked.load, options=asked.options, proof_size=proof_frame, seed=seed
        )
        written = output if output is not None and found.holds else ""
        if written:
            _write(asked.model, model, collapsed.model, Path(written))
    outputs.emit(printed(page(found, written), (), plain(found, written), form, None), None)
    if not found.holds:
        raise EstimateError("the collapsed network does not compute the same", code="differs", where=found.name)


def _write(source: str, before: Model, after: Model, target: Path) -> None:
    """A file with what changed; a network of the zoo as a new one."""
    from npusim.frontends.load import is_path  # noqa: PLC0415 - as above

    if is_path(source):
        from npusim.frontends.onnx.patch import patch_onnx  # noqa: PLC0415 - onnx is heavy

        patch_onnx(Path(source), before, after, target)
        return
    from npusim.frontends.onnx import write_onnx  # noqa: PLC0415 - as above

    write_onnx(after, target)
