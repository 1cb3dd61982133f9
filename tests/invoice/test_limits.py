"""A policy that stops at its `at most` says so to the customer: 10% of 100.00 is not 4.00 by itself."""

from __future__ import annotations

import pytest

import ratebook
from ratebook.invoice import InvoiceFormat, InvoiceOptions, Language, build_invoice, find_language, render_invoice

PRICES = """
ruleset acme "Acme":
  currency USD
  time zone UTC

event call

meter calls: count of call

plan payg from 2026-01-01:
  charge calls: at $1 each

discount share:
  10% off total, at most $4

offer units:
  10 of calls free, at most $4

penalty more:
  $0.10 per 1 of calls above 20, at most $3.005
"""


def notes(calls: int, code: str) -> dict[str, str]:
    prices = ratebook.compile(PRICES)
    language = find_language(code)
    assert isinstance(language, Language)
    statement = ratebook.quote(prices, "payg", {"calls": calls}, period="2026-03")
    invoice = build_invoice(statement, None, InvoiceOptions(language=language), prices.sources)
    assert "at most" not in render_invoice(invoice, InvoiceFormat.TEXT).split("\n\n")[0]
    return {policy.id: policy.note for group in invoice.groups for policy in group.policies}


@pytest.mark.parametrize(("code", "said"), [("en", "at most $4"), ("zh", "最多 $4")])
def test_a_limit_that_decides_is_said(code: str, said: str) -> None:
    shown = notes(100, code)
    assert shown["share"] == said
    assert shown["units"] == said


def test_a_limit_stands_before_a_rounding() -> None:
    # 80 units above 20 cost 8.00, limited to 3.005, which rounds half even to 3.00.
    assert notes(100, "en")["more"].startswith("at most $3.005; 3.005, rounded half even")


def test_a_limit_that_does_not_decide_is_not_said() -> None:
    # 10% of 30 is 3.00, below 4.00; what is left of 27.00 loses ten units, 10.00, limited to 4.00.
    assert notes(30, "en") == {"share": "", "units": "at most $4", "more": ""}
