"""How many threads the engine works with, and in which memory it adds up groups: what it cannot see by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import duckdb

_ROOM: Final = 256 * 1024 * 1024
"""Bytes that all threads together may take for groups that are places of an array."""
_GROUP: Final = 32
"""Bytes that an aggregate of a group takes at most."""
_ROWS: Final = 8
"""Rows that there are for each place of such an array at least."""
_DEFAULT_BITS: Final = 12


def threads_of(connection: duckdb.DuckDBPyConnection) -> int:
    """How many threads the engine uses."""
    found = connection.execute("SELECT current_setting('threads')").fetchone()
    return 1 if found is None else int(found[0])


@contextmanager
def one_thread(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """A single thread, for rows that are one piece of work: a second one has nothing to do, yet costs as much again."""
    threads = threads_of(connection)
    if threads == 1:
        yield
        return
    connection.execute("SET threads = 1")
    try:
        yield
    finally:
        connection.execute(f"SET threads = {threads}")


@contextmanager
def array_of_groups(connection: duckdb.DuckDBPyConnection, rows: int | None, aggregates: int) -> Iterator[None]:
    """Groups by a whole number stand in an array of all that it can be, where that is not much for so many rows.

    The engine does so of itself up to 4,096 groups. Nothing is looked up then, which saves a fifth of a scan.
    """
    room = _ROOM // (threads_of(connection) * _GROUP * max(aggregates, 1))
    bits = min((rows or 0) // _ROWS, room).bit_length() - 1
    if bits <= _DEFAULT_BITS:
        yield
        return
    connection.execute(f"SET perfect_ht_threshold = {bits}")
    try:
        yield
    finally:
        connection.execute("RESET perfect_ht_threshold")
