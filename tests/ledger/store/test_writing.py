"""How works are written: groups that share a commit, their exceptions, their number, and who else may write."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ratebook.diagnostics import Diagnostic
from ratebook.ledger.postgresql import PostgresqlSession
from ratebook.ledger.requests import Hold, Posted, Transfer
from ratebook.ledger.sqlite import SqliteSession, SqliteStore
from ratebook.ledger.store import Interrupted, StoreError, Undo, open_store
from ratebook.ledger.writer import IN_FLIGHT_MAX, Session, Writer


class Blocked:
    """Keeps the writer busy with one work until it is let go, so that others wait together."""

    def __init__(self, store: Any) -> None:
        self.store = store
        self.started, self.free = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=lambda: store.write(self.work))

    def work(self, transaction: Any) -> None:
        self.started.set()
        assert self.free.wait(30)

    def __enter__(self) -> Blocked:
        self.thread.start()
        assert self.started.wait(30)
        return self

    def __exit__(self, *failure: object) -> None:
        self.free.set()
        self.thread.join()


def waiting(store: Any, count: int) -> None:
    """Wait until so many works stand in the queue."""
    for _ in range(3_000):
        if len(store._writer._waiting) >= count:
            return
        threading.Event().wait(0.01)
    raise AssertionError("the works did not come")


def test_an_exception_undoes_only_its_own_work(bank: Any) -> None:
    payer, payee = bank.account("payer", 100), bank.account("payee")

    def pay(number: int) -> Callable[[Any], object]:
        def work(transaction: Any) -> object:
            (outcome,) = transaction.post([bank.request(Transfer(payer, payee, 1, "USD", "payment"))])
            if number % 3 == 1:
                raise LookupError(f"work {number}")
            if number % 3 == 2:
                raise Undo(number)
            return outcome

        return work

    with ThreadPoolExecutor(30) as pool, Blocked(bank.store):
        answers = [pool.submit(bank.store.write, pay(number)) for number in range(30)]
        waiting(bank.store, 30)
        # Here the block ends, and all thirty are written in one group.
    for number, answer in enumerate(answers):
        match number % 3:
            case 0:
                assert isinstance(answer.result(), Posted)
            case 1:
                assert isinstance(answer.exception(), LookupError)
            case _:
                assert answer.result() == number
    assert bank.balance(payer) == (90, 0)
    contents = bank.contents()
    ids = [row[0] for name in ("accounts", "transfers", "refusals", "account_terms") for row in contents[name]]
    assert sorted(ids) == list(range(1, len(ids) + 1))


def test_a_failing_commit_fails_all_works_and_writing_goes_on(bank: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    payer, payee = bank.account("payer", 100), bank.account("payee")
    sessions: Any = SqliteSession if isinstance(bank.store, SqliteStore) else PostgresqlSession
    real = sessions.commit
    commits: list[int] = []

    def commit(session: Any) -> None:
        commits.append(1)
        # The first is that of the work that keeps the writer busy, the second that of the group.
        if len(commits) == 2:
            raise StoreError(Diagnostic("RB7035", "the disk is gone"))
        real(session)

    before = bank.contents()
    with ThreadPoolExecutor(10) as pool:
        with Blocked(bank.store):
            monkeypatch.setattr(sessions, "commit", commit)
            pays = [bank.request(Transfer(payer, payee, 1, "USD", "payment")) for _ in range(10)]
            answers = [pool.submit(bank.requests, [pay]) for pay in pays]
            waiting(bank.store, 10)
        failures = [answer.exception() for answer in answers]
    assert {type(failure) for failure in failures} == {StoreError}
    assert bank.contents() == before
    assert all(isinstance(outcome, Posted) and not outcome.repeated for outcome in bank.requests(pays))


def test_more_than_the_most_in_flight_are_refused_at_once(bank: Any) -> None:
    payer, payee = bank.account("payer", 100), bank.account("payee")
    with ThreadPoolExecutor(IN_FLIGHT_MAX) as pool:
        with Blocked(bank.store):
            waits = [
                pool.submit(bank.do, Transfer(payer, payee, 1, "USD", "payment")) for _ in range(IN_FLIGHT_MAX - 1)
            ]
            waiting(bank.store, IN_FLIGHT_MAX - 1)
            for _ in range(3):
                with pytest.raises(StoreError) as refused:
                    bank.do(Transfer(payer, payee, 1, "USD", "payment"))
                assert refused.value.finding.code == "RB7034"
        assert all(isinstance(wait.result(), Posted) for wait in waits)
    assert bank.balance(payer) == (100 - (IN_FLIGHT_MAX - 1), 0)


def test_a_work_does_not_write_through_the_store(bank: Any) -> None:
    with pytest.raises(RuntimeError, match="has a transaction"):
        bank.store.write(lambda transaction: bank.store.write(lambda inner: None))


def test_after_closing_nothing_is_written_or_read(bank: Any) -> None:
    bank.store.close()
    with pytest.raises(RuntimeError, match="closed"):
        bank.store.write(lambda transaction: None)
    with pytest.raises(RuntimeError, match="closed"):
        bank.store.read(lambda reader: None)


def test_closing_lets_what_waits_finish(bank: Any) -> None:
    payer, payee = bank.account("payer", 100), bank.account("payee")
    with ThreadPoolExecutor(11) as pool:
        with Blocked(bank.store):
            waits = [pool.submit(bank.do, Transfer(payer, payee, 1, "USD", "payment")) for _ in range(10)]
            waiting(bank.store, 10)
            closing = pool.submit(bank.store.close)
        closing.result()
        assert all(isinstance(wait.result(), Posted) for wait in waits)


OTHER = """
    import sys
    from ratebook.ledger.requests import Request, Transfer
    from ratebook.ledger.store import StoreError, open_store
    import ratebook.ledger.sqlite as sqlite
    sqlite.LOCK_WAIT_SECONDS = 0.2
    store = open_store(sys.argv[1])
    try:
        print(store.read(lambda reader: reader.rows("SELECT count(*) FROM transfers")))
        request = Request("other process", (Transfer(1, 2, 7, "USD", "deposit"),), 0)
        print(type(store.write(lambda transaction: transaction.post([request]))[0]).__name__)
    except StoreError as error:
        print(error.finding.code)
    store.close()
