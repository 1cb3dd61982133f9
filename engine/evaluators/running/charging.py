"""Prices at the margin: what the next usage event of a subscription adds to the bill of its running period.

The price of an event is the period's statement with it less the statement without it, line by line, so that the
prices of all events add up to what the statement's usage comes to, whatever their order. Fees, floors that act at the
period's end and prepaid cards are no prices of an event: the bill posts them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ....diagnostics import Diagnostic
from ....money import MoneyUnit
from ...derivation import Role, Step, difference, given
from ...period import DateRange
from ...plan import Program
from ...statement import Labels, Line, LineKind, Statement
from ...usage import AccountUsage, MeteredQuantity, Subscription, UsageEvent
from ..rate import statement_of
from ..situation import Refused
from .counters import Counters, added, situation_with
from .ground import Ground, ground_of

LineName = tuple[str, ...]
"""What makes a line of one statement the same line of the next: its rule, kind, row, the days of its price, its place,
and which of several that are alike it is."""


@dataclass(frozen=True, slots=True)
class Running:
    """One subscription in one billing period while it runs: what has been counted, and what it comes to so far.

    `amounts` are those of the lines of the statement up to now, in its money unit; `total` is their sum without
    `included` taxes. `events` is how many were charged.
    """

    ground: Ground = field(repr=False)
    counters: Counters = field(repr=False)
    amounts: Mapping[LineName, int]
    total: int
    events: int = 0

    @property
    def replays(self) -> str | None:
        """Why a price reads events again, so that it takes longer the more there are; None where it does not."""
        return self.ground.replays


@dataclass(frozen=True, slots=True)
class MarginalLine:
    """What an event adds to one line of the statement, or takes from it; `amount` counts the statement's money unit.

    `derivation` is the line as it now stands, less what of it was charged before.
    """

    id: str
    kind: LineKind
    labels: Labels
    by: tuple[tuple[str, str], ...]
    amount: int
    derivation: Step = field(repr=False)

    @property
    def is_added(self) -> bool:
        """Whether the line is part of the total."""
        return self.kind is not LineKind.INCLUDED_TAX


@dataclass(frozen=True, slots=True)
class Marginal:
    """The price of one event: the lines that it changes, and their sum. It may be below zero.

    `statement` is the statement up to now that it follows from; None where the event changes nothing that is counted.
    """

    lines: tuple[MarginalLine, ...]
    total: int
    money: MoneyUnit
    statement: Statement | None = field(default=None, repr=False)


def open_period(
    program: Program, subscription: Subscription, days: DateRange, usage: AccountUsage
) -> Running | Diagnostic:
    """A billing period before its next event, or why nothing can be priced in it.

    `usage` is what is known already: earlier usage, which is read where a ladder, included units or a level reach
    back, and events of the period itself, which are counted and not charged again. `days` is one whole billing period.
    """
    ground = ground_of(program, subscription, days)
    if isinstance(ground, Diagnostic):
        return ground
    given_quantities = tuple(_dated(item, days) for item in usage.quantities)
    try:
        counters = added(ground, Counters(given_quantities), usage.events)
        statement = statement_of(situation_with(ground, counters))
    except Refused as refused:
        return refused.finding
    inside = sum(ground.situation.covered.contains(event.time) for event in usage.events)
    return Running(ground, counters, amounts_of(statement), statement.total, inside)


def debit(running: Running, event: UsageEvent) -> tuple[Running, Marginal] | Diagnostic:
    """The period after an event, and the event's price; or why it has none, and then nothing has changed.

    Events may come late and in any order, but inside the period. Whoever calls sees to it that an event comes once.
    Raises `ValueError` for an event of another account.
    """
    ground = running.ground
    if event.account != ground.subscription.account:
        raise ValueError(f"an event of account {event.account} is not usage of {ground.subscription.account}")
    if not ground.situation.covered.contains(event.time):
        return _outside(ground, event)
    try:
        counters = added(ground, running.counters, (event,))
        if counters is running.counters:
            return replace(running, events=running.events + 1), Marginal((), 0, ground.program.money)
        statement = statement_of(situation_with(ground, counters))
    except Refused as refused:
        return refused.finding
    after = Running(ground, counters, amounts_of(statement), statement.total, running.events + 1)
    lines = tuple(_marginal_lines(running.amounts, statement))
    return after, Marginal(lines, statement.total - running.total, statement.money, statement)


def provisional(running: Running) -> Statement:
    """The statement up to now: fees and all usage, without the floors that act at the period's end, before cards."""
    return statement_of(situation_with(running.ground, running.counters))


def amounts_of(statement: Statement) -> dict[LineName, int]:
    """The amount of each line by what makes it the same line of another statement."""
    return {name: line.amount for name, line in _named(statement).items()}


def _named(statement: Statement) -> dict[LineName, Line]:
    found: dict[LineName, Line] = {}
    for line in statement.lines:
        priced = line.kind in (LineKind.CHARGE, LineKind.FEE)
        since = "" if line.days is None else str(line.days.start)
        place = "" if priced else f"{line.place}:{line.place.start}"
        words = (line.id, line.kind.value, since, place, *(word for pair in line.by for word in pair))
        number = 0
        while (name := (*words, str(number))) in found:
            number += 1
        found[name] = line
    return found


def _marginal_lines(before: Mapping[LineName, int], statement: Statement) -> list[MarginalLine]:
    money = statement.money
    code = money.currency.code
    found = []
    now = _named(statement)
    for name, line in now.items():
        was = before.get(name, 0)
        if line.amount == was:
            continue
        charged = given(Role.AMOUNT, money.fraction(was), "charged before this event", code)
        step = difference(Role.AMOUNT, (line.derivation, charged), unit=code) if was else line.derivation
        found.append(MarginalLine(line.id, line.kind, line.labels, line.by, line.amount - was, step))
    for name, was in before.items():
        if was and name not in now:
            nothing = given(Role.AMOUNT, money.fraction(0), "no longer applies", code)
            charged = given(Role.AMOUNT, money.fraction(was), "charged before this event", code)
            step = difference(Role.AMOUNT, (nothing, charged), unit=code)
            found.append(MarginalLine(name[0], LineKind(name[1]), Labels(name[0]), _by(name), -was, step))
    return found


def _by(name: LineName) -> tuple[tuple[str, str], ...]:
    words = name[4:-1]
    return tuple(zip(words[::2], words[1::2], strict=True))


def _dated(item: MeteredQuantity, days: DateRange) -> MeteredQuantity:
    """A quantity that says no time belongs to the period."""
    if item.time is not None or item.period_start is not None:
        return item
    return replace(item, period_start=days.start)


def _outside(ground: Ground, event: UsageEvent) -> Diagnostic:
    days = ground.situation.covered_days
    return Diagnostic(
        "RB4016",
        f"an event of {event.time.isoformat()} is outside the period that is charged, {days.start} before {days.end}",
        hints=("charge it in the billing period of its time", "where that is closed, adjust its bill"),
        place=f"account {event.account}",
    )
