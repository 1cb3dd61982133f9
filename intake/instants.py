"""Times of rows into instants of UTC: RFC 3339, or local time of the ruleset's zone where no offset stands."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from ..engine.period import at_local
from .values import Refusal

_RFC_3339: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?"
    r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])?"
).fullmatch
_LEAP_SECOND: Final = re.compile(r"[0-9-]{10}[Tt ][0-9]{2}:[0-9]{2}:60.*").fullmatch
_DATE_ONLY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch
_WITHOUT_SECONDS: Final = re.compile(r"[0-9-]{10}[Tt ][0-9]{2}:[0-9]{2}(?:[Zz]|[+-][0-9:]+)?").fullmatch
_WAY_OUT: Final = "write an RFC 3339 time such as 2026-03-01T08:30:00+08:00 or 2026-03-01T00:30:00Z"


def instant_reader(zone: ZoneInfo) -> Callable[[object], datetime | Refusal]:
    """The converter of times: what has an offset is that instant, what has none is local time of the zone.

    Fractions of a second beyond microseconds are cut.
    """

    def instant(raw: object) -> datetime | Refusal:
        try:
            if isinstance(raw, str):
                if not _RFC_3339(raw):
                    return _refused(raw)
                moment = datetime.fromisoformat(raw if raw[-1] != "z" and raw[10] != "t" else raw.upper())
            elif isinstance(raw, datetime):
                moment = raw
            else:
                return _refused(raw)
            offset = moment.tzinfo
            if offset is UTC:
                return moment
            return at_local(moment, zone) if offset is None else moment.astimezone(UTC)
        except (ValueError, OverflowError):
            return _refused(raw)

    return instant


def _refused(raw: object) -> Refusal:
    if isinstance(raw, str):
        if _LEAP_SECOND(raw):
            reason = "second 60 is a leap second, which has no instant of its own here"
            return Refusal("RB3006", reason, "write second 59, or second 00 of the next minute")
        if _DATE_ONLY(raw):
            return Refusal("RB3006", "this is a day without a time of day", f"write when on that day: {raw}T00:00:00")
        if _WITHOUT_SECONDS(raw):
            return Refusal("RB3006", "the seconds are missing", _WAY_OUT)
        if _RFC_3339(raw):
            return Refusal("RB3006", "there is no such time", _WAY_OUT)
        return Refusal("RB3006", "this is not a time that can be read", _WAY_OUT)
    if isinstance(raw, date):
        return Refusal("RB3006", "this is a day without a time of day", "CAST the column AS TIMESTAMP, or write times")
    return Refusal("RB3006", "this is not a time; counts of seconds are not read", _WAY_OUT)
