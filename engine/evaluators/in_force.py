"""Which version of a plan is in force, and which one prices which days of a billing period.

A period is priced by the version in force when it, or a later subscription, begins. Another version that begins inside
it prices the usage of its own days only if it says `dated by usage`; all else stays with the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from ..period import DateRange
from ..plan import Plan, Program


@dataclass(frozen=True, slots=True)
class Stretch:
    """Days of a period that one version prices; `plan` is None where none was in force that could."""

    plan: Plan | None
    days: DateRange


def plan_on(program: Program, name: str, day: date) -> Plan | None:
    """The version of a plan that is in force on a day."""
    return next((plan for plan in program.plans[name] if plan.in_force(day)), None)


def billed_by(program: Program, name: str, day: date) -> Plan | None:
    """The version whose billing a day falls under: the one in force, or the last that began before the day."""
    found = plan_on(program, name, day)
    begun = [plan for plan in program.plans[name] if plan.start is None or plan.start <= day]
    return found or (begun[-1] if begun else None)


def stretches_of(program: Program, first: Plan, days: DateRange) -> tuple[Stretch, ...]:
    """The days of a period by the version that prices their usage, without gaps. `first` is in force at their start."""
    versions = program.plans[first.name]
    found: list[Stretch] = []
    current, since = first, days.start
    for earlier, later in pairwise(versions):
        if later.start is None or not days.start < later.start < days.end or not later.dated_by_usage:
            continue
        ends = later.start if earlier.end is None else max(min(earlier.end, later.start), since)
        found += _stretches(current, since, ends, later.start)
        current, since = later, later.start
    over = versions[-1].end
    ends = days.end if over is None or not current.dated_by_usage else max(min(over, days.end), since)
    return (*found, *_stretches(current, since, ends, days.end))


def _stretches(plan: Plan, start: date, end: date, until: date) -> Sequence[Stretch]:
    own = [Stretch(plan, DateRange(start, end))]
    return own if end == until else [*own, Stretch(None, DateRange(end, until))]
