"""Invoices: golden documents, the 80-column law, escaping, and amounts that are shown as they are stored."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from datetime import date
from fractions import Fraction
from html.parser import HTMLParser

import pytest

from ratebook.diagnostics import Diagnostic, Source, display_width
from ratebook.engine import derivation as d
from ratebook.engine.derivation import Op, Role, Step
from ratebook.engine.statement import Statement
from ratebook.invoice import (
    InvoiceFormat,
    InvoiceOptions,
    InvoiceView,
    Language,
    Parties,
    build_invoice,
    find_language,
    render_invoice,
)
from ratebook.invoice.language import digits_of
from ratebook.money import MoneyUnit, Rounding, currency

Golden = Callable[[str, str], None]
LANGUAGES = ("en", "zh", "zh_TW", "de", "fr", "sv", "hi", "ar", "fa", "de_CH", "pt_BR", "ja", "bn")


def language(code: str) -> Language:
    found = find_language(code)
    assert isinstance(found, Language)
    return found


def built(
    statement: Statement,
    parties: Parties | None,
    sources: dict[str, Source] | None = None,
    code: str = "en",
    number: str | None = None,
) -> InvoiceView:
    options = InvoiceOptions(language=language(code), number=number, date=date(2026, 4, 1))
    return build_invoice(statement, parties, options, sources)


@pytest.mark.parametrize("form", list(InvoiceFormat))
def test_documents_look_as_reviewed(
    form: InvoiceFormat,
    full_statement: Statement,
    chinese_statement: Statement,
    small_statement: Statement,
    parties: Parties,
    sources: dict[str, Source],
    golden: Golden,
) -> None:
    chinese = dataclasses.replace(chinese_statement, account="a-2")
    golden(render_invoice(built(full_statement, parties, sources), form), f"full_en{form.suffix}")
    golden(render_invoice(built(chinese, parties, sources, "zh", "2026-0042"), form), f"full_zh{form.suffix}")
    golden(render_invoice(built(small_statement, None, sources), form), f"small_en{form.suffix}")


@pytest.mark.parametrize("code", LANGUAGES)
def test_text_fits_80_columns(
    code: str, full_statement: Statement, chinese_statement: Statement, small_statement: Statement, parties: Parties
) -> None:
    for statement in (full_statement, chinese_statement, small_statement):
        text = render_invoice(built(statement, parties, code=code), InvoiceFormat.TEXT)
        assert max(map(display_width, text.splitlines())) <= 80


def test_text_of_long_and_wide_labels_fits_80_columns(full_statement: Statement, sources: dict[str, Source]) -> None:
    from ratebook.engine.statement import Labels

    for label in ("计" * 90, "x" * 300, "计算 资源，" * 30, "a" * 58 + " " + "b" * 58):
        lines = tuple(dataclasses.replace(line, labels=Labels(label)) for line in full_statement.lines)
        text = render_invoice(
            built(dataclasses.replace(full_statement, lines=lines), None, sources), InvoiceFormat.TEXT
        )
        assert max(map(display_width, text.splitlines())) <= 80


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("size", [Fraction(1, 100), Fraction(1, 10000), Fraction(1, 20), Fraction(1)])
def test_shown_amounts_are_the_stored_ones(code: str, size: Fraction) -> None:
    found = currency("USD")
    assert found is not None
    unit, shown_in = MoneyUnit(found, size), language(code)
    for amount in (0, 1, -1, 5, 12345, -1234567, 10**15, 10**30 + 1):
        stored = unit.fraction(amount)
        for shown in (shown_in.amount(amount, unit), shown_in.money(amount, unit)):
            digits = digits_of(shown)
            decimals = len(digits_of(shown_in.amount(amount, unit)).lstrip("-")) - len(str(int(abs(stored))))
            assert Fraction(int(digits), 10**decimals) == stored


def test_quarters_are_never_rounded_by_the_language() -> None:
    assert language("en").number(Fraction("2.675")) == "2.675"
    assert language("de").number(Fraction("1234567.125")) == "1.234.567,125"
    assert language("en").number(Fraction(1, 3)) == "≈0.333333"
    assert language("en").percent(Fraction("0.125")) == "12.5%"


def test_every_amount_of_a_statement_is_shown(full_statement: Statement, parties: Parties) -> None:
    view = built(full_statement, parties)
    text = render_invoice(view, InvoiceFormat.TEXT)
    for line in full_statement.lines:
        assert language("en").amount(line.amount, full_statement.money) in text
    assert view.due in text
    assert view.total in text


def test_a_document_without_a_number_is_a_draft(full_statement: Statement, parties: Parties) -> None:
    for form in InvoiceFormat:
        assert "DRAFT" in render_invoice(built(full_statement, parties), form)
        assert "DRAFT" not in render_invoice(built(full_statement, parties, number="2026-0001"), form)
        assert "草稿" in render_invoice(built(full_statement, parties, code="zh"), form)


def test_policies_stand_under_what_they_alone_are_about(full_statement: Statement) -> None:
    view = built(full_statement, None)
    assert {group.id: [line.id for line in group.policies] for group in view.groups if group.policies} == {
        "requests": ["overuse"],
        "egress": ["gold"],
    }
    assert [line.id for line in view.adjustments] == ["festival", "minimum"]
    assert [row.kind for row in view.totals] == ["subtotal", "tax", "total", "prepaid", "due"]


def test_included_taxes_are_shown_and_not_added(small_statement: Statement) -> None:
    view = built(small_statement, None)
    assert [row.kind for row in view.totals] == ["total", "included", "due"]
    assert view.total == view.due == "-$1,234.4962"


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_labels_and_values_are_escaped(small_statement: Statement, parties: Parties) -> None:
    hostile = dataclasses.replace(parties, note="<img src=x onerror=alert(1)>", logo='https://x/"onload="alert(1)')
    page = _Tags()
    page.feed(render_invoice(built(small_statement, hostile, number='<b>"1"</b>'), InvoiceFormat.HTML))
    names = [tag for tag, _ in page.tags]
    assert "script" not in names and "b" not in names and names.count("img") == 1
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    marked = render_invoice(built(small_statement, hostile), InvoiceFormat.MARKDOWN)
    assert "<script" not in re.sub(r"\\<", "", marked)
    text = render_invoice(built(small_statement, hostile), InvoiceFormat.TEXT)
    assert "\x1b" not in text and "\u202e" not in text


def test_html_is_one_accessible_file(chinese_statement: Statement, parties: Parties) -> None:
    html = render_invoice(built(chinese_statement, parties, code="zh"), InvoiceFormat.HTML)
    page = _Tags()
    page.feed(html)
    assert ("html", {"lang": "zh", "dir": "ltr"}) in page.tags
    assert all("scope" in attributes for tag, attributes in page.tags if tag == "th")
    assert not {"script", "link", "iframe"} & {tag for tag, _ in page.tags}
    assert html.count("<details>") == len(chinese_statement.lines)


def test_right_to_left_languages_say_so(full_statement: Statement) -> None:
    assert 'lang="ar" dir="rtl"' in render_invoice(built(full_statement, None, code="ar"), InvoiceFormat.HTML)


def test_an_empty_statement_is_a_document(empty_statement: Statement) -> None:
    for form in InvoiceFormat:
        assert "Nothing was charged" in render_invoice(built(empty_statement, None), form)


def test_lines_that_do_not_add_up_are_never_shown(full_statement: Statement) -> None:
    with pytest.raises(AssertionError):
        built(dataclasses.replace(full_statement, total=full_statement.total + 1), None)


def test_unknown_language() -> None:
    for code in ("xx", "", "english", "../../etc", "zh_", "e" * 1000):
        found = find_language(code)
        assert isinstance(found, Diagnostic) and found.code == "RB6006"


@pytest.mark.parametrize(
    "step",
    [
        Step(Op.PRODUCT, Role.BAND, Fraction(0)),
        Step(Op.SUM, Role.AMOUNT, Fraction(0)),
        d.quotient(Role.PART, d.given(Role.BASE, Fraction(10), "ten"), d.given(Role.PART, Fraction(4), "", "day")),
        d.greater(Role.AMOUNT, (d.given(Role.EVENT, Fraction(1)), d.given(Role.BOUND, Fraction(2), "floor"))),
        d.difference(
            Role.AMOUNT, (d.given(Role.BASE, Fraction(9)), d.total(Role.PART, (d.given(Role.PART, Fraction(2)),) * 3))
        ),
        Step(
            Op.SHARE,
            Role.PART,
            Fraction(1),
            parts=(d.given(Role.BASE, Fraction(2)), d.given(Role.PART, Fraction(1)), d.given(Role.PART, Fraction(1))),
        ),
        d.product(
            Role.AMOUNT,
            (
                d.lesser(Role.QUANTITY, (d.given(Role.METER, Fraction(7)), d.given(Role.LIMIT, Fraction(9), "", "GB"))),
                d.rounded(Role.TERM, d.given(Role.TERM, Fraction(5, 3)), Fraction(1), Rounding.UP),
                d.negative(Role.PART, d.given(Role.RATE, Fraction(1, 3))),
            ),
        ),
        d.total(Role.AMOUNT, tuple(d.given(Role.EVENT, Fraction(1, 100), f"call {n}") for n in range(500))),
    ],
)
def test_any_shape_of_derivation_can_be_shown(
    step: Step, odd_statement: Callable[[Step], Statement], sources: dict[str, Source]
) -> None:
    for form in InvoiceFormat:
        assert "Odd" in render_invoice(built(odd_statement(step), None, sources), form)
