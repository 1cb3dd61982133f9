"""Local days, billing periods and fee terms."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratebook.engine.period import (
    DAILY,
    MONTHLY,
    QUARTERLY,
    WEEKLY,
    YEARLY,
    Billing,
    DateRange,
    Every,
    Period,
    TermEdge,
    add_months,
    at_local,
    billing_period,
    billing_periods,
    clock_changes,
    local_day,
    local_midnight,
    parse_period,
    terms,
    time_zone,
)

BERLIN = ZoneInfo("Europe/Berlin")
LOS_ANGELES = ZoneInfo("America/Los_Angeles")
SHANGHAI = ZoneInfo("Asia/Shanghai")
SAO_PAULO = ZoneInfo("America/Sao_Paulo")
APIA = ZoneInfo("Pacific/Apia")
ST_JOHNS = ZoneInfo("America/St_Johns")
ZONES = st.sampled_from([BERLIN, LOS_ANGELES, SHANGHAI, SAO_PAULO, APIA, ST_JOHNS])
DAYS = st.dates(date(1999, 1, 1), date(2040, 1, 1))
STEPS = st.one_of(
    st.integers(1, 30).map(lambda months: Every(months=months)),
    st.integers(1, 100).map(lambda days: Every(days=days)),
)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def dates(start: str, end: str) -> DateRange:
    return DateRange(date.fromisoformat(start), date.fromisoformat(end))


# Instants and local time


@pytest.mark.parametrize(
    ("local", "zone", "instant"),
    [
        ("2026-03-29T02:30", BERLIN, "2026-03-29T01:30"),  # skipped: read as 03:30
        ("2026-10-25T02:30", BERLIN, "2026-10-25T00:30"),  # shown twice: the first
        ("2026-03-08T02:30", LOS_ANGELES, "2026-03-08T10:30"),
        ("2026-11-01T01:30", LOS_ANGELES, "2026-11-01T08:30"),
        ("2026-02-17T09:00", SHANGHAI, "2026-02-17T01:00"),
    ],
)
def test_local_time_without_offset(local: str, zone: ZoneInfo, instant: str) -> None:
    assert at_local(datetime.fromisoformat(local), zone) == utc(instant)


def test_the_first_instant_of_a_day_that_has_no_midnight() -> None:
    assert local_midnight(date(2018, 11, 4), SAO_PAULO) == utc("2018-11-04T03:00")
    assert local_midnight(date(2018, 11, 4), SAO_PAULO).astimezone(SAO_PAULO).hour == 1


def test_midnight_skipped_by_a_change_before_it() -> None:
    # Toronto put its clocks forward at 23:30 on 30 March 1919: the next day began at 00:30.
    toronto = ZoneInfo("America/Toronto")
    first = local_midnight(date(1919, 3, 31), toronto)
    assert f"{first.astimezone(toronto):%Y-%m-%d %H:%M}" == "1919-03-31 00:30"
    assert (first - timedelta(seconds=1)).astimezone(toronto).date() == date(1919, 3, 30)


def test_a_day_left_out_of_the_calendar_is_empty() -> None:
    assert local_midnight(date(2011, 12, 30), APIA) == local_midnight(date(2011, 12, 31), APIA)


def test_days_of_23_and_25_hours() -> None:
    def hours(day: date, zone: ZoneInfo) -> float:
        return DateRange(day, day + timedelta(1)).period(zone).duration / timedelta(hours=1)

    assert hours(date(2026, 3, 29), BERLIN) == 23
    assert hours(date(2026, 10, 25), BERLIN) == 25
    assert hours(date(2026, 3, 8), LOS_ANGELES) == 23
    assert hours(date(2026, 11, 1), LOS_ANGELES) == 25
    assert hours(date(2026, 3, 29), SHANGHAI) == 24


@given(DAYS, st.integers(0, 86_400 * 10**6 - 1), ZONES)
def test_an_instant_lies_in_its_local_day(utc_day: date, microseconds: int, zone: ZoneInfo) -> None:
    instant = datetime.combine(utc_day, time(tzinfo=UTC)) + timedelta(microseconds=microseconds)
    day = local_day(instant, zone)
    assert local_midnight(day, zone) <= instant < local_midnight(day + timedelta(1), zone)


def test_clock_changes_of_a_year() -> None:
    year = Period(utc("2026-01-01T00:00"), utc("2027-01-01T00:00"))
    assert list(clock_changes(year, BERLIN)) == [utc("2026-03-29T01:00"), utc("2026-10-25T01:00")]
    assert list(clock_changes(year, LOS_ANGELES)) == [utc("2026-03-08T10:00"), utc("2026-11-01T09:00")]
    assert list(clock_changes(year, SHANGHAI)) == []


def test_clock_changes_at_the_edges_of_a_period() -> None:
    change, moment = utc("2026-03-29T01:00"), timedelta(microseconds=1)
    assert list(clock_changes(Period(change - timedelta(1), change), BERLIN)) == []
    assert list(clock_changes(Period(change, change + timedelta(1)), BERLIN)) == []
    assert list(clock_changes(Period(change - moment, change + moment), BERLIN)) == [change]
    assert list(clock_changes(Period(change - timedelta(seconds=1.5), change + moment), BERLIN)) == [change]


@pytest.mark.parametrize("name", ["Europe/Nowhere", "", "../passwd", "America", "/etc/localtime"])
def test_other_words_are_no_time_zone(name: str) -> None:
    assert time_zone(name) is None


def test_time_zone() -> None:
    assert time_zone("Asia/Shanghai") is SHANGHAI


# Ranges


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026", dates("2026-01-01", "2027-01-01")),
        ("2026-12", dates("2026-12-01", "2027-01-01")),
        ("2024-02-29", dates("2024-02-29", "2024-03-01")),
        ("2026-02-29", None),
        ("2026-13", None),
        ("26-01", None),
        ("2026-3", None),
        ("0000", None),
        ("9999", None),
        ("9999-12-31", None),
        ("２０２６", None),
        ("2026-03 ", None),
    ],
)
def test_parse_period(text: str, expected: DateRange | None) -> None:
    assert parse_period(text) == expected


def test_ranges_are_half_open() -> None:
    march, april = dates("2026-03-01", "2026-04-01"), dates("2026-04-01", "2026-05-01")
    assert march.overlap(april) is None
    assert march.overlap(dates("2026-03-31", "2026-06-01")) == dates("2026-03-31", "2026-04-01")
    assert march.contains(date(2026, 3, 31))
    assert not march.contains(date(2026, 4, 1))
    assert len(list(march.days())) == march.day_count == 31
    assert march.period(BERLIN).end == april.period(BERLIN).start
    assert march.period(BERLIN).overlap(april.period(BERLIN)) is None
    assert not march.period(BERLIN).contains(march.period(BERLIN).end)
    with pytest.raises(ValueError, match="does not end"):
        dates("2026-04-01", "2026-03-01")


# Billing periods and terms


def test_months_from_the_31st_clamp_and_come_back() -> None:
    start = date(2026, 1, 31)
    within = dates("2026-01-01", "2026-07-01")
    found = list(billing_periods(Billing(MONTHLY, anchored=True), start, within))
    begins = ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31", "2026-06-30"]
    assert [period.start.isoformat() for period in found] == begins
    assert found[-1].end == date(2026, 7, 31)
    assert billing_period(Billing(MONTHLY, anchored=True), date(2028, 2, 29), start) == dates(
        "2028-02-29", "2028-03-31"
    )


def test_years_from_a_leap_day() -> None:
    start = date(2024, 2, 29)
    yearly = Billing(YEARLY, anchored=True)
    assert billing_period(yearly, date(2025, 2, 27), start) == dates("2024-02-29", "2025-02-28")
    assert billing_period(yearly, date(2025, 2, 28), start) == dates("2025-02-28", "2026-02-28")
    assert billing_period(yearly, date(2028, 2, 29), start) == dates("2028-02-29", "2029-02-28")


@pytest.mark.parametrize(
    ("every", "expected"),
    [
        (DAILY, dates("2026-08-13", "2026-08-14")),
        (WEEKLY, dates("2026-08-10", "2026-08-17")),
        (MONTHLY, dates("2026-08-01", "2026-09-01")),
        (Every(months=2), dates("2026-07-01", "2026-09-01")),
        (QUARTERLY, dates("2026-07-01", "2026-10-01")),
        (Every(months=6), dates("2026-07-01", "2027-01-01")),
        (YEARLY, dates("2026-01-01", "2027-01-01")),
    ],
)
def test_calendar_periods(every: Every, expected: DateRange) -> None:
    assert billing_period(Billing(every), date(2026, 8, 13), date(2026, 5, 31)) == expected


@given(STEPS, st.booleans(), DAYS, DAYS)
def test_a_day_lies_in_its_billing_period(every: Every, anchored: bool, day: date, start: date) -> None:
    billing = Billing(every, anchored=anchored)
    period = billing_period(billing, day, start)
    assert period.contains(day)
    assert billing_period(billing, period.start, start) == period
    assert billing_period(billing, period.end, start).start == period.end


@given(STEPS, st.booleans(), DAYS, DAYS, st.integers(0, 800))
def test_billing_periods_are_all_that_begin_inside(
    every: Every, anchored: bool, start: date, first: date, length: int
) -> None:
    billing = Billing(every, anchored=anchored)
    within = DateRange(first, first + timedelta(length))
    found = list(billing_periods(billing, start, within))
    assert all(left.end == right.start for left, right in pairwise(found))
    expected = {billing_period(billing, day, start).start for day in within.days() if not anchored or day >= start}
    assert {period.start for period in found} == {day for day in expected if within.contains(day)}


@given(DAYS, st.integers(-600, 600))
def test_added_months_clamp_to_the_month(day: date, months: int) -> None:
    moved = add_months(day, months)
    assert (moved.year - day.year) * 12 + moved.month - day.month == months
    assert moved.day == day.day or (moved.day < day.day and (moved + timedelta(1)).day == 1)


def test_terms_that_begin_or_end_inside() -> None:
    march = dates("2026-03-01", "2026-04-01")
    anchor = date(2026, 1, 31)

    def found(every: Every, edge: TermEdge, *, calendar: bool = False) -> list[DateRange]:
        return list(terms(every, anchor, march, calendar=calendar, edge=edge))

    assert found(MONTHLY, TermEdge.BEGINS) == [dates("2026-03-31", "2026-04-30")]
    assert found(MONTHLY, TermEdge.ENDS) == [dates("2026-02-28", "2026-03-31")]
    assert found(MONTHLY, TermEdge.BEGINS, calendar=True) == [march]
    assert found(MONTHLY, TermEdge.ENDS, calendar=True) == [march]
    assert found(YEARLY, TermEdge.BEGINS) == []
    assert len(found(DAILY, TermEdge.ENDS)) == 31


def test_no_term_begins_before_its_anchor() -> None:
    year = dates("2026-01-01", "2027-01-01")
    found = list(terms(Every(months=5), date(2026, 6, 15), year, calendar=False, edge=TermEdge.BEGINS))
    assert found == [dates("2026-06-15", "2026-11-15"), dates("2026-11-15", "2027-04-15")]


@given(STEPS, DAYS, DAYS, st.booleans(), st.sampled_from(TermEdge))
def test_a_term_stands_on_one_statement(
    every: Every, anchor: date, first: date, calendar: bool, edge: TermEdge
) -> None:
    months = [DateRange(add_months(first, step), add_months(first, step + 1)) for step in range(18)]
    if first.day <= 28:
        whole = DateRange(months[0].start, months[-1].end)
        each = [term for month in months for term in terms(every, anchor, month, calendar=calendar, edge=edge)]
        assert each == list(terms(every, anchor, whole, calendar=calendar, edge=edge))


@pytest.mark.parametrize(("months", "days"), [(0, 0), (1, 1), (-1, 0), (0, -7)])
def test_a_step_is_some_months_or_some_days(months: int, days: int) -> None:
    with pytest.raises(ValueError, match="some months or some days"):
        Every(months=months, days=days)


def test_quarters_and_spans_of_periods() -> None:
    assert parse_period("2026-Q2") == DateRange(date(2026, 4, 1), date(2026, 7, 1))
    assert parse_period("2026-03..2026-05") == DateRange(date(2026, 3, 1), date(2026, 6, 1))
    assert parse_period("2026-03-15..2026-04-14") == DateRange(date(2026, 3, 15), date(2026, 4, 15))
    for wrong in ("2026-Q5", "0000-Q1", "2026-05..2026-03", "2026..", "..2026", "2026...2027"):
        assert parse_period(wrong) is None
