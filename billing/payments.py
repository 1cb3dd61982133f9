"""Payments: money that comes in for invoices, wholly or in part.

A payment goes to the invoices that it names, or to those that are payable first, and what is too much goes to the
wallet. Where each part of it went is kept, so that it can go back the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from ..diagnostics import Diagnostic
from ..ledger.accounts import AccountKind, platform_account
from ..ledger.books import PAYMENT_PARTS, PAYMENTS
from ..ledger.requests import Leg, Transfer, TransferId
from ..ledger.store import Reader, Store, Transaction
from .acting import Acting, Json, instant, once, record
from .amounts import refuse_amount
from .customers import Customer, find_customer, post_one
from .documents import Document, document_of, find_document
from .settlements import (
    Settlement,
    SettlementKind,
    open_invoices,
    open_of,
    settle,
    settle_together,
    settled_by,
)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a payment and where it went: an invoice, or the wallet for None. `left` has not gone back."""

    id: int
    invoice: int | None
    amount: int
    left: int
    transfer: TransferId


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment, a refund of one, or what undoes either. Amounts are minor units."""

    id: int
    account: str
    kind: str
    amount: int
    currency: str
    method: str
    reference: str
    of_payment: int | None
    time: datetime
    parts: tuple[Part, ...]

    @property
    def left(self) -> int:
        """What of it has not gone back."""
        return sum(part.left for part in self.parts)


@dataclass(frozen=True, slots=True)
class _Share:
    """A share of a payment for an invoice; `recovered` of it had been written off."""

    document: Document
    amount: int
    recovered: int


def pay(
    store: Store,
    acting: Acting,
    account: str,
    amount: int,
    *,
    invoices: Sequence[str] = (),
    method: str = "",
    reference: str = "",
) -> Json | Diagnostic:
    """Enter a payment. It settles the invoices of these numbers in their order, or those payable first.

    What exceeds them goes to the wallet. An invoice that was written off is settled where it is named. Refused for an
    unknown account or invoice, one of another account, one on which nothing is open, and an amount that is none.
    """
    body = {
        "account": account,
        "amount": amount,
        "invoices": list(invoices),
        "method": method,
        "reference": reference,
    }

    def work(transaction: Transaction) -> Json | Diagnostic:
        customer = find_customer(transaction, account)
        if isinstance(customer, Diagnostic):
            return customer
        refused = refuse_amount(amount)
        if refused is not None:
            return refused
        shares = _shares(transaction, customer, amount, invoices)
        if isinstance(shares, Diagnostic):
            return shares
        return _enter(transaction, acting, customer, amount, shares, method, reference)

    return once(store, acting, "payment", body, work)


def _shares(
    transaction: Transaction, customer: Customer, amount: int, invoices: Sequence[str]
) -> list[_Share] | Diagnostic:
    """How a payment falls on invoices; what it does not fall on is for the wallet."""
    wanted: list[Document] = []
    for number in dict.fromkeys(invoices):
        document = find_document(transaction, number, account=customer.account)
        if isinstance(document, Diagnostic):
            return document
        if not open_of(transaction, document.id) + settled_by(transaction, document.id, SettlementKind.WRITE_OFF):
            return nothing_open(document)
        wanted.append(document)
    if not invoices:
        wanted = [document_of(transaction, item.invoice) for item in open_invoices(transaction, customer.account)]
    shares: list[_Share] = []
    for document in wanted:
        rest = amount - sum(share.amount for share in shares)
        due = max(open_of(transaction, document.id), 0)
        written_off = settled_by(transaction, document.id, SettlementKind.WRITE_OFF) if invoices else 0
        own = min(rest, due + written_off)
        if own > 0:
            shares.append(_Share(document, own, max(own - due, 0)))
    return shares


def nothing_open(document: Document) -> Diagnostic:
    """The finding that nothing is left to pay of an invoice."""
    hints = ("`ratebook bill list --open` shows on which invoices something is",)
    return Diagnostic("RB7062", f"nothing is open on {document.number}", hints=hints)


def _enter(
    transaction: Transaction,
    acting: Acting,
    customer: Customer,
    amount: int,
    shares: Sequence[_Share],
    method: str,
    reference: str,
) -> Json | Diagnostic:
    currency = customer.currency
    gateway = platform_account(transaction, AccountKind.GATEWAY, currency, effective=acting.time)
    write_offs = platform_account(transaction, AccountKind.WRITE_OFFS, currency, effective=acting.time)
    receivable, wallet = customer.receivable.id, customer.wallet.id
    paid: list[Leg] = [
        Transfer(gateway, receivable, share.amount, currency, "payment", share.document.number) for share in shares
    ]
    rest = amount - sum(share.amount for share in shares)
    if rest:
        paid.append(Transfer(gateway, wallet, rest, currency, "payment", reference))
    recovered = [share for share in shares if share.recovered]
    back: list[Leg] = [
        Transfer(receivable, write_offs, share.recovered, currency, "recovery", share.document.number)
        for share in recovered
    ]
    posted = post_one(transaction, acting, "payment", [*paid, *back])
    if isinstance(posted, Diagnostic):
        return posted
    (payment,) = transaction.append(
        PAYMENTS, [(customer.account, "payment", amount, currency, method, reference, None, acting.time)]
    )
    places = [*(share.document.id for share in shares), *([None] if rest else [])]
    amounts = [*(share.amount for share in shares), *([rest] if rest else [])]
    moved = posted.transfers[: len(paid)]
    transaction.append(
        PAYMENT_PARTS,
        [(payment, None, place, part, row) for place, part, row in zip(places, amounts, moved, strict=True)],
    )
    undone = dict(zip((share.document.id for share in recovered), posted.transfers[len(paid) :], strict=True))
    about = f"payment {payment}"
    for share, row in zip(shares, moved, strict=False):
        settlements = [Settlement(SettlementKind.PAYMENT, share.amount, row, about)]
        if share.recovered:
            recovery = undone[share.document.id]
            settlements.insert(0, Settlement(SettlementKind.WRITE_OFF, -share.recovered, recovery, about))
        settle_together(transaction, share.document.id, settlements)
    paid_by_number = {share.document.number: share.amount for share in shares}
    record(
        transaction,
        acting,
        "payment",
        account=customer.account,
        subject=about,
        before={"owed": customer.owed, "wallet": customer.wallet.balance},
        after={"amount": amount, "invoices": paid_by_number, "to wallet": rest},
    )
    return {
        "payment": payment,
        "account": customer.account,
        "amount": amount,
        "currency": currency,
        "invoices": paid_by_number,
        "to_wallet": rest,
    }


def pay_from_wallet(store: Store, acting: Acting, account: str, *, invoices: Sequence[str] = ()) -> Json | Diagnostic:
    """Settle invoices with what is in the wallet, down to zero: those of these numbers, or those payable first."""

    def work(transaction: Transaction) -> Json | Diagnostic:
        customer = find_customer(transaction, account)
        if isinstance(customer, Diagnostic):
            return customer
        available = max(customer.wallet.balance - customer.wallet.held, 0)
        shares = _shares(transaction, customer, available, invoices)
        if isinstance(shares, Diagnostic):
            return shares
        if not shares:
            hint = "`ratebook account show` shows the wallet and what is owed"
            return Diagnostic(
                "RB7018", f"account {account} has nothing in its wallet that could pay an invoice", hints=(hint,)
            )
        legs: list[Leg] = []
        due = [(share.document, share.amount - share.recovered) for share in shares]
        due = [(document, part) for document, part in due if part]
        if not due:
            return nothing_open(shares[0].document)
        legs.extend(
            Transfer(customer.wallet.id, customer.receivable.id, part, customer.currency, "wallet", document.number)
            for document, part in due
        )
        posted = post_one(transaction, acting, "from wallet", legs)
        if isinstance(posted, Diagnostic):
            return posted
        for (document, part), row in zip(due, posted.transfers, strict=True):
            settle(transaction, document.id, SettlementKind.WALLET, part, row)
        taken = {document.number: part for document, part in due}
        before = customer.wallet.balance
        after = before - sum(taken.values())
        record(
            transaction, acting, "paid from wallet", account=account, before=before, after={"wallet": after, **taken}
        )
        return {"account": account, "currency": customer.currency, "invoices": taken, "wallet": after}

    return once(store, acting, "from wallet", {"account": account, "invoices": list(invoices)}, work)


_COLUMNS = "id, account, kind, amount, currency, method, reference, of_payment, time"


def find_payment(reader: Reader, payment: int, *, kind: str = "payment") -> Payment | Diagnostic:
    """The payment (or refund) of a number as it stands now, or that there is none."""
    rows = reader.rows(f"SELECT {_COLUMNS} FROM payments WHERE id = ? AND kind = ?", (payment, kind))
    if not rows:
        hint = "`ratebook payment list` shows all"
        return Diagnostic("RB7063", f"there is no {kind} {payment}", hints=(hint,))
    return _payment(reader, rows[0])


def payments_of(reader: Reader, account: str | None = None) -> list[Payment]:
    """Payments, refunds and reversals of one account or of all, in the order in which they were entered."""
    where, parameters = ("", ()) if account is None else (" WHERE account = ?", (account,))
    rows = reader.rows(f"SELECT {_COLUMNS} FROM payments{where} ORDER BY id", parameters)
    return [_payment(reader, row) for row in rows]


def _payment(reader: Reader, row: Sequence[object]) -> Payment:
    number, account, kind, amount, currency, method, reference, of_payment, time = row
    # What a refund took back counts no more where the refund itself was undone.
    parts = reader.rows(
        "SELECT id, invoice, amount, transfer, CAST(amount "
        "- (SELECT coalesce(sum(amount), 0) FROM payment_parts AS taken WHERE taken.of_part = part.id) "
        "+ (SELECT coalesce(sum(undone.amount), 0) FROM payment_parts AS taken "
        "JOIN payment_parts AS undone ON undone.of_part = taken.id WHERE taken.of_part = part.id) AS BIGINT) "
        "FROM payment_parts AS part WHERE payment = ? ORDER BY id",
        (cast(int, number),),
    )
    return Payment(
        id=cast(int, number),
        account=cast(str, account),
        kind=cast(str, kind),
        amount=cast(int, amount),
        currency=cast(str, currency),
        method=cast(str, method),
        reference=cast(str, reference),
        of_payment=cast("int | None", of_payment),
        time=instant(cast(int, time)),
        parts=tuple(
            Part(
                cast(int, part),
                cast("int | None", invoice),
                cast(int, size),
                cast(int, left),
                TransferId(cast(int, own)),
            )
            for part, invoice, size, own, left in parts
        ),
    )


def given_back(payment: Payment) -> Diagnostic:
    """The finding that nothing is left of a payment."""
    hint = f"`ratebook payment show {payment.id}` shows where it went"
    return Diagnostic("RB7064", f"payment {payment.id} has been given back or reversed whole before", hints=(hint,))
