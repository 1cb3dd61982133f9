"""Laws of rating: bands against brute force, statements against their derivations, whatever the usage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ratebook.api import compile_file
from ratebook.diagnostics import Diagnostic, Source
from ratebook.engine.compiler.compile import compile_ruleset
from ratebook.engine.derivation import replay
from ratebook.engine.evaluators.meter import Sample, aggregate, stretches
from ratebook.engine.evaluators.rate import billing_periods_of, rate
from ratebook.engine.period import DateRange, Period
from ratebook.engine.plan import Aggregation, Bound, LevelKind, OfEach, Program
from ratebook.engine.schedule import (
    Band,
    DependsOn,
    Mode,
    Schedule,
    Slice,
    band_of,
    fitting,
    price,
    scaled,
    settled,
    walk,
)
from ratebook.engine.statement import LineKind, Statement
from ratebook.engine.usage import (
    AccountUsage,
    CardHolding,
    FieldKind,
    FieldSchema,
    MeteredQuantity,
    Subscription,
    UsageEvent,
    Value,
)

CASES = Path(__file__).parents[1] / "cases"
FILES = sorted([*CASES.glob("worked/*.rates"), *CASES.glob("samples/*.rates")])


# Schedules


@st.composite
def schedules(draw: st.DrawFn, mode: Mode | None = None, *, least_rate: int = -5, stepped: bool = True) -> Schedule:
    steps = st.none() | st.integers(1, 4) if stepped else st.none()
    mode = draw(st.sampled_from(Mode)) if mode is None else mode
    bands: list[Band] = []
    low = 0
    for _ in range(draw(st.integers(0, 4))):
        step = draw(steps)
        # A band's width is a multiple of its step.
        low += draw(st.integers(1, 6)) * (step or 1)
        bands.append(_band(draw, mode, low, step, least_rate))
    bands.append(_band(draw, mode, None, draw(steps), least_rate))
    return Schedule(mode, tuple(bands), draw(st.sampled_from([1, 10, 12])), draw(st.sampled_from([1, 100])))


def _band(draw: st.DrawFn, mode: Mode, upper: int | None, step: int | None, least_rate: int) -> Band:
    stairs = mode is Mode.STAIRSTEP
    return Band(
        upper=upper,
        inclusive=mode is Mode.GRADUATED or draw(st.booleans()),
        rate=0 if stairs else draw(st.integers(least_rate, 9)),
        step=None if stairs else step,
        once=draw(st.integers(0, 9)),
        if_used=draw(st.booleans()),
    )


def _bounds(schedule: Schedule) -> list[int]:
    return [band.upper for band in schedule.bands if band.upper is not None]


quantities = st.integers(0, 60)


@given(schedules(), quantities)
def test_slices_add_up_to_the_quantity_and_its_price(schedule: Schedule, quantity: int) -> None:
    slices = walk(schedule, quantity)
    assert sum(part.size for part in slices) == quantity
    assert sum(part.amount + part.once for part in slices) == price(schedule, quantity)
    assert [part.band for part in slices] == sorted({part.band for part in slices})


@given(schedules(Mode.GRADUATED), quantities)
def test_graduated_is_what_its_units_cost_one_by_one(schedule: Schedule, quantity: int) -> None:
    expected = 0
    low = 0
    for index, band in enumerate(schedule.bands):
        inside = [unit for unit in range(1, quantity + 1) if low < unit and (band.upper is None or unit <= band.upper)]
        if band.step is None:
            expected += len(inside) * band.rate
        else:
            expected += len({(unit - low - 1) // band.step for unit in inside}) * band.rate
        if inside or (index == 0 and not band.if_used):
            expected += band.once
        low = low if band.upper is None else band.upper
    assert price(schedule, quantity) == expected


@given(schedules(Mode.VOLUME) | schedules(Mode.STAIRSTEP), quantities)
def test_volume_and_stairstep_are_the_price_of_their_band(schedule: Schedule, quantity: int) -> None:
    holding = [
        band
        for band in schedule.bands
        if band.upper is None or quantity < band.upper or (quantity == band.upper and band.inclusive)
    ]
    band = holding[0]
    units = quantity if band.step is None else -(-quantity // band.step)
    once = 0 if band.if_used and quantity == 0 else band.once
    assert price(schedule, quantity) == units * band.rate + once
    assert schedule.bands[band_of(schedule, quantity)] is band


@given(schedules(Mode.GRADUATED, stepped=False), st.integers(1, 60), quantities)
def test_a_ladder_can_be_climbed_in_two_parts(schedule: Schedule, first: int, second: int) -> None:
    whole = first + second
    parts: tuple[Slice, ...] = (*walk(schedule, first), *walk(schedule, whole, first))
    assert sum(part.size for part in parts) == whole
    assert sum(part.amount + part.once for part in parts) == price(schedule, whole)


@given(schedules(), quantities, st.integers(1, 12))
def test_finer_integers_change_no_price(schedule: Schedule, quantity: int, factor: int) -> None:
    finer = scaled(schedule, schedule.quantity_scale * factor)
    money = Fraction(price(finer, quantity * factor), finer.money_scale)
    assert money == Fraction(price(schedule, quantity), schedule.money_scale)


@given(schedules(), st.fractions(0, 5, max_denominator=30))
def test_a_fitting_schedule_holds_the_quantity_exactly(schedule: Schedule, quantity: Fraction) -> None:
    finer, integers = fitting(schedule, quantity)
    assert Fraction(integers, finer.quantity_scale) == quantity
    assert [Fraction(bound, finer.quantity_scale) for bound in _bounds(finer)] == [
        Fraction(bound, schedule.quantity_scale) for bound in _bounds(schedule)
    ]


@given(schedules(), st.lists(st.fractions(0, 5, max_denominator=6), min_size=5, max_size=5))
def test_settled_widths_are_multiplied_in_graduated_and_totals_otherwise(
    schedule: Schedule, factors: list[Fraction]
) -> None:
    own = tuple(factors[: len(schedule.bands)])
    depending = replace(
        schedule, bands=tuple(replace(band, width_per=DependsOn(days=Fraction(1))) for band in schedule.bands)
    )
    found = settled(depending, own)
    assert not found.depends
    before = [Fraction(bound, schedule.quantity_scale) for bound in _bounds(schedule)]
    after = [Fraction(bound, found.quantity_scale) for bound in _bounds(found)]
    if schedule.mode is not Mode.GRADUATED:
        assert after == [bound * factor for bound, factor in zip(before, own, strict=False)]
        return
    widths = [high - low for low, high in zip([Fraction(0), *before], before, strict=False)]
    assert [high - low for low, high in zip([Fraction(0), *after], after, strict=False)] == [
        width * factor for width, factor in zip(widths, own, strict=False)
    ]


@given(schedules(Mode.GRADUATED, least_rate=0), quantities, quantities)
def test_using_more_of_a_ladder_never_costs_less(schedule: Schedule, less: int, more: int) -> None:
    less, more = sorted((less, more))
    assert price(schedule, less) <= price(schedule, more)


def test_widths_that_still_depend_are_not_walked() -> None:
    band = Band(upper=10, width_per=DependsOn(days=Fraction(1)))
    with pytest.raises(ValueError, match="still depend"):
        walk(Schedule(Mode.GRADUATED, (band, Band(upper=None)), 1, 1), 5)


# Meters

START = datetime(2026, 3, 1, tzinfo=UTC)
values = st.decimals(-100, 100, places=2)


@given(st.lists(values, min_size=1, max_size=30), st.integers(1, 100))
def test_a_percentile_is_the_least_value_that_enough_are_not_above(found: list[Decimal], rank: int) -> None:
    result = aggregate(Aggregation.PERCENTILE, found, Fraction(rank))
    assert result in map(Fraction, found)
    assert 100 * sum(value <= result for value in found) >= rank * len(found)
    assert 100 * sum(value < result for value in found) < rank * len(found)


@given(st.lists(values, max_size=30))
def test_sums_are_exact(found: list[Decimal]) -> None:
    assert aggregate(Aggregation.SUM, found, None) == sum(map(Fraction, found), Fraction(0))


@given(
    st.sampled_from(LevelKind),
    st.lists(st.tuples(st.integers(-100, 800), values, st.sampled_from("ab")), max_size=20),
)
def test_a_level_covers_a_period_without_gaps(kind: LevelKind, found: list[tuple[int, Decimal, str]]) -> None:
    covered = Period(START, START + timedelta(hours=700))
    rising = sorted(found, key=lambda item: item[0])
    samples = [Sample(START + timedelta(hours=hour), "", value, series) for hour, value, series in rising]
    held = stretches(kind, samples, covered)
    assert held[0].start == covered.start and held[-1].end == covered.end
    assert all(left.end == right.start for left, right in pairwise(held))
    for stretch in held:
        levels: dict[str, Fraction] = {}
        for hour, value, series in rising:
            if START + timedelta(hours=hour) <= stretch.start:
                before = levels.get(series, Fraction(0)) if kind is LevelKind.RUNNING_SUM else 0
                levels[series] = before + Fraction(value)
        assert stretch.level == sum(levels.values())


# Statements: every case's program with random facts


@cache
def program_of(path: Path) -> Program:
    found = compile_file(path, name=path.name)
    assert not isinstance(found, Diagnostic) and found.program is not None
    return found.program


def values_of(schema: FieldSchema) -> st.SearchStrategy[Value]:
    match schema.kind:
        case FieldKind.NUMBER:
            small = st.decimals(0, 2_000, places=3)
            return small | st.integers(0, 50).map(Decimal) | st.sampled_from([Decimal(10), Decimal(100), Decimal(1000)])
        case FieldKind.MONEY:
            return st.decimals(0, 500, places=2)
        case FieldKind.TEXT:
            return st.sampled_from(["44", "4471", "1", "GB", "u"])
        case FieldKind.DATE:
            return st.dates(date(2026, 1, 1), date(2026, 12, 31))
        case FieldKind.YES_NO:
            return st.booleans()
        case FieldKind.ONE_OF:
            return st.sampled_from(schema.values)


@st.composite
def facts(draw: st.DrawFn) -> tuple[Program, Subscription, AccountUsage, DateRange]:
    """A program, a subscription that may start or end inside the period, and its usage."""
    program = program_of(draw(st.sampled_from(FILES)))
    name = draw(st.sampled_from(sorted(program.plans)))
    attributes = {
        schema.name: draw(values_of(schema))
        for schema in program.schema.attributes.values()
        if schema.required or draw(st.booleans())
    }
    defaults = {item.name: item.default for item in program.schema.attributes.values() if item.default is not None}
    starts = date(2026, 1, 1) + timedelta(draw(st.integers(0, 100)))
    ends = None if draw(st.booleans()) else starts + timedelta(draw(st.integers(1, 100)))
    cards = tuple(
        CardHolding(
            card, date(2026, 1, 1) + timedelta(draw(st.integers(0, 90))), draw(st.none() | st.just(Fraction(7)))
        )
        for card in draw(
            st.lists(st.sampled_from(program.schema.cards), max_size=3) if program.schema.cards else st.just([])
        )
    )
    subscription = Subscription("a", name, starts, ends, {**defaults, **attributes}, cards)
    events = draw(st.lists(events_of(program), max_size=12)) if program.schema.events else []
    usage = AccountUsage(tuple(replace(event, id=str(index)) for index, event in enumerate(events)))
    within = DateRange(date(2026, 3, 1), date(2027, 3, 1))
    periods = [item for item in billing_periods_of(program, subscription, within) if isinstance(item, DateRange)]
    assume(bool(periods))
    return program, subscription, usage, draw(st.sampled_from(periods[:3]))


@st.composite
def events_of(draw: st.DrawFn, program: Program) -> UsageEvent:
    schema = program.schema.events[draw(st.sampled_from(sorted(program.schema.events)))]
    fields = {
        item.name: draw(values_of(item)) if item.required or draw(st.booleans()) else item.default
        for item in schema.fields
    }
    known = {name: value for name, value in fields.items() if value is not None}
    minutes = draw(st.integers(0, 200 * 24 * 60))
    return UsageEvent("a", schema.name, datetime(2026, 1, 15, tzinfo=UTC) + timedelta(minutes=minutes), known)


@given(facts())
def test_every_statement_adds_up_and_replays(
    assert_sound: Callable[[Statement], None], found: tuple[Program, Subscription, AccountUsage, DateRange]
) -> None:
    result = rate(*found)
    if isinstance(result, Diagnostic):
        assert result.code.startswith("RB4")
    else:
        assert_sound(result)


@given(facts(), st.randoms(use_true_random=False))
def test_the_order_of_events_changes_nothing(
    found: tuple[Program, Subscription, AccountUsage, DateRange], random: object
) -> None:
    program, subscription, usage, period = found
    shuffled = list(usage.events)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert rate(program, subscription, AccountUsage(tuple(shuffled)), period) == rate(
        program, subscription, usage, period
    )


@given(facts())
def test_usage_after_the_period_changes_nothing(
    found: tuple[Program, Subscription, AccountUsage, DateRange],
) -> None:
    program, subscription, usage, period = found
    end = datetime.combine(period.end, datetime.min.time(), UTC) + timedelta(days=1)
    until = AccountUsage(tuple(event for event in usage.events if event.time < end))
    assert rate(program, subscription, until, period) == rate(program, subscription, usage, period)


@given(facts())
def test_what_is_left_of_the_lines_is_what_the_next_stage_sees(
    found: tuple[Program, Subscription, AccountUsage, DateRange],
) -> None:
    """Bounds hold: after the plan's minimum, and its cap, the lines come to no less, and no more."""
    program, subscription, usage, period = found
    result = rate(program, subscription, usage, period)
    assume(isinstance(result, Statement))
    assert isinstance(result, Statement)
    plan = next(item for item in program.plans[result.plan] if item.in_force(max(period.start, subscription.start)))
    caps = [item for item in plan.bounds if item.kind.value == "cap" and not item.lines]
    before_taxes = [
        line
        for line in result.lines
        if line.kind not in (LineKind.TAX, LineKind.INCLUDED_TAX, LineKind.ROUNDING, LineKind.PREPAID)
    ]
    end = period.end if subscription.end is None else min(period.end, subscription.end)
    share = Fraction((end - max(period.start, subscription.start)).days, (period.end - period.start).days)

    def limit_of(bound: Bound) -> int:
        return program.money.round(bound.amount * (share if bound.prorated else 1), program.line_rounding)

    for cap in caps:
        limit = limit_of(cap.bound)
        assert sum(line.amount for line in before_taxes) <= limit
    for bound in plan.bounds:
        if (
            bound.kind.value == "minimum"
            and not bound.lines
            and not any(item.kind.value == "cap" for item in plan.bounds)
        ):
            limit = limit_of(bound.bound)
            assert sum(line.amount for line in before_taxes) >= limit


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_statement_of_no_usage(path: Path, assert_sound: Callable[[Statement], None]) -> None:
    """Every charge without `by` is a line, of quantity zero where it prices usage."""
    program = program_of(path)
    for name, versions in program.plans.items():
        start = versions[0].start or date(2026, 3, 1)
        attributes = {
            item.name: Decimal(0) if item.kind is FieldKind.NUMBER else item.default
            for item in program.schema.attributes.values()
            if item.default is not None or item.kind is FieldKind.NUMBER
        }
        if "tier" in program.schema.attributes:
            attributes.setdefault("tier", "standard")
        subscription = Subscription("a", name, start, attributes={k: v for k, v in attributes.items() if v is not None})
        period = next(iter(billing_periods_of(program, subscription, DateRange(start, start + timedelta(800)))))
        assert isinstance(period, DateRange)
        result = rate(program, subscription, AccountUsage(), period)
        assert isinstance(result, Statement), result
        assert_sound(result)
        lines = {line.id: line for line in result.lines if line.kind is LineKind.CHARGE}
        for charge in versions[0].charges:
            if (charge.columns and not isinstance(charge.source, OfEach)) or charge.when:
                continue
            assert charge.name in lines
            assert isinstance(lines[charge.name].quantity, Fraction)


