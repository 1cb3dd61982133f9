"""Customers' accounts: opening, looking at, money in and out, credit limit, attributes, closing.

A customer has a wallet, which is their money with us, and a receivable, which is what they owe. A credit limit lets
the wallet go below zero by so much.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import cast

from ..diagnostics import Diagnostic
from ..ledger.accounts import (
    Account,
    AccountKind,
    accounts_owned_by,
    close_account,
    open_account,
    platform_account,
    set_floor,
)
from ..ledger.books import CUSTOMER_CHANGES, CUSTOMERS
from ..ledger.requests import Leg, Posted, Refused, Request, Transfer
from ..ledger.store import Reader, Store, Transaction
from .acting import Acting, Json, Recorded, canonical, instant, once, record, record_all, refusal
from .amounts import refuse_amount, unit_of


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer's account and where it stands, in minor units of its currency."""

    account: str
    currency: str
    opened: date
    attributes: Mapping[str, object]
    closed: bool
    wallet: Account
    receivable: Account
    cards: tuple[Account, ...]

    @property
    def credit_limit(self) -> int:
        """By how much the wallet may go below zero."""
        return -(self.wallet.floor or 0)

    @property
    def owed(self) -> int:
        """What the customer owes; below zero where they paid too much."""
        return -self.receivable.balance


@dataclass(frozen=True, slots=True)
class NewCustomer:
    """What an account is opened with; the credit limit in minor units."""

    account: str
    currency: str
    credit_limit: int
    attributes: Mapping[str, object]

    @property
    def terms(self) -> Json:
        """The same as JSON, as the log of operations has it."""
        return {
            "account": self.account,
            "currency": self.currency,
            "credit_limit": self.credit_limit,
            "attributes": dict(self.attributes),
        }


CREATED = "account created"
"""What the log of operations calls the opening of an account."""


def create_customer(
    store: Store,
    acting: Acting,
    account: str,
    currency: str,
    *,
    credit_limit: int = 0,
    attributes: Mapping[str, object] | None = None,
) -> Json | Diagnostic:
    """Open a customer's account, with a wallet and a receivable. Refused where there is one of this name."""
    new = NewCustomer(account, currency, credit_limit, dict(attributes or {}))
    for _, wrong in invalid_customer(new):
        return wrong

    def work(transaction: Transaction) -> Json | Diagnostic:
        if transaction.rows("SELECT 1 FROM customers WHERE account = ?", (account,)):
            return account_there(account)
        open_customers(transaction, acting, [new])
        return {"account": account, "currency": currency}

    return once(store, acting, "create account", new.terms, work)


def invalid_customer(new: NewCustomer) -> list[tuple[str, Diagnostic]]:
    """What is wrong with the terms of an account, whatever there is already; each with what it is about."""
    found = []
    unit = unit_of(new.currency, place=f"account {new.account}")
    if isinstance(unit, Diagnostic):
        found.append(("currency", unit))
    if not new.account or new.account != new.account.strip() or not new.account.isprintable():
        hint = "give a name without spaces around it and without control characters"
        found.append(("account", Diagnostic("RB7040", f"“{new.account}” can be no name of an account", hints=(hint,))))
    limit = refuse_limit(new.credit_limit)
    if limit is not None:
        found.append(("credit_limit", limit))
    return found


def refuse_limit(limit: int) -> Diagnostic | None:
    """Why an amount, in minor units, can be no credit limit."""
    if limit < 0:
        return Diagnostic("RB7003", "a credit limit is not below zero", hints=("0 gives no credit",))
    return refuse_amount(limit) if limit else None


def account_there(account: str) -> Diagnostic:
    """The finding that there is an account of this name."""
    hint = "choose another name, or use the account that is there"
    return Diagnostic("RB7041", f"there is an account {account} already", hints=(hint,))


def open_customers(transaction: Transaction, acting: Acting, new: Sequence[NewCustomer]) -> None:
    """Open accounts of which the caller knows that there are none of their names."""
    day = acting.now.date().isoformat()
    transaction.append(CUSTOMERS, [(item.account, item.currency, acting.time, "{}") for item in new])
    transaction.append(CUSTOMER_CHANGES, [(item.account, canonical(dict(item.attributes)), 0, day) for item in new])
    for item in new:
        for kind, floor in ((AccountKind.WALLET, -item.credit_limit), (AccountKind.RECEIVABLE, None)):
            open_account(
                transaction,
                f"{kind.value}:{item.account}",
                kind,
                item.currency,
                owner=item.account,
                floor=floor,
                effective=acting.time,
            )
    record_all(transaction, acting, CREATED, [Recorded(item.account, after=dict(item.terms)) for item in new])


def find_customer(reader: Reader, account: str) -> Customer | Diagnostic:
    """The customer's account as it stands now, or that there is none."""
    found = reader.rows("SELECT currency, opened FROM customers WHERE account = ?", (account,))
    if not found:
        return unknown_account(account)
    currency, opened = cast(str, found[0][0]), cast(int, found[0][1])
    attributes, closed = reader.rows(
        "SELECT attributes, closed FROM customer_changes WHERE account = ? ORDER BY id DESC LIMIT 1", (account,)
    )[0]
    own = accounts_owned_by(reader, account)
    return Customer(
        account=account,
        currency=currency,
        opened=instant(opened).date(),
        attributes=json.loads(cast(str, attributes)),
        closed=bool(closed),
        wallet=next(item for item in own if item.kind is AccountKind.WALLET),
        receivable=next(item for item in own if item.kind is AccountKind.RECEIVABLE),
        cards=tuple(item for item in own if item.kind is AccountKind.CARD),
    )


