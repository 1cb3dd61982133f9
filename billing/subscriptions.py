"""Subscriptions: an account takes, changes and leaves a plan or a contract of a published ruleset.

A subscription covers its first day and not its last. A change in mid-period ends one and starts the next, so that each
is prorated as the ruleset says. Nothing changes inside a billed period. An account has at most one subscription of a
ruleset at a time, for the same usage would be billed twice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import cast

from ..diagnostics import Diagnostic
from ..intake import Reject, accounts_of_rows
from ..ledger.books import SUBSCRIPTIONS
from ..ledger.store import Reader, Row, Store, Transaction, Value
from .acting import Acting, Json, Recorded, canonical, once, record, record_all
from .customers import Customer, closed_account, find_customer
from .documents import next_number, next_numbers
from .filled import filled_attributes
from .rulesets import Published, ruleset_in_force


@dataclass(frozen=True, slots=True)
class SubscriptionRow:
    """A subscription as it stands: `end` is the first day that it does not cover, None while it runs.

    `attributes` are as they were given; they stand above those of the account.
    """

    number: int
    account: str
    ruleset: str
    plan: str
    start: date
    end: date | None
    attributes: Mapping[str, object]

    @property
    def is_never(self) -> bool:
        """Whether it covers no day, for it was ended before it began."""
        return self.end is not None and self.end <= self.start

    @property
    def terms(self) -> Json:
        """Everything but its number, as JSON."""
        return {
            "account": self.account,
            "ruleset": self.ruleset,
            "plan": self.plan,
            "start": self.start.isoformat(),
            "end": _text(self.end),
            "attributes": dict(self.attributes),
        }


_COLUMNS = "number, account, ruleset, plan, start, end_day, attributes"


def add_subscription(
    store: Store,
    acting: Acting,
    account: str,
    ruleset: str,
    plan: str,
    start: date,
    *,
    end: date | None = None,
    attributes: Mapping[str, object] | None = None,
) -> Json | Diagnostic:
    """Put an account on a plan or contract from a day on."""
    new = SubscriptionRow(0, account, ruleset, plan, start, end, dict(attributes or {}))

    def work(transaction: Transaction) -> Json | Diagnostic:
        customer = _open_customer(transaction, account)
        if isinstance(customer, Diagnostic):
            return customer
        wrong = _refused(transaction, customer, new)
        if wrong is not None:
            return wrong
        (number,) = begin_subscriptions(transaction, acting, [new])
        return {"subscription": number, "account": account, "plan": plan}

    return once(store, acting, "add subscription", new.terms, work)


def begin_subscriptions(transaction: Transaction, acting: Acting, new: Sequence[SubscriptionRow]) -> range:
    """Begin subscriptions of which the caller knows that they may; their numbers, in order."""
    numbers = next_numbers(transaction, "subscription", len(new))
    numbered = list(zip(numbers, new, strict=True))
    transaction.append(SUBSCRIPTIONS, [_row(item, number=number, end=item.end) for number, item in numbered])
    record_all(
        transaction,
        acting,
        "subscription added",
        [Recorded(item.account, str(number), after=dict(item.terms)) for number, item in numbered],
    )
    return numbers


def change_subscription(
    store: Store,
    acting: Acting,
    number: int,
    day: date,
    *,
    plan: str | None = None,
    attributes: Mapping[str, object] | None = None,
) -> Json | Diagnostic:
    """Give a subscription another plan, or other attributes, from a day on; None takes an attribute away.

    The subscription ends on that day and another one begins.
    """
    changes = dict(attributes or {})
    body = {"subscription": number, "day": day.isoformat(), "plan": plan, "attributes": changes}

    def work(transaction: Transaction) -> Json | Diagnostic:
        old = _running(transaction, number, day)
        if isinstance(old, Diagnostic):
            return old
        customer = _open_customer(transaction, old.account)
        if isinstance(customer, Diagnostic):
            return customer
        given = {**_own_attributes(transaction, old), **changes}
        merged = {name: value for name, value in given.items() if value is not None}
        new = SubscriptionRow(0, old.account, old.ruleset, plan or old.plan, day, old.end, merged)
        transaction.append(SUBSCRIPTIONS, [_row(old, end=day)])
        wrong = _refused(transaction, customer, new)
        if wrong is not None:
            return wrong
        begun = _begin(transaction, new)
        before, after = [old.plan, dict(old.attributes)], [new.plan, merged]
        record(
            transaction,
            acting,
            "subscription changed",
            account=old.account,
            subject=str(begun),
            before=before,
            after=after,
        )
        return {"subscription": begun, "account": old.account, "plan": new.plan, "before": number}

    return once(store, acting, "change subscription", body, work)


def end_subscription(store: Store, acting: Acting, number: int, day: date) -> Json | Diagnostic:
    """End a subscription: `day` is the first day that it does not cover."""

    def work(transaction: Transaction) -> Json | Diagnostic:
        old = _running(transaction, number, day)
        if isinstance(old, Diagnostic):
            return old
        transaction.append(SUBSCRIPTIONS, [_row(old, end=day)])
        record(
            transaction,
            acting,
            "subscription ended",
            account=old.account,
            subject=str(number),
            before=_text(old.end),
            after=day.isoformat(),
        )
        return {"subscription": number, "account": old.account, "end": day.isoformat()}

    return once(store, acting, "end subscription", {"subscription": number, "day": day.isoformat()}, work)


def find_subscription(reader: Reader, number: int) -> SubscriptionRow | Diagnostic:
    """A subscription as it stands, or that there is none."""
    found = reader.rows(f"SELECT {_COLUMNS} FROM subscriptions WHERE number = ? ORDER BY id DESC LIMIT 1", (number,))
    if not found:
        hint = "`ratebook subscription list` shows all"
        return Diagnostic("RB7047", f"there is no subscription {number}", hints=(hint,))
    return _subscription(found[0])


def list_subscriptions(
    reader: Reader, *, account: str | None = None, ruleset: str | None = None, through: int | None = None
) -> list[SubscriptionRow]:
    """Subscriptions by account and first day, as they stand or stood at a place in the sequence."""
    conditions, given = [], list[str | int]()
    for column, value in (("account", account), ("ruleset", ruleset)):
        if value is not None:
            conditions.append(f"{column} = ?")
            given.append(value)
    bound = "" if through is None else " WHERE id <= ?"
    parameters: Row = [*([] if through is None else [through]), *given]
    where = "".join(f" AND {condition}" for condition in conditions)
    rows = reader.rows(
        f"SELECT {_COLUMNS} FROM subscriptions WHERE id IN (SELECT max(id) FROM subscriptions{bound} GROUP BY number)"
        f"{where}",
        parameters,
    )
    # Databases sort texts each in their way; the order of documents is that of code points.
    return sorted(map(_subscription, rows), key=lambda item: (item.account, item.start, item.number))


def subscription_rows(reader: Reader, account: str) -> list[SubscriptionRow]:
    """The subscriptions of one account as they stand, by number."""
    return list({item.number: item for item in subscription_versions(reader, [account])}.values())


def subscription_versions(reader: Reader, accounts: Sequence[str]) -> list[SubscriptionRow]:
    """Every version of the subscriptions of some accounts, in the order in which they were written."""
    marks = ", ".join("?" * len(accounts))
    rows = reader.rows(f"SELECT {_COLUMNS} FROM subscriptions WHERE account IN ({marks}) ORDER BY id", accounts)
    return [_subscription(row) for row in rows]


def billed_through(reader: Reader, number: int) -> date | None:
    """The end of the latest billed period of a subscription."""
    found = reader.rows(
        "SELECT max(period_end) FROM invoices WHERE subscription = ? AND kind IN ('invoice', 'nothing')", (number,)
    )
    return None if found[0][0] is None else date.fromisoformat(cast(str, found[0][0]))


def _open_customer(transaction: Transaction, account: str) -> Customer | Diagnostic:
    customer = find_customer(transaction, account)
    if not isinstance(customer, Diagnostic) and customer.closed:
        return closed_account(account)
    return customer


def _running(transaction: Transaction, number: int, day: date) -> SubscriptionRow | Diagnostic:
    """A subscription that may end on a day."""
    old = find_subscription(transaction, number)
    if isinstance(old, Diagnostic):
        return old
    if old.end is not None and old.end <= day:
        return Diagnostic("RB7052", f"subscription {number} ends on {old.end} already", hints=("name an earlier day",))
    if day < old.start:
        hint = f"name {old.start} to have it never begin, or a later day"
        return Diagnostic("RB7052", f"subscription {number} only starts on {old.start}", hints=(hint,))
    billed = billed_through(transaction, number)
    if billed is not None and day < billed:
        return _inside_billed(number, billed)
    return old


def _inside_billed(number: int, billed: date) -> Diagnostic:
    hints = (f"name {billed} or a later day", "a credit note takes back what was billed too much")
    return Diagnostic("RB7045", f"subscription {number} is billed to {billed}, and that stays", hints=hints)


def _refused(transaction: Transaction, customer: Customer, new: SubscriptionRow) -> Diagnostic | None:
    """Why a subscription cannot begin: by its ruleset, its own words, or what stands beside it."""
    published = ruleset_in_force(transaction, new.ruleset)
    if isinstance(published, Diagnostic):
        return published
    wrong = currency_differs(published, new.account, customer.currency) or _invalid(published, customer, new)
    if wrong is not None:
        return wrong
    others = [item for item in subscription_rows(transaction, new.account) if item.ruleset == new.ruleset]
    billed = {item.number: billed_through(transaction, item.number) for item in others}
    return stands_in_the_way(others, billed, new)


def currency_differs(published: Published, account: str, currency: str) -> Diagnostic | None:
    """The finding that a ruleset and an account have different currencies."""
    if published.currency == currency:
        return None
    message = f"{published.name} is in {published.currency}, account {account} in {currency}"
    return Diagnostic("RB7044", message, hints=(f"open an account in {published.currency}",))


def stands_in_the_way(
    others: Sequence[SubscriptionRow], billed: Mapping[int, date | None], new: SubscriptionRow
) -> Diagnostic | None:
    """Which of the account's other subscriptions of the ruleset, or of its billed periods, do not let one begin.

    `billed` is to which day each of the others is billed.
    """
    for other in others:
        if other.is_never:
            continue
        if (new.end is None or other.start < new.end) and (other.end is None or new.start < other.end):
            until = "has no end" if other.end is None else f"ends before {other.end}"
            message = f"account {new.account} has plan {other.plan} from {other.start}, which {until}"
            ways_out = (f"change it: `ratebook subscription change {other.number}`", "end it first")
            return Diagnostic("RB7046", message, hints=ways_out)
    # To the end of what the others cover of a period.
    ends = [min(day, other.end or day) for other in others if (day := billed.get(other.number)) is not None]
    closed = max(ends, default=None)
    if closed is not None and new.start < closed:
        hints = (f"start it on {closed} or later",)
        return Diagnostic("RB7045", f"account {new.account} is billed to {closed}, and that stays", hints=hints)
    return None


def _invalid(published: Published, customer: Customer, new: SubscriptionRow) -> Diagnostic | None:
    """The first that is wrong with what a new subscription says itself."""
    schema = published.program.schema
    unknown = [name for name in new.attributes if name not in schema.attributes]
    if unknown:
        hint = f"the ruleset has {', '.join(schema.attributes) or 'no attributes'}"
        return Diagnostic("RB2001", f"accounts have no attribute {unknown[0]}", hints=(hint,))
    for name in sorted(filled_attributes(schema) & new.attributes.keys()):
        return filled_by_billing(name)
    for mistake in invalid_terms(published, customer, new):
        return replace(mistake.diagnostic, place=f"account {new.account}")
    return None


def invalid_terms(published: Published, customer: Customer, row: SubscriptionRow) -> tuple[Reject, ...]:
    """What intake says of a subscription as a row of an accounts file, above the attributes of its account."""
    schema = published.program.schema
    found = {name: value for name, value in customer.attributes.items() if name in schema.attributes}
    found |= {"account": row.account, "plan": row.plan, "start": row.start.isoformat()}
    found |= {**row.attributes, **dict.fromkeys(filled_attributes(schema), "0")}
    if row.end is not None:
        found["end"] = row.end.isoformat()
    return accounts_of_rows([found], schema, name="subscription").rejects


def filled_by_billing(name: str) -> Diagnostic:
    """The finding that a value was given for an attribute that billing fills."""
    hints = ("leave it out: it follows from the invoices that are open",)
    return Diagnostic("RB7051", f"{name} is filled by billing, and a value of its own would not count", hints=hints)


def _own_attributes(reader: Reader, row: SubscriptionRow) -> Mapping[str, object]:
    """The attributes of a subscription but for those that billing fills, which earlier versions asked for."""
    published = ruleset_in_force(reader, row.ruleset)
    filled = frozenset[str]() if isinstance(published, Diagnostic) else filled_attributes(published.program.schema)
    return {name: value for name, value in row.attributes.items() if name not in filled}


def _begin(transaction: Transaction, new: SubscriptionRow) -> int:
    number = next_number(transaction, "subscription")
    transaction.append(SUBSCRIPTIONS, [_row(new, number=number, end=new.end)])
    return number


def _row(item: SubscriptionRow, *, end: date | None, number: int | None = None) -> Row:
    own = item.number if number is None else number
    attributes = canonical(dict(item.attributes))
    return (own, item.account, item.ruleset, item.plan, item.start.isoformat(), _text(end), attributes)


def _text(day: date | None) -> str:
    return "" if day is None else day.isoformat()


def _subscription(row: tuple[Value, ...]) -> SubscriptionRow:
    number, account, ruleset, plan, start, end, attributes = row
    return SubscriptionRow(
        cast(int, number),
        cast(str, account),
        cast(str, ruleset),
        cast(str, plan),
        date.fromisoformat(cast(str, start)),
        date.fromisoformat(cast(str, end)) if end else None,
        json.loads(cast(str, attributes)),
    )
