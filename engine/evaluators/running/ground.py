"""What stays the same while a billing period runs: the situation without usage, and how events are told apart.

Made once from a program and a subscription; nothing of it is kept between processes, for it can be made again.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime

from ....diagnostics import Diagnostic
from ...period import DateRange, local_day
from ...plan import Charge, CountedPer, Plan, Program
from ...usage import AccountUsage, Subscription
from ...window import contains
from ..changes import stretches
from ..counting import counting_year
from ..rate import situation_of, without_minimums
from ..situation import Observer, Readings, Refused, Situation, earlier_periods
from .keeping import Kept, each_charges, each_windows, kept_meters, obstacle_to_sums


@dataclass(frozen=True, slots=True)
class Version:
    """The days of a period that one version of the plan prices, and the `each` charges whose events it prices then.

    `priced` is false for days on which no version is in force: usage on them is refused when the bill is made.
    """

    days: DateRange
    readings: Readings
    charges: tuple[Charge, ...]
    priced: bool


@dataclass(frozen=True, slots=True)
class Ground:
    """The fixed part of a running period.

    `ends` are the days at which rules cut time, rising; `sums` says that events of `each` charges are priced once.
    """

    program: Program
    subscription: Subscription
    situation: Situation
    meters: tuple[Kept, ...]
    versions: tuple[Version, ...]
    windows_of_each: tuple[str, ...]
    ends: tuple[date, ...]
    sums: bool
    replays: str | None

    @property
    def days(self) -> DateRange:
        """The billing period."""
        return self.situation.days

    def section(self, time: datetime) -> int:
        """The stretch of time between two cuts that an instant lies in; rules treat its instants alike."""
        return bisect_right(self.ends, local_day(time, self.situation.zone))

    def inside(self, windows: tuple[str, ...], time: datetime) -> tuple[str, ...]:
        """Those of some windows that hold an instant."""
        known, zone = self.program.windows, self.situation.zone
        return tuple(name for name in windows if contains(known[name], time, zone))

    def version_at(self, time: datetime) -> Version:
        """The version that prices an instant of the period."""
        day = local_day(time, self.situation.zone)
        return next(item for item in self.versions if day < item.days.end)


def ground_of(program: Program, subscription: Subscription, days: DateRange) -> Ground | Diagnostic:
    """The fixed part of a subscription's billing period, or why nothing can be priced in it.

    Floors that act at the end of a period are left out, and so are prepaid cards.
    """
    versions = tuple(without_minimums(plan) for plan in program.plans[subscription.plan])
    own = replace(program, plans={**program.plans, subscription.plan: versions})
    try:
        situation = situation_of(own, replace(subscription, cards=()), AccountUsage(), days)
    except Refused as refused:
        return refused.finding
    if not situation.covered_days.day_count:
        return situation.refuse(
            "RB4007",
            f"the subscription covers no day of {days.start} before {days.end}",
            "charge it in a period that it covers",
        ).finding
    meters = kept_meters(own, versions)
    obstacles = [obstacle_to_sums(charge) for plan in versions for charge in each_charges(plan)]
    reasons = [*(item.reason for item in meters), *obstacles]
    return Ground(
        program=own,
        subscription=situation.subscription,
        situation=situation,
        meters=meters,
        versions=tuple(_versions(situation, versions)),
        windows_of_each=each_windows(versions),
        ends=tuple(sorted(set(_ends(situation, versions)))),
        sums=not any(obstacles),
        replays="; ".join(reason for reason in reasons if reason) or None,
    )


def watched(ground: Ground, observer: Observer) -> Ground:
    """The same ground, on which `observer` is told of every walk over a ladder."""

    def told(situation: Situation) -> Situation:
        return replace(situation, observer=observer)

    versions = tuple(replace(item, readings=Readings(told(item.readings.situation))) for item in ground.versions)
    return replace(ground, situation=told(ground.situation), versions=versions)


def _versions(situation: Situation, versions: tuple[Plan, ...]) -> Iterator[Version]:
    for stretch in stretches(situation):
        plan = stretch.plan
        own = replace(situation, plan=plan or situation.plan, covered_days=stretch.days)
        charges = each_charges(plan) if plan is not None else (item for any_ in versions for item in each_charges(any_))
        yield Version(stretch.days, Readings(own), tuple(charges), plan is not None)


def _ends(situation: Situation, versions: tuple[Plan, ...]) -> Iterator[date]:
    """The days at which billing periods, versions, counting years and terms of included units begin."""
    start, last = situation.subscription.start, situation.days.end
    yield situation.days.start
    yield from (period.start for period in earlier_periods(situation.plan, situation.subscription, start, last))
    for plan in versions:
        yield from (day for day in (plan.start, plan.end) if day is not None)
        for include in plan.includes:
            steps = 0
            while include.every is not None and (day := include.every.after(start, steps)) < last:
                yield day
                steps += 1
    for counted in {charge.counted for plan in versions for charge in plan.charges} - {None}:
        assert isinstance(counted, CountedPer)
        year = counting_year(counted, start, start)
        while year.start < last:
            yield year.start
            year = counting_year(counted, start, year.end)
