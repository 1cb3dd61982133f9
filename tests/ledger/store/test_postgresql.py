"""What only a server has: roles, connections that break, other writers, and its way of setting things up."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from ratebook.ledger import postgresql
from ratebook.ledger.accounts import AccountKind, open_account
from ratebook.ledger.postgresql import PostgresqlStore, place_of
from ratebook.ledger.postgresql_roles import grant_application
from ratebook.ledger.postgresql_statements import marked
from ratebook.ledger.requests import Posted, Refused, Request, Transfer
from ratebook.ledger.store import Interrupted, Store, StoreError, open_store


@pytest.fixture
def url(new_postgresql: Callable[[], str]) -> str:
    return new_postgresql()


@pytest.fixture
def opened(url: str) -> Iterator[Store]:
    store = open_store(url)
    yield store
    store.close()


@pytest.fixture
def role(url: str) -> Iterator[str]:
    """A role of the server without any rights."""
    name = f"ratebook app {os.getpid()}"
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(f'CREATE ROLE "{name}" LOGIN'.encode())
        yield name
        owner.execute(f'DROP OWNED BY "{name}"'.encode())
        owner.execute(f'DROP ROLE "{name}"'.encode())


def deposit(transaction: Any, *, key: str = "deposit") -> Any:
    payee = open_account(transaction, f"payee {key}", AccountKind.WALLET, "USD", floor=0, effective=0)
    gateway = open_account(transaction, f"gateway {key}", AccountKind.GATEWAY, "USD", effective=0)
    requests = [Request(f"{key} {n}", (Transfer(gateway, payee, 5, "USD", "deposit"),), 0) for n in range(20)]
    requests.append(Request(f"{key} refused", (Transfer(payee, gateway, 500, "USD", "withdrawal"),), 0))
    return transaction.post(requests)


def test_the_applications_role_adds_and_reads_and_nothing_else(url: str, role: str) -> None:
    grant_application(url, role)
    grant_application(url, role)
    application = make_conninfo(url, user=role)
    store = PostgresqlStore(application)
    outcomes = store.write(deposit)
    assert [type(outcome) for outcome in outcomes] == [Posted] * 20 + [Refused]
    assert store.read(lambda reader: reader.rows("SELECT sum(amount) FROM transfers")) == [(100,)]
    store.close()
    with psycopg.connect(application, autocommit=True) as raw:
        for statement in (
            "UPDATE transfers SET amount = 1",
            "DELETE FROM transfers",
            "TRUNCATE transfers",
            "DELETE FROM log_head",
            "INSERT INTO log_head SELECT 1, 0, frontier FROM log_head",
            "INSERT INTO schema_versions VALUES (99, '')",
            "UPDATE customers SET currency = 'EUR'",
            "SET session_replication_role = replica",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                raw.execute(statement.encode())
        for statement in ("ALTER TABLE transfers DISABLE TRIGGER ALL", "DROP TABLE transfers"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                raw.execute(statement.encode())


def test_a_role_that_nothing_holds_back_is_refused(url: str, role: str) -> None:
    with psycopg.connect(url, autocommit=True) as owner:
        (me,) = owner.execute("SELECT current_user").fetchone() or ("",)
        with pytest.raises(StoreError, match="superuser"):
            grant_application(url, me)
        with pytest.raises(StoreError, match="not there"):
            grant_application(url, "nobody of this name")
        owner.execute(f'ALTER TABLE refusals OWNER TO "{role}"'.encode())
        with pytest.raises(StoreError, match="owns tables"):
            grant_application(url, role)
        owner.execute(f'ALTER TABLE refusals OWNER TO "{me}"'.encode())


def broken(url: str, where: str = "true") -> int:
    """Break the connections of a database from the server's side; how many there were."""
    with psycopg.connect(url, autocommit=True) as raw:
        found = raw.execute(
            b"SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity "
            b"WHERE datname = current_database() AND pid <> pg_backend_pid() AND " + where.encode()
        ).fetchone()
    assert found is not None
    return int(found[0])


