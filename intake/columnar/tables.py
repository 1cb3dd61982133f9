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
    """A decimal of this scale as the whole number of its last digits; `size` is the greatest such number, without
    sign.
    """
    if scale == 0:
        return f"CAST({decimal} AS HUGEINT)"

    def shifted(number: str, width: int, type_: str) -> str:
        one = f"{10**scale}::DECIMAL({scale + 1},0)"
        return f"CAST(CAST({number} AS DECIMAL({width},{scale})) * {one} AS {type_})"

    # A product of decimals of 64 bits has 64 bits too, and costs a fifth of what one of 128 bits does.
    if size * 10**scale < 10**_NARROW:
        return shifted(decimal, _NARROW, "BIGINT")
    if size < 10**_NARROW and 10 ** (2 * scale) < 10**_NARROW:
        narrow = f"CAST({decimal} AS DECIMAL({_NARROW},{scale}))"
        behind = shifted(f"{narrow} - trunc({narrow})", scale + 1, "BIGINT")
        return f"(CAST(trunc({narrow}) AS BIGINT) * {10**scale} + {behind})"
    if size * 10**scale < 10**DIGITS_MAX:
        return shifted(decimal, DIGITS_MAX, "HUGEINT")
    # The product would have too many digits, those behind the point being zero: the digits are read as they stand.
    return f"CAST(replace(CAST({decimal} AS VARCHAR), '.', '') AS HUGEINT)"
