"""Counts beside published figures: each difference has its reason, and each reason that gives a number is checked."""

from functools import cache

import pytest

from npusim.bind import bind
from npusim.counts import layer_works, params
from npusim.zoo import build, entries
from npusim.zoo.catalogue import LOW_RESOLUTION, Entry, entry, published
from npusim.zoo.index import BY_NAME

NAMES = {(network.label, scale): name for name, (network, scale) in BY_NAME.items()}
ROWS = list(published())


@cache
def _entry(label: str, scale: int) -> Entry:
    return entry(NAMES[label, scale])


def _agrees(value: float, printed: str) -> bool:
    """Whether it is the printed figure, rounded or cut off: nearer than one unit of the last digit."""
    decimals = len(printed.partition(".")[2])
    return abs(value - float(printed)) < 10.0**-decimals


def _figures(label: str, scale: int) -> tuple[str, str, str]:
    row = published()[label, scale]
    return row.params_k, row.macs_g, row.reason


@pytest.mark.parametrize(("label", "scale"), ROWS)
def test_a_difference_beyond_the_printed_digits_has_a_reason(label: str, scale: int) -> None:
    params_k, macs_g, reason = _figures(label, scale)
    counted = _entry(label, scale)
    same_params = not params_k or _agrees(counted.params / 1e3, params_k)
    same_macs = not macs_g or _agrees(counted.macs_dense / 1e9, macs_g)
    assert (same_params and same_macs) or reason.endswith(".")


@pytest.mark.parametrize(("label", "scale"), ROWS)
def test_a_figure_says_where_it_stands_and_how_sure_it_is(label: str, scale: int) -> None:
    row = published()[label, scale]
    assert row.source
    assert row.params_k or row.macs_g
    assert "read" in row.confidence or "recalled" in row.confidence


@pytest.mark.parametrize(
    ("label", "scale"),
    [row for row in ROWS if row[0].startswith(("sesr", "fsrcnn", "drrn", "memnet")) and "aimet" not in row[0]],
)
def test_the_published_parameters_are_the_kernels(label: str, scale: int) -> None:
    params_k, _, reason = _figures(label, scale)
    kernels = _entry(label, scale).params_kernels
    assert _agrees(kernels / 1e3, params_k)
    assert f"{kernels:,}" in reason


@pytest.mark.parametrize(("label", "scale"), [row for row in ROWS if row[0] in ("vdsr", "drrn-b1u25", "memnet-m6r6")])
def test_macs_at_three_times_are_those_of_whole_pixels(label: str, scale: int) -> None:
    # These networks run at 1280x720, at x3 at 1281x720.
    _, macs_g, reason = _figures(label, scale)
    macs = _entry(label, scale).macs_dense * (1280 / 1281 if scale == 3 else 1)
    assert _agrees(macs / 1e9, macs_g)
    assert scale != 3 or f"{macs / 1e9:.2f} G" in reason


@pytest.mark.parametrize(
    ("label", "scale"), [row for row in ROWS if row[0].startswith("ecbsr") and published()[row].reason]
)
def test_ecbsr_counts_slopes_twice(label: str, scale: int) -> None:
    params_k, macs_g, reason = _figures(label, scale)
    model = build(NAMES[label, scale])
    slopes = sum(c.shape[0] for name, c in model.constants.items() if name.endswith(".slope"))
    counted = _entry(label, scale).params + slopes
    width, height = LOW_RESOLUTION[scale]
    assert _agrees(counted / 1e3, params_k)
    assert _agrees(counted * width * height / 1e9, macs_g)
    assert f"{counted:,}" in reason


def test_carn_publishes_one_checkpoint_for_all_scales() -> None:
    # The x2 upsampler is one convolution of 64 to 256 channels with biases: 9 * 64 * 256 + 256 = 147,712.
    totals = [_entry("carn", scale).params for scale in (2, 3, 4)]
    trunk = totals[0] - 147_712
    assert sum(totals) - 2 * trunk == 1_591_939
    # CARN-M without biases; four groups: 9 * 64 * 256 / 4 = 36,864.
    kernels = [_entry("carn-m", scale).params_kernels for scale in (2, 3, 4)]
    assert sum(kernels) - 2 * (kernels[0] - 36_864) == 412_032
    for label, total in (("carn", 1_591_939), ("carn-m", 412_032)):
        for scale in (2, 3, 4):
            params_k, _, reason = _figures(label, scale)
            assert f"{total:,}" in reason
            assert _agrees(total / 1e3, params_k)


def test_lapsrn_is_published_with_smaller_kernels_and_at_a_smaller_size() -> None:
    count = _entry("lapsrn-k3count", 4)
    works = layer_works(bind(build("lapsrn-k3count-x2"), size=LOW_RESOLUTION[4]))
    small = sum(work.macs_dense for work in works)
    for label in ("lapsrn", "lapsrn-k3count"):
        params_k, macs_g, reason = _figures(label, 2)
        assert _agrees(count.params / 1e3, params_k)
        assert _agrees(small / 1e9, macs_g)
        assert f"{count.params:,}" in reason
        assert f"{small / 1e9:.2f} G" in reason
    params_k, macs_g, reason = _figures("lapsrn", 4)
    assert _agrees(count.macs_dense / 1e9, macs_g)
    assert f"{count.macs_dense / 1e9:.2f} G" in reason


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_btsrn_is_published_without_its_ends(scale: int) -> None:
    # A block is 64 * 64 * (1 + 9) = 40,960 weights; six at low resolution, four at high.
    params_k, macs_g, reason = _figures("btsrn", scale)
    width, height = LOW_RESOLUTION[scale]
    macs = 40_960 * (6 + 4 * scale**2) * width * height
    assert _agrees(409_600 / 1e3, params_k)
    assert _agrees(macs / 1e9, macs_g)
    assert f"{macs / 1e9:.1f} G" in reason


def test_fsrcnn_is_published_at_the_output_grid() -> None:
    # Dense 6.007 G, 2.87 G without the products with zeros (INTERFACE: 54 G and 25.8 G at 1080p, nine times as many).
    both = _entry("fsrcnn", 2)
    assert (both.macs, both.macs_dense) == (2_871_705_600, 6_006_988_800)
    assert "2.87 G" in both.reason


def test_entries_are_the_names_in_order_with_what_is_known_of_them() -> None:
    found = entries()
    assert [each.name for each in found] == list(BY_NAME)
    by_name = {each.name: each for each in found}
    tpsr = by_name["tpsr-nogan-x2"]
    assert (tpsr.aliases, tpsr.family, tpsr.scale, tpsr.form, tpsr.channels) == (("tpsr-x2",), "TPSR", 2, "", 3)
    assert tpsr.published is not None
    assert tpsr.published.confidence == "recalled"
    hardware = by_name["sesr-m5-x2-hw"]
    assert (hardware.published, hardware.reason, hardware.confidence) == (None, "", "paper")
    # 13,520 weights (collapse.md: 25 f + m 9 f^2 + 25 f s^2) and no slopes.
    assert (hardware.params, hardware.params_kernels) == (13_520, 13_520)


def test_published_rows_belong_to_networks_that_exist() -> None:
    assert set(ROWS) <= NAMES.keys()


def test_parameters_count_shared_weights_once() -> None:
    graph = bind(build("drrn-b1u9-x2"), size=(64, 48))
    # 9 * 128 + 2 * 9 * 128^2 + 9 * 128 weights; 3 * 128 + 1 biases; 4 * (1 + 19 * 128) of batch normalisation.
    assert params(graph) == 297_216 + 385 + 4 * 2_433
