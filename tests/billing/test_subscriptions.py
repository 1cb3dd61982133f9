"""Taking, changing and leaving a plan: what is prorated, what is refused, and that billed periods stay."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from ratebook.billing.acting import Json
from ratebook.billing.attributes import set_attributes
from ratebook.billing.customers import create_customer
from ratebook.billing.subscriptions import (
    add_subscription,
    change_subscription,
    end_subscription,
    find_subscription,
    list_subscriptions,
)
from ratebook.diagnostics import Diagnostic

GYM = """
ruleset gym "Gym":
  currency EUR
  time zone Europe/Berlin

account:
  kind: one of member, student, default member

plan small "Small" from 2026-01-01:
  fee base "Base" €31.00 per month

plan large "Large" from 2026-01-01:
  fee base "Base" €62.00 per month

plan own "From its start" from 2026-01-01:
  billed monthly from start
  fee base "Base" €31.00 per month

discount young "Students":
  50% off base
  when account.kind is student
"""


def code(answer: Json | Diagnostic) -> str:
    assert isinstance(answer, Diagnostic), answer
    return answer.code


def totals(books: Any) -> list[tuple[object, ...]]:
    return books.rows("SELECT plan, period_start, total FROM invoices ORDER BY id")  # type: ignore[no-any-return]


def test_a_change_in_mid_period_bills_each_plan_for_its_days(books: Any) -> None:
    books.publish(GYM)
    number = books.subscribe("ann", "gym", "small", "2026-01-01")
    answer = books.done(
        change_subscription(books.store, books.acting("2026-01-10"), number, date(2026, 1, 11), plan="large")
    )
    assert answer["before"] == number
    books.bill("gym", "2026-01", "2026-02-01")
    assert totals(books) == [("small", "2026-01-01", 1000), ("large", "2026-01-01", 4200)]
    first, second = books.store.read(lambda reader: list_subscriptions(reader, account="ann"))
    assert (first.end, second.start, second.end) == (date(2026, 1, 11), date(2026, 1, 11), None)
    assert books.problems() == []


def test_attributes_change_with_the_subscription(books: Any) -> None:
    books.publish(GYM)
    number = books.subscribe("ann", "gym", "small", "2026-01-01", kind="student")
    books.done(
        change_subscription(
            books.store, books.acting("2026-01-10"), number, date(2026, 2, 1), attributes={"kind": "member"}
        )
    )
    books.bill("gym", "2026-01", "2026-02-01")
    books.bill("gym", "2026-02", "2026-03-01")
    assert [row[2] for row in totals(books)] == [1550, 3100]


def test_an_anniversary_period_is_billed_when_it_is_over(books: Any) -> None:
    books.publish(GYM)
    books.subscribe("ann", "gym", "own", "2026-01-15")
    assert books.bill("gym", "2026-01", "2026-02-14").invoices == 0
    assert books.bill("gym", "2026-01", "2026-02-15").invoices == 1
    assert totals(books) == [("own", "2026-01-15", 3100)]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"ruleset": "pool"}, "RB7043"),
        ({"plan": "medium"}, "RB3101"),
        ({"attributes": {"kind": "child"}}, "RB3104"),
        ({"attributes": {"size": "1"}}, "RB2001"),
        ({"end": date(2026, 1, 1)}, "RB3108"),
        ({"account": "bob"}, "RB7006"),
        ({"account": "eve"}, "RB7044"),
    ],
)
def test_what_cannot_begin_is_refused_without_effect(books: Any, change: dict[str, Any], expected: str) -> None:
    books.publish(GYM)
    for account, currency in (("ann", "EUR"), ("eve", "USD")):
        books.done(create_customer(books.store, books.acting(), account, currency))
    given: dict[str, Any] = {"account": "ann", "ruleset": "gym", "plan": "small", "start": date(2026, 1, 1), **change}
    assert code(add_subscription(books.store, books.acting(), **given)) == expected
    assert books.rows("SELECT count(*) FROM subscriptions") == [(0,)]


def test_two_at_a_time_and_billed_days_are_refused(books: Any, acting: Callable[..., Any]) -> None:
    books.publish(GYM)
    number = books.subscribe("ann", "gym", "small", "2026-01-01")
    store = books.store
    assert code(add_subscription(store, acting(), "ann", "gym", "large", date(2026, 3, 1))) == "RB7046"
    books.bill("gym", "2026-01", "2026-02-01")
    assert code(end_subscription(store, acting(), number, date(2026, 1, 20))) == "RB7045"
    assert code(change_subscription(store, acting(), number, date(2026, 1, 31), plan="large")) == "RB7045"
    assert code(end_subscription(store, acting(), number, date(2025, 12, 20))) == "RB7052"
    assert code(end_subscription(store, acting(), 99, date(2026, 3, 1))) == "RB7047"
    books.done(end_subscription(store, acting(), number, date(2026, 2, 1)))
    assert code(end_subscription(store, acting(), number, date(2026, 2, 1))) == "RB7052"
    assert code(add_subscription(store, acting(), "ann", "gym", "small", date(2026, 1, 20))) == "RB7046"
    books.subscribe("ann", "gym", "large", "2026-02-01")
    found = store.read(lambda reader: find_subscription(reader, number))
    assert not isinstance(found, Diagnostic)
    assert found.end == date(2026, 2, 1)


LATE = """
ruleset rent "Rent":
  currency EUR

