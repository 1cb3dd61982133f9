"""The Python API: rows of a program, and mistakes as findings."""

from __future__ import annotations

from decimal import Decimal

import pytest

import ratebook

PRICES = ratebook.compile(
    """\
ruleset shop "Shop":
  currency EUR

account:
  tier: one of standard, gold, default standard

event sale:
  amount: number

meter sales: sum of amount of sale

plan base from 2026-01-01:
  charge sales: at €0.50 each

discount gold:
  10% off sales
  when account.tier is gold
"""
)


def test_rows_of_a_program_are_rated() -> None:
    usage = [{"account": "a", "event": "sale", "time": "2026-03-02T10:00:00Z", "amount": Decimal("3.5")}]
    (statement,) = ratebook.rate(PRICES, usage, [{"account": "a", "plan": "base", "start": "2026-01-01"}], "2026-03")
    assert statement.money.text(statement.total) == "1.75"
    assert "3.5" in ratebook.explain(PRICES, statement)


def test_a_misspelt_attribute_is_no_silent_discount() -> None:
    with pytest.raises(ratebook.RatebookError, match="did you mean tier"):
        ratebook.quote(PRICES, "base", {"sales": 1}, {"teir": "gold"})


@pytest.mark.parametrize("quantity", [Decimal("NaN"), Decimal("Infinity"), 1.5, "many", True])
def test_what_is_no_exact_number_is_refused(quantity: object) -> None:
    with pytest.raises(ratebook.RatebookError):
        ratebook.quote(PRICES, "base", {"sales": quantity})


def test_a_row_that_is_no_mapping_is_refused() -> None:
    with pytest.raises(ratebook.RatebookError, match="RB3010"):
        ratebook.rate(PRICES, [5], [{"account": "a", "plan": "base", "start": "2026-01-01"}], "2026-03")  # type: ignore[list-item]


def test_an_unknown_line_is_refused() -> None:
    statement = ratebook.quote(PRICES, "base", {"sales": 1})
    with pytest.raises(ratebook.RatebookError, match="the statement has sales"):
        ratebook.explain(PRICES, statement, line="sale")
