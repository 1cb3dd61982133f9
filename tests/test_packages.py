"""What is shipped: every folder with modules is a package of the wheel, and the version is said once."""

from __future__ import annotations

import tomllib
from importlib.metadata import version
from pathlib import Path

from ratebook.cli import VERSION

ROOT = Path(__file__).parents[1]
OUTSIDE = {"tests", "bench", "docs", "build", "dist", "scripts"}


def _project() -> dict[str, object]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_packages_are_the_folders_with_modules() -> None:
    folders = {
        ".".join(("ratebook", *path.parent.relative_to(ROOT).parts))
        for path in ROOT.rglob("__init__.py")
        if not path.relative_to(ROOT).parts[0].startswith(".") and path.relative_to(ROOT).parts[0] not in OUTSIDE
    }
    setuptools = _project()["tool"]["setuptools"]  # type: ignore[index]
    assert set(setuptools["packages"]) == folders


def test_no_package_below_tests() -> None:
    assert not list((ROOT / "tests").rglob("__init__.py"))


def test_one_version() -> None:
    assert _project()["project"]["version"] == VERSION == version("ratebook")  # type: ignore[index]
