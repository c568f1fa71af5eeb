"""Published PSNR and SSIM, as models/quality.csv has them."""

from __future__ import annotations

import csv
from functools import cache

import msgspec

from npusim.errors import InputError
from npusim.resources import path

RECALLED = "recalled"
MEASURES = ("psnr", "ssim")
# The surest first; of several rows of one network the surest is drawn.
CONFIDENCE = ("read in", "read off", RECALLED)


class Row(msgspec.Struct, frozen=True):
    """A published figure.

    Attributes:
        model: as its source calls it; a remark in brackets says that it is another training than the paper's.
        network: of the zoo, without its scale; empty where the zoo has none.
        psnr_db, ssim: None where the source gives none.
        params_k, macs_g: as the source prints them, and empty where it does not; MACs are to 1280x720 pixels.
        confidence: ``read in a ...``, ``read off a figure`` or ``recalled``.
    """

    model: str
    network: str
    scale: int
    dataset: str
    psnr_db: float | None
    ssim: float | None
    params_k: str
    macs_g: str
    source: str
    confidence: str
    note: str

    @property
    def remark(self) -> str:
        """How this training differs from the paper's; empty where it does not."""
        return self.model.partition(" (")[2].replace(")", "")

    @property
    def recalled(self) -> bool:
        return self.confidence == RECALLED

    @property
    def doubt(self) -> int:
        """0 for what was read in print; larger for what is less sure."""
        return next(at for at, start in enumerate(CONFIDENCE) if self.confidence.startswith(start))

    def value(self, measure: str) -> float | None:
        """PSNR in dB, or SSIM."""
        return self.psnr_db if measure == "psnr" else self.ssim


@cache
def table() -> tuple[Row, ...]:
    """All rows, in the order of the file."""
    with path("models", "quality.csv").open(encoding="utf-8", newline="") as file:
        return tuple(
            Row(
                each["model"], each["network"], int(each["scale"]), each["dataset"], _number(each["psnr_db"]),
                _number(each["ssim"]), each["params_k"], each["macs_g"], each["source"], each["confidence"],
                each["note"],
            )
            for each in csv.DictReader(file)
        )  # fmt: skip


def rows(dataset: str, scale: int) -> tuple[Row, ...]:
    """The rows of a data set, whatever its capitals, and a scale; InputError (bad-option) where there are none."""
    known = {each.dataset.casefold(): each.dataset for each in table()}
    name = known.get(dataset.casefold())
    if name is None:
        fix = f"there are {', '.join(sorted(known.values()))}"
        raise InputError(f"no figures are known of the data set {dataset!r}", code="bad-option", fix=fix)
    found = tuple(each for each in table() if each.dataset == name and each.scale == scale)
    if not found:
        scales = sorted({each.scale for each in table() if each.dataset == name})
        fix = f"there are {', '.join(f'x{each}' for each in scales)}"
        raise InputError(f"no figures of x{scale} are known of {name}", code="bad-option", where="--scale", fix=fix)
    return found


def _number(text: str) -> float | None:
    return float(text) if text else None
