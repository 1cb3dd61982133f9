"""Watch rules: what to watch for, as a phrase that a person can read, and when it holds.

    balance below ¥50
    spend above ¥1,000
    spend above 80% of cap
    usage of compute.used.units above 3 times last week

A rule fires once for each occasion. A balance that stays below its mark is one occasion until it has been at the mark
or above again; spend has one for each billing period, usage one for each week from Monday.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TypeAlias, assert_never, cast

from ..diagnostics import Diagnostic
from ..ledger.accounts import Account, AccountKind, accounts_owned_by
from ..ledger.store import Reader
from ..money import MoneyUnit
from .acting import microseconds
from .amounts import amount_text, parse_amount, unit_of
from .stored.events import Asked, stored_events


@dataclass(frozen=True, slots=True)
class BalanceBelow:
    """`balance below ¥50`: the wallet and the cards of an account together are worth less."""

    mark: str


@dataclass(frozen=True, slots=True)
class SpendAbove:
    """`spend above ¥1,000` or `spend above 80% of cap`: what the running billing period comes to so far."""

    mark: str | None
    percent: int | None = None


@dataclass(frozen=True, slots=True)
class UsageAbove:
    """`usage of compute.used.units above 3 times last week`: of a field of an event, or of its number without one."""

    event: str
    times: Fraction


Rule: TypeAlias = BalanceBelow | SpendAbove | UsageAbove

_BALANCE = re.compile(r"balance below (?P<mark>.+)")
_SPEND = re.compile(r"spend above (?:(?P<percent>\d{1,4})% of cap|(?P<mark>.+))")
_USAGE = re.compile(r"usage of (?P<event>\S+) above (?P<times>\d{1,6}(?:\.\d{1,6})?) times last week(?:'s)?")
FORMS = (
    "balance below MONEY",
    "spend above MONEY",
    "spend above N% of cap",
    "usage of EVENT.FIELD above N times last week",
)


@dataclass(frozen=True, slots=True)
class Spend:
    """What a subscription's running period comes to so far, and the plan's cap, in minor units; None without one."""

    subscription: int
    period_start: str
    total: int
    cap: int | None
    currency: str


SpendOf: TypeAlias = Callable[[Reader, str, datetime], list[Spend]]
"""Rates the running periods of an account."""


@dataclass(frozen=True, slots=True)
class Firing:
    """A rule holds: for which occasion, and the facts in words."""

    account: str
    occasion: str
    value: str


def parse_rule(text: str) -> Rule | Diagnostic:
    """The rule that a phrase says; its amounts are held against the currency of each account when it is watched."""
    phrase = " ".join(text.split())
    if found := _BALANCE.fullmatch(phrase):
        return _with_amount(found["mark"]) or BalanceBelow(found["mark"])
    if found := _SPEND.fullmatch(phrase):
        if found["percent"] is not None:
            return SpendAbove(None, int(found["percent"]))
        return _with_amount(found["mark"]) or SpendAbove(found["mark"])
    if found := _USAGE.fullmatch(phrase):
        return UsageAbove(found["event"], Fraction(found["times"]))
    return Diagnostic(
        "RB7090", f"“{text}” is nothing that can be watched", hints=tuple(f"write: {x}" for x in FORMS[:3])
    )


def _with_amount(mark: str) -> Diagnostic | None:
    """Why a mark can be an amount of no currency."""
    if re.fullmatch(r"\D{0,3}\s?[\d,]+(\.\d+)?(\s?[A-Z]{3})?", mark):
        return None
    return Diagnostic("RB7090", f"“{mark}” is no amount", hints=("write it as ¥50, 50.00 or 50 CNY",))


def rule_json(rule: Rule) -> str:
    """A rule as the books keep it."""
    match rule:
        case BalanceBelow(mark):
            return json.dumps({"balance_below": mark}, ensure_ascii=False)
        case SpendAbove(mark, percent):
            return json.dumps({"spend_above": mark, "percent_of_cap": percent}, ensure_ascii=False)
        case UsageAbove(event, times):
            return json.dumps({"usage_of": event, "times_last_week": str(times)}, ensure_ascii=False)
        case _:
            assert_never(rule)


def rule_of_json(text: str) -> Rule:
    """The inverse of `rule_json`."""
    found: Mapping[str, str | int | None] = json.loads(text)
    if "balance_below" in found:
        return BalanceBelow(cast(str, found["balance_below"]))
    if "usage_of" in found:
        return UsageAbove(cast(str, found["usage_of"]), Fraction(cast(str, found["times_last_week"])))
    return SpendAbove(cast("str | None", found["spend_above"]), cast("int | None", found["percent_of_cap"]))


def rule_text(rule: Rule) -> str:
    """A rule as the phrase that says it."""
    match rule:
        case BalanceBelow(mark):
            return f"balance below {mark}"
        case SpendAbove(None, percent):
            return f"spend above {percent}% of cap"
        case SpendAbove(mark):
            return f"spend above {mark}"
        case UsageAbove(event, times):
            return f"usage of {event} above {_plain(times)} times last week"
        case _:
            assert_never(rule)


def _plain(value: Fraction) -> str:
    return format(Decimal(value.numerator) / Decimal(value.denominator), "f")


def holds(
    reader: Reader, rule: Rule, account: str, currency: str, now: datetime, spend_of: SpendOf
) -> Iterator[Firing]:
    """The occasions for which a rule holds now for an account; none where its amount is in another currency."""
    match rule:
        case BalanceBelow(mark):
            yield from _balance_below(reader, account, currency, mark)
        case SpendAbove(mark, percent):
            yield from _spend_above(spend_of(reader, account, now), account, mark, percent)
        case UsageAbove(event, times):
            yield from _usage_above(reader, account, event, times, now)
        case _:
            assert_never(rule)


def _balance_below(reader: Reader, account: str, currency: str, mark: str) -> Iterator[Firing]:
    least = parse_amount(mark, currency)
    if isinstance(least, Diagnostic):
        return
    own = [
        item
        for item in accounts_owned_by(reader, account)
        if item.kind in (AccountKind.WALLET, AccountKind.CARD) and item.currency == currency
    ]
    balance = sum(item.balance - item.held for item in own)
    if balance < least:
        value = f"{amount_text(balance, currency)} is below {amount_text(least, currency)}"
        since = _since(reader, own, least)
        yield Firing(account, f"below since transfer {since}" if since else "below from the beginning", value)


def _since(reader: Reader, own: list[Account], least: int) -> int:
    """The transfer that took the balance below the mark for the last time; 0 where it was never at it."""
    left = sum(item.balance for item in own)
    ids = [item.id for item in own]
    marks = ", ".join("?" for _ in ids)
    for number, debit, credit, amount in reader.stream(
        f"SELECT id, debit, credit, amount FROM transfers WHERE phase IN ('plain', 'post') "
        f"AND (debit IN ({marks}) OR credit IN ({marks})) ORDER BY id DESC",
        (*ids, *ids),
    ):
        moved = cast(int, amount) * ((credit in ids) - (debit in ids))
        left -= moved
        if left >= least:
            return cast(int, number)
    return 0


def _spend_above(spends: list[Spend], account: str, mark: str | None, percent: int | None) -> Iterator[Firing]:
    for spend in spends:
        most = _most(spend, mark, percent)
        if most is not None and spend.total > most:
            value = f"{amount_text(spend.total, spend.currency)} is above {_money(most, spend.currency)}"
            yield Firing(account, f"subscription {spend.subscription}, period {spend.period_start}", value)


def _most(spend: Spend, mark: str | None, percent: int | None) -> Fraction | None:
    if percent is not None:
        return None if spend.cap is None else Fraction(spend.cap * percent, 100)
    found = parse_amount(mark or "", spend.currency)
    return None if isinstance(found, Diagnostic) else Fraction(found)


def _money(amount: Fraction, currency: str) -> str:
    """A mark in whole currency; a share of a cap may lie between two amounts."""
    unit = unit_of(currency)
    assert isinstance(unit, MoneyUnit), "amounts are stored in currencies that exist"
    return f"{_plain(amount * unit.size)} {currency}"


def _usage_above(reader: Reader, account: str, event: str, times: Fraction, now: datetime) -> Iterator[Firing]:
    monday = (now - timedelta(days=now.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)
    this = _used(reader, account, event, monday, now)
    last = _used(reader, account, event, monday - timedelta(days=7), monday)
    if last > 0 and this > last * times:
        year, week, _ = monday.isocalendar()
        value = f"{_plain(this)} this week are above {_plain(times)} times the {_plain(last)} of last week"
        yield Firing(account, f"week {year}-W{week:02d}", value)


def _used(reader: Reader, account: str, event: str, begin: datetime, end: datetime) -> Fraction:
    """The sum of `EVENT.FIELD` in a span of time; of the number of events where the whole name is an event's."""
    name, _, field = event.rpartition(".")
    total = Fraction(0)
    events = [event, name] if name else [event]
    asked = Asked(account=account, events=events, since=microseconds(begin), until=microseconds(end))
    for row in stored_events(reader, asked):
        if row.event == event:
            total += 1
        else:
            value = json.loads(row.fields).get(field)
            total += Fraction(value) if value is not None else 0
    return total
