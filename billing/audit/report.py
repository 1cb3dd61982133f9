"""The whole audit of a database in one view of it: the log, the ledger, the books, and files of usage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...diagnostics import Diagnostic
from ...ledger.audit import audit_ledger, audit_log
from ...ledger.books import BOOK_TABLES
from ...ledger.note import Checkpoint
from ...ledger.store import Reader, Store
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
    return store.read(lambda reader: audit_reader(reader, checkpoints, folder))


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
