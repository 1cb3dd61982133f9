"""Windows as SQL: whether an instant lies in a set of local time.

The edges of a window are worked out once, over the `reach` of all usage, by `window.intervals`; per row there is only
arithmetic on microseconds since 1970. Outside the reach an instant is in no window, so the reach has to hold whatever
is asked: also the history of levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import gcd
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from ..period import Period
from ..window import DAY_SECONDS, Window, intervals

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_US: Final = DAY_SECONDS * 1_000_000
_SPANS_MAX: Final = 3
"""So many spans are compared one by one; more are looked up, which costs the same for any number."""
_BITS_MAX: Final = 60_000
"""The longest mask that is written into a query."""


def epoch_us(instant: datetime) -> int:
    """Microseconds since 1970, as DuckDB's `epoch_us` gives them."""
    return (instant - _EPOCH) // timedelta(microseconds=1)


def epoch_us_sql(time: str) -> str:
    """The same of a column."""
    return f"epoch_us({time})"


def window_sql(window: Window, time: str, reach: Period, zone: ZoneInfo) -> str:
    """Whether the time of a row lies in the window: never NULL for a time, and false outside the reach."""
    spans = _spans(window, reach, zone)
    if len(spans) <= _SPANS_MAX:
        return _one_by_one(spans, time)
    return _looked_up(spans, time)


def window_index_sql(windows: Sequence[Window], time: str, reach: Period, zone: ZoneInfo) -> str:
    """The number of the first of several windows that holds the time of a row, or -1."""
    spans = [_spans(window, reach, zone) for window in windows]
    cases = " ".join(
        f"WHEN {_one_by_one(own, time) if len(own) <= _SPANS_MAX else _looked_up(own, time)} THEN {number}"
        for number, own in enumerate(spans)
    )
    return f"(CASE {cases} ELSE -1 END)" if cases else "(-1)"


_Span: TypeAlias = tuple[int, int]


def _spans(window: Window, reach: Period, zone: ZoneInfo) -> list[_Span]:
    return [(epoch_us(span.start), epoch_us(span.end)) for span in intervals(window, reach, zone)]


def instant_literal(us: int) -> str:
    """A time, given in microseconds since 1970, as a constant."""
    return f"'{(_EPOCH + timedelta(microseconds=us)).isoformat(sep=' ')}'::TIMESTAMPTZ"


def _one_by_one(spans: Sequence[_Span], time: str) -> str:
    if not spans:
        return "FALSE"
    tests = (f"({time} >= {instant_literal(start)} AND {time} < {instant_literal(end)})" for start, end in spans)
    return "(" + " OR ".join(tests) + ")"


def _looked_up(spans: Sequence[_Span], time: str) -> str:
    """A bit for each granule, where edges stand on a grid that is coarse enough; else the spans of each kind of day."""
    base = spans[0][0]
    granule = gcd(*(edge - base for span in spans for edge in span))
    if (spans[-1][1] - base) // granule <= _BITS_MAX:
        return _bit(_mask(spans, base, granule), f"({epoch_us_sql(time)} - {base}) // {granule}", time, spans)
    return _by_kind_of_day(spans, time)


def _mask(spans: Sequence[_Span], base: int, granule: int) -> str:
    found: list[str] = []
    for start, end in spans:
        found.append("0" * ((start - base) // granule - sum(map(len, found))))
        found.append("1" * ((end - start) // granule))
    return "".join(found)


def _bit(mask: str, place: str, time: str, spans: Sequence[_Span]) -> str:
    """The bit of a row's place, asked only for times that have one."""
    inside = f"{time} >= {instant_literal(spans[0][0])} AND {time} < {instant_literal(spans[-1][1])}"
    return f"(CASE WHEN {inside} THEN get_bit('{mask}'::BIT, ({place})::INTEGER) = 1 ELSE FALSE END)"


def _by_kind_of_day(spans: Sequence[_Span], time: str) -> str:
    """Days of 24 hours, counted from the first edge, that look alike share their spans: a few kinds in any reach."""
    base = spans[0][0]
    days: dict[int, list[_Span]] = {}
    for start, end in spans:
        for day in range((start - base) // _DAY_US, (end - 1 - base) // _DAY_US + 1):
            low = base + day * _DAY_US
            days.setdefault(day, []).append((max(start - low, 0), min(end - low, _DAY_US)))
    kinds: dict[tuple[_Span, ...], set[int]] = {}
    for day, own in days.items():
        kinds.setdefault(tuple(own), set()).add(day)
    count = max(days) + 1
    since = f"({epoch_us_sql(time)} - {base})"
    cases = []
    for kind, members in kinds.items():
        mask = "".join("1" if day in members else "0" for day in range(count))
        tests = " OR ".join(f"({since} % {_DAY_US} >= {low} AND {since} % {_DAY_US} < {high})" for low, high in kind)
        cases.append(f"WHEN get_bit('{mask}'::BIT, ({since} // {_DAY_US})::INTEGER) = 1 THEN ({tests})")
    inside = f"{time} >= {instant_literal(base)} AND {time} < {instant_literal(spans[-1][1])}"
    return f"(CASE WHEN NOT ({inside}) THEN FALSE {' '.join(cases)} ELSE FALSE END)"
