"""The worlds in which a claim has to hold: kinds of accounts, and billing periods as far as rules tell them apart.

Words, dates and yes or no of an account are tried out; numbers become axes. A period stands for all that have the same
policies in force, month, days, and fees that fall due.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import product
from math import prod
from zoneinfo import ZoneInfo

from ...condition import (
    And,
    Attribute,
    Condition,
    Known,
    Literal,
    Month,
    Not,
    Or,
    Scalar,
    StartsIn,
    operands,
    scalar,
)
from ...dispatch import Branch
from ...evaluators.fees import terms_due
from ...evaluators.situation import Situation
from ...period import DateRange, billing_period, time_zone
from ...plan import Charge, ColumnKind, Fee, Plan, Policy, Program, Tax
from ...usage import FieldKind, FieldSchema, Subscription, Value
from ...window import Difference, Intersection, MonthDays, Months, Union, Window, contains
from .axes import branches_at, inside_of, value_of
from .known import Unmodelled

WORLDS_MAX = 400
_PERIODS_MAX = 60
_PHASES_MAX = 13
_FIRST = date(2026, 1, 1)


@dataclass(frozen=True, slots=True)
class World:
    """One billing period of one kind of account on one plan, or on several that are compared.

    `attributes` has None where an attribute is not known; `numbers` are attributes that are axes. `due` tells for each
    plan how many terms of each fee stand on the statement.
    """

    program: Program
    plans: tuple[Plan, ...]
    period: DateRange
    start: date
    attributes: Mapping[str, Value | None]
    numbers: tuple[str, ...]
    due: tuple[Mapping[str, Fraction], ...]
    starts_in: Mapping[str, bool]


def worlds_of(program: Program, plans: Sequence[Plan]) -> list[World]:
    """Every world for plans that are in force together. Raises `Unmodelled` where there are too many."""
    choices, numbers = _attributes(program, plans)
    periods = list(_periods(program, plans))
    if prod(map(len, choices.values())) * max(len(periods), 1) > WORLDS_MAX:
        raise Unmodelled("its rules tell more kinds of accounts and periods apart than are compared")
    found: list[World] = []
    for values in product(*choices.values()):
        attributes = dict(zip(choices, values, strict=True))
        own = tuple(name for name in numbers if attributes.get(f"{name}?", True))
        found.extend(
            World(program, tuple(plans), period, start, attributes, own, due, starts)
            for period, start, due, starts in periods
        )
    return found


# Accounts


def conditions_of(plan: Plan) -> Iterator[Condition]:
    """Every condition of a plan's charges, fees, policies and taxes."""
    rules: list[Charge | Fee | Policy | Tax] = [*plan.charges, *plan.fees, *plan.policies, *plan.taxes]
    for rule in rules:
        yield from rule.when


def dated_rules(plans: Sequence[Plan]) -> list[Policy | Tax]:
    """The policies and taxes of plans: what may begin and end with a date."""
    found: list[Policy | Tax] = []
    for plan in plans:
        found += plan.policies
        found += plan.taxes
    return found


def simple(condition: Condition) -> Iterator[Condition]:
    """The comparisons that a condition is made of."""
    match condition:
        case And(parts) | Or(parts):
            for part in parts:
                yield from simple(part)
        case Not(part):
            yield from simple(part)
        case _:
            yield condition


def _attributes(program: Program, plans: Sequence[Plan]) -> tuple[dict[str, list[Value | None]], list[str]]:
    """For words, dates and yes or no the values to try; and the names of the numbers."""
    choices: dict[str, list[Value | None]] = {}
    numbers = []
    marks: dict[str, set[Scalar]] = {}
    asked: set[str] = set()
    for plan in plans:
        for condition in conditions_of(plan):
            for part in simple(condition):
                names = [operand.name for operand in operands(part) if isinstance(operand, Attribute)]
                literals = {operand.value for operand in operands(part) if isinstance(operand, Literal)}
                for name in names:
                    marks.setdefault(name, set()).update(literals)
                    if isinstance(part, Known):
                        asked.add(name)
    tables = _columns(plans)
    for name, schema in program.schema.attributes.items():
        if name in tables:
            values: list[Value | None] = list(_cells(schema, tables[name]))
        elif schema.kind in (FieldKind.NUMBER, FieldKind.MONEY):
            numbers.append(name)
            if name not in asked or not _may_lack(schema):
                continue
            # Known and unknown are two kinds of accounts; a known number is an axis all the same.
            choices[f"{name}?"] = [True, False]
            continue
        elif name in marks:
            values = list(_words(schema, marks[name]))
        else:
            continue
        choices[name] = [*values, None] if name in asked and _may_lack(schema) else values
    return choices, numbers


def _may_lack(schema: FieldSchema) -> bool:
    return not schema.required and schema.default is None


def _words(schema: FieldSchema, marks: set[Scalar]) -> Iterator[Value]:
    match schema.kind:
        case FieldKind.ONE_OF:
            yield from schema.values
        case FieldKind.YES_NO:
            yield from (False, True)
        case FieldKind.DATE:
            days = {day for day in marks if isinstance(day, date)}
            near = {day + timedelta(days=step) for day in days for step in (-1, 0, 1)}
            yield from sorted(near) or [_FIRST]
        case _:
            yield from sorted(mark for mark in marks if isinstance(mark, str))
            yield "another"


