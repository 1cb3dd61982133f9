"""Laws of ladders that are shared or run over several bills, and of days: whatever the usage."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratebook.diagnostics import Diagnostic, Source
from ratebook.engine.compiler.compile import compile_ruleset
from ratebook.engine.derivation import Op, Role, Step, replay, steps
from ratebook.engine.evaluators.rate import billing_periods_of, rate
from ratebook.engine.evaluators.turning import turning_points
from ratebook.engine.period import DateRange
from ratebook.engine.plan import Program
from ratebook.engine.schedule import Mode, Schedule, fitting, price, walk
from ratebook.engine.statement import Line, Statement
from ratebook.engine.usage import AccountUsage, MeteredQuantity, Subscription, UsageEvent

from .test_rating_laws import quantities, schedules

UTC_ZONE = ZoneInfo("UTC")
REGIONS = ("us", "eu", "cn")
MARCH = DateRange(date(2026, 3, 1), date(2026, 4, 1))
HEAD = """
ruleset law "Law":
  currency USD
  time zone UTC
event net:
  size: number
  region: one of us, eu, cn
meter egress: sum of size of net
plan p from 2024-01-01:
"""
LADDERS = {
    "rates": ("first 10", "$0.07 each", "$0.03 each"),
    "once": ("first 10", "$0.07 each plus $5 once", "$0.03 each plus $0.5 once if used"),
    "if used": ("first 10", "$0.07 each plus $5 once if used", "$0.03 each"),
    "blocks": ("first 12", "$0.11 per started 4", "$0.05 per started 7"),
}


@cache
def compiled(text: str) -> Program:
    found = compile_ruleset(Source("law.rates", text))
    assert found.program is not None, [item.message for item in found.findings]
    return found.program


def table(ladder: str, words: str) -> Program:
    width, first, above = LADDERS[ladder]
    return compiled(
        f"{HEAD}  charge egress by region graduated {words}:\n"
        f"    | region     | {width} | above |\n"
        f"    | us, eu, cn | {first} | {above} |\n"
    )


def bands(ladder: str, words: str) -> Program:
    width, first, above = LADDERS[ladder]
    return compiled(f"{HEAD}  charge egress graduated {words}:\n    {width} at {first}\n    above at {above}\n")


def rated(program: Program, usage: AccountUsage, period: DateRange = MARCH, start: date = MARCH.start) -> Statement:
    result = rate(program, Subscription("a", "p", start), usage, period)
    assert isinstance(result, Statement), result
    return result


def exact(line: Line) -> Fraction:
    """A line's amount before it was rounded."""
    assert line.derivation.op is Op.ROUND
    return line.derivation.parts[0].value


def charged(statement: Statement) -> list[Line]:
    found = [line for line in statement.lines if line.id == "egress"]
    assert all(replay(step) == step.value for line in found for step in steps(line.derivation))
    return found


def schedule_of(program: Program) -> Schedule:
    return program.plans["p"][0].charges[0].rows[0].schedule


def price_of(program: Program, quantity: Fraction) -> Fraction:
    finer, integers = fitting(schedule_of(program), quantity)
    return Fraction(price(finer, integers), finer.money_scale)


def events_of(found: Sequence[tuple[int, str, Decimal]]) -> AccountUsage:
    """Events some minutes after the start of March 2026."""
    start = datetime(2026, 3, 1, tzinfo=UTC)
    return AccountUsage(
        tuple(
            UsageEvent("a", "net", start + timedelta(minutes=minute), {"size": size, "region": region}, id=str(number))
            for number, (minute, region, size) in enumerate(found)
        )
    )


sizes = st.decimals(0, 30, places=2)
used = st.lists(st.tuples(st.integers(0, 30 * 1440), st.sampled_from(REGIONS), sizes), max_size=8)
ladders = st.sampled_from(sorted(LADDERS))
pooled = st.sampled_from(["pooled in row order", "pooled by share", "pooled in time order"])


# The walk


@given(schedules(), quantities, quantities)
def test_a_resumed_walk_costs_what_is_missing(schedule: Schedule, first: int, second: int) -> None:
    """Steps, `once` and bands add up, wherever a graduated ladder is cut, also below its first unit."""
    if schedule.mode is not Mode.GRADUATED:
        return
    whole = first + second
    later = walk(schedule, whole, first, resumed=True)
    assert sum(part.size for part in later) == second
    assert price(schedule, first) + sum(part.amount + part.once for part in later) == price(schedule, whole)


# Shared ladders


@given(ladders, pooled, used)
def test_alike_rows_come_to_the_price_of_the_whole(
    ladder: str, words: str, found: list[tuple[int, str, Decimal]]
) -> None:
    program = table(ladder, words)
    lines = charged(rated(program, events_of(found)))
    whole = sum((Fraction(size) for _, _, size in found), Fraction(0))
    assert sum((line.quantity or Fraction(0) for line in lines), Fraction(0)) == whole
    assert {line.by[0][1] for line in lines} == {region for _, region, _ in found}
    if lines:
        assert sum(map(exact, lines), Fraction(0)) == price_of(program, whole)


