"""Auditing a database: its log, and what it keeps for speed against the rows that it follows from.

The log is verified by `verify`; this reads it from a database. What a database keeps beside its log (balances, floors)
can be written anew by anybody who may write to it, and no hash covers it: it is computed again from transfers and
terms, in the order of the log, and compared. On the way each transfer is held against those that it speaks of.

What is kept meanwhile grows with accounts and open holds, not with transfers.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any

from ..diagnostics.diagnostic import Diagnostic
from .log import log_rows, log_state
from .note import Checkpoint
from .posting import EXPIRE, HOLD, MOVING, PLAIN, POST, VOID
from .store import Reader, Row
from .tables import Table
from .verify import Audit, verify_log

Fields = tuple[Any, ...]
"""A row of a database that somebody may have rewritten: nothing is known of its types."""


def untrusted(reader: Reader, sql: str, parameters: Row = ()) -> Iterator[Fields]:
    """The rows of a query, of which nothing is known."""
    return iter(reader.stream(sql, parameters))


def audit_log(reader: Reader, tables: Iterable[Table], checkpoints: Iterable[Checkpoint] = ()) -> Audit:
    """Every row of the append-only ones among these tables against its hash, the log's state and checkpoints."""
    return verify_log(log_rows(reader, tables), log_state(reader), checkpoints)


def audit_ledger(reader: Reader) -> Iterator[Diagnostic]:
    """What is wrong with transfers and balances.

    RB7120 where a balance is not the sum of its transfers, RB7121 where a floor or closing is not what the account's
    terms say, RB7122 for a transfer that cannot be, RB7123 where an account was below its floor after one.
    """
    books = _Books(dict(untrusted(reader, "SELECT id, currency FROM accounts")))
    for row in _transfers_and_terms(reader):
        if row[1] is None:
            books.terms(row)
        else:
            yield from books.transfer(row)
    yield from _wrong_reversals(reader)
    yield from books.compare(untrusted(reader, "SELECT account, credits, debits, held, floor, closed FROM balances"))


def _transfers_and_terms(reader: Reader) -> Iterator[Fields]:
    """Both in the order of the log. Terms have nothing where transfers have their phase."""
    transfers = untrusted(reader, "SELECT id, phase, debit, credit, amount, currency, hold FROM transfers ORDER BY id")
    terms = untrusted(reader, "SELECT id, NULL, account, floor, closed FROM account_terms ORDER BY id")
    return heapq.merge(transfers, terms, key=itemgetter(0))


@dataclass(slots=True)
class _Sums:
    """An account as transfers and terms leave it."""

    credits: int = 0
    debits: int = 0
    held: int = 0
    floor: int | None = None
    closed: int = 0

    @property
    def available(self) -> int:
        return self.credits - self.debits - self.held


