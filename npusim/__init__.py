"""npusim: how many MACs, how much DRAM traffic and how many milliseconds a network takes on an NPU, and why."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from npusim.estimate import estimate
    from npusim.frontends.load import load
    from npusim.profiles.load import profile

__all__ = ["__version__", "estimate", "load", "profile"]
__version__ = "0.1.0"

# What users call, by the module that holds it; a module is imported when one of its names is first used.
_LAZY = {"estimate": "npusim.estimate", "load": "npusim.frontends.load", "profile": "npusim.profiles.load"}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'npusim' has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)


class _Package(ModuleType):
    """Keeps ``npusim.estimate`` and ``npusim.profile`` the functions: importing a submodule would rebind its name."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _LAZY and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
