"""Bills for a part of a billing period: amounts by hand, and the law that the parts of a period make up the whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ratebook.diagnostics import Diagnostic, Source
from ratebook.engine.compiler.compile import compile_ruleset
from ratebook.engine.derivation import replay, steps
from ratebook.engine.evaluators.account import rate_account
from ratebook.engine.evaluators.part import billing_periods_over, rate_part
from ratebook.engine.evaluators.rate import rate
from ratebook.engine.evaluators.turning import turning_points
from ratebook.engine.period import DateRange, parse_period
from ratebook.engine.plan import Program
from ratebook.engine.statement import LineKind, Statement
from ratebook.engine.usage import AccountUsage, CardHolding, MeteredQuantity, Subscription, UsageEvent

RULESET = """
ruleset parts "Parts":
  currency USD
  time zone Europe/Berlin

unit seat

account:
  seats: number of seat, default 2

event net:
  size: number of GB
  zone: one of a, b, default a

event pay:
  amount: money

event sample:
  size: number of GB

meter egress: sum of size of net
meter calls: count of net
meter stored: time-weighted average of level of size of sample
meter peak: maximum of level of size of sample

plan plain from 2026-01-01:
  billed quarterly
  charge egress: at $1 per GB

plan thirds from 2026-01-01:
  billed quarterly
  charge egress: at $0.005 per GB

plan ladder from 2026-01-01:
  billed quarterly
  include 5 GB of egress
  charge egress graduated:
    first 10 GB at $2 per GB
    above at $1 per GB plus $3 once

plan volume from 2026-01-01:
  billed quarterly
  charge egress volume:
    up to 10 GB at $2 per GB
    above at $1 per GB

plan floors from 2026-01-01:
  billed quarterly
  charge egress: at $1 per GB
    minimum $20
  minimum $30
  cap $100

plan fees from 2026-01-01:
  billed quarterly
  fee arrears $30 per month
  fee advance $10 per month in advance
  fee seats $5 per seat per month for account.seats
  fee once_a_quarter $90 per 3 months in advance

plan levels from 2026-01-01:
  billed quarterly
  charge stored: at $91 per GB
  charge peak: at $1 per GB

plan days from 2026-01-01:
  billed quarterly
  charge egress graduated:
    first 1 GB per day at $1 per GB
    above at $2 per GB

plan payments from 2026-01-01:
  billed quarterly
  charge pays of each pay.amount: at 2%
    minimum $1
    include 1 events
    minimum $20 per period

plan policies from 2026-01-01:
  billed quarterly
  charge egress: at $1 per GB
  charge calls: at $1 each

plan cards from 2026-01-01:
  billed quarterly
  charge egress: at $1 per GB

plan changes from 2026-01-01 before 2026-05-15:
  billed quarterly
  charge egress: at $1 per GB
    cap $20
  minimum $25

plan changes from 2026-05-15:
  billed quarterly
  dated by usage
  charge egress: at $2 per GB

# Something may be added to what the cap lets through, or the minimum would be all that this plan ever costs.
penalty crowd for changes:
  $1
  when account.seats > 1,000

plan by_zone from 2026-01-01:
  billed quarterly
  include 3 GB of egress
  charge egress by zone graduated:
    | zone | first 5 GB | above     |
    | a    | $2 per GB  | $1 per GB |
    | b    | $3 per GB  | $2 per GB |
    minimum $15
    cap $40

plan monthly from 2026-01-01:
  charge egress: at $1 per GB

plan all_of_it from 2026-01-01 before 2026-05-15:
  billed quarterly
  fee base $10 per month in advance
  include 4 GB of egress
  charge egress by zone graduated:
    | zone | first 5 GB | above        |
    | a    | $2 per GB  | $0.333 per GB |
    | b    | $3 per GB  | $2 per GB    |
    cap $30
  charge stored: at $7 per GB
  charge support of amount of egress: at 10.5%
  charge pays of each pay.amount: at 2.5% plus $0.10 once
    include 2 events
  minimum $50
  cap $90

plan all_of_it from 2026-05-15:
  billed quarterly
  dated by usage
  charge egress by zone:
    | zone | price     |
    | a    | $3 per GB |
    | b    | $4 per GB |
  charge stored: at $9 per GB
  charge support of amount of egress: at 20%
  charge pays of each pay.amount: at 3.5% plus $0.20 once

