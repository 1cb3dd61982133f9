"""What runs inside Spark's tasks: Arrow batches in, Arrow batches out, DuckDB between.

Every function takes what the driver sent and an iterator of batches, as `mapInArrow` calls it. The first column of its
result, `told`, is empty but for one row, in which the task tells the driver what it found (`Told`).
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from ...engine.period import DateRange
from ...engine.plan import Program
from ...engine.usage import Subscription
from ..columnar.checks import count_unsubscribed
from ..columnar.expressions import literal, quoted
from ..columnar.run import Columnar
from ..columnar.stages import Source, finish, meter, prepare
from ..columnar.writing import write_columnar
from ..statements import StatementFormat
from .chunks import Chunked, arrow_batches, located, relations, shipped, tables_of, task_connection
from .sent import unpacked
from .sums import Sums
from .told import REJECTS_MAX, Told
from .written import PART, parts_of, parts_table

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Sent:
    """What every task of a run gets: the program, packed, the days that are rated, and the memory of a task."""

    program: bytes
    period: DateRange
    memory: str


@dataclass(frozen=True, slots=True)
class Rating:
    """How partitions of accounts are rated.

    `types` are those of the columns of usage, `fields` the fields among them. `subscription` are the types of the table
    of subscriptions, `beyond` those with numbers that it has no room for, by account and first day. With `sums` the
    rows are sums of events, and accounts that are marked `apart` are left.
    """

    types: Mapping[str, str]
    fields: tuple[str, ...]
    has_quantities: bool
    subscription: Mapping[str, str]
    form: StatementFormat
    written: Mapping[str, str]
    sums: Sums | None = None
    beyond: Mapping[tuple[str, date], Subscription] = field(default_factory=dict)


def read_rows(sent: bytes, chunked: bytes, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Rows of usage files as valid, typed rows; `time` in microseconds since 1970."""
    own: Sent = unpacked(sent)
    reading: Chunked = unpacked(chunked)
    program: Program = unpacked(own.program)
    told = Told()
    with task_connection(own.memory) as (connection, folder):
        for relation in relations(connection, folder, program.schema, reading, batches, told):
            columns = _sent_columns(reading.types)
            for batch in arrow_batches(connection, f"SELECT CAST(NULL AS BLOB) AS told, {columns} FROM {relation}"):
                told.counted += batch.num_rows
                yield batch
        yield _message(connection, told, _types_of_rows(reading.types))


