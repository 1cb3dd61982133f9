"""The bill of a period that was charged as it happened: whole lines, what was taken counted, the rest explained."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ratebook.billing.account_facts import facts_of_accounts
from ratebook.billing.documents import find_document
from ratebook.billing.issued import document_object, issued_document
from ratebook.billing.live import debit
from ratebook.billing.live_bill import difference_lines, live_taken
from ratebook.billing.rulesets import ruleset_by_hash
from ratebook.billing.subscriptions import change_subscription
from ratebook.billing.usage_facts import usage_of_account
from ratebook.diagnostics import Diagnostic
from ratebook.engine.evaluators.rate import rate
from ratebook.engine.period import DateRange
from ratebook.engine.statement import LineKind, Statement
from ratebook.engine.usage import Subscription

from .conftest import SHOP, Till, called, done_any, stored

pytestmark = pytest.mark.usefixtures("rows_or_files")

CHEAPER = SHOP.replace("above at ¥0.30", "above at ¥0.20").replace("10% off calls", "20% off calls")
MARCH = DateRange(date(2026, 3, 1), date(2026, 4, 1))


def only_invoice(till: Till) -> int:
    (found,) = till.rows("SELECT id FROM invoices WHERE kind = 'invoice' AND period_start = '2026-03-01'")
    return int(str(found[0]))


def settled(till: Till) -> dict[str, int]:
    rows = till.rows("SELECT kind, CAST(sum(amount) AS BIGINT) FROM settlements GROUP BY kind ORDER BY kind")
    return {str(kind): int(str(amount)) for kind, amount in rows}


def test_what_was_taken_settles_and_fees_and_floors_are_left(till: Till) -> None:
    till.account(plan="main", wallet=20_00)
    till.debit(called("e1", 3))
    till.bill()
    # 3.00 of calls, 10.00 of fee, and a floor at 15.00.
    assert settled(till) == {"live": 3_00, "wallet": 12_00}
    found = till.store.read(lambda reader: difference_lines(reader, only_invoice(till)))
    assert [(line.name, line.billed, line.taken) for line in found] == [
        ("calls", 3_00, 3_00),
        ("base", 10_00, 0),
        ("minimum", 2_00, 0),
    ]
    assert found[1].why.startswith("on the bill alone")
    assert till.wallet() == 5_00
    till.check()


def test_what_was_taken_too_much_goes_back(till: Till) -> None:
    till.account(wallet=20_00, tier="gold")
    till.debit(called("e1", 10))
    till.publish(CHEAPER)
    till.bill()
    assert settled(till) == {"live": 9_00, "to wallet": -1_00}
    found = till.store.read(lambda reader: difference_lines(reader, only_invoice(till)))
    assert [(line.name, line.difference) for line in found] == [("calls", 0), ("gold", -1_00)]
    assert "prices were published anew" in found[1].why
    assert till.wallet() == 12_00
    till.check()


def test_a_card_gets_back_what_the_bill_does_not_take_from_it(till: Till) -> None:
    till.account(wallet=20_00, tier="gold")
    card = till.card("calling")
    till.debit(called("e1", 10))
    assert till.on_card(card) == 1_00
    till.publish(CHEAPER)
    till.bill()
    assert (till.on_card(card), till.wallet()) == (2_00, 20_00)
    assert settled(till) == {"live": 9_00, "card": -1_00}
    till.check()


def test_a_card_that_was_used_up_pays_on_the_bill_what_it_paid(till: Till) -> None:
    till.account(wallet=20_00)
    card = till.card("calling")
    till.debit(called("e1", 12))
    assert (till.on_card(card), till.wallet()) == (0, 18_00)
    till.bill()
    assert (till.on_card(card), till.wallet()) == (0, 18_00)
    assert settled(till) == {"live": 12_00}
    till.check()


def test_an_issued_invoice_shows_what_was_charged(till: Till) -> None:
    till.account(wallet=20_00)
    till.debit(called("e1", 2))
    till.add(called("u1", 1))
    till.bill()
    found = done_any(till.store.read(lambda reader: issued_document(reader, "INV-2026-000001")))
    (line,) = document_object(found)["live"]
    assert (line["billed"], line["taken"], line["difference"]) == ("3.00", "2.00", "1.00")
    assert line["why"].startswith("later usage")
    assert till.store.read(lambda reader: live_taken(reader, 1, "2026-03-01")) == {("calls", "charge", ""): 2_00}


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["debit", "debit", "debit", "add", "again", "publish", "deposit"]),
        st.sampled_from(["us", "eu", "files"]),
        st.integers(0, 30),
        st.integers(1, 31),
    ),
    max_size=12,
)


@given(
    EVENTS,
    st.sampled_from(["plain", "main"]),
    st.sampled_from(["standard", "gold"]),
    st.lists(st.sampled_from(["all", "calling"]), max_size=3),
    st.integers(0, 80_00),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_was_taken_and_what_the_bill_posts_is_the_statement(
    new_till: Any, steps: list[tuple[str, str, int, int]], plan: str, tier: str, cards: list[str], wallet: int
) -> None:
    """Line by line and to the cent, whatever came late, twice, without a charge, or under earlier prices."""
    till: Till = new_till()
    till.account(plan=plan, wallet=wallet, tier=tier, limit=5_00)
    serials = [till.card(card) for card in cards]
    seen: list[dict[str, object]] = []
    texts = [SHOP, CHEAPER]
    for number, (what, where, units, day) in enumerate(steps):
        moment = f"2026-03-{day:02}"
        event = (
            stored(f"e{number}", units, day=moment)
            if where == "files"
            else called(f"e{number}", units, where, day=moment)
        )
        match what:
            case "debit":
                answer = debit(till.store, till.acting(), event)
                assert not isinstance(answer, Diagnostic) or answer.code == "RB7018"
                seen.append(event)
            case "again" if seen:
                before = till.everything()
                debit(till.store, till.acting(), seen[number % len(seen)])
                assert till.everything() == before
            case "add":
                till.add(event)
            case "publish":
                texts.reverse()
                till.publish(texts[0])
            case "deposit":
                till.deposit("ann", units * 10)
        till.check()
        assert till.wallet() >= -5_00
        assert all(till.on_card(serial) >= 0 for serial in serials)
    till.bill()
    till.check()
    held_to_the_statement(till, plan)


def held_to_the_statement(till: Till, plan: str) -> None:
    """The bill and what was taken, against the scalar evaluator over all stored usage."""
    ((digest, kind),) = till.rows("SELECT hash, kind FROM invoices WHERE period_start = '2026-03-01'")
    program = till.store.read(lambda reader: ruleset_by_hash(reader, str(digest))).program
    end = datetime(2026, 4, 1, tzinfo=ZoneInfo("Asia/Shanghai"))
    usage = till.store.read(lambda reader: usage_of_account(reader, program.schema, "ann", through=2**62, until=end))
    (facts,) = till.store.read(lambda reader: facts_of_accounts(reader, program, "shop", 2**62, accounts={"ann"}))
    attributes = dict(facts.subscriptions[0].attributes)
    meant = rate(program, Subscription("ann", plan, date(2026, 1, 1), None, attributes), usage, MARCH)  # type: ignore[arg-type]
    assert isinstance(meant, Statement)
    if kind == "nothing":
        assert meant.total == 0
        assert till.rows("SELECT 1 FROM live_charges") == []
        return
    invoice = only_invoice(till)
    document = done_any(till.store.read(lambda reader: find_document(reader, "INV-2026-000001")))
    assert document.total == meant.total
    lines = till.store.read(lambda reader: difference_lines(reader, invoice))
    taken = till.store.read(lambda reader: live_taken(reader, 1, "2026-03-01"))
    ((charged,),) = till.rows("SELECT CAST(coalesce(sum(amount), 0) AS BIGINT) FROM live_charges")
    assert sum(taken.values()) == charged == settled(till).get("live", 0)
    if not taken:
        return
    by_line: dict[tuple[str, str], int] = {}
    for line in meant.lines:
        if line.kind is not LineKind.PREPAID:
            key = (line.id, line.kind.value)
            by_line[key] = by_line.get(key, 0) + line.amount
    shown: dict[tuple[str, str], int] = {}
    for found in lines:
        key = (found.name, found.kind)
        shown[key] = shown.get(key, 0) + found.taken + found.difference
        assert found.why
    assert {key: amount for key, amount in shown.items() if amount} == {
        key: amount for key, amount in by_line.items() if amount
    }
    assert sum(line.difference for line in lines) == meant.total - charged


def test_a_plan_that_changes_in_mid_period_is_charged_and_billed_on_both_sides(till: Till) -> None:
    till.account(wallet=40_00)
    till.debit(called("e1", 4, day="2026-03-05"))
    done_any(change_subscription(till.store, till.acting(), 1, date(2026, 3, 16), plan="main"))
    assert till.debit(called("e2", 4, "eu", day="2026-03-20"))["subscription"] == 2
    assert till.debit(called("e3", 2, day="2026-03-05"))["subscription"] == 1
    till.bill()
    rows = till.rows(
        "SELECT subscription, settlements.kind, amount FROM settlements JOIN invoices ON invoices.id = invoice "
        "ORDER BY settlements.id"
    )
    assert rows[0] == (1, "live", 6_00)
    assert rows[1] == (2, "live", 5_00)
    assert rows[2][:2] == (2, "wallet")
    till.check()