def _columns(plans: Sequence[Plan]) -> dict[str, list[Charge]]:
    found: dict[str, list[Charge]] = {}
    for plan in plans:
        for charge in plan.charges:
            for column in charge.columns:
                if column.kind is ColumnKind.ATTRIBUTE:
                    found.setdefault(column.name, []).append(charge)
    return found


def _cells(schema: FieldSchema, charges: Sequence[Charge]) -> Iterator[Value]:
    """Values of an attribute of which one stands for each cell of the tables that ask for it."""
    if schema.kind in (FieldKind.ONE_OF, FieldKind.YES_NO):
        yield from schema.values or (False, True)
        return
    found: dict[Value, None] = {}
    for charge in charges:
        index = next(i for i, column in enumerate(charge.columns) if column.name == schema.name)
        for branch in branches_at(charge.tree, index):
            found.update(dict.fromkeys(_of_branch(branch)))
    if schema.kind in (FieldKind.NUMBER, FieldKind.MONEY):
        found.setdefault(Decimal(1_000_003))
    elif schema.kind is FieldKind.TEXT:
        found.setdefault("another")
    yield from found


def _of_branch(branch: Branch) -> Iterator[Value]:
    """A value for each cell of a branch."""
    for value in branch.values:
        yield value_of(value)
    yield from branch.prefixes
    yield from (inside_of(case) for case in branch.ranges)


# Periods


def _periods(
    program: Program, plans: Sequence[Plan]
) -> Iterator[tuple[DateRange, date, tuple[Mapping[str, Fraction], ...], Mapping[str, bool]]]:
    """Periods that differ in what rules ask of them, each with a subscription's start."""
    billing = plans[0].billing
    if any(plan.billing != billing for plan in plans):
        raise Unmodelled("the plans are billed for different periods")
    zone = time_zone(program.zone)
    assert isinstance(zone, ZoneInfo), "the resolver lets only known zones through"
    windows = sorted({part.window for plan in plans for item in conditions_of(plan) for part in simple(item)
                      if isinstance(part, StartsIn)})  # fmt: skip
    for name in windows:
        if not _recurs(program.windows[name]):
            raise Unmodelled(f"window {name} depends on more than the month and the day")
    months = any(isinstance(operand, Month) for plan in plans for item in conditions_of(plan)
                 for operand in operands(item))  # fmt: skip
    days_matter = any(band.width_per is not None and band.width_per.days is not None
                      for plan in plans for charge in plan.charges for row in charge.rows
                      for band in row.schedule.bands)  # fmt: skip
    simple_fees = all(fee.every == billing.every and fee.trial is None for plan in plans for fee in plan.fees)
    many = bool(windows) or months or days_matter or not simple_fees
    seen = set()
    for first in _beginnings(plans):
        day = first
        for _ in range(_PERIODS_MAX if many else 1):
            period = billing_period(billing, day, day if billing.anchored else first)
            if period.start < day:
                period = billing_period(billing, period.end, day)
            if any(not plan.in_force(period.start) for plan in plans):
                break
            starts = {name: contains(program.windows[name], period.period(zone).start, zone) for name in windows}
            rules = tuple((rule.start is None or rule.start <= period.start)
                          and (rule.end is None or period.start < rule.end)
                          for rule in dated_rules(plans))  # fmt: skip
            facts = (rules, tuple(starts.items()), period.start.month if months else 0,
                     period.day_count if days_matter else 0)  # fmt: skip
            for phase in range(1 if simple_fees else _PHASES_MAX):
                begins = billing.every.after(period.start, -phase)
                due = tuple({fee.name: _due(program, plan, fee, period, begins, zone) for fee in plan.fees}
                            for plan in plans)  # fmt: skip
                key = (facts, tuple(tuple(terms.items()) for terms in due))
                if key not in seen:
                    seen.add(key)
                    yield period, begins, due, starts
            day = period.end


def _beginnings(plans: Sequence[Plan]) -> list[date]:
    """Days from which on, up to the next, the same rules are in force."""
    marks = {day for rule in dated_rules(plans) for day in (rule.start, rule.end)}
    known = {mark for mark in marks if mark is not None}
    start = max((plan.start for plan in plans if plan.start is not None), default=None)
    if start is None:
        start = min([_FIRST, *(mark - timedelta(days=366) for mark in known)])
    return sorted({start, *(mark for mark in known if mark > start)})


def _recurs(window: Window) -> bool:
    match window:
        case Months() | MonthDays():
            return True
        case Union(parts) | Intersection(parts):
            return all(_recurs(part) for part in parts)
        case Difference(base, excluded):
            return _recurs(base) and _recurs(excluded)
        case _:
            return False


def _due(program: Program, plan: Plan, fee: Fee, period: DateRange, start: date, zone: ZoneInfo) -> Fraction:
    situation = Situation(program, plan, Subscription("", plan.name, start), (), (), period, period, zone)
    return terms_due(replace(fee, multiplier=None), situation)


def attribute_of(world: World, name: str) -> Scalar | None:
    """What is known of a word, a date, or yes or no of the account; None where it is not known."""
    value = world.attributes.get(name)
    return None if value is None else scalar(value)
