"""Local days, and the intervals that they are cut into, as arithmetic on microseconds since 1970.

Between clock changes local midnights are 24 hours apart, so that a few stretches describe a year: days are counted
inside a stretch by division, and a day of 23 or 25 hours is a stretch of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final
from zoneinfo import ZoneInfo

from ...records import Record
from ..period import Period, local_day, local_midnight
from ..window import DAY_SECONDS
from .windows import epoch_us

DAY_US: Final = DAY_SECONDS * 1_000_000
SECOND_US: Final = 1_000_000


class _Stretch(Record):
    """Days of 24 hours, or one of another length, from `start` on; `first` is the number of the first of them."""

    start: int
    first: int
    days: int
    length: int

    @property
    def end(self) -> int:
        return self.start + self.days * self.length


class LocalDays(Record):
    """The local days of a zone that touch the `reach`, numbered from 0.

    Every method gives SQL over a BIGINT of microseconds, which has to lie in the reach or be its end.
    """

    stretches: tuple[_Stretch, ...]

    @property
    def time_digits(self) -> int:
        """How many digits a time inside the reach has, in microseconds."""
        return len(str(self.stretches[-1].end - self.stretches[0].start))

    def day(self, us: str) -> str:
        """The number of the day that holds an instant."""
        return self._by_stretch(us, lambda own: _plus(own.first, _whole(us, own, own.length), own.days))

    def day_start(self, us: str) -> str:
        """The instant at which its day begins."""
        return self._by_stretch(
            us, lambda own: _plus(own.start, f"{_whole(us, own, own.length)} * {own.length}", own.days)
        )

    def day_end(self, us: str) -> str:
        """The instant at which its day ends."""
        return self._by_stretch(
            us, lambda own: _plus(own.start + own.length, f"{_whole(us, own, own.length)} * {own.length}", own.days)
        )

    def slot(self, us: str, seconds: int) -> str:
        """The number of the interval of so many seconds that holds an instant, counted over all days.

        Intervals count real time from local midnight and end at the next one; those of a day are local days.
        """
        if seconds == DAY_SECONDS:
            return self.day(us)
        firsts = dict(zip(self.stretches, _first_slots(self.stretches, seconds), strict=True))
        return self._by_stretch(us, lambda own: f"({firsts[own]} + {_whole(us, own, seconds * SECOND_US)})")

    def slot_start(self, us: str, seconds: int) -> str:
        """The instant at which that interval begins."""
        if seconds == DAY_SECONDS:
            return self.day_start(us)
        length = seconds * SECOND_US
        return self._by_stretch(us, lambda own: f"({own.start} + {_whole(us, own, length)} * {length})")

    def slots_in_day(self, us: str, seconds: int) -> str:
        """How many intervals its day has."""
        return self._by_stretch(us, lambda own: str(_slots(own, seconds)))

    def _by_stretch(self, us: str, of: Callable[[_Stretch], str]) -> str:
        *others, last = self.stretches
        tests = " ".join(f"WHEN {us} < {own.end} THEN {of(own)}" for own in others)
        # The end of the reach may be the start of a day that it does not touch; that day counts on in the last stretch.
        return f"(CASE {tests} ELSE {of(last)} END)" if tests else of(last)


def local_days(reach: Period, zone: ZoneInfo) -> LocalDays:
    """The local days of a zone over all instants that are asked about."""
    day, first = local_day(reach.start, zone), 0
    start = local_midnight(day, zone)
    found: list[_Stretch] = []
    # One day more than the reach touches: its end is asked about too.
    while not found or found[-1].end <= epoch_us(reach.end):
        day += timedelta(days=1)
        end = local_midnight(day, zone)
        length = epoch_us(end) - epoch_us(start)
        if not length:
            continue  # a date that the zone left out
        if found and found[-1].length == length == DAY_US:
            found[-1] = _Stretch(found[-1].start, found[-1].first, found[-1].days + 1, length)
        else:
            found.append(_Stretch(epoch_us(start), first, 1, length))
        start, first = end, first + 1
    return LocalDays(tuple(found))


def _first_slots(stretches: Sequence[_Stretch], seconds: int) -> list[int]:
    firsts = [0]
    for own in stretches[:-1]:
        firsts.append(firsts[-1] + own.days * _slots(own, seconds))
    return firsts


def _slots(own: _Stretch, seconds: int) -> int:
    return 1 if seconds == DAY_SECONDS else -(-own.length // (seconds * SECOND_US))


def _whole(us: str, own: _Stretch, length: int) -> str:
    return f"(({us} - {own.start}) // {length})"


def _plus(base: int, steps: str, days: int) -> str:
    return f"({base} + {steps})" if days > 1 else str(base)
