"""Rows of Spark, chunk by chunk, as the usage files that the columnar evaluator reads.

A chunk is written to the task's own disk and read by the same code as a file on one machine, so that the same rows are
taken, with the same values, and refused in the same words.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ...engine.usage import FactSchema
from ..columnar.expressions import quoted
from ..columnar.odd_rows import SettledUsage, settle
from ..columnar.readings import Digits
from ..columnar.taken_rows import room_of
from ..columnar.usage import usage_relation
from ..files import FileKind
from ..parquet import connect
from ..rejects import Reject
from .told import REJECTS_MAX, Told, joined_rooms

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

CHUNK_ROWS: Final = 1_000_000
_BATCH: Final = 50_000
CHUNK_BYTES: Final = 256 * 2**20
TEXT: Final = "value"
"""The column of a frame of lines."""

PLACE_COLUMNS: Final = ("place_file", "place_block", "place_row")
_SUFFIXES: Final = {FileKind.PARQUET: ".parquet", FileKind.JSON_LINES: ".jsonl", FileKind.CSV: ".csv"}


@dataclass(frozen=True, slots=True)
class Chunked:
    """How rows of a frame are read: of which kind they are, under which header (CSV), and as which types.

    `types` are those of the columns of usage that go on; `unique_ids` stands for rows whose repeats are looked for by
    the driver, or not at all.
    """

    kind: FileKind
    types: Mapping[str, str]
    header: bytes = b""
    chunk_rows: int = CHUNK_ROWS


def shipped(types: Mapping[str, str]) -> tuple[str, ...]:
    """The columns of usage that go from task to task."""
    return tuple(name for name in types if name not in ("plain", "id_key"))


@contextmanager
def task_connection(memory: str) -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    """An engine for one task: one thread, so much memory, and a folder on the task's disk for what is more."""
    with tempfile.TemporaryDirectory(prefix="ratebook-") as name:
        connection = connect()
        try:
            folder = Path(name)
            connection.execute("SET threads = 1")
            connection.execute(f"SET memory_limit = '{memory}'")
            connection.execute(f"SET temp_directory = '{folder / 'spill'}'")
            yield connection, folder
        finally:
            connection.close()


def tables_of(batches: Iterable[pa.RecordBatch], rows_max: int = CHUNK_ROWS) -> Iterator[pa.Table]:
    """Batches as tables of about a chunk each."""
    import pyarrow as pa

    held: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        if batch.num_rows == 0:
            continue
        held.append(batch)
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if rows >= rows_max or size >= CHUNK_BYTES:
            yield pa.Table.from_batches(held)
            held, rows, size = [], 0, 0
    if held:
        yield pa.Table.from_batches(held)


def arrow_batches(connection: duckdb.DuckDBPyConnection, query: str) -> Iterator[pa.RecordBatch]:
    """The result of a query, batch by batch; it is read to its end before the connection does something else."""
    # What was asked before and not read to its end would stand in the way.
    connection.execute("SELECT 1").fetchall()
    yield from connection.sql(query).to_arrow_reader(_BATCH)


def relations(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    schema: FactSchema,
    chunked: Chunked,
    batches: Iterable[pa.RecordBatch],
    told: Told,
) -> Iterator[str]:
    """A query of valid usage for each chunk, with the columns `shipped` in their types; mistakes are told."""
    for number, table in enumerate(tables_of(batches, chunked.chunk_rows)):
        path = write_chunk(folder / f"usage{number}", chunked, table)
        found = _settled(connection, path, schema)
        told.rejected += found.rejected
        told.repeated += found.repeated
        told.rejects = (*told.rejects, *found.rejects)[:REJECTS_MAX]
        told.findings = tuple(dict.fromkeys((*told.findings, *(_unplaced(each) for each in found.findings))))
        if found.beyond:
            told.beyond = next(iter(found.beyond))
        missing = _missing_rooms(chunked.types, found.types)
        told.rooms = joined_rooms(told.rooms, missing)
        if not missing:
            yield f"(SELECT {_columns(chunked.types, found.types)} FROM ({found.sql}) AS chunk)"
        path.unlink()


