"""Meters that need order in time, an inner level or a rank: a query of its own for each bucket, its result a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ...engine.batch.buckets import Bucket
from ...engine.batch.columns import NUMERIC, EventColumns
from ...engine.batch.local_days import local_days
from ...engine.batch.metering import Usage, case_sql
from ...engine.batch.meters import meter_sql
from ...engine.batch.number import ONE, Integer, Number, TooLargeError, UnfitError, greatest, literal
from ...engine.batch.quoting import text_literal
from ...engine.batch.windows import window_sql
from ...engine.plan import Program
from ...records import Record
from .cells import name

if TYPE_CHECKING:
    import duckdb


AMBIGUOUS: Final = "events whose order decides and is not known"


class Special(Record):
    """What a bucket's query found: `table` has a row (`sid`, `top`, `under`) for every statement with usage of it."""

    table: str
    scale: int
    top: Integer
    under: Integer | None

    def number(self, top: str, under: str) -> Number:
        """The quantity over columns of these names, which are 0 and 1 where there is no usage."""
        own = self.top if self.top.constant is not None else Integer(top, self.top.low, self.top.high)
        if self.under is None:
            return Number(own, self.scale)
        divisor = self.under if self.under.constant is not None else Integer(under, self.under.low, self.under.high)
        return Number(own, self.scale, greatest(divisor, ONE) if divisor.low < 1 else divisor)


def read_special(
    connection: duckdb.DuckDBPyConnection,
    program: Program,
    usage: Usage,
    relation: str,
    types: Mapping[str, str],
    buckets: Sequence[Bucket],
) -> Mapping[Bucket, Special | str]:
    """The buckets of meters that are no single aggregate, or why no query gives one.

    Statements that a query cannot decide go into `scalar_statement`.
    """
    if not buckets:
        return {}
    columns = "".join(f", u.{name(column)}" for column in types if column.startswith("f_"))
    connection.execute(
        "CREATE OR REPLACE TEMP VIEW fact_history AS SELECT s.sid, u.time, u.event, u.id, u.source, "
        f"s.from_time, s.until_time{columns} FROM {relation} u "
        "JOIN statement s ON u.account = s.account_key AND u.time < s.until_time"
    )
    events = _as_measured(connection, program, usage, buckets)
    found: dict[Bucket, Special | str] = {}
    for place, bucket in enumerate(buckets):
        try:
            own = events[program.meters[bucket.meter].event]
            found[bucket] = _read(connection, program, usage, own, bucket, f"special_{place}")
        except UnfitError as unfit:
            found[bucket] = str(unfit)
        except TooLargeError:
            found[bucket] = "quantities or prices of more than 38 digits"
    return found


def _as_measured(
    connection: duckdb.DuckDBPyConnection, program: Program, usage: Usage, buckets: Sequence[Bucket]
) -> Mapping[str, EventColumns]:
    """The columns of each event with the digits and rows that usage really has: what types could hold needs more."""
    meters = [program.meters[bucket.meter] for bucket in buckets]
    read = {
        column.sql: column
        for meter in meters
        if meter.field is not None and (column := usage.events[meter.event].fields[meter.field]).kind in NUMERIC
    }
    listed = "".join(f", max(abs({sql})) AS m{place}" for place, sql in enumerate(read))
    asked = "".join(f", max(m{place})::VARCHAR" for place in range(len(read)))
    found = connection.execute(
        f"SELECT max(n){asked} FROM (SELECT count(*) AS n{listed} FROM fact_history GROUP BY sid)"
    ).fetchone() or (None,) * (len(read) + 1)
    digits = {sql: len((most or "0").partition(".")[0]) for sql, most in zip(read, found[1:], strict=True)}
    return {
        name: replace(
            columns,
            relation="fact_history",
            rows_max=found[0] or 1,
            fields={
                field: replace(column, whole_digits=digits.get(column.sql, column.whole_digits))
                for field, column in columns.fields.items()
            },
        )
        for name, columns in usage.events.items()
    }


def _read(
    connection: duckdb.DuckDBPyConnection,
    program: Program,
    usage: Usage,
    columns: EventColumns,
    bucket: Bucket,
    table: str,
) -> Special:
    meter = program.meters[bucket.meter]
    tests = [case_sql(program, bucket.cases, usage, columns)]
    if bucket.window is not None:
        tests.append(window_sql(program.windows[bucket.window], "time", usage.reach, usage.zone))
    condition = " AND ".join(test for test in tests if test != "true")
    query = meter_sql(meter, columns, local_days(usage.reach, usage.zone), (), condition)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT sid, num AS top, den AS under, ambiguous FROM ({query.sql})"
    )
    if query.may_be_ambiguous:
        connection.execute(
            f"INSERT INTO scalar_statement SELECT sid, {text_literal(AMBIGUOUS)} FROM {table} WHERE ambiguous"
        )
    ends = connection.execute(
        f"SELECT min(top)::VARCHAR, max(top)::VARCHAR, min(under)::VARCHAR, max(under)::VARCHAR FROM {table} "
        "WHERE NOT ambiguous"
    ).fetchone()
    low, high, least, most = (0 if end is None else int(end) for end in ends or (None, None, None, None))
    top = _between(min(low, 0), max(high, 0))
    return Special(table, query.scale, top, _between(min(least, 1), max(most, 1)) if query.is_ratio else None)


def _between(low: int, high: int) -> Integer:
    return literal(low) if low == high else Integer("", low, high)
