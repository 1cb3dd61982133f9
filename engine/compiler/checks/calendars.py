"""On which days the billing periods of a plan begin, and whether a window has any time at all."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from ...period import Period, billing_period
from ...window import Difference, Intersection, Union, Window, intervals
from ..model import Plan, PolicyModel, Ruleset, TaxModel
from ..satisfy import Begins
from ..satisfy.calendar import dates_in

_EPOCH = date(2024, 1, 1)
_YEARS_SHORT, _YEARS_LONG = 2, 28


class Calendars:
    """The days of each plan and each pair of dates, made once."""

    def __init__(self, ruleset: Ruleset) -> None:
        self._zone = ZoneInfo(ruleset.zone)
        # A window that no time lies in has a finding of its own, and conditions on it are left open.
        self._windows = {name: window for name, window in ruleset.windows.items() if not is_empty(window, self._zone)}
        self._made: dict[tuple[str, date | None, date | None, date | None], Begins] = {}

    def begins(self, plan: Plan, *dated: PolicyModel | TaxModel) -> Begins:
        """The days on which a period of the plan may begin while everything that is dated holds."""
        start, end = reach(plan)
        dates = [dates_of(item) for item in dated]
        low = max((day for day in (start, *(first for first, _ in dates)) if day is not None), default=None)
        high = min((day for day in (end, *(last for _, last in dates)) if day is not None), default=None)
        key = (plan.name, plan.start, low, high)
        if key not in self._made:
            self._made[key] = Begins(self._windows, self._zone, plan.billing, low, high)
        return self._made[key]


def reach(plan: Plan) -> tuple[date | None, date | None]:
    """The days `[start, end)` on which a period that this version prices may begin.

    A subscription may start inside a calendar period, which then began before the version did.
    """
    if plan.start is None or plan.billing.anchored:
        return plan.start, plan.end
    return billing_period(plan.billing, plan.start, plan.start).start, plan.end


def dates_of(item: PolicyModel | TaxModel) -> tuple[date | None, date | None]:
    """The dates of a policy or tax."""
    rule = item.policy if isinstance(item, PolicyModel) else item.tax
    return rule.start, rule.end


def meet(spans: Iterable[tuple[date | None, date | None]]) -> bool:
    """Whether spans of days `[start, end)`, open where None, have a day in common."""
    pairs = list(spans)
    low = max((start for start, _ in pairs if start is not None), default=None)
    high = min((end for _, end in pairs if end is not None), default=None)
    return low is None or high is None or low < high


def last_day(end: date) -> date:
    """The last day before a half-open end."""
    return end - timedelta(days=1)


def is_empty(window: Window, zone: ZoneInfo) -> bool:
    """Whether no time ever lies in it, over all weekdays and years and as far as its dates reach."""
    if not isinstance(window, Intersection | Difference | Union):
        return False
    dates = list(dates_in(window))
    first = min([_EPOCH, *(span.start for span in dates)])
    last = max([_EPOCH, *(span.end for span in dates)])
    spans = [(span.start, span.end + timedelta(days=1)) for span in dates]
    spans += [(_EPOCH, _EPOCH.replace(year=_EPOCH.year + years)) for years in (_YEARS_SHORT, _YEARS_LONG)]
    spans.append((first, last))
    return not any(intervals(window, Period(_midnight(low), _midnight(high)), zone) for low, high in spans)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
