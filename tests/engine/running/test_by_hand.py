"""Prices at the margin, computed by hand: what each event adds to its period's bill, and what is left to the bill."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

from ratebook.api import compile_file
from ratebook.diagnostics import Diagnostic, Source
from ratebook.engine.compiler.compile import Compiled, compile_ruleset
from ratebook.engine.derivation import replay
from ratebook.engine.evaluators.running import Running, debit, from_json, open_period, provisional, to_json
from ratebook.engine.period import DateRange
from ratebook.engine.plan import Program
from ratebook.engine.statement import LineKind
from ratebook.engine.usage import AccountUsage, Subscription, UsageEvent, Value

ROOT = Path(__file__).parents[3]
MARCH = DateRange(date(2026, 3, 1), date(2026, 4, 1))

HEAD = """ruleset hand "Hand":
  currency USD
  time zone UTC

account:
  seats: number, default 1

event used:
  size: number
  region: one of eu, us, default eu

event paid:
  amount: money

meter used: sum of size of used
meter biggest: maximum of size of used
meter different: unique size of used
meter middle: 50th percentile of size of used
"""


@cache
def program(plan: str) -> Program:
    found = compile_ruleset(Source("hand.rates", f"{HEAD}\n{plan}"))
    assert found.program is not None, [(item.code, item.message) for item in found.findings]
    return found.program


def used(size: str, day: int = 2, region: str = "eu") -> UsageEvent:
    fields: dict[str, Value] = {"size": Decimal(size), "region": region}
    return UsageEvent("a", "used", datetime(2026, 3, day, 12, tzinfo=UTC), fields, f"{day}-{size}-{region}")


def paid(amount: str) -> UsageEvent:
    return UsageEvent("a", "paid", datetime(2026, 3, 5, tzinfo=UTC), {"amount": Decimal(amount)})


def opened(plan: str) -> Running:
    subscription = Subscription("a", "one", date(2026, 1, 1), None, {"seats": Decimal(1)})
    found = open_period(program(plan), subscription, MARCH, AccountUsage())
    assert isinstance(found, Running), found
    return found


def prices(running: Running, events: Sequence[UsageEvent]) -> list[int]:
    """What each event costs, in cents; each price is the sum of its lines, and each line replays."""
    found = []
    for event in events:
        answer = debit(running, event)
        assert not isinstance(answer, Diagnostic), answer
        running, price = answer
        assert price.total == sum(line.amount for line in price.lines if line.is_added)
        for line in price.lines:
            assert replay(line.derivation) == line.derivation.value == price.money.fraction(line.amount)
        found.append(price.total)
    return found


GRADUATED = """
plan one from 2026-01-01:
  charge used graduated:
    first 10 at $1.00 each
    above at $0.50 each
"""
VOLUME = """
plan one from 2026-01-01:
  charge used volume:
    up to 10 at $1.00 each
    above at $0.50 each
"""
STAIRS = """
plan one from 2026-01-01:
  charge used stairstep:
    up to 10 for $5.00
    up to 20 for $8.00
    above for $20.00
"""
PACKAGE = """
plan one from 2026-01-01:
  include 8 of used
  charge used: at $3.00 per started 5
"""
DISCOUNT = """
plan one from 2026-01-01:
  charge used: at $1.00 each

discount much:
  10% off used
  when usage of used >= 10
"""
OVERUSE = """
plan one from 2026-01-01:
  charge used: at $1.00 each

penalty over:
  $0.50 per 1 of used above 10

tax vat: 20% of total
"""
BOUNDED = """
plan one from 2026-01-01:
  fee base $10 per month in advance
  charge used: at $1.00 each
    minimum $6
  minimum $25
  cap $40
"""
EVENTS = """
plan one from 2026-01-01:
  charge pays of each paid.amount: at 2% plus $0.10 once
    minimum $0.30
    minimum $5 per period
"""
ROUNDED = """
plan one from 2026-01-01:
  charge used: at $0.005 each
