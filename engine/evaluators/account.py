"""All statements of one account: its subscriptions and billing periods in order, with prepaid cards carried along.

A card pays once: what one statement takes from it is gone for the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta

from ...diagnostics import Diagnostic
from ..period import DateRange
from ..plan import Program
from ..statement import LineKind, Statement
from ..usage import AccountUsage, CardHolding, Subscription
from .part import billing_periods_over, rate_part
from .rate import billing_periods_of, rate


def no_period(subscription: Subscription, within: DateRange) -> Diagnostic:
    """The finding that no billing period of a subscription begins in a range."""
    last = within.end - timedelta(days=1)
    return Diagnostic(
        "RB4007",
        f"no billing period of {subscription.plan} begins in {within.start} to {last}",
        hints=("ask for the period in which one begins",),
        place=f"account {subscription.account}",
    )


CardKey = tuple[str, date, int]
"""A card of an account: its name, when it was bought, and which of several alike it is."""


def rate_account(
    program: Program,
    subscriptions: Sequence[Subscription],
    usage: AccountUsage,
    within: DateRange,
    *,
    part: bool = False,
) -> Iterator[Statement | Diagnostic]:
    """The statements of one account's subscriptions for the billing periods that begin in a range, or findings.

    With `part` each is billed for exactly the days of the range: the parts of its billing periods that lie in it.
    """
    spent: dict[CardKey, int] = {}
    for subscription in subscriptions:
        periods = list((billing_periods_over if part else billing_periods_of)(program, subscription, within))
        if len(periods) > 1 and any(item.time is None and item.period_start is None for item in usage.quantities):
            yield _undated(subscription, len(periods))
            continue
        for period in periods:
            if isinstance(period, Diagnostic):
                yield period
                continue
            own = _with_what_is_left(program, subscription, spent)
            result = rate_part(program, own, usage, period, within) if part else rate(program, own, usage, period)
            if isinstance(result, Statement):
                _note_spent(subscription, result, spent)
            yield result


def _undated(subscription: Subscription, count: int) -> Diagnostic:
    return Diagnostic(
        "RB4005",
        f"a metered quantity has no time, and {count} billing periods are rated",
        hints=("give the quantity a time", "rate one billing period at a time"),
        place=f"account {subscription.account}",
    )


def _keys(cards: Sequence[CardHolding]) -> list[CardKey]:
    counts: dict[tuple[str, date], int] = {}
    keys = []
    for holding in cards:
        like = (holding.card, holding.bought)
        keys.append((*like, counts.get(like, 0)))
        counts[like] = counts.get(like, 0) + 1
    return keys


def _with_what_is_left(program: Program, subscription: Subscription, spent: dict[CardKey, int]) -> Subscription:
    if not spent:
        return subscription
    cards = []
    for holding, key in zip(subscription.cards, _keys(subscription.cards), strict=True):
        worth = program.cards[holding.card].worth if holding.left is None else holding.left
        cards.append(replace(holding, left=worth - program.money.fraction(spent.get(key, 0))))
    return replace(subscription, cards=tuple(cards))


def _note_spent(subscription: Subscription, statement: Statement, spent: dict[CardKey, int]) -> None:
    keys = _keys(subscription.cards)
    for line in statement.lines:
        if line.kind is LineKind.PREPAID and line.card is not None:
            spent[keys[line.card]] = spent.get(keys[line.card], 0) - line.amount
