"""Parquet through DuckDB, and the one connection that this package opens. DuckDB is imported on first use.

Nothing is read through a float: such columns are reported, not fetched. `TIMESTAMP WITH TIME ZONE` comes as an instant
of UTC, `TIMESTAMP` as a time without offset, and nanoseconds are cut to microseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..engine.batch.quoting import pattern, quoted, text_literal
from .files import InputFile, UnreadableFileError
from .rows import Broken, RawRow, RowSource

if TYPE_CHECKING:
    import duckdb

_BATCH: Final = 20_000
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - a time without offset, on purpose
_EPOCH_UTC: Final = datetime(1970, 1, 1, tzinfo=UTC)
_AS_TEXT: Final = frozenset({"uuid", "enum", "time", "time_ns", "time with time zone", "interval", "bit"})


def connect() -> duckdb.DuckDBPyConnection:
    """A fresh in-memory engine that keeps UTC and never reaches for the network."""
    import duckdb

    offline: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    connection = duckdb.connect(":memory:", config=offline)
    # DuckDB would show progress of its own on standard output where it takes Python for interactive.
    connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar_print = false")
    return connection


@dataclass(frozen=True, slots=True)
class _Column:
    """A fetched column: its name, the SQL that gives it, whether it stands inside `data`, and what completes it."""

    name: str
    expression: str
    in_data: bool = False
    complete: Callable[[Any], object] | None = None


@contextmanager
def read_errors() -> Iterator[None]:
    """Whatever says that a file cannot be read, as `UnreadableFileError`."""
    import duckdb

    try:
        yield
    except (duckdb.Error, OverflowError, UnicodeDecodeError) as error:
        raise UnreadableFileError(str(error).partition("\n")[0]) from error


@contextmanager
def open_parquet(file: InputFile, wanted: Collection[str]) -> Iterator[RowSource]:
    """The rows of a Parquet file, numbered from 1, with the wanted columns only."""
    path = pattern(str(file.path))
    connection = connect()
    try:
        with read_errors():
            shape = connection.sql("SELECT * FROM read_parquet(?, hive_partitioning = false)", params=[path])
            columns, floats = _columns(list(zip(shape.columns, shape.types, strict=True)), wanted)
            selected = ", ".join(column.expression for column in columns) or "NULL"
            connection.execute(f"SELECT {selected} FROM read_parquet(?, hive_partitioning = false)", [path])
            yield RowSource(_rows(connection, columns), tuple(shape.columns), floats)
    finally:
        connection.close()


def chosen_rows(
    connection: duckdb.DuckDBPyConnection,
    shape: list[tuple[str, Any]],
    wanted: Collection[str],
    query: Callable[[Sequence[str]], str],
) -> Iterator[tuple[int, RawRow | Broken]]:
    """Some rows of a file of this shape, as `open_parquet` gives them.

    `query` makes a query from expressions over the file's columns: it gives each row's number, then their values.
    """
    columns, _ = _columns(shape, wanted)
    connection.execute(query([column.expression for column in columns]))
    return _rows(connection, columns, are_numbered=True)


def _rows(
    connection: duckdb.DuckDBPyConnection, columns: list[_Column], *, are_numbered: bool = False
) -> Iterator[tuple[int, RawRow | Broken]]:
    flat = [(index, column.name) for index, column in enumerate(columns) if not column.in_data]
    inner = [(index, column.name) for index, column in enumerate(columns) if column.in_data]
    completing = [(index, column.complete) for index, column in enumerate(columns) if column.complete]
    number = 0
    while batch := connection.fetchmany(_BATCH):
        for fetched in batch:
            cells: Sequence[Any] = fetched[1:] if are_numbered else fetched
            number = fetched[0] if are_numbered else number + 1
            if completing:
                completed = list(cells)
                for index, complete in completing:
                    if completed[index] is not None:
                        completed[index] = complete(completed[index])
                cells = completed
            row: RawRow = {name: cells[index] for index, name in flat if cells[index] is not None}
            if inner:
                row["data"] = {name: cells[index] for index, name in inner if cells[index] is not None}
            yield number, row


def _columns(shape: list[tuple[str, Any]], wanted: Collection[str]) -> tuple[list[_Column], dict[str, str]]:
    columns: list[_Column] = []
    floats: dict[str, str] = {}
    for name, type_ in shape:
        if name not in wanted:
            continue
        if name == "data" and type_.id == "struct":
            parts = [(child, child_type, f"{quoted(name)}.{quoted(child)}") for child, child_type in type_.children]
            in_data = True
        else:
            parts, in_data = [(name, type_, quoted(name))], False
        for part, part_type, expression in parts:
            if holds_float(part_type):
                floats[f"data.{part}" if in_data else part] = str(part_type)
            else:
                columns.append(_column(part, part_type, expression, in_data=in_data))
    return columns, floats


def _column(name: str, type_: Any, expression: str, *, in_data: bool) -> _Column:
    identity = type_.id
    if identity in ("timestamp_ns", "timestamp with time zone"):
        nanoseconds = identity == "timestamp_ns"
        function, complete = ("epoch_ns", _local_from_nanoseconds) if nanoseconds else ("epoch_us", _instant)
        return _Column(name, f"{function}({expression})", in_data, complete)
    if identity in _AS_TEXT or (identity in ("list", "struct", "map", "array") and "TIME ZONE" in str(type_)):
        return _Column(name, f"CAST({expression} AS VARCHAR)", in_data)
    return _Column(name, expression, in_data)


def fetched_column(name: str, type_: Any) -> str | None:
    """The SQL that fetches a column as `open_parquet` gives it, where nothing has to complete it; None for others."""
    column = _column(name, type_, quoted(name), in_data=False)
    return None if column.complete or holds_float(type_) else column.expression


def _instant(microseconds: int) -> datetime | str:
    """The instant; a text, which no field takes for a time, where the calendar does not reach."""
    try:
        return _EPOCH_UTC + timedelta(microseconds=microseconds)
    except OverflowError:
        return f"{microseconds} microseconds from 1970"


def _local_from_nanoseconds(nanoseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=nanoseconds // 1000)


def holds_float(type_: Any) -> bool:
    """Whether a type of DuckDB is a binary float, or has one inside."""
    if type_.id in ("float", "double"):
        return True
    if type_.id in ("list", "struct", "map", "array"):
        return any(holds_float(child) for _, child in type_.children if hasattr(child, "id"))
    return False


def write_typed(staged: Path, types: Mapping[str, str], path: Path) -> None:
    """Turn a CSV file without a header into Parquet with these columns; an empty cell is nothing."""
    import duckdb

    texts = ", ".join(f"{text_literal(name)}: 'VARCHAR'" for name in types)
    casts = ", ".join(f"CAST({quoted(name)} AS {type_}) AS {quoted(name)}" for name, type_ in types.items())
    dialect = "auto_detect = false, header = false, delim = ',', quote = '\"', escape = '\"', nullstr = ''"
    rows = f"read_csv({text_literal(str(staged))}, {dialect}, columns = {{{texts}}}, max_line_size = 16777216)"
    connection = connect()
    try:
        connection.execute(f"COPY (SELECT {casts} FROM {rows}) TO {text_literal(str(path))} (FORMAT parquet)")
    except duckdb.IOException as error:
        raise OSError(str(error).partition("\n")[0]) from error
    finally:
        connection.close()
