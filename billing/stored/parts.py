"""Files of usage: which there are, and the engine that reads them. DuckDB is imported on first use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ...diagnostics import Diagnostic
from ...engine.batch.quoting import pattern
from ...intake.columnar.footers import row_count
from ...intake.files import UnreadableFileError
from ...intake.parquet import connect, read_errors
from ...ledger.store import Reader, StoreError, Value

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True, slots=True)
class Part:
    """A file of usage: its row's place in the log, where it is, and what the row says of it.

    `first` and `last` are the times of its earliest and its latest event, in microseconds.
    """

    id: int
    name: str
    path: Path
    digest: str
    events: int
    first: int
    last: int
    received: int

    @property
    def pattern(self) -> str:
        """The path as DuckDB takes it for itself."""
        return pattern(str(self.path))


def parts_of(
    reader: Reader,
    *,
    since: int | None = None,
    until: int | None = None,
    after: int | None = None,
    through: int | None = None,
) -> list[Part]:
    """The files that may hold usage of a span of time, named by rows of a span of the log, in the order of the log.

    `since` (microseconds) belongs to the span and `until` does not; `after` does not, and `through` does. Raises
    `StoreError` (RB7130) where there are such files and nobody said where they lie.
    """
    asked = (("last_time >= ?", since), ("first_time < ?", until), ("id > ?", after), ("id <= ?", through))
    conditions = " AND ".join(["1 = 1", *(condition for condition, value in asked if value is not None)])
    rows = reader.rows(
        "SELECT id, path, digest, events, first_time, last_time, received FROM usage_files "
        f"WHERE {conditions} ORDER BY id",
        [value for _, value in asked if value is not None],
    )
    return [_part(reader.folder, row) for row in rows] if rows else []


def _part(folder: Path | None, row: Sequence[Value]) -> Part:
    number, path, digest, events, first, last, received = row
    name = cast(str, path)
    if folder is None:
        hints = ("say with RATEBOOK_USAGE_FOLDER in which folder they are",)
        raise StoreError(Diagnostic("RB7130", f"{name} is a file of usage, and no folder is known for it", hints=hints))
    return Part(
        cast(int, number),
        name,
        folder / name,
        cast(str, digest),
        cast(int, events),
        cast(int, first),
        cast(int, last),
        cast(int, received),
    )


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    return connect()


@contextmanager
def engine(parts: Sequence[Part]) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to read files with. Raises `StoreError` (RB7130) where one cannot be read, or was changed.

    Once in a process the bytes of each are held against its name, and the number of its events against its row.
    """
    for part in parts:
        _check(part)
    cursor = _engine().cursor()
    try:
        with read_errors():
            yield cursor
    except UnreadableFileError as error:
        raise StoreError(_unreadable(parts, str(error))) from error
    finally:
        cursor.close()


def _check(part: Part) -> None:
    try:
        state = part.path.stat()
        with read_errors():
            found = _events_in(part.path, state.st_size, state.st_mtime_ns)
    except FileNotFoundError as error:
        raise StoreError(finding(part, "is missing")) from error
    except (OSError, UnreadableFileError) as error:
        raise StoreError(finding(part, f"cannot be read: {error!s}")) from error
    if _bytes_hash(part.path, state.st_size, state.st_mtime_ns) != part.path.stem:
        raise StoreError(finding(part, "was changed: its bytes are not those that its name is the hash of"))
    if found != part.events:
        raise StoreError(finding(part, f"has {found:,} events, and the log has {part.events:,} of it"))


def bytes_hash(path: Path) -> str:
    """The SHA-256 of a file in hexadecimal, which is its name."""
    with path.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()


@lru_cache(maxsize=4096)
def _bytes_hash(path: Path, _size: int, _changed: int) -> str:
    """The same, asked once unless the file changes."""
    return bytes_hash(path)


@lru_cache(maxsize=4096)
def _events_in(path: Path, _size: int, _changed: int) -> int:
    """How many events a file has, asked once unless the file changes."""
    cursor = _engine().cursor()
    try:
        return row_count(cursor, str(path))
    finally:
        cursor.close()


def finding(part: Part, what: str) -> Diagnostic:
    """RB7130 of a file, and what is the matter with it."""
    hints = ("bring the file back from a backup: usage that was taken in is in it, and nowhere else",)
    return Diagnostic("RB7130", f"{part.path} {what}", hints=hints, place=f"row {part.id} of usage_files")


def _unreadable(parts: Sequence[Part], reason: str) -> Diagnostic:
    named = next((part for part in parts if str(part.path) in reason), None)
    if named is not None or len(parts) == 1:
        return finding(named or parts[0], f"cannot be read: {reason}")
    hints = ("`ratebook audit verify` says which",)
    return Diagnostic("RB7130", f"files of usage cannot be read: {reason}", hints=hints)
