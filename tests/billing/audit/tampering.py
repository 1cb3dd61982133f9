"""Tampering with a real database by somebody who owns it: guards taken away, rows rewritten, hashes computed anew.

Everything happens inside one transaction that is undone, so that one database serves thousands of attempts. SQLite is
opened past the program; PostgreSQL is entered as a superuser.
"""

from __future__ import annotations

import random
import re
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol

from ratebook.billing.audit.report import TABLES, Report, audit_reader
from ratebook.ledger.audit import audit_log
from ratebook.ledger.leaf import leaf
from ratebook.ledger.log import log_rows
from ratebook.ledger.merkle import Frontier, leaf_hash
from ratebook.ledger.note import Checkpoint
from ratebook.ledger.store import Reader, open_store
from ratebook.ledger.tables import ColumnType, Table

from .sample import fill, own_tables

Change = tuple[str, Sequence[Any]]
"""A statement with `?`, and its parameters."""


class Owner(Protocol):
    """A connection of somebody who may do everything."""

    reader: Reader

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> None: ...
    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]: ...


@dataclass(slots=True)
class _Owner:
    reader: Any
    raw: Any
    mark: str

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        self.raw.execute(sql.replace("?", self.mark), tuple(parameters))

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return list(self.raw.execute(sql.replace("?", self.mark), tuple(parameters)).fetchall())


@contextmanager
def owned(url: str) -> Iterator[Owner]:
    """The database without triggers, indexes and checks; everything is undone at the end."""
    if "://" in url:
        import psycopg

        from ratebook.ledger.postgresql_statements import PostgresqlConnection, TruthAsNumber, WholeNumber

        raw: Any = psycopg.connect(url)
        raw.adapters.register_loader("numeric", WholeNumber)
        raw.adapters.register_loader("bool", TruthAsNumber)
        own = _Owner(PostgresqlConnection(raw), raw, "%s")
        names = ", ".join(f"'{table.name}'" for table in TABLES)
        guards = (
            "SELECT format('DROP TRIGGER %I ON %s', tgname, tgrelid::regclass) FROM pg_trigger "
            f"WHERE NOT tgisinternal AND tgrelid::regclass::text IN ({names}) UNION ALL "
            "SELECT format('ALTER TABLE %s DROP CONSTRAINT %I CASCADE', conrelid::regclass, conname) "
            f"FROM pg_constraint WHERE conrelid::regclass::text IN ({names}) UNION ALL "
            "SELECT format('DROP INDEX %s', indexrelid::regclass) FROM pg_index "
            f"WHERE NOT indisprimary AND indrelid::regclass::text IN ({names})"
        )
        for (statement,) in raw.execute(guards).fetchall():
            raw.execute(statement)
        # Reading in the order of ids would sort everything each time.
        for table in own_tables():
            raw.execute(f"CREATE INDEX {table.name}_for_tests ON {table.name} (id)")
    else:
        import sqlite3

        from ratebook.ledger.sqlite import SqliteConnection

        raw = sqlite3.connect(url, isolation_level=None)
        raw.execute("PRAGMA ignore_check_constraints = ON")
        raw.execute("BEGIN IMMEDIATE")
        guards = "SELECT type, name FROM sqlite_master WHERE type = 'trigger' OR type = 'index' AND sql IS NOT NULL"
        for kind, name in raw.execute(guards).fetchall():
            raw.execute(f"DROP {kind} {name}")
        own = _Owner(SqliteConnection(raw), raw, "?")
    try:
        yield own
    finally:
        raw.rollback()
        raw.close()


@contextmanager
def tried(owner: Owner, *changes: Change) -> Iterator[None]:
    """Some changes, undone afterwards."""
    owner.run("SAVEPOINT attempt")
    try:
        for sql, parameters in changes:
            owner.run(sql, parameters)
        yield
    finally:
        owner.run("ROLLBACK TO SAVEPOINT attempt")
        owner.run("RELEASE SAVEPOINT attempt")