# Combinations of prices


@given(st.lists(st.tuples(st.sampled_from("ab"), st.decimals(0, 30, places=2)), max_size=10))
def test_rows_of_one_price_are_the_price_of_each_combination(found: list[tuple[str, Decimal]]) -> None:
    program = _compiled(
        """
ruleset rows "Rows":
  currency USD
  time zone UTC
event net:
  size: number
  region: one of a, b
meter egress: sum of size of net
plan p from 2026-01-01:
  charge egress by region graduated:
    | region | first 10   | above      |
    | a, b   | $0.07 each | $0.03 each |
"""
    )
    items = tuple(
        MeteredQuantity("a", "egress", Fraction(size), {"region": region}, time=START) for region, size in found
    )
    result = rate(program, Subscription("a", "p", START.date()), AccountUsage(quantities=items), MARCH)
    assert isinstance(result, Statement)
    for region in "ab":
        own = [Fraction(size) for name, size in found if name == region]
        lines = [line for line in result.lines if line.by == (("region", region),)]
        assert len(lines) == (1 if own else 0)
        for line in lines:
            assert line.quantity == sum(own)
            schedule, integers = fitting(program.plans["p"][0].charges[0].rows[0].schedule, sum(own, Fraction(0)))
            exact = Fraction(price(schedule, integers), schedule.money_scale)
            assert abs(result.money.fraction(line.amount) - exact) <= Fraction(1, 200)
            assert replay(line.derivation) == result.money.fraction(line.amount)


