"""Issued documents as people see them again: the statement as it was, its number, its adjustments, what is open.

Amounts are those that are stored. The explanation behind each line is made by rating the period again with the ruleset
of the bill and what was known then; it has to come to the stored statement, or it is not shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import cast

from ..diagnostics import Diagnostic, Source
from ..engine.derivation import Place as RulePlace
from ..engine.derivation import Role, given
from ..engine.period import DateRange
from ..engine.plan import Program
from ..engine.statement import Labels, Line, LineKind, Statement
from ..intake import statement_object
from ..ledger.store import Reader
from ..money import MoneyUnit
from .account_facts import Due, covered_of, facts_of_accounts
from .amounts import unit_of
from .documents import Document, DocumentLine, find_document, lines_of
from .live_bill import LiveDifference, difference_lines
from .rating import DueAccount, latest_end, rate_account
from .rulesets import ruleset_by_hash
from .run import taken_from_cards
from .settlements import open_of
from .usage_facts import usage_of_account


@dataclass(frozen=True, slots=True)
class IssuedDocument:
    """A document with its lines, what was settled of it by kind, and what is open, in minor units."""

    document: Document
    lines: tuple[DocumentLine, ...]
    settled: tuple[tuple[str, int, str], ...]
    open: int
    live: tuple[LiveDifference, ...] = ()
    """Its lines beside what was charged as it happened; empty where nothing was."""


def issued_document(reader: Reader, number: str) -> IssuedDocument | Diagnostic:
    """The document of a number as people see it, or that there is none."""
    document = find_document(reader, number)
    if isinstance(document, Diagnostic):
        return document
    settled = tuple(
        (cast(str, kind), cast(int, amount), cast(str, reference))
        for kind, amount, reference in reader.rows(
            "SELECT kind, amount, reference FROM settlements WHERE invoice = ? ORDER BY id", (document.id,)
        )
    )
    lines, live = tuple(lines_of(reader, document.id)), tuple(difference_lines(reader, document.id))
    return IssuedDocument(document, lines, settled, open_of(reader, document.id), live)


def list_documents(
    reader: Reader, *, account: str | None = None, period: DateRange | None = None, open_only: bool = False
) -> list[tuple[Document, int]]:
    """Numbered documents in the order of their issue, each with what is open of it."""
    conditions, values = ["kind <> 'nothing'"], list[str]()
    if account is not None:
        conditions.append("invoices.account = ?")
        values.append(account)
    if period is not None:
        conditions.append("period_start >= ? AND period_start < ?")
        values.extend((period.start.isoformat(), period.end.isoformat()))
    if open_only:
        conditions.append("open_invoices.open > 0")
    rows = reader.rows(
        "SELECT series, number, coalesce(open_invoices.open, 0) FROM invoices "
        "LEFT JOIN open_invoices ON open_invoices.invoice = invoices.id "
        f"WHERE {' AND '.join(conditions)} ORDER BY invoices.id",
        values,
    )
    found = []
    for series, number, rest in rows:
        document = find_document(reader, f"{series!s}-{number!s}")
        assert not isinstance(document, Diagnostic)
        found.append((document, cast(int, rest)))
    return found


def document_object(found: IssuedDocument) -> dict[str, object]:
    """A document as JSON: the contract of a statement with what an issued document has beside it."""
    document = found.document
    unit = _unit(document.currency)
    body = json.loads(document.statement) if document.statement else {}
    return {
        "schema": "ratebook.invoice/1",
        "number": document.number,
        "kind": document.kind,
        "account": document.account,
        "plan": document.plan,
        "period": {"start": document.period_start, "end": document.period_end},
        "issued": document.issued.isoformat(),
        "payable_by": None if document.payable_by is None else document.payable_by.isoformat(),
        "currency": document.currency,
        "ruleset": {"name": document.ruleset, "hash": document.hash},
        "lines": [_line_object(line, unit) for line in found.lines],
        "total": unit.text(document.total),
        "settled": [
            {"kind": kind, "amount": unit.text(amount), **({"reference": reference} if reference else {})}
            for kind, amount, reference in found.settled
        ],
        "open": unit.text(found.open),
        **({"live": [_live_object(line, unit) for line in found.live]} if found.live else {}),
        "statement": body,
    }


def _unit(code: str) -> MoneyUnit:
    unit = unit_of(code)
    assert isinstance(unit, MoneyUnit)
    return unit


def _line_object(line: DocumentLine, unit: MoneyUnit) -> dict[str, object]:
    return {
        "line": line.line,
        "id": line.name,
        "kind": line.kind,
        "label": line.label,
        **({"by": json.loads(line.dimensions)} if line.dimensions else {}),
        **({"quantity": line.quantity} if line.quantity else {}),
        **({"unit": line.unit} if line.unit else {}),
        "amount": unit.text(line.amount),
        **({"period": {"start": line.origin_start, "end": line.origin_end}} if line.origin_start else {}),
        "source": line.place,
    }


def _live_object(line: LiveDifference, unit: MoneyUnit) -> dict[str, object]:
    return {
        "id": line.name,
        "kind": line.kind,
        "label": line.label,
        **({"by": json.loads(line.dimensions)} if line.dimensions else {}),
        "billed": unit.text(line.billed),
        "taken": unit.text(line.taken),
        "difference": unit.text(line.difference),
        "why": line.why,
    }


def explained_statement(reader: Reader, found: IssuedDocument) -> tuple[Statement, Program, Mapping[str, Source]]:
    """The statement of a document with the derivation of each line, adjustments as lines of their own.

    Raises `AssertionError` where rating again does not come to what is stored: the document is shown as it is then.
    """
    document = found.document
    published = ruleset_by_hash(reader, document.hash)
    program = published.program
    statement = _rated_as_then(reader, program, document)
    assert json.loads(document.statement) == statement_object(statement), "rating again comes to what was billed"
    extra = tuple(_adjustment(line, program) for line in found.lines if line.origin_start)
    added = sum(line.amount for line in extra if line.is_added)
    whole = replace(
        statement,
        lines=(*statement.lines, *extra),
        total=statement.total + added,
        due=statement.due + added,
    )
    return whole, program, published.sources


def _rated_as_then(reader: Reader, program: Program, document: Document) -> Statement:
    """All bills of the account in the run of a document are rated again, for a card pays one after the other."""
    ((run,),) = reader.rows("SELECT run FROM invoices WHERE id = ?", (document.id,))
    place = cast(int, run)
    (facts,) = facts_of_accounts(reader, program, document.ruleset, place, accounts={document.account})
    rows = {row.number: row for row in facts.subscriptions}
    due = []
    for number, start, end in reader.rows(
        "SELECT subscription, period_start, period_end FROM invoices WHERE run = ? AND account = ? "
        "AND kind IN ('invoice', 'nothing') ORDER BY id",
        (place, document.account),
    ):
        row = rows[cast(int, number)]
        days = DateRange(date.fromisoformat(cast(str, start)), date.fromisoformat(cast(str, end)))
        due.append(Due(row, days, covered_of(row, days)))
    account = DueAccount(facts, tuple(due), taken_from_cards(reader, place) if program.cards else {})
    until = latest_end(program, [account])
    usage = usage_of_account(reader, program.schema, document.account, through=place, until=until)
    for item in rate_account(program, account, usage):
        assert not isinstance(item, Diagnostic), item.message
        own = item.due.subscription.number, item.due.period.start.isoformat()
        if own == (document.subscription, document.period_start):
            return item.statement
    raise AssertionError("the document is of its run")


def _adjustment(line: DocumentLine, program: Program) -> Line:
    """An adjustment as a line about other days, of the kind that it corrects."""
    minor = MoneyUnit.minor(program.money.currency)
    amount = program.money.parse(minor.fraction(line.amount))
    file, _, number = line.place.rpartition(":")
    kind = LineKind(line.adjusts or line.kind)
    days = DateRange(date.fromisoformat(line.origin_start), date.fromisoformat(line.origin_end))
    return Line(
        line.name,
        kind,
        Labels(f"{line.label} (late usage)"),
        amount,
        given(Role.AMOUNT, program.money.fraction(amount), "late usage", program.money.currency.code),
        RulePlace(file, int(number) if number.isdigit() else 0, 0, 0),
        unit=line.unit,
        days=days,
        because="usage that came after the period was billed",
    )


def plain_lines(found: IssuedDocument) -> Iterator[dict[str, object]]:
    """The lines of a document as rows of a table, amounts as texts; `line` is the number that a credit names."""
    unit = _unit(found.document.currency)
    is_credit = found.document.kind == "credit note"  # all of its lines are about the days of its invoice
    for line in found.lines:
        about = f"{line.origin_start}..{line.origin_end}" if line.origin_start and not is_credit else ""
        yield {
            "line": line.line,
            "id": line.name,
            "kind": line.kind,
            "label": line.label,
            "quantity": line.quantity,
            "unit": line.unit,
            "amount": unit.text(line.amount),
            "about": about,
        }