@dataclass(slots=True)
class Figures:
    """How often each thing was tried, and what was not found."""

    rows: int = 0
    tried: dict[str, int] = field(default_factory=dict)
    missed: list[str] = field(default_factory=list)

    def note(self, what: str, found: bool, place: str) -> None:
        """One attempt."""
        self.tried[what] = self.tried.get(what, 0) + 1
        if not found:
            self.missed.append(f"{what}: {place}")


@dataclass(frozen=True, slots=True)
class Stage:
    """A database to tamper with, with a checkpoint that was kept outside."""

    owner: Owner
    folder: Path
    signed: Checkpoint
    rows: int

    def audit(self, *, outside: bool = True) -> Report:
        """Everything, with the checkpoint or without."""
        return audit_reader(self.owner.reader, [self.signed] if outside else [], self.folder)

    def codes(self, *, outside: bool = True) -> set[str]:
        """The codes of what the log alone shows."""
        return set(audit_log(self.owner.reader, TABLES, [self.signed] if outside else []).counts)


@contextmanager
def stage(url: str, *, customers: int, usage: int) -> Iterator[Stage]:
    """A filled database, entered by its owner. The untouched one has to verify."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = open_store(url, create=True)
        try:
            count = fill(store, folder, customers=customers, usage=usage)
            log = store.read(lambda reader: audit_log(reader, TABLES))
        finally:
            store.close()
        assert not log.findings and log.root is not None and log.size == count
        with owned(url) as owner:
            yield Stage(owner, folder, Checkpoint("ledger.example.com/test", count, log.root), count)


def other(value: object, kind: ColumnType, generator: random.Random) -> object:
    """Another value of the column's type: one bit, one character, or something where there was nothing."""
    if kind is ColumnType.INTEGER:
        return 1 if value is None else int(str(value)) ^ 1 << generator.randrange(20)
    if kind is ColumnType.BYTES:
        assert isinstance(value, bytes)
        place = generator.randrange(len(value))
        return value[:place] + bytes([value[place] ^ 1 << generator.randrange(8)]) + value[place + 1 :]
    text = str(value)
    place = generator.randrange(len(text) + 1)
    return f"{text[:place]}{'y' if text[place : place + 1] == 'x' else 'x'}{text[place + 1 :]}"


def flip_columns(at: Stage, figures: Figures, generator: random.Random, asked: Asked) -> None:
    """Flip every column of so many rows of append-only tables, of one row at a time or of some together.

    The smallest tables come first, so that each is among them. Every row has to be named.
    """
    chosen = [(table, row) for table, found in _chosen(at, asked.rows) for row in found][asked.part :: asked.parts]
    together = asked.together
    figures.rows += len(chosen)
    for place in range(max(len(table.all_columns) for table, _ in chosen)):
        wide = [(table, row) for table, row in chosen if place < len(table.all_columns)]
        for start in range(0, len(wide), together):
            _flip(at, figures, generator, wide[start : start + together], place)


def _flip(
    at: Stage, figures: Figures, generator: random.Random, some: Sequence[tuple[Table, tuple[Any, ...]]], place: int
) -> None:
    """Flip the column at one place of some rows."""
    changes: list[Change] = []
    free = generator.sample(range(1, 1_000), len(some))  # two rows of a table cannot have one id, whoever owns it
    for (table, row), number in zip(some, free, strict=True):
        column = table.all_columns[place]
        new = at.rows + number if column.name == "id" else other(row[place], column.type, generator)
        changes.append((f"UPDATE {table.name} SET {column.name} = ? WHERE id = ?", (new, row[0])))
    with tried(at.owner, *changes):
        audit = audit_log(at.owner.reader, TABLES, [at.signed])
    said = " ".join(f"{item.message} {item.notes}" for item in audit.findings)
    # Another id leaves a hole where the row was.
    holes = audit.counts.get("RB7102", 0) + audit.counts.get("RB7103", 0)
    for table, row in some:
        named = re.search(rf"\brow {row[0]} in {table.name}\b", said) is not None
        seen = holes >= len(some) if table.all_columns[place].name == "id" else named
        figures.note("columns of rows of the log flipped", seen, f"column {place} of {row[0]} in {table.name}")