def slices(step: Step) -> Fraction:
    return sum((item.value for item in steps(step) if item.role is Role.SLICE and item.op is Op.GIVEN), Fraction(0))


@given(st.sampled_from(["pooled in row order", "pooled in time order"]), used)
def test_the_slices_of_all_combinations_add_up(words: str, found: list[tuple[int, str, Decimal]]) -> None:
    lines = charged(rated(table("rates", words), events_of(found)))
    for line in lines:
        assert slices(line.derivation) == line.quantity


@given(ladders, pooled, st.lists(st.tuples(st.integers(0, 43_000), st.just("eu"), sizes), min_size=1, max_size=5))
def test_one_combination_pays_what_it_would_alone(
    ladder: str, words: str, found: list[tuple[int, str, Decimal]]
) -> None:
    (shared,) = charged(rated(table(ladder, words), events_of(found)))
    (alone,) = charged(rated(table(ladder, ""), events_of(found)))
    assert exact(shared) == exact(alone)


@given(used, st.randoms(use_true_random=False))
def test_the_order_of_rows_in_a_file_is_no_order_in_time(found: list[tuple[int, str, Decimal]], random: object) -> None:
    program = table("once", "pooled in time order")
    usage = events_of(found)
    shuffled = list(usage.events)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert rated(program, AccountUsage(tuple(shuffled))) == rated(program, usage)


@given(st.lists(st.tuples(st.integers(0, 43_000), st.sampled_from(REGIONS), sizes), min_size=2, max_size=6))
def test_shares_are_in_proportion(found: list[tuple[int, str, Decimal]]) -> None:
    program = compiled(
        HEAD
        + """  charge egress by region graduated pooled by share:
    | region | first 10   | above      |
    | us     | $0.07 each | $0.03 each |
    | eu     | $0.02 each | $0.01 each |
    | cn     | $0.09 each | $0.05 each |
"""
    )
    lines = charged(rated(program, events_of(found)))
    whole = sum((line.quantity or Fraction(0) for line in lines), Fraction(0))
    rows = program.plans["p"][0].charges[0].rows
    for line in lines:
        (row,) = [row for row in rows if row.place == line.place]
        finer, integers = fitting(row.schedule, whole)
        of_whole = Fraction(price(finer, integers), finer.money_scale)
        assert exact(line) * whole == of_whole * (line.quantity or 0)


# Ladders over several bills

YEAR = [
    *(
        pytest.param(words, start, id=f"{words} since {start}")
        for words in ("counted per calendar year", "counted per year from start")
        for start in (date(2025, 1, 1), date(2024, 2, 29), date(2025, 3, 15))
    )
]


def year_of(words: str, start: date) -> DateRange:
    """A counting year of a subscription that it covers whole, or from its start."""
    if words == "counted per calendar year":
        return DateRange(date(2025, 1, 1), date(2026, 1, 1))
    ends = date(start.year + 1, start.month, min(start.day, 28) if start.month == 2 else start.day)
    return DateRange(start, ends)


@pytest.mark.parametrize(("words", "start"), YEAR)
@pytest.mark.parametrize("mode", ["graduated", "volume", "stairstep"])
@given(ladder=ladders, found=st.lists(st.tuples(st.integers(0, 365 * 1440), sizes), max_size=8))
def test_the_bills_of_a_year_come_to_the_price_of_its_usage(
    words: str, start: date, mode: str, ladder: str, found: list[tuple[int, Decimal]]
) -> None:
    """Whatever the ladder, and also where bills cross the ends of the year."""
    if mode == "graduated":
        program = bands(ladder, words)
    elif mode == "volume":
        program = compiled(
            f"{HEAD}  charge egress volume {words}:\n    up to 20 at $0.07 each\n    above at $0.03 each\n"
        )
    else:
        program = compiled(f"{HEAD}  charge egress stairstep {words}:\n    up to 20 for $3\n    above for $4\n")
    year = year_of(words, start)
    begins = datetime.combine(year.start, datetime.min.time(), UTC)
    days = DateRange(max(year.start, start), year.end)
    inside = [
        UsageEvent("a", "net", begins + timedelta(minutes=minute), {"size": size, "region": "us"}, id=str(number))
        for number, (minute, size) in enumerate(found)
    ]
    inside = [event for event in inside if days.contains(event.time.date())]
    subscription = Subscription("a", "p", start, end=year.end)
    total = Fraction(0)
    for period in billing_periods_of(program, subscription, DateRange(start, year.end)):
        assert isinstance(period, DateRange)
        result = rate(program, subscription, AccountUsage(tuple(inside)), period)
        assert isinstance(result, Statement)
        if result.covered is None or result.covered.end <= days.period(UTC_ZONE).start:
            continue
        total += sum(map(exact, charged(result)), Fraction(0))
    whole = sum((Fraction(event.fields["size"]) for event in inside), Fraction(0))  # type: ignore[arg-type]
    assert total == price_of(program, whole)


