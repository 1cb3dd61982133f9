"""Files of accounts and of subscriptions: every mistake at once, all or none, and never twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ratebook.billing.account_files import AccountDefaults, load_customers
from ratebook.billing.attributes import set_attributes
from ratebook.billing.customers import close_customer, create_customer, find_customer
from ratebook.billing.loading import Loaded
from ratebook.billing.subscription_files import load_subscriptions
from ratebook.billing.subscriptions import add_subscription, end_subscription, list_subscriptions
from ratebook.diagnostics import Diagnostic

from .test_subscriptions import GYM, LATE

ACCOUNTS = """\
account,currency,credit_limit,tier
ann,EUR,,gold
bob,EUR,12.50,
cleo,EUR,0,gold
"""
SUBSCRIPTIONS = """\
account,plan,start,end,kind
ann,small,2026-01-01,2026-02-01,student
ann,large,2026-02-01,,
bob,small,2026-01-01,,
"""


@pytest.fixture
def load(books: Any, tmp_path: Path) -> Callable[..., Loaded]:
    """`load("accounts", text)` or `load("subscriptions", text)`: what became of a file with this text."""

    def run(kind: str, text: str, *, name: str = "file.csv", key: str = "", **options: Any) -> Any:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        acting = books.acting("2026-01-01", key)
        if kind == "accounts":
            return load_customers(books.store, acting, path, AccountDefaults(**options))
        return load_subscriptions(books.store, acting, path, **options)

    return run


def counts(loaded: Loaded) -> tuple[int, int, int]:
    assert loaded.is_sound, (loaded.rejects, loaded.findings)
    return loaded.read, loaded.added, loaded.repeated


def mistakes(loaded: Loaded) -> list[tuple[int | None, str, str]]:
    assert all(item.reason and item.way_out for item in loaded.rejects)
    return [(item.row, item.field, item.code) for item in loaded.rejects]


def log_size(books: Any) -> int:
    return int(str(books.rows("SELECT size FROM log_head")[0][0]))


def test_accounts_and_subscriptions_of_files_are_as_if_each_was_made_by_itself(books: Any, load: Any) -> None:
    books.publish(GYM)
    assert counts(load("accounts", ACCOUNTS, columns=["tier"])) == (3, 3, 0)
    assert counts(load("subscriptions", SUBSCRIPTIONS)) == (3, 3, 0)
    ann, bob = (books.store.read(lambda reader, name=name: find_customer(reader, name)) for name in ("ann", "bob"))
    assert (ann.attributes, ann.credit_limit, bob.attributes, bob.credit_limit) == ({"tier": "gold"}, 0, {}, 1250)
    rows = books.store.read(list_subscriptions)
    assert [(row.account, row.plan, str(row.start), row.end, dict(row.attributes)) for row in rows] == [
        ("ann", "small", "2026-01-01", date(2026, 2, 1), {"kind": "student"}),
        ("ann", "large", "2026-02-01", None, {}),
        ("bob", "small", "2026-01-01", None, {}),
    ]
    log = books.rows("SELECT what, account, subject FROM operations WHERE what LIKE '%added' ORDER BY id")
    assert log == [("subscription added", row.account, str(row.number)) for row in sorted(rows, key=lambda r: r.number)]
    books.bill("gym", "2026-01", "2026-02-01")
    assert [row[5] for row in books.invoices()] == [1550, 3100]


def test_the_same_file_again_changes_nothing_whatever_happened_since(books: Any, load: Any) -> None:
    books.publish(GYM)
    load("accounts", ACCOUNTS, columns=["tier"])
    load("subscriptions", SUBSCRIPTIONS)
    books.done(set_attributes(books.store, books.acting(), "ann", {"tier": None}, valid_from=date(2026, 3, 1)))
    books.done(close_customer(books.store, books.acting(), "cleo"))
    books.done(end_subscription(books.store, books.acting(), 3, date(2026, 3, 1)))
    before = log_size(books)
    assert counts(load("accounts", ACCOUNTS, columns=["tier"])) == (3, 0, 3)
    assert counts(load("subscriptions", SUBSCRIPTIONS)) == (3, 0, 3)
    assert log_size(books) == before
    # A longer file adds what is new in it.
    assert counts(load("subscriptions", SUBSCRIPTIONS + "bob,large,2026-03-01,,\n")) == (4, 1, 3)
    assert counts(load("accounts", ACCOUNTS + "dan,EUR,,\n", columns=["tier"])) == (4, 1, 3)


def test_every_mistake_of_a_file_of_subscriptions_is_named_and_nothing_is_added(books: Any, load: Any) -> None:
    books.publish(GYM)
    load("accounts", ACCOUNTS + "dora,USD,,\nemil,EUR,,\nfay,EUR,,\n", columns=["tier"])
    books.done(close_customer(books.store, books.acting(), "cleo"))
    books.subscribe("bob", "gym", "small", "2026-01-01")
    books.subscribe("fay", "gym", "small", "2026-01-01", "2026-02-01")
    books.bill("gym", "2026-01", "2026-02-01")
    before = log_size(books)
    text = (
        "account,plan,start,end,kind,ruleset\n"
        "ann,small,2026-01-01,,,\n"  # sound
        "nobody,huge,2026-01-01,,,\n"  # two mistakes
        "cleo,small,2026-01-01,,,\n"
        "dora,small,2026-01-01,,,\n"
        "bob,large,2026-05-01,,,\n"
        "emil,small,2026-02-30,,,\n"
        "emil,small,2026-01-01,2026-01-01,,\n"
        "emil,small,2026-01-01,,director,\n"
        "emil,small,2026-01-01,,,pool\n"
        "ann,large,2026-03-01,,,\n"
        "fay,small,2026-01-15,2026-01-20,,\n"
        "fay,small\n"
    )
    loaded = load("subscriptions", text)
    assert mistakes(loaded) == [
        (3, "plan", "RB3101"),
        (3, "account", "RB7006"),
        (4, "account", "RB7008"),
        (5, "account", "RB7044"),
        (6, "start", "RB7046"),
        (7, "start", "RB3102"),
        (8, "end", "RB3108"),
        (9, "kind", "RB3104"),
        (10, "ruleset", "RB7043"),
        (11, "start", "RB3103"),
        (12, "start", "RB7046"),
        (13, "", "RB3017"),
    ]
    assert (loaded.read, loaded.added, log_size(books)) == (12, 0, before)
    assert load("subscriptions", "account,plan\nann,small\n").rejects[0].code == "RB3001"
    assert load("subscriptions", SUBSCRIPTIONS, ruleset="pool").rejects[0].code == "RB7043"


def test_a_subscription_does_not_begin_inside_a_billed_period(books: Any, load: Any) -> None:
    books.publish(GYM)
    number = books.subscribe("ann", "gym", "small", "2026-01-01")
    books.done(end_subscription(books.store, books.acting("2026-01-05"), number, date(2026, 1, 20)))
    books.bill("gym", "2026-01", "2026-02-01")
    rows = "account,plan,start\nann,small,{}\n"
    assert mistakes(load("subscriptions", rows.format("2026-01-20"))) == []
    assert mistakes(load("subscriptions", "account,plan,start,end\nann,small,2025-12-01,2026-01-01\n")) == [
        (2, "start", "RB7045")
    ]


def test_every_mistake_of_a_file_of_accounts_is_named_and_nothing_is_added(books: Any, load: Any) -> None:
    books.done(create_customer(books.store, books.acting(), "ann", "EUR", credit_limit=500))
    before = log_size(books)
    text = (
        "account,currency,credit_limit\n"
        "ann,EUR,4\n"
        "bob,EURO,\n"
        "cleo,EUR,-1\n"
        "dora,EUR,1.005\n"
        "emil,EUR,10000000000000.01\n"
        " fay,EUR,\n"
        "gil,EUR,1\n"
        "gil,EUR,2\n"
        ",EUR,\n"
        "hal,,\n"
    )
    loaded = load("accounts", text)
    assert mistakes(loaded) == [
        (2, "account", "RB7041"),
        (3, "currency", "RB7007"),
        (4, "credit_limit", "RB7003"),
        (5, "credit_limit", "RB7002"),
        (6, "credit_limit", "RB7004"),
        (7, "account", "RB7040"),
        (9, "account", "RB7041"),
        (10, "account", "RB7040"),
        (11, "currency", "RB7007"),
    ]
    assert (loaded.added, log_size(books)) == (0, before)
    assert load("accounts", "account\nann\n").rejects[0].code == "RB3001"


def test_a_file_of_subscriptions_can_make_the_accounts(books: Any, load: Any) -> None:
    books.publish(GYM)
    loaded = load("accounts", SUBSCRIPTIONS, currency="EUR", credit_limit="3")
    assert counts(loaded) == (3, 2, 1)  # one row an account counts
    assert [item.code for item in loaded.findings] == ["RB3020"]
    assert counts(load("subscriptions", SUBSCRIPTIONS)) == (3, 3, 0)


def test_json_rows_mean_the_same_and_numbers_are_kept_as_they_are_written(books: Any, load: Any) -> None:
    seats = GYM.replace("default member\n", "default member\n  seats: number, default 1\n")
    books.publish(seats)
    rows = '{"account": 7, "currency": "EUR", "credit_limit": 1.10}\n{"account": "x", "currency": "EUR"}\n'
    assert counts(load("accounts", rows, name="a.jsonl")) == (2, 2, 0)
    row = '{"account": 7, "plan": "small", "start": "2026-01-01", "end": null, "seats": 2.50, "kind": "student"}\n'
    assert counts(load("subscriptions", row, name="s.jsonl")) == (1, 1, 0)
    (found,) = books.store.read(list_subscriptions)
    assert (found.account, found.attributes) == ("7", {"seats": "2.50", "kind": "student"})
    assert counts(load("subscriptions", row, name="s.jsonl")) == (1, 0, 1)


def test_rows_may_name_their_rulesets(books: Any, load: Any) -> None:
    books.publish(GYM)
    books.publish(GYM.replace("ruleset gym", "ruleset pool"))
    load("accounts", ACCOUNTS, columns=["tier"])
    unnamed = load("subscriptions", "account,plan,start\nann,small,2026-01-01\n")
    assert mistakes(unnamed) == [(2, "ruleset", "RB7043")]
    rows = "account,plan,start,ruleset\nann,small,2026-01-01,pool\nann,small,2026-01-01,\n"
    assert counts(load("subscriptions", rows, ruleset="gym")) == (2, 2, 0)
    assert [row.ruleset for row in books.store.read(list_subscriptions)] == ["pool", "gym"]


def test_what_billing_fills_is_not_read_from_a_file(books: Any, load: Any) -> None:
    books.publish(LATE)
    load("accounts", ACCOUNTS, columns=["tier"])
    rows = "account,plan,start,overdue\nann,flat,2026-01-01,\nbob,flat,2026-01-01,0\n"
    assert mistakes(load("subscriptions", rows)) == [(3, "overdue", "RB7051")]


def test_what_happens_between_checking_and_writing_is_seen(books: Any, tmp_path: Path) -> None:
    books.publish(GYM)
    books.done(create_customer(books.store, books.acting(), "ann", "EUR"))
    books.done(create_customer(books.store, books.acting(), "bob", "EUR"))
    path = tmp_path / "s.csv"
    path.write_text("account,plan,start\nann,small,2026-01-01\nbob,small,2026-01-01\n", encoding="utf-8")

    class Between:
        """The store, with somebody else's subscription before the first write."""

        happened = False

        def read(self, work: Any) -> Any:
            return books.store.read(work)

        def write(self, work: Any) -> Any:
            if not self.happened:
                self.happened = True
                day = date(2026, 2, 1)
                books.done(add_subscription(books.store, books.acting(), "bob", "gym", "large", day))
            return books.store.write(work)

    answer = load_subscriptions(Between(), books.acting("2026-01-01"), path)  # type: ignore[arg-type]
    assert isinstance(answer, Diagnostic) and answer.code == "RB7046"
    assert [row.account for row in books.store.read(list_subscriptions)] == ["bob"]


def test_a_key_stands_for_one_file(books: Any, load: Any) -> None:
    first = load("accounts", ACCOUNTS, columns=["tier"], key="moving in")
    assert counts(first) == (3, 3, 0)
    assert counts(load("accounts", ACCOUNTS, columns=["tier"], key="moving in")) == (3, 3, 0)
    other = load("accounts", ACCOUNTS + "dan,EUR,,\n", columns=["tier"], key="moving in")
    assert isinstance(other, Diagnostic) and other.code == "RB7001"