account:
  overdue: money
  days_overdue: number of day

plan flat "Flat" from 2026-01-01:
  fee base "Base" €10 per month

plan large "Large" from 2026-01-01:
  fee base "Base" €20 per month

penalty late "Late payment":
  1% of account.overdue
"""


def test_what_billing_fills_is_not_asked_for_and_not_taken(books: Any) -> None:
    books.publish(LATE)
    number = books.subscribe("ann", "rent", "flat", "2026-01-01")
    day = date(2026, 2, 1)
    changed = change_subscription(books.store, books.acting(), number, day, attributes={"overdue": "5"})
    assert code(changed) == "RB7051"
    given = {"days_overdue": "0"}
    books.done(create_customer(books.store, books.acting(), "bob", "EUR"))
    added = add_subscription(books.store, books.acting(), "bob", "rent", "flat", day, attributes=given)
    assert code(added) == "RB7051"


def test_what_was_given_before_billing_filled_it_goes_with_the_next_change(books: Any) -> None:
    books.publish(LATE.replace("  overdue: money", "  overdue: text").replace("account.overdue", "base"))
    number = books.subscribe("ann", "rent", "flat", "2026-01-01", overdue="much")
    books.publish(LATE)
    answer = books.done(
        change_subscription(books.store, books.acting("2026-01-10"), number, date(2026, 1, 11), plan="large")
    )
    found = books.store.read(lambda reader: find_subscription(reader, int(str(answer["subscription"]))))
    assert found.attributes == {}


def test_an_attribute_of_the_same_name_and_another_type_is_one_like_any_other(books: Any) -> None:
    books.publish(LATE.replace("  overdue: money", "  overdue: yes or no").replace("account.overdue", "base"))
    books.subscribe("ann", "rent", "flat", "2026-01-01", overdue="yes")
    books.bill("rent", "2026-01", "2026-02-01")
    assert totals(books) == [("flat", "2026-01-01", 1010)]
    books.done(create_customer(books.store, books.acting(), "bob", "EUR"))
    assert code(add_subscription(books.store, books.acting(), "bob", "rent", "flat", date(2026, 2, 1))) == "RB3107"


def test_attributes_of_an_account_are_held_to_the_rulesets_that_read_them(books: Any) -> None:
    books.publish(GYM.replace(", default member", "").replace("account:\n", "account:\n  seats: number, default 1\n"))
    books.done(create_customer(books.store, books.acting(), "ann", "EUR", attributes={"kind": "member", "hair": "red"}))
    books.subscribe("ann", "gym", "small", "2026-01-01", "2026-03-01")

    def change(day: str, **given: object) -> Json | Diagnostic:
        return set_attributes(books.store, books.acting(), "ann", given, valid_from=date.fromisoformat(day))

    assert code(change("2026-02-01", kind="director")) == "RB3104"
    assert code(change("2026-02-01", kind=None)) == "RB3107"
    assert code(change("2026-02-01", seats="many")) == "RB3105"
    # What no ruleset reads, or none that runs by then, is nobody's concern.
    books.done(change("2026-02-01", hair="black"))
    books.done(change("2026-03-01", kind="director"))
    # And what is wrong already does not stand in the way of another change.
    books.done(change("2026-02-01", seats="4"))


def test_a_value_of_the_account_is_held_to_the_ruleset_below_one_of_the_subscription(books: Any) -> None:
    books.publish(GYM)
    books.subscribe("ann", "gym", "small", "2026-01-01", kind="student")
    day = date(2026, 2, 1)
    refused = set_attributes(books.store, books.acting(), "ann", {"kind": "director"}, valid_from=day)
    assert code(refused) == "RB3104"
    books.done(set_attributes(books.store, books.acting(), "ann", {"kind": None}, valid_from=day))
