"""A large intake: rows that were written aside become files of usage, one a month, and rows of the log that name them.

What is checked and sorted is on the disk, not in memory. A file is whole and synced under its last name before the
database hears of it; one that no row names counts nowhere, and is written over by the same intake done again.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ...engine.batch.quoting import pattern, text_literal
from ...intake.parquet import connect
from ...ledger.books import USAGE_FILES
from ...ledger.merkle import Frontier
from ...ledger.proof import FILED_COLUMNS, file_digest
from ...ledger.store import Reader, Store, Transaction
from ..acting import Acting, record
from .keys import key_of, keys_path, may_share, possible, write_keys
from .lookup import fingerprint, kept_in_rows
from .parts import Part, bytes_hash, engine, parts_of
from .spool import COLUMNS, Spool
from .tree import event_hash

if TYPE_CHECKING:
    import duckdb

_BATCH = 20_000
_KEYS_AT_ONCE = 1_000_000
_MEMORY = "2GB"
_CONTENT = ", ".join(FILED_COLUMNS)


@dataclass(frozen=True, slots=True)
class Conflict:
    """A row whose event was there before with other content: its id, where it was read, and where the other one was
    read, empty where it is kept already."""

    event_id: str
    at: str
    before: str


@dataclass(frozen=True, slots=True)
class Sorted:
    """Rows that were written aside, held against each other and against what is kept.

    `repeated` of them repeat others, and `kept` are kept already. `place` is where the log was when that was looked at.
    """

    cursor: duckdb.DuckDBPyConnection
    conflicts: tuple[Conflict, ...]
    repeated: int
    kept: int
    place: int


@dataclass(frozen=True, slots=True)
class _File:
    part: Part
    late: int


@contextmanager
def sorted_rows(store: Store, spool: Spool) -> Iterator[Sorted]:
    """Sort out what was written aside; the tables live as long as the context."""
    cursor = connect()
    try:
        work = spool.path.with_name("work.duckdb")
        cursor.execute(f"SET memory_limit = '{_MEMORY}'; SET temp_directory = {text_literal(str(spool.path.parent))}")
        cursor.execute(f"ATTACH {text_literal(str(work))} AS work; USE work")
        columns = ", ".join(f"'{name}': '{kind}'" for name, kind in COLUMNS.items())
        cursor.execute(
            f"CREATE TABLE came AS SELECT * FROM read_csv({text_literal(str(spool.path))}, columns = {{{columns}}}, "
            "header = false, delim = ',', quote = '\"', escape = '\"', new_line = '\\n', auto_detect = false, "
            "parallel = false, allow_quoted_nulls = false, max_line_size = 100000000)"
        )
        ((there,),) = cursor.execute("SELECT count(*) FROM came").fetchall()
        assert there == spool.rows, "every row that was written aside is read again"
        cursor.execute("CREATE TABLE firsts AS SELECT source, event_id, min(n) AS n FROM came GROUP BY ALL")
        conflicts, repeated = _against_each_other(cursor)
        place = store.read(_place)
        more, again = _against_what_is_kept(store, cursor)
        yield Sorted(cursor, (*conflicts, *more), repeated, again, place)
    finally:
        cursor.close()


def add_files(
    store: Store, acting: Acting, spool: Spool, found: Sorted, closed: Mapping[str, int]
) -> tuple[int, int] | None:
    """Write what is new as files, and the rows that name them in one commit; how many events, and how many late ones.

    `closed` says to which instant an account is billed. None where some of the same events were kept meanwhile, so that
    it has to be `looked_at_again`.
    """
    folder = spool.path.parent.parent
    files = [_file(found.cursor, month, folder, closed, acting) for month in _months(found.cursor)]
    return store.write(lambda transaction: _commit(transaction, acting, files, found.place))


def looked_at_again(store: Store, found: Sorted) -> Sorted:
    """The same rows, held against what is kept by now; only conflicts with that are told."""
    place = store.read(_place)
    conflicts, again = _against_what_is_kept(store, found.cursor)
    return replace(found, conflicts=tuple(conflicts), kept=again, place=place)


def _against_each_other(cursor: duckdb.DuckDBPyConnection) -> tuple[list[Conflict], int]:
    same = "came.account = one.account AND came.event = one.event AND came.time = one.time AND came.fields = one.fields"
    later = "came JOIN firsts USING (source, event_id) JOIN came AS one ON one.n = firsts.n WHERE came.n <> firsts.n"
    conflicts = [
        Conflict(event_id, at, before)
        for event_id, at, before in cursor.execute(
            f"SELECT came.event_id, came.at, one.at FROM {later} AND NOT ({same}) ORDER BY came.n"
        ).fetchall()
    ]
    ((repeated,),) = cursor.execute(f"SELECT count(*) FROM {later} AND {same}").fetchall()
    return conflicts, repeated


def _against_what_is_kept(store: Store, cursor: duckdb.DuckDBPyConnection) -> tuple[list[Conflict], int]:
    """Make the table `fresh` of the numbers of rows that are new; which are kept with other content, and how many as
    they are."""
    cursor.execute("CREATE OR REPLACE TABLE kept (n BIGINT, same BOOLEAN)")
    reading = cursor.cursor()
    reading.execute("USE work")
    reading.execute("SELECT n, source, event_id FROM firsts")
    keys: array[int] = array("Q")
    hits: dict[int, Part] = {}
    parts = store.read(parts_of)
    while some := reading.fetchmany(_BATCH):
        names = [(source, event_id) for _, source, event_id in some]
        known = store.read(lambda reader, names=names: kept_in_rows(reader, names))  # type: ignore[misc]
        if known:
            numbers = {(source, event_id): number for number, source, event_id in some}
            _mark(cursor, {numbers[name]: body for name, body in known.items()})
        if parts:
            keys.extend(key_of(*name) for name in names)
            if len(keys) >= _KEYS_AT_ONCE:
                hits |= {part.id: part for part in parts if possible(part, keys)}
                keys = array("Q")
    hits |= {part.id: part for part in parts if keys and possible(part, keys)}
    for part in hits.values():
        with engine([part]):
            cursor.execute(
                "INSERT INTO kept SELECT came.n, came.account = filed.account AND came.event = filed.event AND "
                "came.time = filed.time AND came.fields = filed.fields FROM firsts JOIN came USING (n) "
                f"JOIN read_parquet({text_literal(part.pattern)}) AS filed "
                "ON filed.source = came.source AND filed.event_id = came.event_id"
            )
    cursor.execute("CREATE OR REPLACE TABLE fresh AS SELECT n FROM firsts WHERE n NOT IN (SELECT n FROM kept)")
    conflicts = cursor.execute(
        "SELECT came.event_id, came.at FROM kept JOIN came USING (n) WHERE NOT same ORDER BY n"
    ).fetchall()
    ((again,),) = cursor.execute("SELECT count(*) FROM kept WHERE same").fetchall()
    return [Conflict(event_id, at, "") for event_id, at in conflicts], again


def _mark(cursor: duckdb.DuckDBPyConnection, known: Mapping[int, bytes]) -> None:
    rows = cursor.execute(
        "SELECT n, account, event, time, fields FROM came WHERE n IN (SELECT unnest(?::BIGINT[]))", [list(known)]
    ).fetchall()
    marks = [(number, fingerprint(*content) == known[number]) for number, *content in rows]
    cursor.execute(
        "INSERT INTO kept SELECT unnest(?::BIGINT[]), unnest(?::BOOLEAN[])",
        [[number for number, _ in marks], [same for _, same in marks]],
    )


def _months(cursor: duckdb.DuckDBPyConnection) -> list[str]:
    found = cursor.execute(
        "SELECT DISTINCT strftime(make_timestamp(time), '%Y-%m') FROM came SEMI JOIN fresh USING (n) ORDER BY 1"
    ).fetchall()
    return [month for (month,) in found]


def _file(
    cursor: duckdb.DuckDBPyConnection, month: str, folder: Path, closed: Mapping[str, int], acting: Acting
) -> _File:
    """The new events of a month as a file under its last name, with its keys."""
    aside = folder / f".{month}-{os.getpid()}.parquet"
    cursor.execute(
        f"COPY (SELECT {_CONTENT} FROM came SEMI JOIN fresh USING (n) "
        f"WHERE strftime(make_timestamp(time), '%Y-%m') = '{month}' ORDER BY account, time, source, event_id) "
        f"TO {text_literal(str(aside))} (FORMAT parquet, COMPRESSION zstd)"
    )
    _sync(aside)
    tree, late = Frontier(), 0
    keys: array[int] = array("Q")
    first, last = 2**62, -(2**62)
    cursor.execute(f"SELECT {_CONTENT} FROM read_parquet(?)", [pattern(str(aside))])
    while some := cursor.fetchmany(_BATCH):
        tree = tree.append(map(event_hash, some))
        keys.extend(key_of(row[0], row[1]) for row in some)
        late += sum(row[4] < closed.get(row[2], row[4]) for row in some)
        first, last = min(first, *(row[4] for row in some)), max(last, *(row[4] for row in some))
    name = f"{month}/{bytes_hash(aside)}.parquet"
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    write_keys(keys, keys_path(path))
    aside.replace(path)
    _sync(path.parent)
    _sync(folder)
    return _File(Part(0, name, path, file_digest(tree.root()), tree.size, first, last, acting.time), late)


def _commit(transaction: Transaction, acting: Acting, files: Sequence[_File], place: int) -> tuple[int, int] | None:
    """Name the files in the log; None, and nothing is done, where an event of theirs was kept since `place`."""
    if any(_kept_since(transaction, item.part, place) for item in files):
        return None
    transaction.append(
        USAGE_FILES,
        [
            (part.name, part.digest, part.events, part.first, part.last, part.received)
            for part in (item.part for item in files)
        ],
    )
    added, late = sum(item.part.events for item in files), sum(item.late for item in files)
    if added:
        record(transaction, acting, "usage added", after={"events": added, "late": late})
    return added, late


def _kept_since(reader: Reader, ours: Part, place: int) -> bool:
    rows = iter(reader.stream("SELECT source, event_id FROM usage_events WHERE id > ?", (place,)))
    while some := list(islice(rows, _BATCH)):
        if possible(ours, {key_of(cast(str, source), cast(str, event_id)) for source, event_id in some}):
            return True
    return any(may_share(part, ours) for part in parts_of(reader, after=place))


def _place(reader: Reader) -> int:
    ((place,),) = reader.rows("SELECT size FROM log_head")
    return cast(int, place)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
