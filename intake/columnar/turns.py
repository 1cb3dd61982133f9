"""Charges that are pooled in time order: the events of each put in order, and what they come to as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ...engine.batch.metering import Usage
from ...engine.batch.number import Integer, Number, literal
from ...engine.batch.quoting import text_literal
from ...engine.batch.sheet import Sheet
from ...engine.batch.time_order import AskedTurns, TurnsKey
from ...engine.batch.turn_sums import bounds_query, open_sql, sums_sql, turns_query
from ...engine.plan import Program
from ...records import Record
from .cells import name
from .scan import measured
from .special import AMBIGUOUS

if TYPE_CHECKING:
    import duckdb


class Rows(Record):
    """The relation of usage, the types of its columns, and what a scan has to know of it."""

    relation: str
    types: Mapping[str, str]
    usage: Usage


class KnownTurns(Record):
    """The tables to join by `sid`, and numbers over their columns."""

    tables: tuple[str, ...]
    numbers: Mapping[TurnsKey, Number]


def read_turns(
    connection: duckdb.DuckDBPyConnection,
    program: Program,
    rows: Rows,
    sheet: Sheet,
    asked: Sequence[AskedTurns],
    source: str,
) -> KnownTurns:
    """What the charges of one family ask; `source` has its statements with everything that was metered.

    Statements whose order no query knows go into `scalar_statement`. Raises `UnfitError` or `TooLargeError`.
    """
    tables: list[str] = []
    numbers: dict[TurnsKey, Number] = {}
    has_identity = _has_identity(connection, rows.relation)
    for charge in asked:
        table = f"{source}_{charge.charge}"
        meter = program.meters[charge.meter]
        columns = replace(rows.usage.events[meter.event], relation=f"{table}_fact", has_identity=has_identity)
        digits = _quantity_digits(connection, rows, charge.meter)
        bounds = bounds_query(sheet, source, charge, meter, columns, digits)
        query = turns_query(program, rows.usage, columns, charge, bounds, f"{table}_bound", digits)
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {table}_bound AS {bounds.sql}")
        _make_fact(connection, rows, table, has_quantities=digits is not None)
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {table}_turn AS {query.sql}")
        left = open_sql(charge, bounds, f"{table}_turn", f"{table}_bound")
        connection.execute(f"INSERT INTO scalar_statement SELECT sid, {text_literal(AMBIGUOUS)} FROM ({left})")
        sums, answers = sums_sql(charge, bounds, f"{table}_turn", f"{table}_bound", table)
        if answers:
            connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS {sums}")
            tables.append(table)
        connection.execute(f"DROP TABLE {table}_turn")
        ends = measured(connection, table, [column for column, _ in answers.values()])
        for key, (column, scale) in answers.items():
            low, high = ends[column]
            top = literal(low) if low == high else Integer(f"coalesce({column}, 0)", low, high)
            numbers[key] = Number(top, scale)
    return KnownTurns(tuple(tables), numbers)


def _make_fact(connection: duckdb.DuckDBPyConnection, rows: Rows, table: str, *, has_quantities: bool) -> None:
    columns = "".join(f", u.{name(column)}" for column in rows.types if column.startswith("f_"))
    columns += ", u.meter, u.quantity" if has_quantities else ""
    undated = " OR u.time IS NULL" if has_quantities else ""
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW {table}_fact AS SELECT b.sid, u.time, u.event, u.id, u.source, s.from_time, "
        f"s.until_time{columns} FROM {rows.relation} u JOIN statement s ON u.account = s.account_key "
        f"AND ((u.time >= s.from_time AND u.time < s.until_time){undated}) JOIN {table}_bound b ON b.sid = s.sid"
    )


def _has_identity(connection: duckdb.DuckDBPyConnection, relation: str) -> bool:
    found = connection.execute(f"SELECT 1 FROM {relation} WHERE id IS NOT NULL OR source IS NOT NULL LIMIT 1")
    return found.fetchone() is not None


def _quantity_digits(connection: duckdb.DuckDBPyConnection, rows: Rows, meter: str) -> tuple[int, int] | None:
    """The digits before and after the point that quantities of a meter have which was metered elsewhere too."""
    if rows.usage.quantity_scale is None:
        return None
    found = connection.execute(
        f"SELECT max(abs(quantity))::VARCHAR FROM {rows.relation} WHERE meter = {text_literal(meter)}"
    ).fetchone()
    if found is None or found[0] is None:
        return None
    return len(found[0].partition(".")[0]), rows.usage.quantity_scale
