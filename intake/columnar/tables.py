"""Small tables of the engine, filled from Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .cells import name

if TYPE_CHECKING:
    import duckdb


def insert(
    connection: duckdb.DuckDBPyConnection, table: str, types: Mapping[str, str], rows: Sequence[Sequence[object]]
) -> None:
    """Make a table of these columns and put rows into it, column by column: one call for any number of rows."""
    columns = ", ".join(f"{name(column)} {type_}" for column, type_ in types.items())
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {name(table)} ({columns})")
    if rows:
        casts = ", ".join(f"unnest(?::VARCHAR[])::{type_}" for type_ in types.values())
        cells = [[None if row[at] is None else str(row[at]) for row in rows] for at in range(len(types))]
        connection.execute(f"INSERT INTO {name(table)} SELECT {casts}", cells)
