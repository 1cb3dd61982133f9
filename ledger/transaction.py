"""A write transaction of either database: loads what requests need, has them decided, writes what they come to.

The database itself is behind `Connection`, which knows how to send statements and nothing of what they mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol, cast

from .leaf import heading, leaf
from .merkle import Frontier, leaf_hash
from .posting import (
    AccountState,
    Decided,
    EarlierTransfer,
    Known,
    Remembered,
    accounts_of,
    decide,
    needs,
)
from .refusals import Refusal
from .requests import AccountId, Outcome, Posted, Refused, Request, TransferId
from .store import Row, Value
from .tables import REFUSALS, TERMS, TRANSFERS, Table

ID_MAX = 2**63 - 1


class Connection(Protocol):
    """A database as statements and rows; `?` stands for parameters."""

    @property
    def folder(self) -> Path | None: ...

    def rows(self, sql: str, parameters: Row = ()) -> list[tuple[Value, ...]]: ...
    def stream(self, sql: str, parameters: Row = ()) -> Iterable[tuple[Value, ...]]: ...
    def put(self, sql: str, parameters: Row = ()) -> int: ...
    def put_many(self, sql: str, rows: Sequence[Row]) -> None: ...

    def insert(self, table: Table, rows: Sequence[Row]) -> None:
        """Add whole rows, with ids and leaves."""
        ...

    def chosen(self, sql: str, values: Sequence[int] | Sequence[str]) -> list[tuple[Value, ...]]:
        """The rows of a query in which `{values}` stands for a set of values: `WHERE id IN {values}`."""
        ...

    def update_balances(self, rows: Sequence[tuple[int, int, int, int]]) -> None:
        """Set credits, debits, held of accounts: rows of credits, debits, held, account."""
        ...


class Log:
    """The sequence and its Merkle tree inside one transaction. Rows are numbered from 1, leaves from 0."""

    __slots__ = ("changed", "frontier", "size")

    def __init__(self, size: int, frontier: Frontier) -> None:
        self.size = size
        self.frontier = frontier
        self.changed = False

    def seal(self, table: Table, rows: Sequence[Row]) -> list[tuple[Value, ...]]:
        """The rows with their ids in the sequence and their leaves; the tree has grown by them."""
        head = heading_of(table)
        whole: list[tuple[Value, ...]] = []
        leaves: list[bytes] = []
        for number, row in enumerate(rows, start=self.size + 1):
            fields = (number, *row)
            hashed = leaf_hash(leaf(head, fields))
            leaves.append(hashed)
            whole.append((*fields, hashed))
        self.frontier = self.frontier.append(leaves)
        self.size += len(leaves)
        self.changed = True
        return whole


def _stored(ids: Iterable[int]) -> list[int]:
    """The ids that a database can have, in order; others are unknown to it, as ids of no row."""
    return sorted(number for number in ids if 0 < number <= ID_MAX)


@cache
def heading_of(table: Table) -> str:
    """A table as its leaves name it."""
    return heading(table.name, table.hashed)


class LedgerTransaction:
    """What a work sees; see `store.Transaction`."""

    __slots__ = ("_connection", "log")

    def __init__(self, connection: Connection, log: Log) -> None:
        self._connection = connection
        self.log = log

    @property
    def folder(self) -> Path | None:
        """Where files lie that belong to the database."""
        return self._connection.folder

    def rows(self, sql: str, parameters: Row = ()) -> list[tuple[Value, ...]]:
        """All rows of a query."""
        return self._connection.rows(sql, parameters)

    def stream(self, sql: str, parameters: Row = ()) -> Iterable[tuple[Value, ...]]:
        """The rows of a query, one by one."""
        return self._connection.stream(sql, parameters)

    def put(self, sql: str, parameters: Row = ()) -> int:
        """Change a table that is not append-only."""
        return self._connection.put(sql, parameters)

    def put_many(self, sql: str, rows: Sequence[Row]) -> None:
        """The same for many rows."""
        self._connection.put_many(sql, rows)

    def append(self, table: Table, rows: Sequence[Row]) -> range:
        """Add rows to an append-only table; the ids that they got."""
        first = self.log.size + 1
        self._connection.insert(table, self.log.seal(table, rows))
        return range(first, self.log.size + 1)

    def post(self, requests: Sequence[Request]) -> list[Outcome]:
        """Decide requests in their order and write what they come to."""
        known = self._known(requests)
        decided = decide(requests, known, self.log.size + 1)
        self._write(decided, known)
        return decided.outcomes

    def _write(self, decided: Decided, known: Known) -> None:
        if decided.transfers:
            self.append(TRANSFERS, decided.transfers)
            self._connection.update_balances(
                [
                    (state.credits, state.debits, state.held, account)
                    for account in sorted(decided.touched)
                    for state in (known.accounts[AccountId(account)],)
                ]
            )
        if decided.refusals:
            self.append(REFUSALS, decided.refusals)

    def _known(self, requests: Sequence[Request]) -> Known:
        wanted = needs(requests)
        remembered = self._remembered(sorted(wanted.keys))
        transfers = self._transfers(_stored(wanted.transfers)) if wanted.transfers else {}
        accounts = self._accounts(_stored(wanted.accounts | accounts_of(transfers)))
        return Known(remembered, accounts, transfers)

    def _remembered(self, keys: Sequence[str]) -> dict[str, Remembered]:
        # One statement for both, since each is a round trip.
        rows: Sequence[Any] = self._connection.chosen(
            "SELECT key, fingerprint, id, '' AS refusal, '' AS detail FROM transfers WHERE key IN {values} "
            "UNION ALL SELECT key, fingerprint, 0, refusal, detail FROM refusals WHERE key IN {values}",
            keys,
        )
        remembered: dict[str, Remembered] = {}
        legs: dict[str, list[TransferId]] = {}
        for key, body, number, refusal, detail in rows:
            if refusal:
                remembered[key] = Remembered(body, Refused(Refusal[refusal], detail))
            else:
                legs.setdefault(key, []).append(number)
                remembered[key] = Remembered(body, Posted(()))
        for key, ids in legs.items():
            # Legs have their ids in their order.
            remembered[key] = Remembered(remembered[key].fingerprint, Posted(tuple(sorted(ids))))
        return remembered

    def _accounts(self, ids: Sequence[int]) -> dict[AccountId, AccountState]:
        found: Sequence[Any] = self._connection.chosen(
            "SELECT account, currency, credits, debits, held, floor, closed, name FROM balances "
            "JOIN accounts ON accounts.id = balances.account WHERE account IN {values}",
            ids,
        )
        return {number: AccountState(*state) for number, *state in found}

    def _transfers(self, ids: Sequence[int]) -> dict[TransferId, EarlierTransfer]:
        found: dict[TransferId, EarlierTransfer] = {}
        for row in self._connection.chosen(
            "SELECT id, phase, debit, credit, amount, currency, kind, reference, expires, reverses FROM transfers "
            "WHERE id IN {values}",
            ids,
        ):
            number, phase, debit, credit, amount, currency, kind, reference, expires, reverses = row
            found[TransferId(cast(int, number))] = EarlierTransfer(
                phase=cast(str, phase),
                debit=AccountId(cast(int, debit)),
                credit=AccountId(cast(int, credit)),
                amount=cast(int, amount),
                currency=cast(str, currency),
                kind=cast(str, kind),
                reference=cast(str, reference),
                expires=cast("int | None", expires),
                reversible=reverses is None,
            )
        for (hold,) in self._connection.chosen("SELECT hold FROM transfers WHERE hold IN {values}", ids):
            found[TransferId(cast(int, hold))].resolved = True
        for transfer, amount in self._connection.chosen(
            "SELECT reverses, amount FROM transfers WHERE reverses IN {values}", ids
        ):
            found[TransferId(cast(int, transfer))].reversed += cast(int, amount)
        return found

    def set_terms(self, account: AccountId, *, floor: int | None, closed: bool, effective: int) -> None:
        """Say what an account is allowed from now on. The caller has checked that it holds already."""
        self.append(TERMS, [(account, floor, int(closed), effective)])
        self._connection.put(
            "UPDATE balances SET floor = ?, closed = ? WHERE account = ?", (floor, int(closed), account)
        )
