"""The store on SQLite: one file, nothing to start.

One connection writes and checkpoints; readers open the file read-only. SQLite before 3.51.3 can lose committed data
where two connections write or checkpoint in WAL mode, so a lock file keeps a second writing process out. A commit is
on the disk before it is answered: WAL with `synchronous=FULL`. Where the extra `ratebook[sqlite]` is installed, its
newer SQLite is used instead of Python's.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ..diagnostics import Diagnostic
from .ddl import Dialect
from .merkle import Frontier
from .migrations import CREATE_VERSIONS, READ_VERSION, WRITE_VERSION, pending, wrong_version
from .store import Reader, Row, StoreError, Transaction, Value, no_database, unknown_commit
from .tables import Table
from .transaction import LedgerTransaction, Log
from .writer import Writer

if TYPE_CHECKING:
    import sqlite3

    from filelock import FileLock
else:
    try:
        from pysqlite3 import dbapi2 as sqlite3
    except ImportError:
        import sqlite3

T = TypeVar("T")

LOCK_WAIT_SECONDS = 5.0

CACHE_KIB = 64 * 1024
"""What the writer keeps of the file. Keys and accounts come in any order, and SQLite's own 2 MiB soon hold neither."""

ROWS_AT_ONCE = 100
"""How many rows one statement adds. A statement with triggers keeps copies of the pages that it changes until it has
ended, so that a statement for each row took 20 µs a row, and this takes 13."""


class SqliteConnection:
    """Statements for one connection; see `transaction.Connection`."""

    __slots__ = ("_connection", "_inserts", "folder")

    def __init__(self, connection: sqlite3.Connection, folder: Path | None = None) -> None:
        self._connection = connection
        self.folder = folder
        self._inserts: dict[str, tuple[str, str]] = {}

    def rows(self, sql: str, parameters: Row = ()) -> list[tuple[Value, ...]]:
        return self._connection.execute(sql, parameters).fetchall()

    def stream(self, sql: str, parameters: Row = ()) -> Iterable[tuple[Value, ...]]:
        return self._connection.execute(sql, parameters)

    def put(self, sql: str, parameters: Row = ()) -> int:
        return self._connection.execute(sql, parameters).rowcount

    def put_many(self, sql: str, rows: Sequence[Row]) -> None:
        self._connection.executemany(sql, rows)

    def insert(self, table: Table, rows: Sequence[Row]) -> None:
        inserts = self._inserts.get(table.name)
        if inserts is None:
            inserts = self._inserts[table.name] = _inserts_into(table)
        one, many = inserts
        whole = len(rows) - len(rows) % ROWS_AT_ONCE
        for start in range(0, whole, ROWS_AT_ONCE):
            self._connection.execute(many, tuple(chain.from_iterable(rows[start : start + ROWS_AT_ONCE])))
        if whole < len(rows):
            self._connection.executemany(one, rows[whole:])

    def chosen(self, sql: str, values: Sequence[int] | Sequence[str]) -> list[tuple[Value, ...]]:
        times = sql.count("{values}")
        if len(values) == 1:
            return self._connection.execute(sql.format(values="(?)"), (values[0],) * times).fetchall()
        found = sql.format(values="(SELECT value FROM json_each(?))")
        return self._connection.execute(found, (json.dumps(values),) * times).fetchall()

    def update_balances(self, rows: Sequence[tuple[int, int, int, int]]) -> None:
        self._connection.executemany("UPDATE balances SET credits = ?, debits = ?, held = ? WHERE account = ?", rows)


def _inserts_into(table: Table) -> tuple[str, str]:
    """The statements that add one row to a table, and `ROWS_AT_ONCE`."""
    row = f"({', '.join('?' for _ in table.all_columns)})"
    begin = f"INSERT INTO {table.name} VALUES "
    return begin + row, begin + ", ".join([row] * ROWS_AT_ONCE)