@dataclass(slots=True)
class _Books:
    """Accounts while the log is read again; `currencies` names all that there are."""

    currencies: dict[Any, Any]
    accounts: dict[Any, _Sums] = field(default_factory=dict)
    holds: dict[Any, Fields] = field(default_factory=dict)
    """The holds that have no end yet, by id."""

    def __post_init__(self) -> None:
        self.accounts = {account: _Sums() for account in self.currencies}

    def terms(self, row: Fields) -> None:
        _, _, account, floor, closed = row
        if account in self.accounts:
            self.accounts[account].floor = floor
            self.accounts[account].closed = closed

    def transfer(self, row: Fields) -> Iterator[Diagnostic]:
        """One transfer: what is wrong with it, and what it does to the accounts."""
        number, phase, debit, credit, amount, currency, _ = row
        place = f"row {number} of transfers"
        giver, taker = self.accounts.get(debit), self.accounts.get(credit)
        if giver is None or taker is None:
            missing = debit if giver is None else credit
            yield Diagnostic("RB7122", f"there is no account {missing}", place=place)
            return
        if type(amount) is not int or amount <= 0:
            yield Diagnostic("RB7122", f"{amount!r} is no amount above zero", place=place)
            return
        if debit == credit or {self.currencies[debit], self.currencies[credit]} != {currency}:
            yield Diagnostic(
                "RB7122",
                f"accounts {debit} and {credit} are in {self.currencies[debit]} and {self.currencies[credit]}, "
                f"the transfer is in {currency}",
                place=place,
            )
        held = 0
        if phase == HOLD:
            held = amount
            self.holds[number] = row
        elif phase in (POST, VOID, EXPIRE):
            held, wrong = self._ended(row)
            if wrong:
                yield Diagnostic("RB7122", wrong, place=place)
        elif phase != PLAIN:
            yield Diagnostic("RB7122", f"{phase!r} is no phase of a transfer", place=place)
        moved = amount if phase in MOVING else 0
        giver.debits += moved
        giver.held += held
        taker.credits += moved
        if giver.floor is not None and giver.available < giver.floor:
            short = giver.floor - giver.available
            yield Diagnostic("RB7123", f"account {debit} was {short} minor units below its floor", place=place)

    def _ended(self, row: Fields) -> tuple[int, str]:
        """What the end of a hold changes of what is held, and what is wrong with it."""
        _, _, debit, credit, amount, _, hold = row
        earlier = self.holds.pop(hold, None)
        if earlier is None:
            return 0, f"it ends hold {hold}, which is not there or was ended before"
        if (debit, credit) != (earlier[2], earlier[3]):
            return -earlier[4], f"it ends hold {hold} between other accounts"
        if amount > earlier[4]:
            return -earlier[4], f"hold {hold} put {earlier[4]} aside, not {amount}"
        return -earlier[4], ""

    def compare(self, balances: Iterable[Fields]) -> Iterator[Diagnostic]:
        """The stored balances against what came out; the accounts are gone afterwards."""
        for account, *stored in balances:
            place = f"account {account} of balances"
            sums = self.accounts.pop(account, None)
            if sums is None:
                yield Diagnostic("RB7120", "there is no such account", place=place)
                continue
            for name, now in zip(("credits", "debits", "held"), stored, strict=False):
                if now != getattr(sums, name):
                    message = f"its {name} are {now}, and transfers come to {getattr(sums, name)}"
                    yield Diagnostic("RB7120", message, place=place)
            for name, now in zip(("floor", "closed"), stored[3:], strict=True):
                if now != getattr(sums, name):
                    message = f"its {name} is {_said(now)}, and its terms say {_said(getattr(sums, name))}"
                    yield Diagnostic("RB7121", message, place=place)
        for account in self.accounts:
            yield Diagnostic("RB7120", "it has no balance", place=f"account {account} of balances")


def _said(value: object) -> str:
    return "none" if value is None else str(value)


def _wrong_reversals(reader: Reader) -> Iterator[Diagnostic]:
    """Reversals of what was never moved, the wrong way round, or of more than was."""
    rows = untrusted(
        reader,
        "SELECT back.reverses, back.id, back.reversed_from, back.amount, back.debit, back.credit, "
        "moved.id, moved.amount, moved.debit, moved.credit, moved.phase, moved.reverses "
        "FROM transfers AS back LEFT JOIN transfers AS moved ON moved.id = back.reverses "
        "WHERE back.reverses IS NOT NULL ORDER BY back.reverses, back.reversed_from, back.id",
    )
    for of, parts in groupby(rows, key=itemgetter(0)):
        reversed_ = 0
        for _, number, start, amount, debit, credit, *moved in parts:
            earlier, whole, debited, credited, phase, of_another = moved
            wrong = ""
            if earlier is None or earlier >= number or phase not in MOVING or of_another is not None:
                wrong = f"it reverses {of}, which moved nothing that can be moved back"
            elif (debit, credit) != (credited, debited):
                wrong = f"it moves between other accounts than {of}, which it reverses"
            elif start != reversed_ or amount + reversed_ > whole:
                wrong = f"of {of}, {whole - reversed_} are left to reverse, not {amount} from {start} on"
            if wrong:
                yield Diagnostic("RB7122", wrong, place=f"row {number} of transfers")
            reversed_ += amount
