"""The store on PostgreSQL: several processes may write, one transaction at a time.

A write transaction begins by locking the one row of `log_head`, so that whoever holds it is alone: what it reads is
what is, ids have no gaps, and the chain has one order, all as on SQLite (decision 0017). Readers never wait.

What is lost before anything was sent for commit is done again, after a pause that differs from one process to the
next. A connection that is lost while a commit is under way leaves open whether it happened. That is said (RB7036) and
never tried again here: the same work with the same keys finds out.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ..diagnostics import Diagnostic
from .ddl import Dialect
from .merkle import Frontier
from .migrations import CREATE_VERSIONS, READ_VERSION, WRITE_VERSION, pending, wrong_version
from .postgresql_statements import PostgresqlConnection, Raw, TruthAsNumber, WholeNumber, marked
from .store import Interrupted, Reader, StoreError, Transaction, no_database, unknown_commit
from .transaction import LedgerTransaction, Log
from .writer import Writer

T = TypeVar("T")

CONNECT_SECONDS = 10
LOCK_SECONDS = 30
"""How long a write waits for those of other processes."""
IDLE_SECONDS = 120
"""How long a write may do nothing before the server lets others go on: the process may have lost its network."""

_MIGRATING = 0x5261746562
"""The advisory lock of whoever changes the schema."""

_LOST = {"57P01", "57P02", "57P03", "25P03", "40001", "40P01", "53300"}
"""States after which the same may succeed: server going down or starting, idle for too long, a conflict, full house."""


class PostgresqlSession:
    """A connection that writes; see `writer.Session`."""

    def __init__(self, url: str, folder: Path | None = None) -> None:
        self._place = place_of(url)
        with failures(self._place):
            self._raw = connect(url)
            # A commit that is answered is on the server's disk, whatever the server's configuration says.
            self._raw.execute(
                b"SELECT set_config('synchronous_commit', 'on', false) "
                b"WHERE current_setting('synchronous_commit') = 'off'"
            )
            self._raw.execute(
                f"SET lock_timeout = '{LOCK_SECONDS}s'; "
                f"SET idle_in_transaction_session_timeout = '{IDLE_SECONDS}s'".encode()
            )
        self._connection = PostgresqlConnection(self._raw, folder)
        self._log = Log(0, Frontier())
        self._before = (0, Frontier(), False)
        self._fresh = False
        """Whether a savepoint stands after which nothing was written."""

    def begin(self) -> None:
        with failures(self._place):
            try:
                # What needs no answer goes with what does: a round trip costs more than a statement.
                cursor = self._raw.execute(
                    b"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; "
                    b"SELECT size, frontier FROM log_head FOR UPDATE; SAVEPOINT work"
                )
                cursor.nextset()
                head = cursor.fetchone()
            except psycopg.errors.LockNotAvailable as error:
                raise StoreError(_busy(self._place)) from error
        if head is None:
            raise StoreError(_unusable(self._place, "its log has no head"))
        self._log = Log(head[0], Frontier.from_bytes(head[1]))
        self._fresh = True

    def savepoint(self) -> Transaction:
        self._before = (self._log.size, self._log.frontier, self._log.changed)
        if not self._fresh:
            with failures(self._place):
                self._raw.execute(b"RELEASE SAVEPOINT work; SAVEPOINT work")
        self._fresh = False
        return LedgerTransaction(self._connection, self._log)

    def release(self) -> None:
        # Sent with the next savepoint; a commit needs none.
        self._fresh = False

    def undo(self) -> None:
        self._log.size, self._log.frontier, self._log.changed = self._before
        with failures(self._place):
            self._raw.execute(b"ROLLBACK TO SAVEPOINT work")
        self._fresh = True

    def commit(self) -> None:
        commit = "COMMIT"
        if self._log.changed:
            frontier = self._log.frontier.to_bytes().hex()
            commit = f"UPDATE log_head SET size = {self._log.size}, frontier = '\\x{frontier}'; COMMIT"
        try:
            self._raw.execute(commit.encode())
        except psycopg.Error as error:
            failure = _failure(error, self._place)
            if failure is None:
                raise
            if isinstance(failure, Interrupted):
                failure = StoreError(unknown_commit(self._place, _first_line(error)))
            raise failure from error

    def failure_of(self, error: Exception) -> StoreError | None:
        return _failure(error, self._place)

    def abandon(self) -> None:
        self.close()

    def close(self) -> None:
        self._raw.close()


class PostgresqlStore:
    """A ledger on a server; see `store.Store`."""

    def __init__(self, url: str, *, create: bool = False, folder: Path | None = None) -> None:
        self._url = url
        self._folder = folder
        self._place = place_of(url)
        with failures(self._place):
            if create:
                _create_database(url)
                _migrate(url)
            _check(url, self._place)
        self._writer = Writer(lambda: PostgresqlSession(url, folder))
        self._idle: list[Raw] = []
        self._lock = threading.Lock()
        self._closed = False

    def write(self, work: Callable[[Transaction], T]) -> T:
        """See `store.Store.write`."""
        return self._writer.write(work)

    def read(self, work: Callable[[Reader], T]) -> T:
        """See `store.Store.read`."""
        with failures(self._place):
            raw = self._begun()
            try:
                return work(PostgresqlConnection(raw, self._folder))
            finally:
                with suppress(psycopg.Error):
                    raw.execute(b"ROLLBACK")
                self._give_back(raw)

    def close(self) -> None:
        """See `store.Store.close`."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for raw in idle:
            raw.close()
        self._writer.close()

    def _begun(self) -> Raw:
        """A connection on one consistent view. One that broke while nobody used it is replaced."""
        begin = b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        while True:
            with self._lock:
                if self._closed:
                    raise RuntimeError("the store was closed")
                raw = self._idle.pop() if self._idle else None
            if raw is None:
                raw = connect(self._url)
                raw.execute(begin)
                return raw
            try:
                raw.execute(begin)
            except psycopg.OperationalError:
                raw.close()
            else:
                return raw

    def _give_back(self, raw: Raw) -> None:
        with self._lock:
            if not (self._closed or raw.closed):
                self._idle.append(raw)
                return
        raw.close()


