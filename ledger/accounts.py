"""Accounts of the ledger: what kinds there are, opening them, and what is known of one.

A balance is credits less debits. What the platform owes (wallets, cards, tax) and earns (revenue) is above zero; what
it is owed (receivables) or has (the gateway) is below, and is shown with its sign turned: see `AccountKind.shown`.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from .refusals import Refusal
from .requests import AccountId, Refused
from .store import Reader, Transaction, Value
from .tables import ACCOUNTS


class AccountKind(enum.Enum):
    """What an account is for. Customers have the first three, the platform the rest."""

    RECEIVABLE = "receivable"
    """What a customer owes for invoices."""
    WALLET = "wallet"
    """A customer's money with us: deposits less what they paid for."""
    CARD = "card"
    """What is left on a prepaid card."""
    REVENUE = "revenue"
    """What was earned: charges, fees, penalties, minimums."""
    DISCOUNTS = "discounts"
    """What discounts, offers and caps took off; below zero."""
    TAX = "tax"
    """Taxes that were billed and are owed to the state."""
    BREAKAGE = "breakage"
    """What was left on cards when they expired."""
    GATEWAY = "gateway"
    """Money that came in and went out through payment gateways."""
    REFUNDS = "refunds"
    """Refunds that were promised and have not yet gone out."""
    WRITE_OFFS = "write-offs"
    """Receivables that nobody expects to be paid."""
    ROUNDING = "rounding"
    """What rounding a total moved."""
    SOLD_CARDS = "sold cards"
    """What cards are worth that were sold to somebody unknown and not yet redeemed."""
    CARD_SALES = "card sales"
    """The difference between what cards are worth and what they sold for; below zero where sold for less."""

    @property
    def shown(self) -> int:
        """The sign with which people expect to see the balance: -1 where what is below zero is good or owed to us."""
        return -1 if self in _DEBIT_NORMAL else 1


_DEBIT_NORMAL = frozenset(
    {AccountKind.RECEIVABLE, AccountKind.GATEWAY, AccountKind.DISCOUNTS, AccountKind.WRITE_OFFS, AccountKind.CARD_SALES}
)


@dataclass(frozen=True, slots=True)
class Account:
    """An account and where it stands. Amounts are minor units of its currency."""

    id: AccountId
    name: str
    kind: AccountKind
    owner: str
    currency: str
    credits: int
    debits: int
    held: int
    floor: int | None
    closed: bool

    @property
    def balance(self) -> int:
        """Credits less debits."""
        return self.credits - self.debits

    @property
    def available(self) -> int | None:
        """What may still leave the account with its floor and holds counted; None where there is no floor."""
        return None if self.floor is None else self.balance - self.held - self.floor


def open_account(
    transaction: Transaction,
    name: str,
    kind: AccountKind,
    currency: str,
    *,
    owner: str = "",
    floor: int | None = None,
    effective: int,
) -> AccountId:
    """Open an account; the caller knows that there is none of this name. `floor` is the least it may come to."""
    (number,) = transaction.append(ACCOUNTS, [(name, kind.value, owner, currency, effective)])
    account = AccountId(number)
    transaction.put("INSERT INTO balances VALUES (?, 0, 0, 0, NULL, 0)", (account,))
    if floor is not None:
        transaction.set_terms(account, floor=floor, closed=False, effective=effective)
    return account


SELECT = (
    "SELECT accounts.id, name, kind, owner, currency, credits, debits, held, floor, closed "
    "FROM accounts JOIN balances ON balances.account = accounts.id"
)


def find_account(reader: Reader, name: str) -> Account | None:
    """The account of a name."""
    found = reader.rows(f"{SELECT} WHERE name = ?", (name,))
    return _account(found[0]) if found else None


def accounts_owned_by(reader: Reader, owner: str) -> list[Account]:
    """The accounts of a customer, in the order in which they were opened; of the platform for an empty owner."""
    return [_account(row) for row in reader.rows(f"{SELECT} WHERE owner = ? ORDER BY accounts.id", (owner,))]


def platform_account(transaction: Transaction, kind: AccountKind, currency: str, *, effective: int) -> AccountId:
    """The platform's account of a kind in a currency, opened where this is its first use."""
    name = f"{kind.value}:{currency}"
    found = transaction.rows("SELECT id FROM accounts WHERE name = ?", (name,))
    if found:
        return AccountId(cast(int, found[0][0]))
    return open_account(transaction, name, kind, currency, effective=effective)


def set_floor(transaction: Transaction, account: Account, floor: int | None, *, effective: int) -> Refused | None:
    """Change the least that an account may come to; refused where it is below that now."""
    if account.closed:
        return Refused(Refusal.ACCOUNT_CLOSED, f"account {account.name} is closed")
    if floor is not None and account.balance - account.held < floor:
        short = floor - (account.balance - account.held)
        return Refused(Refusal.INSUFFICIENT_FUNDS, f"account {account.name} is {short} minor units below that already")
    transaction.set_terms(account.id, floor=floor, closed=False, effective=effective)
    return None


def close_account(transaction: Transaction, account: Account, *, effective: int) -> Refused | None:
    """Close an account on which nothing is left, of which nothing is held, and for which nothing is put aside."""
    if account.closed:
        return Refused(Refusal.ACCOUNT_CLOSED, f"account {account.name} is closed")
    if account.balance or account.held:
        return Refused(Refusal.NOT_EMPTY, f"account {account.name} still has {account.balance}, {account.held} held")
    expected = transaction.rows(
        "SELECT 1 FROM transfers AS holds WHERE credit = ? AND phase = 'hold' "
        "AND NOT EXISTS (SELECT 1 FROM transfers WHERE hold = holds.id) LIMIT 1",
        (account.id,),
    )
    if expected:
        return Refused(Refusal.NOT_EMPTY, f"account {account.name} is to get what is held of another")
    transaction.set_terms(account.id, floor=account.floor, closed=True, effective=effective)
    return None


def _account(row: Sequence[Value]) -> Account:
    number, name, kind, owner, currency, credited, debited, held, floor, closed = row
    return Account(
        id=AccountId(cast(int, number)),
        name=cast(str, name),
        kind=AccountKind(cast(str, kind)),
        owner=cast(str, owner),
        currency=cast(str, currency),
        credits=cast(int, credited),
        debits=cast(int, debited),
        held=cast(int, held),
        floor=cast("int | None", floor),
        closed=bool(closed),
    )
