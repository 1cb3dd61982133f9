"""Credit notes: the one way to take an issued invoice back, wholly or in part. The invoice itself stays as it is.

A credit note has a number of its own series and the same lines with their signs turned. It lowers what is open; what
had been paid already goes to the wallet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from ..diagnostics import Diagnostic
from ..engine.statement import LineKind
from ..ledger.accounts import AccountKind, platform_account
from ..ledger.books import INVOICE_LINES, INVOICES
from ..ledger.requests import Leg, Posted, Reverse, Transfer, TransferId
from ..ledger.store import Reader, Store, Transaction, Value
from .acting import Acting, Json, canonical, once, record
from .amounts import amount_text, refuse_amount
from .crediting import Creditable, in_scope, parts_of, share_of
from .customers import Customer, find_customer, post_one
from .documents import (
    Document,
    DocumentLine,
    credit_notes_of,
    document_number,
    find_document,
    lines_of,
    next_number,
    taxed_lines,
)
from .settlements import Settlement, SettlementKind, excess_of, settle_together

SCHEMA = "ratebook.credit-note/1"


@dataclass(frozen=True, slots=True)
class _Credit:
    """A credit that was decided on: the parts of each line, those of included taxes apart, and their sum."""

    document: Document
    lines: Mapping[int, DocumentLine]
    parts: Mapping[int, int]
    included: Mapping[int, int]
    amount: int

    @property
    def all_parts(self) -> list[tuple[DocumentLine, int]]:
        """Every line with its part, in the order of the invoice."""
        return [(self.lines[line], part) for line, part in sorted({**self.parts, **self.included}.items())]


def credit(
    store: Store, acting: Acting, number: str, *, lines: Sequence[int] = (), amount: int | None = None, issued: date
) -> Json | Diagnostic:
    """Issue a credit note for an invoice: for these lines with their taxes, or all; for an amount, or all that is left.

    Needs a reason. Refused for an unknown invoice, for what is no invoice, for lines that it does not have or of which
    nothing is left, and for more than is left.
    """
    body = {"invoice": number, "lines": sorted(set(lines)), "amount": amount, "issued": issued.isoformat()}

    def work(transaction: Transaction) -> Json | Diagnostic:
        document = find_document(transaction, number)
        if isinstance(document, Diagnostic):
            return document
        refused = needs_reason(acting, "a credit note")
        if refused is not None:
            return refused
        if document.kind == "credit note":
            hint = "name the invoice; a credit note is final, and what it took back too much is billed anew"
            return Diagnostic("RB7066", f"{document.number} is a credit note", hints=(hint,))
        decided = _decide(transaction, document, lines, amount)
        return decided if isinstance(decided, Diagnostic) else _issue(transaction, acting, decided, issued)

    return once(store, acting, "credit", body, work)


def needs_reason(acting: Acting, what: str) -> Diagnostic | None:
    """The finding that something is done without a reason, for what nobody may do without one."""
    if acting.reason.strip():
        return None
    return Diagnostic("RB7069", f"{what} needs a reason", hints=("say why with --reason; it stays in the log",))


def _decide(reader: Reader, document: Document, chosen: Sequence[int], amount: int | None) -> _Credit | Diagnostic:
    lines = {line.line: line for line in lines_of(reader, document.id)}
    credited = _credited(reader, document)
    creditable = [
        Creditable(line.line, line.name, line.adjusts or line.kind, line.amount + credited.get(line.line, 0))
        for line in lines.values()
        if line.is_added
    ]
    rest = sum(line.left for line in creditable)
    known = {line.line: line for line in creditable}
    for line in chosen:
        if line not in known or not known[line].left:
            message = (
                f"nothing is left of line {line} of {document.number}"
                if line in known
                else f"{document.number} has no line {line} that is part of its total"
            )
            hint = f"`ratebook bill show {document.number}` shows its lines"
            return Diagnostic("RB7068", message, hints=(hint,))
    scope = in_scope(creditable, set(chosen), taxed_lines(document))
    most = min(sum(scope.values()), rest)
    if most <= 0 or (amount is None and most < sum(scope.values())):
        return _too_much(document, sum(scope.values()), rest)
    asked = most if amount is None else amount
    refused = refuse_amount(asked)
    if refused is not None:
        return refused
    if asked > most:
        return _too_much(document, asked, most)
    included = {
        line.line: share_of(line.amount + credited.get(line.line, 0), asked, rest)
        for line in lines.values()
        if line.kind == LineKind.INCLUDED_TAX.value
    }
    included = {line: part for line, part in included.items() if part}
    return _Credit(document, lines, parts_of(asked, scope), included, asked)


def _too_much(document: Document, asked: int, left: int) -> Diagnostic:
    if left <= 0:
        hint = f"`ratebook bill show {document.number}` shows its lines, `ratebook bill list` its credit notes"
        return Diagnostic("RB7067", f"nothing is left of {document.number} that can be credited", hints=(hint,))
    return Diagnostic(
        "RB7067",
        f"{amount_text(asked, document.currency)} is more than the {amount_text(max(left, 0), document.currency)} that "
        f"can be credited of {document.number}",
        hints=(f"`ratebook bill show {document.number}` shows what was credited before",),
    )


def _credited(reader: Reader, document: Document) -> dict[int, int]:
    """What credit notes took back of each line, below zero."""
    found: dict[int, int] = {}
    for note in credit_notes_of(reader, document.id):
        for line in lines_of(reader, note.id):
            found[line.line] = found.get(line.line, 0) + line.amount
    return found


def _issue(transaction: Transaction, acting: Acting, decided: _Credit, issued: date) -> Json | Diagnostic:
    document = decided.document
    series = f"CN-{issued.year}"
    counted = next_number(transaction, series)
    number = document_number(series, counted)
    posted = _post(transaction, acting, decided, number)
    if isinstance(posted, Diagnostic):
        return posted
    (note,) = transaction.append(INVOICES, [_row(decided, series, counted, issued, acting.reason)])
    transaction.append(
        INVOICE_LINES,
        [
            (
                note,
                line.line,
                line.name,
                line.kind,
                line.label,
                line.dimensions,
                "",
                "",
                -part,
                line.place,
                document.period_start,
                document.period_end,
                line.kind,
                row,
            )
            for (line, part), row in zip(decided.all_parts, posted.transfers, strict=False)
        ],
    )
    record(
        transaction,
        acting,
        "credit note",
        account=document.account,
        subject=document.number,
        after={"credit note": number, "amount": decided.amount},
    )
    return {
        "credit_note": number,
        "invoice": document.number,
        "account": document.account,
        "amount": decided.amount,
        "currency": document.currency,
        "lines": {str(line): part for line, part in decided.parts.items()},
    }


def _post(transaction: Transaction, acting: Acting, decided: _Credit, number: str) -> Posted | Diagnostic:
    """Reverse the lines' transfers in their parts, and settle; what had been paid goes where excess goes."""
    document = decided.document
    customer = find_customer(transaction, document.account)
    assert isinstance(customer, Customer), "documents are of accounts that exist"
    write_offs = platform_account(transaction, AccountKind.WRITE_OFFS, document.currency, effective=acting.time)
    excess = excess_of(transaction, document.id, decided.amount)
    beyond = [
        (taker, kind, size)
        for taker, kind, size in (
            (write_offs, SettlementKind.WRITE_OFF, excess.written_off),
            (customer.wallet.id, SettlementKind.TO_WALLET, excess.to_wallet),
        )
        if size
    ]
    legs: list[Leg] = [Reverse(_posted(line), abs(part), "credit note", number) for line, part in decided.all_parts]
    legs.extend(
        Transfer(customer.receivable.id, taker, size, document.currency, "credit note", number)
        for taker, _, size in beyond
    )
    posted = post_one(transaction, acting, "credit", legs)
    if isinstance(posted, Diagnostic):
        return posted
    settlements = [Settlement(SettlementKind.CREDIT_NOTE, decided.amount, posted.transfers[0], number)]
    settlements.extend(
        Settlement(kind, -size, row, number)
        for (_, kind, size), row in zip(beyond, posted.transfers[len(decided.all_parts) :], strict=True)
    )
    settle_together(transaction, document.id, settlements)
    return posted


def _posted(line: DocumentLine) -> TransferId:
    assert line.transfer is not None, "a line with an amount was posted"
    return line.transfer


def _row(decided: _Credit, series: str, counted: int, issued: date, reason: str) -> tuple[Value, ...]:
    document = decided.document
    number = document_number(series, counted)
    statement = {
        "schema": SCHEMA,
        "number": number,
        "corrects": document.number,
        "account": document.account,
        "currency": document.currency,
        "issued": issued.isoformat(),
        "reason": reason,
        "lines": [
            {
                "line": line.line,
                "id": line.name,
                "kind": line.kind,
                "label": line.label,
                "amount": amount_text(-part, document.currency),
            }
            for line, part in decided.all_parts
        ],
        "total": amount_text(-decided.amount, document.currency),
    }
    return (
        series,
        counted,
        "credit note",
        document.account,
        document.subscription,
        document.plan,
        document.ruleset,
        document.hash,
        document.period_start,
        document.period_end,
        document.starts,
        document.ends,
        document.currency,
        -decided.amount,
        issued.isoformat(),
        "",
        document.id,
        None,
        canonical(statement),
    )
