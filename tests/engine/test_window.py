"""Windows: the readings of the local clock that they are, and the instants of those."""

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratebook.engine.holiday import holiday_days, is_holiday_country
from ratebook.engine.period import DateRange, Period, parse_period
from ratebook.engine.window import (
    DAY_SECONDS,
    EVERY_DAY,
    Coverage,
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
    covers,
    intervals,
    membership,
)

BERLIN = ZoneInfo("Europe/Berlin")
LOS_ANGELES = ZoneInfo("America/Los_Angeles")
SHANGHAI = ZoneInfo("Asia/Shanghai")
HOUR = 3600
WORKDAYS = frozenset({Weekday.MON, Weekday.TUE, Weekday.WED, Weekday.THU, Weekday.FRI})
NIGHT = Days(EVERY_DAY, 22 * HOUR, 6 * HOUR)


def period(text: str, zone: ZoneInfo) -> Period:
    found = parse_period(text)
    assert found is not None
    return found.period(zone)


def local(text: str, zone: ZoneInfo) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def readings(window: Window, text: str, zone: ZoneInfo) -> list[tuple[str, str]]:
    """The intervals of a period as clocks in the zone show their ends."""
    return [
        (f"{found.start.astimezone(zone):%m-%d %H:%M}", f"{found.end.astimezone(zone):%m-%d %H:%M}")
        for found in intervals(window, period(text, zone), zone)
    ]


def hours(window: Window, text: str, zone: ZoneInfo) -> float:
    return sum((found.duration for found in intervals(window, period(text, zone), zone)), timedelta()) / timedelta(
        hours=1
    )


def test_a_range_past_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    friday_night = Days(frozenset({Weekday.FRI}), 22 * HOUR, 6 * HOUR)
    assert contains(friday_night, local("2026-03-07T05:59", SHANGHAI), SHANGHAI)  # a Saturday
    assert not contains(friday_night, local("2026-03-06T05:59", SHANGHAI), SHANGHAI)
    assert not contains(friday_night, local("2026-03-07T06:00", SHANGHAI), SHANGHAI)
    assert readings(friday_night, "2026-03-07", SHANGHAI) == [("03-07 00:00", "03-07 06:00")]


def test_24_00_ends_the_day() -> None:
    evening = Days(EVERY_DAY, 18 * HOUR, DAY_SECONDS)
    assert readings(evening, "2026-03-02", SHANGHAI) == [("03-02 18:00", "03-03 00:00")]
    assert Days(EVERY_DAY, 18 * HOUR, 0) != evening
    assert hours(Days(EVERY_DAY, 18 * HOUR, 0), "2026-03", SHANGHAI) == hours(evening, "2026-03", SHANGHAI)


def test_a_list_of_days_before_one_time_is_one_span_on_each() -> None:
    weekend_morning = Days(frozenset({Weekday.SAT, Weekday.SUN}), 8 * HOUR, 12 * HOUR)
    assert hours(weekend_morning, "2026-03", BERLIN) == 9 * 4


def test_whole_days_join() -> None:
    assert readings(Days(WORKDAYS), "2026-06", BERLIN)[0] == ("06-01 00:00", "06-06 00:00")
    assert intervals(Days(EVERY_DAY), period("2026", BERLIN), BERLIN) == (period("2026", BERLIN),)


@pytest.mark.parametrize(
    ("day", "zone", "expected"),
    [
        ("2026-03-29", BERLIN, 7),
        ("2026-10-25", BERLIN, 9),
        ("2026-03-08", LOS_ANGELES, 7),
        ("2026-11-01", LOS_ANGELES, 9),
    ],
)
def test_a_night_with_a_clock_change_is_an_hour_shorter_or_longer(day: str, zone: ZoneInfo, expected: int) -> None:
    assert hours(NIGHT, day, zone) == expected
    assert hours(Days(EVERY_DAY), day, zone) == expected + 16


def test_an_hour_that_clocks_skip_is_empty() -> None:
    assert hours(Days(EVERY_DAY, 2 * HOUR, 3 * HOUR), "2026-03-29", BERLIN) == 0
    half_past = Days(EVERY_DAY, 2 * HOUR + 1800, 4 * HOUR)
    assert readings(half_past, "2026-03-29", BERLIN) == [("03-29 03:00", "03-29 04:00")]


def test_an_hour_that_clocks_show_twice_is_in_it_twice() -> None:
    until_half_past = Days(EVERY_DAY, HOUR, 2 * HOUR + 1800)
    assert readings(until_half_past, "2026-10-25", BERLIN) == [
        ("10-25 01:00", "10-25 02:30"),
        ("10-25 02:00", "10-25 02:30"),
    ]
    assert hours(Days(EVERY_DAY, 2 * HOUR, 3 * HOUR), "2026-10-25", BERLIN) == 2


