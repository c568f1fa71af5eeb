"""``npusim tile MODEL``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from npusim import units
from npusim.cli import outputs, values
from npusim.cli.options import Request, check_format, estimating, output_options, quiet_option, request
from npusim.cli.printed import printed
from npusim.errors import EstimateError, InputError

if TYPE_CHECKING:
    from npusim.ir import Graph
    from npusim.model import Model
    from npusim.tiling.answer import Asked, Study
    from npusim.tiling.policies import Policy

FORMATS = ("text", "json", "csv", "md", "html")
PROOFS = FORMATS[:-1]  # a page is of a result, which a proof has not
WITHOUT_PROOF: dict[str, Any] = {
    "sweep": False, "best": False, "least": "32x28", "estimates": "120", "call_overhead": "0s", "plot": None
}  # fmt: skip  # what a proof has no use for, and what it is where it is not given
COMPARED, PROVEN = "area,halo", "grid,pad,halo"  # policies where nobody says otherwise
Size = tuple[int, int]


@click.command(name="tile")
@estimating
@click.option("--tiles", multiple=True, metavar="WxH,...", help="Tiles of the network's input; may be repeated.")
@click.option(
    "--policy", metavar="NAME,...", help="area, grid, pad, halo, halo:N; by default area and halo, of a search halo."
)
@click.option("--sweep", is_flag=True, help="Searches tile sizes, from --least to the frame.")
@click.option("--best", "best", is_flag=True, help="Answers with the best tile alone, in one line; searches too.")
@click.option(
    "--least", metavar="WxH", default=WITHOUT_PROOF["least"], show_default=True, help="The smallest tile of a search."
)
@click.option(
    "--estimates",
    metavar="N",
    default=WITHOUT_PROOF["estimates"],
    show_default=True,
    help="The most that a search makes.",
)
@click.option(
    "--call-overhead",
    metavar="TIME",
    default=WITHOUT_PROOF["call_overhead"],
    show_default=True,
    help="Of each run, as 50us.",
)
@click.option("--plot", metavar="FILE", help="Draws a search as a heat map, other tilings as lines: .png, .svg, .pdf.")
@click.option("--prove", is_flag=True, help="Runs the frame whole and in tiles, in numpy, and compares.")
@click.option("--image", metavar="FILE", help="The picture to prove on; one ships with npusim.")
@click.option("--seams", metavar="FILE", help="Draws the error that --prove finds.")
@output_options(*FORMATS)
@quiet_option
def command(**given: Any) -> None:
    """What the frame takes in tiles: how many, of which shapes, at what cost; which is the best; whether it is exact.

    Policies: area counts the frame's area over the tile's and has no halo; grid runs whole tiles, smaller at the far
    edges; pad fills those up; halo grows tiles by what the network sees around them, so that nothing changes; halo:N
    by N pixels. --batch runs so many tiles of one shape at once.
    """
    own = {key: given.pop(key) for key in (
        "tiles", "policy", "sweep", "best", "least", "estimates", "call_overhead", "plot", "prove", "image", "seams",
        "form", "output", "quiet",
    )}  # fmt: skip
    check_format(own["form"], FORMATS)
    for option in ("plot", "seams"):
        _check_picture(own[option], option)
    tiles = tuple(_tile(part) for text in own["tiles"] for part in text.split(","))
    if not tiles and not own["sweep"] and not own["best"]:
        what = "there are no tiles to compare"
        raise InputError(what, code="bad-option", where="--tiles", fix="give --tiles WxH,... or --sweep")
    if own["prove"]:
        for option, left in WITHOUT_PROOF.items():
            if own[option] != left:
                _misplaced(option, "is of costs, which --prove does not work out", "leave out one of the two")
        _prove(request(given), tiles, own)
        return
    for option in ("image", "seams"):
        if own[option] is not None:
            _misplaced(option, "needs --prove", "add --prove")
    _compare(request(given), tiles, own)


def _check_picture(file: str | None, option: str) -> None:
    """InputError (bad-option) where the file is to be a picture and its name says otherwise: before the work."""
    if file is None:
        return
    outputs.spare_what_was_read(file)
    if not outputs.is_plot(file):
        what, fix = "a picture's name tells its kind by its ending", f"use {', '.join(outputs.PLOTS)}"
        raise InputError(what, code="bad-option", where=f"--{option} {file}", fix=fix)


def _misplaced(option: str, why: str, fix: str) -> None:
    raise InputError(why, code="bad-option", where=f"--{option.replace('_', '-')}", fix=fix)


def _tile(text: str) -> Size:
    return values.size(text, "--tiles")


# --- costs ------------------------------------------------------------------------------------------------------------


def _compare(asked: Request, tiles: tuple[Size, ...], own: dict[str, Any]) -> None:
    overhead_s = _overhead(own["call_overhead"])
    hardware = asked.hardware()  # a fault of the profile is told before the operators load
    from npusim.frontends.load import read  # noqa: PLC0415 - --help needs no operators
    from npusim.tiling.answer import study  # noqa: PLC0415 - as above
    from npusim.tiling.study import Costs  # noqa: PLC0415 - as above

    model = read(asked.model)
    frame = _frame(asked, model)
    batch = asked.load["batch"]
    costs = Costs(lambda size, runs: _bound(model, asked, size, runs), hardware, asked.options, overhead_s, batch)
    with outputs.bar(f"tiling {asked.model}", own["quiet"]) as progress:
        found = study(costs, frame, _asked(tiles, frame, own), progress)
    outputs.emit(_printed(found, own), own["output"])
    if own["plot"] is not None:
        from npusim.reports.plots.tiles import save_tilings  # noqa: PLC0415 - matplotlib is heavy

        save_tilings(found, Path(own["plot"]))
    if not own["quiet"] and (own["output"] is not None or own["form"] == "csv" or own["best"]):
        outputs.notes((*found.result.warnings, *found.notices))


def _asked(tiles: tuple[Size, ...], frame: Size, own: dict[str, Any]) -> Asked:
    from npusim.tiling.answer import Asked, default_sizes  # noqa: PLC0415 - as above

    policies = _policies(own["policy"] or COMPARED)
    searching = own["sweep"] or (own["best"] and not tiles)
    searched = _policies(own["policy"] or "halo")
    if searching and len(searched) > 1:
        what = "a search takes one policy"
        raise InputError(what, code="bad-option", where="--policy", fix="give one, as halo")
    swept = default_sizes(frame, values.size(own["least"], "--least")) if searching else None
    return Asked(tiles, policies, swept, searched[0], values.count(own["estimates"], "--estimates"))


def _policies(text: str) -> tuple[Policy, ...]:
    from npusim.tiling.policies import policy  # noqa: PLC0415 - as above

    return tuple(dict.fromkeys(policy(part) for part in text.split(",")))


def _overhead(text: str) -> float:
    try:
        seconds = float(units.parse(text, "s")[0])
    except InputError as fault:
        fault.where = "--call-overhead"
        raise
    if seconds < 0:
        raise InputError(f"{text!r} is less than nothing", code="bad-option", where="--call-overhead")
    return seconds


def _frame(asked: Request, model: Model) -> Size:
    """The frame that is asked for, or the size that the network has of itself; InputError (dynamic-dim)."""
    if asked.load["size"] is not None:
        size: Size = asked.load["size"]
        return size
    from npusim.receptive import framed  # noqa: PLC0415 - as above

    return framed(_bound(model, asked, None, asked.load["batch"] and 1))


def _bound(model: Model, asked: Request, size: Size | None, batch: int | None) -> Graph:
    from npusim.bind import bind  # noqa: PLC0415 - as above

    return bind(model, **{**asked.load, "size": size, "batch": batch})


def _printed(found: Study, own: dict[str, Any]) -> str:
    from npusim.reports import tiling as report  # noqa: PLC0415 - as above

    if own["form"] == "html":
        return outputs.whole_page(found.result, {"The frame in tiles": list(report.body(found))})
    if own["form"] in ("text", "md") and own["best"]:
        return report.best(found) + "\n"
    return printed(report.page(found), report.rows(found), report.plain(found), own["form"], own["output"])


# --- proof ------------------------------------------------------------------------------------------------------------


def _prove(asked: Request, tiles: tuple[Size, ...], own: dict[str, Any]) -> None:
    if not tiles:
        what = "a proof is of tiles that are given"
        raise InputError(what, code="bad-option", where="--prove", fix="add --tiles WxH,...")
    check_format(own["form"], PROOFS)
    policies = _policies(own["policy"] or PROVEN)
    if any(how.name == "area" for how in policies):
        _misplaced("policy", "area counts a fraction of runs, which cannot be run", "prove grid, which cuts the same")
    from npusim.frontends.load import read  # noqa: PLC0415 - --help needs no operators
    from npusim.tiling.proof import pictured_frame, prove  # noqa: PLC0415 - as above

    model = read(asked.model)
    with outputs.bar("running the network", own["quiet"]) as progress:
        frame, source, weights = pictured_frame(
            model, lambda size: _bound(model, asked, size, asked.load["batch"]), asked.load["size"], own["image"]
        )
        found = prove(frame, tiles, policies, progress)
    outputs.emit(_proof(asked, found, own, frame.size, source, weights), own["output"])
    if own["seams"] is not None:
        from npusim.reports.plots.tiles import save_seams  # noqa: PLC0415 - matplotlib is heavy

        save_seams(found, asked.model, Path(own["seams"]))
    wrong = [each.proof for each in found if each.proof.policy == "halo" and not each.proof.same]
    if wrong:
        raise EstimateError("tiles with their halo do not give what the frame gives", code="differs", where=asked.model)


def _proof(
    asked: Request, found: Iterable[Any], own: dict[str, Any], size: Size, source: str, weights: str
) -> str:  # fmt: skip
    from npusim.reports import tiling as report  # noqa: PLC0415 - as above

    proofs = [each.proof for each in found]
    plain = {
        "model": asked.model, "frame": size, "input": source, "weights": weights, "proofs": report.proof_plain(proofs)
    }  # fmt: skip
    rows = [{**row, "tile": "x".join(map(str, row["tile"]))} for row in report.proof_plain(proofs)]
    page = report.proof_page(asked.model, source, weights, size, proofs)
    return printed(page, rows, plain, own["form"], own["output"])