"""


@pytest.mark.parametrize(
    ("plan", "events", "wanted"),
    [
        pytest.param(GRADUATED, [used("6"), used("6"), used("6")], [600, 500, 300], id="6 at 1; 4 at 1, 2 at .5"),
        pytest.param(VOLUME, [used("9"), used("9"), used("1")], [900, 0, 50], id="9; 18 at .5 is 9 again"),
        pytest.param(VOLUME, [used("10"), used("2")], [1000, -400], id="12 at .5 is 6: 4 back"),
        pytest.param(STAIRS, [used("5"), used("5"), used("1"), used("10")], [0, 0, 300, 1200], id="8-5, 20-8"),
        pytest.param(PACKAGE, [used("8"), used("1"), used("4"), used("1")], [0, 300, 0, 300], id="a started 5 is paid"),
        pytest.param(DISCOUNT, [used("9"), used("1"), used("10")], [900, 0, 900], id="the tenth unit earns 10% of 10"),
        pytest.param(OVERUSE, [used("10"), used("2")], [1200, 360], id="2 and 2 x .5, and 20% of both"),
        pytest.param(
            BOUNDED, [used("4"), used("20"), used("20")], [400, 2000, 600], id="no floor; the cap holds 10+30"
        ),
        pytest.param(EVENTS, [paid("5"), paid("100")], [30, 210], id="2% and .10, at least .30"),
        pytest.param(ROUNDED, [used("1"), used("1"), used("1")], [0, 1, 1], id=".005, .01, .015 half even"),
        pytest.param(GRADUATED, [used("12", 9), used("6", 3)], [1100, 300], id="late comes after what was charged"),
    ],
)
def test_an_event_costs_what_it_adds(plan: str, events: list[UsageEvent], wanted: list[int]) -> None:
    assert prices(opened(plan), events) == wanted


def test_what_is_left_to_the_bill_stands_on_the_statement_up_to_now() -> None:
    running = opened(BOUNDED)
    assert running.total == 1000
    assert [(line.id, line.kind) for line in provisional(running).lines] == [
        ("used", LineKind.CHARGE),
        ("base", LineKind.FEE),
    ]


def test_the_platform_takes_off_the_festival_and_adds_for_overuse() -> None:
    result = compile_file(ROOT / "rulesets" / "platform" / "platform.rates")
    assert isinstance(result, Compiled) and result.program is not None
    found = result.program
    attributes: dict[str, Value] = {"tier": "gold", "limit": Decimal(1200)}
    subscription = Subscription("a", "payg", date(2026, 1, 1), None, attributes)
    running = open_period(found, subscription, DateRange(date(2026, 2, 1), date(2026, 3, 1)), AccountUsage())
    assert isinstance(running, Running)

    def compute(day: int, units: int) -> UsageEvent:
        at = datetime(2026, 2, day, 1, tzinfo=UTC)
        return UsageEvent("a", "compute.used", at, {"units": Decimal(units)}, f"{day}")

    # In the festival: 1,000 less 10% is 900, less 10% of that is 810.
    # Outside, 500 more: 1,500, less 150; the festival's share of 1,350 is two thirds, 90 off; 300 over the limit, 150.
    assert prices(running, [compute(17, 1000), compute(10, 500)]) == [81_000, 60_000]


def test_what_is_kept_of_events() -> None:
    plan = "plan one from 2026-01-01:\n  charge {}: at $1.00 each\n"
    table = "plan one from 2026-01-01:\n  charge used by region:\n    | region | price |\n"
    running = opened(f"{table}    | eu     | $1.00 each |\n    | us     | $2.00 each |\n")
    for number in range(20):
        answer = debit(running, used("1", 1 + number, "eu" if number % 2 else "us"))
        assert not isinstance(answer, Diagnostic)
        running = answer[0]
    assert running.replays is None
    assert len(running.counters.counts) == 2 and not running.counters.kept
    running = opened(plan.format("biggest"))
    assert prices(running, [used("5"), used("3"), used("9")]) == [500, 0, 400]
    running = opened(plan.format("different"))
    assert prices(running, [used("5"), used("5", 3), used("9")]) == [100, 0, 100]
    running = opened(plan.format("middle"))
    assert running.replays == "middle is percentile of all events"
    assert prices(running, [used("4"), used("8"), used("6")]) == [400, 0, 200]


def test_what_is_refused_changes_nothing() -> None:
    running = opened(
        "plan one from 2026-01-01:\n  charge used graduated:\n    first 10 at $1 each\n    above refused\n"
    )
    answer = debit(running, used("11"))
    assert isinstance(answer, Diagnostic) and answer.code == "RB4002"
    assert prices(running, [used("10")]) == [1000]
    outside = debit(running, UsageEvent("a", "used", datetime(2026, 4, 1, tzinfo=UTC), {"size": Decimal(1)}))
    assert isinstance(outside, Diagnostic) and (outside.code, outside.place) == ("RB4016", "account a")
    with pytest.raises(ValueError, match="account b"):
        debit(running, UsageEvent("b", "used", datetime(2026, 3, 1, tzinfo=UTC), {"size": Decimal(1)}))


def test_a_period_is_opened_with_what_is_known_and_not_charged_again() -> None:
    subscription = Subscription("a", "one", date(2026, 1, 1), None, {"seats": Decimal(1)})
    running = open_period(program(GRADUATED), subscription, MARCH, AccountUsage((used("9"),)))
    assert isinstance(running, Running)
    assert (running.events, running.total) == (1, 900)
    assert prices(running, [used("2", 3)]) == [150]


def test_a_kept_period_is_read_beside_its_own_ruleset_and_subscription_only() -> None:
    running = opened(GRADUATED)
    text = to_json(running)
    own = running.ground.subscription
    assert from_json(text, program(GRADUATED), own).amounts == running.amounts
    with pytest.raises(ValueError, match="another ruleset"):
        from_json(text, program(VOLUME), own)
    with pytest.raises(ValueError, match="another attributes"):
        from_json(text, program(GRADUATED), Subscription("a", "one", own.start, None, {"seats": Decimal(2)}))
    with pytest.raises(ValueError, match=r"ratebook\.running/1"):
        from_json('{"schema": "ratebook.running/0"}', program(GRADUATED), own)


def test_a_subscription_that_covers_nothing_has_no_period() -> None:
    over = Subscription("a", "one", date(2026, 1, 1), date(2026, 2, 1), {"seats": Decimal(1)})
    found = open_period(program(GRADUATED), over, MARCH, AccountUsage())
    assert isinstance(found, Diagnostic) and found.code == "RB4007"
