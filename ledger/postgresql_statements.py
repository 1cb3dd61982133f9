"""Statements for PostgreSQL: what a work writes with `?`, and whole tables of rows in one statement.

Rows go in by COPY and balances are set by one UPDATE over arrays, so that a thousand transfers cost a handful of
round trips. Numbers come back as Python integers: PostgreSQL sums them as `numeric`, and a fraction among them is a
mistake of ours, since nothing is divided in SQL.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from psycopg.adapt import Buffer, Loader

from .store import Row, Value
from .tables import Table

if TYPE_CHECKING:
    import psycopg

Raw: TypeAlias = "psycopg.Connection[tuple[Any, ...]]"

COPY_ROWS_MIN = 8
"""From so many rows on, COPY costs less than an INSERT for each."""

STREAM_ROWS = 5_000
"""How many rows of a stream are fetched at a time."""


class WholeNumber(Loader):
    """`numeric` as an integer: what `sum` of whole numbers gives. ValueError for a fraction."""

    def load(self, data: Buffer) -> int:
        return int(bytes(data))


class TruthAsNumber(Loader):
    """`boolean` as 0 or 1, as the other database has it."""

    def load(self, data: Buffer) -> int:
        return int(bytes(data) == b"t")


class PostgresqlConnection:
    """Statements for one connection; see `transaction.Connection`."""

    __slots__ = ("_names", "_raw", "folder")

    def __init__(self, raw: Raw, folder: Path | None = None) -> None:
        self._raw = raw
        self.folder = folder
        self._names = count(1)

    def rows(self, sql: str, parameters: Row = ()) -> list[tuple[Value, ...]]:
        return self._execute(sql, parameters).fetchall()

    def stream(self, sql: str, parameters: Row = ()) -> Iterator[tuple[Value, ...]]:
        cursor = self._raw.cursor(f"ratebook_{next(self._names)}")
        cursor.itersize = STREAM_ROWS
        with cursor:
            cursor.execute(marked(sql) if parameters else sql.encode(), parameters or None)
            yield from cursor

    def put(self, sql: str, parameters: Row = ()) -> int:
        return self._execute(sql, parameters).rowcount

    def put_many(self, sql: str, rows: Sequence[Row]) -> None:
        with self._raw.cursor() as cursor:
            cursor.executemany(marked(sql), rows)

    def insert(self, table: Table, rows: Sequence[Row]) -> None:
        if len(rows) < COPY_ROWS_MIN:
            sql = _insert_into(table)
            for row in rows:
                self._raw.execute(sql, row)
            return
        with self._raw.cursor() as cursor, cursor.copy(f"COPY {table.name} FROM STDIN".encode()) as copy:
            for row in rows:
                copy.write_row(row)

    def chosen(self, sql: str, values: Sequence[int] | Sequence[str]) -> list[tuple[Value, ...]]:
        if values and isinstance(values[0], str):
            # JSON is written and read faster than an array of texts with its own escapes.
            any_of, given = "= ANY(ARRAY(SELECT json_array_elements_text(?::json)))", json.dumps(values)
        else:
            any_of, given = "= ANY(?::bigint[])", _array(values)
        times = sql.count("IN {values}")
        return self._execute(sql.replace("IN {values}", any_of), (given,) * times).fetchall()

    def update_balances(self, rows: Sequence[tuple[int, int, int, int]]) -> None:
        self._raw.execute(_UPDATE_BALANCES, [_array(column) for column in zip(*rows, strict=True)])

    def _execute(self, sql: str, parameters: Row) -> psycopg.Cursor[tuple[Any, ...]]:
        if parameters:
            return self._raw.execute(marked(sql), parameters)
        return self._raw.execute(sql.encode())


_UPDATE_BALANCES = (
    b"UPDATE balances SET credits = new.credits, debits = new.debits, held = new.held "
    b"FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[]) AS new (credits, debits, held, account) "
    b"WHERE balances.account = new.account"
)


@lru_cache(maxsize=1024)
def marked(sql: str) -> bytes:
    """A statement with psycopg's marks for parameters; what stands in quotation marks is left alone."""
    parts = sql.replace("%", "%%").split("'")
    parts[::2] = [part.replace("?", "%s") for part in parts[::2]]
    return "'".join(parts).encode()


@lru_cache(maxsize=256)
def _insert_into(table: Table) -> bytes:
    return f"INSERT INTO {table.name} VALUES ({', '.join('%s' for _ in table.all_columns)})".encode()


def _array(numbers: Iterable[object]) -> str:
    """Whole numbers as PostgreSQL writes an array; ten times as fast as psycopg's adaptation of a list."""
    return f"{{{','.join(map(str, numbers))}}}"
