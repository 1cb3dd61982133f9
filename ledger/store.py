"""The store: what the ledger asks of a database, and what a piece of work sees of it.

All writing goes through `Store.write`: the work gets a `Transaction`, nobody else writes beside it, and what it
returns is given back once it is on the disk. Works of several threads share a commit. A work may run again after a
lost connection, so that it must have no effect of its own. SQL here is what both databases understand, with `?` for
parameters; a work that needs more belongs into a store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol, TypeAlias, TypeVar

from ..diagnostics import Diagnostic
from .requests import AccountId, Outcome, Request
from .tables import Table

T = TypeVar("T")

Value: TypeAlias = int | str | bytes | None
Row: TypeAlias = Sequence[Value]


class Reader(Protocol):
    """One consistent view of the database."""

    @property
    def folder(self) -> Path | None:
        """Where files lie that belong to the database, named by its rows; None where it can have none."""
        ...

    def rows(self, sql: str, parameters: Row = ()) -> list[tuple[Value, ...]]:
        """All rows of a query."""
        ...

    def stream(self, sql: str, parameters: Row = ()) -> Iterable[tuple[Value, ...]]:
        """The rows of a query, without holding all of them at once."""
        ...


class Transaction(Reader, Protocol):
    """A view that may be written to."""

    def post(self, requests: Sequence[Request]) -> list[Outcome]:
        """Decide requests in their order and write what they come to; see `posting`."""
        ...

    def set_terms(self, account: AccountId, *, floor: int | None, closed: bool, effective: int) -> None:
        """Say what an account is allowed from now on. The caller has checked that it holds already."""
        ...

    def append(self, table: Table, rows: Sequence[Row]) -> range:
        """Add rows to an append-only table, without their ids and leaves; the ids that they got."""
        ...

    def put(self, sql: str, parameters: Row = ()) -> int:
        """Change a table that is not append-only; the number of rows that were changed."""
        ...

    def put_many(self, sql: str, rows: Sequence[Row]) -> None:
        """The same for many rows."""
        ...


class Store(Protocol):
    """A database of the ledger."""

    def write(self, work: Callable[[Transaction], T]) -> T:
        """Run a work that writes and return its answer once it is durable.

        An exception of the work undoes what it wrote and is raised here. Raises `StoreError` where the database
        cannot take it: nothing has happened then, or it is not known and the same work with the same keys finds out.
        """
        ...

    def read(self, work: Callable[[Reader], T]) -> T:
        """Run a work that only reads, on one consistent view."""
        ...

    def close(self) -> None:
        """Let go of the database; what was acknowledged stays."""
        ...


class StoreError(Exception):
    """The database could not do what was asked; `finding` says why and what to do."""

    def __init__(self, finding: Diagnostic) -> None:
        super().__init__(finding.message)
        self.finding = finding


class Interrupted(StoreError):  # noqa: N818
    """Nothing was sent for commit, and the same may succeed: the connection broke, or the server is starting."""


def no_database(place: str) -> Diagnostic:
    """The finding that there is none."""
    return Diagnostic(
        "RB7031",
        "there is no database",
        hints=("`ratebook init` makes one; --database or RATEBOOK_DATABASE names another",),
        place=place,
    )


def unknown_commit(place: str, reason: str) -> Diagnostic:
    """The finding that nobody knows whether a commit happened."""
    return Diagnostic(
        "RB7036",
        f"a commit was cut off, and may have happened: {reason}",
        hints=("do the same again with the same keys: what has happened is not repeated",),
        place=place,
    )


class Undo(Exception):  # noqa: N818
    """Raised by a work to undo what it wrote; `answer` is for its caller."""

    def __init__(self, answer: object) -> None:
        super().__init__("undone on purpose")
        self.answer = answer


def open_store(url: str, *, create: bool = False, folder: Path | None = None) -> Store:
    """The store of a database: `postgresql://…`, or the path of an SQLite file, also as `sqlite:///path`.

    `folder` is where files lie that belong to it. Where nothing is said it is `NAME.usage` beside an SQLite file; a
    database on a server has none. With `create` a database that is not there is made, and one of an earlier schema
    brought to this one. Raises `StoreError` where there is none, or it cannot be opened.
    """
    if url.startswith(("postgresql://", "postgres://")):
        try:
            from .postgresql import PostgresqlStore
        except ImportError as error:
            raise StoreError(
                Diagnostic(
                    "RB7035",
                    f"PostgreSQL is spoken to through psycopg, which cannot be used here: {error}",
                    hints=('`pip install "ratebook[postgresql]"` installs it',),
                )
            ) from error
        return PostgresqlStore(url, create=create, folder=folder)
    from .sqlite import SqliteStore

    path = Path(url.removeprefix("sqlite:///"))
    return SqliteStore(path, create=create, folder=folder or path.with_name(f"{path.name}.usage"))