"""


def in_another_process(url: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(OTHER), url],
        capture_output=True,
        text=True,
        check=False,
        env=dict(os.environ),
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[:-1]


def test_another_process_reads_and_writes_where_the_database_allows_it(bank: Any, database_url: str) -> None:
    payee = bank.account("payee", 5)
    said = in_another_process(database_url)
    assert said[0] == "[(1,)]"
    if database_url.startswith("postgresql"):
        assert said[1] == "Posted" and bank.balance(payee) == (12, 0)
    else:
        assert said[1] == "RB7032" and bank.balance(payee) == (5, 0)
        bank.store.close()
        assert in_another_process(database_url)[1] == "Posted"


class Scripted(Session):
    """A session that fails as it is told."""

    def __init__(self, failures: list[Exception | None]) -> None:
        self.failures = failures
        self.abandoned = 0

    def begin(self) -> None: ...
    def savepoint(self) -> Any: ...
    def release(self) -> None: ...
    def undo(self) -> None: ...
    def commit(self) -> None:
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure

    def failure_of(self, error: Exception) -> StoreError | None:
        return error if isinstance(error, StoreError) else None

    def abandon(self) -> None:
        self.abandoned += 1
        raise OSError("even letting go fails")

    def close(self) -> None: ...


def finding(code: str = "RB7035") -> Diagnostic:
    return Diagnostic(code, "the server is away")


def test_what_was_interrupted_is_done_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ratebook.ledger.writer.RETRY_SECONDS", 0.001)
    runs = []

    def connect() -> Session:
        if len(runs) < 3:
            runs.append("connect")
            raise Interrupted(finding())
        return Scripted([])

    writer = Writer(connect)
    assert writer.write(lambda transaction: "done") == "done"
    assert len(runs) == 3
    writer.close()


def test_retries_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ratebook.ledger.writer.RETRY_SECONDS", 0.001)
    attempts = []

    def connect() -> Session:
        attempts.append(1)
        raise Interrupted(finding())

    writer = Writer(connect)
    with pytest.raises(Interrupted):
        writer.write(lambda transaction: None)
    assert len(attempts) == 8
    writer.close()


def test_a_commit_that_failed_is_not_tried_again() -> None:
    runs = []
    session = Scripted([StoreError(finding("RB7036"))])
    writer = Writer(lambda: session)
    with pytest.raises(StoreError) as failed:
        writer.write(lambda transaction: runs.append(1))
    assert failed.value.finding.code == "RB7036" and runs == [1] and session.abandoned == 1
    assert writer.write(lambda transaction: "goes on") == "goes on"
    writer.close()


def test_a_store_that_is_not_there_says_so(blank_url: str) -> None:
    with pytest.raises(StoreError) as failed:
        open_store(blank_url)
    assert failed.value.finding.code == "RB7031"
    store = open_store(blank_url, create=True)
    assert store.read(lambda reader: reader.rows("SELECT size FROM log_head")) == [(0,)]
    store.close()
    open_store(blank_url, create=True).close()


def test_holds_of_one_group_see_each_other(bank: Any) -> None:
    payer, payee = bank.account("payer", 10), bank.account("payee")
    with ThreadPoolExecutor(20) as pool:
        with Blocked(bank.store):
            waits = [pool.submit(bank.do, Hold(payer, payee, 3, "USD", "reserve")) for _ in range(20)]
            waiting(bank.store, 20)
        outcomes = [wait.result() for wait in waits]
    assert sum(isinstance(outcome, Posted) for outcome in outcomes) == 3
    assert bank.balance(payer) == (10, 9)
