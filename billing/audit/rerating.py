"""Rating a line again from the rows of a proof, without the database that they came from.

The rows become tables in memory, and the functions that billing itself uses read them there: a proof is not checked by
rules of its own.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

from ...diagnostics import Diagnostic
from ...engine.period import DateRange
from ...engine.statement import LineKind
from ...ledger.books import USAGE_EVENTS
from ...ledger.proof import FILED_COLUMNS, ProofRow
from ...ledger.sqlite import SqliteConnection
from ...ledger.store import Reader
from ..adjustments import rated_again
from ..drafts import DraftLine, lines_of_statement
from ..rulesets import Published, compiled_of, ruleset_by_hash
from .report import TABLES

COMPARED = ("name", "kind", "dimensions", "quantity", "unit", "amount", "place")
"""What a line that is rated again has as the stored one does."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """The rows that say what was billed, by column."""

    line: dict[str, Any]
    invoice: dict[str, Any]

    @property
    def is_adjustment(self) -> bool:
        return bool(self.line["origin_start"])

    @property
    def period(self) -> DateRange:
        """The billing period that the line is about."""
        names = ("origin_start", "origin_end") if self.is_adjustment else ("period_start", "period_end")
        row = self.line if self.is_adjustment else self.invoice
        first, end = (date.fromisoformat(cast(str, row[name])) for name in names)
        return DateRange(first, end)


def rate_again(rows: Sequence[ProofRow]) -> Diagnostic | None:
    """Whether the rule gives the line from the usage that is shown: RB7133 where not, RB7134 where it cannot be said.

    The rows have been held against the log before, and against each other.
    """
    shown = _shown(rows)
    reason = _not_rated(shown)
    if reason is not None:
        return _undecided(reason)
    try:
        with tables_of(rows) as reader:
            return _compared(reader, shown)
    except (ValueError, LookupError, TypeError, StopIteration, sqlite3.Error) as error:
        # Rows in the log of somebody else's program may hold what ours never writes.
        return _undecided(f"its rows do not fit this version of Ratebook ({type(error).__name__}: {error})")


def _shown(rows: Sequence[ProofRow]) -> _Shown:
    (line,) = (dict(row.fields) for row in rows if row.role == "line")
    (invoice,) = (dict(row.fields) for row in rows if row.role == "invoice")
    return _Shown(line, invoice)


def _not_rated(shown: _Shown) -> str | None:
    if shown.line.get("kind") == LineKind.PREPAID.value:
        return "what a card pays depends on what was left on it"
    if shown.invoice.get("kind") == "credit note":
        return "a credit note takes back a part of what another document billed; prove the line of that one"
    return None


def _undecided(reason: str) -> Diagnostic:
    return Diagnostic("RB7134", f"the line was not rated again: {reason}")


def _compared(reader: Reader, shown: _Shown) -> Diagnostic | None:
    line, invoice, period = shown.line, shown.invoice, shown.period
    published = ruleset_by_hash(reader, cast(str, invoice["hash"]))
    compiled = compiled_of(published.main, published.files)
    if compiled.program is None:
        return _undecided("its ruleset does not compile with this version of Ratebook")
    if compiled.program.hash != published.hash:
        message = f"the text of ruleset {published.name} has the hash {compiled.program.hash}, not {published.hash}"
        return Diagnostic("RB7133", message)
    through = cast(int, invoice["run"])
    known = _run_of_bill(reader, shown) if shown.is_adjustment else through
    account, subscription = cast(str, invoice["account"]), cast(int, invoice["subscription"])
    rated = rated_again(reader, published, account, subscription, period, known, through)
    if isinstance(rated, Diagnostic):
        return _undecided(rated.message)
    found = lines_of_statement(compiled.program, rated)
    return _adjusted(reader, shown, found) if shown.is_adjustment else _the_same(line, found, published)


def _the_same(line: dict[str, Any], found: Iterable[DraftLine], published: Published) -> Diagnostic | None:
    billed = {name: line[name] for name in COMPARED}
    near: list[str] = []
    for one in found:
        if {name: getattr(one, name) for name in COMPARED} == billed:
            return None
        if (one.name, one.kind, one.dimensions) == (billed["name"], billed["kind"], billed["dimensions"]):
            near.append(f"{one.amount} for {one.quantity} {one.unit} at {one.place}".replace("  ", " "))
    again = f"it comes to {near[0]}" if near else f"ruleset {published.name} gives no such line"
    message = f"the line was billed at {billed['amount']} minor units; rated again from what is shown, {again}"
    return Diagnostic("RB7133", message)


def _run_of_bill(reader: Reader, shown: _Shown) -> int:
    """The run that billed the period of an adjustment: what was known of the account then counts."""
    ((run, digest),) = reader.rows(
        "SELECT run, hash FROM invoices WHERE subscription = ? AND period_start = ? AND kind IN ('invoice', 'nothing')",
        (cast(int, shown.invoice["subscription"]), cast(str, shown.line["origin_start"])),
    )
    if digest != shown.invoice["hash"]:
        raise ValueError("the period was billed by an earlier ruleset")
    return cast(int, run)


def _adjusted(reader: Reader, shown: _Shown, found: Iterable[DraftLine]) -> Diagnostic | None:
    """An adjustment is what the period comes to now less what was billed of it before."""
    line = shown.line
    key = (line["name"], line["adjusts"], line["dimensions"])
    now = sum(one.amount for one in found if (one.name, one.kind, one.dimensions) == key)
    before = 0
    for name, kind, dimensions, amount, adjusts in reader.rows(
        "SELECT name, kind, dimensions, amount, adjusts FROM invoice_lines WHERE invoice <> ?",
        (cast(int, line["invoice"]),),
    ):
        before += cast(int, amount) if (name, adjusts or kind, dimensions) == key else 0
    if now - before == line["amount"]:
        return None
    message = (
        f"the adjustment was billed at {line['amount']} minor units; rated again from what is shown, the period comes "
        f"to {now} after {before} that were billed"
    )
    return Diagnostic("RB7133", message)


@contextmanager
def tables_of(rows: Sequence[ProofRow]) -> Iterator[Reader]:
    """The tables of the books in memory with these rows and no others."""
    raw = sqlite3.connect(":memory:")
    try:
        for table in TABLES:
            raw.execute(f"CREATE TABLE {table.name} ({', '.join(column.name for column in table.all_columns)})")
        hashed = {table.name: table.hashed for table in TABLES if table.append_only}
        for row in map(_as_row, (row for row in rows if row.role != "usage file")):
            if tuple(name for name, _ in row.fields) != hashed[row.table]:
                raise ValueError(f"{row.table} has other columns")
            marks = ", ".join("?" for _ in row.fields)
            names = ", ".join(name for name, _ in row.fields)
            raw.execute(f"INSERT INTO {row.table} ({names}) VALUES ({marks})", [value for _, value in row.fields])
        yield SqliteConnection(raw)
    finally:
        raw.close()


def _as_row(row: ProofRow) -> ProofRow:
    """An event of a file as if it were a row of the database, which counts from the place of its file."""
    if row.file is None:
        return row
    if tuple(name for name, _ in row.fields) != FILED_COLUMNS:
        raise ValueError("an event of a file has other columns")
    fields = (("id", row.file + 1), *row.fields, ("fingerprint", b""), ("received", 0))
    return ProofRow("usage", USAGE_EVENTS.name, row.file, fields)