def test_a_connection_that_broke_while_idle_is_replaced(opened: Store, url: str) -> None:
    opened.write(lambda transaction: deposit(transaction, key="a"))
    opened.read(lambda reader: reader.rows("SELECT 1"))
    assert broken(url) == 2
    assert opened.read(lambda reader: reader.rows("SELECT count(*) FROM transfers")) == [(20,)]
    opened.write(lambda transaction: deposit(transaction, key="b"))
    assert opened.read(lambda reader: reader.rows("SELECT count(*) FROM transfers")) == [(40,)]


def test_a_work_whose_connection_breaks_is_run_again(opened: Store, url: str) -> None:
    runs = []

    def work(transaction: Any) -> Any:
        outcomes = deposit(transaction)
        runs.append(len(outcomes))
        if len(runs) < 3:
            assert broken(url) == 1
            transaction.rows("SELECT 1")
        return outcomes

    outcomes = opened.write(work)
    assert runs == [21, 21, 21] and not any(outcome.repeated for outcome in outcomes)
    assert opened.read(lambda reader: reader.rows("SELECT count(*), max(id) FROM transfers")) == [(20, 23)]


def test_a_connection_that_breaks_during_the_commit_leaves_it_open(opened: Store, url: str) -> None:
    runs = []

    def work(transaction: Any) -> Any:
        runs.append(1)
        outcomes = deposit(transaction)
        if len(runs) == 1:
            transaction.put("SET LOCAL idle_in_transaction_session_timeout = 0")
        return outcomes

    session = postgresql.PostgresqlSession
    real = session.commit

    def commit(self: Any) -> None:
        broken(url)
        real(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "commit", commit)
        # Without a change of the head, so that nothing but COMMIT is sent.
        with pytest.raises(StoreError) as failed:
            opened.write(lambda transaction: runs.append(0))
        assert failed.value.finding.code == "RB7036" and not isinstance(failed.value, Interrupted)
        assert runs == [0]
    runs.clear()
    opened.write(work)
    assert runs == [1]


def test_a_server_that_is_away(url: str) -> None:
    away = make_conninfo(url, host="/nonexistent")
    with pytest.raises(StoreError) as failed:
        open_store(f"postgresql://?{'&'.join(part.replace(' ', '') for part in away.split())}")
    assert failed.value.finding.code == "RB7035"


def test_whoever_waits_too_long_for_others_is_told(opened: Store, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgresql, "LOCK_SECONDS", 1)
    with psycopg.connect(url) as other:
        other.execute("SELECT size FROM log_head FOR UPDATE")
        with pytest.raises(StoreError) as failed:
            opened.write(deposit)
    assert failed.value.finding.code == "RB7034"
    assert isinstance(opened.write(deposit)[0], Posted)


def test_two_stores_write_in_turns(opened: Store, url: str) -> None:
    other = open_store(url)
    threads = [
        threading.Thread(
            target=store.write, args=(lambda transaction, key=f"{name} {n}": deposit(transaction, key=key),)
        )
        for n in range(6)
        for name, store in (("a", opened), ("b", other))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    ((size,),) = opened.read(lambda reader: reader.rows("SELECT size FROM log_head"))
    assert size == 12 * (20 + 1 + 3)
    assert opened.read(lambda reader: reader.rows("SELECT count(*), sum(amount) FROM transfers")) == [(240, 1200)]


def test_a_commit_waits_for_the_disk_whatever_the_server_says(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as raw:
        name = raw.info.dbname
        raw.execute(f"ALTER DATABASE {name} SET synchronous_commit = off".encode())
    store = open_store(url)
    assert store.write(lambda transaction: transaction.rows("SHOW synchronous_commit")) == [("on",)]
    store.close()
    with psycopg.connect(url, autocommit=True) as raw:
        raw.execute(f"ALTER DATABASE {name} RESET synchronous_commit".encode())


def test_a_place_names_no_password() -> None:
    assert place_of("postgresql://me:secret@db.example:5433/books") == "postgresql://db.example:5433/books"
    assert place_of("postgresql://me:secret@[") == "PostgreSQL"


def test_marks_of_parameters() -> None:
    assert marked("SELECT '?' , ? WHERE a LIKE '5%''?' AND b % 2 = ?") == (
        b"SELECT '?' , %s WHERE a LIKE '5%%''?' AND b %% 2 = %s"
    )
