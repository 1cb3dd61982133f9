"""Usage files into valid events and quantities: every row is counted, the repeat of a counted one, or rejected.

What a row means is known in `facts`; here are files, identities and counts. Periods and prices are not known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from ..diagnostics import Diagnostic
from ..engine.usage import AccountUsage, FactSchema, MeteredQuantity, UsageEvent
from ..grammar.collector import without_garbage_collector
from .columns import refused_columns, usage_columns
from .facts import Fact, FactReader, Identity
from .files import FileKind, InputFile, UnreadableFileError, expand_paths, unreadable
from .rejects import Reject, ignored_column, reject
from .rows import Broken, RowSource, handed_over, open_rows
from .values import Refusal

ROWS_PER_REPORT: Final = 10_000
_STRUCTURE: Final = (("account", "subject"), ("event", "meter", "type"))


@dataclass(frozen=True, slots=True)
class UsageIntake:
    """What usage files hold. `read` is the sum of `counted`, `repeated` and `rejected`, all in rows.

    `findings` are about files: an error says that one could not be read, a warning that a column was not. A row may
    have several `rejects`, one per mistake.
    """

    by_account: Mapping[str, AccountUsage]
    read: int
    counted: int
    repeated: int
    rejected: int
    rejects: tuple[Reject, ...] = ()
    findings: tuple[Diagnostic, ...] = ()

    @property
    def first_time(self) -> datetime | None:
        """The earliest time that was counted, or None where no row has one."""
        usages = self.by_account.values()
        times = [event.time for usage in usages for event in usage.events]
        times += [each.time for usage in usages for each in usage.quantities if each.time is not None]
        return min(times, default=None)


def read_usage(
    paths: Iterable[str | Path],
    schema: FactSchema,
    *,
    known_accounts: Set[str] | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> UsageIntake:
    """The usage in files and globs; `-` is JSON Lines from standard input.

    Without `known_accounts` every account is taken. `on_progress` hears the number of rows read so far.
    """
    files, findings = expand_paths(paths)
    reading = UsageReading(schema, known_accounts, on_progress, list(findings))
    with without_garbage_collector():
        for file in files:
            try:
                with open_rows(file, reading.wanted) as source:
                    reading.take_file(file, source)
            except UnreadableFileError as error:
                reading.findings.append(unreadable(file, error))
    if on_progress is not None:
        on_progress(reading.read)
    return reading.result()


def usage_of_rows(
    rows: Iterable[Mapping[str, object]],
    schema: FactSchema,
    *,
    known_accounts: Set[str] | None = None,
    name: str = "usage",
) -> UsageIntake:
    """The usage in rows that a program hands over: the mappings that lines of JSON would give."""
    reading = UsageReading(schema, known_accounts, None, [])
    reading.take_file(InputFile(name, FileKind.ROWS), handed_over(rows))
    return reading.result()


@dataclass(slots=True)
class _Counted:
    """What has been counted for one account."""

    events: list[UsageEvent] = field(default_factory=list)
    quantities: list[MeteredQuantity] = field(default_factory=list)


class UsageReading:
    """Rows of files in the order of files and rows, and what has been found in them so far."""

    def __init__(
        self,
        schema: FactSchema,
        known_accounts: Set[str] | None,
        on_progress: Callable[[int], None] | None,
        findings: list[Diagnostic],
    ) -> None:
        self.wanted = usage_columns(schema)
        self.findings = findings
        self.read = 0
        self._facts = FactReader(schema, known_accounts, self._refuse, self._ignore)
        self._on_progress = on_progress
        self._counted = self._repeated = self._rejected = 0
        self._rejects: list[Reject] = []
        self._accounts: dict[str, _Counted] = {}
        self._first: dict[Identity, tuple[Fact, InputFile, int]] = {}
        self._ignored: set[tuple[str, str, str]] = set()

    def take_file(self, file: InputFile, source: RowSource) -> None:
        """Count the rows of a file, or reject all of them where its columns make each one wrong."""
        self._file = file
        refused = refused_columns(source, _STRUCTURE)
        self._rejects.extend(reject(file, None, *mistake) for mistake in refused)
        for column in source.columns or ():
            if column not in self.wanted:
                self._ignore(column, "")
        for self._row, row in source.rows:
            self.read += 1
            if self._on_progress is not None and self.read % ROWS_PER_REPORT == 0:
                self._on_progress(self.read)
            if refused:
                self._rejected += 1
            elif isinstance(row, Broken):
                self._refuse("", row.value, row.refusal)
                self._rejected += 1
            else:
                mistakes = len(self._rejects)
                found = self._facts.fact(row)
                if found is None or len(self._rejects) > mistakes:
                    self._rejected += 1
                else:
                    self._count(*found)

    def _count(self, fact: Fact, identity: Identity | None) -> None:
        """Count a valid row unless its identity was counted before; a rejected row has claimed no identity."""
        if identity is not None:
            first = self._first.get(identity)
            if first is not None:
                self._repeat(fact, identity, *first)
                return
            self._first[identity] = (fact, self._file, self._row)
        account = self._accounts.get(fact.account)
        if account is None:
            account = self._accounts[fact.account] = _Counted()
        if isinstance(fact, UsageEvent):
            account.events.append(fact)
        else:
            account.quantities.append(fact)
        self._counted += 1

    def _repeat(self, fact: Fact, identity: Identity, first: Fact, file: InputFile, row: int) -> None:
        if fact == first:
            self._repeated += 1
            return
        reason = f"the same id has other content here than at {file.place(row)}, which was read first"
        way_out = "give different usage different ids, or repeat a row as it was"
        self._refuse("id", identity[0], Refusal("RB3009", reason, way_out))
        self._rejected += 1

    def _refuse(self, column: str, raw: object, refusal: Refusal) -> None:
        self._rejects.append(reject(self._file, self._row, column, raw, refusal))

    def _ignore(self, column: str, owner: str) -> None:
        # A column that no row can have is named once by its file, not again by each kind of row.
        owner = owner if column in self.wanted else ""
        key = (self._file.name, column, owner)
        if key not in self._ignored:
            self._ignored.add(key)
            self.findings.append(ignored_column(self._file, column, owner))

    def result(self) -> UsageIntake:
        """Everything that the run found."""
        by_account = {
            name: AccountUsage(tuple(counted.events), tuple(counted.quantities))
            for name, counted in self._accounts.items()
        }
        return UsageIntake(
            by_account,
            self.read,
            self._counted,
            self._repeated,
            self._rejected,
            tuple(self._rejects),
            tuple(self.findings),
        )
