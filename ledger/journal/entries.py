"""What a journal says: accounts with names that accounting programs take, entries of balanced postings, balances.

An entry is a request of the ledger: all its legs that moved money. Holds move none. Amounts are shown with debits above
zero, as these programs have them, so that a balance is debits less credits.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from itertools import groupby
from typing import cast

from ..accounts import AccountKind
from ..requests import AccountId
from ..store import Reader

ROOTS: Mapping[AccountKind, str] = {
    AccountKind.RECEIVABLE: "Assets:Receivable",
    AccountKind.GATEWAY: "Assets:Gateway",
    AccountKind.WALLET: "Liabilities:Wallet",
    AccountKind.CARD: "Liabilities:Card",
    AccountKind.TAX: "Liabilities:Tax",
    AccountKind.REFUNDS: "Liabilities:Refunds",
    AccountKind.REVENUE: "Income:Revenue",
    AccountKind.DISCOUNTS: "Income:Discounts",
    AccountKind.BREAKAGE: "Income:Breakage",
    AccountKind.ROUNDING: "Income:Rounding",
    AccountKind.CARD_SALES: "Income:CardSales",
    AccountKind.WRITE_OFFS: "Expenses:WriteOffs",
}
"""Where accounts of a kind stand in the five families of double entry."""

_ENDS_LIKE_A_HASH = re.compile(r"-[0-9a-f]{8}$")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class JournalAccount:
    """An account of the ledger: its name in a journal, the first day on which it is used, what it comes to."""

    name: str
    currency: str
    first_day: date
    balance: int


@dataclass(frozen=True, slots=True)
class Posting:
    """An amount on an account; debits are above zero."""

    account: str
    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class Entry:
    """What one request moved; its postings add up to zero. `number` is its first row in the ledger's sequence."""

    day: date
    kind: str
    reference: str
    key: str
    number: int
    postings: tuple[Posting, ...]


@dataclass(frozen=True, slots=True)
class Journal:
    """Accounts by their ids, and the last day on which anything happened."""

    accounts: Mapping[AccountId, JournalAccount]
    last_day: date | None

    def entries(self, reader: Reader) -> Iterator[Entry]:
        """All entries in the order of the ledger."""
        rows = reader.stream(
            "SELECT id, key, debit, credit, amount, currency, kind, reference, effective FROM transfers "
            "WHERE phase IN ('plain', 'post') ORDER BY id"
        )
        for key, legs in groupby(rows, key=lambda row: row[1]):
            yield self._entry(
                cast(str, key), [cast("tuple[int, str, int, int, int, str, str, str, int]", x) for x in legs]
            )

    def _entry(self, key: str, legs: list[tuple[int, str, int, int, int, str, str, str, int]]) -> Entry:
        number, _, _, _, _, _, kind, reference, effective = legs[0]
        postings = []
        for _, _, debit, credit, amount, currency, *_ in legs:
            postings.append(Posting(self.accounts[AccountId(debit)].name, amount, currency))
            postings.append(Posting(self.accounts[AccountId(credit)].name, -amount, currency))
        return Entry(day_of(effective), kind, reference, key, number, tuple(postings))


def day_of(time: int) -> date:
    """The day in UTC on which something took effect."""
    return (EPOCH + timedelta(microseconds=time)).date()


def read_journal(reader: Reader) -> Journal:
    """The accounts of the ledger that a journal opens, with their first days and balances."""
    first: dict[int, int] = {}
    last: int | None = None
    for side in ("debit", "credit"):
        for account, earliest, latest in reader.rows(
            f"SELECT {side}, min(effective), max(effective) FROM transfers GROUP BY {side}"
        ):
            own, earliest, latest = cast(int, account), cast(int, earliest), cast(int, latest)
            first[own] = min(first.get(own, earliest), earliest)
            last = latest if last is None else max(last, latest)
    accounts: dict[AccountId, JournalAccount] = {}
    for number, name, kind, currency, opened, credited, debited in reader.rows(
        "SELECT id, name, kind, currency, opened, credits, debits FROM accounts "
        "JOIN balances ON balances.account = accounts.id ORDER BY id"
    ):
        own = cast(int, number)
        begins = min(cast(int, opened), first.get(own, cast(int, opened)))
        accounts[AccountId(own)] = JournalAccount(
            name=journal_name(AccountKind(cast(str, kind)), cast(str, name)),
            currency=cast(str, currency),
            first_day=day_of(begins),
            balance=cast(int, debited) - cast(int, credited),
        )
    return Journal(accounts, None if last is None else day_of(last))


def journal_name(kind: AccountKind, name: str) -> str:
    """An account's name as both programs take it: `wallet:a-1` is `Liabilities:Wallet:A-1`.

    Letters of any script, digits and hyphens stay; where anything else had to be replaced, or an upper-case letter put
    for a small one, the end of a hash of the name keeps two accounts apart.
    """
    own = name.partition(":")[2] or name
    plain = "".join(sign if _fits(sign) else "-" for sign in own).strip("-") or "X"
    first = plain[0].upper() if plain[0].isascii() else f"X{plain[0]}"
    told = first + plain[1:]
    if told != own or _ENDS_LIKE_A_HASH.search(own):
        told = f"{told}-{sha256(name.encode()).hexdigest()[:8]}"
    return f"{ROOTS[kind]}:{told}"


def _fits(sign: str) -> bool:
    return sign == "-" or (sign.isascii() and sign.isalnum()) or unicodedata.category(sign) in ("Lo", "Lu", "Ll")
