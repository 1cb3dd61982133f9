"""Usage added up by statement and by what the tables of a charge can tell apart, in one grouped query."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ...engine.batch.buckets import Bucket, Metered
from ...engine.batch.columns import EventColumns
from ...engine.batch.conditions import undecided_sql
from ...engine.batch.lookup import Lookup, Reading, Reduction, SourceColumn
from ...engine.batch.metering import Usage, filter_sql
from ...engine.batch.number import Integer, Number, Truth, UnfitError, literal, number_not_below_zero
from ...engine.batch.open_rows import Order
from ...engine.batch.quoting import text_literal
from ...engine.batch.samples import distinct_sql
from ...engine.batch.sheet import Sheet
from ...engine.batch.simple import Aggregate, is_simple
from ...engine.batch.windows import window_sql
from ...engine.plan import Aggregation, Charge, ColumnKind, Meter, Program
from ...records import Record
from .cells import name
from .scan import aggregates_of, cell_sql, filled_of, measured

if TYPE_CHECKING:
    import duckdb

DOUBTFUL = "usage without the time or field that a price asks for"


def reading_of(connection: duckdb.DuckDBPyConnection, columns: EventColumns, types: Mapping[str, str]) -> Reading:
    """Where a query finds fields of an event and attributes of accounts."""
    attributes = dict(row[:2] for row in connection.execute("DESCRIBE statement").fetchall())
    return {
        **{
            (ColumnKind.FIELD, field): SourceColumn(column.sql, types[f"f_{field}"])
            for field, column in columns.fields.items()
            if f"f_{field}" in types
        },
        **{
            (ColumnKind.ATTRIBUTE, column.removeprefix("a_")): SourceColumn(name(column), type_)
            for column, type_ in attributes.items()
            if column.startswith("a_")
        },
    }


def window_membership(program: Program, usage: Usage) -> Callable[[str], str]:
    """The membership of a row's time in a window."""
    return lambda window: window_sql(program.windows[window], "time", usage.reach, usage.zone)


class Groups(Record):
    """The view `<table>_keyed`: usage by statement (`sid`, `version`, `variant`) and reduced keys, as an aggregate.

    `by_line` adds it up by line, as the table `<table>_group`.
    """

    table: str
    meter: Meter
    aggregate: Aggregate
    relation: str = ""

    def by_line(self, connection: duckdb.DuckDBPyConnection, lookup: Lookup) -> Groups:
        """Make the table of quantities by statement and line, from the answers to the keys."""
        function = {Aggregation.MINIMUM: "min", Aggregation.MAXIMUM: "max"}.get(self.meter.aggregation, "sum")
        found = []
        for column, _, _ in self.aggregate.columns:
            own = f"{function if column == self.aggregate.top else 'sum'}(k.{column})"
            if column == self.aggregate.top and self.meter.aggregation is Aggregation.UNIQUE:
                own = "count(DISTINCT k.value)"
            found.append(f"{own} AS {column}")
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {self.table}_group AS SELECT k.sid, k.version, a.line, {', '.join(found)} "
            f"FROM {self.table}_keyed k JOIN {self.table}_answer a ON {lookup.join_sql('k', 'a')} "
            "WHERE a.line IS NOT NULL GROUP BY k.sid, k.version, a.line"
        )
        return replace(self, relation=f"{self.table}_group")

    def in_order(self, connection: duckdb.DuckDBPyConnection) -> tuple[Groups, Order]:
        """The same with where each line stands among those of its statement, as the table `<table>_ordered`."""
        metered, cells = self.cells(connection)
        sheet = Sheet(1)
        quantity, _ = metered.quantity(sheet, self.meter, Bucket(self.meter.name))
        if quantity.under is not None:
            raise UnfitError("a table whose columns may hold any value, on a ladder that lines share, of a ratio")
        size = number_not_below_zero(quantity)
        source = f"(SELECT u.sid, u.line{cells} FROM {self.relation} u)"
        sizes = sheet.select(source, ["sid", "line", f"({size.top.sql})::HUGEINT AS size"])
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {self.table}_ordered AS SELECT u.*, o.* EXCLUDE (sid, line) "
            f"FROM {self.relation} u JOIN (SELECT sid, line, coalesce(sum(size) OVER (PARTITION BY sid ORDER BY line "
            "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)::HUGEINT AS size_before, "
            "(sum(size) OVER (PARTITION BY sid))::HUGEINT AS size_whole, "
            f"row_number() OVER (PARTITION BY sid ORDER BY line) = 1 AS is_first FROM ({sizes})) o "
            "ON o.sid = u.sid AND o.line = u.line"
        )
        _, high = measured(connection, f"{self.table}_ordered", ["size_whole"])["size_whole"]

        def number(column: str) -> Number:
            return Number(literal(0) if high == 0 else Integer(column, 0, high), size.scale)

        order = Order(number("size_before"), number("size_whole"), Truth("is_first"))
        return replace(self, relation=f"{self.table}_ordered"), order

    def cells(self, connection: duckdb.DuckDBPyConnection) -> tuple[Metered, str]:
        """The bucket over columns of whole numbers, and these columns as expressions over the table as `u`."""
        names = [column for column, _, _ in self.aggregate.columns]
        bounds = measured(connection, self.relation, names)
        cells = "".join(
            f", {cell_sql(column, scale, *bounds[column])} AS {column}" for column, _, scale in self.aggregate.columns
        )
        return Metered({Bucket(self.meter.name): filled_of(self.aggregate, bounds)}), cells


