"""Networks for super-resolution, written down from their papers and repositories: one file a family, no weights.

A name is family, size, scale and form, as ``sesr-m5-x2-hw``. Only the family that is asked for is imported.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from npusim.zoo.index import ALIASES, BY_NAME, find
from npusim.zoo.net import Net

if TYPE_CHECKING:
    from npusim.model import Model
    from npusim.zoo.catalogue import Entry

__all__ = ["build", "entries", "export_all", "names"]


def names(*, aliases: bool = False) -> tuple[str, ...]:
    """The names of the zoo's networks, in order of the families; the short aliases after them if asked for."""
    return (*BY_NAME, *ALIASES) if aliases else tuple(BY_NAME)


def build(name: str) -> Model:
    """The network of that name: input ``input`` of 1 x C x H x W, height and width free, and output ``output``.

    Its parameters have shapes and no elements.

    Raises:
        InputError: unknown-model, with the nearest names.
    """
    network, scale = find(name)
    net = Net()
    builder = import_module(f"npusim.zoo.{network.module}").NETWORKS[network.label]
    return net.model(network.name(scale), builder(net, scale))


def entries() -> tuple[Entry, ...]:
    """Every network with its parameters and MACs, beside the published ones; all of them are counted."""
    from npusim.zoo.catalogue import entry  # noqa: PLC0415 - counts need every operator; building does not

    return tuple(entry(name) for name in names())


def export_all(folder: Path) -> tuple[Path, ...]:
    """Writes every network to ``folder`` as ``<name>.onnx``, weightless, and returns the files."""
    from npusim.frontends.onnx import write_onnx  # noqa: PLC0415 - onnx is heavy, and only exporting needs it

    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in names():
        path = folder / f"{name}.onnx"
        write_onnx(build(name), path)
        written.append(path)
    return tuple(written)
