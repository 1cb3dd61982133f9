"""The rows that a meter counts, as a common table that the later steps of its query start from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ...records import Record
from ..plan import Aggregation, Meter
from .columns import Decimals, EventColumns
from .samples import counted_sql, distinct_sql, measured
from .windows import epoch_us_sql

ORDER: Final = ("us", "oid", "osource")
"""The order of events in time, ties by id and source."""


class Groups(Record):
    """What quantities are kept apart by: the statement and so many keys."""

    key_count: int

    @property
    def columns(self) -> tuple[str, ...]:
        return ("sid", *(f"k{number}" for number in range(self.key_count)))

    @property
    def names(self) -> str:
        """As a list of columns."""
        return ", ".join(self.columns)

    def same(self, left: str, right: str) -> str:
        """Whether rows of two tables are of one group; a key may be NULL."""
        return " AND ".join(f"{left}.{name} IS NOT DISTINCT FROM {right}.{name}" for name in self.columns)


class Selected(Record):
    """A SELECT of the counted rows: the groups, `us`, `low` and `high` (the time of the event and of the covered
    period, in microseconds), `oid` and `osource` for the order of ties, `v` for what is measured, and `series`."""

    sql: str
    groups: Groups
    value: Decimals | None
    """`v`, where it is a number."""


def selected(meter: Meter, columns: EventColumns, keys: Sequence[str], condition: str = "") -> Selected:
    """The rows that a meter counts in the covered period; those of a level since the beginning."""
    value: Decimals | None = None
    measured_sql = "NULL"
    inner = meter.aggregation if meter.interval is None else meter.interval.aggregation
    if inner is Aggregation.UNIQUE and meter.level is None:
        measured_sql = distinct_sql(meter, columns)
    elif meter.field is not None and inner is not Aggregation.COUNT:
        value = measured(meter, columns)
        measured_sql = value.sql
        value = Decimals("v", value.whole_digits, value.scale, value.denominator)
    tests = [counted_sql(meter, columns), condition, "time < until_time"]
    if not meter.needs_history:
        tests.append("time >= from_time")
    series = "NULL" if meter.per is None else columns.fields[meter.per].sql
    groups = Groups(len(keys))
    sql = (
        "SELECT sid"
        + "".join(f", {key} AS k{number}" for number, key in enumerate(keys))
        + f", {epoch_us_sql('time')} AS us, {epoch_us_sql('from_time')} AS low, {epoch_us_sql('until_time')} AS high"
        + f", {columns.identity_sql}"
        + f", {measured_sql} AS v, {series} AS series"
        + f" FROM {columns.relation} WHERE {' AND '.join(test for test in tests if test)}"
    )
    return Selected(sql, groups, value)
