"""Issued documents as the database has them: invoices, credit notes, their numbers and their lines.

A document is final. What was paid of one stands in `settlements`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import cast

from ..diagnostics import Diagnostic
from ..engine.statement import LineKind
from ..ledger.requests import TransferId
from ..ledger.store import Reader, Transaction, Value

NOT_ADDED = frozenset({LineKind.PREPAID.value, LineKind.INCLUDED_TAX.value})
"""The kinds of lines that are no part of a total."""
TAXES = frozenset({LineKind.TAX.value, LineKind.INCLUDED_TAX.value})


@dataclass(frozen=True, slots=True)
class Document:
    """An issued document. `total` is in minor units, below zero where the customer gets something; `starts` and `ends`
    are the instants, in microseconds, that its subscription covers of the period."""

    id: int
    number: str
    kind: str
    account: str
    subscription: int
    plan: str
    ruleset: str
    hash: str
    period_start: str
    period_end: str
    starts: int
    ends: int
    currency: str
    total: int
    issued: date
    payable_by: date | None
    corrects: int | None
    statement: str


@dataclass(frozen=True, slots=True)
class DocumentLine:
    """A line of a document; `transfer` is the row of the ledger that posted it, None for an amount of zero."""

    line: int
    name: str
    kind: str
    label: str
    dimensions: str
    quantity: str
    unit: str
    amount: int
    place: str
    origin_start: str
    origin_end: str
    adjusts: str
    transfer: TransferId | None

    @property
    def is_added(self) -> bool:
        """Whether the line is part of the total."""
        return self.kind not in NOT_ADDED


def document_number(series: str, number: int) -> str:
    """A document's number as people see it: `INV-2026-000001`."""
    return f"{series}-{number:06d}"


def next_number(transaction: Transaction, series: str) -> int:
    """The next number of a series. Numbers have no gaps: where the transaction is undone, so is the number."""
    return next_numbers(transaction, series, 1)[0]


def next_numbers(transaction: Transaction, series: str, count: int) -> range:
    """The next `count` numbers of a series, which begins with 1."""
    if not transaction.put("UPDATE counters SET value = value + ? WHERE name = ?", (count, series)):
        transaction.put("INSERT INTO counters (name, value) VALUES (?, ?)", (series, count))
    ((last,),) = transaction.rows("SELECT value FROM counters WHERE name = ?", (series,))
    return range(cast(int, last) - count + 1, cast(int, last) + 1)


_COLUMNS = (
    "id, series, number, kind, account, subscription, plan, ruleset, hash, period_start, period_end, starts, ends, "
    "currency, total, issued, payable_by, corrects, statement"
)


def find_document(reader: Reader, number: str, *, account: str | None = None) -> Document | Diagnostic:
    """The document of a number as people see it; refused where there is none, or it is another account's."""
    series, _, counted = number.strip().rpartition("-")
    digits = counted.isascii() and counted.isdigit() and len(counted) <= 12
    found = (
        reader.rows(
            f"SELECT {_COLUMNS} FROM invoices WHERE series = ? AND number = ? AND kind <> 'nothing'",
            (series, int(counted)),
        )
        if digits
        else []
    )
    if not found:
        hints = ("write it as it stands on the invoice, such as INV-2026-000001", "`ratebook bill list` shows all")
        return Diagnostic("RB7060", f"there is no document {number}", hints=hints)
    document = _document(found[0])
    if account is not None and document.account != account:
        return Diagnostic(
            "RB7061",
            f"{document.number} is an invoice of account {document.account}, not of {account}",
            hints=("name an invoice of the account itself", "`ratebook bill list` shows whose each is"),
        )
    return document


def document_of(reader: Reader, invoice: int) -> Document:
    """The document of an id that the database gave."""
    (row,) = reader.rows(f"SELECT {_COLUMNS} FROM invoices WHERE id = ?", (invoice,))
    return _document(row)


def lines_of(reader: Reader, invoice: int) -> list[DocumentLine]:
    """The lines of a document in their order."""
    rows = reader.rows(
        "SELECT line, name, kind, label, dimensions, quantity, unit, amount, place, origin_start, origin_end, adjusts, "
        "transfer "
        "FROM invoice_lines WHERE invoice = ? ORDER BY line",
        (invoice,),
    )
    return [_line(row) for row in rows]


def credit_notes_of(reader: Reader, invoice: int) -> list[Document]:
    """The credit notes that take something of an invoice back, in the order of their issue."""
    rows = reader.rows(
        f"SELECT {_COLUMNS} FROM invoices WHERE corrects = ? AND kind = 'credit note' ORDER BY id", (invoice,)
    )
    return [_document(row) for row in rows]


def taxed_lines(document: Document) -> Mapping[str, frozenset[str]]:
    """The names of the lines that each tax is about, as the stored statement says; empty for all lines."""
    statement = json.loads(document.statement) if document.statement else {}
    lines = statement.get("lines", []) if isinstance(statement, dict) else []
    return {line["id"]: frozenset(line.get("on", ())) for line in lines if line.get("kind") in TAXES}


def _document(row: tuple[Value, ...]) -> Document:
    (number, series, counted, kind, account, subscription, plan, ruleset, digest, period_start, period_end) = row[:11]
    starts, ends, currency, total, issued, payable_by, corrects, statement = row[11:]
    return Document(
        id=cast(int, number),
        number=document_number(cast(str, series), cast(int, counted)),
        kind=cast(str, kind),
        account=cast(str, account),
        subscription=cast(int, subscription),
        plan=cast(str, plan),
        ruleset=cast(str, ruleset),
        hash=cast(str, digest),
        period_start=cast(str, period_start),
        period_end=cast(str, period_end),
        starts=cast(int, starts),
        ends=cast(int, ends),
        currency=cast(str, currency),
        total=cast(int, total),
        issued=date.fromisoformat(cast(str, issued)),
        payable_by=date.fromisoformat(cast(str, payable_by)) if payable_by else None,
        corrects=cast("int | None", corrects),
        statement=cast(str, statement),
    )


def _line(row: tuple[Value, ...]) -> DocumentLine:
    transfer = cast("int | None", row[12])
    return DocumentLine(
        line=cast(int, row[0]),
        name=cast(str, row[1]),
        kind=cast(str, row[2]),
        label=cast(str, row[3]),
        dimensions=cast(str, row[4]),
        quantity=cast(str, row[5]),
        unit=cast(str, row[6]),
        amount=cast(int, row[7]),
        place=cast(str, row[8]),
        origin_start=cast(str, row[9]),
        origin_end=cast(str, row[10]),
        adjusts=cast(str, row[11]),
        transfer=None if transfer is None else TransferId(transfer),
    )