def write_chunk(stem: Path, chunked: Chunked, table: pa.Table) -> Path:
    """The file of a chunk."""
    path = stem.with_suffix(_SUFFIXES[chunked.kind])
    if chunked.kind is FileKind.PARQUET:
        import pyarrow.parquet

        kept = [name for name in table.column_names if name not in PLACE_COLUMNS]
        pyarrow.parquet.write_table(table.select(kept), path, compression="none")
        return path
    with path.open("wb") as stream:
        if chunked.header:
            stream.write(chunked.header + b"\n")
        for lines in table.column(TEXT).cast("binary").chunks:
            stream.write(b"\n".join(lines.to_pylist()))
            stream.write(b"\n")
    return path


def _settled(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    schema: FactSchema,
    *,
    known_accounts: Set[str] | None = None,
    unknown: str | None = None,
) -> SettledUsage:
    relation = usage_relation(connection, [path], schema)
    return settle(connection, relation, known_accounts=known_accounts, unknown=unknown, unique_ids=True)


def _missing_rooms(types: Mapping[str, str], found: Mapping[str, str]) -> dict[str, Digits]:
    """The digits that columns of a chunk have and those of the run do not."""
    missing = {}
    for name, sql_type in types.items():
        if sql_type.startswith("DECIMAL") and found[name] != sql_type:
            room, needed = room_of(sql_type), room_of(found[name])
            if needed.whole > room.whole or needed.decimals > room.decimals:
                missing[name] = room.joined(needed)
    return missing


def _columns(types: Mapping[str, str], found: Mapping[str, str]) -> str:
    """The columns that go on; numbers in the types of the run, which have room for them."""
    listed = []
    for name in shipped(types):
        column = quoted(name)
        cast = types[name].startswith("DECIMAL") and found[name] != types[name]
        listed.append(f"CAST({column} AS {types[name]}) AS {column}" if cast else column)
    return ", ".join(listed)


def _unplaced(finding: Any) -> Any:
    """A finding about a chunk as one about usage: the chunk's file is gone when it is read."""
    return replace(finding, place="usage")


def located(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    schema: FactSchema,
    chunked: Chunked,
    batches: Iterable[pa.RecordBatch],
    known_accounts: Set[str],
) -> Iterator[Reject]:
    """Every mistake of rows that come with their places, usage of unknown accounts among them."""
    lines: dict[tuple[str, int], int] = {}
    connection.execute(
        "CREATE TEMP TABLE known_account AS SELECT unnest(?::VARCHAR[]) AS account", [list(known_accounts)]
    )
    for number, table in enumerate(tables_of(batches, chunked.chunk_rows)):
        path = write_chunk(folder / f"usage{number}", chunked, table)
        native = usage_relation(connection, [path], schema)
        unknown = (
            f"SELECT DISTINCT account FROM ({native.sql}) "
            "WHERE CAST(account AS VARCHAR) NOT IN (SELECT account FROM known_account)"
        )
        found = _settled(connection, path, schema, known_accounts=known_accounts, unknown=unknown)
        places = _Places(table, chunked, lines)
        yield from map(places.placed, found.rejects)
        path.unlink()


class _Places:
    """Where the rows of a chunk come from. Lines are counted from the beginning of a split of a file."""

    def __init__(self, table: pa.Table, chunked: Chunked, lines: dict[tuple[str, int], int]) -> None:
        self._kind, self._has_header = chunked.kind, bool(chunked.header)
        self._files, self._blocks, self._rows = (_cells(table, name) for name in PLACE_COLUMNS)
        self._counts: list[int] = []
        for key in zip(self._files, self._blocks, strict=True):
            lines[key] = lines.get(key, 0) + 1
            self._counts.append(lines[key])

    def placed(self, found: Reject) -> Reject:
        """The mistake with the place of its row in Spark's files."""
        index = -1 if found.row is None else found.row - (2 if self._has_header else 1)
        if not 0 <= index < len(self._files):
            return replace(found, file="usage", row=None, place="usage")
        name = self._files[index]
        if self._kind is FileKind.PARQUET:
            row = self._rows[index] + 1
            return replace(found, file=name, row=row, place=f"{name}, row {row}")
        block, line = (
            self._blocks[index],
            self._counts[index] + (1 if self._has_header and not self._blocks[index] else 0),
        )
        if block:
            return replace(found, file=name, row=None, place=f"{name}, line {line} behind byte {block}")
        return replace(found, file=name, row=line, place=f"{name}, line {line}")


def _cells(table: pa.Table, name: str) -> list[Any]:
    return table.column(name).to_pylist() if name in table.column_names else []
