"""Meters of levels as SQL: what a level was over time, from the steps by which events changed it.

A level is the sum of the steps up to an instant, so that what is held over time is one sum: each step counts for the
time from its event to the period's end. Only the highest, the lowest, and what days and intervals read need the levels
one after another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, assert_never

from ...records import Record
from ..plan import Aggregation, ByDay, Interval, LevelKind, Meter
from ..window import DAY_SECONDS
from .columns import DIGITS_MAX, Decimals, EventColumns, decimal_type, unscaled
from .local_days import LocalDays
from .number import UnfitError
from .runs import Quantities, Runs, over_runs
from .selection import ORDER, Groups, selected

_IS_USED: Final = "bool_or(is_inside) OR sum(step) <> 0"
"""Something happened in the period, or a level was held all through it."""


class _Steps(Record):
    """A SELECT of steps: the groups, `since` (when, not before the period), `step`, `is_inside` (whether its event is
    in the period), `low`, `high` and `tied` (whether an event that nothing tells from it came to another level)."""

    sql: str
    groups: Groups
    step: Decimals
    level: Decimals
    """What steps add up to."""
    may_be_ambiguous: bool


def level_sql(
    meter: Meter, columns: EventColumns, days: LocalDays, keys: Sequence[str] = (), condition: str = ""
) -> Quantities:
    """What a meter of a level reads. Raises `UnfitError` and `TooLargeError`."""
    steps = _steps(meter, columns, keys, condition)
    if meter.interval is not None:
        return over_runs(meter.aggregation, meter.rank, _runs(steps, meter.interval, days))
    if meter.aggregation in (Aggregation.MAXIMUM, Aggregation.MINIMUM) and meter.by_day is None:
        return _extreme(steps, meter.aggregation)
    if meter.by_day is ByDay.HIGHEST or meter.aggregation in (Aggregation.MAXIMUM, Aggregation.MINIMUM):
        inner = Aggregation.MAXIMUM if meter.by_day is ByDay.HIGHEST else Aggregation.LATEST
        return _over_days(steps, meter.aggregation, inner, days)
    return _held(steps, meter.aggregation, days, by_day=meter.by_day is ByDay.LAST)


def _steps(meter: Meter, columns: EventColumns, keys: Sequence[str], condition: str) -> _Steps:
    rows = selected(meter, columns, keys, condition)
    assert rows.value is not None, "the resolver lets only numbers be levels"
    value = rows.value
    step, tied, source = "v", "FALSE", rows.sql
    type_ = f"DECIMAL({DIGITS_MAX},{value.scale})"
    one = Decimals("step", value.whole_digits + 1, value.scale, value.denominator)
    level = Decimals("level", value.whole_digits + columns.row_digits + 1, value.scale, value.denominator)
    decimal_type(level.whole_digits, level.scale)
    match meter.level:
        case LevelKind.RUNNING_SUM:
            pass
        case LevelKind.LEVEL:
            within = f"OVER (PARTITION BY {rows.groups.names}, series ORDER BY {', '.join(ORDER)})"
            before = ", ".join(f"lag({name}) {within} AS before_{name}" for name in ("v", *ORDER))
            source = f"SELECT *, {before} FROM ({source})"
            step = f"(v::{type_} - coalesce(before_v::{type_}, 0::{type_}))"
            same = " AND ".join(f"{name} = before_{name}" for name in ORDER)
            tied = f"coalesce({same} AND v <> before_v, FALSE)"
        case None:
            raise AssertionError("a level has a kind")
        case _:
            assert_never(meter.level)
    sql = (
        f"SELECT {rows.groups.names}, {step}::{type_} AS step, greatest(us, low) AS since, us >= low AS is_inside, "
        f"low, high, {tied} AS tied FROM ({source})"
    )
    return _Steps(sql, rows.groups, one, level, meter.level is LevelKind.LEVEL)


def _held(steps: _Steps, aggregation: Aggregation, days: LocalDays, *, by_day: bool) -> Quantities:
    """Sums over time; with `by_day` each local day is whole at its last level, as if steps came at its start."""
    groups, step = steps.groups.names, steps.step
    scale, den = step.denominator * 10**step.scale, "1"
    match aggregation:
        case Aggregation.LATEST:
            lasting = "1"
        case Aggregation.TIME_WEIGHTED_AVERAGE if by_day:
            lasting = f"({days.day('high')} - {days.day('since')})"
            den = f"max({days.day('high')} - {days.day('low')})"
        case Aggregation.TIME_WEIGHTED_AVERAGE | Aggregation.AVERAGE:
            lasting, den = _lasting(days, by_day=by_day), "max(high - low)"
        case Aggregation.TIME_INTEGRAL:
            lasting, scale = _lasting(days, by_day=by_day), scale * 1_000_000
        case _:
            raise UnfitError(f"{aggregation.value} of a level")
    digits = steps.level.whole_digits
    top = "sum(step)"
    if aggregation is not Aggregation.LATEST:
        digits += days.time_digits
        decimal_type(digits, step.scale)
        top = f"sum(step * ({lasting})::DECIMAL({days.time_digits},0))"
    sql = (
        f"SELECT {groups}, {unscaled(top, digits, step.scale)} AS num, greatest({den}, 1)::HUGEINT AS den, "
        f"bool_or(tied) AS ambiguous FROM ({steps.sql}) GROUP BY {groups} HAVING {_IS_USED}"
    )
    return Quantities(sql, scale, den != "1", steps.may_be_ambiguous)


def _lasting(days: LocalDays, *, by_day: bool) -> str:
    return f"high - {days.day_start('since')}" if by_day else "high - since"


def _moments(steps: _Steps) -> tuple[str, ...]:
    """`moment`: the level from each instant on at which it changes."""
    groups = steps.groups.names
    summed = (
        f"step_at AS (SELECT {groups}, since, sum(step) AS step, bool_or(is_inside) AS is_inside, "
        f"bool_or(tied) AS tied, max(low) AS low, max(high) AS high FROM ({steps.sql}) GROUP BY {groups}, since)"
    )
    level = (
        f"moment AS (SELECT *, sum(step) OVER (PARTITION BY {groups} ORDER BY since ROWS UNBOUNDED PRECEDING) AS level "
        "FROM step_at)"
    )
    return summed, level


def _extreme(steps: _Steps, aggregation: Aggregation) -> Quantities:
    groups, level = steps.groups.names, steps.level
    own, of_two = ("max", "greatest") if aggregation is Aggregation.MAXIMUM else ("min", "least")
    nothing = f"0::DECIMAL({DIGITS_MAX},{level.scale})"
    top = f"CASE WHEN min(since) > max(low) THEN {of_two}({own}(level), {nothing}) ELSE {own}(level) END"
    sql = (
        f"WITH {', '.join(_moments(steps))} SELECT {groups}, {unscaled(top, level.whole_digits, level.scale)} AS num, "
        f"1::HUGEINT AS den, bool_or(tied) AS ambiguous FROM moment GROUP BY {groups} HAVING {_IS_USED}"
    )
    return Quantities(sql, level.denominator * 10**level.scale, may_be_ambiguous=steps.may_be_ambiguous)


def _read_slots(steps: _Steps, inner: Aggregation, seconds: int, days: LocalDays) -> tuple[str, ...]:
    """`linked`: what each interval with a step reads (`v`) and ends with (`last`), and which interval is the next."""
    groups = steps.groups.names
    placed = (
        f"placed AS (SELECT *, {days.slot('since', seconds)} AS slot, "
        f"{days.slot_start('since', seconds)} AS slot_start, "
        f"{days.slot(days.day_start('since'), seconds)} AS day_first, {days.slots_in_day('since', seconds)} AS in_day, "
        f"{days.slot('high', seconds)} - {days.slot('low', seconds)} AS slots, "
        f"{days.slot('high', seconds)} AS after_last, {days.day_end('since')} AS day_end FROM moment)"
    )
    slot = (
        f"slot AS (SELECT {groups}, slot, max(level) AS high_level, arg_max(level, since) AS last, "
        "min(since) > max(slot_start) AS begins_held, bool_or(is_inside) AS is_inside, bool_or(tied) AS tied, "
        "max(day_first) AS day_first, max(in_day) AS in_day, max(slots) AS slots, max(after_last) AS after_last, "
        "max(slot_start) AS slot_start, max(day_end) AS day_end, max(high) AS high "
        f"FROM placed GROUP BY {groups}, slot)"
    )
    within = f"OVER (PARTITION BY {groups} ORDER BY slot)"
    follows = (
        f"following AS (SELECT *, lag(last) {within} AS before, lead(slot) {within} AS next_slot, "
        f"lead(day_first) {within} AS next_day_first, lead(slot_start) {within} AS next_start, "
        f"bool_or(is_inside) OVER (PARTITION BY {groups}, day_first) AS day_is_used FROM slot)"
    )
    value = "last"
    if inner is Aggregation.MAXIMUM:
        nothing = f"0::DECIMAL({DIGITS_MAX},{steps.level.scale})"
        value = f"CASE WHEN begins_held THEN greatest(high_level, coalesce(before, {nothing})) ELSE high_level END"
    elif inner is not Aggregation.LATEST:
        raise UnfitError(f"{inner.value} of a level inside intervals")
    return (*_moments(steps), placed, slot, follows, f"linked AS (SELECT *, {value} AS v FROM following)")


def _runs(steps: _Steps, interval: Interval, days: LocalDays) -> Runs:
    """Each interval with a step, and the intervals after it that hold its last level."""
    groups = steps.groups.names
    own, held = "1", "coalesce(next_slot, after_last) - slot - 1"
    tables = _read_slots(steps, interval.aggregation, interval.seconds, days)
    slots = "slots"
    if interval.days_with_usage:
        own = "CASE WHEN day_is_used THEN 1 ELSE 0 END"
        rest_of_day = "CASE WHEN day_is_used THEN day_first + in_day - slot - 1 ELSE 0 END"
        # The next day with a step is one with usage: only what was held before the period stands on one without.
        held = (
            f"CASE WHEN next_slot IS NULL THEN {rest_of_day} WHEN next_day_first <> day_first "
            f"THEN {rest_of_day} + next_slot - next_day_first "
            "WHEN day_is_used THEN next_slot - slot - 1 ELSE 0 END"
        )
        is_first = f"row_number() OVER (PARTITION BY {groups}, day_first) = 1"
        tables = (
            *tables,
            f"of_day AS (SELECT *, CASE WHEN day_is_used AND {is_first} THEN in_day ELSE 0 END AS counted FROM linked)",
        )
        slots = f"sum(counted) OVER (PARTITION BY {groups})::BIGINT"
    pair = (
        f"unnest([struct_pack(v := v, weight := ({own})::BIGINT), struct_pack(v := last, weight := ({held})::BIGINT)])"
    )
    source = "of_day" if interval.days_with_usage else "linked"
    used = "is_inside OR last <> 0 AS used"
    both = f"paired AS (SELECT {groups}, {pair} AS run, {slots} AS slots, {used}, tied FROM {source})"
    run = f"run AS (SELECT {groups}, run.v AS v, run.weight AS weight, slots, used, tied AS ambiguous FROM paired)"
    return Runs((*tables, both, run), steps.groups, steps.level, may_be_ambiguous=steps.may_be_ambiguous)


def _over_days(steps: _Steps, aggregation: Aggregation, inner: Aggregation, days: LocalDays) -> Quantities:
    """Local days, each at its last or highest level."""
    by_day = Interval(inner, DAY_SECONDS)
    match aggregation:
        case Aggregation.TIME_WEIGHTED_AVERAGE:
            # Days count alike, also those of 23 and 25 hours.
            return over_runs(Aggregation.AVERAGE, None, _runs(steps, by_day, days))
        case Aggregation.MAXIMUM | Aggregation.MINIMUM:
            return over_runs(aggregation, None, _runs(steps, by_day, days))
        case Aggregation.LATEST:
            return _last_day(steps, inner, days)
        case Aggregation.TIME_INTEGRAL:
            return _days_held(steps, inner, days)
        case _:
            raise UnfitError(f"{aggregation.value} of a level by day")


def _last_day(steps: _Steps, inner: Aggregation, days: LocalDays) -> Quantities:
    """What the last covered day reads, which is what is held where nothing happens on it."""
    groups, level = steps.groups.names, steps.level
    at_end = "CASE WHEN after_last - slot > 1 THEN last ELSE v END"
    top = unscaled(f"arg_max({at_end}, slot)", level.whole_digits, level.scale)
    return _of_slots(steps, inner, days, top, level.denominator * 10**level.scale, groups)


def _days_held(steps: _Steps, inner: Aggregation, days: LocalDays) -> Quantities:
    """Each day's level for as long as the day is."""
    groups, level = steps.groups.names, steps.level
    digits = level.whole_digits + days.time_digits
    decimal_type(digits, level.scale)
    on_day = f"v * (day_end - slot_start)::DECIMAL({days.time_digits},0)"
    after = f"last * (coalesce(next_start, high) - day_end)::DECIMAL({days.time_digits},0)"
    top = unscaled(f"(sum({on_day}) + sum({after}))", digits, level.scale)
    return _of_slots(steps, inner, days, top, level.denominator * 10**level.scale * 1_000_000, groups)


def _of_slots(steps: _Steps, inner: Aggregation, days: LocalDays, top: str, scale: int, groups: str) -> Quantities:
    tables = _read_slots(steps, inner, DAY_SECONDS, days)
    sql = (
        f"WITH {', '.join(tables)} SELECT {groups}, {top} AS num, 1::HUGEINT AS den, bool_or(tied) AS ambiguous "
        f"FROM linked GROUP BY {groups} HAVING bool_or(is_inside OR last <> 0)"
    )
    return Quantities(sql, scale, may_be_ambiguous=steps.may_be_ambiguous)
