"""What a task writes of its statements: the lines of a file of text, or rows of FOCUS columns, for Spark's writers.

One file's types follow from what stands in it. Parts of one result need the same types, so that numbers are given those
of the run; where a part needs more room, it says so, and the run is repeated with it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ...money import MoneyUnit
from ..columnar.expressions import literal, quoted
from ..columnar.readings import Digits
from ..columnar.taken_rows import room_of
from ..focus import COLUMNS
from ..parquet import connect
from ..statements import StatementFormat
from ..values import DIGITS_MAX
from .chunks import arrow_batches
from .told import Told, joined_rooms

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

QUANTITY_DECIMALS: Final = 12
TEXT: Final = "value"
PART: Final = "part"
_PIECE: Final = 16 * 2**20


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


def parts_of(
    connection: duckdb.DuckDBPyConnection, path: Path, form: StatementFormat, types: Mapping[str, str], told: Told
) -> Iterator[bytes]:
    """A file of statements as a few pieces, which cost next to nothing to keep until all tasks are done.

    What Parquet needs more room for than the types of the run have is told.
    """
    if form is StatementFormat.PARQUET:
        missing = _missing(connection, path, types)
        told.rooms = joined_rooms(told.rooms, missing)
        if not missing:
            yield path.read_bytes()
        return
    with path.open("rb") as stream:
        # A piece ends with a line.
        while piece := stream.read(_PIECE):
            yield piece + stream.readline()


def parts_table(parts: Iterable[bytes]) -> Iterator[pa.RecordBatch]:
    """Pieces as the rows of a task's result."""
    import pyarrow as pa

    for part in parts:
        yield pa.record_batch({"told": pa.nulls(1, pa.binary()), PART: pa.array([part], pa.binary())})


def text_rows(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Pieces as lines, whose writer ends each with the line feed that it loses here."""
    import pyarrow as pa

    for batch in batches:
        for part in batch.column(0).to_pylist():
            yield pa.record_batch(
                {TEXT: pa.array(part.removesuffix(b"\n").split(b"\n"), pa.binary()).cast(pa.string())}
            )


def parquet_rows(types: Mapping[str, str], batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Pieces as rows in the types of the run."""
    listed = ", ".join(
        f"epoch_us({quoted(name)}) AS {quoted(name)}"
        if COLUMNS[name] == "TIMESTAMPTZ"
        else f"CAST({quoted(name)} AS {sql_type}) AS {quoted(name)}"
        for name, sql_type in types.items()
    )
    with tempfile.TemporaryDirectory(prefix="ratebook-") as folder:
        path = Path(folder) / "part.parquet"
        for batch in batches:
            for part in batch.column(0).to_pylist():
                path.write_bytes(part)
                connection = connect()
                try:
                    connection.execute("SET threads = 1")
                    yield from arrow_batches(connection, f"SELECT {listed} FROM read_parquet({literal(str(path))})")
                finally:
                    connection.close()


def _missing(connection: duckdb.DuckDBPyConnection, path: Path, types: Mapping[str, str]) -> dict[str, Digits]:
    """The digits that columns of a Parquet file need and the types of the run do not have."""
    file = f"read_parquet({literal(str(path))})"
    shape = {row[0]: row[1] for row in connection.execute(f"DESCRIBE SELECT * FROM {file}").fetchall()}
    missing = {}
    for name, sql_type in types.items():
        if sql_type.startswith("DECIMAL") and shape[name] != sql_type:
            needed = _needed(connection, file, name, shape[name])
            room = room_of(sql_type)
            if needed.whole > room.whole or needed.decimals > room.decimals:
                missing[name] = room.joined(needed) if needed.whole > room.whole else needed
    return missing


def _needed(connection: duckdb.DuckDBPyConnection, file: str, name: str, sql_type: str) -> Digits:
    """The digits that the numbers of a column have; a column of texts needs more than any number has."""
    if not sql_type.startswith("DECIMAL"):
        return Digits(DIGITS_MAX, DIGITS_MAX)
    column = quoted(name)
    size = f"length(ltrim(split_part(CAST({column} AS VARCHAR), '.', 1), '-'))"
    row = connection.execute(f"SELECT coalesce(max({size}), 1) FROM {file}").fetchone()
    return Digits(int(row[0]) if row else 1, room_of(sql_type).decimals)
