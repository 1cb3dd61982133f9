"""The pages of the codes: complete, true to what the compiler reports, and the same in docs/errors.md."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from ratebook.diagnostics import CODES, Source
from ratebook.diagnostics.pages import Page, page, pages, pages_markdown
from ratebook.engine.compiler.against import compare
from ratebook.engine.compiler.compile import compile_ruleset
from ratebook.engine.coverage.report import cover
from ratebook.engine.examples import findings_of, run_example
from ratebook.ledger.refusals import Refusal

ROOT = Path(__file__).parents[2]
# What a text alone cannot show: sizes, hidden characters, encodings, files; and what nothing reports.
WITHOUT_TEXT = {"RB1007", "RB1008", "RB1009", "RB1012", "RB1013", "RB1014", "RB2010", "RB2222", "RB2706", "RB2901"}
WITHOUT_GOOD = {"RB2009", "RB2011", "RB2012", "RB2502"}  # the way out is to take something away
PAGES = list(pages().values())


def codes_of(item: Page, text: str) -> set[str]:
    source = Source("page.rates", f"{item.given}\n{text}" if item.given else text)
    result = compile_ruleset(source, item.files.get, prove=True)
    codes = {finding.code for finding in result.findings}
    if item.code.code in ("RB5001", "RB5002") and result.program is not None and result.ruleset is not None:
        for example in result.ruleset.examples:
            codes |= {finding.code for finding in findings_of(run_example(result.program, example))}
    if item.code.code == "RB5004" and result.program is not None and result.ruleset is not None:
        outcomes = [run_example(result.program, example) for example in result.ruleset.examples]
        found = cover(result, outcomes)
        codes |= {finding.code for finding in found.findings} if found is not None else set()
    if item.earlier:
        earlier = f"{item.given}\n{item.earlier}" if item.given else item.earlier
        comparison = compare(compile_ruleset(Source("earlier.rates", earlier)), result, date(2026, 3, 1))
        assert comparison is not None
        codes |= {finding.code for finding in comparison.findings}
    return codes


def test_every_code_has_a_page() -> None:
    assert list(pages()) == list(CODES)
    for code in CODES:
        text = page(code)
        assert text.startswith(code)
        assert CODES[code].title in text and "Way out: " in text
        assert all(len(line) <= 100 or line.startswith("    ") for line in text.splitlines())


def test_every_code_of_ledger_billing_and_audit_is_given_somewhere() -> None:
    made = "\n".join(
        path.read_text(encoding="utf-8")
        for folder in ("billing", "commands", "ledger", "intake")
        for path in sorted((ROOT / folder).rglob("*.py"))
    )
    assert [code for code in CODES if code.startswith("RB7") and f'"{code}"' not in made] == []
    # The ledger's own are named through the enumeration; its definition alone gives nothing.
    named = {name for name in Refusal.__members__ if f"Refusal.{name}" in made}
    assert set(Refusal.__members__) - named == set()


def test_every_page_says_what_it_means_and_a_way_out() -> None:
    for item in PAGES:
        for text in (item.meaning, item.way_out):
            assert text.endswith(".") and text[0] in text[0].upper() + "`", item.code.code


def test_codes_about_texts_show_a_bad_and_a_good_one() -> None:
    shown = {item.code.code for item in PAGES if item.bad}
    assert {code for code in CODES if code.startswith(("RB1", "RB2"))} - shown == WITHOUT_TEXT
    assert {item.code.code for item in PAGES if item.bad and not item.good} == WITHOUT_GOOD


def test_codes_about_rows_show_a_bad_and_a_good_row() -> None:
    assert all(item.bad_row and item.good_row for item in PAGES if item.code.code.startswith("RB3"))


@pytest.mark.parametrize("item", [item for item in PAGES if item.bad], ids=lambda item: item.code.code)
def test_the_bad_example_reports_its_code_and_nothing_else(item: Page) -> None:
    assert codes_of(item, item.bad) == {item.code.code}


@pytest.mark.parametrize("item", [item for item in PAGES if item.good], ids=lambda item: item.code.code)
def test_the_good_example_reports_nothing(item: Page) -> None:
    assert codes_of(item, item.good) == set()


def test_the_document_is_what_the_pages_say() -> None:
    assert (ROOT / "docs" / "errors.md").read_text(encoding="utf-8") == pages_markdown()
