"""Reading usage, wherever it is kept."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias, cast

from ...ledger.store import Reader, Value
from .parts import Part, engine, parts_of

_BATCH = 10_000


_Content: TypeAlias = tuple[str, str, str, str, int, str]


class EventRow(NamedTuple):
    """An event as it is kept. `place` in the log is that of its row or of its file's row; times are microseconds."""

    place: int
    source: str
    event_id: str
    account: str
    event: str
    time: int
    fields: str
    received: int


@dataclass(frozen=True, slots=True)
class Asked:
    """Which usage is asked for; None asks for everything.

    Times in microseconds from `since` and before `until`; places in the log after `after` and up to `through`.
    """

    account: str | None = None
    events: Sequence[str] | None = None
    source: str | None = None
    event_id: str | None = None
    since: int | None = None
    until: int | None = None
    after: int | None = None
    through: int | None = None

    def parts(self, reader: Reader) -> list[Part]:
        """The files that may hold some of it."""
        return parts_of(reader, since=self.since, until=self.until, after=self.after, through=self.through)

    def conditions(self, *, in_files: bool) -> tuple[str, list[Value]]:
        """What follows WHERE, and its parameters. In a file all events have the place of the file."""
        plain: list[tuple[str, Value]] = [
            ("account = ?", self.account),
            ("source = ?", self.source),
            ("event_id = ?", self.event_id),
            ("time >= ?", self.since),
            ("time < ?", self.until),
        ]
        if not in_files:
            plain += [("id > ?", self.after), ("id <= ?", self.through)]
        found = [(words, value) for words, value in plain if value is not None]
        words = [one for one, _ in found]
        values: list[Value] = [value for _, value in found]
        if self.events is not None:
            words.append(f"event IN ({', '.join('?' * len(self.events))})" if self.events else "1 = 0")
            values.extend(self.events)
        return " AND ".join(words) or "1 = 1", values


def stored_events(reader: Reader, asked: Asked) -> Iterator[EventRow]:
    """The usage that is asked for, in the order of the log; that of one file by account and time."""
    rows = _rows(reader, asked, "id")
    parts = asked.parts(reader)
    if not parts:
        return rows
    return heapq.merge(rows, _filed(parts, asked), key=lambda row: row.place)


def events_by_time(reader: Reader, asked: Asked, *, count_max: int | None = None) -> Iterator[EventRow]:
    """The same by time; of events of one time that which was received first comes first."""
    limit = "" if count_max is None else f" LIMIT {int(count_max)}"
    rows = _rows(reader, asked, "time, id", limit)
    parts = asked.parts(reader)
    if not parts:
        return rows
    both = heapq.merge(rows, _filed_by_time(parts, asked, limit), key=lambda row: (row.time, row.place))
    return both if count_max is None else (row for _, row in zip(range(count_max), both, strict=False))


def count_events(reader: Reader, asked: Asked) -> int:
    """How many there are."""
    words, values = asked.conditions(in_files=False)
    total = cast(int, reader.rows(f"SELECT count(*) FROM usage_events WHERE {words}", values)[0][0])
    words, values = asked.conditions(in_files=True)
    parts = asked.parts(reader)
    if parts:
        with engine(parts) as cursor:
            for part in parts:
                query = f"SELECT count(*) FROM read_parquet(?) WHERE {words}"
                ((number,),) = cursor.execute(query, [part.pattern, *values]).fetchall()
                total += number
    return total


def event_names(reader: Reader, asked: Asked) -> list[str]:
    """The names of their kinds, sorted."""
    words, values = asked.conditions(in_files=False)
    rows = reader.rows(f"SELECT DISTINCT event FROM usage_events WHERE {words}", values)
    names = {cast(str, name) for (name,) in rows}
    words, values = asked.conditions(in_files=True)
    parts = asked.parts(reader)
    if parts:
        with engine(parts) as cursor:
            query = f"SELECT DISTINCT event FROM read_parquet(?) WHERE {words}"
            names |= {row[0] for row in cursor.execute(query, [[p.pattern for p in parts], *values]).fetchall()}
    return sorted(names)


def filed_events(part: Part, asked: Asked) -> list[tuple[int, _Content]]:
    """The events of a file with their places in it, from 0."""
    words, values = asked.conditions(in_files=True)
    with engine([part]) as cursor:
        found = cursor.execute(
            "SELECT file_row_number, source, event_id, account, event, time, fields "
            f"FROM read_parquet(?, file_row_number = true) WHERE {words} ORDER BY 1",
            [part.pattern, *values],
        ).fetchall()
    return [(place, cast(_Content, tuple(content))) for place, *content in found]


def _rows(reader: Reader, asked: Asked, order: str, limit: str = "") -> Iterator[EventRow]:
    words, values = asked.conditions(in_files=False)
    query = (
        "SELECT id, source, event_id, account, event, time, fields, received FROM usage_events "
        f"WHERE {words} ORDER BY {order}{limit}"
    )
    found: Iterable[tuple[Value, ...]] = (
        reader.stream(query, values) if asked.account is None else reader.rows(query, values)
    )
    return (EventRow(*cast("tuple[int, str, str, str, str, int, str, int]", row)) for row in found)


def _filed(parts: Sequence[Part], asked: Asked) -> Iterator[EventRow]:
    words, values = asked.conditions(in_files=True)
    with engine(parts) as cursor:
        for part in parts:
            cursor.execute(
                f"SELECT source, event_id, account, event, time, fields FROM read_parquet(?) WHERE {words}",
                [part.pattern, *values],
            )
            while some := cursor.fetchmany(_BATCH):
                for row in some:
                    yield EventRow(part.id, *cast(_Content, row), part.received)


def _filed_by_time(parts: Sequence[Part], asked: Asked, limit: str) -> Iterator[EventRow]:
    words, values = asked.conditions(in_files=True)
    with engine(parts) as cursor:
        each = " UNION ALL ".join(
            f"SELECT {part.id} AS place, source, event_id, account, event, time, fields, {part.received} AS received "
            f"FROM read_parquet(?) WHERE {words}"
            for part in parts
        )
        given = [value for part in parts for value in (part.pattern, *values)]
        cursor.execute(f"{each} ORDER BY time, place, source, event_id{limit}", given)
        while some := cursor.fetchmany(_BATCH):
            for row in some:
                yield EventRow(*row)
