"""Rating where worked cases cannot go: subscriptions that end, which periods are rated, ids, several statements."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

import pytest

from ratebook.diagnostics import Diagnostic, Source
from ratebook.engine.compiler.compile import compile_ruleset
from ratebook.engine.evaluators.rate import billing_periods_of, rate
from ratebook.engine.period import DateRange
from ratebook.engine.plan import Program
from ratebook.engine.statement import Statement
from ratebook.engine.usage import AccountUsage, CardHolding, MeteredQuantity, Subscription, UsageEvent, Value

MARCH = DateRange(date(2026, 3, 1), date(2026, 4, 1))
APRIL = DateRange(date(2026, 4, 1), date(2026, 5, 1))

RULESET = """
ruleset rating "Rating":
  currency USD
  time zone UTC

event sample:
  size: number of GB
  zone: one of a, b, default a

account:
  score: number, optional

meter last: latest of size of sample
meter used: sum of size of sample
meter held: time-weighted average of level of size of sample

plan fees from 2026-01-01:
  fee arrears $31 per month
  fee advance $31 per month in advance
  fee whole $31 per month not prorated
  fee yearly $120 per 12 months

plan daily_fee from 2026-01-01:
  fee day $1 per day

plan last from 2026-01-01:
  charge last: at $1 per GB

plan used from 2026-01-01:
  charge used: at $1 per GB

plan held from 2026-01-01:
  charge held: at $1 per GB

plan bounded from 2026-01-01:
  charge used graduated:
    first 1 GB per day at $1 per GB
    above at $2 per GB
  minimum $10

plan weekly from 2026-01-01:
  billed weekly
  charge used: at $1 per GB

plan anniversary from 2026-01-01:
  billed monthly from start
  charge used: at $1 per GB

plan scored from 2026-01-01:
  charge used: at $1 per GB

discount high for scored:
  10% off used
  when account.score > 700

card ten:
  worth $10
  pays everything
