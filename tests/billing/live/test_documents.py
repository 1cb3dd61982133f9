"""The document of a bill says what settled it when it was issued, and what was left to pay then."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ratebook.billing.issued import explained_statement, issued_document
from ratebook.billing.payments import pay
from ratebook.billing.settled_at_issue import with_settlements
from ratebook.engine.statement import LineKind, Statement
from ratebook.invoice import InvoiceFormat, InvoiceOptions, build_invoice, find_language, render_invoice

from .conftest import SHOP, Till, called, done, done_any

CHEAPER = SHOP.replace("above at ¥0.30", "above at ¥0.20").replace("10% off calls", "20% off calls")


def document(till: Till, number: str = "INV-2026-000001") -> tuple[Statement, dict[str, int], int]:
    """The statement of a document, what it says was paid (by label, in fen), and what is open now."""
    found = done_any(till.store.read(lambda reader: issued_document(reader, number)))
    statement, _, sources = till.store.read(lambda reader: explained_statement(reader, found))
    whole = till.store.read(lambda reader: with_settlements(reader, found.document, statement))
    assert whole.total == found.document.total
    for form in (InvoiceFormat.TEXT, InvoiceFormat.MARKDOWN, InvoiceFormat.HTML):
        for code in ("en", "zh"):
            options = InvoiceOptions(language=done_any(find_language(code)), number=number)
            text = render_invoice(build_invoice(whole, None, options, sources), form)
            assert ":0)" not in text, "no rule of the ruleset gives what was settled"
    paid = {line.labels.default: -line.amount for line in whole.lines if line.kind is LineKind.PREPAID}
    assert whole.due == whole.total - sum(paid.values())
    return whole, paid, found.open


def by_wallet(till: Till) -> dict[str, int]:
    till.account(plan="main", wallet=8_00)
    till.add(called("e1", 3))
    return {"Paid from the wallet": 8_00}


def by_live_charges_and_wallet(till: Till) -> dict[str, int]:
    till.account(plan="main", wallet=20_00)
    till.debit(called("e1", 3))
    return {"Paid as it was used": 3_00, "Paid from the wallet": 12_00}


def by_a_card(till: Till) -> dict[str, int]:
    till.account()
    till.card("calling")
    till.add(called("e1", 3))
    return {"¥10 of calls": 3_00}


def by_a_card_as_it_happened(till: Till) -> dict[str, int]:
    till.account(wallet=20_00)
    till.card("calling")
    till.debit(called("e1", 12))
    return {"Paid as it was used": 12_00}


def with_something_back(till: Till) -> dict[str, int]:
    till.account(wallet=20_00, tier="gold")
    till.debit(called("e1", 10))
    till.publish(CHEAPER)
    return {"Paid as it was used": 9_00, "Put into the wallet": -1_00}


def with_something_back_on_a_card(till: Till) -> dict[str, int]:
    till.account(wallet=20_00, tier="gold")
    card = till.card("calling")
    till.debit(called("e1", 10))
    till.publish(CHEAPER)
    return {"Paid as it was used": 9_00, f"Put back on card {card}": -1_00}


def by_nothing(till: Till) -> dict[str, int]:
    till.account()
    till.add(called("e1", 3))
    return {}


CASES = [
    by_wallet,
    by_live_charges_and_wallet,
    by_a_card,
    by_a_card_as_it_happened,
    with_something_back,
    with_something_back_on_a_card,
    by_nothing,
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_a_document_says_what_was_paid_and_what_is_left(till: Till, case: Callable[[Till], dict[str, int]]) -> None:
    expected = case(till)
    till.bill()
    whole, paid, left = document(till)
    assert paid == expected
    assert whole.due == left


def test_what_is_paid_later_is_no_part_of_the_document(till: Till) -> None:
    till.account(plan="main", wallet=8_00)
    till.add(called("e1", 3))
    till.bill()
    before, paid, _ = document(till)
    done(pay(till.store, till.acting("2026-05-01"), "ann", 7_00))
    after, again, left = document(till)
    assert (after, again, left) == (before, paid, 0)
    assert after.due == 7_00


def test_whole_coins_stand_on_the_document_where_the_ruleset_counts_finer(till: Till) -> None:
    till.publish(
        SHOP.replace("  currency CNY\n", "  currency CNY\n  round each line to ¥0.001 half up\n").replace(
            "¥1.00", "¥1.003"
        )
    )
    till.account(wallet=1_00)
    till.add(called("e1", 3))
    till.bill()
    found = done_any(till.store.read(lambda reader: issued_document(reader, "INV-2026-000001")))
    statement, _, _ = till.store.read(lambda reader: explained_statement(reader, found))
    whole = till.store.read(lambda reader: with_settlements(reader, found.document, statement))
    assert (whole.money.text(statement.total), whole.money.text(whole.total)) == ("3.009", "3.01")
    assert (whole.money.text(whole.due), found.open) == ("2.01", 2_01)
    assert [whole.money.text(line.amount) for line in whole.lines if line.kind is LineKind.ROUNDING] == ["0.001"]


def test_coins_stand_on_the_document_where_the_ruleset_counts_coarser(till: Till) -> None:
    till.publish(SHOP.replace("  currency CNY\n", "  currency CNY\n  round each line to ¥0.10 half up\n"))
    till.account(wallet=1_23)
    till.add(called("e1", 3))
    till.bill()
    found = done_any(till.store.read(lambda reader: issued_document(reader, "INV-2026-000001")))
    statement, _, _ = till.store.read(lambda reader: explained_statement(reader, found))
    whole = till.store.read(lambda reader: with_settlements(reader, found.document, statement))
    assert (whole.money.text(whole.total), whole.money.text(whole.due), found.open) == ("3.00", "1.77", 1_77)
