"""The books against each other: what follows from other rows is computed again and compared.

The hashes of the log say that no row was changed; they say nothing of rows that were wrong when they were written, nor
of what is kept beside the log for speed. Every finding names its row. All is read in one pass for each concern, sorted
by the database, so that what is kept in memory is one document at a time and a number for each account.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

from ...diagnostics import Diagnostic
from ...ledger.accounts import AccountKind
from ...ledger.audit import untrusted
from ...ledger.store import Reader
from ..documents import NOT_ADDED, document_number

NUMBERED = {"subscription": ("subscriptions", "number")}
"""Counters that are no series of documents: the table and column whose numbers they count."""

SETTLED = ("invoice", "adjustment")
"""Kinds of documents that are paid; a credit note settles another, and `nothing` is over nothing."""

REFERENCES = (
    ("account_terms", "account", "accounts"),
    ("balances", "account", "accounts"),
    ("transfers", "hold", "transfers"),
    ("invoices", "corrects", "invoices"),
    ("invoices", "run", "bill_runs"),
    ("bill_run_ends", "run", "bill_runs"),
    ("authorization_holds", "transfer", "transfers"),
    ("invoice_lines", "invoice", "invoices"),
    ("settlements", "invoice", "invoices"),
    ("settlements", "transfer", "transfers"),
    ("open_invoices", "invoice", "invoices"),
    ("overdue_marks", "invoice", "invoices"),
    ("payments", "of_payment", "payments"),
    ("payment_parts", "payment", "payments"),
    ("payment_parts", "of_part", "payment_parts"),
    ("payment_parts", "invoice", "invoices"),
    ("payment_parts", "transfer", "transfers"),
    ("cards", "batch", "card_batches"),
    ("card_events", "card", "cards"),
    ("card_events", "transfer", "transfers"),
    ("live_charges", "transfer", "transfers"),
    ("outbox_states", "message", "outbox"),
    ("watch_firings", "message", "outbox"),
)
"""Columns that name the id of a row of another table."""


def audit_books(reader: Reader) -> Iterator[Diagnostic]:
    """Everything that does not fit: RB7124 to RB7129, RB7131 and RB7132."""
    yield from _wrong_references(reader)
    yield from _wrong_numbers(reader)
    yield from _wrong_totals(reader)
    yield from _wrong_postings(reader)
    yield from _wrong_open(reader)
    yield from _wrong_receivables(reader)
    yield from _wrong_payments(reader)


def _wrong_references(reader: Reader) -> Iterator[Diagnostic]:
    for table, column, other in REFERENCES:
        own = "invoice" if table == "open_invoices" else "account" if table == "balances" else "id"
        for number, named in untrusted(
            reader,
            f"SELECT here.{own}, here.{column} FROM {table} AS here LEFT JOIN {other} AS there "
            f"ON there.id = here.{column} WHERE here.{column} IS NOT NULL AND there.id IS NULL ORDER BY here.{own}",
        ):
            kind = "row" if own == "id" else own
            yield Diagnostic(
                "RB7131",
                f"{column} names row {named} of {other}, which is not there",
                place=f"{kind} {number} of {table}",
            )


def _wrong_numbers(reader: Reader) -> Iterator[Diagnostic]:
    """Numbers with gaps, and counters that are not at the last one. Every series begins with 1."""
    counters: dict[Any, Any] = dict(untrusted(reader, "SELECT name, value FROM counters"))
    last: dict[Any, Any] = {}
    for series, number, row in untrusted(
        reader, "SELECT series, number, id FROM invoices WHERE kind <> 'nothing' ORDER BY series, number, id"
    ):
        before = last.get(series, 0)
        if number != before + 1:
            message = f"{document_number(str(series), _whole(number))} comes after {before or 'nothing'}"
            yield Diagnostic("RB7124", message, place=f"row {row} of invoices")
        last[series] = number
    for name, (table, column) in NUMBERED.items():
        ((most,),) = reader.rows(f"SELECT max({column}) FROM {table}")
        if most is not None:
            last[name] = most
    for name in sorted(counters.keys() | last.keys()):
        if (now := counters.get(name, 0)) != last.get(name, 0):
            message = f"it is at {now}, and the last number is {last.get(name, 0)}"
            yield Diagnostic("RB7125", message, place=f"{name} of counters")


def _wrong_totals(reader: Reader) -> Iterator[Diagnostic]:
    rows = untrusted(
        reader,
        "SELECT invoices.id, invoices.total, invoices.kind, invoice_lines.kind, invoice_lines.amount "
        "FROM invoices LEFT JOIN invoice_lines ON invoice_lines.invoice = invoices.id ORDER BY invoices.id",
    )
    for (number, total, kind), lines in _grouped(rows, 3):
        added = sum(amount for line, amount in lines if amount is not None and line not in NOT_ADDED)
        if total != added:
            message = f"the {kind} is over {total}, and its lines come to {added}"
            yield Diagnostic("RB7126", message, place=f"row {number} of invoices")


def _wrong_postings(reader: Reader) -> Iterator[Diagnostic]:
    """A line is posted with its amount in the document's currency; one that cards pay, with what they still had."""
    for row, kind, amount, transfer, currency, posted, phase, posted_in in untrusted(
        reader,
        "SELECT invoice_lines.id, invoice_lines.kind, invoice_lines.amount, invoice_lines.transfer, "
        "invoices.currency, transfers.amount, transfers.phase, transfers.currency "
        "FROM invoice_lines JOIN invoices ON invoices.id = invoice_lines.invoice "
        "LEFT JOIN transfers ON transfers.id = invoice_lines.transfer ORDER BY invoice_lines.id",
    ):
        whole = abs(_whole(amount))
        wrong = ""
        if transfer is None:
            if whole and kind not in NOT_ADDED:
                wrong = f"its {amount} were not posted"
        elif posted is None:
            wrong = f"transfer {transfer}, which posted it, is not there"
        elif (_whole(posted) > whole) if kind in NOT_ADDED else posted != whole:
            wrong = f"it is over {amount}, and transfer {transfer} moved {posted}"
        elif posted_in != currency or phase not in ("plain", "post"):
            wrong = f"it is in {currency}, and transfer {transfer} is a {phase} one in {posted_in}"
        if wrong:
            yield Diagnostic("RB7127", wrong, place=f"row {row} of invoice_lines")