class SqliteSession:
    """The connection that writes, and the lock that keeps others out; see `writer.Session`."""

    def __init__(self, path: Path, folder: Path | None = None) -> None:
        self._path = path
        self._lock = _locked(path)
        try:
            with _failures(path):
                self._raw = _writing(path)
        except BaseException:
            self._lock.release()
            raise
        self._connection = SqliteConnection(self._raw, folder)
        self._log = Log(0, Frontier())
        self._before = (0, Frontier(), False)

    def begin(self) -> None:
        with _failures(self._path):
            self._raw.execute("BEGIN IMMEDIATE")
            size, frontier = self._raw.execute("SELECT size, frontier FROM log_head").fetchone()
        self._log = Log(size, Frontier.from_bytes(frontier))

    def savepoint(self) -> Transaction:
        self._before = (self._log.size, self._log.frontier, self._log.changed)
        with _failures(self._path):
            self._raw.execute("SAVEPOINT work")
        return LedgerTransaction(self._connection, self._log)

    def release(self) -> None:
        with _failures(self._path):
            self._raw.execute("RELEASE work")

    def undo(self) -> None:
        self._log.size, self._log.frontier, self._log.changed = self._before
        with _failures(self._path):
            self._raw.execute("ROLLBACK TO work")
            self._raw.execute("RELEASE work")

    def commit(self) -> None:
        with _failures(self._path):
            if self._log.changed:
                head = (self._log.size, self._log.frontier.to_bytes())
                self._raw.execute("UPDATE log_head SET size = ?, frontier = ?", head)
            try:
                self._raw.execute("COMMIT")
            except sqlite3.OperationalError as error:
                # What was written may reach the disk after all, and is read as committed when the file is opened again.
                if str(getattr(error, "sqlite_errorname", "")).startswith("SQLITE_IOERR"):
                    raise StoreError(unknown_commit(str(self._path), str(error))) from error
                raise

    def failure_of(self, error: Exception) -> StoreError | None:
        return _failure(error, self._path)

    def abandon(self) -> None:
        # Closing rolls back; an explicit rollback can fail where the disk is full.
        self.close()

    def close(self) -> None:
        try:
            self._raw.close()
        finally:
            self._lock.release()


class SqliteStore:
    """A ledger in one file; see `store.Store`."""

    def __init__(self, path: Path, *, create: bool = False, folder: Path | None = None) -> None:
        self._path = path
        self._folder = folder
        if create:
            _migrate(path)
        if not path.exists():
            raise StoreError(no_database(str(path)))
        _check_version(path)
        self._writer = Writer(lambda: SqliteSession(path, folder))
        self._idle: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._closed = False

    def write(self, work: Callable[[Transaction], T]) -> T:
        """See `store.Store.write`."""
        return self._writer.write(work)

    def read(self, work: Callable[[Reader], T]) -> T:
        """See `store.Store.read`."""
        with _failures(self._path):
            with self._lock:
                if self._closed:
                    raise RuntimeError("the store was closed")
                raw = self._idle.pop() if self._idle else None
            if raw is None:
                raw = _reading(self._path)
            try:
                raw.execute("BEGIN")
                return work(SqliteConnection(raw, self._folder))
            finally:
                self._give_back(raw)

    def close(self) -> None:
        """See `store.Store.close`."""
        # Readers first: what is closed last checkpoints, and only the writer may.
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for raw in idle:
            raw.close()
        self._writer.close()

    def _give_back(self, raw: sqlite3.Connection) -> None:
        # A view that went wrong may have ended its transaction by itself.
        with suppress(sqlite3.Error):
            raw.execute("ROLLBACK")
        with self._lock:
            if not (self._closed or raw.in_transaction):
                self._idle.append(raw)
                return
        raw.close()


