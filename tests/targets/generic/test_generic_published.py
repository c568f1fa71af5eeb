"""The published rows of SESR and FSRCNN on the 4 TOP/s Ethos-N78, through the generic target.

The rows (Bhardwaj et al., Collapsible Linear Blocks for Super-Efficient Super Resolution, MLSys 2022) are recalled, not
read in a stored text. Nothing in the code or the profile is fitted to them: the profile's numbers come from the
vendor's public driver stack. What is asked is that the coarse rules stay between the roofline and twice the published.
"""

from __future__ import annotations

import pytest

from npusim import zoo
from npusim.bind import bind
from npusim.cost import roofline
from npusim.counts import layer_works
from npusim.options import Options
from npusim.profiles.load import load
from npusim.targets.generic import plan

ROWS = [  # network, frame, milliseconds, megabytes, 10^9 dense MACs as printed
    ("sesr-m5-x2-hw", (1920, 1080), 27.22, 282.03, "28"),
    ("fsrcnn-x2-hw", (1920, 1080), 167.38, 564.11, "54"),
    ("sesr-m5-x2-hw", (400, 300), 1.26, None, "1.62"),
    ("sesr-m5-x4-hw", (1920, 1080), 45.0, None, "38"),
]


@pytest.mark.parametrize("planner", ["vendor", "best"])
@pytest.mark.parametrize(("name", "size", "milliseconds", "megabytes", "macs"), ROWS)
def test_between_the_roofline_and_twice_the_published(
    name: str, size: tuple[int, int], milliseconds: float, megabytes: float | None, macs: str, planner: str
) -> None:
    graph, profile = bind(zoo.build(name), size=size), load("ethos-n78")
    options = Options(planner=planner, activation_compression=0.5, equal_scales=True)
    found, floor = plan(graph, profile, options), roofline(graph, profile, options)
    latency_ms = found.cycles / profile.clock_hz * 1e3
    assert floor.cycles / profile.clock_hz * 1e3 <= latency_ms <= 2 * milliseconds
    moved = sum(count for each in found.passes for count in each.cost.traffic.values())
    assert moved >= floor.read_bytes + floor.write_bytes
    if megabytes is not None:
        assert moved / 1e6 <= 2 * megabytes
    dense = sum(each.macs_dense for each in layer_works(graph))
    decimals = len(macs.partition(".")[2])
    assert f"{dense / 1e9:.{decimals}f}" == macs


def test_the_transposed_convolution_takes_the_time_of_fsrcnn() -> None:
    # Its 9x9 kernel is above what the engine upsamples: the zero-stuffed tensor of 2160 x 3840 x 56, half of it saved,
    # is written (232 MB) and read with its halo, and three quarters of the products are with zeros.
    graph, profile = bind(zoo.build("fsrcnn-x2-hw"), size=(1920, 1080)), load("ethos-n78")
    found = plan(graph, profile, Options(activation_compression=0.5, equal_scales=True))
    *_, stuffing, last = found.passes
    assert stuffing.cost.traffic["dram", "ofm"] == 2160 * 3840 * 56 // 2
    assert last.cost.traffic["dram", "ifm"] >= 2160 * 3840 * 56 // 2
    assert last.cost.bound_by == "mac"
    assert last.cost.cycles > 0.7 * found.cycles