def test_months_wrap_the_year() -> None:
    assert hours(Months(6, 9), "2026", SHANGHAI) == 122 * 24
    assert hours(Months(11, 2), "2026", SHANGHAI) == (31 + 28 + 30 + 31) * 24
    assert hours(Months(3, 3), "2026", SHANGHAI) == 31 * 24


def test_month_days_include_both_ends_and_wrap_the_year() -> None:
    irrigation = MonthDays(MonthDay(5, 16), MonthDay(10, 15))
    assert readings(irrigation, "2026", SHANGHAI) == [("05-16 00:00", "10-16 00:00")]
    holidays = MonthDays(MonthDay(12, 24), MonthDay(1, 6))
    assert readings(holidays, "2026", SHANGHAI) == [("01-01 00:00", "01-07 00:00"), ("12-24 00:00", "01-01 00:00")]


@pytest.mark.parametrize(("year", "expected"), [("2026", 0), ("2028", 24)])
def test_february_29_stands_between_its_neighbours(year: str, expected: int) -> None:
    assert hours(MonthDays(MonthDay(2, 29), MonthDay(2, 29)), year, SHANGHAI) == expected
    assert hours(MonthDays(MonthDay(2, 28), MonthDay(2, 29)), year, SHANGHAI) == expected + 24
    assert hours(MonthDays(MonthDay(2, 29), MonthDay(3, 1)), year, SHANGHAI) == expected + 24


def test_except_takes_whole_holidays() -> None:
    evening = Difference(Days(WORKDAYS, 16 * HOUR, 21 * HOUR), Holidays("US"))
    assert not contains(evening, local("2026-11-26T17:00", LOS_ANGELES), LOS_ANGELES)
    assert contains(evening, local("2026-11-27T17:00", LOS_ANGELES), LOS_ANGELES)
    assert hours(evening, "2026-11", LOS_ANGELES) == (21 - 2) * 5  # Veterans Day and Thanksgiving are workdays


def test_covers() -> None:
    festival = Holidays("CN", ("Spring Festival",))
    assert covers(festival, period("2026-02", SHANGHAI), SHANGHAI) is Coverage.PART
    assert covers(festival, period("2026-02-17", SHANGHAI), SHANGHAI) is Coverage.ALL
    assert covers(festival, period("2026-03", SHANGHAI), SHANGHAI) is Coverage.NONE
    assert covers(NIGHT, period("2026-03-29", BERLIN), BERLIN) is Coverage.PART
    year = period("2026", BERLIN)
    assert covers(Union((NIGHT, Days(EVERY_DAY, 6 * HOUR, 22 * HOUR))), year, BERLIN) is Coverage.ALL


def test_impossible_windows_are_refused() -> None:
    with pytest.raises(ValueError, match="no seconds"):
        Days(EVERY_DAY, DAY_SECONDS, DAY_SECONDS)
    with pytest.raises(ValueError, match="no windows"):
        Intersection(())


# Holidays


def test_only_the_named_days() -> None:
    found = dict(holiday_days("CN", ("Spring Festival", "National Day"), [2026]))
    assert date(2026, 2, 17) in found
    assert date(2026, 2, 10) not in found
    assert date(2026, 2, 20) not in found  # a day off swapped for a working Saturday
    assert date(2026, 10, 1) in found
    assert date(2026, 10, 5) in found  # observed in place of a day on the weekend, and named so
    assert found[date(2026, 2, 17)] == "Chinese New Year (Spring Festival)"


def test_a_name_may_be_local_and_in_any_case() -> None:
    assert holiday_days("CN", ("春节",), [2026]) == holiday_days("CN", ("spring festival",), [2026])
    assert [day for day, _ in holiday_days("DE", ("weihnachtstag",), [2026])] == [
        date(2026, 12, 25),
        date(2026, 12, 26),
    ]


def test_without_names_every_public_holiday() -> None:
    days = [day for day, _ in holiday_days("DE", (), [2027, 2026])]
    assert days == sorted(days)
    assert len(days) == 18
    assert date(2026, 1, 6) not in days
    assert date(2026, 1, 6) in dict(holiday_days("DE", (), [2026], "BY"))


@pytest.mark.parametrize("country", ["ZZ", "cn", "ECB", "HolidayBase", ""])
def test_other_words_are_no_country(country: str) -> None:
    assert not is_holiday_country(country)


def test_countries_and_subdivisions() -> None:
    assert is_holiday_country("CN")
    assert is_holiday_country("DE", "BY")
    assert not is_holiday_country("DE", "ZZ")


