"""What is kept under the names of events: each (source, id) counts once, wherever it is kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import groupby
from typing import cast

from ...ledger.store import Reader
from .keys import key_of, possible
from .parts import Part, engine, parts_of

_AT_ONCE = 900

Identity = tuple[str, str]
"""Source and id."""


def fingerprint(account: str, event: str, time: int, fields: str) -> bytes:
    """32 bytes of an event's content, the same for the same content."""
    return sha256(f"{len(account)} {account} {len(event)} {event} {time} {fields}".encode()).digest()


def kept(reader: Reader, names: Sequence[Identity]) -> dict[Identity, bytes]:
    """The fingerprints of those of these events that are kept."""
    found = kept_in_rows(reader, names)
    parts = parts_of(reader)
    if parts:
        keys = {key_of(*name): name for name in names if name not in found}
        for part in parts:
            hits = [keys[key] for key in possible(part, keys)]
            if hits:
                found |= _kept_in_file(part, hits)
    return found


def kept_in_rows(reader: Reader, names: Sequence[Identity]) -> dict[Identity, bytes]:
    """The same of rows of the database alone."""
    found: dict[Identity, bytes] = {}
    for source, same in groupby(sorted(names), key=lambda name: name[0]):
        for ids in _some([event_id for _, event_id in same]):
            marks = ", ".join("?" * len(ids))
            sql = f"SELECT event_id, fingerprint FROM usage_events WHERE source = ? AND event_id IN ({marks})"
            for event_id, body in reader.rows(sql, (source, *ids)):
                found[source, cast(str, event_id)] = cast(bytes, body)
    return found


def _kept_in_file(part: Part, names: Sequence[Identity]) -> dict[Identity, bytes]:
    wanted = set(names)
    with engine([part]) as cursor:
        rows = cursor.execute(
            "SELECT source, event_id, account, event, time, fields FROM read_parquet(?) "
            "WHERE event_id IN (SELECT unnest(?::VARCHAR[]))",
            [part.pattern, [event_id for _, event_id in names]],
        ).fetchall()
    return {(row[0], row[1]): fingerprint(*row[2:]) for row in rows if (row[0], row[1]) in wanted}


def _some(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[first : first + _AT_ONCE] for first in range(0, len(ids), _AT_ONCE))
