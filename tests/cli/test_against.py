"""`ratebook check --against` from the real command: files, folders, revisions of git, exit codes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

OPTIONS = ("--closed-before", "2020-01-01")


@pytest.fixture
def changed(folder: Path) -> Path:
    """`shop.rates` with a price of ten times as much, beside the earlier `old.rates`."""
    text = (folder / "shop.rates").read_text(encoding="utf-8")
    (folder / "old.rates").write_text(text, encoding="utf-8")
    dearer = text.replace("€0.50 each", "€5.00 each").replace("sales €5.00", "sales €50.00")
    (folder / "shop.rates").write_text(dearer.replace("total €5.00", "total €50.00"), encoding="utf-8")
    return folder


def test_as_text(ratebook: Callable, changed: Path) -> None:
    ran = ratebook("check", "shop.rates", "--against", "old.rates", *OPTIONS)
    assert ran.code == 0
    assert "warning[RB2701]" in ran.out and "€0.50 each → €5.00 each" in ran.out
    assert "total  €5.00 → €50.00" in ran.out
    assert ratebook("check", "shop.rates", "--against", "old.rates", *OPTIONS, "--fail-on", "warning").code == 1


def test_a_closed_period_is_an_error(ratebook: Callable, changed: Path) -> None:
    ran = ratebook("check", "shop.rates", "--against", "old.rates", "--closed-before", "2026-02-01")
    assert ran.code == 1 and "error[RB2702]" in ran.out


def test_as_json(ratebook: Callable, changed: Path) -> None:
    ran = ratebook("check", "shop.rates", "--against", "old.rates", *OPTIONS, "--format", "json")
    document = json.loads(ran.out)
    assert [item["code"] for item in document["diagnostics"]] == ["RB2701"]
    [comparison] = document["changes"]
    [change] = comparison["changes"]
    assert (change["old"], change["new"], change["percent"]) == ("€0.50 each", "€5.00 each", "+900%")
    assert change["old_place"] == "old.rates:17" and change["new_place"] == "shop.rates:17"
    assert comparison["examples"][0]["new"] == "50"


def test_without_against_json_has_no_changes(ratebook: Callable, changed: Path) -> None:
    assert "changes" not in json.loads(ratebook("check", "shop.rates", "--format", "json").out)


@pytest.mark.parametrize("form", ["sarif", "github", "junit"])
def test_forms_for_machines_hold_the_findings(ratebook: Callable, changed: Path, form: str) -> None:
    assert "RB2701" in ratebook("check", "shop.rates", "--against", "old.rates", *OPTIONS, "--format", form).out


def test_folders(ratebook: Callable, changed: Path) -> None:
    for name in ("before", "now"):
        (changed / name).mkdir()
    (changed / "old.rates").rename(changed / "before" / "shop.rates")
    (changed / "shop.rates").rename(changed / "now" / "shop.rates")
    gone = (changed / "before" / "shop.rates").read_text(encoding="utf-8")
    (changed / "before" / "gone.rates").write_text(gone, encoding="utf-8")
    (changed / "now" / "fresh.rates").write_text(gone, encoding="utf-8")
    ran = ratebook("check", "now", "--against", "before", *OPTIONS)
    assert "now/shop.rates against before/shop.rates" in ran.out
    assert "now/fresh.rates is new" in ran.out and "before/gone.rates has no file" in ran.out


def test_a_revision_of_git(ratebook: Callable, changed: Path) -> None:
    now = (changed / "shop.rates").read_text(encoding="utf-8")
    (changed / "old.rates").rename(changed / "shop.rates")
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    for arguments in (["init", "-q"], ["add", "shop.rates"], [*identity, "commit", "-q", "-m", "prices"]):
        subprocess.run(["git", *arguments], cwd=changed, check=True, capture_output=True)
    (changed / "shop.rates").write_text(now, encoding="utf-8")
    ran = ratebook("check", "shop.rates", "--against", "git:HEAD", *OPTIONS)
    assert ran.code == 0 and "shop.rates against HEAD:shop.rates" in ran.out and "RB2701" in ran.out
    missing = ratebook("check", "shop.rates", "--against", "git:nowhere", *OPTIONS)
    assert missing.code == 2 and "RB9010" in missing.out


def test_what_cannot_be_compared(ratebook: Callable, changed: Path) -> None:
    assert ratebook("check", "shop.rates", "--against", "nothing.rates").code == 2
    text = (changed / "old.rates").read_text(encoding="utf-8")
    (changed / "old.rates").write_text(text.replace("sum of amount", "sum of amout"), encoding="utf-8")
    ran = ratebook("check", "shop.rates", "--against", "old.rates", *OPTIONS)
    assert ran.code == 0 and "RB2706" in ran.out
    assert ratebook("check", "shop.rates", "--closed-before", "2026-01-01").code == 2
