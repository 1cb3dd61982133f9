"""Dates and terms as they are written: half-open dates, steps of days or months, and when a plan is billed.

Nothing here knows what the dates are for.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import assert_never

from ....diagnostics import Span
from ....grammar import syntax
from ...period import Billing, Every, billing_period
from .scope import Scope


def resolve_dates(scope: Scope, dating: syntax.Dating) -> tuple[date | None, date | None] | None:
    """Half-open dates; None with a finding where the end is not after the beginning."""
    start, end = dates_of(dating)
    return (start, end) if check_dates(scope, dating) else None


def check_dates(scope: Scope, dating: syntax.Dating | None) -> bool:
    """Whether the end is after the beginning; a finding where it is not."""
    start, end = dates_of(dating)
    if dating is None or start is None or end is None or start < end:
        return True
    message = "these dates begin and end on the same day" if start == end else "these dates end before they begin"
    hint = f"write `through {start}` for that one day" if start == end else "swap the two dates"
    scope.report("RB2303", message, dating, "no day lies between them", hint)
    return False


def dates_of(dating: syntax.Dating | None) -> tuple[date | None, date | None]:
    """The half-open dates of a dating."""
    if dating is None:
        return None, None
    start = None if dating.start is None else date.fromisoformat(dating.start.iso)
    end = None if dating.before is None else date.fromisoformat(dating.before.iso)
    if dating.through is not None:
        end = date.fromisoformat(dating.through.iso) + timedelta(days=1)
    return start, end


def dating_span(dating: syntax.Dating | None) -> Span | None:
    """Where a dating stands."""
    return None if dating is None else dating.span


def every_of(term: syntax.Term) -> Every:
    """A term as a step of months or days."""
    match term.unit:
        case syntax.TermUnit.DAY:
            return Every(days=term.count)
        case syntax.TermUnit.WEEK:
            return Every(days=7 * term.count)
        case syntax.TermUnit.MONTH:
            return Every(months=term.count)
        case syntax.TermUnit.YEAR:
            return Every(months=12 * term.count)
        case _:
            assert_never(term.unit)


def billing_of(items: Iterable[syntax.PlanItem]) -> Billing:
    """How often a plan is billed: as its items say, otherwise monthly."""
    months = {
        syntax.BillingUnit.MONTH: 1,
        syntax.BillingUnit.QUARTER: 3,
        syntax.BillingUnit.YEAR: 12,
    }
    for item in items:
        if isinstance(item, syntax.Billing):
            if item.months is not None:
                return Billing(Every(months=item.months), item.from_start)
            if item.unit in months:
                return Billing(Every(months=months[item.unit]), item.from_start)
            days = 1 if item.unit is syntax.BillingUnit.DAY else 7
            return Billing(Every(days=days), item.from_start)
    return Billing(Every(months=1))


def is_dated_by_usage(items: Iterable[syntax.PlanItem]) -> bool:
    """Whether a version prices the usage from its start on, also inside a billing period."""
    return syntax.DatedBy.USAGE in (item.dated_by for item in items if isinstance(item, syntax.DatedByLine))


def begins_period(billing: Billing, day: date) -> bool:
    """Whether a billing period of the calendar may begin on a day; anniversaries begin on any."""
    if billing.anchored:
        return True
    return billing_period(billing, day, day).start == day
