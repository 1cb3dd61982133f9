"""The whole audit of a database in one view of it: the log, the ledger, the books, and files of usage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from ...diagnostics import Diagnostic
from ...ledger.audit import audit_ledger, audit_log
from ...ledger.books import BOOK_TABLES
from ...ledger.note import Checkpoint
from ...ledger.store import Reader, Store, StoreError, Value
from ...ledger.tables import LEDGER_TABLES
from .books import audit_books
from .files import audit_files

TABLES = (*LEDGER_TABLES, *BOOK_TABLES)

_NAMED_MAX = 20
"""So many findings of a code are given for the books; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Report:
    """What came out: the rows of the log, its root (None where rows are missing), up to which row a checkpoint says
    that all is as it was signed, the findings, and how often each code was met."""

    rows: int
    root: bytes | None
    signed: int
    findings: tuple[Diagnostic, ...]
    counts: Mapping[str, int]

    def with_findings(self, others: Sequence[Diagnostic]) -> Report:
        """The same with further findings, before its own."""
        counts = Counter(self.counts)
        counts.update(item.code for item in others)
        return replace(self, findings=(*others, *self.findings), counts=counts)


def audit_database(store: Store, checkpoints: Sequence[Checkpoint], folder: Path | None = None) -> Report:
    """Audit everything; files of usage lie in `folder`, or where the store knows them to be."""
    try:
        return store.read(lambda reader: audit_reader(reader, checkpoints, folder))
    except StoreError:
        unreadable = tuple(_unreadable(store))
        if not unreadable:
            raise
        return Report(0, None, 0, unreadable, Counter(item.code for item in unreadable))


def _unreadable(store: Store) -> Iterator[Diagnostic]:
    """The rows that the database does not give, such as those with bytes in a text that are none; one by one."""
    for table in (table for table in TABLES if table.append_only):
        names = ", ".join(column.name for column in table.all_columns)
        for (number,) in _rows_of(store, f"SELECT id FROM {table.name} ORDER BY id"):
            try:
                _rows_of(store, f"SELECT {names} FROM {table.name} WHERE id = ?", number)
            except StoreError as error:
                place = f"row {cast(int, number)} of {table.name}"
                yield Diagnostic("RB7101", f"it cannot be read: {error.finding.message}", place=place)


def _rows_of(store: Store, query: str, *given: Value) -> list[tuple[Value, ...]]:
    return store.read(lambda reader: reader.rows(query, given))


def audit_reader(reader: Reader, checkpoints: Sequence[Checkpoint], folder: Path | None = None) -> Report:
    """The same of one view."""
    log = audit_log(reader, TABLES, checkpoints)
    counts: Counter[str] = Counter()
    others = [
        finding
        for part in (audit_ledger(reader), audit_books(reader), audit_files(reader, folder or reader.folder))
        for finding in _first(part, counts)
    ]
    return Report(log.size, log.root, log.fits, (*log.findings, *others), {**log.counts, **counts})


def _first(findings: Iterable[Diagnostic], counts: Counter[str]) -> Iterator[Diagnostic]:
    """The first findings of each code, and how many there are further."""
    further: Counter[str] = Counter()
    for finding in findings:
        counts[finding.code] += 1
        if counts[finding.code] <= _NAMED_MAX:
            yield finding
        else:
            further[finding.code] += 1
    for code, count in further.items():
        yield Diagnostic(code, f"{count:,} further ones")
