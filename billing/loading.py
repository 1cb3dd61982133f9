"""Files of accounts and of subscriptions: all rows are checked first, and then all are written, or none.

A row that was added before, exactly as it is written, is not added again; so the same file has no second effect,
whatever has happened since to what it added.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Generic, TypeVar, cast

from ..diagnostics import Diagnostic, Severity
from ..intake.columns import refused_columns
from ..intake.files import InputFile, UnreadableFileError, expand_paths, unreadable
from ..intake.rejects import Reject, reject
from ..intake.rows import Broken, RawRow, open_rows
from ..intake.values import Refusal, shown_value
from ..ledger.store import Reader, Store, Transaction
from .acting import Acting, Json, asked_for, canonical, once, remembered

T = TypeVar("T")

NAMES_PER_QUERY = 900
"""How many names one statement asks for; databases have bounds."""

ROWS_TOGETHER = 5_000
"""How many rows are handed to the database together, so that not all of them stand in memory twice."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of the rows of a file. Where there are `rejects`, or errors among `findings`, nothing was added."""

    read: int
    added: int
    repeated: int
    rejects: tuple[Reject, ...] = ()
    findings: tuple[Diagnostic, ...] = ()

    @property
    def is_sound(self) -> bool:
        """Whether no row and no file was wrong."""
        return not self.rejects and not any(item.severity is Severity.ERROR for item in self.findings)


@dataclass(frozen=True, slots=True)
class FileRow:
    """A row of a file, its number there, and its position among all rows that are read."""

    file: InputFile
    number: int
    position: int
    cells: RawRow

    def refused(self, column: str, finding: Diagnostic) -> Reject:
        """A finding about the row as a mistake in it."""
        refusal = Refusal(finding.code, finding.message, "; or ".join(finding.hints))
        return reject(self.file, self.number, column, self.cells.get(column), refusal)


@dataclass(slots=True)
class Plan(Generic[T]):
    """What is to be done with the rows of a file: what is new, how many were added before, and what is wrong."""

    new: list[T] = field(default_factory=list)
    repeated: int = 0
    rejects: list[Reject] = field(default_factory=list)
    findings: list[Diagnostic] = field(default_factory=list)

    def loaded(self, read: int, *, added: int) -> Loaded:
        """The plan as its outcome; mistakes in the order of rows."""
        rejects = tuple(sorted(dict.fromkeys(self.rejects), key=lambda item: (item.file, item.row or 0)))
        return Loaded(read, added, self.repeated, rejects, tuple(self.findings))


@dataclass(slots=True)
class ReadFile:
    """The rows of a file, or of the files of a glob, with the mistakes that no database has to be asked about."""

    rows: list[FileRow] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    findings: list[Diagnostic] = field(default_factory=list)
    read: int = 0

    @property
    def fingerprint(self) -> str:
        """What stands for the content of all rows."""
        digest = sha256()
        for row in self.rows:
            digest.update(canonical({name: text_of(cell) for name, cell in row.cells.items()}).encode())
            digest.update(b"\n")
        return digest.hexdigest()


def read_file(path: str | Path, wanted: Collection[str], structure: Iterable[tuple[str, ...]]) -> ReadFile:
    """Read a file; its header has to hold one column of each entry of `structure`."""
    found = ReadFile()
    files, findings = expand_paths([path])
    found.findings.extend(findings)
    for file in files:
        try:
            with open_rows(file, wanted) as source:
                refused = refused_columns(source, structure)
                found.rejects.extend(reject(file, None, *mistake) for mistake in refused)
                for number, row in source.rows:
                    found.read += 1
                    if isinstance(row, Broken):
                        found.rejects.append(reject(file, number, "", row.value, row.refusal))
                    elif not refused:
                        cells = {name: cell for name, cell in row.items() if cell is not None and cell != ""}
                        found.rows.append(FileRow(file, number, found.read, cells))
        except UnreadableFileError as error:
            found.findings.append(unreadable(file, error))
    return found


def load(
    store: Store,
    acting: Acting,
    what: str,
    rows: ReadFile,
    options: Json,
    plan: Callable[[Reader], Plan[T]],
    add: Callable[[Transaction, Sequence[T]], object],
) -> Loaded | Diagnostic:
    """Add what a plan finds new, all of it in one transaction, in which the plan is made once more.

    `options` is what else decides what the rows mean. Where a row is wrong, or none is new, nothing is written.
    """
    body = {"rows": rows.fingerprint, **options}
    before = store.read(lambda reader: remembered(reader, acting.key, asked_for(what, body)))
    if before is not None:
        return before if isinstance(before, Diagnostic) else _outcome(before)
    first = store.read(plan)
    outcome = first.loaded(rows.read, added=0)
    if not outcome.is_sound or not first.new:
        return outcome

    def work(transaction: Transaction) -> Json | Diagnostic:
        again = plan(transaction)
        if again.rejects:
            return again.loaded(rows.read, added=0).rejects[0].diagnostic
        for first_row in range(0, len(again.new), ROWS_TOGETHER):
            add(transaction, again.new[first_row : first_row + ROWS_TOGETHER])
        return {"read": rows.read, "added": len(again.new), "repeated": again.repeated}

    answer = once(store, acting, what, body, work)
    return answer if isinstance(answer, Diagnostic) else _outcome(answer, outcome.findings)


def _outcome(answer: Json, findings: tuple[Diagnostic, ...] = ()) -> Loaded:
    read, added, repeated = (cast(int, answer[name]) for name in ("read", "added", "repeated"))
    return Loaded(read, added, repeated, findings=findings)


def text_of(cell: object) -> object:
    """A cell as a text, as it would stand in CSV; a list or an object stays what it is, for its reader to refuse."""
    match cell:
        case bool():
            return "true" if cell else "false"
        case Decimal() if cell.is_finite() and abs(cell.adjusted()) < 100:
            return format(cell, "f")
        case int() | Decimal():
            return str(cell)
        case datetime() | date():
            return cell.isoformat()
        case list() | dict():
            return shown_value(cell)
        case _:
            return cell


def in_chunks(names: Iterable[str]) -> Iterator[Sequence[str]]:
    """Names in order, as many together as one statement asks for."""
    ordered = sorted(set(names))
    return (ordered[first : first + NAMES_PER_QUERY] for first in range(0, len(ordered), NAMES_PER_QUERY))


def chosen_attributes(cells: Mapping[str, object], names: Iterable[str]) -> dict[str, object]:
    """The cells of these columns as attributes are kept: as texts."""
    return {name: text_of(cells[name]) for name in names if name in cells}
