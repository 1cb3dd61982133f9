"""Meters as SQL: one row per statement and combination of `by` values that has usage, with its exact quantity.

`evaluators.meter` is the meaning. A quantity here is what its `_aggregate` gives: in the field's unit (of a time
integral times seconds), before the meter's factor, what was metered elsewhere, the share of an average, and rounding.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...records import Record
from ..plan import Aggregation, Interval, Meter
from .columns import Decimals, EventColumns, unscaled
from .levels import level_sql
from .local_days import LocalDays
from .number import UnfitError
from .runs import Quantities, Runs, over_runs
from .samples import aggregate_of
from .selection import ORDER, Selected, selected


class MeterQuery(Record):
    """The text of a SELECT with `sid`, `k0`, `k1`, … (the keys), `num`, `den` and `ambiguous`.

    A quantity is `num / (scale * den)`: `num` and `den` are HUGEINTs, `den` is above zero, and 1 in every row unless
    `is_ratio`. Where `ambiguous`, the order of events decides and SQL does not know it, or a number does not fit: the
    statement is one for the scalar evaluator. Statements and combinations without usage have no row.
    """

    sql: str
    scale: int
    is_ratio: bool = False
    may_be_ambiguous: bool = False


def meter_sql(
    meter: Meter, columns: EventColumns, days: LocalDays, keys: Sequence[str] = (), condition: str = ""
) -> MeterQuery:
    """What a meter reads for every statement, for each combination of the keys (SQL over the relation's columns).

    `condition` limits the rows, as a key that is not asked for would. `days` has to reach over all covered periods.
    For meters that need history the relation has the rows before `from_time` too. Raises `UnfitError` for a form that
    the scalar evaluator cannot rate either, and `TooLargeError` where numbers may not fit.
    """
    if meter.level is not None:
        found = level_sql(meter, columns, days, keys, condition)
    else:
        rows = selected(meter, columns, keys, condition)
        if meter.interval is not None:
            runs = _runs_of_intervals(rows, meter.interval, days, columns.row_digits)
            found = over_runs(meter.aggregation, meter.rank, runs)
        elif meter.aggregation is Aggregation.PERCENTILE:
            found = over_runs(meter.aggregation, meter.rank, _one_by_one(rows))
        elif meter.aggregation is Aggregation.LATEST:
            found = _latest(rows)
        else:
            found = _aggregated(meter.aggregation, rows, columns.row_digits)
    return MeterQuery(found.sql, found.scale, found.is_ratio, found.may_be_ambiguous)


def _aggregated(aggregation: Aggregation, rows: Selected, row_digits: int) -> Quantities:
    groups = rows.groups.names
    own = aggregate_of(aggregation, rows.value or "v", row_digits)
    if own is None:
        raise UnfitError(f"{aggregation.value} of single values")
    top = unscaled(own.top, own.whole_digits, own.scale)
    sql = (
        f"SELECT {groups}, {top} AS num, {own.under or '1'}::HUGEINT AS den, FALSE AS ambiguous "
        f"FROM ({rows.sql}) GROUP BY {groups}"
    )
    return Quantities(sql, own.denominator * 10**own.scale, own.under is not None)


def _number(rows: Selected) -> Decimals:
    assert rows.value is not None, "the resolver lets only numbers be aggregated"
    return rows.value


def _one_by_one(rows: Selected) -> Runs:
    """Each event as a run of its own."""
    groups = rows.groups.names
    run = (
        f"run AS (SELECT {groups}, v, 1 AS weight, count(*) OVER (PARTITION BY {groups}) AS slots, TRUE AS used, "
        f"FALSE AS ambiguous FROM ({rows.sql}))"
    )
    return Runs((run,), rows.groups, _number(rows))


def _latest(rows: Selected) -> Quantities:
    groups, value = rows.groups.names, _number(rows)
    top = unscaled("max(v)", value.whole_digits, value.scale)
    sql = (
        f"WITH {_last_rows(rows.sql, groups)} SELECT {groups}, {top} AS num, 1::HUGEINT AS den, "
        f"min(v) <> max(v) AS ambiguous FROM last_row GROUP BY {groups}"
    )
    return Quantities(sql, value.denominator * 10**value.scale, may_be_ambiguous=True)


def _last_rows(rows_sql: str, groups: str) -> str:
    """The last event of each group: several where nothing but what they count tells them apart."""
    order = ", ".join(f"{name} DESC" for name in ORDER)
    return (
        f"placed AS (SELECT *, rank() OVER (PARTITION BY {groups} ORDER BY {order}) AS place FROM ({rows_sql})), "
        "last_row AS (SELECT * FROM placed WHERE place = 1)"
    )


def _runs_of_intervals(rows: Selected, interval: Interval, days: LocalDays, row_digits: int) -> Runs:
    """What happened inside each interval that has events."""
    names = rows.groups.names
    by_slot = f"{names}, slot"
    placed = f"SELECT *, {days.slot('us', interval.seconds)} AS slot, {days.day('us')} AS day FROM ({rows.sql})"
    in_all = f"({days.slot('high', interval.seconds)} - {days.slot('low', interval.seconds)})"
    if interval.days_with_usage:
        in_all = days.slots_in_day("us", interval.seconds)
    value, under, ambiguous = rows.value or Decimals("v", row_digits, 0), "", "FALSE"
    tables: tuple[str, ...] = (f"sample AS (SELECT *, {in_all} AS slots FROM ({placed}))",)
    source = "sample"
    if interval.aggregation is Aggregation.LATEST:
        tables, source = (*tables, _last_rows("SELECT * FROM sample", by_slot)), "last_row"
        top, ambiguous = "max(v)", "min(v) <> max(v)"
    else:
        own = aggregate_of(interval.aggregation, rows.value or "v", row_digits)
        if own is None:
            raise UnfitError(f"{interval.aggregation.value} inside intervals")
        top, value = own.top, Decimals("v", own.whole_digits, own.scale, own.denominator)
        if own.under is not None:
            # As a ratio it is no larger than one value.
            value = rows.value or value
            top, under = unscaled(top, own.whole_digits, own.scale), f", {own.under} AS under"
    slot = (
        f"slot AS (SELECT {by_slot}, {top} AS v{under}, max(slots) AS slots, max(day) AS day, {ambiguous} AS ambiguous "
        f"FROM {source} GROUP BY {by_slot})"
    )
    tables = (*tables, slot)
    slots = "slots"
    if interval.days_with_usage:
        first = f"row_number() OVER (PARTITION BY {names}, day) = 1"
        tables = (*tables, f"of_day AS (SELECT *, CASE WHEN {first} THEN slots ELSE 0 END AS in_day FROM slot)")
        slots = f"sum(in_day) OVER (PARTITION BY {names})::BIGINT"
    run = (
        f"run AS (SELECT {names}, v{', under' if under else ''}, 1 AS weight, {slots} AS slots, TRUE AS used, "
        "ambiguous "
        f"FROM {'of_day' if interval.days_with_usage else 'slot'})"
    )
    latest = interval.aggregation is Aggregation.LATEST
    return Runs((*tables, run), rows.groups, value, is_ratio=bool(under), may_be_ambiguous=latest)