def _wrong_open(reader: Reader) -> Iterator[Diagnostic]:
    """What is open of a document is its total less its settlements, or there is no row for it."""
    rows = untrusted(
        reader,
        "SELECT invoices.id, invoices.kind, invoices.total, invoices.account, invoices.payable_by, "
        "open_invoices.open, open_invoices.account, open_invoices.payable_by, open_invoices.overdue_since, "
        "overdue_marks.since, settlements.amount "
        "FROM invoices LEFT JOIN open_invoices ON open_invoices.invoice = invoices.id "
        "LEFT JOIN overdue_marks ON overdue_marks.invoice = invoices.id "
        "LEFT JOIN settlements ON settlements.invoice = invoices.id ORDER BY invoices.id",
    )
    for (number, kind, total, account, payable_by, rest, whose, until, since, marked), settled in _grouped(rows, 10):
        place = f"row {number} of invoices"
        taken = [amount for (amount,) in settled if amount is not None]
        if kind not in SETTLED and (taken or rest is not None):
            yield Diagnostic("RB7128", f"it is a {kind}, and has settlements or something open", place=place)
        elif kind in SETTLED and (rest or 0) != total - sum(taken):
            message = f"{rest or 0} are open, and it is over {total} less {sum(taken)} settled"
            yield Diagnostic("RB7128", message, place=place)
        elif rest == 0:
            yield Diagnostic("RB7128", "nothing is open, and it stands among the open ones", place=place)
        elif rest is not None and (account, payable_by, marked or "") != (whose, until, since):
            message = f"it stands as one of {whose}, payable by {until}, overdue since {since or 'never'}"
            yield Diagnostic("RB7128", message, place=place)


def _wrong_receivables(reader: Reader) -> Iterator[Diagnostic]:
    """Customers owe in the ledger what is open, less what was taken as it happened and is not billed yet."""
    owed: Counter[Any] = Counter()
    for account, rest in untrusted(reader, "SELECT account, open FROM open_invoices"):
        owed[account] += _whole(rest)
    for account, amount in untrusted(
        reader,
        "SELECT subscriptions.account, live_charges.amount FROM live_charges JOIN subscriptions "
        "ON subscriptions.id = (SELECT max(id) FROM subscriptions AS latest "
        "WHERE latest.number = live_charges.subscription) "
        "WHERE live_charges.transfer IS NOT NULL AND NOT EXISTS (SELECT 1 FROM invoices "
        "WHERE invoices.subscription = live_charges.subscription "
        "AND invoices.period_start = live_charges.period_start AND invoices.kind IN ('invoice', 'nothing'))",
    ):
        owed[account] -= _whole(amount)
    for owner, debits, credits_ in untrusted(
        reader,
        "SELECT accounts.owner, balances.debits, balances.credits FROM accounts "
        "JOIN balances ON balances.account = accounts.id WHERE accounts.kind = ? ORDER BY accounts.owner",
        (AccountKind.RECEIVABLE.value,),
    ):
        owes, expected = _whole(debits) - _whole(credits_), owed.pop(owner, 0)
        if owes != expected:
            yield Diagnostic("RB7129", f"it owes {owes}, and {expected} are open", place=f"account {owner}")
    for owner, rest in sorted(owed.items()):
        if rest:
            yield Diagnostic("RB7129", f"{rest} are open, and it has no receivable", place=f"account {owner}")


def _wrong_payments(reader: Reader) -> Iterator[Diagnostic]:
    """A payment is the sum of its parts."""
    rows = untrusted(
        reader,
        "SELECT payments.id, payments.kind, payments.amount, payment_parts.amount FROM payments "
        "LEFT JOIN payment_parts ON payment_parts.payment = payments.id ORDER BY payments.id",
    )
    for (number, kind, amount), parts in _grouped(rows, 3):
        come_to = sum(part for (part,) in parts if part is not None)
        if amount != come_to:
            message = f"the {kind} is of {amount}, and its parts come to {come_to}"
            yield Diagnostic("RB7132", message, place=f"row {number} of payments")


def _grouped(
    rows: Iterable[tuple[Any, ...]], count: int
) -> Iterator[tuple[tuple[Any, ...], Iterator[tuple[Any, ...]]]]:
    """Neighbours with the same first columns: these once, and an iterator over the rest of each."""
    for key, own in groupby(rows, key=itemgetter(slice(0, count))):
        yield key, (row[count:] for row in own)


def _whole(value: object) -> int:
    """A number of a row; whoever can make it another type can make it any number."""
    return value if isinstance(value, int) else 0
