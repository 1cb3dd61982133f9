"""Windows: sets of local time, and the instants that they are.

A window is a set of readings of the local clock. An instant lies in it if the clock shows a reading of the set at that
instant, so that an hour that clocks skip has no instant and an hour that they show twice has both. The algebra runs on
clock readings (naive `datetime`); only the finished set is turned into instants, piece by piece between clock changes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum, IntEnum
from typing import Final, NamedTuple, TypeAlias, assert_never
from zoneinfo import ZoneInfo

from ..records import Record
from .holiday import holidays_of_year
from .period import Period, clock_changes

DAY_SECONDS: Final = 24 * 60 * 60
_DAY: Final = timedelta(days=1)


class Weekday(IntEnum):
    """The days of the week, numbered as `date.weekday` does."""

    MON = 0
    TUE = 1
    WED = 2
    THU = 3
    FRI = 4
    SAT = 5
    SUN = 6


EVERY_DAY: Final = frozenset(Weekday)


class MonthDay(NamedTuple):
    """`may 16`; `feb 29` stands between February 28 and March 1 in every year."""

    month: int
    day: int


class Days(Record):
    """`mon to fri 08:00 to 22:00`; without times, whole days.

    Times are seconds of the day, `24:00` included. An end at or before the start is on the next day; the whole range
    belongs to the day on which it begins.
    """

    weekdays: frozenset[Weekday]
    start_second: int = 0
    end_second: int = DAY_SECONDS

    def __post_init__(self) -> None:
        if not (0 <= self.start_second < DAY_SECONDS and 0 <= self.end_second <= DAY_SECONDS):
            raise ValueError(f"a day has no seconds {self.start_second} to {self.end_second}")


class Months(Record):
    """`jun to sep`; both ends included, every year; `nov to feb` wraps the year."""

    first: int
    last: int


class MonthDays(Record):
    """`may 16 to oct 15`; both ends included, every year; `dec 24 to jan 6` wraps the year."""

    first: MonthDay
    last: MonthDay


class Dates(Record):
    """`2026-11-11 through 2026-11-12`, held half-open: `end` is the first day after it."""

    start: date
    end: date


class Holidays(Record):
    """`holidays of CN named "Spring Festival"`; without names, every public holiday."""

    country: str
    names: tuple[str, ...] = ()
    subdivision: str | None = None


class Union(Record):
    """`jun to sep, dec`"""

    parts: tuple[Window, ...]


class Intersection(Record):
    """`summer and evening`"""

    parts: tuple[Window, ...]

    def __post_init__(self) -> None:
        if not self.parts:
            raise ValueError("the intersection of no windows has no bounds")


class Difference(Record):
    """`mon to fri except holidays of US`"""

    base: Window
    excluded: Window


Recurring: TypeAlias = Days | Months | MonthDays | Dates | Holidays
Window: TypeAlias = Recurring | Union | Intersection | Difference


def leaves(window: Window) -> Iterator[Recurring]:
    """The windows without parts that a window is made of, in the order in which they are written."""
    match window:
        case Union(parts) | Intersection(parts):
            for part in parts:
                yield from leaves(part)
        case Difference(base, excluded):
            yield from leaves(base)
            yield from leaves(excluded)
        case _:
            yield window


def asks_holidays(window: Window) -> bool:
    """Whether holidays decide of a window."""
    return any(isinstance(leaf, Holidays) for leaf in leaves(window))


class Coverage(Enum):
    """How much of a period lies in a window."""

    ALL = "all"
    PART = "part"
    NONE = "none"


def contains(window: Window, instant: datetime, zone: ZoneInfo) -> bool:
    """Whether clocks in the zone show a time of the window at this instant."""
    return _reads(window, instant.astimezone(zone).replace(tzinfo=None))


def intervals(window: Window, period: Period, zone: ZoneInfo) -> tuple[Period, ...]:
    """The instants of a period that lie in the window: sorted, apart from each other, none empty."""
    found: list[Period] = []
    for piece in _between_clock_changes(period, zone):
        offset = piece.start.astimezone(zone).utcoffset() or timedelta()
        low = piece.start.replace(tzinfo=None) + offset
        high = piece.end.replace(tzinfo=None) + offset
        for start, end in _clipped(_spans(window, low, high), low, high):
            begin, finish = (start - offset).replace(tzinfo=UTC), (end - offset).replace(tzinfo=UTC)
            if found and found[-1].end == begin:
                begin = found.pop().start
            found.append(Period(begin, finish))
    return tuple(found)


def membership(window: Window, period: Period, zone: ZoneInfo) -> Callable[[datetime], bool]:
    """`contains` for the many instants of one period, found by bisection; instants outside the period are not in it."""
    found = intervals(window, period, zone)
    edges = [edge for interval in found for edge in (interval.start, interval.end)]
    # An odd number of edges at or before an instant means that an interval has begun and not ended.
    return lambda instant: bisect_right(edges, instant) % 2 == 1


def covers(window: Window, period: Period, zone: ZoneInfo) -> Coverage:
    """How much of a period lies in the window; of an empty period, nothing."""
    found = intervals(window, period, zone)
    if not found:
        return Coverage.NONE
    return Coverage.ALL if found == (period,) else Coverage.PART


def _between_clock_changes(period: Period, zone: ZoneInfo) -> Iterator[Period]:
    start = period.start
    for change in clock_changes(period, zone):
        yield Period(start, change)
        start = change
    if start < period.end:
        yield Period(start, period.end)


# Below here times are clock readings, and a set of them is a list of spans: half-open, sorted, apart from each other.

_Span: TypeAlias = tuple[datetime, datetime]


def _reads(window: Window, reading: datetime) -> bool:
    match window:
        case Union(parts):
            return any(_reads(part, reading) for part in parts)
        case Intersection(parts):
            return all(_reads(part, reading) for part in parts)
        case Difference(base, excluded):
            return _reads(base, reading) and not _reads(excluded, reading)
        case Days(_, start_second, end_second):
            day = reading.date()
            # A range past midnight is still open on the day after the one that it belongs to.
            owners = (day, day - _DAY) if end_second <= start_second else (day,)
            spans = (_span_of(window, owner) for owner in owners if _has_day(window, owner))
            return any(start <= reading < end for start, end in spans)
        case Months() | MonthDays() | Dates() | Holidays():
            return _has_day(window, reading.date())
        case _:
            assert_never(window)


def _spans(window: Window, low: datetime, high: datetime) -> list[_Span]:
    """The window's readings, complete between `low` and `high` and possibly reaching past them."""
    match window:
        case Union(parts):
            return _merged(sorted(span for part in parts for span in _spans(part, low, high)))
        case Intersection(parts):
            first, *others = (_spans(part, low, high) for part in parts)
            for other in others:
                first = _common(first, other)
            return first
        case Difference(base, excluded):
            outside = _complement(_spans(excluded, low, high), low, high)
            return _common(_spans(base, low, high), outside)
        case Days() | Months() | MonthDays() | Dates() | Holidays():
            # The day before `low` may own a range past midnight.
            days = _days(low.date() - _DAY, high.date() + _DAY)
            return _merged(_span_of(window, day) for day in days if _has_day(window, day))
        case _:
            assert_never(window)


