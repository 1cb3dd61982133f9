"""Databases of every earlier schema are brought to the present one with what they hold."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from ratebook.ledger import migrations
from ratebook.ledger.accounts import AccountKind, find_account, open_account
from ratebook.ledger.migrations import LATEST, MIGRATIONS
from ratebook.ledger.requests import AccountId, Hold, Outcome, Posted, PostHold, Request, Reverse, Transfer
from ratebook.ledger.store import Store, StoreError, Transaction, open_store
from ratebook.ledger.tables import LEDGER_TABLES


@pytest.fixture
def at_version(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Has the program be the one that knew the schema of a number."""

    def set_to(number: int) -> None:
        monkeypatch.setattr(migrations, "MIGRATIONS", MIGRATIONS[:number])
        monkeypatch.setattr(migrations, "LATEST", number)

    yield set_to


def live_data(transaction: Transaction) -> list[Outcome]:
    payer = open_account(transaction, "payer", AccountKind.WALLET, "USD", owner="a", floor=0, effective=1)
    payee = open_account(transaction, "payee", AccountKind.REVENUE, "USD", effective=1)
    gateway = open_account(transaction, "gateway", AccountKind.GATEWAY, "USD", effective=1)
    return transaction.post(
        [
            Request("deposit", (Transfer(gateway, payer, 100, "USD", "deposit"),), 1),
            Request("paid", (Transfer(payer, payee, 40, "USD", "payment", "invoice 1"),), 2),
            Request("held", (Hold(payer, payee, 20, "USD", "reserve", expires=9),), 3),
            Request("refused", (Transfer(payer, payee, 41, "USD", "payment"),), 4),
        ]
    )


def contents(store: Store) -> dict[str, Any]:
    return store.read(
        lambda reader: {table.name: sorted(reader.rows(f"SELECT * FROM {table.name}")) for table in LEDGER_TABLES[:4]}
    )


@pytest.mark.parametrize("version", range(1, LATEST + 1))
def test_from_every_earlier_schema_with_live_data(blank_url: str, at_version: Any, version: int) -> None:
    at_version(version)
    store = open_store(blank_url, create=True)
    outcomes = store.write(live_data)
    before = contents(store)
    store.close()

    at_version(LATEST)
    if version < LATEST:
        with pytest.raises(StoreError) as refused:
            open_store(blank_url)
        assert refused.value.finding.code == "RB7033"
        assert "RATEBOOK" not in refused.value.finding.message
    store = open_store(blank_url, create=True)
    assert contents(store) == before
    assert store.read(lambda reader: reader.rows("SELECT number FROM schema_versions ORDER BY number")) == [
        (number,) for number in range(1, LATEST + 1)
    ]

    paid, held = outcomes[1], outcomes[2]
    assert isinstance(paid, Posted) and isinstance(held, Posted)
    after = store.write(
        lambda transaction: transaction.post(
            [
                Request("deposit", (Transfer(AccountId(4), AccountId(1), 100, "USD", "deposit"),), 9),
                Request("more", (Reverse(paid.transfers[0], 10), PostHold(held.transfers[0])), 5),
            ]
        )
    )
    assert after[0] == Posted(outcomes[0].transfers if isinstance(outcomes[0], Posted) else (), repeated=True)
    payer = store.read(lambda reader: find_account(reader, "payer"))
    assert payer is not None and (payer.balance, payer.held, payer.available) == (50, 0, 50)
    store.close()


def test_a_newer_schema_is_left_alone(blank_url: str, at_version: Any) -> None:
    open_store(blank_url, create=True).close()
    at_version(LATEST - 1)
    for create in (False, True):
        with pytest.raises(StoreError) as refused:
            open_store(blank_url, create=create)
        assert refused.value.finding.code == "RB7033"
        assert "newer" in refused.value.finding.hints[0]


def test_a_migration_that_fails_changes_nothing(blank_url: str, at_version: Any, monkeypatch: Any) -> None:
    at_version(1)
    store = open_store(blank_url, create=True)
    store.write(live_data)
    before = contents(store)
    store.close()
    broken = migrations.Migration(
        2, "breaks in the middle", lambda dialect: ["CREATE TABLE more (id BIGINT)", "NONSENSE"]
    )
    monkeypatch.setattr(migrations, "MIGRATIONS", (MIGRATIONS[0], broken))
    with pytest.raises(Exception, match=r"(?i)syntax error"):
        open_store(blank_url, create=True)
    at_version(1)
    store = open_store(blank_url)
    assert contents(store) == before
    store.close()


def test_numbers_of_migrations_have_no_gap() -> None:
    assert [item.number for item in MIGRATIONS] == list(range(1, len(MIGRATIONS) + 1))


@pytest.mark.skipif(os.getuid() == 0, reason="whoever is root may write everywhere")
def test_a_folder_that_may_not_be_written_to(tmp_path: Any) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError) as refused:
        open_store(str(tmp_path / "ledger.db"), create=True)
    assert refused.value.finding.code == "RB7035"


def test_a_file_that_is_no_database(tmp_path: Any) -> None:
    path = tmp_path / "ledger.db"
    path.write_text("ruleset acme:\n" * 200, encoding="utf-8")
    for create in (False, True):
        with pytest.raises(StoreError) as refused:
            open_store(str(path), create=create)
        assert refused.value.finding.code == "RB7035"
    assert path.read_text(encoding="utf-8").startswith("ruleset acme")