def place_of(url: str) -> str:
    """A database's address without its password."""
    try:
        parts: dict[str, Any] = dict(conninfo_to_dict(url))
    except psycopg.ProgrammingError:
        return "PostgreSQL"
    host, port, name = parts.get("host", ""), parts.get("port", ""), parts.get("dbname", "")
    return f"postgresql://{host}{f':{port}' if port else ''}/{name}"


def connect(url: str) -> Raw:
    """A connection without a transaction. Raises what psycopg raises."""
    raw = psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_SECONDS, fallback_application_name="ratebook")
    raw.adapters.register_loader("numeric", WholeNumber)
    raw.adapters.register_loader("bool", TruthAsNumber)
    return raw


def _create_database(url: str) -> None:
    """Make the database where the server has none of its name; whoever may not is told to have it made."""
    name = conninfo_to_dict(url).get("dbname")
    if name is None or not _missing(url):
        return
    with psycopg.connect(make_conninfo(url, dbname="postgres"), autocommit=True) as raw:
        quoted = str(name).replace('"', '""')
        # Texts in the order of their bytes, as on SQLite, in whatever language the server was set up.
        raw.execute(f"CREATE DATABASE \"{quoted}\" ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0".encode())


def _missing(url: str) -> bool:
    """Whether the server says that it has no such database."""
    try:
        connect(url).close()
    except psycopg.OperationalError:
        name = conninfo_to_dict(url).get("dbname")
        with (
            suppress(psycopg.Error),
            psycopg.connect(make_conninfo(url, dbname="postgres"), autocommit=True) as raw,
        ):
            return raw.execute(b"SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is None
    return False


def _migrate(url: str) -> None:
    with connect(url) as raw, raw.transaction():
        raw.execute(b"SELECT pg_advisory_xact_lock(%s)", (_MIGRATING,))
        raw.execute(CREATE_VERSIONS.encode())
        version = _one(raw, READ_VERSION)
        for migration in pending(version):
            for statement in migration.statements(Dialect.POSTGRESQL):
                raw.execute(statement.encode())
            raw.execute(marked(WRITE_VERSION), (migration.number, migration.purpose))
        if _one(raw, "SELECT count(*) FROM log_head") == 0:
            raw.execute(b"INSERT INTO log_head VALUES (1, 0, %s)", (Frontier().to_bytes(),))


def _check(url: str, place: str) -> None:
    """Whether the database is there and has this program's schema."""
    try:
        raw = connect(url)
    except psycopg.OperationalError:
        if _missing(url):
            raise StoreError(no_database(place)) from None
        raise
    with raw:
        if _one(raw, "SHOW server_encoding") != "UTF8":
            raise StoreError(_unusable(place, "its encoding is not UTF8"))
        known = _one(raw, "SELECT count(*) FROM pg_class WHERE oid = to_regclass('schema_versions')")
        version = _one(raw, READ_VERSION) if known else 0
    refused = wrong_version(place, version)
    if refused is not None:
        raise StoreError(refused)


def _one(raw: Raw, sql: str) -> Any:
    row = raw.execute(sql.encode()).fetchone()
    return None if row is None else row[0]


@contextmanager
def failures(place: str) -> Iterator[None]:
    """Says in our words what PostgreSQL could not do."""
    try:
        yield
    except psycopg.Error as error:
        failure = _failure(error, place)
        if failure is None:
            raise
        raise failure from error


def _failure(error: Exception, place: str) -> StoreError | None:
    """What a database that cannot go on says; None for a mistake of ours, such as a broken rule of a table."""
    if not isinstance(error, psycopg.OperationalError | psycopg.InternalError):
        return None
    state = error.sqlstate
    if state in _LOST or (isinstance(error, psycopg.OperationalError) and (state or "08")[:2] == "08"):
        return Interrupted(_unusable(place, _first_line(error)))
    if state == "25P02":  # a statement after one that failed
        return None
    return StoreError(_unusable(place, _first_line(error)))


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0] or type(error).__name__


def _busy(place: str) -> Diagnostic:
    return Diagnostic(
        "RB7034",
        f"other processes have been writing for {LOCK_SECONDS} seconds",
        hints=("try again in a moment; nothing has happened",),
        place=place,
    )


def _unusable(place: str, reason: str) -> Diagnostic:
    return Diagnostic(
        "RB7035",
        f"the database cannot be used: {reason}",
        hints=("see to the server and the connection; what was acknowledged is safe, and nothing else happened",),
        place=place,
    )