def _has_day(window: Recurring, day: date) -> bool:
    """Whether a span of the window belongs to this day."""
    match window:
        case Days(weekdays):
            return day.weekday() in weekdays
        case Months(first, last):
            return _in_cycle((first,), (day.month,), (last,))
        case MonthDays(first_day, last_day):
            return _in_cycle(first_day, (day.month, day.day), last_day)
        case Dates(start, end):
            return start <= day < end
        case Holidays(country, names, subdivision):
            return day in holidays_of_year(country, names, subdivision, day.year)
        case _:
            assert_never(window)


def _span_of(window: Recurring, day: date) -> _Span:
    """The span of the window that belongs to a day which it has."""
    midnight = datetime.combine(day, time())
    if not isinstance(window, Days):
        return midnight, midnight + _DAY
    end_second = window.end_second
    if end_second <= window.start_second:
        end_second += DAY_SECONDS
    return midnight + timedelta(seconds=window.start_second), midnight + timedelta(seconds=end_second)


def _in_cycle(first: tuple[int, ...], place: tuple[int, ...], last: tuple[int, ...]) -> bool:
    """Whether a place in the year lies from first to last, both included, past the year's end if last comes first."""
    if first <= last:
        return first <= place <= last
    return place >= first or place <= last


def _days(start: date, end: date) -> Iterator[date]:
    return (start + timedelta(offset) for offset in range((end - start).days))


def _merged(spans: Iterable[_Span]) -> list[_Span]:
    """Spans sorted by their start as a set: those that touch or overlap become one."""
    merged: list[_Span] = []
    for start, end in spans:
        if merged and start <= merged[-1][1]:
            if end > merged[-1][1]:
                merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return merged


def _common(left: Sequence[_Span], right: Sequence[_Span]) -> list[_Span]:
    common: list[_Span] = []
    i = j = 0
    while i < len(left) and j < len(right):
        start, end = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if start < end:
            common.append((start, end))
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1
    return common


def _complement(spans: Sequence[_Span], low: datetime, high: datetime) -> list[_Span]:
    """What lies between `low` and `high` and in none of the spans."""
    starts = [low, *(end for _, end in spans)]
    ends = [*(start for start, _ in spans), high]
    return [(start, end) for start, end in zip(starts, ends, strict=True) if start < end]


def _clipped(spans: Sequence[_Span], low: datetime, high: datetime) -> list[_Span]:
    return _common(spans, [(low, high)])
