"""The log in a real SQLite database, which somebody rewrites who owns the file: every way is found."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ratebook.ledger.accounts import AccountKind, open_account
from ratebook.ledger.books import BOOK_TABLES
from ratebook.ledger.leaf import leaf
from ratebook.ledger.log import leaf_hashes, log_rows, log_state
from ratebook.ledger.merkle import Frontier, inclusion_proofs, leaf_hash, verify_inclusion
from ratebook.ledger.note import Checkpoint
from ratebook.ledger.requests import AccountId, Hold, Request, Transfer
from ratebook.ledger.sqlite import SqliteConnection
from ratebook.ledger.store import Transaction, open_store
from ratebook.ledger.tables import LEDGER_TABLES, TRANSFERS, Column, ColumnType
from ratebook.ledger.verify import Audit, verify_log

TABLES = (*LEDGER_TABLES, *BOOK_TABLES)
COUNT = 1_000


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two accounts, then a thousand transfers, of which some are holds."""
    path = tmp_path_factory.mktemp("log") / "ledger.db"
    with closing(open_store(str(path), create=True)) as store:

        def accounts(transaction: Transaction) -> tuple[AccountId, AccountId]:
            wallet = open_account(transaction, "wallet:a-1", AccountKind.WALLET, "CNY", effective=1)
            return wallet, open_account(transaction, "revenue", AccountKind.REVENUE, "CNY", effective=1)

        wallet, revenue = store.write(accounts)
        requests = [
            Request(
                f"k-{number}",
                (
                    Hold(wallet, revenue, 100 + number, "CNY", "charge", expires=9)
                    if number % 10 == 0
                    else Transfer(wallet, revenue, 100 + number, "CNY", "charge", f"INV-{number}"),
                ),
                effective=number,
            )
            for number in range(COUNT)
        ]
        store.write(lambda transaction: transaction.post(requests))
    return path


@pytest.fixture
def owned(database: Path) -> Iterator[sqlite3.Connection]:
    """A connection of somebody who takes every guard away, and whose changes are gone after the test."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("BEGIN IMMEDIATE")
        guards = "SELECT type, name FROM sqlite_master WHERE type = 'trigger' OR type = 'index' AND sql IS NOT NULL"
        for kind, name in connection.execute(guards).fetchall():
            connection.execute(f"DROP {kind} {name}")
        yield connection
        connection.execute("ROLLBACK")


def audit_of(connection: sqlite3.Connection, *checkpoints: Checkpoint) -> Audit:
    reader = SqliteConnection(connection)
    return verify_log(log_rows(reader, TABLES), log_state(reader), checkpoints)


def test_what_the_store_wrote_verifies(owned: sqlite3.Connection) -> None:
    audit = audit_of(owned)
    assert audit.findings == () and audit.size == COUNT + 2
    # Read without the store's own tree.
    hashes = list(leaf_hashes(SqliteConnection(owned), TABLES))
    assert audit.root == Frontier().append(hashes).root()
    proof = inclusion_proofs(hashes, len(hashes), [500])[500]
    assert verify_inclusion(hashes[500], 500, len(hashes), proof, audit.root)


@pytest.mark.parametrize("column", TRANSFERS.columns, ids=lambda column: column.name)
def test_every_column_of_a_thousand_rows(owned: sqlite3.Connection, column: Column) -> None:
    name = column.name
    other = {
        ColumnType.INTEGER: f"coalesce({name}, 0) + 1",
        ColumnType.TEXT: f"{name} || 'x'",
        ColumnType.BYTES: "randomblob(32)",
    }[column.type]
    changed = owned.execute(f"UPDATE transfers SET {name} = {other}").rowcount
    assert changed == COUNT
    assert audit_of(owned).counts == {"RB7101": COUNT}


def test_the_stored_hashes_themselves(owned: sqlite3.Connection) -> None:
    owned.execute("UPDATE transfers SET leaf = zeroblob(32)")
    assert audit_of(owned).counts == {"RB7101": COUNT}


@pytest.mark.parametrize(
    ("statement", "codes"),
    [
        ("UPDATE transfers SET id = id + 1 WHERE id = 1002", {"RB7101", "RB7102", "RB7106"}),
        ("UPDATE transfers SET id = -id", {"RB7101", "RB7103", "RB7106"}),
        ("DELETE FROM transfers WHERE id > 900", {"RB7103"}),
        ("DELETE FROM transfers WHERE id = 500", {"RB7102"}),
        ("DELETE FROM accounts", {"RB7102"}),
        ("UPDATE accounts SET owner = 'me'", {"RB7101"}),
        ("UPDATE log_head SET size = size - 1", {"RB7106", "RB7107"}),
        ("UPDATE log_head SET frontier = zeroblob(8)", {"RB7107"}),
        ("DELETE FROM log_head", {"RB7106", "RB7107"}),
        ("INSERT INTO refusals SELECT 5, 'k', x'00', '', '', 1, leaf FROM transfers LIMIT 1", {"RB7101", "RB7105"}),
    ],
)  # fmt: skip
def test_other_ways(owned: sqlite3.Connection, statement: str, codes: set[str]) -> None:
    owned.execute(statement)
    assert set(audit_of(owned).counts) == codes


def test_two_rows_that_change_places(owned: sqlite3.Connection) -> None:
    owned.execute("UPDATE transfers SET id = CASE id WHEN 500 THEN -1 WHEN 600 THEN 500 ELSE id END")
    owned.execute("UPDATE transfers SET id = 600 WHERE id = -1")
    # They took their hashes along, so that the tree is another too.
    assert audit_of(owned).counts == {"RB7101": 2, "RB7107": 1}


def test_the_whole_chain_recomputed(owned: sqlite3.Connection) -> None:
    signed = audit_of(owned)
    assert signed.root is not None
    checkpoint = Checkpoint("ledger.example.com/test", signed.size, signed.root)
    owned.execute("UPDATE transfers SET amount = 1 WHERE id = 500")
    reader = SqliteConnection(owned)
    hashes = []
    for place, table, fields, _ in list(log_rows(reader, TABLES)):
        hashes.append(leaf_hash(leaf(table, fields)))
        for name in ("accounts", "transfers"):
            owned.execute(f"UPDATE {name} SET leaf = ? WHERE id = ?", (hashes[-1], place + 1))
    owned.execute("UPDATE log_head SET frontier = ?", (Frontier().append(hashes).to_bytes(),))
    assert audit_of(owned).findings == ()
    assert audit_of(owned, checkpoint).counts == {"RB7108": 1}