def add_up(
    connection: duckdb.DuckDBPyConnection,
    program: Program,
    usage: Usage,
    relation: str,
    common: tuple[int, int] | None,
    meter: Meter,
    charge: Charge,
    lookup: Lookup,
    table: str,
) -> Groups:
    """Scan usage once. Statements of which no query says to what a quantity belongs go into `scalar_statement`."""
    columns = usage.events[meter.event]
    if not is_simple(meter, columns):
        raise UnfitError("a table whose columns may hold any value, for a meter that is no single sum")
    aggregate = aggregates_of(program, usage, [Bucket(meter.name)])[Bucket(meter.name)]
    fields = [key for key in lookup.keys if key.column.kind is ColumnKind.FIELD]
    prefixed = [key for key in fields if key.reduction is Reduction.PREFIX]
    inner = [f"{key.signs_sql if key in prefixed else key.expression} AS {key.name}" for key in fields]
    if lookup.windows:
        inner.append(f"{lookup.windows_sql(lookup.window_sql)} AS windows")
    named = [key.name for key in fields]
    named += ["windows"] if lookup.windows else []
    sums = [(column, sql) for column, sql, _ in aggregate.columns]
    if meter.aggregation is Aggregation.UNIQUE:
        # Quantities that were metered elsewhere have fields too, and are added.
        event = filter_sql(program, meter, Bucket(meter.name), usage)
        inner.append(f"CASE WHEN {event} THEN {distinct_sql(meter, columns)} END AS value")
        named.append("value")
        sums[0] = (aggregate.top, "0")
    doubtful = _doubtful(meter, charge, lookup, usage)
    if doubtful is not None:
        sums.append(("doubts", f"count(*) FILTER (WHERE {doubtful})"))
    counted = ", ".join(f"{sql} AS {column}" for column, sql in sums)
    where = _counts(program, meter, usage) + ("" if doubtful is None else f" OR {doubtful}")
    undated = " OR time IS NULL" if usage.quantity_scale is not None else ""
    if common is not None:
        low, high = (f"make_timestamptz({edge})" for edge in common)
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {table}_used AS SELECT {', '.join(['account', *inner, counted])} "
            f"FROM {relation} WHERE ((time >= {low} AND time < {high}){undated}) AND ({where}) "
            f"GROUP BY {', '.join(map(str, range(1, 2 + len(inner))))}"
        )
        joined = "s.account_key = u.account"
    else:
        inside = f"((u.time >= s.from_time AND u.time < s.until_time){' OR u.time IS NULL' if undated else ''})"
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {table}_used AS SELECT {', '.join(['s.sid', *inner, counted])} "
            f"FROM {relation} u JOIN (SELECT sid, account_key, from_time, until_time FROM statement) s "
            f"ON u.account = s.account_key AND {inside} WHERE {where} "
            f"GROUP BY {', '.join(map(str, range(1, 2 + len(inner))))}"
        )
        joined = "s.sid = u.sid"
    if doubtful is not None:
        connection.execute(
            f"INSERT INTO scalar_statement SELECT DISTINCT s.sid, {text_literal(DOUBTFUL)} FROM {table}_used u "
            f"JOIN statement s ON {joined} JOIN {table}_version v ON v.member = s.member WHERE u.doubts > 0"
        )
    own = [f"{key.expression} AS {key.name}" for key in lookup.keys if key.column.kind is ColumnKind.ATTRIBUTE]
    # The longest prefix is looked for once for all rows of the same first signs.
    for key in prefixed:
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {table}_{key.name} AS SELECT signs, {key.prefix_of_signs('signs')} "
            "AS prefix "
            f"FROM (SELECT DISTINCT {key.name} AS signs FROM {table}_used)"
        )
    prefixes = {key.name: f"p_{key.name}.prefix AS {key.name}" for key in prefixed}
    by_signs = "".join(f" LEFT JOIN {table}_{key} p_{key} ON p_{key}.signs = u.{key}" for key in prefixes)
    variant = len(lookup.trees) > 1
    selected = ["s.sid", "v.version", *(["w.variant"] if variant else []), *own]
    selected += [prefixes.get(each, f"u.{each}") for each in named]
    selected += [f"u.{column}" for column, _ in sums]
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW {table}_keyed AS SELECT {', '.join(selected)} FROM {table}_used u "
        f"JOIN statement s ON {joined} JOIN {table}_version v ON v.member = s.member{by_signs}"
        f"{f' JOIN {table}_variant w ON w.version = v.version' if variant else ''}"
    )
    return Groups(table, meter, aggregate)


def _counts(program: Program, meter: Meter, usage: Usage) -> str:
    """Whether a row is one that the meter counts, or a quantity of it."""
    where = filter_sql(program, meter, Bucket(meter.name), usage)
    field = None if meter.field is None else usage.events[meter.event].fields[meter.field]
    if field is not None and not field.required:
        where = f"{where} AND {field.sql} IS NOT NULL"
    return where if usage.quantity_scale is None else f"({where}) OR meter = {text_literal(meter.name)}"


def _doubtful(meter: Meter, charge: Charge, lookup: Lookup, usage: Usage) -> str | None:
    """Whether no query says to what a row belongs, as `metering.doubtful_sql`; None where all rows are clear."""
    fields = usage.events[meter.event].fields
    undecided = None if meter.where is None else undecided_sql(meter.where, fields)
    found = [] if undecided is None else [f"(event = {text_literal(meter.event)} AND {undecided})"]
    doubts = [f"{fields[column.name].sql} IS NULL" for column in charge.columns if column.kind is ColumnKind.FIELD]
    doubts += ["time IS NULL"] if lookup.windows else []
    if doubts and usage.quantity_scale is not None:
        found.append(f"(meter = {text_literal(meter.name)} AND ({' OR '.join(doubts)}))")
    return " OR ".join(found) or None
