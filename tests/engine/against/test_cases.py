"""Pairs of rulesets: what is said of their difference, as text and as values, as people have read it.

Each folder of `tests/cases/against` holds `old.rates`, `new.rates` and what a comparison says of them, for a run on a
day at which the periods before March 2026 are closed. `--update-cases` rewrites what is said.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from ratebook.commands.changes import comparison_text, comparison_values
from ratebook.diagnostics import CODES, Source
from ratebook.diagnostics.text import render_text
from ratebook.engine.compiler.against import Comparison, compare
from ratebook.engine.compiler.compile import Compiled, compile_ruleset
from ratebook.grammar.format import format_ruleset
from ratebook.grammar.parse import parse

CASES = sorted((Path(__file__).parents[2] / "cases" / "against").iterdir())
RULESETS = sorted((Path(__file__).parents[2] / "cases" / "samples").glob("*.rates"))
CLOSED_BEFORE = date(2026, 3, 1)
SAME = {"table-resplit", "reordered"}
BY_CODE = {
    "RB2701": (
        *("slip-ten", "slip-thousand", "slip-binary", "slip-digits", "slip-sign", "slip-percent"),
        *("included-slip", "platform-zh-slip", "allowed-before"),
    ),
    "RB2702": ("closed-period", "closed-dates", "closed-discount"),
    "RB2703": ("plan-gone", "plan-renamed"),
    "RB2704": ("meter-rounded", "meter-condition"),
    "RB2705": ("currency-exchanged",),
}
EXPECTED = {name: [code] for code, names in BY_CODE.items() for name in names}
"""The findings of each case; the others have none."""


def compiled(path: Path, name: str) -> Compiled:
    result = compile_ruleset(Source(name, path.read_text(encoding="utf-8")))
    assert result.program is not None, render_text(result.findings, result.sources)
    return result


def compared(old: Compiled, new: Compiled) -> Comparison:
    comparison = compare(old, new, CLOSED_BEFORE)
    assert comparison is not None
    return comparison


@pytest.mark.parametrize("folder", CASES, ids=lambda path: path.name)
def test_what_is_said(folder: Path, request: pytest.FixtureRequest) -> None:
    old, new = compiled(folder / "old.rates", "old.rates"), compiled(folder / "new.rates", "new.rates")
    comparison = compared(old, new)
    text = comparison_text("new.rates", "old.rates", comparison)
    if comparison.findings:
        text = f"{render_text(comparison.findings, new.sources)}\n{text}"
    values = comparison_values("new.rates", "old.rates", comparison, old.sources, new.sources)
    said = {"said.txt": text, "said.json": json.dumps(values, ensure_ascii=False, indent=2) + "\n"}
    for name, now in said.items():
        golden = folder / name
        if request.config.getoption("--update-cases"):
            golden.write_text(now, encoding="utf-8")
        assert golden.exists(), f"{golden} is missing; make it with --update-cases"
        assert now == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("folder", CASES, ids=lambda path: path.name)
def test_only_what_costs_the_same_is_said_to(folder: Path) -> None:
    old, new = compiled(folder / "old.rates", "old.rates"), compiled(folder / "new.rates", "new.rates")
    comparison = compared(old, new)
    assert comparison.is_empty is (folder.name in SAME)
    assert [finding.code for finding in comparison.findings] == EXPECTED.get(folder.name, [])


def test_every_code_of_a_comparison_has_a_case() -> None:
    covered = {code for codes in EXPECTED.values() for code in codes}
    # The earlier version with mistakes is a matter of the command, tested there.
    assert {code for code in CODES if code.startswith("RB27")} - covered == {"RB2706"}


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 25


@pytest.mark.parametrize("folder", CASES, ids=lambda path: path.name)
def test_findings_are_complete(folder: Path) -> None:
    old, new = compiled(folder / "old.rates", "old.rates"), compiled(folder / "new.rates", "new.rates")
    for finding in compared(old, new).findings:
        assert finding.message and not finding.message.endswith(".")
        assert finding.span is not None and finding.here and 1 <= len(finding.hints) <= 3
        assert any(note.startswith("witness: ") for note in finding.notes)


PATHS = [*RULESETS, *(folder / "old.rates" for folder in CASES)]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_ruleset_beside_its_formatted_text_costs_the_same(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    # Blank lines and comments move everything, so that places differ and meanings do not.
    moved = "# A comment.\n\n" + format_ruleset(parse(Source("a", text))[0], text)
    old, new = compile_ruleset(Source("old.rates", text)), compile_ruleset(Source("new.rates", moved))
    assert compared(old, old).is_empty
    found = compared(old, new)
    assert found.is_empty and not found.effects and not found.notes
