"""Payments that turn out to be none: they bounced, or the bank took them back.

What such a payment had settled is open again.
"""

from __future__ import annotations

from typing import cast

from ..diagnostics import Diagnostic
from ..ledger.books import PAYMENT_PARTS, PAYMENTS
from ..ledger.requests import Leg, Reverse, Transfer
from ..ledger.store import Store, Transaction
from .acting import Acting, Json, once, record
from .customers import Customer, find_customer, post_one
from .documents import document_of
from .payments import Payment, find_payment, given_back
from .settlements import Settlement, SettlementKind, settle, settle_together, went_to_wallet


def reverse_payment(store: Store, acting: Acting, payment: int) -> Json | Diagnostic:
    """Undo a payment that turned out to be none: it bounced, or the bank took it back.

    What is left of it leaves the invoices, which are open again, and the wallet. Where the wallet has spent it on
    invoices, those are open again, the latest first; where it went elsewhere, this is refused as insufficient funds.
    """

    def work(transaction: Transaction) -> Json | Diagnostic:
        found = find_payment(transaction, payment)
        if isinstance(found, Diagnostic):
            return found
        if not found.left:
            return given_back(found)
        customer = find_customer(transaction, found.account)
        assert isinstance(customer, Customer), "payments are of accounts that exist"
        return _reverse(transaction, acting, customer, found)

    return once(store, acting, "reverse payment", {"payment": payment}, work)


def _reverse(transaction: Transaction, acting: Acting, customer: Customer, payment: Payment) -> Json | Diagnostic:
    currency, receivable, wallet = customer.currency, customer.receivable.id, customer.wallet.id
    parts = [part for part in payment.parts if part.left]
    on_wallet = {
        part.invoice: min(part.left, went_to_wallet(transaction, part.invoice))
        for part in parts
        if part.invoice is not None
    }
    needed = sum(part.left for part in parts if part.invoice is None) + sum(on_wallet.values())
    reopened = _spent_on(transaction, customer, needed - (customer.wallet.available or 0))
    legs: list[Leg] = [Transfer(receivable, wallet, size, currency, "reopened", number) for _, number, size in reopened]
    legs.extend(Reverse(part.transfer, part.left, "payment reversed", f"payment {payment.id}") for part in parts)
    legs.extend(
        Transfer(wallet, receivable, size, currency, "payment reversed", f"payment {payment.id}")
        for size in on_wallet.values()
        if size
    )
    posted = post_one(transaction, acting, "reverse payment", legs)
    if isinstance(posted, Diagnostic):
        return posted
    (reversal,) = transaction.append(
        PAYMENTS,
        [
            (
                customer.account,
                "reversal",
                payment.left,
                currency,
                payment.method,
                acting.reason,
                payment.id,
                acting.time,
            )
        ],
    )
    about = f"reversal {reversal}"
    for (invoice, _, size), row in zip(reopened, posted.transfers, strict=False):
        settle(transaction, invoice, SettlementKind.WALLET, -size, row, about)
    own = posted.transfers[len(reopened) : len(reopened) + len(parts)]
    transaction.append(
        PAYMENT_PARTS,
        [(reversal, part.id, part.invoice, part.left, row) for part, row in zip(parts, own, strict=True)],
    )
    from_wallet = iter(posted.transfers[len(reopened) + len(parts) :])
    for part, row in zip(parts, own, strict=True):
        if part.invoice is None:
            continue
        settlements = [Settlement(SettlementKind.REVERSAL, -part.left, row, about)]
        if on_wallet[part.invoice]:
            back = Settlement(SettlementKind.TO_WALLET, on_wallet[part.invoice], next(from_wallet), about)
            settlements.append(back)
        settle_together(transaction, part.invoice, settlements)
    record(
        transaction,
        acting,
        "payment reversed",
        account=customer.account,
        subject=f"payment {payment.id}",
        before={"left": payment.left},
        after={"reversal": reversal, "reopened": {number: size for _, number, size in reopened}},
    )
    return {
        "reversal": reversal,
        "payment": payment.id,
        "account": customer.account,
        "amount": payment.left,
        "currency": currency,
    }


def _spent_on(transaction: Transaction, customer: Customer, needed: int) -> list[tuple[int, str, int]]:
    """Invoices that the wallet paid, the latest first, until what it needs is found: id, number, part."""
    found: list[tuple[int, str, int]] = []
    if needed <= 0:
        return found
    rows = transaction.rows(
        "SELECT invoices.id, CAST(sum(settlements.amount) AS BIGINT) FROM settlements "
        "JOIN invoices ON invoices.id = settlements.invoice "
        "WHERE invoices.account = ? AND settlements.kind IN ('wallet', 'to wallet') "
        "GROUP BY invoices.id HAVING sum(settlements.amount) > 0 ORDER BY invoices.id DESC",
        (customer.account,),
    )
    for invoice, paid in cast("list[tuple[int, int]]", rows):
        own = min(paid, needed - sum(part for _, _, part in found))
        if own > 0:
            found.append((invoice, document_of(transaction, invoice).number, own))
    return found