def test_names_do_not_depend_on_the_environment() -> None:
    code = (
        "import ratebook.engine.window, sys; assert 'holidays' not in sys.modules;"
        "from ratebook.engine.holiday import holiday_days; print(len(holiday_days('CN', ('春节',), [2026])))"
    )
    for language in ("C.UTF-8", "th", "zh_CN.UTF-8"):
        environment = {"LANG": language, "LANGUAGE": language, "PYTHONUTF8": "1"}
        run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        assert run.stdout.strip() == "3"


# The intervals and the membership of single instants are the same set

SECONDS = st.integers(0, 47).map(lambda half_hours: half_hours * 1800)
MONTH_DAYS = st.dates(date(2024, 1, 1), date(2024, 12, 31)).map(lambda day: MonthDay(day.month, day.day))
DATES = st.tuples(st.dates(date(2025, 12, 1), date(2027, 1, 31)), st.integers(0, 60))
SIMPLE: st.SearchStrategy[Window] = st.one_of(
    st.builds(Days, st.frozensets(st.sampled_from(Weekday)), SECONDS, SECONDS | st.just(DAY_SECONDS)),
    st.builds(Days, st.frozensets(st.sampled_from(Weekday))),
    st.builds(Months, st.integers(1, 12), st.integers(1, 12)),
    st.builds(MonthDays, MONTH_DAYS, MONTH_DAYS),
    DATES.map(lambda dates: Dates(dates[0], dates[0] + timedelta(dates[1]))),
    st.sampled_from([Holidays("CN"), Holidays("CN", ("Spring Festival",)), Holidays("DE", (), "BY"), Holidays("US")]),
)


def _combined(parts: st.SearchStrategy[Window]) -> st.SearchStrategy[Window]:
    several = st.lists(parts, min_size=1, max_size=3).map(tuple)
    return st.builds(Union, several) | st.builds(Intersection, several) | st.builds(Difference, parts, parts)


WINDOWS = st.recursive(SIMPLE, _combined, max_leaves=6)
# Half of the periods begin near a clock change, where the errors would be.
STARTS = st.one_of(
    st.sampled_from(["2026-03-29T01:00", "2026-10-25T01:00", "2026-03-08T10:00", "2026-11-01T09:00"]).flatmap(
        lambda change: st.integers(-48, 4).map(
            lambda hours: datetime.fromisoformat(change).replace(tzinfo=UTC) + timedelta(hours=hours)
        )
    ),
    st.integers(0, 525_600).map(lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)),
)
PERIODS = st.builds(
    lambda start, minutes: Period(start, start + timedelta(minutes=minutes)), STARTS, st.integers(0, 60 * 24 * 40)
)


@settings(max_examples=300, deadline=None)
@given(WINDOWS, PERIODS, st.sampled_from([BERLIN, LOS_ANGELES, SHANGHAI]), st.data())
def test_intervals_agree_with_contains(window: Window, whole: Period, zone: ZoneInfo, data: st.DataObject) -> None:
    found = intervals(window, whole, zone)
    edges = [edge for interval in found for edge in (interval.start, interval.end)]
    assert edges == sorted(set(edges))
    assert all(whole.start <= edge <= whole.end for edge in edges)
    assert all(edge.tzinfo is UTC for edge in edges)
    if whole.start == whole.end:
        assert found == ()
        return
    seconds = st.integers(0, int(whole.duration.total_seconds()) - 1)
    probes = [whole.start + timedelta(seconds=second) for second in data.draw(st.lists(seconds, max_size=20))]
    moment = timedelta(microseconds=1)
    probes += [probe for edge in edges for probe in (edge - moment, edge) if whole.contains(probe)]
    inside = membership(window, whole, zone)
    for probe in probes:
        expected = any(interval.contains(probe) for interval in found)
        assert contains(window, probe, zone) == expected
        assert inside(probe) == expected
    assert not inside(whole.start - moment)
    assert not inside(whole.end)


@settings(max_examples=100, deadline=None)
@given(WINDOWS, st.sampled_from([BERLIN, LOS_ANGELES, SHANGHAI]), st.dates(date(2026, 1, 1), date(2026, 12, 1)))
def test_a_window_and_the_rest_of_a_month_are_the_month(window: Window, zone: ZoneInfo, first: date) -> None:
    month = DateRange(first, first + timedelta(30)).period(zone)
    rest = Difference(Days(EVERY_DAY), window)
    assert covers(Union((window, rest)), month, zone) is Coverage.ALL
    assert covers(Intersection((window, rest)), month, zone) is Coverage.NONE