def add_up_files(
    sent: bytes, chunked: bytes, sums: bytes, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Rows of usage files as sums by account and stretch of time."""
    own: Sent = unpacked(sent)
    reading: Chunked = unpacked(chunked)
    program: Program = unpacked(own.program)
    told = Told()
    with task_connection(own.memory) as (connection, folder):
        found = relations(connection, folder, program.schema, reading, batches, told)
        yield from _added_up(connection, unpacked(sums), found, told, counts=True)


def add_up_rows(sent: bytes, types: bytes, sums: bytes, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Valid rows as sums by account and stretch of time; what was told goes on."""
    own: Sent = unpacked(sent)
    columns: Mapping[str, str] = unpacked(types)
    told = Told()

    def chunks(connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
        for table in tables_of(_without_messages(batches, told)):
            connection.register("sent_rows", table)
            yield f"(SELECT {_received_columns(columns)} FROM sent_rows)"
            connection.unregister("sent_rows")

    with task_connection(own.memory) as (connection, _):
        yield from _added_up(connection, unpacked(sums), chunks(connection), told, counts=False)


def _added_up(
    connection: duckdb.DuckDBPyConnection, sums: Sums, found: Iterable[str], told: Told, *, counts: bool
) -> Iterator[pa.RecordBatch]:
    import duckdb

    types = {"account": "VARCHAR", "time": "BIGINT", "n": "BIGINT", **sums.columns}
    is_made = False
    try:
        for relation in found:
            # The first chunk decides on the type of accounts: numbers stay numbers until they are few.
            query = sums.of_events(relation)
            if is_made:
                connection.execute(f"INSERT INTO part {query}")
            else:
                connection.execute(f"CREATE TEMP TABLE part AS {query}")
                connection.execute("ALTER TABLE part ALTER account TYPE VARCHAR")
            is_made = True
        if is_made:
            row = connection.execute("SELECT coalesce(sum(n), 0) FROM part").fetchone()
            told.counted += int(row[0]) if row and counts else 0
            yield from arrow_batches(connection, f"SELECT CAST(NULL AS BLOB) AS told, * FROM ({sums.of_sums('part')})")
    except (duckdb.OutOfRangeException, duckdb.ConversionException) as error:
        told.beyond = str(error).partition("\n")[0]
    yield _message(connection, told, types)


def rate_accounts(sent: bytes, rating: bytes, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Rows or sums of some accounts, beside the subscriptions of just these, as what is written of their statements."""
    own: Sent = unpacked(sent)
    how: Rating = unpacked(rating)
    program: Program = unpacked(own.program)
    told = Told()
    with task_connection(own.memory) as (connection, folder):
        columns = (
            how.types
            if how.sums is None
            else {"account": "VARCHAR", "time": "BIGINT", "n": "BIGINT", **how.sums.columns}
        )
        _gather(connection, columns, how.subscription, _without_messages(batches, told), is_sums=how.sums is not None)
        _tell_unknown(connection, told, "count(*)" if how.sums is None else "sum(n)")
        apart = connection.execute("SELECT DISTINCT account FROM subscription WHERE apart ORDER BY account").fetchall()
        if how.sums is not None:
            connection.execute(
                "DELETE FROM subscription WHERE account IN (SELECT account FROM subscription WHERE apart)"
            )
        connection.execute("ALTER TABLE subscription DROP COLUMN apart")
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE subscription AS SELECT * REPLACE "
            "(CAST(row_number() OVER (ORDER BY account, start) - 1 AS INTEGER) AS sub) FROM subscription "
            "ORDER BY account, start"
        )
        if connection.execute("SELECT 1 FROM subscription LIMIT 1").fetchall():
            run = Columnar(program, connection)
            final = None if how.sums is None else how.sums.final
            source = Source("usage_row", {**how.types, "account": "VARCHAR"}, how.fields, how.has_quantities, final)
            beyond = _beyond(connection, how.beyond)
            prepared = prepare(run, source, own.period)
            scanned = meter(run, source, prepared, looks_for_odd=False)
            finish(run, source, prepared, scanned, own.period, beyond, {})
            told.idle, told.idle_with_days = run.idle - _idle_of(connection, run.left), int(run.idle_with_days)
            told.accounts, told.total, told.refusals = run.accounts, run.total, run.refusals
            told.left = run.left
            _tell_outside(connection, program, own.period, told, "count(*)" if final is None else "sum(n)")
            told.scalar = run.scalar if how.sums is None else {}
            path = folder / "statements"
            problems = write_columnar(connection, program, how.form, path)
            told.refusals += problems
            if not problems:
                yield from parts_table(parts_of(connection, path, how.form, how.written, told))
        if how.sums is not None:
            told.left += tuple(account for (account,) in apart)
        yield _message(connection, told, {PART: "BLOB"})


def locate(sent: bytes, chunked: bytes, known: bytes, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The mistakes of rows that come with their places, and nothing else."""
    own: Sent = unpacked(sent)
    program: Program = unpacked(own.program)
    told = Told()
    with task_connection(own.memory) as (connection, folder):
        for found in located(connection, folder, program.schema, unpacked(chunked), batches, unpacked(known)):
            if len(told.rejects) < REJECTS_MAX:
                told.rejects += (found,)
        yield _message(connection, told, {})


def _gather(
    connection: duckdb.DuckDBPyConnection,
    columns: Mapping[str, str],
    subscription: Mapping[str, str],
    batches: Iterable[pa.RecordBatch],
    *,
    is_sums: bool,
) -> None:
    """Put what was sent into the tables `usage_row` and `subscription`."""
    names = [name for name in columns if name not in ("plain", "id_key")]
    types = {name: columns[name] for name in names}
    types["time"] = "TIMESTAMPTZ"
    shape = ", ".join(f"{quoted(name)} {sql_type}" for name, sql_type in types.items())
    identity = "" if is_sums else ", id_key VARCHAR"
    connection.execute(f"CREATE TEMP TABLE usage_row ({shape}{identity})")
    own = ", ".join(f"{quoted(name)} {sql_type}" for name, sql_type in subscription.items())
    connection.execute(f"CREATE TEMP TABLE subscription ({own})")
    listed = ", ".join(
        "make_timestamptz(time)" if name == "time" else f"CAST({quoted(name)} AS {sql_type})"
        for name, sql_type in types.items()
    )
    identity = "" if is_sums else ", id"
    subscriptions = ", ".join(
        f"CAST({quoted('s_' + name)} AS {sql_type})"
        for name, sql_type in subscription.items()
        if name not in ("sub", "account")
    )
    for table in tables_of(batches):
        connection.register("sent", table)
        connection.execute(f"INSERT INTO usage_row SELECT {listed}{identity} FROM sent WHERE s_plan IS NULL")
        connection.execute(
            f"INSERT INTO subscription SELECT 0, CAST(account AS VARCHAR), {subscriptions} FROM sent "
            "WHERE s_plan IS NOT NULL"
        )
        connection.unregister("sent")


def _tell_unknown(connection: duckdb.DuckDBPyConnection, told: Told, count: str) -> None:
    found = connection.execute(
        f"SELECT account, {count} FROM usage_row WHERE account NOT IN (SELECT account FROM subscription) "
        "GROUP BY account"
    ).fetchall()
    told.unknown = {account: int(rows) for account, rows in found}
    if found:
        connection.execute("DELETE FROM usage_row WHERE account NOT IN (SELECT account FROM subscription)")


def _idle_of(connection: duckdb.DuckDBPyConnection, accounts: Sequence[str]) -> int:
    """How many subscriptions of some accounts have no statement."""
    found = connection.execute(
        "SELECT count(*) FROM subscription WHERE account IN (SELECT unnest(?::VARCHAR[])) "
        "AND sub NOT IN (SELECT sub FROM statement)",
        [list(accounts)],
    ).fetchall()
    return int(found[0][0])


def _tell_outside(
    connection: duckdb.DuckDBPyConnection, program: Program, period: DateRange, told: Told, count: str
) -> None:
    """Tell how many events stand on no statement: outside the period, or while nothing is subscribed.

    Those of accounts that are left are told by the task that rates these.
    """
    if told.left:
        connection.execute("DELETE FROM usage_row WHERE account IN (SELECT unnest(?::VARCHAR[]))", [list(told.left)])
    found = connection.execute(
        f"SELECT coalesce({count}, 0) FROM usage_row u WHERE time IS NOT NULL AND NOT EXISTS "
        "(SELECT 1 FROM statement s WHERE s.account = u.account AND u.time >= s.from_time AND u.time < s.until_time)"
    ).fetchall()
    missed = int(found[0][0])
    if missed:
        zone = ZoneInfo(program.zone)
        told.unsubscribed = count_unsubscribed(connection, "usage_row", period, zone, f"coalesce({count}, 0)")
        told.outside = missed - told.unsubscribed


def _beyond(
    connection: duckdb.DuckDBPyConnection, beyond: Mapping[tuple[str, date], Subscription]
) -> dict[int, Subscription]:
    if not beyond:
        return {}
    rows = connection.execute("SELECT sub, account, start FROM subscription").fetchall()
    return {sub: beyond[account, start] for sub, account, start in rows if (account, start) in beyond}


def _sent_columns(types: Mapping[str, str]) -> str:
    listed = []
    for name, sql_type in _types_of_rows(types).items():
        column = quoted(name)
        listed.append(
            f"epoch_us({column}) AS {column}" if name == "time" else f"CAST({column} AS {sql_type}) AS {column}"
        )
    return ", ".join(listed)


def _received_columns(types: Mapping[str, str]) -> str:
    listed = [name for name in _types_of_rows(types) if name != "time"]
    return ", ".join(["make_timestamptz(time) AS time", *map(quoted, listed)])


def _types_of_rows(types: Mapping[str, str]) -> dict[str, str]:
    """The types in which rows of usage go from task to task."""
    return {name: "BIGINT" if name == "time" else types[name] for name in shipped(types)}


def _without_messages(batches: Iterable[pa.RecordBatch], told: Told) -> Iterator[pa.RecordBatch]:
    """The batches without the rows that tell something, which is taken in."""
    import pyarrow.compute as pc

    for batch in batches:
        messages = batch.column(0)
        if messages.null_count == len(messages):
            yield batch
            continue
        for message in messages.drop_null().to_pylist():
            told.add(pickle.loads(message))
        yield batch.filter(pc.is_null(messages))


def _message(connection: duckdb.DuckDBPyConnection, told: Told, types: Mapping[str, str]) -> pa.RecordBatch:
    """A row in which only `told` holds something."""
    listed = "".join(f", CAST(NULL AS {sql_type}) AS {quoted(name)}" for name, sql_type in types.items())
    content = told.packed().hex()
    return next(arrow_batches(connection, f"SELECT unhex({literal(content)}) AS told{listed}"))
