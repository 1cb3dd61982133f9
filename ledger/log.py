"""The log as a database holds it: the rows of all append-only tables in the order of the one sequence.

What verifies and proves asks for rows, hashes and state; this reads them, by whatever reader it is given.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import cast

from .store import Reader
from .tables import LOG_HEAD, Table
from .transaction import heading_of
from .verify import LogRow, LogState


def log_rows(reader: Reader, tables: Iterable[Table]) -> Iterator[LogRow]:
    """Every row of the append-only ones among these tables, in the order of their places, one after the other."""
    streams = [_rows(reader, table) for table in tables if table.append_only]
    return heapq.merge(*streams, key=itemgetter(0))


def leaf_hashes(reader: Reader, tables: Iterable[Table]) -> Iterator[bytes]:
    """The stored hashes of the same rows in the same order: what proofs are made of."""
    streams = [reader.stream(f"SELECT id, leaf FROM {table.name} ORDER BY id") for table in tables if table.append_only]
    return (cast(bytes, leaf) for _, leaf in heapq.merge(*streams, key=itemgetter(0)))


def log_state(reader: Reader) -> LogState:
    """What the database says of its log; a log without rows where it says nothing."""
    found = reader.rows(f"SELECT size, frontier FROM {LOG_HEAD.name}")
    size, frontier = found[0] if found else (0, b"")
    return LogState(cast(int, size), cast(bytes, frontier))


def _rows(reader: Reader, table: Table) -> Iterator[LogRow]:
    heading = heading_of(table)
    for *fields, leaf in reader.stream(f"SELECT {', '.join(table.hashed)}, leaf FROM {table.name} ORDER BY id"):
        yield cast(int, fields[0]) - 1, heading, fields, cast(bytes, leaf)
