"""Local times of a zone into instants, as SQL that says the same as `engine.period.at_local`.

The offsets come from Python's time zone database, so that a query and the Python reader cannot differ.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from ...records import Record

_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)
_CHANGES_MAX: Final = 400


class LocalReach(Record):
    """The clock times without a zone, `[low, high)`, that a conversion is asked for."""

    low: datetime
    high: datetime


def instant_sql(clock: str, zone: ZoneInfo, reach: LocalReach) -> str:
    """The TIMESTAMPTZ at which clocks of the zone show a TIMESTAMP; NULL outside of the reach.

    A time that clocks skip is read as if they had not been put forward; of one that they show twice the first counts.
    """
    steps = _offsets(zone, reach)
    if len(steps) > _CHANGES_MAX:
        return "CAST(NULL AS TIMESTAMPTZ)"
    cases = " ".join(f"WHEN {clock} < {_clock(until)} THEN {_shifted(clock, offset)}" for until, offset in steps)
    return f"(CASE WHEN {clock} < {_clock(reach.low)} THEN NULL {cases} END)"


def _clock(moment: datetime) -> str:
    return f"TIMESTAMP '{moment.isoformat(sep=' ')}'"


def _shifted(clock: str, offset: timedelta) -> str:
    seconds = int(offset.total_seconds())
    # A count of microseconds needs no zone of the session to become an instant.
    return f"make_timestamptz(epoch_us({clock}) - {seconds * 1_000_000})"


def _offsets(zone: ZoneInfo, reach: LocalReach) -> list[tuple[datetime, timedelta]]:
    """The offsets inside the reach, each with the clock time at which it ends."""
    steps: list[tuple[datetime, timedelta]] = []
    low, offset = reach.low, _offset(reach.low, zone)
    while low < reach.high:
        high = min(low + _DAY, reach.high)
        following = _offset(high, zone)
        if following != offset:
            steps.append((_change(low, high, zone), offset))
            offset = following
        low = high
    return [*steps, (reach.high, offset)]


def _offset(clock: datetime, zone: ZoneInfo) -> timedelta:
    found = clock.replace(tzinfo=zone, fold=0).utcoffset()
    assert found is not None, "a zone knows its offset"
    return found


def _change(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """The first whole second whose offset is that of `high`."""
    before = _offset(low, zone)
    low, high = low.replace(microsecond=0), high.replace(microsecond=0)
    while high - low > _SECOND:
        middle = low + (high - low) // _SECOND // 2 * _SECOND
        low, high = (middle, high) if _offset(middle, zone) == before else (low, middle)
    return high
