"""The platform from end to end: three billing models, three policies, cards, payment and refund, on both databases."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ratebook import load, rate
from ratebook.billing.card_batches import make_batch, new_codes, terms_of
from ratebook.billing.card_sales import sell
from ratebook.billing.customers import deposit
from ratebook.billing.issued import document_object, explained_statement, issued_document
from ratebook.billing.payments import pay
from ratebook.billing.refunds import refund
from ratebook.billing.rulesets import ruleset_in_force
from ratebook.diagnostics import Diagnostic
from ratebook.intake import statement_object

pytestmark = pytest.mark.usefixtures("rows_or_files")

PLATFORM = Path(__file__).parents[2] / "rulesets" / "platform"
KEY = b"0123456789abcdef0123456789abcdef"
DAYS = {"2026-01": "2026-02-01", "2026-02": "2026-03-01", "2026-03": "2026-04-01"}


def rows(name: str) -> list[dict[str, Any]]:
    text = (PLATFORM / name).read_text(encoding="utf-8")
    return [json.loads(line, parse_float=Decimal) for line in text.splitlines()]


def with_whole_cards() -> list[dict[str, Any]]:
    """The accounts with cards on which everything is left."""
    found = rows("accounts.jsonl")
    for row in found:
        for card in row.get("cards", ()):
            card.pop("left", None)
    return found


def sold_cards(books: Any) -> None:
    """Sell each account the cards that its file names."""
    program = books.store.read(lambda reader: ruleset_in_force(reader, "platform")).program
    terms = terms_of(program, "starter")
    assert not isinstance(terms, Diagnostic)
    codes = new_codes("spring", 10)
    assert not isinstance(codes, Diagnostic)
    books.done(make_batch(books.store, books.acting("2026-01-01"), "spring", terms, codes, KEY))
    serials = [serial for serial, _ in codes]
    for row in with_whole_cards():
        for card in row.get("cards", ()):
            day = date.fromisoformat(card["bought"])
            acting = books.acting(card["bought"])
            books.done(sell(books.store, acting, [serials.pop()], account=row["account"], day=day))
    assert books.problems() == []


def previews() -> dict[str, list[dict[str, Any]]]:
    """The statements of each month, with what was left on cards after the month before."""
    ruleset, accounts, found = load(PLATFORM / "platform.rates"), with_whole_cards(), {}
    usage = rows("usage.jsonl")
    for month in DAYS:
        statements = rate(ruleset, usage, [_so_far(row, month) for row in accounts], month)
        found[month] = [statement_object(item) for item in statements]
        for item in statements:
            own = (
                next(row for row in accounts if row["account"] == item.account and "cards" in row)["cards"]
                if any(line.card is not None for line in item.lines)
                else []
            )
            held = [card for card in own if card["bought"] < DAYS[month] and card.get("left") != "0"]
            for line in item.lines:
                if line.card is not None:
                    left = Decimal(held[line.card].get("left", "100")) + Decimal(line.amount) / 100
                    held[line.card]["left"] = str(left)
    return found


def _so_far(row: dict[str, Any], month: str) -> dict[str, Any]:
    if "cards" not in row:
        return row
    bought = [card for card in row["cards"] if card["bought"] < DAYS[month]]
    return {**row, "cards": [card for card in bought if Decimal(card.get("left", "1")) > 0]}


def test_billing_models_policies_and_money(platform: Any) -> None:
    books, expected = platform, previews()
    sold_cards(books)
    for account in ("jade-studio", "mei-lin"):
        books.done(deposit(books.store, books.acting("2026-01-05"), account, 20_000))
        assert books.problems() == []
    for month, day in DAYS.items():
        books.bill("platform", month, day)
        assert books.problems() == []
        stored = books.rows("SELECT statement FROM invoices WHERE period_start = ? ORDER BY id", f"{month}-01")
        assert [json.loads(str(text)) for (text,) in stored] == expected[month]
    kinds = {row[0] for row in books.rows("SELECT DISTINCT kind FROM invoice_lines")}
    assert {"charge", "fee", "discount", "offer", "penalty", "prepaid"} <= kinds
    settled = {row[0] for row in books.rows("SELECT DISTINCT kind FROM settlements")}
    assert settled == {"card", "wallet"}
    opened = books.rows(
        "SELECT account, CAST(sum(open) AS BIGINT) FROM open_invoices GROUP BY account ORDER BY account"
    )
    account, amount = opened[0]
    paid = books.done(pay(books.store, books.acting("2026-04-03"), str(account), int(str(amount)) + 500))
    assert books.problems() == []
    assert books.rows("SELECT open FROM open_invoices WHERE account = ?", str(account)) == []
    books.done(refund(books.store, books.acting("2026-04-04"), int(str(paid["payment"])), 500))
    assert books.problems() == []


def test_documents_are_shown_as_they_were_issued(platform: Any) -> None:
    books = platform
    sold_cards(books)
    for month, day in DAYS.items():
        books.bill("platform", month, day)
    numbers = [
        f"{series}-{number}"
        for series, number in books.rows("SELECT series, number FROM invoices WHERE kind = 'invoice' ORDER BY id")
    ]
    books.use(
        [
            {
                "id": "after",
                "account": "mei-lin",
                "event": "compute.used",
                "time": "2026-02-17T09:00:00+08:00",
                "units": 9,
            }
        ]
    )
    for number in numbers:
        found = books.store.read(lambda reader, number=number: issued_document(reader, number))
        assert not isinstance(found, Diagnostic)
        shown = document_object(found)
        due = Decimal(str(shown["total"])) - sum(Decimal(str(item["amount"])) for item in shown["settled"])  # type: ignore[attr-defined]
        assert Decimal(str(shown["open"])) == due
        statement, _, _ = books.store.read(lambda reader, found=found: explained_statement(reader, found))
        assert statement_object(statement) == shown["statement"]
        assert all(line.derivation.value == statement.money.fraction(line.amount) for line in statement.lines)


OVERDUE = """
ruleset rent "Rent":
  currency EUR

account:
  overdue: money
  days_overdue: number of day

plan flat "Flat" from 2026-01-01:
  fee base "Base" €1,000 per month

penalty late "Late payment":
  0.05% of account.overdue per day of account.days_overdue
"""


def test_a_penalty_for_late_payment_follows_from_open_invoices(books: Any) -> None:
    books.publish(OVERDUE)
    books.subscribe("ann", "rent", "flat", "2026-01-01")
    books.subscribe("bob", "rent", "flat", "2026-01-01")
    books.bill("rent", "2026-01", "2026-02-01", payable_within=14)
    books.done(pay(books.store, books.acting("2026-02-10"), "bob", 100_000))
    books.bill("rent", "2026-02", "2026-03-01")
    # Payable by the 15th: on 13 days of February it was overdue, 0.05% of €1,000 each.
    totals = books.rows("SELECT account, total FROM invoices WHERE period_start = '2026-02-01' ORDER BY id")
    assert totals == [("ann", 100_000 + 13 * 50), ("bob", 100_000)]
    assert books.problems() == []
