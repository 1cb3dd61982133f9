"""Instants, local days, billing periods and fee terms.

An instant is an aware `datetime` in UTC, a local day is a `date`, and every range is half-open, `[start, end)`.
Calendar periods and anniversaries are the same steps from different anchors. Nothing here reads a clock.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from functools import lru_cache
from itertools import count, takewhile
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_SECOND: Final = timedelta(seconds=1)
_DAY: Final = timedelta(days=1)


def time_zone(name: str) -> ZoneInfo | None:
    """`time zone Asia/Shanghai`: the zone of that name, or None if the time zone database has none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        # A folder of the database, such as `America`, is an OSError; a path that leaves it is a ValueError.
        return None


def at_local(naive: datetime, zone: ZoneInfo) -> datetime:
    """The instant at which clocks in the zone show this time.

    A time that the clocks skip is taken as if they had not been put forward (02:30 becomes 03:30); of a time that they
    show twice, the first is taken.
    """
    return naive.replace(tzinfo=zone, fold=0).astimezone(UTC)


@lru_cache(maxsize=4096)
def local_midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a local day, also where clocks skip midnight."""
    midnight = datetime.combine(day, time())
    instant = at_local(midnight, zone)
    if instant.astimezone(zone).replace(tzinfo=None) == midnight:
        return instant
    return _clock_change(at_local(midnight - _DAY, zone), instant, zone)


def local_day(instant: datetime, zone: ZoneInfo) -> date:
    """The local day whose first instant is the last one at or before this instant."""
    day = instant.astimezone(zone).date()
    # Clocks put back over midnight show the old date again: the new day has begun all the same.
    following = day + _DAY
    return following if local_midnight(following, zone) <= instant else day


def clock_changes(period: Period, zone: ZoneInfo) -> Iterator[datetime]:
    """The instants inside a period, its start left out, at which the zone's offset from UTC changes."""
    low, end = period.start, period.end
    while low < end:
        # Zones don't change twice in a day and back, so that a day is a step that misses nothing.
        high = min(low + _DAY, end)
        if low.astimezone(zone).utcoffset() != high.astimezone(zone).utcoffset():
            change = _clock_change(low, high, zone)
            if change < end:
                yield change
        low = high


