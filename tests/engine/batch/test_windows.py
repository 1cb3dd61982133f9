"""Windows as SQL against `window.contains`, over both clock changes, at every edge and beside it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratebook.engine.batch import windows
from ratebook.engine.batch.windows import window_index_sql, window_sql
from ratebook.engine.period import DateRange, Period
from ratebook.engine.window import (
    EVERY_DAY,
    Dates,
    Days,
    Difference,
    Holidays,
    Intersection,
    MonthDay,
    MonthDays,
    Months,
    Union,
    Weekday,
    Window,
    contains,
    intervals,
)
from ratebook.intake.parquet import connect

ZONES = ["UTC", "Europe/Berlin", "America/Los_Angeles", "Asia/Shanghai", "Asia/Kolkata", "Pacific/Apia"]
DAY = 24 * 3600
WORKDAYS = frozenset({Weekday.MON, Weekday.TUE, Weekday.WED, Weekday.THU, Weekday.FRI})

leaves = st.one_of(
    st.builds(
        Days,
        st.frozensets(st.sampled_from(Weekday), min_size=1),
        st.sampled_from([0, 1, 3600, 2 * 3600, 8 * 3600 + 1800, 22 * 3600, DAY - 1]),
        st.sampled_from([0, 1, 3600, 3 * 3600, 6 * 3600 + 900, 22 * 3600, DAY - 1, DAY]),
    ),
    st.builds(Months, st.integers(1, 12), st.integers(1, 12)),
    st.just(MonthDays(MonthDay(3, 16), MonthDay(10, 15))),
    st.just(Dates(date(2026, 3, 28), date(2026, 4, 2))),
    st.just(Holidays("DE")),
)
some_windows: st.SearchStrategy[Window] = st.recursive(
    leaves,
    lambda parts: st.one_of(
        st.lists(parts, min_size=1, max_size=3).map(lambda found: Union(tuple(found))),
        st.lists(parts, min_size=1, max_size=3).map(lambda found: Intersection(tuple(found))),
        st.builds(Difference, parts, parts),
    ),
    max_leaves=4,
)
reaches = st.builds(
    lambda start, days: DateRange(start, start + timedelta(days)),
    st.dates(date(2025, 12, 1), date(2026, 11, 30)),
    st.sampled_from([1, 3, 31, 200]),
)


def _asked(expression: str, instants: list[datetime]) -> list[object]:
    connection = connect()
    try:
        values = ", ".join(
            f"({number}, '{instant.isoformat()}'::TIMESTAMPTZ)" for number, instant in enumerate(instants)
        )
        rows = connection.execute(f"SELECT {expression} FROM (VALUES {values}) AS t(n, time) ORDER BY n").fetchall()
    finally:
        connection.close()
    return [value for (value,) in rows]


def _instants(window: Window, reach: Period, zone: ZoneInfo) -> list[datetime]:
    """Both ends of the reach and of its spans, a microsecond before and after each, and hours in between."""
    edges = [reach.start, reach.end]
    for span in islice(intervals(window, reach, zone), 40):
        edges += [span.start, span.end]
    beside = [edge + timedelta(microseconds=step) for edge in edges for step in (-1, 0, 1)]
    hours = int((reach.end - reach.start) / timedelta(hours=1))
    return beside + [reach.start + timedelta(hours=hour) for hour in range(0, hours, 1 + hours // 200)]


@pytest.mark.parametrize("bits_max", [60_000, 0], ids=["bits", "days"])
@given(window=some_windows, days=reaches, name=st.sampled_from(ZONES))
def test_an_instant_lies_in_a_window_as_clocks_show_it(
    bits_max: int, window: Window, days: DateRange, name: str
) -> None:
    zone = ZoneInfo(name)
    reach = days.period(zone)
    instants = _instants(window, reach, zone)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "_BITS_MAX", bits_max)
        found = _asked(window_sql(window, "time", reach, zone), instants)
    assert found == [reach.contains(instant) and contains(window, instant, zone) for instant in instants]


def test_the_first_window_that_holds_an_instant() -> None:
    zone = ZoneInfo("Europe/Berlin")
    reach = DateRange(date(2026, 3, 1), date(2026, 4, 1)).period(zone)
    day = Days(WORKDAYS, 8 * 3600, 22 * 3600)
    night = Days(EVERY_DAY, 22 * 3600, 8 * 3600)
    instants = [reach.start + timedelta(minutes=37 * step) for step in range(1200)]
    expected = [0 if contains(day, at, zone) else 1 if contains(night, at, zone) else -1 for at in instants]
    assert set(expected) == {0, 1, -1}
    inside = [(at, number) for at, number in zip(instants, expected, strict=True) if reach.contains(at)]
    found = _asked(window_index_sql([day, night], "time", reach, zone), [at for at, _ in inside])
    assert found == [number for _, number in inside]
    assert _asked(window_index_sql([], "time", reach, zone), [datetime(2026, 3, 3, tzinfo=UTC)]) == [-1]
