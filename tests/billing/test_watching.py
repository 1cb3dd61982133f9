"""Watch rules fire once for each occasion, and again for the next."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratebook.billing.acting import Acting, microseconds
from ratebook.billing.customers import create_customer, deposit, withdraw
from ratebook.billing.watches import add_watch, firings, remove_watch, watch_all, watches
from ratebook.billing.watching import (
    BalanceBelow,
    Spend,
    SpendAbove,
    UsageAbove,
    parse_rule,
    rule_json,
    rule_of_json,
    rule_text,
)
from ratebook.diagnostics import Diagnostic
from ratebook.ledger.books import USAGE_EVENTS
from ratebook.ledger.store import Reader, Store, open_store

pytestmark = pytest.mark.usefixtures("rows_or_files")

NOW = datetime(2026, 3, 18, 12, tzinfo=UTC)
"""A Wednesday."""


class Calls:
    """Acting under a new key each time."""

    def __init__(self) -> None:
        self.number = 0
        self.now = NOW

    def __call__(self) -> Acting:
        self.number += 1
        return Acting("test", self.now, f"key {self.number}")


@pytest.fixture
def acting() -> Calls:
    return Calls()


@pytest.fixture
def store(tmp_path: Path, acting: Calls) -> Iterator[Store]:
    made = open_store(str(tmp_path / "ledger.db"), create=True)
    for account, code in (("a-1", "CNY"), ("a-2", "CNY"), ("u-1", "USD")):
        create_customer(made, acting(), account, code, credit_limit=10_000)
    yield made
    made.close()


def no_spend(_reader: Reader, _account: str, _now: datetime) -> list[Spend]:
    return []


@pytest.mark.parametrize(
    ("phrase", "rule"),
    [
        ("balance below ¥50", BalanceBelow("¥50")),
        ("balance  below 50 CNY", BalanceBelow("50 CNY")),
        ("spend above ¥1,000", SpendAbove("¥1,000")),
        ("spend above 80% of cap", SpendAbove(None, 80)),
        ("usage of compute.used.units above 3 times last week", UsageAbove("compute.used.units", Fraction(3))),
        ("usage of login above 1.5 times last week's", UsageAbove("login", Fraction(3, 2))),
    ],
)
def test_phrases(phrase: str, rule: BalanceBelow | SpendAbove | UsageAbove) -> None:
    assert parse_rule(phrase) == rule
    assert rule_of_json(rule_json(rule)) == rule
    assert parse_rule(rule_text(rule)) == rule


@given(st.text(max_size=40))
def test_any_text_is_a_rule_or_a_finding(text: str) -> None:
    found = parse_rule(text)
    assert not isinstance(found, Diagnostic) or found.code == "RB7090"


def test_a_low_balance_fires_once_until_it_has_recovered(store: Store, acting: Calls) -> None:
    deposit(store, acting(), "a-1", 10_000)
    deposit(store, acting(), "a-2", 10_000)
    add_watch(store, acting(), "low", "balance below ¥50", "file:alerts.jsonl", account="a-1")

    def fired() -> list[str]:
        return [firing.value for _, firing in watch_all(store, acting(), no_spend)]

    assert fired() == []
    withdraw(store, acting(), "a-1", 5_000)
    assert fired() == [], "at the mark is not below it"
    withdraw(store, acting(), "a-1", 1)
    assert fired() == ["49.99 CNY is below 50.00 CNY"]
    withdraw(store, acting(), "a-1", 100)
    assert fired() == [], "the same occasion"
    deposit(store, acting(), "a-1", 101)
    assert fired() == []
    withdraw(store, acting(), "a-1", 7_000)
    assert fired() == ["-20.00 CNY is below 50.00 CNY"]
    messages = store.read(lambda reader: reader.rows("SELECT kind, destination, body FROM outbox ORDER BY id"))
    assert [row[:2] for row in messages] == [("watch", "file:alerts.jsonl")] * 2
    assert json.loads(str(messages[0][2]))["rule"] == "balance below ¥50"
    assert len(store.read(lambda reader: firings(reader, name="low", account="a-1"))) == 2


def test_a_mark_in_another_currency_is_held_against_nobody(store: Store, acting: Calls) -> None:
    add_watch(store, acting(), "low", "balance below 50 USD", "file:alerts.jsonl")
    assert [firing.account for _, firing in watch_all(store, acting(), no_spend)] == ["u-1"]


def test_spend_fires_once_a_period(store: Store, acting: Calls) -> None:
    spends = [Spend(7, "2026-03-01", 80_001, 100_000, "CNY"), Spend(8, "2026-03-01", 500, None, "CNY")]

    def spend_of(_reader: Reader, account: str, _now: datetime) -> list[Spend]:
        return spends if account == "a-1" else []

    add_watch(store, acting(), "cap", "spend above 80% of cap", "file:alerts.jsonl")
    add_watch(store, acting(), "much", "spend above ¥5", "file:alerts.jsonl")
    fired = [(watch.name, firing.value) for watch, firing in watch_all(store, acting(), spend_of)]
    assert fired == [
        ("cap", "800.01 CNY is above 800 CNY"),
        ("much", "800.01 CNY is above 5 CNY"),
    ]
    assert watch_all(store, acting(), spend_of) == []
    spends[0] = Spend(7, "2026-04-01", 90_000, 100_000, "CNY")
    assert len(watch_all(store, acting(), spend_of)) == 2


def test_usage_is_held_against_the_week_before(store: Store, acting: Calls) -> None:
    monday = datetime(2026, 3, 16, tzinfo=UTC)
    rows = [(monday - timedelta(seconds=1), "100.5"), (monday - timedelta(days=7), "0"), (monday, "301.5")]
    _add_usage(store, rows)
    add_watch(store, acting(), "surge", "usage of compute.used.units above 3 times last week", "https://example.com/x")
    add_watch(store, acting(), "many", "usage of compute.used above 1 times last week", "https://example.com/x")
    assert watch_all(store, acting(), no_spend) == [], "three times as much is not more than three times"
    _add_usage(store, [(monday + timedelta(days=1), "0.1")])
    fired = [firing for _, firing in watch_all(store, acting(), no_spend)]
    assert [(item.account, item.occasion) for item in fired] == [("a-1", "week 2026-W12")]
    assert fired[0].value == "301.6 this week are above 3 times the 100.5 of last week"
    _add_usage(store, [(monday + timedelta(days=1), "0")])
    assert [watch.name for watch, _ in watch_all(store, acting(), no_spend)] == ["many"]


def _add_usage(store: Store, rows: list[tuple[datetime, str]]) -> None:
    before = store.read(lambda reader: reader.rows("SELECT count(*) FROM usage_events"))[0][0]
    made = [
        ("", f"e-{before}-{number}", "a-1", "compute.used", microseconds(time), json.dumps({"units": units}), b"", 0)
        for number, (time, units) in enumerate(rows)
    ]
    store.write(lambda transaction: transaction.append(USAGE_EVENTS, made))


def test_a_watch_is_replaced_and_removed(store: Store, acting: Calls) -> None:
    add_watch(store, acting(), "low", "balance below ¥50", "file:one.jsonl")
    add_watch(store, acting(), "low", "balance below ¥60", "file:two.jsonl")
    (only,) = store.read(watches)
    assert (only.rule, only.destination) == (BalanceBelow("¥60"), "file:two.jsonl")
    assert not isinstance(remove_watch(store, acting(), "low"), Diagnostic)
    assert store.read(watches) == []
    refused = remove_watch(store, acting(), "low")
    assert isinstance(refused, Diagnostic) and refused.code == "RB7092"


@pytest.mark.parametrize(
    ("phrase", "destination", "account", "code"),
    [
        ("balance under ¥50", "file:x", "", "RB7090"),
        ("balance below fifty", "file:x", "", "RB7090"),
        ("balance below ¥50", "mailto:me", "", "RB7091"),
        ("balance below ¥50", "file:x", "nobody", "RB7006"),
    ],
)
def test_refusals(store: Store, acting: Calls, phrase: str, destination: str, account: str, code: str) -> None:
    found = add_watch(store, acting(), "low", phrase, destination, account=account)
    assert isinstance(found, Diagnostic) and found.code == code
    assert store.read(watches) == []


def test_a_rule_of_the_same_name_is_replaced_and_said_so(store: Store, acting: Calls) -> None:
    first = add_watch(store, acting(), "low", "balance below ¥50", "file:alerts.jsonl")
    again = add_watch(store, acting(), "low", "balance below ¥10", "file:alerts.jsonl")
    assert not isinstance(first, Diagnostic) and not isinstance(again, Diagnostic)
    assert first["replaced"] == "" and "50" in str(again["replaced"])
    assert [rule_text(item.rule) for item in store.read(watches)] == ["balance below ¥10"]
