"""Windows of a `time` column against each other: what they share, what they leave out, and which is hidden by others.

Days are tried that hold whatever recurs: two years for weekdays, seasons and clock changes, the last days of February
in leap years, and as many years as it takes where a weekday has to fall on a day of the year.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from ..period import Period
from ..window import Dates, Difference, Holidays, Intersection, MonthDays, Union, Window, intervals, leaves

_DAYS_SHORT = 731
# Weekdays and days of the year meet again after 28 years.
_YEARS_CYCLE = 28
_YEAR_LAST = 2199


@dataclass(slots=True)
class Times:
    """Windows by name, in a zone, from a day on. What was found once is kept, for every branch of a table asks."""

    windows: Mapping[str, Window]
    zone: ZoneInfo
    since: date
    _found: dict[tuple[str, Period], tuple[Period, ...]] = field(default_factory=dict)
    _shared: dict[tuple[str, str], datetime | None] = field(default_factory=dict)
    _gaps: dict[frozenset[str], datetime | None] = field(default_factory=dict)

    def shared(self, first: str, second: str) -> datetime | None:
        """An instant that lies in both windows."""
        key = (first, second)
        if key not in self._shared:
            found = (
                _first_shared(self.intervals(first, span), self.intervals(second, span)) for span in self.spans(key)
            )
            self._shared[key] = next((instant for instant in found if instant is not None), None)
        return self._shared[key]

    def gap(self, names: Iterable[str]) -> datetime | None:
        """An instant that lies in none of the windows."""
        key = frozenset(names)
        if key not in self._gaps:
            found = (
                _first_gap(span, [interval for name in key for interval in self.intervals(name, span)])
                for span in self.spans(sorted(key))
            )
            self._gaps[key] = next((instant for instant in found if instant is not None), None)
        return self._gaps[key]

    def covers_all(self, names: Iterable[str]) -> bool:
        """Whether windows that recur leave no time out. Dates and holidays are not taken to recur."""
        names = list(names)
        return all(_recurs(self.windows[name]) for name in names) and self.gap(names) is None

    def hides(self, names: Sequence[str], name: str) -> bool:
        """Whether every time of a window lies in one of the others as well."""
        others = [other for other in names if self.shared(*sorted((other, name))) is not None]
        if not others or not all(_recurs(self.windows[each]) for each in (*others, name)):
            return False
        rest = Difference(self.windows[name], Union(tuple(self.windows[other] for other in others)))
        return not any(intervals(rest, span, self.zone) for span in self.spans([*others, name]))

    def is_made_of(self, name: str, other: str) -> bool:
        """Whether a window names another in its own declaration, so that the other cannot name it."""
        return name != other and self.windows[other] in _within(self.windows[name])

    def intervals(self, name: str, span: Period) -> tuple[Period, ...]:
        """When a window holds in a time that is tried."""
        key = (name, span)
        if key not in self._found:
            self._found[key] = intervals(self.windows[name], span, self.zone)
        return self._found[key]

    def spans(self, names: Iterable[str]) -> list[Period]:
        """The times that are tried for these windows."""
        asked = [self.windows[name] for name in names]
        year = self.since.year
        if any(_has(window, MonthDays) and _is_composed(window) for window in asked):
            return [_period(self.since, date(min(year + _YEARS_CYCLE, _YEAR_LAST), 12, 31))]
        spans = [_period(self.since, self.since + timedelta(days=_DAYS_SHORT))]
        if any(_has(window, MonthDays) for window in asked):
            leap = year + -year % 4
            spans.append(_period(date(leap, 2, 27), date(leap, 3, 2)))
        for window in asked:
            spans += [
                _period(dates.start - timedelta(days=1), dates.end + timedelta(days=1))
                for dates in leaves(window)
                if isinstance(dates, Dates) and dates.end > self.since
            ]
        return spans


def _period(start: date, end: date) -> Period:
    return Period(
        datetime(start.year, start.month, start.day, tzinfo=UTC), datetime(end.year, end.month, end.day, tzinfo=UTC)
    )


def _within(window: Window) -> Iterable[Window]:
    """A window and all windows that it is composed of."""
    yield window
    match window:
        case Union(parts) | Intersection(parts):
            for part in parts:
                yield from _within(part)
        case Difference(base, excluded):
            yield from _within(base)
            yield from _within(excluded)
        case _:
            pass


def _has(window: Window, kind: type[Window]) -> bool:
    return any(isinstance(part, kind) for part in leaves(window))


def _is_composed(window: Window) -> bool:
    return isinstance(window, Intersection | Difference) or (
        isinstance(window, Union) and any(_is_composed(part) for part in window.parts)
    )


def _recurs(window: Window) -> bool:
    return not any(isinstance(part, Dates | Holidays) for part in leaves(window))


def _first_shared(left: Sequence[Period], right: Sequence[Period]) -> datetime | None:
    i = j = 0
    while i < len(left) and j < len(right):
        start, end = max(left[i].start, right[j].start), min(left[i].end, right[j].end)
        if start < end:
            return start
        if left[i].end <= right[j].end:
            i += 1
        else:
            j += 1
    return None


def _first_gap(span: Period, found: list[Period]) -> datetime | None:
    reach = span.start
    for interval in sorted(found, key=lambda item: item.start):
        if interval.start > reach:
            return reach
        reach = max(reach, interval.end)
    return reach if reach < span.end else None
