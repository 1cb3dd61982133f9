"""What a task writes of its statements: the lines of a file of text, or rows of FOCUS columns, for Spark's writers.

One file's types follow from what stands in it. Parts of one result need the same types, so that numbers are given those
of the run; where a part needs more room, it says so, and the run is repeated with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ...money import MoneyUnit
from ..columnar.expressions import literal, quoted
from ..columnar.readings import Digits
from ..columnar.taken_rows import room_of
from ..focus import COLUMNS
from ..statements import StatementFormat
from ..values import DIGITS_MAX
from .chunks import arrow_batches
from .told import Told, joined_rooms

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

QUANTITY_DECIMALS: Final = 12
TEXT: Final = "value"
_LINES: Final = 50_000


def written_types(form: StatementFormat, unit: MoneyUnit, rooms: Mapping[str, Digits]) -> dict[str, str]:
    """The columns of a task's result. Instants go as microseconds since 1970.

    A number whose column would need more than 38 digits goes as text, as in a file of one machine.
    """
    if form is not StatementFormat.PARQUET:
        return {TEXT: "VARCHAR"}
    decimals = unit.currency.minor_digits
    while (unit.size * 10**decimals).denominator != 1:
        decimals += 1
    own = {
        "consumed_quantity": Digits(1, QUANTITY_DECIMALS),
        "amount": Digits(1, decimals),
        "billed_cost": Digits(1, decimals),
    }
    types = {}
    for name, sql_type in COLUMNS.items():
        if sql_type == "DECIMAL":
            room = joined_rooms({name: own[name]}, {name: rooms[name]} if name in rooms else {})[name]
            fits = room.whole + room.decimals <= DIGITS_MAX
            types[name] = f"DECIMAL({DIGITS_MAX}, {room.decimals})" if fits else "VARCHAR"
        else:
            types[name] = "BIGINT" if sql_type == "TIMESTAMPTZ" else sql_type
    return types


def parquet_parts(
    connection: duckdb.DuckDBPyConnection, path: Path, types: Mapping[str, str], told: Told
) -> Iterator[pa.RecordBatch]:
    """The rows of a Parquet file in the types of the run."""
    file = f"read_parquet({literal(str(path))})"
    shape = {row[0]: row[1] for row in connection.execute(f"DESCRIBE SELECT * FROM {file}").fetchall()}
    missing = {}
    for name, sql_type in types.items():
        if sql_type.startswith("DECIMAL") and shape[name] != sql_type:
            needed = _needed(connection, file, name, shape[name])
            room = room_of(sql_type)
            if needed.whole > room.whole or needed.decimals > room.decimals:
                missing[name] = room.joined(needed) if needed.whole > room.whole else needed
    if missing:
        told.rooms = joined_rooms(told.rooms, missing)
        return
    listed = ", ".join(
        f"epoch_us({quoted(name)}) AS {quoted(name)}"
        if COLUMNS[name] == "TIMESTAMPTZ"
        else f"CAST({quoted(name)} AS {sql_type}) AS {quoted(name)}"
        for name, sql_type in types.items()
    )
    query = f"SELECT CAST(NULL AS BLOB) AS told, {listed} FROM {file}"
    yield from arrow_batches(connection, query)


def _needed(connection: duckdb.DuckDBPyConnection, file: str, name: str, sql_type: str) -> Digits:
    """The digits that the numbers of a column have; a column of texts needs more than any number has."""
    if not sql_type.startswith("DECIMAL"):
        return Digits(DIGITS_MAX, DIGITS_MAX)
    column = quoted(name)
    size = f"length(ltrim(split_part(CAST({column} AS VARCHAR), '.', 1), '-'))"
    row = connection.execute(f"SELECT coalesce(max({size}), 1) FROM {file}").fetchone()
    return Digits(int(row[0]) if row else 1, room_of(sql_type).decimals)


def text_parts(
    connection: duckdb.DuckDBPyConnection, path: Path, types: Mapping[str, str], told: Told
) -> Iterator[pa.RecordBatch]:
    """The lines of a file of text, whose writer ends each with the line feed that it has lost here."""
    import pyarrow as pa

    del connection, types, told
    schema = pa.schema([("told", pa.binary()), (TEXT, pa.string())])
    with path.open(encoding="utf-8", newline="\n") as stream:
        while lines := [line.removesuffix("\n") for line in islice(stream, _LINES)]:
            yield pa.RecordBatch.from_arrays(
                [pa.nulls(len(lines), pa.binary()), pa.array(lines, pa.string())], schema=schema
            )
