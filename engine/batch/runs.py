"""What intervals read, over all intervals of a period: maximum, minimum, average, sum and percentile.

Intervals that read the same one after another are one run with a weight. Intervals without a run read zero.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from ...records import Record
from ..plan import Aggregation
from .columns import DIGITS_MAX, Decimals, decimal_type, floor_quotient, unscaled
from .number import TooLargeError, UnfitError
from .selection import Groups

WEIGHT_DIGITS: Final = 7
"""The digits of the intervals of one statement: ten years of minutes have that many."""
COUNT_MAX: Final = 2**20
"""So many events one interval may have for its average to be compared with that of others in 38 digits."""
_APART: Final = COUNT_MAX**2
"""Averages of at most so many events differ by more than one part in this."""


class Runs(Record):
    """Common tables of which the last, `run`, has a row per run: the groups, `v`, `weight` (how many intervals),
    `slots` (how many the group has in all), `used` (whether the run shows usage) and `ambiguous`.

    `v` is `value`; or, where `is_ratio`, a HUGEINT of units of `value`'s last digit that is to be divided by `under`.
    """

    tables: tuple[str, ...]
    groups: Groups
    value: Decimals
    is_ratio: bool = False
    may_be_ambiguous: bool = False


class Quantities(Record):
    """A whole query with the groups, `num`, `den` and `ambiguous`; a quantity is `num / (scale * den)`."""

    sql: str
    scale: int
    is_ratio: bool = False
    may_be_ambiguous: bool = False


def over_runs(aggregation: Aggregation, rank: Fraction | None, runs: Runs) -> Quantities:
    """One number from what intervals read. Raises `TooLargeError`."""
    if runs.is_ratio:
        return _over_ratios(aggregation, rank, runs)
    groups, value = runs.groups.names, runs.value
    type_ = f"DECIMAL({DIGITS_MAX},{value.scale})"
    nothing = f"0::{type_}"
    digits, tables, den = value.whole_digits, runs.tables, "1"
    match aggregation:
        case Aggregation.SUM | Aggregation.AVERAGE:
            digits += WEIGHT_DIGITS
            decimal_type(digits, value.scale)
            top = f"coalesce(sum(v::{type_} * weight::DECIMAL({WEIGHT_DIGITS},0)), {nothing})"
            if aggregation is Aggregation.AVERAGE:
                den = "greatest(max(slots), 1)"
        case Aggregation.MAXIMUM | Aggregation.MINIMUM:
            own, of_two = ("max", "greatest") if aggregation is Aggregation.MAXIMUM else ("min", "least")
            extreme = f"coalesce({own}(v::{type_}) FILTER (WHERE weight > 0), {nothing})"
            top = f"CASE WHEN sum(weight) >= max(slots) THEN {extreme} ELSE {of_two}({extreme}, {nothing}) END"
        case Aggregation.PERCENTILE:
            tables = (*tables, _ranked(runs.groups, "v", f"v::{type_} >= 0"))
            top = f"coalesce(max(v::{type_}) FILTER (WHERE {_at_rank(rank)}), {nothing})"
        case _:
            raise UnfitError(f"{aggregation.value} over intervals")
    source = "ranked" if aggregation is Aggregation.PERCENTILE else "run"
    sql = (
        f"WITH {', '.join(tables)} SELECT {groups}, {unscaled(top, digits, value.scale)} AS num, "
        f"{den}::HUGEINT AS den, bool_or(ambiguous) AS ambiguous FROM {source} GROUP BY {groups} HAVING bool_or(used)"
    )
    is_ratio = aggregation is Aggregation.AVERAGE
    return Quantities(sql, value.denominator * 10**value.scale, is_ratio, runs.may_be_ambiguous)


def _ranked(groups: Groups, order: str, not_negative: str) -> str:
    """`upto` is the rank of a run's last interval, those that read zero among them."""
    within = f"PARTITION BY {groups.names}"
    return (
        f"counted AS (SELECT *, "
        f"sum(weight) OVER ({within} ORDER BY {order} ROWS UNBOUNDED PRECEDING)::BIGINT AS below, "
        f"slots - sum(weight) OVER ({within})::BIGINT AS zeros FROM run), "
        f"ranked AS (SELECT *, below + CASE WHEN {not_negative} THEN zeros ELSE 0 END AS upto FROM counted)"
    )


def _at_rank(rank: Fraction | None) -> str:
    """Whether a run holds the nearest rank; none does where that is an interval that reads zero."""
    assert rank is not None, "verify() holds percentiles to have a rank"
    under = 100 * rank.denominator
    place = f"greatest((slots::HUGEINT * {rank.numerator} + {under - 1}) // {under}, 1)"
    return f"upto - weight < {place} AND {place} <= upto"


