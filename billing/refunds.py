"""Refunds: money goes back to the payment that it came with, and never more than came.

A refund takes what the payment put into the wallet first, then what it paid of invoices, which are open again unless
they were credited. It is promised at once and leaves through the outbox: where that is confirmed it has gone out, and
where it fails everything is as before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from ..diagnostics import Diagnostic
from ..ledger.accounts import AccountKind, platform_account
from ..ledger.books import PAYMENT_PARTS, PAYMENTS
from ..ledger.requests import Leg, Posted, Request, Reverse, Transfer, TransferId
from ..ledger.store import Reader, Store, Transaction
from .acting import Acting, Json, once, record
from .amounts import amount_text, refuse_amount
from .customers import Customer, find_customer, post_one
from .outbox import enqueue
from .payments import Part, Payment, find_payment, given_back
from .settlements import Settlement, SettlementKind, excess_of, settle_together, went_to_wallet

KIND = "refund"
"""The kind of a refund's message in the outbox."""


@dataclass(frozen=True, slots=True)
class _Step:
    """What is taken back of a part; `from_wallet` of it had gone on from its invoice to the wallet."""

    part: Part
    amount: int
    from_wallet: int


def refund(store: Store, acting: Acting, payment: int, amount: int | None = None) -> Json | Diagnostic:
    """Give back an amount of a payment, all that is left of it for None.

    Refused where nothing or less is left, and where the wallet no longer has what went there.
    """

    def work(transaction: Transaction) -> Json | Diagnostic:
        found = find_payment(transaction, payment)
        if isinstance(found, Diagnostic):
            return found
        asked = found.left if amount is None else amount
        if not found.left:
            return given_back(found)
        refused = refuse_amount(asked)
        if refused is not None:
            return refused
        if asked > found.left:
            left = amount_text(found.left, found.currency)
            hint = f"{left} is left of it"
            message = f"a refund of {amount_text(asked, found.currency)} is more than is left of payment {payment}"
            return Diagnostic("RB7065", message, hints=(hint,))
        customer = find_customer(transaction, found.account)
        assert isinstance(customer, Customer), "payments are of accounts that exist"
        steps = _steps(transaction, customer, found, asked)
        short = asked - sum(step.amount for step in steps)
        if short:
            text = amount_text(short, found.currency)
            hint = "refund less, or let the customer deposit what is missing first"
            return Diagnostic("RB7018", f"{text} of payment {payment} went to the wallet and is spent", hints=(hint,))
        return _promise(transaction, acting, customer, found, steps)

    return once(store, acting, "refund", {"payment": payment, "amount": amount}, work)


def _steps(reader: Reader, customer: Customer, payment: Payment, amount: int) -> list[_Step]:
    """Which parts go back: those in the wallet first, then those on invoices, the last one first."""
    wallet = max(customer.wallet.balance - customer.wallet.held, 0)
    steps: list[_Step] = []
    rest = amount
    for part in payment.parts:
        if part.invoice is None:
            own = min(rest, part.left, wallet)
            wallet -= own
            rest -= own
            steps.append(_Step(part, own, own))
    for part in reversed(payment.parts):
        if part.invoice is None:
            continue
        went = went_to_wallet(reader, part.invoice)
        from_wallet = min(rest, part.left, went, wallet)
        reopening = min(rest - from_wallet, max(part.left - went, 0))
        wallet -= from_wallet
        rest -= from_wallet + reopening
        steps.append(_Step(part, from_wallet + reopening, from_wallet))
    return [step for step in steps if step.amount]