@given(ladders, pooled, used)
def test_a_pooled_year_comes_to_the_price_of_its_usage(
    ladder: str, words: str, found: list[tuple[int, str, Decimal]]
) -> None:
    """Two bills of one ladder that all combinations share: April and, a month later, the same again."""
    program = table(ladder, f"{words} counted per calendar year")
    march = events_of(found).events
    april = tuple(
        UsageEvent("a", "net", event.time + timedelta(days=31), event.fields, id=f"{event.id}-2") for event in march
    )
    usage = AccountUsage(tuple(event for event in march + april if event.time.month in (3, 4)))
    total = Fraction(0)
    any_line = False
    for month in (MARCH, DateRange(date(2026, 4, 1), date(2026, 5, 1))):
        lines = charged(rated(program, usage, month))
        any_line = any_line or bool(lines)
        total += sum(map(exact, lines), Fraction(0))
    whole = sum((Fraction(event.fields["size"]) for event in usage.events), Fraction(0))  # type: ignore[arg-type]
    assert total == (price_of(program, whole) if any_line else 0)


def test_a_year_begins_anew() -> None:
    program = bands("rates", "counted per calendar year")
    subscription = Subscription("a", "p", date(2025, 12, 1))
    events = tuple(
        UsageEvent("a", "net", datetime(year, month, 2, tzinfo=UTC), {"size": Decimal(10), "region": "us"})
        for year, month in ((2025, 12), (2026, 1))
    )
    january = DateRange(date(2026, 1, 1), date(2026, 2, 1))
    result = rate(program, subscription, AccountUsage(events), january)
    assert isinstance(result, Statement)
    assert result.total == 70


# Days

DAILY = """
ruleset days "Days":
  currency USD
  time zone Europe/Berlin
event change:
  by: number
meter seats: maximum of running sum of by of change
plan p from 2024-01-01:
  charge seats graduated prorated by day:
    first 5 at $0.37 each plus $2 once
    above at $0.19 each
  charge line of seats: at $1 each
"""


@given(st.integers(0, 30), st.integers(1, 31), st.integers(0, 12))
def test_a_level_that_stays_costs_its_share_of_the_days(begins: int, length: int, level: int) -> None:
    """Also over a change of clocks: a day is a day."""
    program = compiled(DAILY)
    start = MARCH.start + timedelta(begins)
    end = min(start + timedelta(length), MARCH.end)
    subscription = Subscription("a", "p", start, None if end == MARCH.end else end)
    event = UsageEvent("a", "change", datetime(2026, 1, 1, tzinfo=UTC), {"by": Decimal(level)})
    result = rate(program, subscription, AccountUsage((event,)), MARCH)
    assert isinstance(result, Statement)
    line = next(line for line in result.lines if line.id == "seats")
    schedule = program.plans["p"][0].charges[0].rows[0].schedule
    whole = Fraction(price(*fitting(schedule, Fraction(level))), schedule.money_scale)
    assert exact(line) == whole * (end - start).days / 31
    assert replay(line.derivation) == line.derivation.value


@given(st.integers(0, 30), st.integers(1, 31))
def test_what_is_prorated_is_in_proportion_to_the_days(begins: int, length: int) -> None:
    program = compiled(
        HEAD
        + """  include 62 of egress prorated by day
  charge egress graduated:
    first 31 prorated by day free
    above at $1 each
  minimum $31 prorated by day
  cap $62 prorated by day
"""
    )
    start = MARCH.start + timedelta(begins)
    end = min(start + timedelta(length), MARCH.end)
    days = (end - start).days
    subscription = Subscription("a", "p", start, None if end == MARCH.end else end)

    def total(quantity: int) -> int:
        usage = AccountUsage(quantities=(MeteredQuantity("a", "egress", Fraction(quantity), {"region": "us"}),))
        result = rate(program, subscription, usage, MARCH)
        assert isinstance(result, Statement)
        return result.total

    assert total(3 * days) == 100 * days
    assert total(3 * days + 1) == 100 * max(days, 1)
    assert total(4 * days + 1) == 100 * min(days + 1, 2 * days)
    assert total(9 * days) == 200 * days


# What is said about them


def test_quantities_without_a_time_are_refused_only_where_time_decides() -> None:
    program = table("rates", "pooled in time order")

    def of(*regions: str) -> Statement | Diagnostic:
        quantities = tuple(MeteredQuantity("a", "egress", Fraction(3), {"region": region}) for region in regions)
        return rate(program, Subscription("a", "p", MARCH.start), AccountUsage(quantities=quantities), MARCH)

    assert isinstance(of("us"), Statement)
    refused = of("us", "eu")
    assert isinstance(refused, Diagnostic) and refused.code == "RB4005"


def test_no_turning_point_is_guessed_on_a_ladder_that_others_climb() -> None:
    for words in ("pooled in row order", "counted per calendar year"):
        program = table("rates", words)
        usage = events_of([(0, "us", Decimal(3)), (1, "eu", Decimal(3))])
        assert turning_points(program, rated(program, usage)) == ()
    program = table("rates", "")
    assert turning_points(program, rated(program, events_of([(0, "us", Decimal(3))])))
