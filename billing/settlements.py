"""What is open of an invoice: the one place that takes something off an invoice or opens it again.

An invoice less its settlements is what is open, always. Bills, payments, refunds, credit notes and write-offs settle
through here, so that `open_invoices`, which is kept for speed, never says anything else than the settlements do.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from ..ledger.books import SETTLEMENTS
from ..ledger.requests import TransferId
from ..ledger.store import Reader, Transaction, Value


class SettlementKind(enum.Enum):
    """What took something off an invoice, or opened it again."""

    CARD = "card"
    """A prepaid card paid."""
    WALLET = "wallet"
    """The wallet paid; below zero where its money was taken back."""
    LIVE = "live"
    """It was charged as it happened, before the bill."""
    PAYMENT = "payment"
    """Money came in for it."""
    CREDIT_NOTE = "credit note"
    """It was taken back."""
    WRITE_OFF = "write-off"
    """Nobody expects it any more; below zero where it came in after all."""
    REFUND = "refund"
    """Below zero: money that had paid it went back; above where that failed."""
    REVERSAL = "reversal"
    """Below zero: a payment for it turned out to be none."""
    TO_WALLET = "to wallet"
    """Below zero: more was settled than the invoice came to, and the rest went on to the wallet."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What is to be taken off an invoice, in minor units, and the row of the ledger that moved it."""

    kind: SettlementKind
    amount: int
    transfer: TransferId | None
    reference: str = ""


@dataclass(frozen=True, slots=True)
class NewInvoice:
    """An invoice that was just issued, with what settles it at once."""

    invoice: int
    account: str
    total: int
    payable_by: str
    settlements: tuple[Settlement, ...] = ()


@dataclass(frozen=True, slots=True)
class OpenInvoice:
    """An invoice on which something is open; `overdue_since` is empty where it was not found overdue."""

    invoice: int
    account: str
    open: int
    payable_by: str
    overdue_since: str


@dataclass(frozen=True, slots=True)
class Excess:
    """What is settled beyond what was open, and where it goes: against what was written off, then to the wallet."""

    written_off: int
    to_wallet: int


def open_new(transaction: Transaction, invoices: Sequence[NewInvoice]) -> None:
    """Enter invoices that were just issued: their first settlements, and what is open of each. One append for all."""
    rows: list[tuple[Value, ...]] = []
    left: list[tuple[Value, ...]] = []
    for new in invoices:
        rows.extend(
            (new.invoice, item.kind.value, item.amount, item.transfer, item.reference) for item in new.settlements
        )
        rest = new.total - sum(item.amount for item in new.settlements)
        _check(new.invoice, new.total, rest)
        if rest:
            left.append((new.invoice, new.account, rest, new.payable_by, ""))
    if rows:
        transaction.append(SETTLEMENTS, rows)
    if left:
        transaction.put_many(
            "INSERT INTO open_invoices (invoice, account, open, payable_by, overdue_since) VALUES (?, ?, ?, ?, ?)", left
        )


def settle(
    transaction: Transaction,
    invoice: int,
    kind: SettlementKind,
    amount: int,
    transfer: TransferId | None,
    reference: str = "",
) -> int:
    """Take an amount off an invoice, or open it again by one below zero; what is open then.

    The caller has seen to it that neither more is taken than is open nor more opened than the invoice came to.
    """
    return settle_together(transaction, invoice, [Settlement(kind, amount, transfer, reference)])


def settle_together(transaction: Transaction, invoice: int, settlements: Sequence[Settlement]) -> int:
    """Several settlements of one invoice that only together keep what is open between zero and the total."""
    found = transaction.rows("SELECT account, total, payable_by FROM invoices WHERE id = ?", (invoice,))
    account, total, payable_by = cast("tuple[str, int, str]", found[0])
    before = open_of(transaction, invoice)
    rest = before - sum(item.amount for item in settlements)
    _check(invoice, total, rest)
    rows = [(invoice, item.kind.value, item.amount, item.transfer, item.reference) for item in settlements]
    transaction.append(SETTLEMENTS, rows)
    if rest == 0:
        transaction.put("DELETE FROM open_invoices WHERE invoice = ?", (invoice,))
    elif before:
        transaction.put("UPDATE open_invoices SET open = ? WHERE invoice = ?", (rest, invoice))
    else:
        marked = transaction.rows("SELECT since FROM overdue_marks WHERE invoice = ?", (invoice,))
        since = cast(str, marked[0][0]) if marked else ""
        transaction.put(
            "INSERT INTO open_invoices (invoice, account, open, payable_by, overdue_since) VALUES (?, ?, ?, ?, ?)",
            (invoice, account, rest, payable_by, since),
        )
    return rest


def _check(invoice: int, total: int, rest: int) -> None:
    if not min(total, 0) <= rest <= max(total, 0):
        raise AssertionError(f"invoice {invoice} over {total} cannot have {rest} open")


def excess_of(reader: Reader, invoice: int, amount: int) -> Excess:
    """Where what is settled beyond the open amount of an invoice goes, if `amount` is settled."""
    over = max(amount - open_of(reader, invoice), 0)
    written_off = min(over, settled_by(reader, invoice, SettlementKind.WRITE_OFF))
    return Excess(written_off, over - written_off)


