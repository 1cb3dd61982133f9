"""Charges that are prorated by day: what the meters read on each covered day, priced and added up by statement."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeAlias

from ...engine.batch.buckets import Bucket, Filled, Metered
from ...engine.batch.columns import NUMERIC, EventColumns
from ...engine.batch.day_prices import day_buckets, day_query
from ...engine.batch.facts import AttributeColumn
from ...engine.batch.family import Member
from ...engine.batch.local_days import local_days
from ...engine.batch.metering import Usage, case_sql
from ...engine.batch.meters import meter_sql
from ...engine.batch.number import NOTHING, ONE, Integer, Number, Truth, greatest, literal
from ...engine.batch.quoting import text_literal
from ...engine.batch.sheet import Parameter
from ...engine.batch.time_order import TurnsKey
from ...engine.period import local_midnight
from ...engine.plan import Meter, OfMeter, Program
from .cells import name
from .scan import measured
from .special import AMBIGUOUS
from .tables import insert
from .turns import KnownTurns, Rows

if TYPE_CHECKING:
    import duckdb

REFUSED: Final = "usage that the price list refuses"
METERED_ELSEWHERE: Final = "quantities that were metered elsewhere, of a table that is prorated by day"

MakeView: TypeAlias = Callable[[str, Sequence[Parameter], str], None]
"""Makes the view of this name: a family's statements, all that is metered, parameters, joined to a table by `sid`."""


def read_days(
    connection: duckdb.DuckDBPyConnection,
    program: Program,
    rows: Rows,
    family: int,
    members: Sequence[Member],
    metered: Metered,
    attributes: Mapping[str, AttributeColumn],
    make_view: MakeView,
) -> KnownTurns:
    """What the days of a family's charges cost. Raises `UnfitError` or `TooLargeError`.

    Statements that no query decides go into `scalar_statement`.
    """
    asked = [index for index, charge in enumerate(members[0].plan.charges) if charge.prorated]
    if not asked:
        return KnownTurns((), {})
    _make_days(connection, members)
    tables: list[str] = []
    numbers: dict[TurnsKey, Number] = {}
    for index in asked:
        table = f"day_{family}_{index}"
        charge = members[0].plan.charges[index]
        assert isinstance(charge.source, OfMeter), "only usage has days"
        meter = program.meters[charge.source.meter]
        if charge.columns:
            _leave_quantities(connection, rows, meter)
        buckets = day_buckets(members[0], index)
        read = _read(connection, program, rows, meter, buckets, table)
        # What was metered elsewhere for the period is the level of each of its days.
        filled = {
            bucket: replace(own, given=metered.filled[bucket].given) if bucket in metered.filled else own
            for bucket, own in read.items()
        }
        query = day_query(program, members, index, metered, filled, attributes, f"{table}_view", table)
        make_view(f"{table}_view", query.parameters, f"{table}_reading")
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS {query.sql}")
        connection.execute(
            f"INSERT INTO scalar_statement SELECT sid, {text_literal(REFUSED)} FROM {table} WHERE refused"
        )
        ends = measured(connection, table, [column for column, _ in query.columns.values()])
        for key, (column, scale) in query.columns.items():
            low, high = ends[column]
            top = literal(low) if low == high else Integer(f"coalesce({column}, 0)", low, high)
            numbers[key] = Number(top, scale)
        connection.execute(f"ALTER TABLE {table} DROP COLUMN refused")
        tables.append(table)
    return KnownTurns(tuple(tables), numbers)


def _make_days(connection: duckdb.DuckDBPyConnection, members: Sequence[Member]) -> None:
    """Make the table `day_of_statement`: a row for each covered day of the members' statements."""
    rows: list[list[object]] = []
    for member in members:
        zone = member.situation.zone
        rows.extend(
            [member.number, local_midnight(day, zone), local_midnight(day + timedelta(days=1), zone)]
            for day in member.situation.covered_days.days()
        )
    insert(connection, "day_of_member", {"member": "INTEGER", "low": "TIMESTAMPTZ", "high": "TIMESTAMPTZ"}, rows)
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE day_of_statement AS SELECT (row_number() OVER () - 1)::INTEGER AS day, s.sid, "
        "s.account_key, d.low, d.high FROM statement s JOIN day_of_member d USING (member)"
    )


