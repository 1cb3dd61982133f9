"""What the database itself refuses, whoever writes to it."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from ratebook.ledger.books import BOOK_TABLES
from ratebook.ledger.requests import Hold, Transfer
from ratebook.ledger.sqlite import sqlite3
from ratebook.ledger.tables import LEDGER_TABLES, TRANSFERS

BROKEN = (sqlite3.IntegrityError, psycopg.errors.IntegrityError)
APPEND_ONLY = [table for table in (*LEDGER_TABLES, *BOOK_TABLES) if table.append_only]


def execute(url: str, sql: str) -> None:
    """As somebody does who does not go through the store."""
    if url.startswith("postgresql"):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(sql.encode())
        return
    raw = sqlite3.connect(url, isolation_level=None)
    try:
        raw.execute(sql)
    finally:
        raw.close()


@pytest.fixture
def filled(bank: Any) -> Any:
    payer, payee = bank.account("payer", 100), bank.account("payee")
    bank.posted(Transfer(payer, payee, 10, "USD", "payment"), key="k")
    bank.posted(Hold(payer, payee, 10, "USD", "reserve"))
    bank.refusal(Transfer(payer, payee, 1_000, "USD", "payment"))
    return bank


@pytest.mark.parametrize("table", ["accounts", "transfers", "refusals", "account_terms"])
def test_rows_are_neither_changed_nor_removed(filled: Any, database_url: str, table: str) -> None:
    before = filled.contents()
    statements = [f"UPDATE {table} SET id = id + 1000", f"UPDATE {table} SET leaf = leaf", f"DELETE FROM {table}"]
    if database_url.startswith("postgresql"):
        statements += [f"TRUNCATE {table}", f"TRUNCATE {table} CASCADE"]
    for statement in statements:
        with pytest.raises(BROKEN, match="only grows"):
            execute(database_url, statement)
        with pytest.raises(BROKEN, match="only grows"):
            filled.store.write(lambda transaction, said=statement: transaction.put(said))
    assert filled.contents() == before


@pytest.mark.parametrize("table", APPEND_ONLY, ids=lambda table: table.name)
def test_every_table_that_only_grows_is_guarded(bank: Any, database_url: str, table: Any) -> None:
    if database_url.startswith("postgresql"):
        guards = "SELECT tgname FROM pg_trigger WHERE tgrelid = to_regclass(?) AND NOT tgisinternal"
        assert bank.rows(guards, (table.name,)) == [(f"{table.name}_append_only",)]
    else:
        guards = "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?"
        assert bank.rows(guards, (table.name,)) == [(3 + len(table.unique),)]


@pytest.mark.parametrize("met", ["id", "key"])
def test_no_row_is_replaced(filled: Any, database_url: str, met: str) -> None:
    before = filled.contents()
    columns = ", ".join(column.name for column in TRANSFERS.all_columns)
    changed = {"amount": "amount + 5", "id": "id" if met == "id" else "id + 1000", "key": "key"}
    if met == "id":
        changed["key"] = "'another'"
    values = ", ".join(changed.get(column.name, column.name) for column in TRANSFERS.all_columns)
    row = f"({columns}) SELECT {values} FROM transfers WHERE key = 'k'"
    if database_url.startswith("postgresql"):
        target = "(id)" if met == "id" else "(key, leg)"
        with pytest.raises(BROKEN, match="only grows"):
            execute(database_url, f"INSERT INTO transfers {row} ON CONFLICT {target} DO UPDATE SET amount = 1")
    else:
        for verb in ("INSERT OR REPLACE", "REPLACE", "INSERT OR IGNORE"):
            with pytest.raises(BROKEN, match="only grows"):
                execute(database_url, f"{verb} INTO transfers {row}")
    assert filled.contents() == before


@pytest.mark.parametrize(
    "change",
    [
        "debits = credits + 1",
        "held = credits - debits + 1",
        "held = -1",
        "credits = -1",
        "closed = 2",
    ],
)
def test_a_balance_stays_within_its_bounds(filled: Any, database_url: str, change: str) -> None:
    before = filled.contents()
    with pytest.raises(BROKEN):
        execute(database_url, f"UPDATE balances SET {change} WHERE floor = 0")
    assert filled.contents() == before


def test_a_broken_statement_of_a_work_undoes_this_work_alone(filled: Any) -> None:
    def broken(transaction: Any) -> None:
        transaction.post([filled.request(Transfer(filled.gateway, filled.named("payee").id, 5, "USD", "deposit"))])
        transaction.put("UPDATE balances SET held = -1")

    before = filled.contents()
    with pytest.raises(BROKEN):
        filled.store.write(broken)
    assert filled.contents() == before
    filled.posted(Transfer(filled.gateway, filled.named("payee").id, 5, "USD", "deposit"))
