"""Small tables of the engine, filled from Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from ..values import DIGITS_MAX
from .cells import name

if TYPE_CHECKING:
    import duckdb


_NARROW: Final = 18
"""A decimal of so many digits is an integer of 64 bits."""


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


def whole_sql(decimal: str, scale: int, size: int) -> str:
    """A decimal of this scale as the whole number of its last digits; `size` is the greatest such number, without sign."""
    if scale == 0:
        return f"CAST({decimal} AS HUGEINT)"

    def shifted(width: int, type_: str) -> str:
        one = f"{10**scale}::DECIMAL({scale + 1},0)"
        return f"CAST(CAST({decimal} AS DECIMAL({width},{scale})) * {one} AS {type_})"

    if size < 10**_NARROW and scale <= _NARROW:
        # From 64 bits this costs a fifth of what it does from 128 bits.
        return shifted(_NARROW, "BIGINT")
    if size * 10**scale < 10**DIGITS_MAX:
        return shifted(DIGITS_MAX, "HUGEINT")
    # The product would have too many digits, those behind the point being zero: the digits are read as they stand.
    return f"CAST(replace(CAST({decimal} AS VARCHAR), '.', '') AS HUGEINT)"
