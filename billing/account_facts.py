"""What is known of accounts when they are billed: subscriptions, attributes, cards, what is overdue.

Everything is read as it stood at a place in the sequence, so that a billing run that is taken up again sees what it saw
before. Attributes that a ruleset calls `overdue` (money) and `days_overdue` (a number of days) are filled from
invoices: what was payable before the end of the period and is not paid, and on how many days of the period the oldest
of it was overdue. What somebody gave for them counts for nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from typing import cast
from zoneinfo import ZoneInfo

from ..diagnostics import Diagnostic
from ..engine.evaluators.rate import billing_periods_of
from ..engine.period import DateRange, Period, local_midnight
from ..engine.plan import Program
from ..engine.usage import CardHolding, Subscription
from ..intake import accounts_of_rows
from ..ledger.requests import AccountId
from ..ledger.store import Reader
from ..money import MoneyUnit
from .filled import DAYS_OVERDUE as DAYS_OVERDUE
from .filled import OVERDUE as OVERDUE
from .filled import filled_attributes
from .subscriptions import SubscriptionRow, list_subscriptions


@dataclass(frozen=True, slots=True)
class Place:
    """Where the sequence stood: `facts` for what is known of accounts, `usage` for events."""

    facts: int
    usage: int


@dataclass(frozen=True, slots=True)
class HeldCard:
    """A prepaid card of an account: its account in the ledger, and what was left on it, in minor units."""

    account: AccountId
    serial: str
    card: str
    bought: date
    left: int


@dataclass(frozen=True, slots=True)
class Overdue:
    """What is open of an invoice that was payable by a day."""

    payable_by: date
    open: int


@dataclass(slots=True)
class AccountFacts:
    """An account as a ruleset sees it. `changes` are its attributes, oldest first, and from which day they hold."""

    account: str
    subscriptions: list[SubscriptionRow] = field(default_factory=list)
    changes: list[tuple[date, Mapping[str, object]]] = field(default_factory=list)
    cards: list[HeldCard] = field(default_factory=list)
    overdue: list[Overdue] = field(default_factory=list)

    def attributes_on(self, day: date) -> Mapping[str, object]:
        """The account's attributes that a billing period sees which begins on a day."""
        found = [attributes for since, attributes in self.changes if since <= day]
        return found[-1] if found else self.changes[0][1] if self.changes else {}

    def is_steady_in(self, days: DateRange) -> bool:
        """Whether its attributes are the same on all of these days."""
        return not any(days.start < since < days.end for since, _ in self.changes)


@dataclass(frozen=True, slots=True)
class Due:
    """A billing period of a subscription that is to be billed, and the days that the subscription covers of it."""

    subscription: SubscriptionRow
    period: DateRange
    covered: DateRange

    def instants(self, zone: ZoneInfo) -> Period:
        """The covered days as instants."""
        return Period(local_midnight(self.covered.start, zone), local_midnight(self.covered.end, zone))


def facts_of_accounts(
    reader: Reader, program: Program, ruleset: str, place: int, *, accounts: AbstractSet[str] | None = None
) -> list[AccountFacts]:
    """The accounts with subscriptions of a ruleset, in order; only some of them where these are named."""
    only = next(iter(accounts)) if accounts is not None and len(accounts) == 1 else None
    found: dict[str, AccountFacts] = {}
    for row in list_subscriptions(reader, account=only, ruleset=ruleset, through=place):
        if not row.is_never and (accounts is None or row.account in accounts):
            found.setdefault(row.account, AccountFacts(row.account)).subscriptions.append(row)
    where, given = ("", ()) if only is None else (" AND account = ?", (only,))
    for account, attributes, since in reader.rows(
        f"SELECT account, attributes, valid_from FROM customer_changes WHERE id <= ?{where} ORDER BY id",
        (place, *given),
    ):
        own = found.get(cast(str, account))
        if own is not None:
            own.changes.append((date.fromisoformat(cast(str, since)), json.loads(cast(str, attributes))))
    if program.cards:
        for account, card in _cards(reader, ruleset, place, only):
            if account in found:
                found[account].cards.append(card)
    if filled_attributes(program.schema):
        for account, overdue in _overdue(reader, place, only):
            if account in found:
                found[account].overdue.append(overdue)
    return list(found.values())


