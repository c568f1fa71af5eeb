"""The resolver of data files: a checkout, an installed package, and what is missing."""

from pathlib import Path

import pytest

from npusim import resources
from npusim.errors import InputError


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package folder as a wheel leaves it: data inside, a stranger's folders beside it."""
    package = tmp_path / "site-packages" / "npusim"
    (package / "data" / "models").mkdir(parents=True)
    (package / "data" / "models" / "b.onnx").write_bytes(b"b")
    (package / "data" / "models" / "a.onnx").write_bytes(b"a")
    (package / "data" / "models" / "notes").mkdir()
    (package.parent / "hwprofiles").mkdir()
    monkeypatch.setattr(resources, "_ROOTS", (package / "data", package.parent))
    return package


def test_a_checkout_has_the_folders_at_its_root() -> None:
    root = Path(resources.__file__).parent.parent
    assert resources.folder("models") == root / "models"


def test_an_installed_package_has_them_inside(installed: Path) -> None:
    assert resources.path("models", "a.onnx").read_bytes() == b"a"
    assert [found.name for found in resources.files("models")] == ["a.onnx", "b.onnx"]
    assert [found.name for found in resources.files("models", "b*")] == ["b.onnx"]


def test_a_folder_beside_an_installed_package_is_not_ours(installed: Path) -> None:
    with pytest.raises(InputError, match=r"hwprofiles/ is not part of this installation.*\[missing-data\]"):
        resources.folder("hwprofiles")


def test_a_missing_file_is_named(installed: Path) -> None:
    with pytest.raises(InputError, match=r"models/c.onnx is not part .*\[missing-data\]"):
        resources.path("models", "c.onnx")
