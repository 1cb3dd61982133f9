"""Windows of one `time` column against each other, on the days that are easily forgotten."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

from ratebook.engine.compiler.times import Times
from ratebook.engine.holiday import published_until
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
    Weekday,
)

HOUR = 3600
LEAP_DAY = MonthDays(MonthDay(2, 29), MonthDay(2, 29))
WINDOWS = {
    "day": Days(EVERY_DAY, 8 * HOUR, 20 * HOUR),
    "night": Days(EVERY_DAY, 20 * HOUR, 8 * HOUR),
    "noon": Days(EVERY_DAY, 11 * HOUR, 13 * HOUR),
    "leap_day": LEAP_DAY,
    "february": Months(2, 2),
    "no_leap_day": Difference(Days(EVERY_DAY), LEAP_DAY),
    "sunday_may_16": Intersection((Days(frozenset({Weekday.SUN})), MonthDays(MonthDay(5, 16), MonthDay(5, 16)))),
    "sundays": Days(frozenset({Weekday.SUN})),
    "sale": Dates(date(2033, 11, 11), date(2033, 11, 12)),
    "november": Months(11, 11),
    "festival": Holidays("CN", ("Spring Festival",)),
}
TIMES = Times(WINDOWS, ZoneInfo("Europe/Berlin"), date(2026, 1, 1))


def test_a_day_that_comes_every_four_years_is_shared() -> None:
    shared = TIMES.shared("leap_day", "february")
    assert shared is not None
    assert shared.astimezone(TIMES.zone).date() == date(2028, 2, 29)


def test_a_day_that_comes_every_four_years_is_missed() -> None:
    gap = TIMES.gap(["no_leap_day"])
    assert gap is not None
    assert gap.astimezone(TIMES.zone).date() == date(2028, 2, 29)
    assert TIMES.gap(["no_leap_day", "leap_day"]) is None


def test_a_weekday_on_a_day_of_the_year_is_waited_for() -> None:
    # The first 16 May that is a Sunday after 2026 is that of 2027; a Saturday, 2026, is of no use.
    shared = TIMES.shared("sunday_may_16", "sundays")
    assert shared is not None
    assert shared.astimezone(TIMES.zone).date() == date(2027, 5, 16)
    assert TIMES.hides(["sundays"], "sunday_may_16")
    assert not TIMES.hides(["sunday_may_16"], "sundays")


def test_dates_far_ahead_are_looked_at() -> None:
    shared = TIMES.shared("sale", "november")
    assert shared is not None
    assert shared.astimezone(TIMES.zone).date() == date(2033, 11, 11)
    assert TIMES.shared("sale", "february") is None


def test_what_covers_and_what_hides() -> None:
    assert TIMES.covers_all(["day", "night"])
    assert not TIMES.covers_all(["day"])
    assert TIMES.hides(["day"], "noon")
    assert not TIMES.hides(["night"], "noon")
    assert TIMES.hides(["day", "night"], "sundays")
    # Of holidays nobody knows what the years to come bring.
    assert not TIMES.hides(["day", "night"], "festival")


def test_holidays_are_published_where_they_are_decreed() -> None:
    decreed, ruled = published_until("CN"), published_until("DE")
    assert decreed is not None and 2026 <= decreed < 2050
    assert ruled is not None and ruled > 2050
