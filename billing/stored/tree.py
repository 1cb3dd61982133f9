"""The Merkle tree of a file of usage: what its row in the log says of it."""

from __future__ import annotations

from collections.abc import Iterator

from ...ledger.leaf import heading, leaf
from ...ledger.merkle import Frontier, leaf_hash
from ...ledger.proof import FILED_COLUMNS, FILED_TABLE, file_digest
from .parts import Part, engine

_BATCH = 20_000
_HEADING = heading(FILED_TABLE, FILED_COLUMNS)

Content = tuple[str, str, str, str, int, str]
"""Source, id, account, event, time in microseconds, and fields as JSON: a row of a file."""


def event_hash(content: Content) -> bytes:
    """The hash of an event's leaf."""
    return leaf_hash(leaf(_HEADING, content))


def event_hashes(part: Part) -> Iterator[bytes]:
    """Those of all events of a file, in its order."""
    with engine([part]) as cursor:
        cursor.execute(f"SELECT {', '.join(FILED_COLUMNS)} FROM read_parquet(?)", [part.pattern])
        while some := cursor.fetchmany(_BATCH):
            yield from map(event_hash, some)


def digest_of(part: Part) -> str:
    """The digest of a file as it is now."""
    return file_digest(Frontier().append(event_hashes(part)).root())
