"""Late usage is billed as lines that name the period they are about; issued documents stay as they are."""

from __future__ import annotations

from typing import Any

import pytest

from ratebook.billing import rating

pytestmark = pytest.mark.usefixtures("rows_or_files")

TIERED = """
ruleset shop "Shop":
  currency CNY
  time zone Asia/Shanghai

unit call

event call.made:
  calls: number of call

meter calls: sum of calls of call.made

plan basic "Basic" from 2026-01-01:
  charge calls "Calls" graduated:
    first 100 at ¥1.00 per call
    above at ¥0.50 per call
  minimum ¥20

tax vat: 10% of total
"""


def call(name: str, day: str, calls: int, account: str = "ann") -> dict[str, object]:
    return {"id": name, "account": account, "event": "call.made", "time": f"{day}T09:00:00+08:00", "calls": calls}


def lines(books: Any, account: str = "ann") -> list[tuple[object, ...]]:
    return [
        tuple(row)
        for row in books.rows(
            "SELECT period_start, invoices.kind, name, invoice_lines.kind, invoice_lines.quantity, amount, "
            "origin_start, adjusts FROM invoice_lines JOIN invoices ON invoices.id = invoice WHERE account = ? "
            "ORDER BY invoice, line",
            account,
        )
    ]


@pytest.mark.parametrize("few", [0, 500])
def test_late_usage_is_billed_with_the_next_period(books: Any, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rating, "ONE_BY_ONE_MAX", few)
    books.publish(TIERED)
    for account in ("ann", "bob"):
        books.subscribe(account, "shop", "basic", "2026-01-01")
        books.use([call(f"{account}-1", "2026-01-10", 80, account), call(f"{account}-2", "2026-02-10", 30, account)])
    books.bill("shop", "2026-01", "2026-02-01")
    before = books.rows("SELECT * FROM invoices ORDER BY id")
    late = books.use([call("late", "2026-01-20", 60)])
    assert (late.added, late.late) == (1, 1)
    books.bill("shop", "2026-02", "2026-03-01")
    assert books.problems() == []
    # 140 calls are ¥120.00, and 80 were billed with ¥80.00; the tax follows.
    assert lines(books)[-4:] == [
        ("2026-02-01", "invoice", "calls", "charge", "30", 3000, "", ""),
        ("2026-02-01", "invoice", "vat", "tax", "", 300, "", ""),
        ("2026-02-01", "invoice", "calls", "adjustment", "60", 4000, "2026-01-01", "charge"),
        ("2026-02-01", "invoice", "vat", "adjustment", "", 400, "2026-01-01", "tax"),
    ]
    assert [row[5] for row in lines(books, "bob")] == [8000, 800, 3000, 300]
    assert books.rows("SELECT * FROM invoices ORDER BY id")[: len(before)] == before
    # It is billed once, also where more comes late.
    books.use([call("later", "2026-01-21", 10), call("ann-3", "2026-03-10", 20)])
    books.bill("shop", "2026-03", "2026-04-01")
    assert lines(books)[-2:] == [
        ("2026-03-01", "invoice", "calls", "adjustment", "10", 500, "2026-01-01", "charge"),
        ("2026-03-01", "invoice", "vat", "adjustment", "", 50, "2026-01-01", "tax"),
    ]
    assert books.problems() == []


def test_late_usage_of_a_subscription_that_ended_has_a_document_of_its_own(books: Any) -> None:
    books.publish(TIERED)
    books.subscribe("ann", "shop", "basic", "2026-01-01", "2026-02-01")
    books.use([call("1", "2026-01-10", 80)])
    books.bill("shop", "2026-01", "2026-02-01")
    books.use([call("late", "2026-01-20", 60)])
    result = books.bill("shop", "2026-02", "2026-03-01")
    assert (result.invoices, result.total) == (1, 4400)
    assert lines(books)[-2:] == [
        ("2026-01-01", "adjustment", "calls", "adjustment", "60", 4000, "2026-01-01", "charge"),
        ("2026-01-01", "adjustment", "vat", "adjustment", "", 400, "2026-01-01", "tax"),
    ]
    assert books.problems() == []
    assert books.bill("shop", "2026-02", "2026-03-01").invoices == 0
    assert dict(books.rows("SELECT account, sum(open) FROM open_invoices GROUP BY account")) == {"ann": 8800 + 4400}


def test_what_comes_back_goes_to_the_wallet(books: Any) -> None:
    books.publish(TIERED)
    books.subscribe("ann", "shop", "basic", "2026-01-01")
    books.use([call("1", "2026-01-10", 80)])
    books.bill("shop", "2026-01", "2026-02-01")
    books.use([call("late", "2026-01-20", -50), call("2", "2026-02-03", 10)])
    books.bill("shop", "2026-02", "2026-03-01")
    # ¥80.00 become ¥30.00, with tax ¥55.00 less; February costs its minimum and tax, ¥22.00.
    assert books.rows("SELECT total FROM invoices ORDER BY id") == [(8800,), (2200 - 5500,)]
    assert books.problems() == []
    assert books.rows("SELECT kind, amount FROM settlements") == [("to wallet", -3300)]
    assert books.rows(
        "SELECT credits - debits FROM accounts JOIN balances ON account = id WHERE name = 'wallet:ann'"
    ) == [(3300,)]


def test_included_units_carry_lateness_on(books: Any) -> None:
    books.publish(
        TIERED.replace("  minimum ¥20\n", "  include 100 call of calls per 3 months\n").replace(
            " graduated:\n    first 100 at ¥1.00 per call\n    above at ¥0.50 per call", ": at ¥1.00 per call"
        )
    )
    books.subscribe("ann", "shop", "basic", "2026-01-01")
    books.use([call("1", "2026-01-10", 80), call("2", "2026-02-10", 20), call("3", "2026-03-10", 5)])
    books.bill("shop", "2026-01", "2026-02-01")
    books.bill("shop", "2026-02", "2026-03-01")
    books.use([call("late", "2026-01-20", 15)])
    books.bill("shop", "2026-03", "2026-04-01")
    found = [row for row in lines(books) if row[3] == "adjustment" and row[2] == "calls"]
    assert [(row[6], row[5]) for row in found] == [("2026-02-01", 1500)]
