"""What an `each` charge includes: the events, or the quantity, that come first in a period are free.

Only statements whose charge includes something are put in order; the others pass by.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from ...records import Record
from ..condition import Comparison
from .number import (
    Integer,
    Truth,
    both,
    compare,
    either,
    is_positive,
    least,
    literal,
    multiply,
    not_below_zero,
    subtract,
)
from .sheet import Sheet

_TIES: Final = ("time", "coalesce(id, '')", "coalesce(source, '')")


class Included(Record):
    """The free events and the free quantity of each rule; `variants` are those that include something, None for all."""

    events: tuple[int, ...]
    quantities: tuple[Fraction, ...]
    variants: tuple[int, ...] | None


class Freeing(Record):
    """Whether an event is free, what is freed of it at its front, and the rest that is priced."""

    free: Truth
    freed: Integer
    rest: Integer


def freeing_of(
    sheet: Sheet, included: Included, quantity_scale: int, per_unit: int, quantity: Integer, rows_max: int
) -> Freeing:
    """What is free of an event, from the columns of `in_order_sql`; `per_unit` integers are one of the column's."""
    before = Integer("before", 0, rows_max)
    first = compare(before, Comparison.LESS, sheet.integers(included.events))
    granted = [int(amount * quantity_scale) for amount in included.quantities]
    # Once all that is included is used, it does not matter by how much.
    most = -(-max(granted) // per_unit)
    used = Integer(f"least(used, {most}::HUGEINT)::BIGINT", 0, most)
    left = not_below_zero(subtract(sheet.integers(granted), multiply(used, literal(per_unit))))
    freed = sheet.let(least(left, quantity))
    whole = both(is_positive(freed), compare(freed, Comparison.IS, quantity))
    rest = sheet.let(subtract(quantity, freed))
    rest = Integer(rest.sql, 0, quantity.high, rest.depth)
    return Freeing(either(first, whole), freed, rest)


def in_order_sql(joined: str, included: Included, unit: Fraction, told: Sequence[str]) -> str:
    """The rows with `before`, the number of events before each, `used`, their quantity, and `ambiguous`.

    Events of one moment without ids come in an order that only the scalar evaluator knows. That matters where they
    differ in what is `told` of them, and something is still free when the first of them comes.
    """
    differs = " OR ".join(f"lag({column}) OVER w IS DISTINCT FROM {column}" for column in told)
    tied = " AND ".join(f"lag({column}) OVER w = {column}" for column in _TIES)
    events, quantity = max(included.events), max(included.quantities)
    open_ = [f"rank() OVER t <= {events}"] if events else []
    if quantity:
        earlier = "coalesce(sum(x) OVER (t RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE GROUP), 0)"
        open_.append(f"{earlier} < {int(-(-quantity // unit))}")
    order, ties = ", ".join([*_TIES, *told]), ", ".join(_TIES)
    some, others = joined, ""
    if included.variants is not None:
        listed = ", ".join(map(str, included.variants))
        some = f"SELECT * FROM ({joined}) WHERE variant IN ({listed})"
        others = (
            " UNION ALL SELECT *, 0::BIGINT AS before, 0::HUGEINT AS used, false AS ambiguous "
            f"FROM ({joined}) WHERE variant NOT IN ({listed})"
        )
    return (
        "SELECT *, row_number() OVER w - 1 AS before, "
        "(sum(x) OVER (w ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) - x)::HUGEINT AS used, "
        f"coalesce({tied} AND ({differs}) AND ({' OR '.join(open_)}), false) AS ambiguous FROM ({some}) "
        f"WINDOW w AS (PARTITION BY sid ORDER BY {order}), t AS (PARTITION BY sid ORDER BY {ties}){others}"
    )
