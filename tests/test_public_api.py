"""What `ratebook` promises to others: these names, described, and an import that costs nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

import ratebook

NAMES = [
    "Line",
    "RatebookError",
    "Ruleset",
    "Statement",
    "UsageAdded",
    "add_usage",
    "compile",
    "explain",
    "load",
    "quote",
    "rate",
]
HEAVY = ("lark", "duckdb", "jinja2", "pydantic", "babel", "click", "holidays")


def test_names() -> None:
    assert sorted(ratebook.__all__) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_described(name: str) -> None:
    documentation = getattr(ratebook, name).__doc__
    assert documentation
    # A dataclass without a docstring is given its signature.
    assert not documentation.startswith(f"{name}(")


def test_an_unknown_name_is_none() -> None:
    with pytest.raises(AttributeError, match="ratify"):
        getattr(ratebook, "ratify")  # noqa: B009


def test_importing_is_light() -> None:
    code = f"import sys, ratebook; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