"""


@pytest.fixture(scope="module")
def program() -> Program:
    found = compile_ruleset(Source("rating.rates", RULESET))
    assert found.program is not None, [item.message for item in found.findings]
    return found.program


def subscription(
    plan: str,
    start: date = MARCH.start,
    end: date | None = None,
    attributes: Mapping[str, Value] = {},
    cards: tuple[CardHolding, ...] = (),
) -> Subscription:
    return Subscription("a-1", plan, start, end, attributes, cards)


def sample(when: datetime, size: str, *, id: str | None = None, source: str | None = None) -> UsageEvent:  # noqa: A002
    return UsageEvent("a-1", "sample", when, {"size": Decimal(size), "zone": "a"}, id, source)


def amounts(result: Statement | Diagnostic) -> dict[str, str]:
    assert isinstance(result, Statement), result
    return {line.id: result.money.text(line.amount) for line in result.lines}


def rated(
    program: Program,
    plan: str,
    *events: UsageEvent,
    period: DateRange = MARCH,
    start: date = MARCH.start,
    end: date | None = None,
) -> dict[str, str]:
    return amounts(rate(program, subscription(plan, start, end), AccountUsage(events), period))


def at(day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


# "a subscription covers its start day and not its end day; a term paid in advance and left early is not refunded"


def test_a_subscription_that_ends_pays_its_covered_days(program: Program) -> None:
    # March 1 to 9 are 9 of 31 days; the year began on March 1 and is covered for 9 of 365: 120 × 9 / 365 = 2.9589.
    found = rated(program, "fees", end=date(2026, 3, 10))
    assert found == {"arrears": "9.00", "advance": "31.00", "whole": "31.00", "yearly": "2.96"}


def test_a_subscription_of_one_day(program: Program) -> None:
    found = rated(program, "fees", start=date(2026, 3, 31), end=date(2026, 4, 1))
    # 31 × 1 / 31, in advance too; 120 / 365 = 0.3288.
    assert found == {"arrears": "1.00", "advance": "1.00", "whole": "31.00", "yearly": "0.33"}


def test_a_subscription_that_ends_with_the_month_pays_the_month(program: Program) -> None:
    found = rated(program, "fees", start=date(2026, 1, 1), end=date(2026, 4, 1))
    # A year from January 1 ends early, with 90 of 365 days: 29.589.
    assert found == {"arrears": "31.00", "advance": "31.00", "whole": "31.00", "yearly": "29.59"}


def test_days_are_terms_of_their_own(program: Program) -> None:
    assert rated(program, "daily_fee", end=date(2026, 3, 10)) == {"day": "9.00"}


def test_usage_on_the_end_day_is_not_its_usage(program: Program) -> None:
    events = (sample(at(9, 23, 59), "1"), sample(at(10), "2"))
    assert rated(program, "used", *events, end=date(2026, 3, 10)) == {"used": "1.00"}


def test_a_level_is_averaged_over_the_covered_days(program: Program) -> None:
    # 10 GB from March 6 to 10, over March 1 to 10: 10 × 5 / 10.
    assert rated(program, "held", sample(at(6), "10"), end=date(2026, 3, 11)) == {"held": "5.00"}


def test_nothing_else_is_prorated(program: Program) -> None:
    # A width per day counts the 10 covered days: 10 × 1 + 1 × 2; the minimum of 10 stays whole.
    assert rated(program, "bounded", sample(at(6), "11"), end=date(2026, 3, 11)) == {"used": "12.00"}
    assert rated(program, "bounded", end=date(2026, 3, 11)) == {"used": "0.00", "minimum": "10.00"}


# "`latest` ties go to the greater id"; the order of a file makes no difference


def test_latest_ties_go_to_the_greater_id(program: Program) -> None:
    tied = [sample(at(6), "1", id="b"), sample(at(6), "2", id="c"), sample(at(6), "3", id="a")]
    for order in (tied, tied[::-1], [tied[1], tied[0], tied[2]]):
        assert rated(program, "last", *order) == {"last": "2.00"}


def test_a_later_event_is_latest_whatever_its_id(program: Program) -> None:
    assert rated(program, "last", sample(at(7), "1", id="a"), sample(at(6), "2", id="z")) == {"last": "1.00"}


def test_an_offset_is_another_way_to_say_a_time(program: Program) -> None:
    early = datetime.fromisoformat("2026-03-01T07:59:59+08:00")
    first = datetime.fromisoformat("2026-03-01T08:00:00+08:00")
    assert rated(program, "used", sample(early, "1"), sample(first, "2"), start=date(2026, 1, 1)) == {"used": "2.00"}


# Which billing periods are rated


def periods(program: Program, plan: str, within: DateRange, start: date, end: date | None = None) -> list[str]:
    found = billing_periods_of(program, subscription(plan, start, end), within)
    return [item.code if isinstance(item, Diagnostic) else f"{item.start} {item.end}" for item in found]


@pytest.mark.parametrize(
    ("plan", "within", "start", "end", "expected"),
    [
        ("used", MARCH, date(2026, 1, 1), None, ["2026-03-01 2026-04-01"]),
        ("used", MARCH, date(2026, 3, 15), None, ["2026-03-01 2026-04-01"]),
        ("used", MARCH, date(2026, 4, 1), None, []),
        ("used", MARCH, date(2026, 1, 1), date(2026, 3, 1), []),
        ("used", MARCH, date(2026, 1, 1), date(2026, 3, 2), ["2026-03-01 2026-04-01"]),
        (
            "weekly",
            MARCH,
            date(2026, 1, 1),
            None,
            [f"2026-03-{day:02} 2026-03-{day + 7:02}" for day in (2, 9, 16, 23)] + ["2026-03-30 2026-04-06"],
        ),
        ("weekly", MARCH, date(2026, 3, 28), None, ["2026-03-23 2026-03-30", "2026-03-30 2026-04-06"]),
        ("anniversary", MARCH, date(2026, 1, 31), None, ["2026-03-31 2026-04-30"]),
        ("anniversary", APRIL, date(2026, 1, 31), None, ["2026-04-30 2026-05-31"]),
        ("used", DateRange(date(2026, 3, 5), date(2026, 3, 6)), date(2026, 1, 1), None, []),
        ("used", DateRange(date(2026, 3, 5), date(2026, 3, 6)), date(2026, 3, 5), None, ["2026-03-01 2026-04-01"]),
        ("used", DateRange(date(2026, 3, 1), date(2026, 3, 2)), date(2026, 1, 1), None, ["2026-03-01 2026-04-01"]),
        ("used", DateRange(date(2025, 12, 1), date(2026, 1, 1)), date(2025, 12, 1), None, ["RB4004"]),
    ],
)
def test_the_periods_of_a_range_are_those_that_begin_in_it(
    program: Program, plan: str, within: DateRange, start: date, end: date | None, expected: Sequence[str]
) -> None:
    assert periods(program, plan, within, start, end) == expected


# Facts that are missing, and quantities of several kinds


def test_a_missing_attribute_is_an_error_naming_the_account(program: Program) -> None:
    result = rate(program, subscription("scored"), AccountUsage(), MARCH)
    assert isinstance(result, Diagnostic)
    assert (result.code, result.place) == ("RB4001", "account a-1")
    known = rate(program, subscription("scored", attributes={"score": Decimal(701)}), AccountUsage(), MARCH)
    assert isinstance(known, Statement)


def test_events_and_metered_quantities_add_up(program: Program) -> None:
    inside = MeteredQuantity("a-1", "used", Fraction(5), time=at(3))
    outside = MeteredQuantity("a-1", "used", Fraction(50), time=datetime(2026, 4, 1, tzinfo=UTC))
    usage = AccountUsage((sample(at(2), "1"),), (inside, outside, MeteredQuantity("a-1", "used", Fraction(1, 3))))
    # 1 + 5 + 1/3 = 6.33.
    assert amounts(rate(program, subscription("used"), usage, MARCH)) == {"used": "6.33"}


def test_two_cards_of_a_kind_pay_one_after_the_other(
    program: Program, assert_sound: Callable[[Statement], None]
) -> None:
    cards = (CardHolding("ten", date(2026, 2, 1)), CardHolding("ten", date(2026, 1, 1), Fraction(3)))
    usage = AccountUsage((sample(at(2), "12"),))
    result = rate(program, subscription("used", cards=cards), usage, MARCH)
    assert isinstance(result, Statement)
    # The earliest bought pays its 3, the other 9 of its 10.
    assert [line.amount for line in result.lines if line.id == "ten"] == [-300, -900]
    assert (result.total, result.due) == (1200, 0)
    assert_sound(result)


# Nothing is silent


def test_a_negative_quantity_is_explained(program: Program) -> None:
    result = rate(program, subscription("used"), AccountUsage((sample(at(2), "-5"),)), MARCH)
    assert isinstance(result, Statement)
    (line,) = result.lines
    assert (line.amount, line.quantity) == (0, Fraction(-5))
    assert line.quantity_derivation is not None
    assert "a negative quantity is priced as zero" in {part.label for part in line.quantity_derivation.parts}


def test_a_policy_that_does_not_apply_says_why(program: Program) -> None:
    result = rate(program, subscription("scored", attributes={"score": Decimal(650)}), AccountUsage(), MARCH)
    assert isinstance(result, Statement)
    (reason,) = [item.reason for item in result.not_applied if item.id == "high"]
    assert reason == "it needs account.score > 700, and it is 650 (50 short)"


def test_an_event_that_does_not_say_what_decides_on_it_is_refused() -> None:
    """`where status < 500` has no answer for an event without a status; that is a refusal, as of an attribute."""
    source = Source(
        "unsaid.rates",
        """
ruleset unsaid "Unsaid":
  currency USD
  time zone UTC
event request:
  status: number, optional
meter good: count of request where status < 500
plan metered from 2026-01-01:
  charge good: at $1 each
plan each from 2026-01-01:
  charge requests of each request where status < 500: at $1 each
""",
    )
    program = compile_ruleset(source).program
    assert program is not None
    march = DateRange(date(2026, 3, 1), date(2026, 4, 1))
    usage = AccountUsage((UsageEvent("a", "request", datetime(2026, 3, 2, tzinfo=UTC), {}),))
    for plan in ("metered", "each"):
        result = rate(program, Subscription("a", plan, march.start), usage, march)
        assert isinstance(result, Diagnostic)
        assert result.code == "RB4001" and "status of request" in result.message