def _promise(
    transaction: Transaction, acting: Acting, customer: Customer, payment: Payment, steps: Sequence[_Step]
) -> Json | Diagnostic:
    currency, receivable, wallet = customer.currency, customer.receivable.id, customer.wallet.id
    about = f"payment {payment.id}"
    promised = platform_account(transaction, AccountKind.REFUNDS, currency, effective=acting.time)
    legs: list[Leg] = []
    places: list[tuple[int, int | None]] = []
    for step in steps:
        giver = wallet if step.part.invoice is None else receivable
        on_wallet = step.part.invoice is not None and step.from_wallet > 0
        places.append((len(legs), len(legs) + 1 if on_wallet else None))
        legs.append(Transfer(giver, promised, step.amount, currency, "refund", about))
        if on_wallet:
            legs.append(Transfer(wallet, receivable, step.from_wallet, currency, "refund", about))
    posted = post_one(transaction, acting, "refund", legs)
    if isinstance(posted, Diagnostic):
        return posted
    total = sum(step.amount for step in steps)
    (number,) = transaction.append(
        PAYMENTS,
        [(customer.account, "refund", total, currency, payment.method, payment.reference, payment.id, acting.time)],
    )
    transaction.append(
        PAYMENT_PARTS,
        [
            (number, step.part.id, step.part.invoice, step.amount, posted.transfers[place])
            for step, (place, _) in zip(steps, places, strict=True)
        ],
    )
    for step, (place, back) in zip(steps, places, strict=True):
        if step.part.invoice is None:
            continue
        own = f"refund {number}"
        settlements = [Settlement(SettlementKind.REFUND, -step.amount, posted.transfers[place], own)]
        if back is not None:
            settlements.append(Settlement(SettlementKind.TO_WALLET, step.from_wallet, posted.transfers[back], own))
        settle_together(transaction, step.part.invoice, settlements)
    body = {
        "refund": number,
        "payment": payment.id,
        "account": customer.account,
        "amount": amount_text(total, currency),
        "method": payment.method,
        "reference": payment.reference,
    }
    message = enqueue(transaction, acting, KIND, body, destination=payment.method, reference=f"refund {number}")
    before, after = {"left": payment.left}, {"left": payment.left - total, "refund": number}
    record(transaction, acting, "refund", account=customer.account, subject=about, before=before, after=after)
    return {
        "refund": number,
        "payment": payment.id,
        "account": customer.account,
        "amount": total,
        "currency": currency,
        "message": message,
    }


def refund_confirmed(transaction: Transaction, acting: Acting, number: int) -> None:
    """The refund of a number has gone out: what was promised leaves through the gateway. Once, whoever says so."""
    found = _refund(transaction, number)
    promised = platform_account(transaction, AccountKind.REFUNDS, found.currency, effective=acting.time)
    gateway = platform_account(transaction, AccountKind.GATEWAY, found.currency, effective=acting.time)
    leg = Transfer(promised, gateway, found.amount, found.currency, "refund sent", f"refund {number}")
    _post(transaction, acting, f"refund confirmed:{number}", [leg])
    record(transaction, acting, "refund confirmed", account=found.account, subject=f"refund {number}")


def refund_failed(transaction: Transaction, acting: Acting, number: int) -> None:
    """The refund of a number will never arrive: invoices and wallet are as before, and it can be refunded anew.

    Where an invoice was paid or credited in the meantime, what is too much goes to the wallet.
    """
    found = _refund(transaction, number)
    customer = find_customer(transaction, found.account)
    assert isinstance(customer, Customer), "payments are of accounts that exist"
    currency, receivable = customer.currency, customer.receivable.id
    write_offs = platform_account(transaction, AccountKind.WRITE_OFFS, currency, effective=acting.time)
    about = f"refund {number}"
    legs: list[Leg] = [Reverse(part.transfer, part.amount, "refund failed", about) for part in found.parts]
    beyond: list[tuple[int, SettlementKind, int]] = []
    for place, part in enumerate(found.parts):
        if part.invoice is None:
            continue
        excess = excess_of(transaction, part.invoice, part.amount)
        for taker, kind, amount in (
            (write_offs, SettlementKind.WRITE_OFF, excess.written_off),
            (customer.wallet.id, SettlementKind.TO_WALLET, excess.to_wallet),
        ):
            if amount:
                beyond.append((place, kind, amount))
                legs.append(Transfer(receivable, taker, amount, currency, "refund failed", about))
    rows = _post(transaction, acting, f"refund failed:{number}", legs)
    (reversal,) = transaction.append(
        PAYMENTS, [(found.account, "reversal", found.amount, currency, found.method, about, number, acting.time)]
    )
    transaction.append(
        PAYMENT_PARTS,
        [(reversal, part.id, part.invoice, part.amount, row) for part, row in zip(found.parts, rows, strict=False)],
    )
    for place, part in enumerate(found.parts):
        if part.invoice is None:
            continue
        settlements = [Settlement(SettlementKind.REFUND, part.amount, rows[place], about)]
        settlements.extend(
            Settlement(kind, -amount, row, about)
            for (own, kind, amount), row in zip(beyond, rows[len(found.parts) :], strict=True)
            if own == place
        )
        settle_together(transaction, part.invoice, settlements)
    record(transaction, acting, "refund failed", account=found.account, subject=about)


def _refund(reader: Reader, number: int) -> Payment:
    found = find_payment(reader, number, kind="refund")
    assert isinstance(found, Payment), "messages speak of refunds that exist"
    return found


def _post(transaction: Transaction, acting: Acting, key: str, legs: list[Leg]) -> Sequence[TransferId]:
    """Post what follows from a promise that was kept or not; the floors it meets were met when it was made."""
    (outcome,) = transaction.post([Request(key, tuple(legs), acting.time)])
    assert isinstance(outcome, Posted) and not outcome.repeated, f"{key}: {outcome}"
    return cast("Sequence[TransferId]", outcome.transfers)
