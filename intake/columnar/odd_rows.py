"""Rows that SQL alone does not settle: the Python reader takes or rejects them, with its own words.

Odd rows are those that are not plain, those whose identity occurs more than once, and those of unknown accounts. They
are handed over in the order of files and rows, so that the one that was read first is the same as in `read_usage`. What
is taken comes back into the relation.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from typing import TYPE_CHECKING, Final

from ...diagnostics import Diagnostic
from ...engine.usage import AccountUsage
from ...records import Record
from ..columns import usage_columns
from ..facts import Fact
from ..files import FileKind, InputFile, UnreadableFileError, unreadable
from ..parquet import chosen_rows, read_errors
from ..rejects import Reject
from ..rows import Broken, RawRow, RowSource, open_rows
from ..usage import UsageIntake, UsageReading
from .expressions import FALSE, TRUE, any_of, quoted
from .foreign_columns import foreign_columns
from .relation import RowsQuery
from .repeats import REPEATED, repeated_identities
from .taken_rows import take
from .text_scans import numbered_rows
from .usage import UsageRelation

if TYPE_CHECKING:
    import duckdb

ODD_TABLE: Final = "odd_usage"


class SettledUsage(Record):
    """Usage to rate: every row of `sql` counts, once. Its columns have the types of `types`.

    The counts are those of `UsageIntake`; `read` is None where only a scan can tell. `beyond` is usage that no column
    has room for: its accounts have these facts besides their rows, and take the scalar road.
    """

    sql: str
    types: Mapping[str, str]
    read: int | None
    odd: int
    repeated: int
    rejected: int
    rejects: tuple[Reject, ...]
    findings: tuple[Diagnostic, ...]
    beyond: Mapping[str, AccountUsage]


def settle(
    connection: duckdb.DuckDBPyConnection,
    relation: UsageRelation,
    *,
    known_accounts: Set[str] | None = None,
    unknown: str | None = None,
    has_odd_rows: bool = True,
    unique_ids: bool = False,
) -> SettledUsage:
    """Hand odd rows to the Python reader and put what it takes into the relation.

    `unknown` is a query of one column, the values of the relation's `account` that are in no accounts file.
    `has_odd_rows` is false where a scan has found every row plain. `unique_ids` says that no identity repeats.
    """
    unseen = _unseen_rows(connection, relation, has_odd_rows=has_odd_rows)
    repeats = not unique_ids and repeated_identities(connection, relation, unseen)
    if unknown is not None:
        connection.execute(f"CREATE OR REPLACE TEMP TABLE unknown_account AS {unknown}")
    reading = UsageReading(relation.schema, known_accounts, None, [])
    odd_where = [
        _odd_where(query, has_odd_rows=has_odd_rows, repeats=repeats, unknown=unknown is not None)
        for query in relation.queries
    ]
    for file in relation.files:
        if file in relation.left:
            _take_whole(file, reading)
        for query, where in zip(relation.queries, odd_where, strict=True):
            if file in query.rows.scan.files and where != FALSE:
                try:
                    with read_errors():
                        rows = _odd_rows(connection, query, file, where, reading.wanted)
                        reading.take_file(file, RowSource(rows))
                except UnreadableFileError as error:
                    reading.findings.append(unreadable(file, error))
    return _settled(connection, relation, reading.result(), odd_where)


def _unseen_rows(
    connection: duckdb.DuckDBPyConnection, relation: UsageRelation, *, has_odd_rows: bool
) -> Iterator[RawRow | Broken]:
    """The rows in which SQL sees no `id`: those of files that the Python reader reads whole, and odd lines of JSON."""
    wanted = usage_columns(relation.schema)
    for file in relation.left:
        try:
            with open_rows(file, wanted) as source:
                yield from (row for _, row in source.rows)
        except UnreadableFileError:
            continue  # which is said where its rows are read
    for query in relation.queries:
        for file in query.rows.scan.files:
            if file.kind is FileKind.JSON_LINES and has_odd_rows:
                rows = _odd_rows(connection, query, file, f"NOT {query.plain}", wanted)
                yield from (row for _, row in rows)


def _take_whole(file: InputFile, reading: UsageReading) -> None:
    try:
        with open_rows(file, reading.wanted) as source:
            reading.take_file(file, source)
    except UnreadableFileError as error:
        reading.findings.append(unreadable(file, error))


def _odd_where(query: RowsQuery, *, has_odd_rows: bool, repeats: bool, unknown: bool) -> str:
    """Which rows of a scan are odd, over the columns of its `inner` query."""
    conditions = [FALSE if not has_odd_rows or query.plain == TRUE else f"NOT {query.plain}"]
    if repeats and query.rows.scan.column("id") is not None:
        same = f"r.id_key = {quoted('is.id')} AND r.source IS NOT DISTINCT FROM {quoted('is.source')}"
        conditions.append(f"EXISTS (SELECT 1 FROM {REPEATED} r WHERE {same})")
    if unknown:
        conditions.append(f"coalesce({quoted('is.account')} IN (SELECT * FROM unknown_account), false)")
    return any_of(conditions)


def _odd_rows(
    connection: duckdb.DuckDBPyConnection, query: RowsQuery, file: InputFile, where: str, wanted: Collection[str]
) -> Iterator[tuple[int, RawRow | Broken]]:
    """The odd rows of a file as the Python reader gets them, in order."""
    scan = query.rows.scan
    source, number = scan.source_of(file, numbered=True), scan.row_number_sql
    if scan.numbered is not None:
        found = connection.execute(query.rows_where(source, number, (), where)).fetchall()
        return numbered_rows(file, [row[0] for row in found]) if found else iter(())
    shape = connection.sql(f"SELECT * FROM {scan.source_of(file)}")
    described = list(zip(shape.columns, shape.types, strict=True))
    return chosen_rows(
        connection,
        described,
        wanted,
        lambda cells: query.rows_where(source, number, cells, where),
    )


def _settled(
    connection: duckdb.DuckDBPyConnection, relation: UsageRelation, intake: UsageIntake, odd_where: Sequence[str]
) -> SettledUsage:
    facts: list[Fact] = []
    for usage in intake.by_account.values():
        facts += [*usage.events, *usage.quantities]
    types, beyond = relation.types, dict[str, AccountUsage]()
    if facts:
        taken = take(connection, ODD_TABLE, facts, types)
        types, beyond = taken.types, dict(taken.beyond)
    selects = [
        query.sql(relation.fields, types=types, where="" if where == FALSE else f"NOT {where}")
        for query, where in zip(relation.queries, odd_where, strict=True)
    ]
    if facts:
        columns = ", ".join(map(quoted, types))
        selects.append(f"SELECT {columns} FROM {ODD_TABLE}")
    refused = relation.refused_rows
    ignored = [finding for query in relation.queries for finding in foreign_columns(connection, query)]
    return SettledUsage(
        " UNION ALL ".join(selects) if selects else relation.sql,
        types,
        None if relation.rows is None else relation.rows + refused,
        intake.read,
        intake.repeated,
        intake.rejected + refused,
        (*relation.rejects, *intake.rejects),
        tuple(dict.fromkeys((*relation.findings, *ignored, *intake.findings))),
        beyond,
    )