window evening: daily 18:00 to 24:00

discount large for policies, all_of_it:
  10% off egress
  when usage of egress > 10 GB

discount evenings for policies, all_of_it: 50% off egress during evening

offer free_ones for policies: 2 GB of egress free

penalty calm for policies:
  $5
  when usage of calls < 3

tax vat for policies, all_of_it: 19% of total
tax inside included for cards, all_of_it: 7% of total

discounts combine add up

card ten:
  worth $10
  valid 6 months
  pays everything
"""

QUARTER = DateRange(date(2026, 4, 1), date(2026, 7, 1))
MONTHS = ("2026-04", "2026-05", "2026-06")


@cache
def program(*, rounds_total: bool = False) -> Program:
    rule = "  round total to $0.05 half up\n" if rounds_total else ""
    found = compile_ruleset(Source("parts.rates", RULESET.replace("  currency USD\n", f"  currency USD\n{rule}", 1)))
    assert found.program is not None, [(item.code, item.message) for item in found.findings]
    return found.program


def net(day: str, size: str, zone: str = "a") -> UsageEvent:
    when = datetime.fromisoformat(day if "T" in day else f"{day}T12:00:00+02:00")
    return UsageEvent("a-1", "net", when.astimezone(UTC), {"size": Decimal(size), "zone": zone})


def pay(day: str, amount: str) -> UsageEvent:
    when = datetime.fromisoformat(f"{day}T12:00:00+02:00").astimezone(UTC)
    return UsageEvent("a-1", "pay", when, {"amount": Decimal(amount)})


def sample(day: str, size: str) -> UsageEvent:
    when = datetime.fromisoformat(f"{day}T00:00:00+02:00").astimezone(UTC)
    return UsageEvent("a-1", "sample", when, {"size": Decimal(size)})


def subscribed(
    plan: str, start: date = date(2026, 1, 1), end: date | None = None, cards: Sequence[CardHolding] = ()
) -> Subscription:
    return Subscription("a-1", plan, start, end, {"seats": Decimal(2)}, tuple(cards))


def days(text: str) -> DateRange:
    found = parse_period(text)
    assert found is not None
    return found


def assert_replays(statement: Statement) -> None:
    assert statement.total == sum(line.amount for line in statement.lines if line.is_added)
    for line in statement.lines:
        assert replay(line.derivation) == line.derivation.value == statement.money.fraction(line.amount), line.id
        assert all(replay(step) == step.value for step in steps(line.derivation)), line.id
        if line.quantity_derivation is not None:
            assert replay(line.quantity_derivation) == line.quantity_derivation.value
        if line.taken:
            assert sum(size for _, size in line.taken) == line.amount, line.id


def bill(
    plan: str,
    part: str,
    *events: UsageEvent,
    start: date = date(2026, 1, 1),
    end: date | None = None,
    cards: Sequence[CardHolding] = (),
) -> Statement:
    own = subscribed(plan, start, end, cards)
    found = rate_part(program(), own, AccountUsage(events), QUARTER, days(part))
    assert isinstance(found, Statement), found
    assert_replays(found)
    return found


def amounts(statement: Statement) -> dict[str, str]:
    found: dict[str, int] = {}
    for line in statement.lines:
        found[line.id] = found.get(line.id, 0) + line.amount
    return {name: statement.money.text(amount) for name, amount in found.items()}


def billed(plan: str, *events: UsageEvent, parts: Sequence[str] = MONTHS, **more: object) -> list[dict[str, str]]:
    return [amounts(bill(plan, part, *events, **more)) for part in parts]  # type: ignore[arg-type]


# "the statement to its end minus the statement to its start"


def test_each_part_bills_its_own_usage() -> None:
    events = (net("2026-04-30", "3"), net("2026-05-01", "4"), net("2026-06-30", "5"))
    assert billed("plain", *events) == [{"egress": "3.00"}, {"egress": "4.00"}, {"egress": "5.00"}]


def test_a_part_begins_and_ends_at_local_midnight() -> None:
    events = (net("2026-04-30T21:59:59+00:00", "1"), net("2026-04-30T22:00:00+00:00", "2"))
    assert billed("plain", *events) == [{"egress": "1.00"}, {"egress": "2.00"}, {"egress": "0.00"}]


def test_any_days_can_be_a_part() -> None:
    events = (net("2026-04-09", "1"), net("2026-04-10", "2"), net("2026-04-19", "4"), net("2026-04-20", "8"))
    found = bill("plain", "2026-04-10..2026-04-19", *events)
    assert amounts(found) == {"egress": "6.00"}
    assert (found.start.date(), found.end.date()) == (date(2026, 4, 10), date(2026, 4, 20))
    assert found.part_of is not None
    assert [item.date() for item in found.part_of] == [QUARTER.start, QUARTER.end]


def test_each_statement_is_rounded_and_then_subtracted() -> None:
    # 1 GB costs half a cent: 0.005 → 0.00 (half even), 0.010 → 0.01, 0.015 → 0.02.
    events = (net("2026-04-10", "1"), net("2026-05-10", "1"), net("2026-06-10", "1"))
    assert billed("thirds", *events) == [{"egress": "0.00"}, {"egress": "0.01"}, {"egress": "0.01"}]


def test_a_ladder_and_included_units_run_on() -> None:
    # 5 of 12 included: 7 × 2; 3 more at 2 and 1 at 1 with 3 once: 6 + 1 + 3; 2 × 1.
    events = (net("2026-04-10", "12"), net("2026-05-10", "4"), net("2026-06-10", "2"))
    assert billed("ladder", *events) == [{"egress": "14.00"}, {"egress": "10.00"}, {"egress": "2.00"}]


def test_a_cheaper_band_for_all_gives_back() -> None:
    # 10 × 2 = 20; 11 × 1 = 11; 11 + 4 = 15.
    events = (net("2026-04-10", "10"), net("2026-05-10", "1"), net("2026-06-10", "4"))
    assert billed("volume", *events) == [{"egress": "20.00"}, {"egress": "-9.00"}, {"egress": "4.00"}]


def test_a_part_without_usage_is_a_line_of_zero() -> None:
    assert billed("plain", net("2026-04-10", "2"), parts=MONTHS[1:]) == [{"egress": "0.00"}] * 2


def test_the_quantity_is_that_of_the_part() -> None:
    found = bill("ladder", "2026-05", net("2026-04-10", "12"), net("2026-05-10", "4"))
    assert [line.quantity for line in found.lines] == [Fraction(4)]


# "a minimum acts on the last part only"


def test_a_minimum_acts_on_the_last_part() -> None:
    # 5, 4, then 1 raised by 10 to the charge's 20; the plan's 30 adds 10 more.
    events = (net("2026-04-10", "5"), net("2026-05-10", "4"), net("2026-06-10", "1"))
    assert billed("floors", *events) == [
        {"egress": "5.00"},
        {"egress": "4.00"},
        {"egress": "11.00", "minimum": "10.00"},
    ]


def test_a_minimum_that_waits_says_so() -> None:
    found = bill("floors", "2026-05", net("2026-05-10", "4"))
    assert [(item.id, item.reason) for item in found.not_applied if item.id == "minimum"] == [
        ("minimum", "a minimum acts on the last part of a billing period")
    ]


def test_the_last_part_is_the_one_in_which_a_subscription_ends() -> None:
    events = (net("2026-04-10", "5"), net("2026-05-10", "4"))
    ended = {"parts": ("2026-04", "2026-05"), "end": date(2026, 5, 20)}
    assert billed("floors", *events, **ended) == [{"egress": "5.00"}, {"egress": "15.00", "minimum": "10.00"}]


def test_a_cap_acts_at_once() -> None:
    # 90; 20 more, cut to 10; 5 more, cut to nothing.
    events = (net("2026-04-10", "90"), net("2026-05-10", "20"), net("2026-06-10", "5"))
    assert billed("floors", *events) == [
        {"egress": "90.00"},
        {"egress": "20.00", "cap": "-10.00"},
        {"egress": "5.00", "cap": "-5.00"},
    ]


def test_a_minimum_of_every_event_is_no_minimum_of_the_period() -> None:
    # The first event is free; 2% of 10 is raised to 1, 2% of 100 is 2; the last part is raised to 20 in all.
    events = (pay("2026-04-10", "10"), pay("2026-04-20", "10"), pay("2026-05-10", "100"), pay("2026-06-10", "50"))
    assert billed("payments", *events) == [{"pays": "1.00"}, {"pays": "2.00"}, {"pays": "17.00"}]


# "It stands on the statement of the period in which its term begins (`in advance`) or ends (`in arrears`, default)"


def test_fees_stand_on_the_part_in_which_their_term_begins_or_ends() -> None:
    assert billed("fees") == [
        {"arrears": "30.00", "advance": "10.00", "seats": "10.00", "once_a_quarter": "90.00"},
        {"arrears": "30.00", "advance": "10.00", "seats": "10.00"},
        {"arrears": "30.00", "advance": "10.00", "seats": "10.00"},
    ]


def test_fees_of_a_part_inside_their_term() -> None:
    # April begins on the 1st and ends on the 30th: one of them in each half.
    assert billed("fees", parts=("2026-04-01..2026-04-29", "2026-04-30", "2026-05-01..2026-05-30")) == [
        {"advance": "10.00", "once_a_quarter": "90.00"},
        {"arrears": "30.00", "seats": "10.00"},
        {"advance": "10.00"},
    ]


def test_a_term_that_is_covered_in_part_is_prorated_as_ever() -> None:
    # From April 16: 15 of 30 days, in advance and in arrears. The quarter's term has its own start, April 16.
    found = billed("fees", parts=("2026-04", "2026-05"), start=date(2026, 4, 16))
    assert found[0] == {"arrears": "15.00", "advance": "5.00", "seats": "5.00", "once_a_quarter": "90.00"}
    assert found[1] == {"arrears": "30.00", "advance": "10.00", "seats": "10.00"}


# Levels, widths, cards, policies


def test_a_level_is_averaged_over_the_whole_period() -> None:
    # 1 GB since March, 91 days: 30, 31 and 30 dollars. The peak is 1 at once, and 3 from May 10 on:
    # 22 of May's days and June at 3: 9 × 1 + 22 × 3 = 75; 30 × 3 = 90.
    events = (sample("2026-03-01", "1"), sample("2026-05-10", "3"))
    assert billed("levels", *events) == [
        {"stored": "30.00", "peak": "1.00"},
        {"stored": "75.00", "peak": "2.00"},
        {"stored": "90.00"} | {"peak": "0.00"},
    ]


def test_widths_by_the_days_so_far() -> None:
    # 30 days: 30 × 1 + 10 × 2 = 50. To the end of May 61 × 1 + 0 × 2 for 60 GB: 60. And 91 days hold 70: 70.
    events = (net("2026-04-10", "40"), net("2026-05-10", "20"), net("2026-06-10", "10"))
    assert billed("days", *events) == [{"egress": "50.00"}, {"egress": "10.00"}, {"egress": "10.00"}]


def test_policies_are_differences() -> None:
    # April: 8 + 1 call, 2 GB free, penalty 5 (one call): 8 - 2 + 1 + 5 = 12, VAT 2.28.
    # To the end of May: 12 + 2 calls, 10% of 12 = 1.20 off, 2 free, penalty 5: 15.80, VAT 3.002.
    # To the end of June: 13 + 3 calls, 1.30 off, 2 free, no penalty: 12.70, VAT 2.413.
    events = (net("2026-04-10", "8"), net("2026-05-10", "4"), net("2026-06-10", "1"))
    assert billed("policies", *events) == [
        {"egress": "8.00", "calls": "1.00", "free_ones": "-2.00", "calm": "5.00", "vat": "2.28"},
        {"egress": "4.00", "calls": "1.00", "large": "-1.20", "vat": "0.72"},
        {"egress": "1.00", "calls": "1.00", "large": "-0.10", "calm": "-5.00", "vat": "-0.59"},
    ]


def test_a_card_pays_part_by_part() -> None:
    # 6 of its 10, then the other 4; an included tax of 7% of 6, 13 and 14 is 0.39, 0.85, 0.92.
    events = (net("2026-04-10", "6"), net("2026-05-10", "7"), net("2026-06-10", "1"))
    cards = [CardHolding("ten", date(2026, 4, 1))]
    found = [bill("cards", part, *events, cards=cards) for part in MONTHS]
    assert [amounts(item) for item in found] == [
        {"egress": "6.00", "inside": "0.39", "ten": "-6.00"},
        {"egress": "7.00", "inside": "0.46", "ten": "-4.00"},
        {"egress": "1.00", "inside": "0.07"},
    ]
    assert [item.money.text(item.due) for item in found] == ["0.00", "3.00", "1.00"]


def test_a_card_pays_no_bill_from_before_it_was_bought() -> None:
    events = (net("2026-04-10", "6"), net("2026-05-10", "1"))
    cards = [CardHolding("ten", date(2026, 5, 15))]
    assert billed("cards", *events, cards=cards, parts=MONTHS[:2]) == [
        {"egress": "6.00", "inside": "0.39"},
        {"egress": "1.00", "inside": "0.07", "ten": "-7.00"},
    ]


def test_a_card_that_is_over_before_the_period_is_pays_no_part() -> None:
    cards = [CardHolding("ten", date(2025, 12, 31))]
    assert billed("cards", net("2026-04-10", "6"), cards=cards, parts=MONTHS[:1]) == [
        {"egress": "6.00", "inside": "0.39"}
    ]


# Versions inside the period


def test_a_part_that_a_price_change_divides() -> None:
    # 8 at 1; 4 at 1 and 3 at 2: 18 so far, below the charge's cap of 20; 5 at 2: 28, 8 above it; at least 25.
    events = (net("2026-04-10", "8"), net("2026-05-14", "4"), net("2026-05-15", "3"), net("2026-06-10", "5"))
    parts = [bill("changes", part, *events) for part in MONTHS]
    shown = [
        [
            (line.id, line.kind.value, item.money.text(line.amount), item.period_of(line)[0].date().isoformat())
            for line in item.lines
        ]
        for item in parts
    ]
    assert shown == [
        [("egress", "charge", "8.00", "2026-04-01")],
        [("egress", "charge", "4.00", "2026-05-01"), ("egress", "charge", "6.00", "2026-05-15")],
        [
            # A line of nothing, on which a part of the minimum falls.
            ("egress", "charge", "0.00", "2026-04-01"),
            ("egress", "charge", "10.00", "2026-06-01"),
            ("egress", "cap", "-8.00", "2026-06-01"),
            ("minimum", "minimum", "5.00", "2026-06-01"),
        ],
    ]


def test_a_part_before_and_a_part_after_the_change() -> None:
    events = (net("2026-05-14", "4"), net("2026-05-15", "3"))
    parts = ("2026-05-01..2026-05-14", "2026-05-15..2026-05-31")
    assert billed("changes", *events, parts=parts) == [{"egress": "4.00"}, {"egress": "6.00"}]


# What is asked for


@pytest.mark.parametrize(
    ("plan", "within", "start", "end", "expected"),
    [
        ("plain", "2026-05", date(2026, 1, 1), None, ["2026-04-01 2026-07-01"]),
        ("plain", "2026-06..2026-07", date(2026, 1, 1), None, ["2026-04-01 2026-07-01", "2026-07-01 2026-10-01"]),
        ("plain", "2026-05", date(2026, 6, 1), None, []),
        ("plain", "2026-05", date(2026, 1, 1), date(2026, 5, 1), []),
        ("plain", "2025-12", date(2025, 12, 1), None, ["RB4004"]),
        ("changes", "2026-05-20", date(2026, 1, 1), None, ["2026-04-01 2026-07-01"]),
        ("monthly", "2026-05-20", date(2026, 1, 1), None, ["2026-05-01 2026-06-01"]),
    ],
)
def test_the_periods_of_parts_are_those_that_share_a_day(
    plan: str, within: str, start: date, end: date | None, expected: Sequence[str]
) -> None:
    found = billing_periods_over(program(), subscribed(plan, start, end), days(within))
    assert [item.code if isinstance(item, Diagnostic) else f"{item.start} {item.end}" for item in found] == expected


def test_all_covered_days_of_a_period_are_no_part() -> None:
    events = (net("2026-05-10", "4"),)
    own = subscribed("floors", date(2026, 5, 5), date(2026, 5, 20))
    whole = rate(program(), own, AccountUsage(events), QUARTER)
    assert rate_part(program(), own, AccountUsage(events), QUARTER, days("2026-05")) == whole
    assert isinstance(whole, Statement) and whole.part_of is None


def test_days_that_are_not_covered_have_no_bill() -> None:
    with pytest.raises(ValueError, match="no day that is covered"):
        rate_part(program(), subscribed("plain", date(2026, 6, 1)), AccountUsage(), QUARTER, days("2026-05"))


def test_a_range_over_two_periods_gives_a_part_of_each() -> None:
    usage = AccountUsage((net("2026-06-10", "4"), net("2026-07-10", "5"), net("2026-08-10", "6")))
    found = list(rate_account(program(), [subscribed("plain")], usage, days("2026-06..2026-07"), part=True))
    assert all(isinstance(item, Statement) for item in found)
    assert [amounts(item) for item in found if isinstance(item, Statement)] == [{"egress": "4.00"}, {"egress": "5.00"}]


def test_a_card_is_carried_from_one_part_to_the_next() -> None:
    usage = AccountUsage((net("2026-06-10", "4"), net("2026-07-10", "9")))
    own = subscribed("cards", cards=[CardHolding("ten", date(2026, 6, 30))])
    # 4 of its 10 for June, the other 6 for July.
    found = list(rate_account(program(), [own], usage, days("2026-06..2026-07"), part=True))
    paid = [line.amount for item in found if isinstance(item, Statement) for line in item.lines if line.id == "ten"]
    assert paid == [-400, -600]


def test_a_quantity_without_a_time_has_no_part() -> None:
    usage = AccountUsage((), (MeteredQuantity("a-1", "egress", Fraction(5)),))
    found = rate_part(program(), subscribed("plain"), usage, QUARTER, days("2026-05"))
    assert isinstance(found, Diagnostic)
    assert (found.code, found.place) == ("RB4015", "account a-1")
    whole = rate_part(program(), subscribed("plain"), usage, QUARTER, QUARTER)
    assert isinstance(whole, Statement) and amounts(whole) == {"egress": "5.00"}


def test_a_quantity_with_a_time_lies_in_its_part() -> None:
    when = datetime(2026, 5, 10, tzinfo=UTC)
    usage = AccountUsage((), (MeteredQuantity("a-1", "egress", Fraction(5), time=when),))
    found = [rate_part(program(), subscribed("plain"), usage, QUARTER, days(part)) for part in MONTHS]
    assert [amounts(item) for item in found if isinstance(item, Statement)] == [
        {"egress": "0.00"},
        {"egress": "5.00"},
        {"egress": "0.00"},
    ]


def test_a_part_has_no_turning_points() -> None:
    assert turning_points(program(), bill("ladder", "2026-05", net("2026-05-10", "1"))) == ()
    whole = rate(program(), subscribed("ladder"), AccountUsage((net("2026-05-10", "1"),)), QUARTER)
    assert isinstance(whole, Statement) and turning_points(program(), whole)


# Laws

PLANS = tuple(name for name in ("plain", "thirds", "ladder", "volume", "floors", "fees", "levels", "days", "payments"))
ALL_PLANS = (*PLANS, "policies", "cards", "changes", "by_zone", "all_of_it")
_instants = st.integers(0, 91 * 24 * 60 - 1).map(
    lambda minutes: datetime(2026, 3, 31, 22, tzinfo=UTC) + timedelta(minutes=minutes)
)
_sizes = st.decimals(0, 30, places=2)


@st.composite
def usages(draw: st.DrawFn) -> tuple[UsageEvent, ...]:
    found = [
        UsageEvent("a-1", "net", when, {"size": size, "zone": zone})
        for when, size, zone in draw(st.lists(st.tuples(_instants, _sizes, st.sampled_from("ab")), max_size=6))
    ]
    found += [
        UsageEvent("a-1", "pay", w, {"amount": s}) for w, s in draw(st.lists(st.tuples(_instants, _sizes), max_size=4))
    ]
    found += [
        UsageEvent("a-1", "sample", w, {"size": s}) for w, s in draw(st.lists(st.tuples(_instants, _sizes), max_size=3))
    ]
    return tuple(found)


@st.composite
def cuts(draw: st.DrawFn) -> tuple[date, ...]:
    inside = draw(st.sets(st.dates(date(2026, 4, 2), date(2026, 6, 30)), max_size=4))
    return (QUARTER.start, *sorted(inside), QUARTER.end)


def _by_line(statements: Sequence[Statement]) -> dict[tuple[str, LineKind, tuple[tuple[str, str], ...]], int]:
    found: dict[tuple[str, LineKind, tuple[tuple[str, str], ...]], int] = {}
    for statement in statements:
        for line in statement.lines:
            key = (line.id, line.kind, line.by)
            found[key] = found.get(key, 0) + line.amount
    return {key: amount for key, amount in found.items() if amount}


@given(
    st.sampled_from(ALL_PLANS),
    usages(),
    cuts(),
    st.none() | st.dates(date(2026, 4, 1), date(2026, 5, 20)),
    st.none() | st.dates(date(2026, 5, 21), date(2026, 7, 10)),
    st.lists(st.dates(date(2026, 3, 1), date(2026, 7, 5)), max_size=2),
    st.booleans(),
)
def test_the_parts_of_a_period_make_up_the_whole(
    plan: str,
    events: tuple[UsageEvent, ...],
    bounds: tuple[date, ...],
    start: date | None,
    end: date | None,
    bought: list[date],
    rounds_total: bool,
) -> None:
    prices = program(rounds_total=rounds_total)
    own = subscribed(plan, start or date(2026, 1, 1), end, [CardHolding("ten", day) for day in bought])
    usage = AccountUsage(events)
    whole = rate(prices, own, usage, QUARTER)
    assert isinstance(whole, Statement)
    parts = []
    for low, high in pairwise(bounds):
        part = DateRange(low, high)
        if part.overlap(DateRange(max(own.start, QUARTER.start), min(own.end or QUARTER.end, QUARTER.end))) is None:
            continue
        found = rate_part(prices, own, usage, QUARTER, part)
        assert isinstance(found, Statement)
        assert_replays(found)
        parts.append(found)
    assert sum(item.total for item in parts) == whole.total
    assert sum(item.due for item in parts) == whole.due
    assert _by_line(parts) == _by_line([whole])


@given(usages(), st.dates(date(2026, 4, 2), date(2026, 6, 30)))
def test_a_new_version_with_the_same_straight_prices_changes_nothing(
    events: tuple[UsageEvent, ...], change: date
) -> None:
    """Whatever day it begins on: sums, counts and averages of levels are divided without a remainder."""
    assume(change.day != 1 or change.month != 4)
    unrounded = {}
    for name, text in (("one", _straight("")), ("two", _straight(f" before {change}") + _straight("", change))):
        found = compile_ruleset(Source(f"{name}.rates", _STRAIGHT + text))
        assert found.program is not None, [item.message for item in found.findings]
        result = rate(found.program, subscribed("p"), AccountUsage(events), QUARTER)
        assert isinstance(result, Statement)
        unrounded[name] = sum((line.derivation.parts[0].value for line in result.lines), Fraction(0))
        assert_replays(result)
    assert unrounded["one"] == unrounded["two"]


_STRAIGHT = RULESET[: RULESET.index("plan plain")]


def _straight(end: str, start: date = date(2026, 1, 1)) -> str:
    clock = "  dated by usage\n" if start != date(2026, 1, 1) else ""
    return (
        f"plan p from {start}{end}:\n  billed quarterly\n{clock}  include 7 GB of egress\n"
        "  charge egress: at $1.11 per GB\n  charge calls: at $0.07 each\n  charge stored: at $3 per GB\n"
        "  charge pays of each pay.amount: at 2%\n\n"
    )


def test_the_law_of_parts_sees_every_kind_of_line() -> None:
    """The plans of the law have charges, fees, policies, bounds, taxes and cards, so that it proves what it says."""
    usage = AccountUsage((net("2026-04-10", "30.02", "b"), net("2026-05-20", "30"), pay("2026-05-10", "20")))
    cards = [CardHolding("ten", date(2026, 4, 5))]
    kinds = {
        line.kind
        for plan in ALL_PLANS
        for item in (rate(program(rounds_total=True), subscribed(plan, cards=cards), usage, QUARTER),)
        if isinstance(item, Statement)
        for line in item.lines
    }
    assert kinds == set(LineKind)


def test_sound(assert_sound: Callable[[Statement], None]) -> None:
    """The whole statements that parts are held to keep the laws of every statement."""
    for plan in ALL_PLANS:
        found = rate(
            program(), subscribed(plan), AccountUsage((net("2026-05-20", "30"), sample("2026-05-01", "3"))), QUARTER
        )
        assert isinstance(found, Statement)
        assert_sound(found)
