"""Which statements subscriptions have in a range of days, worked out once for all that are alike.

A billing period, the version of the plan, covered days and everything that follows from them depend on the plan, the
first and last day, and the attributes that choose a row of a table; not on usage.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

from ...diagnostics import Diagnostic
from ...records import Record
from ..evaluators.rate import billing_periods_of, situation_of
from ..evaluators.situation import Refused, Situation
from ..period import DateRange, Period, local_midnight
from ..plan import ColumnKind, Plan, Program
from ..usage import AccountUsage, Subscription, Value
from .family import Member
from .history import has_history

NO_VERSION: Final = "accounts whose plan has no version in force"


class Alike(Record):
    """Subscriptions that have the same billing periods: `attributes` are those that choose rows of tables."""

    plan: str
    start: date
    end: date | None
    attributes: tuple[tuple[str, Value | None], ...] = ()


class Rated(Record):
    """The statements of subscriptions that are alike, in order; `unfit` says why the scalar evaluator has them
    instead.
    """

    members: tuple[Member, ...]
    unfit: str | None = None


def choosing_attributes(program: Program) -> tuple[str, ...]:
    """The attributes that are a key column of some charge's table."""
    found = {
        column.name: None
        for versions in program.plans.values()
        for plan in versions
        for charge in plan.charges
        for column in charge.columns
        if column.kind is ColumnKind.ATTRIBUTE
    }
    return tuple(found)


def members_of(program: Program, kinds: Iterable[Alike], within: DateRange) -> Mapping[Alike, Rated]:
    """The statements of each kind of subscription; members are numbered in this order."""
    found: dict[Alike, Rated] = {}
    count = 0
    for kind in kinds:
        situations = _situations(program, kind, within)
        if isinstance(situations, str):
            found[kind] = Rated((), situations)
            continue
        members = tuple(Member(count + index, situation) for index, situation in enumerate(situations))
        count += len(members)
        found[kind] = Rated(members)
    return found


def _situations(program: Program, kind: Alike, within: DateRange) -> list[Situation] | str:
    attributes = {name: value for name, value in kind.attributes if value is not None}
    subscription = Subscription("", kind.plan, kind.start, kind.end, attributes)
    found: list[Situation] = []
    for period in billing_periods_of(program, subscription, within):
        if isinstance(period, Diagnostic):
            return NO_VERSION
        try:
            found.append(situation_of(program, subscription, AccountUsage(), period))
        except Refused:
            return NO_VERSION
    return found


def reach_of(program: Program, members: Iterable[Member], period: DateRange) -> Period:
    """The time that holds every event which counts: all covered days, and the earlier usage that plans ask for."""
    whole = period.period(ZoneInfo(program.zone))
    start, end = whole.start, whole.end
    for member in members:
        covered = member.situation.covered
        start, end = min(start, covered.start), max(end, covered.end)
        if has_history(member):
            start = min(start, local_midnight(member.situation.subscription.start, member.situation.zone))
    return Period(start, end)


def plans_of(members: Iterable[Member]) -> list[Plan]:
    """The versions of plans that members have, each once."""
    return list({id(member.plan): member.plan for member in members}.values())
