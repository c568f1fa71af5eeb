"""What the zoo holds, without building any of it: names, scales, sources. Tests hold it against the builders."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

import msgspec

from npusim.errors import InputError

SCALES = (2, 3, 4)


class Network(msgspec.Struct, frozen=True):
    """A network in one form, at the scales that it exists in.

    Attributes:
        key: family and size, as ``sesr-m5``.
        form: ``hw``, ``expanded``, or nothing for the form of the paper.
        module: the file of npusim.zoo that builds it, in its table NETWORKS under ``label``.
        aliases: other keys that it answers to.
        source: where its layers were read.
        confidence: ``source code``, ``paper``, ``derived`` from published figures, or ``recalled`` (to be confirmed).
    """

    key: str
    family: str
    module: str
    source: str
    confidence: str = "source code"
    form: str = ""
    scales: tuple[int, ...] = SCALES
    aliases: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return f"{self.key}-{self.form}" if self.form else self.key

    def name(self, scale: int, key: str = "") -> str:
        """Family, size, scale, form: ``sesr-m5-x2-hw``; of the alias ``key`` where one is given."""
        stem = f"{key or self.key}-x{scale}"
        return f"{stem}-{self.form}" if self.form else stem


def _sesr() -> Iterator[Network]:
    arm = "github.com/ARM-software/sesr models/sesr.py, models/model_utils.py; x3 is not there and follows x2"
    for size in ("m3", "m5", "m7", "m11", "xl"):
        key = f"sesr-{size}"
        yield Network(key, "SESR", "sesr", arm)
        yield Network(key, "SESR", "sesr", "arXiv 2103.09404: no skip from input to output, ReLU", "paper", form="hw")
        yield Network(key, "SESR", "sesr", arm, form="expanded")
    aimet = "github.com/quic/aimet-model-zoo common/super_resolution/models.py SESRRelease, blocks.py"
    yield Network("sesr-m5-aimet-rgb", "SESR", "sesr", aimet, aliases=("sesr-m5-aimet-rgb-collapsed",))
    yield Network("sesr-m5-aimet-rgb", "SESR", "sesr", aimet, form="expanded")


def _first_years() -> Iterator[Network]:
    yield Network("srcnn-915", "SRCNN", "srcnn", "arXiv 1501.00092", "paper")
    yield Network("srcnn-955", "SRCNN", "srcnn", "arXiv 1501.00092", "paper", aliases=("srcnn",))
    fsrcnn = "arXiv 1608.00367; github.com/Lornatang/FSRCNN-PyTorch model.py"
    yield Network("fsrcnn", "FSRCNN", "fsrcnn", fsrcnn)
    yield Network("fsrcnn", "FSRCNN", "fsrcnn", "arXiv 2103.09404: ReLU for PReLU", "paper", form="hw")
    yield Network("fsrcnn-s", "FSRCNN", "fsrcnn", fsrcnn)
    yield Network("espcn", "ESPCN", "espcn", "arXiv 1609.05158 (sizes recalled)", "paper")
    yield Network("vdsr", "VDSR", "vdsr", "github.com/twtygqyy/pytorch-vdsr vdsr.py")
    yield Network("lapsrn", "LapSRN", "lapsrn", "github.com/twtygqyy/pytorch-LapSRN lapsrn.py", scales=(2, 4))
    count = "the count that gives the published figures: 3x3 for the 4x4 transposed convolution"
    yield Network("lapsrn-k3count", "LapSRN", "lapsrn", count, "derived", scales=(2, 4))
    drrn = "github.com/tyshiwo/DRRN_CVPR17 deploy.prototxt (its first part)"
    yield Network("drrn-b1u9", "DRRN", "drrn", drrn)
    yield Network("drrn-b1u25", "DRRN", "drrn", drrn, aliases=("drrn",))
    memnet = "github.com/tyshiwo/MemNet MemNet_M6R6_80C64 deploy.prototxt (block 1; shared weights from the count)"
    yield Network("memnet-m6r6", "MemNet", "memnet", memnet, aliases=("memnet",))


def _residual() -> Iterator[Network]:
    yield Network("carn", "CARN", "carn", "github.com/nmhkahn/CARN-pytorch carn/model/carn.py")
    yield Network("carn-m", "CARN", "carn", "github.com/nmhkahn/CARN-pytorch carn/model/carn_m.py, group 4")
    yield Network(
        "tpsr-nogan", "TPSR", "tpsr", "github.com/royson/tpsr model.py, blocks.py", scales=(2, 4), aliases=("tpsr",)
    )
    btsrn = "blocks from the published figures; first and last convolution and the upsampling are recalled"
    yield Network("btsrn", "BTSRN", "btsrn", btsrn, "derived", aliases=("ntsrn",))
    yield Network("edsr-baseline", "EDSR", "edsr", "github.com/sanghyun-son/EDSR-PyTorch src/model/edsr.py")


def _distilling() -> Iterator[Network]:
    yield Network("idn", "IDN", "idn", "github.com/Zheng222/IDN-Caffe test/IDN_x2_deploy.prototxt")
    yield Network("imdn", "IMDN", "imdn", "github.com/Zheng222/IMDN model/architecture.py, block.py")
    yield Network("rfdn-nf50", "RFDN", "rfdn", "github.com/njulj/RFDN RFDN.py, block.py (the challenge model)")
    yield Network("rfdn", "RFDN", "rfdn", "arXiv 2009.11551 (six blocks of 48: recalled)", "recalled")
    yield Network("rfdn-l", "RFDN", "rfdn", "arXiv 2009.11551 (six blocks of 52: recalled)", "recalled")
    for size in ("rlfn", "rlfn-s"):
        yield Network(size, "RLFN", "rlfn", "github.com/bytedance/RLFN model/rlfn.py, block.py", scales=(2, 4))
    for size in ("span", "span-s"):
        yield Network(size, "SPAN", "span", "github.com/hongyuanyu/SPAN basicsr/archs/span_arch.py", scales=(2, 4))


def _mobile() -> Iterator[Network]:
    ecbsr = "github.com/xindongzhang/ECBSR models/plainsr.py (the form that runs; sizes M6 and M16C64 recalled)"
    for size in ("m4c8", "m4c16", "m6c8", "m6c16", "m10c16", "m10c32", "m16c64"):
        yield Network(f"ecbsr-{size}", "ECBSR", "ecbsr", ecbsr)
    yield Network("xlsr", "XLSR", "xlsr", "github.com/quic/aimet-model-zoo common/super_resolution/models.py")
    base7 = "github.com/NJU-Jet/SR_Mobile_Quantization solvers/networks/base7.py (x3; x2 and x4 follow it)"
    yield Network("abpn", "ABPN", "abpn", base7)
    for width in (28, 32):
        yield Network(f"abpn-aimet-{width}", "ABPN", "abpn", "github.com/quic/aimet-model-zoo models.py ABPNRelease")
    for size in ("small", "medium", "large"):
        source = "github.com/quic/aimet-model-zoo quicksrnet/model/models.py"
        yield Network(f"quicksrnet-{size}", "QuickSRNet", "quicksrnet", source)


NETWORKS: tuple[Network, ...] = (*_sesr(), *_first_years(), *_residual(), *_distilling(), *_mobile())

# Every name that the zoo answers to, in order of the list; aliases last.
BY_NAME: dict[str, tuple[Network, int]] = {
    network.name(scale): (network, scale) for network in NETWORKS for scale in network.scales
}
ALIASES: dict[str, str] = {
    network.name(scale, alias): network.name(scale)
    for network in NETWORKS
    for alias in network.aliases
    for scale in network.scales
}


def find(name: str) -> tuple[Network, int]:
    """The network and the scale of that name, capitals or not; InputError (unknown-model) offers the nearest names."""
    lower = name.lower()
    found = BY_NAME.get(ALIASES.get(lower, lower))
    if found is None:
        near = get_close_matches(lower, [*BY_NAME, *ALIASES], n=3)
        fix = f"did you mean {' or '.join(near)}?" if near else "npusim zoo list shows the names"
        raise InputError(f"no network of the zoo is called {name!r}", code="unknown-model", fix=fix)
    return found
