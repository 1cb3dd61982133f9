"""`ratebook test --coverage` and `--suggest`, run as a user runs them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def place(folder: Path, *names: str) -> None:
    """Rulesets that ship, in the folder of the command."""
    for name in names:
        shutil.copy(ROOT / "rulesets" / name / f"{name}.rates", folder)


@pytest.mark.parametrize("name", ["starter", "platform", "cloud", "tokens"])
def test_coverage_as_text(name: str, ratebook: Callable, folder: Path, golden: Callable[[str, str], None]) -> None:
    place(folder, name)
    ran = ratebook("test", "--coverage", f"{name}.rates")
    assert ran.code == 0
    golden(ran.out, f"coverage_{name}.txt")


def test_several_rulesets_are_added_up(ratebook: Callable, folder: Path) -> None:
    place(folder, "starter", "platform")
    (folder / "shop.rates").unlink()
    ran = ratebook("test", "--coverage", ".")
    # 14 items of starter with 8 touched, 26 of platform with 19 touched.
    assert ran.out.endswith("2 rulesets: 27 of 40 touched, 67%\n")


def test_coverage_as_json(ratebook: Callable, folder: Path) -> None:
    place(folder, "starter")
    (one,) = json.loads(ratebook("test", "--coverage", "--format", "json", "starter.rates").out)["coverage"]
    assert (one["file"], one["items"], one["covered"], one["percent"]) == ("starter.rates", 14, 8, 57)
    assert one["rules"][1] == {"plan": "monthly", "from": "2026-01-01", "rule": "emails", "items": 9, "missed": 6}
    assert one["missing"][0] == {
        "file": "starter.rates",
        "line": 33,
        "plan": "monthly",
        "rule": "emails",
        "missing": "just below, exactly and just above 1,000 email are never used",
    }
    assert "coverage" not in json.loads(ratebook("test", "--format", "json", "starter.rates").out)


def test_a_threshold_decides_the_exit_code(ratebook: Callable, folder: Path) -> None:
    place(folder, "starter")
    assert ratebook("test", "--fail-under", "57", "starter.rates").code == 0
    ran = ratebook("test", "--fail-under", "58", "starter.rates")
    assert ran.code == 1
    assert "error[RB5005]: the examples cover 57%, and --fail-under asks for 58%" in ran.out
    beside = ratebook("test", "--fail-under", "58", "--format", "junit", "starter.rates")
    assert beside.code == 1 and "RB5005" in beside.err and "RB5005" not in beside.out
    assert ratebook("test", "--fail-under", "101", "starter.rates").code == 2


def test_an_example_far_from_every_bound_is_warned_of(ratebook: Callable, folder: Path) -> None:
    path = folder / "shop.rates"
    path.write_text(
        path.read_text()
        + """
example "thirty sales" on base in 2026-03:
  usage sales 30
  expect total €10.00
"""
    )
    ran = ratebook("test", "--coverage", "shop.rates")
    assert ran.code == 0
    assert "warning[RB5004]: “thirty sales” touches no boundary" in ran.out
    assert "let sales come to 10, or to 11, the first above" in ran.out


@pytest.mark.parametrize("name", ["starter", "platform", "cloud"])
def test_suggested_examples_pass_once_they_are_reviewed(name: str, ratebook: Callable, folder: Path) -> None:
    place(folder, name)
    path = folder / f"{name}.rates"
    before = json.loads(ratebook("test", "--coverage", "--format", "json", path.name).out)["coverage"][0]["percent"]
    ran = ratebook("test", "--suggest", path.name)
    assert ran.code == 0 and f"to {path.name}; they fail until `unreviewed` is taken away" in ran.err
    assert ratebook("fmt", "--check", path.name).code == 0
    unreviewed = ratebook("test", path.name)
    assert unreviewed.code == 1 and "RB5002" in unreviewed.out and "RB5001" not in unreviewed.out
    path.write_text(path.read_text(encoding="utf-8").replace(" unreviewed:", ":"), encoding="utf-8")
    after = ratebook("test", "--coverage", "--format", "json", path.name)
    assert after.code == 0
    assert json.loads(after.out)["coverage"][0]["percent"] >= 99 > before
    assert not list(folder.glob(".*"))


def test_a_dry_run_prints_and_writes_nothing(ratebook: Callable, folder: Path) -> None:
    path = folder / "shop.rates"
    text = path.read_text()
    ran = ratebook("test", "--suggest", "--dry-run", "shop.rates")
    assert 'example "sales: exactly 10" on base in 2026-03 unreviewed:\n  usage sales 10\n' in ran.out
    assert path.read_text() == text


def test_imported_files_stay_as_they_are(ratebook: Callable, folder: Path) -> None:
    text = (folder / "shop.rates").read_text()
    plan = text[text.index("plan base") : text.index("discount gold")]
    (folder / "plans.rates").write_text(plan.rstrip() + "\n")
    (folder / "main.rates").write_text('import "plans.rates"\n\n' + text.replace(plan, ""))
    before = (folder / "plans.rates").read_text()
    assert ratebook("test", "--suggest", "main.rates").code == 0
    assert (folder / "plans.rates").read_text() == before
    assert " unreviewed:" in (folder / "main.rates").read_text()


def test_a_broken_ruleset_has_no_coverage(ratebook: Callable, folder: Path) -> None:
    path = folder / "shop.rates"
    path.write_text(path.read_text().replace("EUR", "ERU"))
    before = path.read_text()
    ran = ratebook("test", "--coverage", "--suggest", "shop.rates")
    assert ran.code == 1 and "RB2005" in ran.err
    assert path.read_text() == before


@pytest.mark.parametrize("options", [("--accept", "--suggest"), ("--dry-run",)])
def test_options_that_do_not_fit(options: tuple[str, ...], ratebook: Callable) -> None:
    assert ratebook("test", *options, "shop.rates").code == 2