def open_of(reader: Reader, invoice: int) -> int:
    """What is open of an invoice, in minor units."""
    found = reader.rows("SELECT open FROM open_invoices WHERE invoice = ?", (invoice,))
    return cast(int, found[0][0]) if found else 0


def settled_by(reader: Reader, invoice: int, kind: SettlementKind) -> int:
    """What settlements of a kind come to on an invoice."""
    ((amount,),) = reader.rows(
        "SELECT CAST(coalesce(sum(amount), 0) AS BIGINT) FROM settlements WHERE invoice = ? AND kind = ?",
        (invoice, kind.value),
    )
    return cast(int, amount)


def went_to_wallet(reader: Reader, invoice: int) -> int:
    """What went on from an invoice to the wallet and has not been taken back from there."""
    return -settled_by(reader, invoice, SettlementKind.TO_WALLET)


def open_invoices(reader: Reader, account: str | None = None) -> list[OpenInvoice]:
    """The invoices on which something is open, of one account or of all: what is payable first comes first."""
    where, parameters = ("", ()) if account is None else (" WHERE account = ?", (account,))
    rows = reader.rows(
        f"SELECT invoice, account, open, payable_by, overdue_since FROM open_invoices{where} "
        "ORDER BY payable_by, invoice",
        parameters,
    )
    return [OpenInvoice(*cast("tuple[int, str, int, str, str]", row)) for row in rows]


def problems(reader: Reader) -> list[str]:
    """What is wrong with invoices, a sentence each; empty where every invoice is what was posted and settled.

    An invoice's total is the sum of its lines and its settlements with what is open; each line was posted with its
    amount; and what customers owe in the ledger is what is open.
    """
    return [*_wrong_totals(reader), *_wrong_lines(reader), *_wrong_receivables(reader)]


def _wrong_totals(reader: Reader) -> list[str]:
    rows = reader.rows(
        "SELECT invoices.id, total, "
        "CAST((SELECT coalesce(sum(amount), 0) FROM invoice_lines WHERE invoice = invoices.id "
        "AND kind NOT IN ('prepaid', 'included tax')) AS BIGINT), "
        "CAST((SELECT coalesce(sum(amount), 0) FROM settlements WHERE invoice = invoices.id) AS BIGINT), "
        "coalesce((SELECT open FROM open_invoices WHERE invoice = invoices.id), 0), "
        "CAST((SELECT coalesce(sum(amount), 0) FROM settlements WHERE invoice = invoices.id AND kind = 'credit note') "
        "AS BIGINT), kind "
        "FROM invoices WHERE kind <> 'nothing' ORDER BY invoices.id"
    )
    found = []
    for number, total, lines, settled, rest, credited, kind in cast(
        "list[tuple[int, int, int, int, int, int, str]]", rows
    ):
        if total != lines:
            found.append(f"document {number} is over {total}, its lines come to {lines}")
        if kind != "credit note" and total != settled + rest:
            found.append(f"invoice {number} is over {total}; {settled} are settled and {rest} open")
        if rest > 0 and rest > total - credited:
            found.append(f"invoice {number} is over {total}; {credited} are credited and {rest} open")
        if kind == "credit note" and (settled or rest):
            found.append(f"credit note {number} has settlements of its own")
    return found


def _wrong_lines(reader: Reader) -> list[str]:
    rows = reader.rows(
        "SELECT invoice_lines.invoice, invoice_lines.line, invoice_lines.amount, transfers.amount "
        "FROM invoice_lines LEFT JOIN transfers ON transfers.id = invoice_lines.transfer "
        "WHERE abs(invoice_lines.amount) <> coalesce(transfers.amount, 0) ORDER BY 1, 2"
    )
    return [
        f"line {line} of document {number} is {amount}, posted was {posted}"
        for number, line, amount, posted in cast("list[tuple[int, int, int, int | None]]", rows)
    ]


def _wrong_receivables(reader: Reader) -> list[str]:
    rows = reader.rows(
        "SELECT owner, CAST(debits - credits AS BIGINT), CAST(coalesce((SELECT sum(open) FROM open_invoices "
        "WHERE open_invoices.account = accounts.owner), 0) AS BIGINT), "
        "CAST(coalesce((SELECT sum(live_charges.amount) FROM live_charges JOIN transfers "
        "ON transfers.id = live_charges.transfer WHERE accounts.id IN (debit, credit) AND NOT EXISTS "
        "(SELECT 1 FROM invoices WHERE invoices.subscription = live_charges.subscription "
        "AND invoices.period_start = live_charges.period_start AND invoices.kind IN ('invoice', 'nothing'))), 0) "
        "AS BIGINT) FROM accounts JOIN balances ON balances.account = accounts.id WHERE kind = 'receivable' "
        "ORDER BY owner"
    )
    return [
        f"account {owner} owes {owed}, {rest} are open and {live} were paid before a bill"
        for owner, owed, rest, live in cast("list[tuple[str, int, int, int]]", rows)
        if owed != rest - live
    ]
