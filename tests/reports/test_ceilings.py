"""The roofline by hand: ceilings by the profile, layers by MACs, bytes and cycles; and nothing above the roof."""

from __future__ import annotations

import pytest
from made_results import layer, result

import npusim
from npusim.ceilings import ceilings, lowest, placed


def test_ceilings_of_the_ethos_n78() -> None:
    """2048 MAC/cycle at 1 GHz; Winograd 2.25 times that; DRAM 16 B/cycle each way at once; SRAM not given."""
    found = {each.name: each for each in ceilings(npusim.profile("ethos-n78"))}
    assert list(found) == ["direct", "Winograd", "DRAM"]
    assert found["direct"].macs_per_s == 2048e9
    assert found["Winograd"].macs_per_s == 2048e9 * 2.25
    assert found["DRAM"].bytes_per_s == 32e9


def test_ceilings_where_the_profile_knows_the_sram_and_reads_share_the_bus() -> None:
    profile = npusim.profile("ethos-u65")
    found = {each.name: each for each in ceilings(profile)}
    assert "Winograd" not in found
    assert found["SRAM"].bytes_per_s == 16 * profile.clock_hz  # 16 B/cycle, shared by reads and writes
    assert found["DRAM"].bytes_per_s == 12e9


def test_the_lowest_ceiling() -> None:
    """DRAM below the ridge at 4608 G / 32 G = 144 MAC/B, the fastest algorithm above; direct stops nothing."""
    limits = ceilings(npusim.profile("ethos-n78"))
    assert lowest(limits, 143.0).name == "DRAM"
    assert lowest(limits, 143.0).at(143.0) == 143.0 * 32e9
    assert lowest(limits, 145.0).name == "Winograd"


def test_spots_by_hand() -> None:
    """Layers of made_results have 1,000 MACs and 60 bytes, at 1 GHz: 1,000 cycles are 1 GMAC/s."""
    found = placed(result(
        layer("a"), layer("b"), layer("c", 500.0), layer("add", macs=0, macs_dense=0),
        layer("inside", traffic={"dram": {"ifm": 0, "ofm": 0, "weights": 0}}), layer("free", 0.0),
    ))  # fmt: skip
    assert [spot.layers for spot in found.layers] == [("a", "b"), ("c",)]
    both, alone = found.layers
    assert both.macs_per_byte == pytest.approx(1000 / 60)
    assert both.macs_per_s == pytest.approx(1e9)
    assert alone.macs_per_s == pytest.approx(2e9)
    assert (both.macs, both.dram_bytes) == (2000, 120)
    # Of 1000 + 1000 + 500 + 1000 + 1000 + 0 cycles.
    assert both.share == pytest.approx(2000 / 4500)
    assert {aside.layer: aside.why for aside in found.asides} == {
        "add": "no MACs", "inside": "no DRAM traffic: its tensors stay in SRAM", "free": "takes no time",
    }  # fmt: skip
    assert found.network is not None
    # 5 layers with MACs, 5 with 60 bytes, 4,500 cycles.
    assert found.network.macs_per_byte == pytest.approx(5000 / 300)
    assert found.network.macs_per_s == pytest.approx(5000 / 4500 * 1e9)


def test_a_network_without_macs_has_no_place() -> None:
    assert placed(result(layer("add", macs=0, macs_dense=0))).network is None


@pytest.mark.parametrize("profile", ["ethos-n78", "ethos-u65", "nvdla"])
@pytest.mark.parametrize("name", ["sesr-m5-x2-hw", "fsrcnn-x2-hw", "tpsr-nogan-x2", "espcn-x2"])
def test_nothing_stands_above_the_roof(profile: str, name: str) -> None:
    hardware = npusim.profile(profile)
    limits = ceilings(hardware)
    estimated = npusim.estimate(npusim.load(name, size=(320, 180)), hardware)
    found = placed(estimated)
    off = {each.name for each in estimated.off_npu}  # another processor than the ceilings are of
    for spot in (*found.layers, found.network):
        assert spot is not None
        if not off & set(spot.layers) and (spot.layers or not off):
            assert spot.macs_per_s <= lowest(limits, spot.macs_per_byte).at(spot.macs_per_byte) * (1 + 1e-9)


def test_each_layer_has_a_place_or_a_reason() -> None:
    estimated = npusim.estimate(npusim.load("carn-x2", size=(64, 48)))
    found = placed(estimated)
    names = [name for spot in found.layers for name in spot.layers] + [aside.layer for aside in found.asides]
    assert sorted(names) == sorted(row.name for row in estimated.layers)
