"""Names: what the zoo answers to, what it says to a wrong one, and that it imports no more than it is asked for."""

import pkgutil
import subprocess
import sys
from importlib import import_module

import pytest

import npusim.zoo
from npusim.errors import InputError
from npusim.zoo.index import ALIASES, BY_NAME, NETWORKS

HELPERS = {"index", "net", "catalogue", "attention"}  # modules that hold no family


def test_names_are_family_size_scale_form() -> None:
    names = npusim.zoo.names()
    wanted = """
        sesr-m5-x2 sesr-xl-x4-hw sesr-m11-x3-expanded fsrcnn-x2 fsrcnn-x2-hw fsrcnn-s-x2 carn-x3 carn-m-x4 vdsr-x3
        lapsrn-x4 tpsr-nogan-x2 btsrn-x2 espcn-x3 srcnn-955-x2 edsr-baseline-x4 imdn-x2 rfdn-x2 ecbsr-m4c16-x2 xlsr-x3
        abpn-x3 quicksrnet-small-x2 quicksrnet-medium-x2 quicksrnet-large-x4
    """
    assert set(wanted.split()) <= set(names)
    assert len(set(names)) == len(names)
    # LapSRN doubles the image, so it has no x3.
    assert "lapsrn-x3" not in names


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("tpsr-x2", "tpsr-nogan-x2"),
        ("ntsrn-x4", "btsrn-x4"),
        ("srcnn-x3", "srcnn-955-x3"),
        ("SESR-M5-X2-HW", "sesr-m5-x2-hw"),
    ],
)
def test_an_alias_builds_the_network_under_its_own_name(alias: str, name: str) -> None:
    assert npusim.zoo.build(alias).name == name


def test_aliases_are_listed_after_the_names_and_hide_none() -> None:
    assert npusim.zoo.names(aliases=True) == (*npusim.zoo.names(), *ALIASES)
    assert not ALIASES.keys() & BY_NAME.keys()


def test_an_unknown_name_is_met_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r"'sesr-m6-x2'; did you mean sesr-m.-x2 .*\[unknown-model\]"):
        npusim.zoo.build("sesr-m6-x2")


def test_a_name_near_nothing_is_met_with_the_command_that_lists() -> None:
    with pytest.raises(InputError, match=r"npusim zoo list shows the names \[unknown-model\]"):
        npusim.zoo.build("??")


def test_the_index_holds_what_the_modules_build_and_no_more() -> None:
    modules = {info.name for info in pkgutil.iter_modules(npusim.zoo.__path__)} - HELPERS
    built = {(name, label) for name in modules for label in import_module(f"npusim.zoo.{name}").NETWORKS}
    assert {(network.module, network.label) for network in NETWORKS} == built


def test_one_name_imports_one_family_and_nothing_heavy() -> None:
    code = "import sys, npusim.zoo; npusim.zoo.build('sesr-m5-x2'); print(*sorted(sys.modules))"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    zoo = {name.removeprefix("npusim.zoo.") for name in loaded if name.startswith("npusim.zoo.")}
    assert zoo == {"index", "net", "sesr"}
    assert not loaded & {"onnx", "pandas", "matplotlib", "networkx", "rich", "jinja2"}
