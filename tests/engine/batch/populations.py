"""Accounts and usage for any program, drawn from a seed, with a liking for the places where rating bends.

Numbers lie at and around bounds of bands, texts are those that tables and conditions name, times are edges of periods
and windows, clock changes and moments that several events share. Subscriptions begin, end and follow one another
inside the period; events come with and without ids, before the period and after it, as corrections below zero, and
again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from ratebook.diagnostics import Diagnostic
from ratebook.engine.evaluators.account import rate_account
from ratebook.engine.period import DateRange, Period, add_months, clock_changes, local_midnight
from ratebook.engine.plan import Program
from ratebook.engine.schedule import Schedule
from ratebook.engine.usage import (
    AccountUsage,
    CardHolding,
    FieldKind,
    FieldSchema,
    MeteredQuantity,
    Subscription,
    UsageEvent,
    Value,
)
from ratebook.engine.window import intervals
from ratebook.money import decimal_text
from ratebook.records import Record

Fact: TypeAlias = UsageEvent | MeteredQuantity
_MICROSECOND = timedelta(microseconds=1)
REPEATED = 0.1
"""How many events with an id come again."""


@dataclass(frozen=True)
class Population:
    """Accounts with their usage, the rows in the order in which files have them, and the period to rate."""

    subscriptions: tuple[Subscription, ...]
    facts: tuple[Fact, ...]
    period: DateRange

    def of(self, accounts: set[str]) -> Population:
        """The same for some of the accounts."""
        return replace(
            self,
            subscriptions=tuple(item for item in self.subscriptions if item.account in accounts),
            facts=tuple(item for item in self.facts if item.account in accounts),
        )


def refused(program: Program, population: Population) -> set[str]:
    """The accounts that cannot be rated."""
    found = set()
    for account in {item.account for item in population.subscriptions}:
        subscriptions = sorted(
            (item for item in population.subscriptions if item.account == account), key=lambda item: item.start
        )
        counted = {
            (item.id, item.source) if item.id is not None else index: item
            for index, item in _events_of(population, account)
        }
        quantities = tuple(
            item for item in population.facts if item.account == account and isinstance(item, MeteredQuantity)
        )
        usage = AccountUsage(tuple(counted.values()), quantities)
        if any(isinstance(item, Diagnostic) for item in rate_account(program, subscriptions, usage, population.period)):
            found.add(account)
    return found


def _events_of(population: Population, account: str) -> Iterator[tuple[int, UsageEvent]]:
    for index, item in enumerate(population.facts):
        if item.account == account and isinstance(item, UsageEvent):
            yield index, item


def population(program: Program, seed: int, accounts: int = 12, repeated: float = REPEATED) -> Population:
    """Some accounts of a program with their usage, of which so many events with an id come again."""
    return _Drawing(program, Random(seed), repeated).population(accounts)


@dataclass(frozen=True)
class _Constants:
    """What a program compares with."""

    texts: tuple[str, ...]
    numbers: tuple[Decimal, ...]
    days: tuple[date, ...]


def _constants(program: Program) -> _Constants:
    texts: dict[str, None] = {}
    numbers: dict[Fraction, None] = dict.fromkeys(map(Fraction, (0, 1, 2, 10, 100)))
    days: dict[date, None] = {}
    for value in _leaves([*program.plans.values(), *program.meters.values()]):
        if isinstance(value, Schedule):
            for band in value.bands:
                if band.upper is not None:
                    numbers[Fraction(band.upper, value.quantity_scale)] = None
        elif isinstance(value, str):
            if len(value) < 40:
                texts[value] = None
        elif isinstance(value, datetime):
            continue
        elif isinstance(value, date):
            days[value] = None
        elif isinstance(value, Fraction) and 0 < value < 10**9:
            numbers[value] = None
    factors = {meter.factor for meter in program.meters.values()} | {Fraction(1)}
    exact = {
        Decimal(text): None
        for number in numbers
        for factor in factors
        if factor and (text := decimal_text(number / factor)) is not None and len(text) < 18
    }
    return _Constants(tuple(texts), tuple(exact), tuple(days))


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, Schedule):
        yield value
    elif isinstance(value, Record) or (is_dataclass(value) and not isinstance(value, type)):
        for item in fields(value):
            yield from _leaves(getattr(value, item.name))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(key)
            yield from _leaves(item)
    elif isinstance(value, tuple | list | frozenset):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


class _Drawing:
    """One population in the making."""

    def __init__(self, program: Program, random: Random, repeated: float) -> None:
        self.program = program
        self.repeated = repeated
        self.random = random
        self.zone = ZoneInfo(program.zone)
        self.constants = _constants(program)
        self.period = self._period()
        self.times = self._times()

    def population(self, accounts: int) -> Population:
        subscriptions: list[Subscription] = []
        facts: list[Fact] = []
        for number in range(accounts):
            name = f"a-{number:03}"
            subscriptions += self._subscriptions(name)
            facts += self._facts(name)
        self.random.shuffle(facts)
        self.random.shuffle(subscriptions)
        return Population(tuple(subscriptions), tuple(facts), self.period)

    # Times

    def _period(self) -> DateRange:
        """A month mostly, for plans in force; one of a clock change often."""
        starts = [plan.start for versions in self.program.plans.values() for plan in versions if plan.start is not None]
        ends = [plan.end for versions in self.program.plans.values() for plan in versions if plan.end is not None]
        first = min(starts, default=date(2026, 1, 1))
        changes = [day for day in [*starts, *ends] if day > first]
        kind = self.random.random()
        if kind < 0.3 and changes:
            start = self.random.choice(changes).replace(day=1)
        elif kind < 0.6:
            start = date(first.year, self.random.choice([3, 10, 11]), 1)
        else:
            start = add_months(first.replace(day=1), self.random.randrange(12))
        start = max(start, first.replace(day=1))
        plans = [plan for versions in self.program.plans.values() for plan in versions]
        shortest = min(plan.billing.every.months for plan in plans)
        months = self.random.choice([1, 1, 1, 1, 2, 3, 12] if shortest else [1, 1, 2])
        if self.random.random() < 0.05:
            return DateRange(start, start + timedelta(days=1))
        return DateRange(start, add_months(start, months))

    def _times(self) -> list[datetime]:
        """Instants at which something changes, and a microsecond before each."""
        reach = DateRange(self.period.start - timedelta(days=40), self.period.end + timedelta(days=10))
        inside = self.period.period(self.zone)
        found = [inside.start, inside.end, *clock_changes(reach.period(self.zone), self.zone)]
        found += [local_midnight(day, self.zone) for day in self.constants.days if reach.contains(day)]
        shown = Period(inside.start, min(inside.end, inside.start + timedelta(days=62)))
        for window in self.program.windows.values():
            edges = [edge for each in intervals(window, shown, self.zone) for edge in (each.start, each.end)]
            found += self.random.sample(edges, min(len(edges), 12))
        return [*found, *(time - _MICROSECOND for time in found)]

    def _time(self) -> datetime:
        kind = self.random.random()
        if kind < 0.3:
            return self.random.choice(self.times)
        reach = self.period.period(self.zone)
        low, high = reach.start, reach.end
        if kind < 0.42:
            low -= timedelta(days=self.random.choice([1, 5, 40, 200]))
        elif kind < 0.5:
            high += timedelta(days=5)
        elif kind < 0.7:
            high = low + timedelta(hours=self.random.choice([1, 26, 60]))
        second = low + timedelta(seconds=self.random.randrange(int((high - low).total_seconds())))
        if kind < 0.9:
            return second.astimezone(UTC)
        return (second + _MICROSECOND * self.random.randrange(10**6)).astimezone(UTC)

    def _day(self, low: int, high: int) -> date:
        return self.period.start + timedelta(days=self.random.randint(low, high))

    # Accounts

    def _subscriptions(self, account: str) -> list[Subscription]:
        count = self.random.choice([1, 1, 1, 1, 2, 3])
        attributes, cards = self._attributes(), self._cards()
        day = self._day(-400, 0) if self.random.random() < 0.6 else self._day(-40, max(self.period.day_count - 1, 0))
        found = []
        for number in range(count):
            plan = self.random.choice(self._plans())
            first = self.program.plans[plan][0].start
            start = day if first is None or self.random.random() < 0.02 else max(day, first)
            is_last = number == count - 1
            length = self.random.choice([1, 2, 7, 20, 31, 45])
            end = None if is_last and self.random.random() < 0.7 else start + timedelta(days=length)
            found.append(Subscription(account, plan, start, end, attributes, cards))
            if end is None:
                break
            day = end + timedelta(days=self.random.choice([0, 0, 0, 1, 12]))
            if self.random.random() < 0.3:
                attributes, cards = self._attributes(), self._cards()
        return found

    def _plans(self) -> list[str]:
        """The plans that are priced in the period, and seldom the others."""
        if self.random.random() < 0.02:
            return sorted(self.program.plans)
        return sorted(
            name
            for name, versions in self.program.plans.items()
            if (versions[0].start or date.min) < self.period.end and (versions[-1].end or date.max) > self.period.start
        ) or sorted(self.program.plans)

    def _attributes(self) -> dict[str, Value]:
        found: dict[str, Value] = {}
        for schema in self.program.schema.attributes.values():
            if schema.required or self.random.random() < 0.7:
                found[schema.name] = self._value(schema)
            elif schema.default is not None:
                found[schema.name] = schema.default
        return found

    def _cards(self) -> tuple[CardHolding, ...]:
        cards = self.program.schema.cards
        if not cards or self.random.random() < 0.4:
            return ()
        found = []
        for _ in range(self.random.choice([1, 1, 2, 3])):
            card = self.random.choice(cards)
            worth = self.program.cards[card].worth
            left = None
            if self.random.random() < 0.5:
                left = min(Fraction(self.random.randrange(0, 5000), 100), worth)
            bought = self._day(-400, 40)
            found.append(CardHolding(card, bought, left))
        return tuple(found)

    # Usage

    def _facts(self, account: str) -> Iterator[Fact]:
        with_ids = self.random.choice([0, 1, 1, 0.5])
        sources = self.random.choice([(None,), (None,), ("east", "west"), (None, "east")])
        used: list[datetime] = []
        number = 0
        for name, schema in sorted(self.program.schema.events.items()):
            for _ in range(self.random.choice([0, 1, 1, 2, 3, 5, 12])):
                time = self.random.choice(used) if used and self.random.random() < 0.2 else self._time()
                used.append(time)
                values = {
                    item.name: self._value(item)
                    for item in schema.fields
                    if item.required or self.random.random() < 0.6
                }
                if schema.lasting is not None and isinstance(values.get(schema.lasting), Decimal):
                    values[schema.lasting] = min(abs(values[schema.lasting]), Decimal(100_000))  # type: ignore[arg-type]
                values |= {
                    item.name: item.default
                    for item in schema.fields
                    if item.default is not None and item.name not in values
                }
                event = UsageEvent(account, name, time, values)
                if self.random.random() < with_ids:
                    number += 1
                    # Ids do not rise with time, and need not be of one length.
                    identity = f"{account}-{self.random.randrange(1000)}-{number}"
                    event = replace(event, id=identity, source=self.random.choice(sources))
                yield event
                if event.id is not None and self.random.random() < self.repeated:
                    yield event
        if self.random.random() < 0.5:
            yield from self._quantities(account)

    def _quantities(self, account: str) -> Iterator[MeteredQuantity]:
        for name, meter in sorted(self.program.schema.meters.items()):
            for _ in range(self.random.choice([0, 0, 1, 2])):
                value = self._number()
                values = {item.name: self._value(item) for item in meter.fields if item.required or self._often()}
                time = None if self.random.random() < 0.15 else self._time()
                yield MeteredQuantity(account, name, Fraction(value), values, time)

    def _often(self) -> bool:
        return self.random.random() < 0.97

    def _value(self, schema: FieldSchema) -> Value:
        match schema.kind:
            case FieldKind.NUMBER:
                return self._number()
            case FieldKind.MONEY:
                return (
                    self._number()
                    if self.random.random() < 0.3
                    else Decimal(self.random.randrange(-500, 50_000)).scaleb(-2)
                )
            case FieldKind.TEXT:
                if self.constants.texts and self._often():
                    text = self.random.choice(self.constants.texts)
                    return text + self.random.choice(["", "", "1", "77"]) if text else "x"
                return self.random.choice(["u", "44", "GB", "o'clock", "ß, ü"])
            case FieldKind.DATE:
                return self._day(-100, 100)
            case FieldKind.YES_NO:
                return self.random.random() < 0.5
            case FieldKind.ONE_OF:
                return self.random.choice(schema.values)

    def _number(self) -> Decimal:
        kind = self.random.random()
        if kind < 0.35:
            return self.random.choice(self.constants.numbers)
        if kind < 0.45:
            part = self.random.choice(self.constants.numbers) / self.random.choice([2, 4, 5, 8])
            return part if len(str(part)) < 18 else part.quantize(Decimal("0.0001"))
        if kind < 0.52:
            return self.random.choice(self.constants.numbers) + self.random.choice([1, -1]) * Decimal("0.000001")
        if kind < 0.75:
            return Decimal(self.random.randrange(0, 60))
        if kind < 0.8:
            return Decimal(-self.random.randrange(1, 3000)).scaleb(-self.random.randrange(0, 3))
        return Decimal(self.random.randrange(0, 10 ** self.random.randrange(1, 8))).scaleb(-self.random.randrange(0, 5))


def smallest(differs: Any, found: Population) -> Population:
    """A population for which `differs` still holds and from which nothing can be taken away: what a person reads."""
    for account in sorted({item.account for item in found.subscriptions}):
        alone = found.of({account})
        if differs(alone):
            found = alone
            break
    taken: Sequence[Any]
    for name in ("facts", "subscriptions"):
        index = 0
        while index < len(taken := getattr(found, name)):
            if name == "subscriptions" and len(taken) == 1:
                break
            fewer = replace(found, **{name: (*taken[:index], *taken[index + 1 :])})
            if differs(fewer):
                found = fewer
            else:
                index += 1
    return found
