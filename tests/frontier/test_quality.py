"""The file of published figures: every row is understood, and joined with a network that exists or with none."""

from __future__ import annotations

import pytest

from npusim.errors import InputError
from npusim.frontier.quality import CONFIDENCE, Row, rows, table
from npusim.zoo.index import NETWORKS

LACKING = {
    "Bicubic", "CNF", "DRCN", "SRDenseNet", "SRMDNF", "SelNet", "MAFFSRN", "SAFMN", "IMDN+",
    *(f"MOREMNAS-{letter}" for letter in "ABCD"), *(f"FALSR-{letter}" for letter in "ABC"),
}  # fmt: skip
SCALES = {network.label: network.scales for network in NETWORKS}


def test_every_row_has_a_network_that_the_zoo_has_at_that_scale_or_none() -> None:
    assert [row for row in table() if row.network and row.scale not in SCALES[row.network]] == []
    # What is not joined is another training, or none of the zoo's families under the name that its source uses.
    joined = {row.model for row in table() if row.network}
    assert {row.model for row in table() if not row.remark} - joined == LACKING


def test_a_row_without_a_remark_is_joined_where_the_zoo_has_the_name() -> None:
    for row in table():
        if not row.remark and row.model.lower() in SCALES:
            assert row.network == row.model.lower()


def test_every_row_says_how_sure_it_is_and_where_it_stands() -> None:
    for row in table():
        assert row.doubt in range(len(CONFIDENCE))
        assert row.recalled == (row.confidence == "recalled")
        assert row.source
        assert row.psnr_db is not None or row.ssim is not None
        assert row.psnr_db is None or 20 < row.psnr_db < 45
        assert row.ssim is None or 0.5 < row.ssim < 1


def test_the_rows_of_a_data_set_and_scale() -> None:
    found = rows("set14", 2)
    assert {row.dataset for row in found} == {"Set14"}
    assert {row.scale for row in found} == {2}
    assert len(found) == sum(1 for row in table() if (row.dataset, row.scale) == ("Set14", 2))


def test_remarks() -> None:
    row = Row("SESR-M5 (AIMET RGB, INT8)", "", 2, "Set14", 32.5, None, "", "", "a", "read in a text", "")
    assert row.remark == "AIMET RGB, INT8"
    assert row.value("psnr") == 32.5
    assert row.value("ssim") is None


def test_faults() -> None:
    with pytest.raises(InputError, match=r"data set 'Kodak'; there are B100, DIV2K, .*\[bad-option\]"):
        rows("Kodak", 2)
    with pytest.raises(InputError, match=r"no figures of x8 are known of Set14; there are x2, x3, x4 \[bad-option\]"):
        rows("Set14", 8)
