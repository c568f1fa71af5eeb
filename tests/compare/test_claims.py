"""The paper's claims: each recomputed, with the right figures, and what the table says of the differences is so."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

import npusim
from npusim.compare.claims import Checked, Claim, Side, check_claims, claims
from npusim.result import Estimate

FOUND = check_claims()


def of(shown: str) -> Checked:
    return next(each for each in FOUND if each.claim.shown == shown)


def test_all_are_there() -> None:
    shown = [each.claim.shown for each in FOUND]
    assert shown == ["6.15x", "0.5x", "8x", "2x", "330x", "3.75x", "8.55x", "4.4x", "22.5x", "1.5-2x", "40 %"]
    assert len(claims()) == len(FOUND)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("6.15x", 167.38 / 27.22), ("0.5x", 282.03 / 564.11), ("8x", 167.38 / (17.28 * 1.26)), ("2x", 6.0 / 3.11),
        ("330x", 612.6 / 1.85), ("3.75x", 91.2 / 24.27), ("8.55x", 207.7 / 24.27), ("4.4x", 4.6 / 1.05),
        ("22.5x", 149.4 / 6.62),
    ],
)  # fmt: skip
def test_the_printed_figures_give_what_is_claimed(shown: str, printed: float) -> None:
    """Those of the paper's tables, and so the pairs are the right ones."""
    each = of(shown)
    assert each.printed == pytest.approx(printed, rel=0.01)
    assert Checked(each.claim, None, each.printed).holds


def test_ratios_of_macs_by_hand() -> None:
    """x2 at 640x360: SESR-M5 13,520 MACs a pixel, SESR-XL 105,376; x4 at 320x180: SESR-M11 32,144, SESR-M5 18,320.

    SESR-M5: 5x5x16 + 5 x 3x3x16x16 + 5x5x16x4; for x4 the last has 16 outputs: 400 + 11,520 + 6,400. SESR-M11 x4: 400 +
    11 x 2,304 + 6,400. VDSR at 1280x720: 2 x 9 x 64 + 18 x 9 x 64 x 64.
    """
    assert of("330x").value == pytest.approx((1152 + 18 * 36864) * 16 / (400 + 11 * 2304 + 6400))
    assert of("2x").value == pytest.approx(26072 / 13520, rel=1e-4)


def test_verdicts() -> None:
    held = {each.claim.shown for each in FOUND if each.verdict == "holds"}
    assert held == {"8x", "2x", "330x", "3.75x", "4.4x", "22.5x"}
    assert of("8.55x").verdict == "differs by +1.0 %"
    assert of("40 %").verdict == of("1.5-2x").verdict == "cannot be checked"
    for each in FOUND:
        assert bool(each.why) == (each.verdict != "holds")


def test_a_number_holds_rounded_or_cut() -> None:
    claim = Claim("a", "3.75x", 3.75, 0.01, "macs", None, None, "", "", "", "because")
    for value, holds in ((3.745, True), (3.7449, False), (3.7599, True), (3.7601, False)):
        assert Checked(claim, None, value).holds is holds
    assert Checked(claim, None, 3.0).verdict == "differs by -20.0 %"
    assert not Checked(claim, None, None).holds


def test_sides() -> None:
    assert Side("a", (1920, 1080), (400, 300)).runs == pytest.approx(17.28)
    assert Side("a", (640, 360), (640, 360)).runs == 1


def estimate(name: str, size: Sequence[int], **overrides: object) -> Estimate:
    profile = npusim.profile("ethos-n78", **overrides)  # type: ignore[arg-type]
    graph = npusim.load(name, size=(size[0], size[1]))
    return npusim.estimate(graph, profile, activation_compression=0.5, equal_scales=True)


def test_the_numbers_in_the_explanations() -> None:
    fsrcnn = estimate(
        "fsrcnn-x2-hw", (1920, 1080), mac_array__upsample_max_kernel=9, mac_array__winograd__upsampled=True
    )
    sesr = estimate("sesr-m5-x2-hw", (1920, 1080))
    assert f"the ratio is {fsrcnn.latency_s / sesr.latency_s:.2f} " in of("6.15x").why
    assert f"takes {fsrcnn.dram_bytes / 1e6:.0f} MB" in of("0.5x").why
    assert f"the ratio is {sesr.dram_bytes / fsrcnn.dram_bytes:.2f}." in of("0.5x").why
    lapsrn, xl = (estimate(name, (320, 180)) for name in ("lapsrn-x4", "sesr-xl-x4"))
    assert f"it is {lapsrn.macs_dense / xl.macs_dense:.1f})" in of("22.5x").claim.formula
    m11, srcnn = (estimate(name, (320, 180)) for name in ("sesr-m11-x4", "fsrcnn-x4"))
    assert f"{m11.macs_dense / srcnn.macs_dense * 100:.1f} % of the MACs of FSRCNN" in of("40 %").why
    assert f"{m11.macs_dense / 1e9:.2f} G / {srcnn.macs_dense / 1e9:.2f} G" in of("40 %").why
