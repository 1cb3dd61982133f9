"""A bank on either database, for cases that are about what the ledger does and not about how it is called."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

import pytest

from ratebook.ledger.accounts import Account, AccountKind, close_account, find_account, open_account
from ratebook.ledger.refusals import Refusal
from ratebook.ledger.requests import (
    AccountId,
    Leg,
    Outcome,
    Posted,
    Refused,
    Request,
    Transfer,
    TransferId,
)
from ratebook.ledger.store import Row, Store, Value, open_store
from ratebook.ledger.tables import LEDGER_TABLES


class Bank:
    """A store with a gateway, from which funds come, and words for what cases do."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._keys = count(1)
        self.gateway = self.account("gateway", floor=None, kind=AccountKind.GATEWAY)

    def account(
        self,
        name: str,
        funds: int = 0,
        *,
        floor: int | None = 0,
        currency: str = "USD",
        kind: AccountKind = AccountKind.WALLET,
    ) -> AccountId:
        """A new account with funds from the gateway."""
        made = self.store.write(
            lambda transaction: open_account(transaction, name, kind, currency, floor=floor, effective=0)
        )
        if funds:
            self.posted(Transfer(self.gateway, made, funds, currency, "deposit"))
        return made

    def close(self, name: str) -> Refused | None:
        return self.store.write(lambda transaction: close_account(transaction, self.named(name), effective=0))

    def named(self, name: str) -> Account:
        found = self.store.read(lambda reader: find_account(reader, name))
        assert found is not None
        return found

    def requests(self, requests: Sequence[Request]) -> list[Outcome]:
        return self.store.write(lambda transaction: transaction.post(requests))

    def request(self, *legs: Leg, key: str = "", effective: int = 0) -> Request:
        return Request(key or f"key-{next(self._keys)}", legs, effective)

    def do(self, *legs: Leg, key: str = "", effective: int = 0) -> Outcome:
        """What legs under one key are answered."""
        (outcome,) = self.requests([self.request(*legs, key=key, effective=effective)])
        return outcome

    def posted(self, *legs: Leg, key: str = "", effective: int = 0) -> TransferId:
        """The first row of legs that must be posted."""
        outcome = self.do(*legs, key=key, effective=effective)
        assert isinstance(outcome, Posted), outcome
        return outcome.transfers[0]

    def refusal(self, *legs: Leg, key: str = "", effective: int = 0) -> Refusal:
        """Why legs that must be refused are, and that nothing but the memory of it is left."""
        before = self.contents()
        outcome = self.do(*legs, key=key, effective=effective)
        assert isinstance(outcome, Refused), outcome
        after = self.contents()
        for table, rows in before.items():
            if table not in ("refusals", "log_head"):
                assert after[table] == rows
        assert len(after["refusals"]) - len(before["refusals"]) == (outcome.refusal is not Refusal.KEY_REUSED)
        return outcome.refusal

    def balance(self, account: AccountId) -> tuple[int, int]:
        """Credits less debits, and what is held."""
        ((credited, debited, held),) = self.rows(
            "SELECT credits, debits, held FROM balances WHERE account = ?", (account,)
        )
        assert isinstance(credited, int) and isinstance(debited, int) and isinstance(held, int)
        return credited - debited, held

    def rows(self, sql: str, parameters: Row = ()) -> list[tuple[Value, ...]]:
        return self.store.read(lambda reader: reader.rows(sql, parameters))

    def contents(self) -> dict[str, list[tuple[Value, ...]]]:
        """Every row of the ledger's tables."""
        return self.store.read(
            lambda reader: {
                table.name: sorted(reader.rows(f"SELECT * FROM {table.name}"), key=lambda row: row[0] or 0)
                for table in LEDGER_TABLES
            }
        )

    def set_balance(self, account: AccountId, *, credited: int, debited: int) -> None:
        """Sums that would take millions of transfers."""
        self.store.write(
            lambda transaction: transaction.put(
                "UPDATE balances SET credits = ?, debits = ? WHERE account = ?", (credited, debited, account)
            )
        )


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    opened = open_store(database_url)
    yield opened
    opened.close()


@pytest.fixture
def bank(store: Store) -> Bank:
    return Bank(store)


@pytest.fixture(params=["sqlite", "postgresql"])
def blank_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database that is not there yet."""
    if request.param == "sqlite":
        yield str(tmp_path / "blank.db")
        return
    import psycopg

    server: str = request.getfixturevalue("postgresql_server")
    name = f"ratebook_blank_{os.getpid()}"
    yield server.format(name=name)
    with psycopg.connect(server.format(name="postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())


@pytest.fixture
def make_bank() -> type[Bank]:
    """For cases that open the store themselves."""
    return Bank
