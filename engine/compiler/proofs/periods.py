"""The billing periods that rules tell apart: by dates, months, days, windows, and by the fees that fall due.

Dates divide time into stretches; inside a stretch what recurs is looked at for as long as the calendar takes to repeat.
Nothing is sampled: where there are more periods, or more ways for fees to fall due, than are looked at, nothing is
decided.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise
from math import lcm
from zoneinfo import ZoneInfo

from ...condition import Month, StartsIn, operands
from ...evaluators.fees import terms_due
from ...evaluators.situation import Situation
from ...period import Billing, DateRange, add_months, billing_period, time_zone
from ...plan import Fee, Plan, Program
from ...usage import Subscription
from ...window import Dates, Days, asks_holidays, contains, leaves
from .known import Unmodelled
from .rules import conditions_of, dated_rules, simple

PERIODS_MAX = 1_600
_DUE_MAX = 4_000
_FIRST = date(2026, 1, 1)
_DAY = timedelta(days=1)
_LEAP_YEARS = 4
"""After so many years days of the year and months begin alike again, and after these also days of the week."""
_WEEKDAY_YEARS = 28


@dataclass(frozen=True, slots=True)
class BillingPeriod:
    """A period of a subscription from `start` on, the fees that fall due in it, and the windows in which it begins."""

    period: DateRange
    start: date
    due: tuple[Mapping[str, Fraction], ...]
    starts_in: Mapping[str, bool]


def periods_of(program: Program, plans: Sequence[Plan]) -> list[BillingPeriod]:
    """Periods that differ in what rules ask of them. Raises `Unmodelled`."""
    billing = plans[0].billing
    if any(plan.billing != billing for plan in plans):
        raise Unmodelled("the plans are billed for different periods")
    zone = time_zone(program.zone)
    assert isinstance(zone, ZoneInfo), "the resolver lets only known zones through"
    asked = _Asked.of(program, plans)
    rules = dated_rules(plans)
    found: dict[object, BillingPeriod] = {}
    seen: set[object] = set()
    left = _DUE_MAX
    for period, anchor in _candidates(billing, plans, asked):
        starts_in = {name: contains(program.windows[name], period.period(zone).start, zone) for name in asked.windows}
        in_force = tuple((rule.start is None or rule.start <= period.start)
                         and (rule.end is None or period.start < rule.end) for rule in rules)  # fmt: skip
        facts = (in_force, tuple(starts_in.values()), period.start.month if asked.months else 0,
                 period.day_count if asked.days else 0)  # fmt: skip
        if asked.fees is None:
            if facts in seen:
                continue
            seen.add(facts)
        for start in (anchor,) if asked.fees is None else _starts(asked.fees, billing, period, anchor):
            left -= 1
            if left < 0:
                raise Unmodelled("its fees fall due in more ways than are looked at")
            due = tuple({fee.name: _due(program, plan, fee, period, start, zone) for fee in plan.fees}
                        for plan in plans)  # fmt: skip
            key = (facts, tuple(tuple(terms.items()) for terms in due))
            found.setdefault(key, BillingPeriod(period, start, due, starts_in))
    return list(found.values())


@dataclass(frozen=True, slots=True)
class _Asked:
    """What rules ask of a period. `fees` are None where each falls due once with every bill."""

    windows: tuple[str, ...]
    edges: frozenset[date]
    weekdays: bool
    months: bool
    days: bool
    fees: tuple[Fee, ...] | None

    @classmethod
    def of(cls, program: Program, plans: Sequence[Plan]) -> _Asked:
        conditions = [condition for plan in plans for item in conditions_of(plan) for condition in simple(item)]
        windows = sorted({condition.window for condition in conditions if isinstance(condition, StartsIn)})
        edges: set[date] = set()
        weekdays = False
        for name in windows:
            if asks_holidays(program.windows[name]):
                raise Unmodelled(f"window {name} has holidays in it")
            for part in leaves(program.windows[name]):
                if isinstance(part, Dates):
                    edges |= {part.start, part.end}
                weekdays = weekdays or isinstance(part, Days)
        billing = plans[0].billing
        fees = [fee for plan in plans for fee in plan.fees]
        plain = all(
            fee.every == billing.every and fee.trial is None and fee.calendar != billing.anchored for fee in fees
        )
        return cls(
            tuple(windows),
            frozenset(edges),
            weekdays,
            any(isinstance(operand, Month) for condition in conditions for operand in operands(condition)),
            any(band.width_per is not None and band.width_per.days is not None for plan in plans
                for charge in plan.charges for row in charge.rows for band in row.schedule.bands),
            None if plain else tuple(fees),
        )  # fmt: skip

    @property
    def recurs(self) -> bool:
        """Whether anything is asked for that differs from period to period between two dates."""
        return bool(self.windows) or self.months or self.days or self.fees is not None


# Candidates


def _candidates(billing: Billing, plans: Sequence[Plan], asked: _Asked) -> Iterator[tuple[DateRange, date]]:
    """Periods that begin while all plans are in force, each with a start of a subscription that has it."""
    years = _WEEKDAY_YEARS if asked.weekdays or (billing.every.days and not billing.anchored) else _LEAP_YEARS
    left = PERIODS_MAX
    ends = min((plan.end for plan in plans if plan.end is not None), default=None)
    for begin, end in pairwise([*_marks(plans, asked.edges, ends), None]):
        assert begin is not None
        last = add_months(begin, 12 * years) if end is None else min(end, add_months(begin, 12 * years))
        if ends is not None:
            last = min(last, ends)
        for period, anchor in _beginning(billing, begin, last, each_month_end=asked.days):
            left -= 1
            if left < 0:
                raise Unmodelled("its rules tell more periods apart than are looked at")
            yield period, anchor
            if not asked.recurs:
                break


def _marks(plans: Sequence[Plan], edges: frozenset[date], ends: date | None) -> list[date]:
    """Days from which on, up to the next, the same rules are in force."""
    known = {day for rule in dated_rules(plans) for day in (rule.start, rule.end) if day is not None} | edges
    start = max((plan.start for plan in plans if plan.start is not None), default=None)
    if start is None:
        # Before all that has a date nothing differs but what recurs.
        first = min([_FIRST, *known, *([] if ends is None else [ends])])
        start = add_months(first, -12 * _WEEKDAY_YEARS) if known or ends is not None else _FIRST
    return sorted({start, *(mark for mark in known if mark > start and (ends is None or mark < ends))})


def _beginning(billing: Billing, begin: date, end: date, *, each_month_end: bool) -> Iterator[tuple[DateRange, date]]:
    """The periods that begin in `[begin, end)`. Those counted from a start may begin on any day."""
    if not billing.anchored:
        period = billing_period(billing, begin, begin)
        if period.start < begin:
            period = billing_period(billing, period.end, begin)
        while period.start < end:
            yield period, period.start
            period = billing_period(billing, period.end, begin)
        return
    day = begin
    while day < end:
        yield billing_period(billing, day, day), day
        if each_month_end and billing.every.months and (day + _DAY).day == 1:
            # Counted from the 31st, a shorter month's last day begins a period of another length.
            for back in range(1, 4):
                anchor = add_months(day + _DAY, -back * billing.every.months) - _DAY
                period = billing_period(billing, day, anchor)
                if period.start == day:
                    yield period, anchor
        day += _DAY


# Fees


def _starts(fees: Sequence[Fee], billing: Billing, period: DateRange, anchor: date) -> Iterator[date]:
    """Starts of subscriptions that have this period whole, as far as fees tell them apart."""
    every = billing.every
    counted = [fee for fee in fees if fee.every != every or fee.trial is not None or fee.calendar == billing.anchored]
    if all(fee.calendar and fee.trial is None for fee in counted) and every.months:
        yield anchor  # months of the calendar that lie in the bill as a whole
        return
    if any(fee.calendar and fee.trial is None for fee in counted):
        raise Unmodelled("fees for months stand on bills for days or weeks")
    if every.months and all(fee.every.months and fee.trial is None for fee in counted):
        phases = lcm(every.months, *(fee.every.months for fee in counted)) // every.months
        for phase in range(phases + 1):
            start = every.after(anchor, -phase)
            yield start
            if not billing.anchored:
                # Terms that begin inside a bill may end on another bill than those that begin with one.
                yield start - timedelta(days=14)
        return
    if billing.anchored:
        phase = 0
        while (start := every.after(anchor, -phase)) > anchor - timedelta(days=_reach(counted) + 31):
            yield start
            phase += 1
        return
    if any(fee.every.months for fee in counted) and any(fee.every.days for fee in counted):
        raise Unmodelled("fees for months and fees for days meet on one bill")
    for back in range(_reach(counted)):
        yield period.start - timedelta(days=back)


def _reach(fees: Sequence[Fee]) -> int:
    """After so many days the terms of fees repeat, trials included."""
    trials = [fee.trial_steps * (fee.trial.months * 31 + fee.trial.days) for fee in fees if fee.trial is not None]
    months = lcm(*(fee.every.months or 1 for fee in fees))
    return max(trials, default=0) + lcm(*(fee.every.days or 1 for fee in fees)) + months * 31 + 31


def _due(program: Program, plan: Plan, fee: Fee, period: DateRange, start: date, zone: ZoneInfo) -> Fraction:
    situation = Situation(program, plan, Subscription("", plan.name, start), (), (), period, period, zone)
    return terms_due(replace(fee, multiplier=None), situation)
