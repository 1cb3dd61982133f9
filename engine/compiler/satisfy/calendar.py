"""The days on which a billing period may begin: what `month` and `period starts in` are decided by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from math import lcm
from typing import TypeAlias
from zoneinfo import ZoneInfo

from ...period import Billing, Every, billing_period, local_midnight
from ...window import Dates, Holidays, Window, asks_holidays, contains, leaves

_EPOCH = date(2024, 1, 1)
_LAST = date(2200, 1, 1)
# Weekdays and days of the year meet again after 28 years, so that this many years hold every such combination.
_CYCLE_MONTHS = 28 * 12

Day: TypeAlias = tuple[date, frozenset[str]]
"""A day with those of the windows asked for that it begins in."""


@dataclass(frozen=True, slots=True, eq=False)
class Begins:
    """The days in `[start, end)` on which a period of `billing` may begin; an end that is None is open.

    Open ends are searched as far as windows of dates reach, and one whole cycle of weekdays and years beyond.
    """

    windows: Mapping[str, Window] = field(default_factory=dict)
    zone: ZoneInfo | None = None
    billing: Billing | None = None
    start: date | None = None
    end: date | None = None
    _found: dict[frozenset[str], tuple[Day, ...] | None] = field(default_factory=dict)

    def days(self, asked: Iterable[str]) -> tuple[Day, ...] | None:
        """Each day in question with those of the asked windows that it begins in; None where that is left open.

        Whether a holiday that moves with the moon ever falls on such a day cannot be said for all years to come.
        """
        names = frozenset(asked)
        if names not in self._found:
            self._found[names] = self._days(names)
        return self._found[names]

    def _days(self, names: frozenset[str]) -> tuple[Day, ...] | None:
        windows = {name: self.windows[name] for name in sorted(names) if name in self.windows}
        if len(windows) < len(names) or self.zone is None or self.billing is None:
            return None
        if (self.start is None or self.end is None) and any(asks_holidays(window) for window in windows.values()):
            return None
        zone = self.zone
        return tuple(
            (day, frozenset(name for name, window in windows.items() if _begins_in(window, day, zone)))
            for day in self._candidates(self.billing, [span for each in windows.values() for span in dates_in(each)])
        )

    def _candidates(self, billing: Billing, dates: list[Dates]) -> Iterator[date]:
        low = self.start or min([_EPOCH, *(span.start for span in dates)])
        every = Every(days=1) if billing.anchored else billing.every
        months = lcm(_CYCLE_MONTHS, every.months or 1)
        cycle_end = date(min(max(low, _EPOCH).year + months // 12 + 1, _LAST.year), 1, 1)
        high = self.end or min(max([cycle_end, *(span.end + timedelta(days=366) for span in dates)]), _LAST)
        day = low if billing.anchored else billing_period(billing, low, low).start
        if day < low:
            day = every.after(day, 1)
        first, steps = day, 0
        while day < high:
            yield day
            steps += 1
            day = every.after(first, steps)


ANY_DAY = Begins()
"""Nothing is known of when the period begins, and windows are left open."""


def _begins_in(window: Window, day: date, zone: ZoneInfo) -> bool:
    return contains(window, local_midnight(day, zone), zone)


def dates_in(window: Window) -> Iterator[Dates]:
    """The spans of dates that a window is made of."""
    return (leaf for leaf in leaves(window) if isinstance(leaf, Dates))


def holidays_in(window: Window) -> Iterator[Holidays]:
    """The holidays that a window is made of."""
    return (leaf for leaf in leaves(window) if isinstance(leaf, Holidays))