MARCH = DateRange(date(2026, 3, 1), date(2026, 4, 1))
CALLS = """
ruleset calls "Calls":
  currency USD
  time zone Europe/Berlin
event call lasting duration:
  duration: number of s
window peak: mon to fri 08:00 to 20:00
window lunch: daily 12:00 to 13:00
plan cut from 2026-01-01:
  charge calls of each call.duration by time graduated first match:
    | time      | first 120 s   | above         |
    | lunch     | {first}       | {above}       |
    | peak      | {first}       | {above}       |
    | otherwise | {first}       | {above}       |
plan whole from 2026-01-01:
  charge calls of each call.duration graduated:
    first 120 s at {first}
    above at {above}
"""


@cache
def _compiled(text: str) -> Program:
    found = compile_ruleset(Source("law.rates", text))
    assert found.program is not None, [item.message for item in found.findings]
    return found.program


@given(
    st.sampled_from(["$0.07 per s", "$0.11 per started 60 s", "$0.13 per 60 s in steps of 6 s"]),
    st.sampled_from(["$0.03 per s", "$0.05 per started 45 s"]),
    st.lists(st.tuples(st.integers(0, 30 * 24 * 3600), st.integers(0, 90_000)), max_size=4),
)
def test_a_cut_between_equal_prices_is_no_cut(first: str, above: str, calls: list[tuple[int, int]]) -> None:
    program = _compiled(CALLS.format(first=first, above=above))
    events = tuple(
        UsageEvent("a", "call", START + timedelta(seconds=second), {"duration": Decimal(duration)})
        for second, duration in calls
    )
    totals = []
    for plan in ("cut", "whole"):
        result = rate(program, Subscription("a", plan, MARCH.start), AccountUsage(events), MARCH)
        assert isinstance(result, Statement)
        totals.append(result.total)
    assert totals[0] == totals[1]