def _chosen(at: Stage, rows: int) -> Iterator[tuple[Table, list[tuple[Any, ...]]]]:
    """Rows of every table, so many in all."""
    stored = [(table, at.owner.rows(f"SELECT * FROM {table.name} ORDER BY id")) for table in own_tables()]
    stored.sort(key=lambda item: len(item[1]))
    for index, (table, found) in enumerate(stored):
        share = min(len(found), max(1, rows // (len(stored) - index)))
        rows -= share
        yield table, found[:share]


def flip_kept(at: Stage, figures: Figures, generator: random.Random, *, kept: int) -> None:
    """Flip every column of rows that no hash covers: so many of balances, of open amounts, of counters; the state."""
    for table in (item for item in TABLES if not item.append_only and item.name != "running"):
        for row in at.owner.rows(f"SELECT * FROM {table.name} ORDER BY {table.key[0]}")[:kept]:
            named = dict(zip((column.name for column in table.columns), row, strict=True))
            where = " AND ".join(f"{name} = ?" for name in table.key)
            for column in table.columns:
                if (table.name, column.name) == ("log_head", "one"):
                    continue
                value = named[column.name]
                if column.name in table.key:  # no other row has it
                    new: object = value + 1_000_000 if isinstance(value, int) else f"{value}-x"
                else:
                    new = other(value, column.type, generator)
                update = f"UPDATE {table.name} SET {column.name} = ? WHERE {where}"
                with tried(at.owner, (update, (new, *(named[name] for name in table.key)))):
                    report = at.audit()
                figures.note("columns of balances, open amounts, counters and the state flipped",
                             bool(report.findings), f"{column.name} of {named}")  # fmt: skip
            with tried(at.owner, (f"DELETE FROM {table.name} WHERE {where}", [named[name] for name in table.key])):
                figures.note("their rows deleted", bool(at.audit().findings), f"{named}")


def cut_tails(at: Stage, figures: Figures, generator: random.Random, *, times: int) -> None:
    """Delete the last rows; then set the state back too, which only a checkpoint shows."""
    for _ in range(times):
        left = at.rows - generator.randint(1, min(50, at.rows - 1))
        deleted = [(f"DELETE FROM {table.name} WHERE id > ?", (left,)) for table in own_tables()]
        with tried(at.owner, *deleted):
            figures.note("tails deleted", "RB7103" in at.codes(), f"after {left}")
            at.owner.run(*_state(_hashes(at)))
            assert not at.codes(outside=False), "nothing in the database shows it"
            figures.note("tails deleted and the state set back", "RB7109" in at.codes(), f"after {left}")


def reorder(at: Stage, figures: Figures, generator: random.Random, *, times: int) -> None:
    """Swap the ids of two rows of a table, with their hashes and without."""
    tables = [table for table in own_tables() if table.name in ("transfers", "usage_events", "operations")]
    for number in range(times):
        table = tables[number % len(tables)]
        ids = [row[0] for row in at.owner.rows(f"SELECT id FROM {table.name} ORDER BY id")]
        one, two = sorted(generator.sample(ids, 2))
        place = f"{one} and {two} of {table.name}"
        with tried(at.owner, *_swapped(table, one, two)):
            figures.note("rows swapped, hashes with them", bool(at.codes(outside=False)), place)
            hashes: dict[Any, Any] = dict(
                at.owner.rows(f"SELECT id, leaf FROM {table.name} WHERE id IN (?, ?)", (one, two))
            )
            for number_, leaf_ in ((one, hashes[two]), (two, hashes[one])):
                at.owner.run(f"UPDATE {table.name} SET leaf = ? WHERE id = ?", (leaf_, number_))
            figures.note("rows swapped, hashes left in place", bool(at.codes(outside=False)), place)


def _swapped(table: Table, one: int, two: int) -> list[Change]:
    update = f"UPDATE {table.name} SET id = ? WHERE id = ?"
    return [(update, (-1, one)), (update, (one, two)), (update, (two, -1))]


def recompute(at: Stage, figures: Figures, generator: random.Random, *, times: int) -> None:
    """Raise a deposit and let everything else follow, as somebody who knows the program would.

    The transfer, the balances, every hash and the state are what they would be had it always been so: nothing in the
    database can show it, and the checkpoint does.
    """
    moved = at.owner.rows("SELECT id, debit, credit FROM transfers WHERE kind = 'deposit' ORDER BY id")
    for _ in range(times):
        number, debit, credit = generator.choice(moved)
        changes: list[Change] = [
            ("UPDATE transfers SET amount = amount + 1000000 WHERE id = ?", (number,)),
            ("UPDATE balances SET debits = debits + 1000000 WHERE account = ?", (debit,)),
            ("UPDATE balances SET credits = credits + 1000000 WHERE account = ?", (credit,)),
        ]
        with tried(at.owner, *changes):
            _rewrite_chain(at)
            assert not at.audit(outside=False).findings, "nothing in the database shows it"
            figures.note("whole chains recomputed", at.codes() == {"RB7108"}, f"transfer {number}")


def insert(at: Stage, figures: Figures, generator: random.Random, *, times: int) -> None:
    """Put in a row after the last, and a second one for a place that a row of another table has."""
    columns = ", ".join(column.name for column in next(t for t in own_tables() if t.name == "operations").columns)
    others = [number for (number,) in at.owner.rows("SELECT id FROM transfers ORDER BY id")]
    for _ in range(times):
        for id_, what in ((at.rows + 1, "rows put in at the end"), (generator.choice(others), "rows put in between")):
            source = f"SELECT CAST(? AS BIGINT), {columns}, leaf FROM operations ORDER BY id LIMIT 1"
            with tried(at.owner, (f"INSERT INTO operations {source}", (id_,))):
                figures.note(what, bool(at.codes(outside=False)), f"{id_}")


def _rewrite_chain(at: Stage) -> None:
    hashes = []
    for place, heading, fields, stored in list(log_rows(at.owner.reader, TABLES)):
        hashes.append(leaf_hash(leaf(heading, fields)))
        if stored != hashes[-1]:
            table = heading.partition("(")[0]
            at.owner.run(f"UPDATE {table} SET leaf = ? WHERE id = ?", (hashes[-1], place + 1))
    at.owner.run(*_state(hashes))


def _hashes(at: Stage) -> list[bytes]:
    return [stored for _, _, _, stored in log_rows(at.owner.reader, TABLES)]


def _state(hashes: Sequence[bytes]) -> Change:
    return "UPDATE log_head SET size = ?, frontier = ?", (len(hashes), Frontier().append(hashes).to_bytes())


@dataclass(frozen=True, slots=True)
class Asked:
    """What to try: `rows` with each of their columns, and the other ways so many `times`; `kept` rows of each table
    that no hash covers. Of several processes that share a run each has a part."""

    rows: int
    seed: int
    times: int
    kept: int
    together: int = 1
    part: int = 0
    parts: int = 1


def run(url: str, asked: Asked) -> Figures:
    """Try everything on a new database."""
    figures, generator = Figures(), random.Random(f"{asked.seed}.{asked.part}")
    times = asked.times // asked.parts + (asked.part < asked.times % asked.parts)
    with stage(url, customers=max(3, asked.rows // 30), usage=asked.rows // 3) as at:
        assert not at.audit().findings
        flip_columns(at, figures, generator, asked)
        if asked.part == 0:
            flip_kept(at, figures, generator, kept=asked.kept)
        cut_tails(at, figures, generator, times=times)
        reorder(at, figures, generator, times=times)
        insert(at, figures, generator, times=times)
        recompute(at, figures, generator, times=times)
        figures.note("the database that nobody touched", not at.audit().findings, "something was found")
    return figures


def run_together(asked: Asked) -> Figures:
    """Try everything on SQLite by several processes, each on a database of its own with the same rows."""
    parts = [replace(asked, part=part) for part in range(asked.parts)]
    with ProcessPoolExecutor(asked.parts, mp_context=get_context("spawn")) as pool:
        whole = Figures()
        for own in pool.map(_part, parts):
            whole.rows += own.rows
            whole.missed += own.missed
            for what, count in own.tried.items():
                whole.tried[what] = whole.tried.get(what, 0) + count
    return whole


def _part(asked: Asked) -> Figures:
    with tempfile.TemporaryDirectory() as folder:
        return run(f"{folder}/ledger.db", asked)