def _settle(path: Path) -> None:
    """Make durable what stands in the log, before anybody builds upon it.

    A process that was killed between writing a commit and syncing it leaves a commit that SQLite takes for one that
    happened. A repeated key would be answered from it without another sync, and the answer be lost with the power.
    """
    try:
        descriptor = os.open(f"{path}-wal", os.O_RDWR)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StoreError(_unusable(path, error.strerror or str(error))) from error
    try:
        os.fsync(descriptor)
        if os.name == "posix":
            _sync_folder(path.parent)
    except OSError as error:
        raise StoreError(_unusable(path, error.strerror or str(error))) from error
    finally:
        # Closing a file gives up the process's locks on it; SQLite has none on the log.
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _writing(path: Path) -> sqlite3.Connection:
    _settle(path)
    raw = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
    try:
        (mode,) = raw.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise StoreError(_unusable(path, f"its folder has no shared memory for WAL, only {mode}"))
        raw.execute("PRAGMA synchronous = FULL")
        raw.execute("PRAGMA foreign_keys = ON")
        raw.execute("PRAGMA recursive_triggers = ON")
        raw.execute("PRAGMA temp_store = MEMORY")
        raw.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    except BaseException:
        raw.close()
        raise
    return raw


def _reading(path: Path) -> sqlite3.Connection:
    raw = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)
    raw.execute("PRAGMA busy_timeout = 5000")
    return raw


def _locked(path: Path) -> FileLock:
    """The lock of the writer, which the system lets go of when its process ends in any way."""
    from filelock import FileLock, Timeout

    # Whichever thread has the turn writes, so that the lock belongs to the process.
    lock = FileLock(f"{path}.writer", timeout=LOCK_WAIT_SECONDS, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        raise StoreError(
            Diagnostic(
                "RB7032",
                "another process is writing to the database",
                hints=("wait until it has ended", "several writing processes need PostgreSQL"),
                place=str(path),
            )
        ) from None
    except OSError as error:
        raise StoreError(_unusable(path, error.strerror or str(error))) from error
    return lock


def _migrate(path: Path) -> None:
    lock = _locked(path)
    try:
        with _failures(path):
            raw = _writing(path)
            try:
                raw.execute("BEGIN IMMEDIATE")
                raw.execute(CREATE_VERSIONS)
                (version,) = raw.execute(READ_VERSION).fetchone()
                for migration in pending(version):
                    for statement in migration.statements(Dialect.SQLITE):
                        raw.execute(statement)
                    raw.execute(WRITE_VERSION, (migration.number, migration.purpose))
                if raw.execute("SELECT count(*) FROM log_head").fetchone() == (0,):
                    raw.execute("INSERT INTO log_head VALUES (1, 0, ?)", (Frontier().to_bytes(),))
                raw.execute("COMMIT")
            finally:
                raw.close()
    finally:
        lock.release()


def _check_version(path: Path) -> None:
    with _failures(path):
        raw = _reading(path)
        try:
            known = raw.execute("SELECT count(*) FROM sqlite_master WHERE name = 'schema_versions'").fetchone()
            version = raw.execute(READ_VERSION).fetchone()[0] if known[0] else 0
        finally:
            raw.close()
    refused = wrong_version(str(path), version)
    if refused is not None:
        raise StoreError(refused)


@contextmanager
def _failures(path: Path) -> Iterator[None]:
    """Says in our words what SQLite could not do."""
    try:
        yield
    except sqlite3.Error as error:
        failure = _failure(error, path)
        if failure is None:
            raise
        raise failure from error


def _failure(error: Exception, path: Path) -> StoreError | None:
    """What a database that cannot go on says; None for a mistake of ours, such as a broken rule of a table."""
    if not isinstance(error, sqlite3.Error) or isinstance(
        error, sqlite3.IntegrityError | sqlite3.ProgrammingError | sqlite3.InterfaceError | sqlite3.DataError
    ):
        return None
    name = getattr(error, "sqlite_errorname", "")
    if name == "SQLITE_ERROR":
        return None
    return StoreError(_unusable(path, str(error)))


def _unusable(path: Path, reason: str) -> Diagnostic:
    return Diagnostic(
        "RB7035",
        f"the database cannot be used: {reason}",
        hints=("see to the disk or the rights of the file; what was acknowledged is safe, and nothing else happened",),
        place=str(path),
    )
