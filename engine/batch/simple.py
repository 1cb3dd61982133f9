"""Meters that are one aggregate over the events of a period: counts, sums, extremes, averages, different values.

All of a run's stand side by side in one grouped query, each with a FILTER of its own.
"""

from __future__ import annotations

from ...records import Record
from ..plan import Aggregation, Meter
from .columns import EventColumns
from .number import TooLargeError, UnfitError
from .samples import distinct_sql, measured


class Aggregate(Record):
    """The columns of one bucket in the grouped query: name, expression and decimals of each.

    `top` is the aggregate in the field's unit, `under` what it is divided by, `given` what was metered elsewhere. They
    are NULL where a group has no such row; a count is zero there.
    """

    top: str
    top_sql: str
    scale: int
    counts: bool
    under: str | None = None
    under_sql: str | None = None
    given: str | None = None
    given_sql: str | None = None
    given_scale: int = 0

    @property
    def columns(self) -> list[tuple[str, str, int]]:
        """Names, expressions and decimals."""
        found = [(self.top, self.top_sql, self.scale)]
        if self.under is not None and self.under_sql is not None:
            found.append((self.under, self.under_sql, 0))
        if self.given is not None and self.given_sql is not None:
            found.append((self.given, self.given_sql, self.given_scale))
        return found

    @property
    def used_sql(self) -> str:
        """Whether there was usage, over the grouped query's result."""
        own = f"coalesce(u.{self.under or self.top} > 0, false)" if self.counts else f"u.{self.top} IS NOT NULL"
        return own if self.given is None else f"({own} OR u.{self.given} IS NOT NULL)"


def is_simple(meter: Meter, columns: EventColumns) -> bool:
    """Whether a meter is one aggregate over the events of a period, of decimals that the engine can hold."""
    if meter.level is not None or meter.interval is not None:
        return False
    if meter.aggregation in (Aggregation.LATEST, Aggregation.PERCENTILE):
        return False
    if meter.field is None or (meter.each_rounding is None and meter.each_minimum is None):
        return True
    try:
        return measured(meter, columns).denominator == 1
    except (UnfitError, TooLargeError):
        return False


def aggregate_of(
    meter: Meter, name: str, where: str, columns: EventColumns, given_sql: str | None, given_scale: int
) -> Aggregate:
    """The aggregate of a bucket: `name` begins the names of its columns, `where` chooses its rows."""
    given = None if given_sql is None else f"{name}_g"
    field = None if meter.field is None else columns.fields[meter.field]
    # Events without the field are not counted, also where each counts at least something.
    if field is not None and not field.required:
        where = f"{field.sql} IS NOT NULL" if where == "true" else f"{where} AND {field.sql} IS NOT NULL"
    chosen = "" if where == "true" else f" FILTER (WHERE {where})"
    match meter.aggregation:
        case Aggregation.COUNT:
            sql = f"count(*){chosen}"
            return Aggregate(name, sql, 0, True, None, None, given, given_sql, given_scale)
        case Aggregation.UNIQUE if field is not None:
            sql = f"count(DISTINCT {distinct_sql(meter, columns)}){chosen}"
            return Aggregate(name, sql, 0, True, None, None, given, given_sql, given_scale)
        case Aggregation.SUM | Aggregation.MINIMUM | Aggregation.MAXIMUM if field is not None:
            function = {Aggregation.SUM: "sum", Aggregation.MINIMUM: "min", Aggregation.MAXIMUM: "max"}[
                meter.aggregation
            ]
            value = measured(meter, columns)
            sql = f"{function}({value.sql}){chosen}"
            return Aggregate(name, sql, value.scale, False, None, None, given, given_sql, given_scale)
        case Aggregation.AVERAGE if field is not None:
            value = measured(meter, columns)
            sql, count = f"sum({value.sql}){chosen}", f"count({value.sql}){chosen}"
            return Aggregate(name, sql, value.scale, True, f"{name}_d", count, given, given_sql, given_scale)
        case _:
            raise UnfitError(f"a meter that is the {meter.aggregation.value}")