# Averages of intervals are ratios, each over a number of events of its own. They are put in order by their whole parts
# in units so small that different ones differ, and added up over their least common multiple.


def _over_ratios(aggregation: Aggregation, rank: Fraction | None, runs: Runs) -> Quantities:
    value, groups = runs.value, runs.groups.names
    unit_digits = value.whole_digits + value.scale
    if aggregation in (Aggregation.SUM, Aggregation.AVERAGE):
        return _sum_of_ratios(aggregation, runs, unit_digits)
    if unit_digits + len(str(COUNT_MAX)) + len(str(_APART)) > DIGITS_MAX:
        raise TooLargeError
    quotient = floor_quotient(f"(v * {_APART}::HUGEINT)", "under::HUGEINT")
    keyed = (
        f"keyed AS (SELECT *, under > {COUNT_MAX} AS many, CASE WHEN under > {COUNT_MAX} THEN 0::HUGEINT "
        f"ELSE {quotient} END AS place FROM run)"
    )
    found, zeros = "struct_pack(num := v, den := under::HUGEINT)", "struct_pack(num := 0::HUGEINT, den := 1::HUGEINT)"
    tables, source = (*runs.tables, keyed), "keyed"
    match aggregation:
        case Aggregation.MAXIMUM | Aggregation.MINIMUM:
            own, side = ("max", "<") if aggregation is Aggregation.MAXIMUM else ("min", ">")
            beaten = f"count(*) < max(slots) AND {own}(place) {side} 0"
            chosen = f"CASE WHEN {beaten} THEN {zeros} ELSE arg_{own}({found}, place) END"
        case Aggregation.PERCENTILE:
            ranked = _ranked(runs.groups, "place", "place >= 0").replace("FROM run)", "FROM keyed)")
            tables, source = (*tables, ranked), "ranked"
            chosen = f"coalesce(any_value({found}) FILTER (WHERE {_at_rank(rank)}), {zeros})"
        case _:
            raise UnfitError(f"{aggregation.value} over intervals")
    sql = (
        f"WITH {', '.join(tables)}, chosen AS (SELECT {groups}, {chosen} AS best, bool_or(many) AS ambiguous "
        f"FROM {source} GROUP BY {groups}) SELECT {groups}, best.num AS num, best.den AS den, ambiguous FROM chosen"
    )
    return Quantities(sql, value.denominator * 10**value.scale, is_ratio=True, may_be_ambiguous=True)


def _sum_of_ratios(aggregation: Aggregation, runs: Runs, unit_digits: int) -> Quantities:
    groups = runs.groups.names
    multiple_digits = min(DIGITS_MAX - unit_digits - WEIGHT_DIGITS - 1, 18)
    if multiple_digits < len(str(COUNT_MAX)):
        raise TooLargeError
    most = 10**multiple_digits
    # Zero says that the multiple is too large. Before the test it is at most `most` times COUNT_MAX, which fits.
    multiple = (
        f"list_reduce(list(under::HUGEINT), lambda a, b: CASE WHEN a = 0 OR a > {most} OR b > {COUNT_MAX} "
        "THEN 0::HUGEINT ELSE a * (b // gcd(a, b)) END)"
    )
    added = "list_reduce(list_transform(parts, lambda part: part.v * (multiple // part.under)), lambda a, b: a + b)"
    alike = f"alike AS (SELECT {groups}, under, sum(v) AS v, max(slots) AS slots FROM run GROUP BY {groups}, under)"
    gathered = (
        f"gathered AS (SELECT {groups}, {multiple} AS found, "
        f"list(struct_pack(v := v::HUGEINT, under := under::HUGEINT)) AS parts, "
        f"max(slots) AS slots, max(under) > {COUNT_MAX} AS many FROM alike GROUP BY {groups})"
    )
    fitting = (
        f"fitting AS (SELECT *, many OR found = 0 OR found > {most} AS ambiguous, "
        f"CASE WHEN many OR found = 0 OR found > {most} THEN 0::HUGEINT ELSE found END AS multiple FROM gathered)"
    )
    tables = (*runs.tables, alike, gathered, fitting)
    slots = " * greatest(slots, 1)" if aggregation is Aggregation.AVERAGE else ""
    sql = (
        f"WITH {', '.join(tables)} SELECT {groups}, CASE WHEN ambiguous THEN 0::HUGEINT ELSE {added} END AS num, "
        f"(greatest(multiple, 1){slots})::HUGEINT AS den, ambiguous FROM fitting"
    )
    return Quantities(sql, runs.value.denominator * 10**runs.value.scale, is_ratio=True, may_be_ambiguous=True)