def _cards(reader: Reader, ruleset: str, place: int, account: str | None) -> Iterator[tuple[str, HeldCard]]:
    where, given = ("", ()) if account is None else (" AND accounts.owner = ?", (account,))
    moved = "(SELECT CAST(coalesce(sum(amount), 0) AS BIGINT) FROM transfers WHERE {side} = accounts.id AND "
    moved += "phase IN ('plain', 'post') AND transfers.id <= ?)"
    for owner, number, serial, card, bought, left in reader.rows(
        "SELECT accounts.owner, accounts.id, cards.serial, card_batches.card, "
        "(SELECT min(day) FROM card_events WHERE card_events.card = cards.id AND what IN ('sold', 'redeemed')), "
        f"{moved.format(side='credit')} - {moved.format(side='debit')} "
        "FROM accounts JOIN cards ON accounts.name = 'card:' || cards.serial "
        "JOIN card_batches ON card_batches.id = cards.batch "
        f"WHERE accounts.kind = 'card' AND accounts.id <= ? AND card_batches.ruleset = ?{where} ORDER BY accounts.id",
        (place, place, place, ruleset, *given),
    ):
        day = date.fromisoformat(cast(str, bought))
        held = HeldCard(AccountId(cast(int, number)), cast(str, serial), cast(str, card), day, cast(int, left))
        yield cast(str, owner), held


def _overdue(reader: Reader, place: int, account: str | None) -> Iterator[tuple[str, Overdue]]:
    where, given = ("", ()) if account is None else (" AND invoices.account = ?", (account,))
    for owner, payable_by, total, settled in reader.rows(
        "SELECT account, payable_by, total, (SELECT CAST(coalesce(sum(amount), 0) AS BIGINT) FROM settlements "
        "WHERE settlements.invoice = invoices.id AND settlements.id <= ?) FROM invoices "
        f"WHERE id <= ? AND kind IN ('invoice', 'adjustment') AND total > 0{where} ORDER BY id",
        (place, place, *given),
    ):
        rest = cast(int, total) - cast(int, settled)
        if rest > 0:
            yield cast(str, owner), Overdue(date.fromisoformat(cast(str, payable_by)), rest)


def periods_of(program: Program, facts: AccountFacts, within: DateRange) -> Iterator[Due | Diagnostic]:
    """The billing periods of an account's subscriptions that begin in a range, or why one has none."""
    for row in facts.subscriptions:
        if row.plan not in program.plans:
            hint = "publish a ruleset that has it, or move the account to another plan"
            place = f"account {row.account}"
            yield Diagnostic("RB7053", f"plan {row.plan} is gone", hints=(hint,), place=place)
            continue
        plain = Subscription(row.account, row.plan, row.start, row.end)
        for period in billing_periods_of(program, plain, within):
            yield period if isinstance(period, Diagnostic) else Due(row, period, covered_of(row, period))


def covered_of(row: SubscriptionRow, period: DateRange) -> DateRange:
    """The days that a subscription covers of a period."""
    end = period.end if row.end is None else min(period.end, row.end)
    return DateRange(max(period.start, row.start), end)


def row_of(program: Program, facts: AccountFacts, due: Due) -> dict[str, object]:
    """A subscription as a row of an accounts file, with the attributes that a period sees."""
    schema, row = program.schema, due.subscription
    own = {**facts.attributes_on(due.covered.start), **row.attributes}
    found = {name: value for name, value in own.items() if name in schema.attributes}
    found |= _filled(program, facts, due)
    return {
        "account": row.account,
        "plan": row.plan,
        "start": row.start.isoformat(),
        **({} if row.end is None else {"end": row.end.isoformat()}),
        **found,
    }


def _filled(program: Program, facts: AccountFacts, due: Due) -> dict[str, object]:
    """The attributes that follow from open invoices; zero where nothing is overdue."""
    names = sorted(filled_attributes(program.schema))
    late = [item for item in facts.overdue if item.payable_by < due.covered.end - timedelta(days=1)] if names else []
    if not late:
        return dict.fromkeys(names, "0")
    since = max(min(item.payable_by for item in late) + timedelta(days=1), due.covered.start)
    amount = MoneyUnit.minor(program.money.currency).text(sum(item.open for item in late))
    values = {OVERDUE: amount, DAYS_OVERDUE: str((due.covered.end - since).days)}
    return {name: values[name] for name in names}


def subscription_of(
    program: Program, facts: AccountFacts, due: Due, cards: Sequence[HeldCard] = ()
) -> Subscription | Diagnostic:
    """A subscription as the evaluator takes it, with cards and what is left on them."""
    intake = accounts_of_rows([row_of(program, facts, due)], program.schema, name=f"account {facts.account}")
    if intake.rejects:
        return intake.rejects[0].diagnostic
    (found,) = intake.subscriptions
    if not cards:
        return found
    unit = MoneyUnit.minor(program.money.currency)
    held = tuple(CardHolding(card.card, card.bought, Fraction(unit.fraction(card.left))) for card in cards)
    return Subscription(found.account, found.plan, found.start, found.end, found.attributes, held)