def unknown_account(account: str) -> Diagnostic:
    """The finding that there is no such account."""
    hints = ("`ratebook account create` opens one", "`ratebook account list` shows all")
    return Diagnostic("RB7006", f"there is no account {account}", hints=hints)


def closed_account(account: str) -> Diagnostic:
    """The finding that an account is closed."""
    return Diagnostic("RB7008", f"account {account} is closed", hints=("open another account",))


def list_customers(reader: Reader) -> list[str]:
    """The names of all accounts, in order."""
    return [cast(str, name) for (name,) in reader.rows("SELECT account FROM customers ORDER BY account")]


def deposit(store: Store, acting: Acting, account: str, amount: int, *, reference: str = "") -> Json | Diagnostic:
    """Put money that came in through a gateway into the customer's wallet."""
    return _move(store, acting, "deposit", account, amount, reference, into_wallet=True)


def withdraw(store: Store, acting: Acting, account: str, amount: int, *, reference: str = "") -> Json | Diagnostic:
    """Give money of the wallet back; refused where it would go below zero by more than the credit limit."""
    return _move(store, acting, "withdrawal", account, amount, reference, into_wallet=False)


def _move(
    store: Store, acting: Acting, kind: str, account: str, amount: int, reference: str, *, into_wallet: bool
) -> Json | Diagnostic:
    body = {"account": account, "amount": amount, "reference": reference}

    def work(transaction: Transaction) -> Json | Diagnostic:
        customer = find_customer(transaction, account)
        if isinstance(customer, Diagnostic):
            return customer
        if customer.closed:
            return closed_account(account)
        gateway = platform_account(transaction, AccountKind.GATEWAY, customer.currency, effective=acting.time)
        wallet = customer.wallet.id
        debit, credit = (gateway, wallet) if into_wallet else (wallet, gateway)
        leg = Transfer(debit, credit, amount, customer.currency, kind, reference)
        posted = post_one(transaction, acting, kind, [leg])
        if isinstance(posted, Diagnostic):
            return posted
        before = customer.wallet.balance
        after = before + (amount if into_wallet else -amount)
        record(transaction, acting, kind, account=account, subject=reference, before=before, after=after)
        return {"account": account, "transfer": posted.transfers[0], "wallet": after, "currency": customer.currency}

    return once(store, acting, kind, body, work)


def post_one(transaction: Transaction, acting: Acting, what: str, legs: list[Leg]) -> Posted | Diagnostic:
    """Post legs together under the key of the call; what is refused is a finding."""
    (outcome,) = transaction.post([Request(f"{what}:{acting.key}", tuple(legs), acting.time)])
    return refusal(outcome) if isinstance(outcome, Refused) else outcome


def set_credit_limit(store: Store, acting: Acting, account: str, limit: int) -> Json | Diagnostic:
    """Change by how much the wallet may go below zero; refused where it is further below already."""

    def work(transaction: Transaction) -> Json | Diagnostic:
        customer = find_customer(transaction, account)
        if isinstance(customer, Diagnostic):
            return customer
        wrong = closed_account(account) if customer.closed else refuse_limit(limit)
        if wrong is not None:
            return wrong
        refused = set_floor(transaction, customer.wallet, -limit, effective=acting.time)
        if refused is not None:
            return refusal(refused)
        before = customer.credit_limit
        record(transaction, acting, "credit limit", account=account, before=before, after=limit)
        return {"account": account, "credit_limit": limit, "before": before}

    return once(store, acting, "credit limit", {"account": account, "limit": limit}, work)


def close_customer(store: Store, acting: Acting, account: str) -> Json | Diagnostic:
    """Close an account: no subscription runs, nothing is left in the wallet or on cards, nothing is owed."""

    def work(transaction: Transaction) -> Json | Diagnostic:
        customer = find_customer(transaction, account)
        if isinstance(customer, Diagnostic):
            return customer
        running = transaction.rows(
            "SELECT plan FROM subscriptions WHERE account = ? AND id IN "
            "(SELECT max(id) FROM subscriptions GROUP BY number) AND end_day = ''",
            (account,),
        )
        if running:
            hint = "`ratebook subscription end` ends it"
            return Diagnostic("RB7042", f"account {account} still has plan {cast(str, running[0][0])}", hints=(hint,))
        promised = transaction.rows(
            "SELECT id FROM payments WHERE account = ? AND kind = 'refund' "
            "AND NOT EXISTS (SELECT 1 FROM transfers WHERE key = 'refund confirmed:' || payments.id) "
            "AND NOT EXISTS (SELECT 1 FROM payments AS undone WHERE undone.of_payment = payments.id)",
            (account,),
        )
        if promised:
            # Where it fails, its money comes back to this account.
            hint = "`ratebook outbox list` shows it; wait for its end, or say it with `ratebook outbox resolve`"
            message = f"refund {cast(int, promised[0][0])} of account {account} is under way"
            return Diagnostic("RB7019", message, hints=(hint,))
        for own in (customer.wallet, customer.receivable, *customer.cards):
            refused = None if own.closed else close_account(transaction, own, effective=acting.time)
            if refused is not None:
                return refusal(refused)
        transaction.append(
            CUSTOMER_CHANGES, [(account, canonical(dict(customer.attributes)), 1, acting.now.date().isoformat())]
        )
        record(transaction, acting, "account closed", account=account)
        return {"account": account, "closed": True}

    return once(store, acting, "close account", {"account": account}, work)
