"""Ladders that are pooled in time order: which combination stands on which part of the ladder, event by event.

Every event puts what it counts on the one ladder of its statement and charge, where the one before it ended. Events of
one combination in a row are one climb. What is included comes off each combination's earliest usage.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import lcm

from ...records import Record
from ..plan import Meter
from .columns import BIGINT_DIGITS, DIGITS_MAX, EventColumns, unscaled
from .number import TooLargeError, UnfitError
from .quoting import text_literal
from .samples import counted_sql, measured
from .selection import Groups
from .windows import epoch_us_sql


class TurnsQuery(Record):
    """The text of a SELECT with `sid`, `k0`, `k1`, …, `low`, `high`, `us`, `oid`, `osource`, `tied` and `ambiguous`,
    one row per turn.

    A turn goes from `low` to `high` (integers over `scale`, in the meter's unit) on the ladder of its statement: what
    one event puts on it. Turns that follow one another without a gap are one climb, so that prices have to be taken as
    differences between the two ends. Where a row of a statement is `ambiguous`, the statement is one for the scalar
    evaluator, which may refuse it. A turn is `tied` where SQL does not know whether it comes before another one of its
    instant (`us`, `oid`, `osource`) and of other keys: they stand on the ladder together, each somewhere on their part.
    """

    sql: str
    scale: int


def turns_scale(meter: Meter, columns: EventColumns, quantity_digits: tuple[int, int] | None = None) -> int:
    """The scale over which everything that a meter counts is a whole number, in the meter's unit.

    `quantity_digits` is how many digits quantities that were metered elsewhere have before and after the point.
    """
    quantities = 1 if quantity_digits is None else 10 ** quantity_digits[1]
    return lcm(_unit(meter, columns).denominator, quantities)


def time_order_sql(
    meter: Meter,
    columns: EventColumns,
    keys: Sequence[str],
    *,
    scale: int,
    freed: str | None = None,
    quantity_digits: tuple[int, int] | None = None,
) -> TurnsQuery:
    """The turns of a charge's combinations, over a `scale` that is a multiple of `turns_scale`.

    `freed` names a relation with `sid`, the keys and `freed`: what is included of a combination's quantity, over
    `scale`; combinations that it does not have get nothing. Raises `UnfitError` for meters that do not add up, and
    `TooLargeError`.
    """
    if not meter.adds_up:
        raise UnfitError("a ladder in order of time of a meter that does not add up")
    groups = Groups(len(keys))
    named = "".join(f", {key} AS k{number}" for number, key in enumerate(keys))
    rows = _events(meter, columns, named, scale)
    if quantity_digits is not None:
        rows = f"{rows} UNION ALL BY NAME {_quantities(meter, columns, named, scale, quantity_digits)}"
    # Nothing is put in order by columns that are the same everywhere.
    order = ["us"]
    order += [] if quantity_digits is None else ["kind"]
    order += ["oid", "osource"] if columns.has_identity else []
    tables = [f"sized AS (SELECT *, size AS rest FROM ({rows}))"]
    if freed is not None:
        upto = f"sum(size) OVER (PARTITION BY {groups.names} ORDER BY {', '.join(order)} ROWS UNBOUNDED PRECEDING)"
        spent = "greatest(least(coalesce(f.freed, 0)::HUGEINT - (o.upto - o.size), o.size::HUGEINT), 0::HUGEINT)"
        same_group = groups.same("o", "f")
        tables = [f"counted AS (SELECT *, {upto} AS upto FROM ({rows}))"]
        tables += [
            f"sized AS (SELECT o.*, o.size - {spent} AS rest FROM counted o LEFT JOIN {freed} f ON {same_group})"
        ]
    keys_of = groups.columns[1:]
    # Two of one instant that nothing tells apart may stand either way round, which matters between combinations.
    same = " AND ".join(f"lag({name}) OVER own = {name}" for name in order)
    other = " OR ".join(f"lag({name}) OVER own IS DISTINCT FROM {name}" for name in keys_of) or "FALSE"
    refused = "size < 0 OR (undated AND size <> 0)"
    turned = (
        f"turned AS (SELECT {groups.names}, rest, sum(rest) OVER own AS high, "
        f"us, oid, osource, coalesce({same} AND ({other}), FALSE) AS tied, {refused} AS ambiguous FROM sized "
        f"WINDOW own AS (PARTITION BY sid ORDER BY {', '.join((*order, *keys_of))} ROWS UNBOUNDED PRECEDING))"
    )
    sql = (
        f"WITH {', '.join((*tables, turned))} SELECT {groups.names}, high - rest AS low, high, us, oid, osource, tied, "
        "ambiguous FROM turned WHERE rest > 0 OR ambiguous"
    )
    return TurnsQuery(sql, scale)


def _unit(meter: Meter, columns: EventColumns) -> Fraction:
    """What one unit in the last digit of a row counts, in the meter's unit."""
    if meter.field is None:
        return meter.factor
    value = measured(meter, columns)
    return meter.factor * Fraction(1, value.denominator * 10**value.scale)


def _events(meter: Meter, columns: EventColumns, named: str, scale: int) -> str:
    steps = _unit(meter, columns) * scale
    assert steps.denominator == 1, "the scale is a multiple of turns_scale"
    size = f"{steps.numerator}::HUGEINT"
    if meter.field is not None:
        value = measured(meter, columns)
        _sum_digits(value.whole_digits + value.scale, steps, columns)
        size = f"{unscaled(value.sql, value.whole_digits, value.scale)} * {size}"
    tests = [counted_sql(meter, columns), "time >= from_time", "time < until_time"]
    return (
        f"SELECT sid{named}, {epoch_us_sql('time')} AS us, 0 AS kind, {columns.identity_sql}, "
        f"{size} AS size, FALSE AS undated "
        f"FROM {columns.relation} WHERE {' AND '.join(test for test in tests if test)}"
    )


def _sum_digits(digits: int, steps: Fraction, columns: EventColumns) -> None:
    """Raises `TooLargeError` where a sum over one statement may need more digits than there are."""
    if digits + len(str(steps.numerator)) + columns.row_digits > DIGITS_MAX:
        raise TooLargeError


def _type(digits: int, steps: Fraction) -> str:
    return "BIGINT" if digits + len(str(steps.numerator)) <= BIGINT_DIGITS else "HUGEINT"


def _quantities(meter: Meter, columns: EventColumns, named: str, scale: int, quantity_digits: tuple[int, int]) -> str:
    """What was metered elsewhere comes after the events of its instant."""
    whole_digits, own_scale = quantity_digits
    steps = Fraction(scale, 10**own_scale)
    _sum_digits(whole_digits + own_scale, steps, columns)
    size = f"{unscaled('quantity', whole_digits, own_scale)} * {steps.numerator}::HUGEINT"
    return (
        f"SELECT sid{named}, {epoch_us_sql('coalesce(time, from_time)')} AS us, 1 AS kind, '' AS oid, '' AS osource, "
        f"{size} AS size, time IS NULL AS undated FROM {columns.relation} WHERE meter = {text_literal(meter.name)} "
        "AND (time IS NULL OR (time >= from_time AND time < until_time))"
    )