def _leave_quantities(connection: duckdb.DuckDBPyConnection, rows: Rows, meter: Meter) -> None:
    """Leave accounts to the scalar evaluator that have quantities of the meter which were metered elsewhere."""
    if rows.usage.quantity_scale is None:
        return
    reason = text_literal(METERED_ELSEWHERE)
    connection.execute(
        f"INSERT INTO scalar_statement SELECT sid, {reason} FROM statement WHERE account_key IN "
        f"(SELECT account FROM {rows.relation} WHERE meter = {text_literal(meter.name)})"
    )


def _read(
    connection: duckdb.DuckDBPyConnection,
    program: Program,
    rows: Rows,
    meter: Meter,
    buckets: Sequence[Bucket],
    table: str,
) -> Mapping[Bucket, Filled]:
    """Make the table of readings, a row for each day, and say what its columns hold."""
    usage = rows.usage
    listed = "".join(f", u.{name(column)}" for column in rows.types if column.startswith("f_"))
    since = "" if meter.needs_history else "u.time >= d.low AND "
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW {table}_fact AS SELECT d.day AS sid, u.time, u.event, u.id, u.source, "
        f"d.low AS from_time, d.high AS until_time{listed} FROM {rows.relation} u "
        f"JOIN day_of_statement d ON u.account = d.account_key AND {since}u.time < d.high"
    )
    columns = _as_measured(connection, usage, meter, f"{table}_fact")
    days = local_days(usage.reach, usage.zone)
    selected, joins = "", ""
    filled: dict[Bucket, Filled] = {}
    for place, bucket in enumerate(buckets):
        own = f"{table}_bucket_{place}"
        condition = case_sql(program, bucket.cases, usage, columns)
        query = meter_sql(meter, columns, days, (), "" if condition == "true" else condition)
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {own} AS {query.sql}")
        if query.may_be_ambiguous:
            reason = text_literal(AMBIGUOUS)
            connection.execute(
                f"INSERT INTO scalar_statement SELECT DISTINCT d.sid, {reason} "
                f"FROM {own} b JOIN day_of_statement d ON d.day = b.sid WHERE b.ambiguous"
            )
        ends = measured(connection, own, ["num", "den"])
        column = f"{table}_q{place}"
        decided = f"{own}.num IS NOT NULL AND NOT {own}.ambiguous"
        selected += f", CASE WHEN {decided} THEN {own}.num ELSE 0::HUGEINT END AS {column}"
        selected += f", CASE WHEN {decided} THEN {own}.den ELSE 1::HUGEINT END AS {column}_d"
        selected += f", {own}.sid IS NOT NULL AS {column}_u"
        joins += f" LEFT JOIN {own} ON {own}.sid = d.day"
        top = literal(0) if ends["num"] == (0, 0) else Integer(column, *ends["num"])
        under = greatest(Integer(f"{column}_d", 0, max(ends["den"][1], 1)), ONE) if query.is_ratio else None
        filled[bucket] = Filled(Number(top, query.scale, under), NOTHING, Truth(f"{column}_u"))
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {table}_reading AS SELECT d.sid{selected} FROM day_of_statement d{joins}"
    )
    return filled


def _as_measured(connection: duckdb.DuckDBPyConnection, usage: Usage, meter: Meter, relation: str) -> EventColumns:
    """The columns of the meter's event with the digits and rows that its days really have."""
    columns = usage.events[meter.event]
    column = None if meter.field is None else columns.fields[meter.field]
    asked = "NULL" if column is None or column.kind not in NUMERIC else f"max(abs({column.sql}))"
    found = connection.execute(
        f"SELECT max(n), max(m)::VARCHAR FROM (SELECT count(*) AS n, {asked} AS m FROM {relation} GROUP BY sid)"
    ).fetchone() or (None, None)
    fields = dict(columns.fields)
    if column is not None and meter.field is not None and found[1] is not None:
        fields[meter.field] = replace(column, whole_digits=len(found[1].partition(".")[0]))
    return replace(columns, relation=relation, rows_max=found[0] or 1, fields=fields)
