"""One writer at a time against guarded updates side by side, on PostgreSQL: transfers a second of many clients.

    python bench/writers.py --postgresql postgresql://user@host [--clients 8] [--seconds 5] [--write]

Each client is a thread that asks for one transfer after the other. Through the store, clients share commits, ids have
no gaps and every row is in the chain. By guarded updates, each client has a connection and commits by itself: it adds a
row under a permanent key and updates both balances in the order of their ids; there is no chain, and ids have gaps.
Both with a hundred accounts, and with two that every other transfer touches.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from collections.abc import Callable, Sequence
from importlib import import_module

import psycopg

from ratebook.ledger.requests import AccountId, Posted, Request, Transfer
from ratebook.ledger.store import open_store
from report import Report, options, publish

MAKE = (
    "CREATE TABLE guarded (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key TEXT NOT NULL UNIQUE, "
    "debit BIGINT NOT NULL, credit BIGINT NOT NULL, amount BIGINT NOT NULL)"
)
Pair = tuple[AccountId, AccountId]

ledger = import_module("ledger")  # bench/ledger.py, not the package
address, opened = ledger.address, ledger.opened


def pairs(accounts: Sequence[AccountId], *, hot: bool, seed: int) -> Callable[[], Pair]:
    chance = random.Random(seed)

    def one() -> Pair:
        if hot and chance.random() < 0.5:
            debit, credit = accounts[chance.randrange(2)], chance.choice(accounts[2:])
            return (debit, credit) if chance.random() < 0.5 else (credit, debit)
        debit, credit = chance.sample(accounts[2:], 2)
        return debit, credit

    return one


def rate(clients: int, seconds: float, client: Callable[[int, Callable[[], bool]], int]) -> float:
    """Transfers a second of all clients; each is told when to stop."""
    end = time.monotonic() + seconds
    done = [0] * clients

    def run(number: int) -> None:
        done[number] = client(number, lambda: time.monotonic() < end)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(clients)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.monotonic() - began)


def main() -> int:
    parser = options(__doc__)
    parser.add_argument("--postgresql", metavar="URL", required=True)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=5.0)
    asked = parser.parse_args()
    url = address(asked.postgresql, "ratebook_bench_writers")
    rows = []
    try:
        store = open_store(url, create=True)
        accounts = store.write(opened)[:102]
        with psycopg.connect(url, autocommit=True) as raw:
            raw.execute(MAKE.encode())
        for hot in (False, True):

            def through_store(number: int, going: Callable[[], bool], hot: bool = hot) -> int:
                take, count = pairs(accounts, hot=hot, seed=number), 0
                while going():
                    leg = Transfer(*take(), 1, "USD", "payment")
                    request = Request(f"{hot}/{number}/{count}", (leg,), 0)
                    (outcome,) = store.write(lambda transaction, one=request: transaction.post([one]))
                    assert isinstance(outcome, Posted)
                    count += 1
                return count

            def guarded(number: int, going: Callable[[], bool], hot: bool = hot) -> int:
                take, count = pairs(accounts, hot=hot, seed=number), 0
                with psycopg.connect(url) as raw:
                    while going():
                        debit, credit = take()
                        raw.execute(
                            "INSERT INTO guarded (key, debit, credit, amount) VALUES (%s, %s, %s, 1)",
                            (f"{hot}/{number}/{count}", debit, credit),
                        )
                        for account in sorted((debit, credit)):
                            column = "debits" if account == debit else "credits"
                            changed = raw.execute(
                                f"UPDATE balances SET {column} = {column} + 1 WHERE account = %s".encode(), (account,)
                            )
                            assert changed.rowcount == 1
                        raw.commit()
                        count += 1
                return count

            ours, other = (rate(asked.clients, asked.seconds, client) for client in (through_store, guarded))
            name = "two hot accounts and 100" if hot else "100 accounts"
            rows.append([name, f"{ours:,.0f}", f"{other:,.0f}", f"{ours / other:.2f}"])
        store.close()
    finally:
        with psycopg.connect(address(asked.postgresql, "postgres"), autocommit=True) as raw:
            raw.execute("DROP DATABASE IF EXISTS ratebook_bench_writers WITH (FORCE)")
    report = Report(
        title="One writer at a time",
        command="python bench/writers.py",
        columns=["accounts", "store", "guarded updates", "ratio"],
        rows=rows,
        notes=[f"Transfers a second of {asked.clients} clients, one a request, for {asked.seconds:g} seconds each."],
    )
    publish(report, write=asked.write)
    return 0


if __name__ == "__main__":
    sys.exit(main())
