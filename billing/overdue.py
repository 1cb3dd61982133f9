"""Invoices that are not paid in time: marking them, and giving them up.

A mark is for people and reminders. What rating reads of overdue invoices follows from invoices and settlements alone.
"""

from __future__ import annotations

from datetime import date, timedelta

from ..diagnostics import Diagnostic
from ..ledger.accounts import AccountKind, platform_account
from ..ledger.books import OVERDUE_MARKS
from ..ledger.requests import Leg, Transfer
from ..ledger.store import Store, Transaction
from .acting import Acting, Json, once, record
from .amounts import amount_text, refuse_amount
from .credit_notes import needs_reason
from .customers import Customer, find_customer, post_one
from .documents import document_of, find_document
from .payments import nothing_open
from .settlements import SettlementKind, open_invoices, open_of, settle


def mark_overdue(store: Store, acting: Acting, day: date, *, grace_days: int = 0) -> Json | Diagnostic:
    """Mark invoices that are overdue on a day and were not before; each is marked once, and the log says so."""

    def work(transaction: Transaction) -> Json | Diagnostic:
        if grace_days < 0:
            return Diagnostic("RB7003", "days of grace are not below zero", hints=("0 gives none",))
        last = (day - timedelta(days=grace_days)).isoformat()
        late = [
            item
            for item in open_invoices(transaction)
            if item.open > 0 and item.payable_by and item.payable_by < last and not item.overdue_since
        ]
        marked: list[dict[str, object]] = []
        for item in late:
            since = (date.fromisoformat(item.payable_by) + timedelta(days=1)).isoformat()
            transaction.append(OVERDUE_MARKS, [(item.invoice, since, day.isoformat(), acting.time)])
            transaction.put("UPDATE open_invoices SET overdue_since = ? WHERE invoice = ?", (since, item.invoice))
            document = document_of(transaction, item.invoice)
            found = {
                "invoice": document.number,
                "account": item.account,
                "open": item.open,
                "currency": document.currency,
                "since": since,
            }
            record(transaction, acting, "overdue", account=item.account, subject=document.number, after=found)
            marked.append(found)
        return {"day": day.isoformat(), "marked": marked}

    return once(store, acting, "overdue", {"day": day.isoformat(), "grace_days": grace_days}, work)


def write_off(store: Store, acting: Acting, number: str, amount: int | None = None) -> Json | Diagnostic:
    """Give up what is open of an invoice, or an amount of it. Needs a reason. A later payment recovers it."""

    def work(transaction: Transaction) -> Json | Diagnostic:
        document = find_document(transaction, number)
        if isinstance(document, Diagnostic):
            return document
        refused = needs_reason(acting, "a write-off")
        if refused is not None:
            return refused
        rest = open_of(transaction, document.id)
        if rest <= 0:
            return nothing_open(document)
        asked = rest if amount is None else amount
        refused = refuse_amount(asked)
        if refused is not None:
            return refused
        if asked > rest:
            text = amount_text(rest, document.currency)
            return Diagnostic("RB7067", f"only {text} is open on {document.number}", hints=("write off that or less",))
        customer = find_customer(transaction, document.account)
        assert isinstance(customer, Customer), "documents are of accounts that exist"
        losses = platform_account(transaction, AccountKind.WRITE_OFFS, document.currency, effective=acting.time)
        legs: list[Leg] = [
            Transfer(losses, customer.receivable.id, asked, document.currency, "write-off", document.number)
        ]
        posted = post_one(transaction, acting, "write-off", legs)
        if isinstance(posted, Diagnostic):
            return posted
        settle(transaction, document.id, SettlementKind.WRITE_OFF, asked, posted.transfers[0], acting.reason)
        before, after = {"open": rest}, {"open": rest - asked}
        record(
            transaction,
            acting,
            "write-off",
            account=document.account,
            subject=document.number,
            before=before,
            after=after,
        )
        return {
            "invoice": document.number,
            "account": document.account,
            "written_off": asked,
            "open": rest - asked,
            "currency": document.currency,
        }

    return once(store, acting, "write-off", {"invoice": number, "amount": amount}, work)