def _clock_change(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """The first instant with the offset of `high`, between two instants whose offsets differ."""
    before = low.astimezone(zone).utcoffset()
    # Zones change on whole seconds, which the bounds of a period need not be.
    low, high = low.replace(microsecond=0), high.replace(microsecond=0)
    while high - low > _SECOND:
        middle = low + (high - low) // _SECOND // 2 * _SECOND
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return low + _SECOND


@dataclass(frozen=True, slots=True)
class Period:
    """`[start, end)` in instants of UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError(f"a period does not end ({self.end}) before it starts ({self.start})")

    @property
    def duration(self) -> timedelta:
        """The time that passes, clock changes or not."""
        return self.end - self.start

    def contains(self, instant: datetime) -> bool:
        """Whether the instant lies in it; its own end does not."""
        return self.start <= instant < self.end

    def overlap(self, other: Period) -> Period | None:
        """What both have in common, or None if that is nothing."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Period(start, end) if start < end else None


@dataclass(frozen=True, slots=True)
class DateRange:
    """`[start, end)` in local days."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError(f"a range of days does not end ({self.end}) before it starts ({self.start})")

    @property
    def day_count(self) -> int:
        """How many days it has."""
        return (self.end - self.start).days

    def days(self) -> Iterator[date]:
        """Its days, in order."""
        return (self.start + timedelta(offset) for offset in range(self.day_count))

    def contains(self, day: date) -> bool:
        """Whether the day lies in it; its own end does not."""
        return self.start <= day < self.end

    def overlap(self, other: DateRange) -> DateRange | None:
        """What both have in common, or None if that is nothing."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return DateRange(start, end) if start < end else None

    def period(self, zone: ZoneInfo) -> Period:
        """The same days as instants of a zone; neighbouring ranges give neighbouring periods."""
        return Period(local_midnight(self.start, zone), local_midnight(self.end, zone))


_PERIOD: Final = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")
_QUARTER: Final = re.compile(r"([0-9]{4})-Q([1-4])")


def parse_period(text: str) -> DateRange | None:
    """`2026`, `2026-Q2`, `2026-03` or `2026-03-01` as its days, `A..B` for all from A through B; None for others."""
    first, dots, last = text.partition("..")
    if dots:
        low, high = parse_period(first), parse_period(last)
        return None if low is None or high is None or high.end <= low.start else DateRange(low.start, high.end)
    quarter = _QUARTER.fullmatch(text)
    if quarter is not None and quarter[1] != "0000":
        begins = date(int(quarter[1]), 3 * int(quarter[2]) - 2, 1)
        return DateRange(begins, add_months(begins, 3)) if begins < date(9999, 10, 1) else None
    found = _PERIOD.fullmatch(text)
    if found is None:
        return None
    year, month, day = found.groups()
    try:
        start = date(int(year), int(month or 1), int(day or 1))
        if day is not None:
            return DateRange(start, start + _DAY)
        return DateRange(start, add_months(start, 12 if month is None else 1))
    except (ValueError, OverflowError):
        return None


def add_months(day: date, months: int) -> date:
    """The same day some months later, or that month's last day if it is shorter."""
    years, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(years, month + 1, min(day.day, monthrange(years, month + 1)[1]))


@dataclass(frozen=True, slots=True)
class Every:
    """`every 3 months`, `per day`: a step in months or in days, one of them."""

    months: int = 0
    days: int = 0

    def __post_init__(self) -> None:
        if min(self.months, self.days) != 0 or max(self.months, self.days) <= 0:
            raise ValueError(f"a step is some months or some days, not {self.months} and {self.days}")

    def after(self, anchor: date, steps: int) -> date:
        """The day that many steps from the anchor, always counted from the anchor: Jan 31, Feb 28, Mar 31."""
        if self.months:
            return add_months(anchor, steps * self.months)
        return anchor + timedelta(steps * self.days)

    def steps_to(self, anchor: date, day: date) -> int:
        """The greatest number of steps from the anchor that does not go past the day."""
        if self.months:
            steps = ((day.year - anchor.year) * 12 + day.month - anchor.month) // self.months
            # The month is reached, the day of the month perhaps not.
            return steps if self.after(anchor, steps) <= day else steps - 1
        return (day - anchor).days // self.days


DAILY: Final = Every(days=1)
WEEKLY: Final = Every(days=7)
MONTHLY: Final = Every(months=1)
QUARTERLY: Final = Every(months=3)
YEARLY: Final = Every(months=12)

# Calendar steps count from here: a Monday, a first of January, and the first month of a quarter, half-year and year.
_CALENDAR_ANCHOR: Final = date(1, 1, 1)


@dataclass(frozen=True, slots=True)
class Billing:
    """`billed monthly`, `billed every 2 months from start`."""

    every: Every
    anchored: bool = False
    """Whether periods count from the subscription's start instead of the calendar."""

    def anchor(self, start: date) -> date:
        """The day from which periods are counted."""
        return start if self.anchored else _CALENDAR_ANCHOR


def billing_period(billing: Billing, day: date, start: date) -> DateRange:
    """The whole billing period that contains a day, of a subscription that starts on `start`."""
    anchor = billing.anchor(start)
    steps = billing.every.steps_to(anchor, day)
    return DateRange(billing.every.after(anchor, steps), billing.every.after(anchor, steps + 1))


def billing_periods(billing: Billing, start: date, within: DateRange) -> Iterator[DateRange]:
    """The whole billing periods that begin inside a range, in order; none begins before its anchor."""
    return terms(billing.every, start, within, calendar=not billing.anchored, edge=TermEdge.BEGINS)


class TermEdge(Enum):
    """On which statement a fee stands: that of the period in which its term begins, or ends."""

    BEGINS = "in advance"
    ENDS = "in arrears"


def terms(every: Every, anchor: date, within: DateRange, *, calendar: bool, edge: TermEdge) -> Iterator[DateRange]:
    """The whole terms that begin, or end, inside a range, in order.

    A term ends inside a range if its last day lies in it. `calendar` terms ignore the anchor; others count from it,
    and none begins before it.
    """
    origin = _CALENDAR_ANCHOR if calendar else anchor
    # The term that contains the range's first day is the earliest that can end inside it.
    first = max(0, every.steps_to(origin, within.start))
    candidates = (DateRange(every.after(origin, steps), every.after(origin, steps + 1)) for steps in count(first))
    for term in takewhile(lambda term: term.start < within.end, candidates):
        decisive_day = term.start if edge is TermEdge.BEGINS else term.end - _DAY
        if within.contains(decisive_day):
            yield term
